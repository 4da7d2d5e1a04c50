"""The sweeps of the post-processing: on discs whose answers are known, and through the command."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner
from untrained import write_members, write_student

from sarco.base import tables
from sarco.base.errors import SarcoError
from sarco.cli.app import app
from sarco.cohort import make
from sarco.evidence import sweeps
from sarco.method.preprocess import to_native
from sarco.method.slice import Measured
from sarco.runs import evaluation, profiles

SIDE = 128


def cone(radius_mm, spacing_mm):
    """Probability that falls linearly through 0.5 at a circle, and the distance of each pixel to its middle."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    distance = np.hypot(rows * spacing_mm[0], columns * spacing_mm[1])
    return np.clip(0.5 + (radius_mm - distance) / 10, 0, 1).astype(np.float32), distance


@pytest.mark.parametrize("spacing_mm", [(0.6, 0.6), (0.98, 0.98), (0.7, 0.9)])
def test_a_dilation_in_mm_is_as_wide_on_any_grid(spacing_mm):
    probability, distance = cone(20, spacing_mm)
    assert ((sweeps.reach_mm(probability, spacing_mm) <= 0) == (probability > 0.5)).all()
    for radius_mm in (0.8, 2.0):
        grown = sweeps.reach_mm(probability, spacing_mm) <= radius_mm
        as_wide = np.sqrt(grown.sum() * np.prod(spacing_mm) / np.pi) - 20
        assert as_wide == pytest.approx(radius_mm, abs=0.2)
        assert grown[distance < 20 + radius_mm - 0.5].all() and not grown[distance > 20 + radius_mm + 0.3].any()


def test_each_setting_does_what_it_says():
    spacing_mm = (0.8, 0.8)
    probability, distance = cone(20, spacing_mm)
    image = np.where(distance < 24, 50, -100).astype(np.float32)
    image[:, SIDE // 2 :] += 75  # 125 HU and -25 HU
    # The network's grid is the slice's, so that bringing the probability back changes nothing.
    grid = np.zeros((640, 640), np.float32)
    grid[256:384, 256:384] = probability
    found = Measured(to_native(grid, spacing_mm, image.shape, 0.8), image, spacing_mm, grid)
    area = {(name, value): mask.sum() for name, value, mask in sweeps.masks(found, 0.8)}
    for name, values in sweeps.SWEEPS.items():
        sizes = [area[name, value] for value in values]
        falling = name.startswith("threshold") or name == "low_hu"
        assert sizes == sorted(sizes, reverse=falling), name
    final = area["threshold", 0.5]
    for name, value in sweeps.PAPERS.items():
        assert value is None or area[name, value] == final, name
    assert final == area["dilation_px", 1] < area["dilation_px", 2] < area["dilation_px", 3]
    assert area["dilation_px", 0] == area["dilation_mm", 0.0] == area["threshold_alone", 0.5] < final
    assert area["high_hu", 100.0] < 0.6 * final  # the right half has 125 HU


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """A profile with a cohort and two networks and a student that were not trained."""
    path = tiny(tmp_path_factory.mktemp("sweeps"))
    profile = profiles.load(path)
    make.make(profile.cohort_dir, profile.reference_cases, matrix=128, workers=1, progress=False)
    write_members(profile, 2)
    write_student(profile)
    return path, profile


@pytest.mark.long
def test_from_the_command_to_the_table(made):
    path, profile = made
    done = CliRunner().invoke(app, ["sweeps", "--profile", str(path)])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(profile.results_dir / "sweeps.csv", dtype={"case": str})
    assert tuple(table.columns) == sweeps.COLUMNS
    each = sum(map(len, sweeps.SWEEPS.values()))
    assert (table.groupby("case").size() == each).all() and set(table.split) == {"validation", "test"}
    # At the paper's setting it is what the evaluation says, whole slice or part of it.
    evaluation.run(profile, progress=False)
    cases = tables.read_results(profile.results_dir / "cases.csv")
    final = cases[(cases.members == 2) & (cases.step == "window")].set_index("case")
    for name, value in sweeps.PAPERS.items():
        if value is not None:
            here = table[(table.sweep == name) & (table.value == value)].set_index("case")
            same = ["dsc", "area_cm2", "reference_area_cm2", "true_dsc", "true_area_cm2"]
            pd.testing.assert_frame_equal(here[same], final.loc[here.index, same], check_exact=False, rtol=1e-5)


def swept(n=30):
    """A table in which one pixel adds 10 cm2 for each mm of its side, and 0.8 mm adds 6 cm2 everywhere."""
    rows = []
    for i in range(n):
        spacing = 0.6 + 0.38 * i / (n - 1)
        for name, values in sweeps.SWEEPS.items():
            for value in values:
                more = {"dilation_px": 10 * spacing * value, "dilation_mm": 6 * value / 0.8}.get(name, 10 * spacing)
                rows.append({
                    "case": f"{i:04d}", "split": "validation", "quality": "A", "pixel_spacing_mm": spacing,
                    "sweep": name, "value": value, "area_cm2": 100 + more, "reference_area_cm2": 106.0,
                    "dsc": 0.95 - 0.1 * abs(value - 0.6) if name == "threshold" else 0.95,
                })  # fmt: skip
    return pd.DataFrame(rows)


def test_the_summary_and_the_best():
    summary = sweeps.summarise(swept(), "validation")
    assert len(summary) == sum(map(len, sweeps.SWEEPS.values())) and (summary.n == 30).all()
    assert sweeps.best(summary, "threshold", "dsc") == 0.6
    assert sweeps.best(summary, "dilation_mm", "mean_error_cm2") == 0.8
    assert sweeps.best(summary, "order", "dsc") == 3  # all equal: the paper's
    with pytest.raises(SarcoError, match=r"29 of 30 validation slices at threshold 0\.3"):
        table = swept()
        sweeps.summarise(table.drop(table[(table.sweep == "threshold") & (table.value == 0.3)].index[0]), "validation")


def test_a_pixel_is_wider_on_a_coarser_grid():
    gain = sweeps.dilation_gain(swept())
    for at_mm in (0.6, 0.98):
        value, low, high = sweeps.at_pixel(gain, "pixel_cm2", at_mm)
        assert value == pytest.approx(10 * at_mm) and low == pytest.approx(high)
        assert sweeps.at_pixel(gain, "mm_cm2", at_mm)[0] == pytest.approx(6)
