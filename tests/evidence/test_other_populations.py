"""The networks on other populations: from the command to the table."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner
from untrained import write_members

from sarco.cli.app import app
from sarco.cohort import make
from sarco.engines.weights import team
from sarco.evidence import other_populations
from sarco.method.ensemble import Ensemble
from sarco.method.slice import measure_slice
from sarco.phantom import population
from sarco.runs import profiles


@pytest.fixture
def made(tiny, tmp_path):
    """A profile with one network that was not trained, and no cohort yet."""
    path = tiny(tmp_path)
    profile = profiles.load(path)
    write_members(profile)
    return path, profile


@pytest.mark.long
def test_from_the_command_to_the_table(made):
    path, profile = made
    early = CliRunner().invoke(app, ["elsewhere", "--profile", str(path)])
    assert early.exit_code == 2 and "difficult" in early.stderr and early.stderr.count("\n") == 1
    cohorts = {
        name: make.make(folder, profile.difficult_cases, name, matrix=128, workers=1, progress=False)
        for name, folder in other_populations.cohorts(profile).items()
    }
    done = CliRunner().invoke(app, ["elsewhere", "--profile", str(path), "--json"])
    assert done.exit_code == 0, done.output
    written = profile.results_dir / "elsewhere.csv"
    assert json.loads(done.stdout) == {"written": str(written)}
    table = pd.read_csv(written, dtype={"case": str, "team": str})
    assert tuple(table.columns) == other_populations.COLUMNS
    assert set(table.team) == {team(json.loads((profile.weights_dir / "manifest.json").read_text()))}
    assert list(zip(table.population, table.case, table.step, strict=True)) == [
        (name, case, step) for name in cohorts for case in ("0001", "0002") for step in other_populations.STEPS
    ]
    assert list(table.kind[table.population == "difficult"])[::2] == list(population.DIFFICULT[:2])
    # The final areas are those of the method, and the true ones those of the cohort.
    ensemble = Ensemble.load(profile.weights_dir, engine=other_populations.FLOAT32)
    table = table.set_index(["population", "case", "step"])
    for name, cohort in cohorts.items():
        for case in cohort.cases():
            row, image = table.loc[name, case, "window"], cohort.read_slice(case)
            mask = measure_slice(image.image_hu, image.spacing_mm, ensemble).mask
            assert row.area_cm2 == pytest.approx(mask.sum() * row.pixel_spacing_mm**2 / 100, abs=0.001)
            assert row.true_area_cm2 == pytest.approx(cohort.table.true_area_cm2[case], abs=0.01)
