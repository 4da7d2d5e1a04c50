"""Every tissue against the truth: from the command to the table, and from the table to its summary."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner
from untrained import write, write_members

from sarco.cli.app import app
from sarco.cohort import make
from sarco.ct import tissues
from sarco.engines.weights import read_manifest, team
from sarco.evidence import tissue_errors
from sarco.runs import profiles


@pytest.mark.long
def test_from_the_command_to_the_table(tiny, tmp_path):
    path = tiny(tmp_path)
    profile = profiles.load(path)
    write_members(profile)
    cohort = make.make(profile.cohort_dir, profile.reference_cases, matrix=128, workers=1, progress=False)
    early = CliRunner().invoke(app, ["tissues", "--profile", str(path)])
    assert early.exit_code == 2 and "no student of every tissue" in early.stderr
    write(profile, "student", ["student"], tissues=list(tissues.TISSUES))
    done = CliRunner().invoke(app, ["tissues", "--profile", str(path), "--json"])
    assert done.exit_code == 0, done.output
    written = profile.results_dir / "tissues.csv"
    assert json.loads(done.stdout) == {"written": str(written)}
    table = pd.read_csv(written, dtype={"case": str, "team": str})
    assert tuple(table.columns) == tissue_errors.COLUMNS
    assert list(table.case.unique()) == [*cohort.cases("validation"), *cohort.cases("test")]
    assert list(zip(table.tissue, table.side, strict=True)) == tissue_errors.PARTS * table.case.nunique()
    (teams,) = set(table.team)
    assert teams.split() == [team(read_manifest(profile.weights_dir, student)) for student in (False, True)]
    # The true muscles are the true mask, whatever networks that were not trained find.
    whole = (
        table[(table.side == "whole") & table.tissue.isin(list(tissues.MUSCLES))].groupby("case").true_area_cm2.sum()
    )
    assert np.allclose(whole, cohort.table.true_area_cm2[whole.index], atol=0.01)
    sides = table[(table.side != "whole") & table.true_area_cm2.notna()].groupby(["case", "tissue"]).true_area_cm2.sum()
    alone = table[table.side == "whole"].set_index(["case", "tissue"]).true_area_cm2[sides.index]
    assert np.allclose(sides, alone, atol=0.01)


def test_summary_is_of_test_slices_that_show_the_tissue():
    slices = (("validation", 10, 5, 0.1), ("test", 20, 2, 0.9), ("test", 30, -4, 0.7))
    rows = [(split, name, "whole", area, area + error, dsc)
            for name in ("visceral fat", "psoas") for split, area, error, dsc in slices]  # fmt: skip
    columns = ["split", "tissue", "side", "true_area_cm2", "members_area_cm2", "members_dsc"]
    found = tissue_errors.summarise(pd.DataFrame(rows, columns=columns), {}).set_index("tissue")
    assert list(found.index) == ["psoas", "visceral fat"]
    psoas = found.loc["psoas"]
    assert (psoas.n, psoas.true_area_cm2, psoas.dsc, psoas.error_cm2) == (2, 25, pytest.approx(0.8), -1)
    assert psoas.rmse_cm2 == pytest.approx(np.sqrt(10)) and psoas.dsc_low <= psoas.dsc <= psoas.dsc_high
    assert np.isnan(psoas.half_cm2) and np.isnan(psoas.held)
