"""Each figure is drawn from small data, is the same twice, and says what it should."""

import hashlib
import io

import matplotlib
import numpy as np
import pandas as pd
import pytest

from sarco.book import figures
from sarco.phantom.canvas import PARTS

SPACING = (0.8, 0.8)


@pytest.fixture(scope="module")
def slice_hu():
    """An ellipse of fat with two muscles in it, on air, and a table under it."""
    y, x = np.mgrid[:96, :128]
    image = np.full((96, 128), -1000.0)
    image[((x - 64) / 50) ** 2 + ((y - 45) / 32) ** 2 < 1] = -100
    image[((x - 45) / 10) ** 2 + ((y - 50) / 12) ** 2 < 1] = 50
    image[((x - 83) / 10) ** 2 + ((y - 50) / 12) ** 2 < 1] = 50
    image[90:92] = 200
    return image + np.random.default_rng(0).normal(0, 5, image.shape)


@pytest.fixture(scope="module")
def mask(slice_hu):
    return (slice_hu > 0) & (np.arange(96)[:, None] < 85)


@pytest.fixture(scope="module")
def drawings(slice_hu, mask):
    """Every figure of the module, as functions without arguments."""
    rng = np.random.default_rng(1)
    probability = np.where(mask, 0.9, 0.0)
    area = rng.normal(130, 30, 40)
    cohort = pd.DataFrame({"sex": ["F", "M"] * 30, "age": rng.uniform(25, 90, 60), "area_cm2": rng.normal(130, 20, 60)})
    cohort["hu"] = rng.normal(35, 6, 60)
    ages, known = [("young", 0, 60), ("old", 60, 200)], {sex: [(120, 18, 40, 6), (100, 16, 25, 6)] for sex in "FM"}
    variants = pd.DataFrame({"dsc_mean": [0.96, 0.92], "low": 0.9, "high": 0.97, "dsc_min": 0.7}, index=["all", "none"])
    parts = np.where(mask, PARTS.index("psoas"), PARTS.index("subcutaneous fat")) * (slice_hu > -300)
    cases = pd.DataFrame({"quality": list("AAABBBCCCD"), "dsc": 1 - rng.gamma(2, 0.01, 10)})
    rows = [(member, epoch, 0.9 - 0.5 / epoch + 0.01 * member) for member in (1, 2) for epoch in (1, 2, 3)]
    history = pd.DataFrame(rows, columns=["member", "epoch", "validation_dsc"])
    band = pd.DataFrame({"members": [1, 2, 3], "dsc": [0.95, 0.955, 0.96], "rmse_cm2": [4.5, 4.3, 4.2]})
    for column in ("dsc", "rmse_cm2"):
        band[f"{column}_low"], band[f"{column}_high"] = 0.99 * band[column], 1.01 * band[column]
    doubt = pd.DataFrame({"sd_cm2": rng.gamma(2, 1, 40), "error_cm2": rng.normal(0, 3, 40)})
    curve = pd.DataFrame({"share": np.arange(1, 41) / 40, "rmse_cm2": 3.0, "best_cm2": np.linspace(0, 3, 40)})
    values = {"value": [0.3, 0.5, 0.3, 0.5], "sweep": ["one"] * 2 + ["other"] * 2, "level": list("ABAB"), "n": 20}
    values |= {"group": ["phase"] * 2 + ["sex"] * 2}
    for column, middle in (("dsc", 0.95), ("mean_error_cm2", 2.0), ("rmse_cm2", 4.0)):
        values |= {column: middle, f"{column}_low": 0.9 * middle, f"{column}_high": 1.1 * middle}
    measured = pd.DataFrame(values)
    gain = pd.DataFrame({"pixel_spacing_mm": np.linspace(0.6, 1, 9), "px": np.linspace(4, 5, 9), "mm": 4.5})
    few = pd.DataFrame({"cases": [5, 10], "low": [1.0, 2.0], "high": [6.0, 5.0], "worse": [0.2, 0.0]})
    pairs = [("plain", "plain", 4.0), ("plain", "portal", 6.0), ("portal", "plain", 5.0), ("portal", "portal", 3.0)]
    moved = pd.DataFrame(pairs, columns=["learned_on", "applied_to", "after_cm2"]).assign(group="phase", before_cm2=7.0)
    people = pd.DataFrame({"sex": ["F", "M"] * 20, "smi": rng.normal(45, 8, 40)})
    limits = {"one": {"F": 38.5, "M": 52.4}, "two": {("F", False): 41.0, ("M", False): 43.0, ("M", True): 53.0}}
    changed = pd.DataFrame({"cutoff": ["one", "one", "two", "two"], "what": ["a", "one reader for another"] * 2,
                            "share": 0.05, "low": 0.03, "high": 0.07})  # fmt: skip
    curves = pd.DataFrame({"name": ["one"] * 2 + ["other"] * 2, "at": [0.0, 3.0] * 2, "value": 3.0, "low": 2.5,
                           "high": 3.5, "came_out": [True, False] * 2})  # fmt: skip
    readers = (curves, {"one": ("RMSE", 3.7), "other": ("DSC", 0.9)}, {"a": 1.0})
    image = (slice_hu > -300) / 2
    blocks = [(0, 16, 3), (1, 32, 3), (2, 64, 3), (1, 32, 3), (0, 16, 3)]
    return {
        "ablation": lambda: figures.ablation(variants),
        "anatomy": lambda: figures.anatomy(slice_hu, SPACING, parts),
        "assumed_readers": lambda: figures.assumed_readers(*readers),
        "attenuation": lambda: figures.attenuation([slice_hu], [parts], {"muscle": ("psoas",), "organ": ("organ",)}),
        "augmentation": lambda: figures.augmentation([("one", image, mask), ("two", image, mask)]),
        "bland_altman": lambda: figures.bland_altman(area + 3, area, -2.0, 8.0),
        "by_age": lambda: figures.by_age(cohort, known, ages),
        "by_members": lambda: figures.by_members(band, band.assign(order=1), {"dsc": 3, "rmse_cm2": 2}, 3),
        "changes": lambda: figures.changes(["this", "another"], [1.0, None], [2.0, 4.5], [True, False]),
        "class_changes": lambda: figures.class_changes(changed, {"one": "One", "two": "Two"}),
        "cohort_flow": lambda: figures.cohort_flow(1025, 3, 982, 40, 500),
        "contact_sheet": lambda: figures.contact_sheet([("0001", slice_hu, SPACING, mask)] * 4),
        "dilation_by_pixel": lambda: figures.dilation_by_pixel(gain, {"px": "one pixel", "mm": "0.8 mm"}),
        "disagreement": lambda: figures.disagreement(slice_hu, SPACING, probability / 4, mask, ~mask),
        "examples": lambda: figures.examples([("A", slice_hu, SPACING, mask, mask)] * 2),
        "few_cases": lambda: figures.few_cases(few, 8),
        "muscle_index": lambda: figures.muscle_index(people, limits),
        "network": lambda: figures.network(blocks),
        "own_slice": lambda: figures.own_slice(slice_hu, SPACING, mask, ~mask, probability / 4),
        "overview": lambda: figures.overview(slice_hu, SPACING, probability, mask),
        "preprocessing": lambda: figures.preprocessing(slice_hu, SPACING, image, 2.0),
        "quality_labels": lambda: figures.quality_labels([("B", slice_hu, SPACING, mask, mask, mask, ~mask)] * 2),
        "reader_study": lambda: figures.reader_study(area + 3, area, (-2.0, 8.0), (-9.9, 7.6)),
        "receptive_field": lambda: figures.receptive_field(probability + 1e-9, [("all", 40, figures.BLUE)]),
        "scatter": lambda: figures.scatter(area + 3, area, area),
        "schedule": lambda: figures.schedule(np.arange(5), np.arange(5)[::-1], [("other", np.ones(5))]),
        "slice_with_masks": lambda: figures.slice_with_masks(slice_hu, SPACING, mask, mask),
        "steps": lambda: figures.steps(slice_hu, SPACING, probability, {"threshold": mask, "window": mask}),
        "subgroups": lambda: figures.subgroups(measured, {"dsc": 0.95, "mean_error_cm2": 2.0}),
        "sweep": lambda: figures.sweep(measured, {"one": "one", "other": "other"}, "level", 0.5),
        "training_history": lambda: figures.training_history(history),
        "transfer": lambda: figures.transfer(moved),
        "uncertainty": lambda: figures.uncertainty(doubt, curve),
        "violins": lambda: figures.violins(cases),
        "waterfall": lambda: figures.waterfall(["baseline", "ensemble"], [0.93, 0.95], "DSC"),
        "worst": lambda: figures.worst([("A", slice_hu, SPACING, mask, mask, ~mask)] * 3),
    }


def _png(figure):
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return hashlib.sha256(out.getvalue()).hexdigest()


def test_every_figure_is_drawn_here(drawings):
    public = {name for name, value in vars(figures).items() if hasattr(value, "__wrapped__")}
    assert public == set(drawings)


def test_figures_are_repeatable_and_leave_no_trace(drawings):
    before = dict(matplotlib.rcParams)
    for name, draw in drawings.items():
        assert _png(draw()) == _png(draw()), name
    assert dict(matplotlib.rcParams) == before


def test_no_title_inside_a_plot(drawings):
    # Small pictures have a label over them; a plot has its caption in the book.
    for name in ("ablation", "by_age", "bland_altman", "reader_study", "scatter", "violins", "waterfall"):
        figure = drawings[name]()
        assert not figure.get_suptitle() and not any(axis.get_title() for axis in figure.axes), name


def test_ct_keeps_its_proportions_and_grey_levels(slice_hu, mask):
    figure = figures.slice_with_masks(slice_hu, (1.6, 0.8), mask)
    picture = figure.axes[0].images[0]
    assert figure.axes[0].get_aspect() == pytest.approx(2.0)
    assert picture.get_clim() == figures.CT_WINDOW_HU and picture.get_cmap().name == "gray"
    # As displayed: no interpolated or rescaled values in the data.
    assert np.isin(np.asarray(picture.get_array()), slice_hu).all()


def test_body_box_finds_the_body_and_not_the_table(slice_hu):
    rows, columns = figures.body_box(slice_hu, margin=0)
    assert 10 <= rows.start <= 16 and 74 <= rows.stop <= 80
    assert 12 <= columns.start <= 18 and 110 <= columns.stop <= 116
    assert figures.body_box(np.full((20, 20), -1000)) == (slice(None), slice(None))


def test_errors_are_painted_where_they_are(slice_hu, mask):
    missed = mask.copy()
    missed[:, 64:] = False  # one of the two muscles
    figure = figures.examples([("A", slice_hu, SPACING, mask, missed)])
    right = figure.axes[1]
    box = figures.body_box(slice_hu)
    painted = {}
    for layer in (image.get_array() for image in right.images[1:]):
        pixels = layer[..., 3] > 0
        if pixels.any():
            painted[matplotlib.colors.to_hex(layer[pixels][0])] = pixels
    assert set(painted) == {figures.GREEN.lower(), figures.RED.lower()}
    assert (painted[figures.RED.lower()] == (mask & ~missed)[box]).all()


def test_every_part_of_a_phantom_has_one_colour():
    joined = [part for _, parts in figures.TISSUES.values() for part in parts]
    assert sorted(joined) == sorted(set(PARTS) - {"air"})
    colours = [matplotlib.colors.to_hex(colour) for colour, _ in figures.TISSUES.values()]
    assert len(set(colours)) == len(colours)


def test_parts_are_painted_and_numbered_where_they_are(slice_hu, mask):
    parts = np.where(mask, PARTS.index("psoas"), PARTS.index("skin"))
    figure = figures.anatomy(slice_hu, SPACING, parts)
    below = figure.axes[1]
    box = figures.body_box(slice_hu)
    painted = np.asarray(below.images[0].get_array())
    psoas = np.array(matplotlib.colors.to_rgba(figures.TISSUES["psoas"][0]))
    assert (np.isclose(painted, psoas).all(-1) == mask[box]).all()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["1 skin", "2 psoas"]
    [number] = [text for text in below.texts if text.get_text() == "2"]
    column, row = number.get_position()
    assert mask[box][row, column]


def test_quality_picture_is_about_the_wrong_pixels(slice_hu, mask):
    wrong = np.zeros_like(mask)
    wrong[48:54, 80:86] = True
    figure = figures.quality_labels([("B", slice_hu, SPACING, mask | wrong, mask, wrong, ~mask & mask)], field_mm=16)
    layer = np.asarray(figure.axes[0].images[1].get_array())[..., 3] > 0
    assert layer.sum() == wrong.sum() and layer.shape == (21, 21)


def test_literature_stands_beside_its_age_group(drawings):
    axis = drawings["by_age"]().axes[0]
    markers = [line for line in axis.lines if line.get_marker() in "os" and line.get_markersize() == 4]
    assert sorted(float(line.get_ydata()[0]) for line in markers) == [100, 100, 120, 120]


def test_waterfall_marks_a_step_for_the_worse():
    figure = figures.waterfall(["baseline", "better", "worse"], [4.0, 3.0, 3.5], "RMSE", better="lower")
    colours = [matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in figure.axes[0].patches]
    assert colours[1:3] == [figures.GREEN.upper(), figures.ORANGE.upper()]
    assert {text.get_text() for text in figure.axes[0].texts} == {"4.000", "-1.000", "+0.500", "3.500"}


def test_a_correction_from_elsewhere_is_told_from_its_own(drawings):
    axis = drawings["transfer"]().axes[0]
    marks = {marker: [line for line in axis.lines if line.get_marker() == marker] for marker in "osD"}
    assert [line.get_xdata()[0] for line in marks["s"]] == [4.0, 3.0]  # plain by plain, portal by portal
    assert [list(line.get_xdata()) for line in marks["D"]] == [[5.0], [6.0]]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["phase: plain", "phase: portal"]


def test_each_sex_has_its_own_limits(drawings):
    women, men = drawings["muscle_index"]().axes
    for axis, wanted in ((women, [38.5, 41]), (men, [43, 52.4, 53])):
        assert sorted(line.get_xdata()[0] for line in axis.lines if len(set(line.get_xdata())) == 1) == wanted


def test_a_whisker_of_the_waterfall_is_about_its_end():
    figure = figures.waterfall(["baseline", "ensemble"], [4.0, 3.0], "RMSE", "lower", changes=[(-1.5, -0.6)])
    (whisker,) = [c for c in figure.axes[0].containers if type(c).__name__ == "ErrorbarContainer"]
    (segment,) = whisker.lines[2][0].get_segments()
    assert segment[:, 1].tolist() == pytest.approx([2.5, 3.4])


def test_correction_moves_the_second_cloud_only():
    reference = np.array([100.0, 120.0, 140.0])
    figure = figures.scatter(reference + 5, reference, reference)
    dots = {line.get_label(): line.get_xdata() for line in figure.axes[0].lines if line.get_linestyle() == "None"}
    assert dots["before the correction"].tolist() == [105, 125, 145] and dots["after it"].tolist() == [100, 120, 140]


def test_plateau_is_marked_on_the_mean_and_the_papers_where_it_can_be(drawings):
    for axis, (members, value) in zip(drawings["by_members"]().axes, [(3, 0.96), (2, 4.3)], strict=True):
        lines = {line.get_label(): line for line in axis.lines}
        assert lines["plateau"].get_xydata().tolist() == [[members, value]]
        assert list(lines["the paper's plateau"].get_xdata()) == [3, 3]
    band = pd.DataFrame({"members": [1, 2], **{f"{c}{end}": [1.0, 2.0] for c in ("dsc", "rmse_cm2")
                         for end in ("", "_low", "_high")}})  # fmt: skip
    figure = figures.by_members(band, band.assign(order=1), {"dsc": 2, "rmse_cm2": 2}, 10)
    assert figure.axes[0].get_xlim()[1] < 3  # two members: the paper's tenth is not on this axis


def test_groups_of_disagreement_are_equally_large():
    table = pd.DataFrame({"sd_cm2": [1.0, 2, 4, 8], "error_cm2": [1.0, -3, 5, -7]})
    curve = pd.DataFrame({"share": [0.5, 1.0], "rmse_cm2": [2.0, 3.0], "best_cm2": [1.0, 3.0]})
    above, _ = figures.uncertainty(table, curve, bins=2).axes
    [groups] = [line for line in above.lines if line.get_label() == "median of 2 groups of cases"]
    assert groups.get_xydata().tolist() == [[1.5, 2], [6, 6]]


def test_wrong_pixels_have_the_colour_of_who_is_wrong(slice_hu, mask):
    true, network, reader = mask.copy(), mask.copy(), mask.copy()
    network[40:44, 70:75] = True  # not in the mask: the network alone
    reader[45:47, 40:45] = False  # in the mask: the reader alone
    network[52:54, 80:83] = reader[52:54, 80:83] = False
    figure = figures.worst([("A", slice_hu, SPACING, true, reader, network)])
    painted = [np.asarray(layer.get_array()) for layer in figure.axes[0].images[1:]]
    for layer, colour, count in zip(painted, (figures.ORANGE, figures.SKY, figures.PURPLE), (20, 10, 6), strict=True):
        seen = layer[layer[..., 3] > 0][:, :3]
        assert len(seen) == count and np.allclose(seen, matplotlib.colors.to_rgb(colour))


def test_a_change_without_an_interval_has_no_whisker():
    figure = figures.waterfall(["one", "other"], [4.0, 3.0], "RMSE", "lower", changes=[(np.nan, np.nan)])
    axis = figure.axes[0]
    assert "ErrorbarContainer" not in {type(container).__name__ for container in axis.containers}
    assert all(np.isfinite(text.get_position()).all() for text in axis.texts)
