"""The benchmark of the cohort: what it reports adds up."""

import os

import pytest
from typer.testing import CliRunner

from sarco.cli import app
from sarco.cohort import bench


def test_speed_is_measured_for_each_number_of_workers():
    one, two = bench.bench(8, matrix=128, workers=(1, 2))
    assert (one.workers, two.workers) == (1, 2) and one.cases == two.cases == 8
    for speed in (one, two):
        assert speed.slices_per_second * speed.seconds == pytest.approx(8)
        assert abs(speed.paper_minutes * 60 / speed.seconds - 1525 / 8) < 1e-6
        assert 50 < speed.peak_mib < 2000
    assert 0 < one.cpu_seconds <= one.seconds * (os.cpu_count() or 1) * 1.2
    assert two.seconds > 0.1


def test_the_command_prints_a_line_for_each():
    result = CliRunner().invoke(app, ["cohort", "bench", "--cases", "8", "--matrix", "128"])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if "slices a second" in line]
    assert len(lines) == len({1, os.cpu_count()})
    assert lines[0].startswith("1 core:")
