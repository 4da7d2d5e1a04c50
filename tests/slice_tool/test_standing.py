"""Where the person on a slice stands, and how far the sides differ: in numbers, words and curves."""

import json
import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import bad_inputs
import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image
from typer.testing import CliRunner

import sarco
from sarco.base import paths
from sarco.book.figures import style
from sarco.cli.app import app
from sarco.ct.tissues import SIDES, called
from sarco.evidence import correction
from sarco.evidence.cutoffs import Person
from sarco.evidence.reference_values import REFERENCES, standing
from sarco.slice_tool import asymmetry, curve
from sarco.slice_tool import standing as standing_
from sarco.slice_tool.tissue import Tissue


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def files(tmp_path):
    """A slice, and a mask of its muscle."""
    Image.fromarray(bad_inputs.MUSCLE).save(tmp_path / "mask.png")
    return bad_inputs.write(tmp_path / "slice.dcm"), tmp_path / "mask.png"


def test_the_command_says_it_everywhere(files, tmp_path, browser):
    found = sarco.measure(*files, height_m=1.5, sex="F", age=70.5, reference="framingham")
    area, smi, hu = found.standing
    assert area.z == pytest.approx((found.area_cm2 - 104.5) / 15.8) and area.z_interval is None  # without networks
    done = run("measure", *files, "--out", tmp_path, "--height", 1.5, "--sex", "f", "--age", "70,5", "--reference",
               "framingham")  # fmt: skip
    assert done.exit_code == 0 and f"z {area.z:+.2f}" in done.stdout and "women of 65 to 74 years" in done.stdout
    known = json.loads((tmp_path / "slice_measured.json").read_text())["standing"]
    assert [one["z"] for one in known["numbers"]] == pytest.approx([area.z, smi.z, hu.z], abs=1e-3)
    assert known["group"] == "women of 65 to 74 years" and "PMC" not in known["source"] and "10.1097" in known["source"]
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_content((tmp_path / "slice_measured.html").read_text())
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    pictures = page.get_by_role("img", name=re.compile("by age, Framingham"))
    assert pictures.count() == 3
    told = pictures.first.evaluate("one => one.querySelector('desc').textContent")
    assert f"{found.area_cm2:.1f} cm²" in told and "mean 104.5, SD 15.8" in told
    page.close()
    # Whoever is measured again is the same person, also where an older JSON knows no age.
    again = run("measure", *files, "--before", tmp_path / "slice_measured.json", "--json")
    assert json.loads(again.stdout)["standing"] == known
    older = json.loads((tmp_path / "slice_measured.json").read_text())
    del older["person"]["age"], older["person"]["reference"]
    (tmp_path / "older.json").write_text(json.dumps(older))
    assert json.loads(run("measure", *files, "--before", tmp_path / "older.json", "--json").stdout)["standing"] is None


def test_a_low_value_says_the_side_and_how_far(files):
    done = run("measure", *files, "--sex", "M", "--age", 75, "--reference", "van-der-werf-2018")
    area_cm2 = sarco.measure(*files).area_cm2
    assert f"{116.9 - area_cm2:.1f} below 116.9 cm²" in done.stdout and " z " not in done.stdout
    assert "mean attenuation of men of 70 to 79 years could not be read" in done.stderr
    refused = run("measure", *files, "--sex", "M", "--reference", "van-der-werf-2018")
    assert refused.exit_code == 2 and "needs the age" in refused.stderr


def test_what_is_corrected_has_a_row_of_its_own():
    """The z-score of the area as found, and the interval of the corrected one, are of two numbers."""
    for name, sex, told in (("framingham", "F", "z -1.07 (-1.33 to -0.79)"),
                            ("van-der-werf-2018", "F", "10.3 above (6.2 to 14.7 above)")):  # fmt: skip
        person = Person(sex=sex, age=70, reference=name)
        found = standing(person, 90.0, corrected_cm2=87.6, interval_cm2=(83.5, 92.0))
        block = standing_.block(SimpleNamespace(standing=found, person=person))
        (_, as_found, _), (what, corrected, note) = standing_.rows({"standing": block})
        assert "-0.92" in as_found or "12.7 above" in as_found
        assert corrected == told and "Corrected" in what and "of the corrected muscle area" in note
    assert standing_.off(-0.2, 0.6) == "0.2 below to 0.6 above"


def test_a_curve_is_the_table_with_the_person_on_it():
    """Heights in the picture are in proportion to the numbers, as is the place of an age."""
    for name, sex, age in (("framingham", "F", 70.5), ("van-der-werf-2018", "F", 70.5), ("derstine-2018", "M", 20)):
        reference = REFERENCES[name]
        for key, rows in reference.values[sex].items():
            one = {"of": key, "value": 60.0, "published": 50.0, "corrected": 59.0,
                   "corrected_interval_95": [55.0, 63.0], "below": False}  # fmt: skip
            known = {"reference": reference.title, "group": "", "published": "", "numbers": [one]}
            measured = {"person": {"reference": name, "sex": sex, "age": age}, "standing": known}
            drawn = ET.fromstring(curve.svg(measured, one))
            shapes = [part.attrib for part in drawn if part.tag in ("path", "circle")]
            (line,) = [part["d"] for part in shapes if part.get("stroke") == curve.BLUE]
            steps = np.array(re.findall(r"([\d.]+) ([\d.]+)H([\d.]+)", line), float)
            (dot,) = [part for part in shapes if "r" in part]
            (bar,) = [part["d"] for part in shapes if part.get("stroke") == curve.RED]
            ends = np.array(re.match(r"M[\d.]+ ([\d.]+)V([\d.]+)M[\d.]+ ([\d.]+)h", bar).groups(), float)
            values = [row[0] if isinstance(row, tuple) else row for row in rows if row]
            heights = np.array([*steps[:, 1], float(dot["cy"]), *ends])
            slope, first = np.polyfit([*values, 60, 55, 63, 59], heights, 1)
            # Places are rounded to a tenth.
            assert slope < 0 and np.allclose(np.array([*values, 60, 55, 63, 59]) * slope + first, heights, atol=0.11)
            assert sum("fill-opacity" in part for part in shapes) == (2 * len(values) if reference.limit == "" else 0)
            texts = [part.text for part in drawn if part.tag == "text"]
            assert {str(reference.ages[0]), str(reference.ages[-1]), drawn.find("title").text} <= {*texts}
            years = np.append(steps[:, 0], steps[-1, 2])
            slope, first = np.polyfit(reference.ages[: len(years)], years, 1) if len(years) > 1 else (0, 0)
            assert float(dot["cx"]) == pytest.approx(slope * age + first, abs=0.2)
    assert (curve.BLUE, curve.RED) == (style.BLUE, style.RED)


@pytest.mark.parametrize(
    ("sex", "age", "told"),
    [("M", "070Y", None), ("F", "071Y", "another sex than"), ("O", "068Y", "another age"), ("", "11M", "another age"),
     ("F", "30", "another sex than"), ("F", "900D", "another sex and another age"), (None, None, None)],
)  # fmt: skip
def test_a_header_that_contradicts_is_told(files, sex, age, told):
    header = pydicom.dcmread(files[0])
    header.PatientSex, header.PatientAge = sex, age
    header.save_as(files[0])
    assert not any("header" in one for one in sarco.measure(*files).warnings)  # nothing given, nothing said
    found = [one for one in sarco.measure(*files, sex="M", age=70.9).warnings if "The slice's header" in one]
    assert len(found) == bool(told) and all(told in one for one in found)


def sides(right_cm2, left_cm2, known=None, name="psoas"):
    return [Tissue(name, side, None, cm2, None, known) for side, cm2 in zip(SIDES, (right_cm2, left_cm2), strict=True)]


def test_the_sides_are_compared_where_there_are_two():
    known = correction.Correction(1.0, 0.5, 400, 0.9, 1.1, 2.0, 20.0)
    (one,) = asymmetry.block(sides(12.0, 10.0, known))
    assert one["percent"] == pytest.approx(200 * 2 / 22, abs=0.01)
    # About the corrected areas, 11 and 9; by hand: 1.966 * 0.5 * sqrt(1 + 1 / 400), and its share by either side.
    half = 400 * 0.984 * np.hypot(11, 9) / 20**2
    assert one["interval_95_percent"] == pytest.approx([20 - half, 20 + half], abs=0.02)
    assert asymmetry.block(sides(30.0, 10.0, known))[0]["interval_95_percent"] is None  # no phantom had such an area
    lost = {"tissue": "psoas", "percent": 200, "interval_95_percent": None}
    assert asymmetry.block(sides(12.0, 0.0, known)) == [lost]
    for none in (sides(0.0, 0.0), sides(5.0, 5.0, name="rectus abdominis"), sides(5.0, 5.0)[:1], []):
        assert asymmetry.block(none) is None
    both = {"asymmetry": asymmetry.block(sides(12.0, 10.0, known) + sides(20.0, 20.0, name="lateral wall"))}
    assert asymmetry.cells(both).keys() == {*asymmetry.COLUMNS} and asymmetry.rows(both)[0][1].startswith("+18.2 (")
    assert asymmetry.meaning(both) == asymmetry.MEANING  # of psoas 20 -+ 14, by hand as above, and of the wall less
    both["asymmetry"] = asymmetry.block(sides(6.0, 5.0, known))
    low, high = both["asymmetry"][0]["interval_95_percent"]
    assert f"about ± {(high - low) / 2:.0f} points for the psoas" in asymmetry.meaning(both)


@pytest.mark.parametrize("name", asymmetry.COMPARED)
@pytest.mark.parametrize("student", [False, True])
def test_the_interval_of_the_sides_holds_on_the_test_slices(name, student):
    """What is assumed of the errors of two sides, against the slices that taught none of them."""
    table, who = pd.read_csv(paths.root() / "data/results/tissues.csv"), "student" if student else "members"
    known = correction.of_tissues(table, student)
    rows = table[(table.split == "test") & (table.tissue == name) & (table.side != "whole")]
    rows = rows.pivot(index="case", columns="side")
    held = []
    for found, true in zip(rows[f"{who}_area_cm2"].itertuples(), rows.true_area_cm2.itertuples(), strict=True):
        (one,) = asymmetry.block(sides(found.right, found.left, known[called(name, "right")], name))
        if one["interval_95_percent"]:
            low, high = one["interval_95_percent"]
            held.append(low <= 200 * (true.right - true.left) / (true.right + true.left) <= high)
    # Of some 450 slices 95 in 100 hold by 1 in 100 more or less, and the error is learned on 40 alone.
    assert len(held) > 400 and 0.92 <= np.mean(held) <= 0.99
