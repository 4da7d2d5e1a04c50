"""Figures that answer: below some figures of the book a small panel computes them again while its sliders are moved.

`add` leaves an empty place below each figure of `FIGURES` in a staged chapter, and beside the styles of the book what
the panel computes from, out of the run that the chapter shows. That is a script, since a page that is opened from a
folder may load one and read no other file. Without JavaScript and on paper the place stays empty: the figure stands.
"""

import ast
import base64
import json
import re
from functools import cache

import nbformat
import numpy as np

from sarco import paper
from sarco.base import box
from sarco.book.chapter import open_run
from sarco.evidence import assumptions, bootstrap, class_changes, cutoffs, member_orders, statistics
from sarco.evidence.audit import standard_error
from sarco.evidence.claims.measured import WIDEST_PERCENT, decimals
from sarco.evidence.printed import RESULTS
from sarco.evidence.steps import rows
from sarco.method import metrics
from sarco.method.ensemble import Ensemble
from sarco.method.slice import measure_slice
from sarco.method.surface import in_mean_error

# Of HU a byte is kept: what lies below is fat or air, what lies above is bone, and no window of the panel ends there.
LOW_HU = -104
MARGIN_PX = 20  # of the slice about the muscle
PLACE = """<div class="answers" data-figure="{0}"></div>
<link rel="stylesheet" href="../_static/answers.css">
<script defer src="../_static/answers-{0}.js"></script>
<script defer src="../_static/answers-numbers.js"></script>
<script defer src="../_static/answers.js"></script>"""


def add(notebook, assets):
    """Leave a place below each figure of a staged notebook that answers, and write its script into a folder.

    Parameters
    ----------
    notebook : NotebookNode
        Its figures bear their names, see `numbered` of workflow/render.py.
    assets : Path
        A folder of the book's static files.
    """
    for at, cell in reversed(list(enumerate(notebook.cells))):
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        script = script_of(name, _profile(notebook)) if name in FIGURES else None
        if script:
            (assets / f"answers-{name}.js").write_text(script, encoding="utf-8")
            notebook.cells.insert(at + 1, nbformat.v4.new_markdown_cell(PLACE.format(name)))


def _profile(notebook):
    """The run that an executed chapter shows: what was given in place of its parameters counts."""
    tagged = [cell.source for cell in notebook.cells if str(cell.metadata.get("tags")).find("parameters") >= 0]
    return ast.literal_eval(re.findall(r"^profile = ('[^']*'|\"[^\"]*\")", "\n".join(tagged), re.MULTILINE)[-1])


@cache
def script_of(name, profile):
    """The script of a figure; None where the run lacks a table that it needs, or has too few slices."""
    run = open_run(profile)
    needs, of = FIGURES[name]
    data = of(run) if all(run.has(table) for table in needs) else None
    if data is None:
        return None
    told = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return f'(globalThis.answersData ??= {{}})["{name}"] = {told};\n'


def _start():
    """State of the generator that all draws of the book begin with."""
    state = np.random.default_rng(bootstrap.SEED).bit_generator.state["state"]
    return {name: f"{value:x}" for name, value in state.items()} | {"draws": bootstrap.DRAWS}


def _members(run):
    """DSC and RMSE of each order of the members by their number."""
    table = run.results("orders")
    curves = {
        step: {
            name: part.pivot(index="order", columns="members", values=name).to_numpy().tolist()
            for name in member_orders.PLATEAU
        }
        for step, part in table.groupby("step")
    }
    orders = np.array(member_orders.draw(int(table["members"].max()), int(table["order"].nunique()))) + 1
    gains = member_orders.PLATEAU
    return {
        "title": "Try it: how many members, and in which order?",
        "about": f"Read from the stored results of {len(orders)} orders on {table['slices'].iloc[0]} validation "
        f"slices. What counts as a gain is ours: over {gains['dsc']:g} in DSC, or {gains['rmse_cm2']:g} cm² in RMSE.",
        "curves": curves, "orders": orders.tolist(), "gains": gains, "papers": paper.PLATEAU_MEMBERS,
    }  # fmt: skip


def _slice(run):
    """Probability, HU and masks of the slice that the chapter shows, as bytes, about the muscle."""
    case = run.sample("validation")[0]
    image, reader, true = run.read_case(case)
    found = measure_slice(image.image_hu, image.spacing_mm, Ensemble.load(run.profile.weights_dir))
    muscle = (found.probability > 0.01) | reader | (reader if true is None else true)
    part = box.around(muscle, MARGIN_PX)
    probability = np.round(255 * np.clip(found.probability[part], 0, 1)).astype(np.uint8)
    hu = (np.clip(np.round(image.image_hu[part]), LOW_HU, LOW_HU + 255) - LOW_HU).astype(np.uint8)
    text = {"probability": probability, "hu": hu, "reader": np.packbits(reader[part])}
    if true is not None:
        text["truth"] = np.packbits(true[part])
    text = {name: base64.b64encode(array.tobytes()).decode() for name, array in text.items()}
    return {
        "title": "Try it: threshold, dilation and window on this slice",
        "about": "Computed in this page from the ensemble's probability, kept in 8 bits, and from the HU. It is one "
        "phantom: what is best here need not be best elsewhere.",
        "case": case, "rows": hu.shape[0], "columns": hu.shape[1], "spacing_mm": list(image.spacing_mm),
        "hu_low": LOW_HU, "window_hu": paper.MUSCLE_HU, "level": paper.THRESHOLD, **text,
    }  # fmt: skip


def _few(run):
    """Area errors of all cases before the correction, as the chapter draws from them."""
    cases = run.results("cases")
    both = [rows(cases, split) for split in ("validation", "test")]
    errors = np.concatenate([metrics.errors(table["area_cm2"], table["reference_area_cm2"]) for table in both])
    return {
        "title": "Try it: learn the mean error on a few cases",
        "about": f"Of the {len(errors)} cases of validation and test so many are drawn, and their mean error is "
        f"subtracted from all the others. The draws are the {bootstrap.DRAWS:,} of the figure.",
        "errors_cm2": errors.round(3).tolist(), "start": _start(),
    }  # fmt: skip


def _assumptions(run):
    """Areas and DSC of each case against readers of each scale, and which cases could be left out or counted twice."""
    cases, cohort, readers, swept = (run.results(name) for name in ("cases", "cohort", "readers", "sweeps"))
    ascites = cohort.loc[cohort["notes"].fillna("").str.split(", ").map(lambda notes: "ascites" in notes), "case"]
    label = cohort.loc[cohort["quality"] == "D", "case"]
    by_scale = {scale: block for scale, block in readers.groupby("scale")}

    def cm2(column):
        return column.round(3).tolist()

    def dsc(table):
        """Of each scale the mean DSC of each case, None where the masks were not compared with such readers."""
        keys, found = table[assumptions.KEY], []
        for block in by_scale.values():
            known = keys.merge(block, on=assumptions.KEY).groupby("case")["dsc"].mean()
            found.append(known.round(10).tolist() if len(known) == keys["case"].nunique() else None)
        # Those of this run's readers stand in cases.csv, of all masks.
        return [*found[:-1], table.groupby("case")["dsc"].mean().round(10).tolist()]

    def split(name):
        final = rows(cases, name)
        whole, alone = rows(cases, name, "threshold"), rows(cases, name, "threshold", "one")
        reference = [block.groupby("case")["reference_area_cm2"].first() for block in by_scale.values()]
        return {
            "case": final["case"],
            "label": final["case"].isin(label).astype(int).tolist(),
            "ascites": final["case"].isin(ascites).astype(int).tolist(),
            "reference_cm2": [cm2(of_scale[final["case"]]) for of_scale in reference],
            "final_cm2": cm2(final["area_cm2"]),
            "whole_cm2": cm2(whole["area_cm2"]),
            "alone_cm2": [cm2(block["area_cm2"]) for _, block in alone.groupby("subset")],
            **{f"{which}_dsc": dsc(t) for which, t in (("final", final), ("whole", whole), ("alone", alone))},
        }, final

    (validation, final), (test, of_test) = split("validation"), split("test")
    if len(of_test) < 2:  # no SD
        return None
    validation["teaches"] = in_mean_error(final["quality"]).astype(int).tolist()
    at_px = [statistics.dilated(swept, "test", px)["error_cm2"] for px in (0, 1)]
    of_test = swept[(swept["split"] == "test") & (swept["sweep"] == "dilation_px")]
    of_test = of_test.drop_duplicates("case").sort_values("case")
    place = [list(test["case"]).index(case) for case in of_test["case"]]
    sweep = {"place": place, "cm2": [cm2(of_test["reference_area_cm2"] + off) for off in at_px]}
    sweep |= {flag: [test[flag][i] for i in place] for flag in ("label", "ascites")}
    for table in (validation, test):
        del table["case"]
    sds = [sd for sd, _ in assumptions.with_readers(cases.merge(readers[assumptions.KEY].drop_duplicates()), readers)]
    printed = {}
    for name in ("rmse", "dsc"):
        one, widest = RESULTS[f"test_{name}"], WIDEST_PERCENT["dsc" if name == "dsc" else "other"]
        printed[name] = {"value": one.value, "decimals": decimals(one.value, one.unit), "widest_percent": widest,
                         "standard_error": standard_error(one.key, name)}  # fmt: skip
    return {
        "title": "Try it: the assumption explorer",
        "about": "Recomputed in this page, slice by slice, against the reader: RMSE, mean DSC, all intervals and "
        "verdicts. Assumed: readers err as this run's do, only less; slices with label D or ascites are left out or "
        "counted more than once, which adds no new people. The masks of the networks stay as they are.",
        "scales": list(by_scale), "sd_cm2": sds, "printed": printed, "start": _start(), "validation": validation,
        "test": test, "swept": sweep,
    }  # fmt: skip


def _cutoffs(run):
    """Areas, height, sex and body mass index of the test phantoms, and the published limits."""
    people = statistics.people(run.results("cases"), run.results("cohort"), "test")
    areas = {f"{who}_cm2": people[column].round(6) for who, column in class_changes.AREAS.items()}
    limits = {
        one.title: {"women": one.smi.get("F") or one.smi["F", False], "men": one.smi.get("M") or one.smi["M", False],
                    "heavy": one.smi.get("M") or one.smi["M", True], "includes": one.includes}
        for one in cutoffs.CUTOFFS.values()
    }  # fmt: skip
    known = {name: column.tolist() for name, column in areas.items() if column.notna().all()}
    return {
        "title": "Try it: move the limit",
        "about": f"Counted anew in this page among the {len(people)} test phantoms. The last two lines are expected, "
        "not counted: they assume normal errors. How many phantoms are low says nothing about patients.",
        "sex": people["sex"].tolist(), "bmi_25": (people["bmi"] >= cutoffs.OVERWEIGHT).astype(int).tolist(),
        "height_m2": (people["height_m"] ** 2).tolist(), "readers_sd_cm2": statistics.READERS_SD_CM2,
        "limits": limits, **known,
    }  # fmt: skip


FIGURES = {
    # the name of a figure: the tables of the run that it needs, and what its panel computes from
    "fig-members": (("orders",), _members),
    "fig-steps": (("cases",), _slice),
    "fig-few": (("cases",), _few),
    "fig-assumed-readers": (("cases", "cohort", "readers", "sweeps"), _assumptions),
    "fig-changes": (("cases", "cohort"), _cutoffs),
}
