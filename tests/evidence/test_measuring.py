"""The experiments of a run are not made on results that are committed: its cohort is here as a sample only."""

import pytest
from typer.testing import CliRunner

from sarco.cli.app import app


@pytest.mark.parametrize("command", ["sweeps", "orders", "elsewhere", "readings"])
def test_committed_results_are_not_replaced_by_those_of_the_sample(command):
    done = CliRunner().invoke(app, [command, "--profile", "published"])
    assert done.exit_code == 2 and "are committed" in done.stderr and "Traceback" not in done.stderr
