"""What is drawn is what the data say: marks, intervals, painted pixels, the paper's lines, axes with their units."""

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection, LineCollection, PathCollection

from sarco.book import chapter, figures
from sarco.book.figures import pictures, style
from sarco.evidence.reference_values import AREA, SMI, Reference
from sarco.phantom.canvas import PARTS

SPACING = (0.8, 0.8)
ENDS = ("", "_low", "_high")


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


def _intervals(**values):
    """A table with columns of values, each in an interval that is not symmetric."""
    columns = {f"{name}{end}": np.array(value) + by for name, value in values.items()
               for end, by in zip(ENDS, (0, -0.2, 0.3), strict=True)}  # fmt: skip
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def drawings(slice_hu, mask):
    """Every plot of the book, as functions without arguments."""
    rng = np.random.default_rng(1)
    area = rng.normal(130, 30, 40)
    cohort = pd.DataFrame({"sex": ["F", "M"] * 30, "age": rng.uniform(25, 90, 60), "area_cm2": rng.normal(130, 20, 60)})
    cohort["hu"] = rng.normal(35, 6, 60)
    ages, known = [("young", 0, 60), ("old", 60, 200)], {sex: [(120, 18, 40, 6), (100, 16, 25, 6)] for sex in "FM"}
    variants = pd.DataFrame({"dsc_mean": [0.96, 0.92], "low": 0.9, "high": 0.97, "dsc_min": 0.7}, index=["all", "none"])
    parts = np.where(mask, PARTS.index("psoas"), PARTS.index("subcutaneous fat")) * (slice_hu > -300)
    tissues = {"one": ("psoas",), "no": ("organ",)}
    cases = pd.DataFrame({"quality": list("AAABBBCCCD"), "dsc": 1 - rng.gamma(2, 0.01, 10)})
    rows = [(member, epoch, 0.9 - 0.5 / epoch + 0.01 * member) for member in (1, 2) for epoch in (1, 2, 3)]
    history = pd.DataFrame(rows, columns=["member", "epoch", "validation_dsc"])
    band = _intervals(dsc=[2.0, 2.5, 3.0], rmse_cm2=[4.5, 4.3, 4.2]).assign(members=[1, 2, 3], order=1)
    doubt = pd.DataFrame({"sd_cm2": rng.gamma(2, 1, 40), "error_cm2": rng.normal(0, 3, 40)})
    curve = pd.DataFrame({"share": np.arange(1, 41) / 40, "rmse_cm2": 3.0, "best_cm2": np.linspace(0, 3, 40)})
    # Not in the order of the values, as a table may be.
    measured = _intervals(dsc=[2.0, 1.0, 4.0, 3.0], mean_error_cm2=[0.1, 0.2, -0.3, 0.4])
    measured = measured.assign(value=[0.5, 0.3, 0.5, 0.3], sweep=["one"] * 2 + ["other"] * 2, level=list("ABAB"), n=20,
                               group=["phase"] * 2 + ["sex"] * 2)  # fmt: skip
    gain = pd.DataFrame({"pixel_spacing_mm": np.linspace(0.6, 1, 9), "px": np.linspace(4, 5, 9), "mm": 4.5})
    noise = _intervals(dsc_change=[0.1, -0.2], mean_error_cm2_change=[1.0, 2.0], error_sd_cm2_change=[0.0, 0.5])
    noise["d_share"] = [0.0, 0.5]
    few = pd.DataFrame({"cases": [5, 10], "low": [1.0, 2.0], "high": [6.0, 5.0], "worse": [0.2, 0.0]})
    pairs = [("plain", "plain", 4.0), ("plain", "portal", 6.0), ("portal", "plain", 5.0), ("portal", "portal", 3.0)]
    moved = pd.DataFrame(pairs, columns=["learned_on", "applied_to", "after_cm2"]).assign(group="phase", before_cm2=7.0)
    people = pd.DataFrame({"sex": ["F", "M"] * 20, "smi": rng.normal(45, 8, 40)})
    limits = {"one": {"F": 38.5, "M": 52.4}, "two": {("F", False): 41.0, ("M", False): 43.0, ("M", True): 53.0}}
    women = pd.DataFrame({"age": [40, 50.5, 60], "reference_area_cm2": [130.0, 120, 90], "smi": [50.0, 45, 38]})
    reference = Reference("A", "", (30, 45, 61), {"F": {AREA: ((120, 10), (110, 15)), SMI: ((48, 5), (45, 4))}})
    changed = pd.DataFrame({"cutoff": ["one", "one", "two", "two"], "what": ["a", "one reader for another"] * 2,
                            "share": [0.05, 0.06, 0.07, 0.08], "low": 0.03, "high": 0.09})  # fmt: skip
    curves = pd.DataFrame({"name": ["one"] * 2 + ["other"] * 2, "at": [0.0, 3.0] * 2, "value": 3.0, "low": 2.5,
                           "high": 3.8, "came_out": [True, False] * 2})  # fmt: skip
    audit = pd.DataFrame({"slice": ["a", "b", "c"], "drawn": [False, True, True], "warned": [True, False, True],
                          "error_cm2": [11.0, 6.0, 2.0], "left_cm2": [11.0, 2.5, -1.5]})  # fmt: skip
    readers = (curves, {"one": ("RMSE", 3.7), "other": ("DSC", 0.9)}, {"a": 1.0})
    return {
        "ablation": lambda: figures.ablation(variants),
        "assumed_readers": lambda: figures.assumed_readers(*readers),
        "audited_slices": lambda: figures.audited_slices(audit, 5.0),
        "attenuation": lambda: figures.attenuation([slice_hu], [parts], tissues, (-29, 150)),
        "bland_altman": lambda: figures.bland_altman(area + 3, area, -2.0, 8.0),
        "by_age": lambda: figures.by_age(cohort, known, ages),
        "by_members": lambda: figures.by_members(band, band, {"dsc": 3, "rmse_cm2": 2}, 3),
        "changes": lambda: figures.changes(["this", "another"], [1.0, None], [2.0, 4.5], [True, False]),
        "class_changes": lambda: figures.class_changes(changed, {"one": "One", "two": "Two"}),
        "dilation_by_pixel": lambda: figures.dilation_by_pixel(gain, {"px": "one pixel", "mm": "0.8 mm"}),
        "few_cases": lambda: figures.few_cases(few, 8),
        "label_noise": lambda: figures.label_noise(*({"before": noise, "at the end": noise},) * 2),
        "muscle_index": lambda: figures.muscle_index(people, limits),
        "reader_study": lambda: figures.reader_study(area + 3, area, (-2.0, 8.0), (-9.9, 7.6)),
        "scatter": lambda: figures.scatter(area + 3, area, area),
        "schedule": lambda: figures.schedule(np.arange(5), np.arange(5)[::-1], [("other", np.ones(5))]),
        "standing_by_age": lambda: figures.standing_by_age(women, reference, "F"),
        "subgroups": lambda: figures.subgroups(measured, {"dsc": 0.95, "mean_error_cm2": 2.0}),
        "sweep": lambda: figures.sweep(measured, {"one": "one", "other": "other"}, "level", 0.4),
        "training_history": lambda: figures.training_history(history, 0.95),
        "transfer": lambda: figures.transfer(moved),
        "uncertainty": lambda: figures.uncertainty(doubt, curve),
        "violins": lambda: figures.violins(cases),
        "waterfall": lambda: figures.waterfall(["baseline", "ensemble"], [0.93, 0.95], "DSC"),
    }


# What is written beside the axes of each plot, from top to bottom.
LABELS = {
    "ablation": ["DSC on the difficult slices"],
    "assumed_readers": ["SD of the readers (cm²)"] * 2,
    "attenuation": ["attenuation (HU)"],
    "audited_slices": ["error of the area (cm²)"],
    "bland_altman": ["mean of the two areas (cm²)", "predicted minus\nreader's area (cm²)"],
    "by_age": ["muscle area (cm²)", "age (years)", "mean attenuation (HU)"],
    "by_members": ["DSC", "members in the mean", "RMSE (cm²)"],
    "changes": ["difference of the area (cm²): mean, and one SD to each side"],
    "class_changes": ["people who change class (%)"],
    "dilation_by_pixel": ["side of a pixel (mm)", "area added (cm²)"],
    "few_cases": ["mean error\nlearned (cm²)", "cases that it is learned on", "draws that\ndo harm (%)"],
    "label_noise": ["change from true masks", "masks with label D that were learned from (%)"],
    "muscle_index": ["women under it (%)", "skeletal muscle index (cm²/m²)", "men under it (%)"],
    "reader_study": ["mean of the two readers' areas (cm²)", "one reader minus\nthe other (cm²)"],
    "scatter": ["predicted area (cm²)", "reader's area (cm²)"],
    "schedule": ["iteration", "learning rate"],
    "standing_by_age": ["muscle area (cm²)", "age (years)", "muscle index (cm²/m²)"],
    "subgroups": ["DSC", "mean error (cm²)"],
    "sweep": ["DSC", "level", "mean error (cm²)"],
    "training_history": ["epoch", "DSC, validation"],
    "transfer": ["RMSE (cm²)"],
    "uncertainty": ["SD of the members' areas (cm²)", "size of the error (cm²)", "cases kept (%)",
                    "RMSE of those kept (cm²)"],
    "violins": ["quality label of the reader's mask", "DSC"],
    "waterfall": ["DSC"],
}  # fmt: skip


def test_axes_have_their_units_and_nothing_is_left_behind(drawings):
    before = dict(matplotlib.rcParams)
    for name, draw in drawings.items():
        sides = [side for axis in draw().axes if axis.get_visible() for side in (axis.xaxis, axis.yaxis)]
        labels = [side.label.get_text() for side in sides if side.label.get_visible()]
        assert list(filter(None, labels)) == LABELS[name], name
    assert dict(matplotlib.rcParams) == before


def test_seaborn_is_loaded_when_a_figure_is_drawn():
    code = "import sys; from sarco.book import figures; print('seaborn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_notebooks_settings_change_no_byte(drawings):
    draw = drawings["sweep"]
    plain = chapter.png(draw())
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False, "savefig.dpi": 40}):
        assert chapter.png(draw()) == plain


@pytest.mark.filterwarnings("error")
def test_a_cohort_of_one_kind_of_people_has_no_others_correction():
    alone = pd.DataFrame(
        {"learned_on": "plain", "applied_to": "plain", "after_cm2": [4.0], "group": "phase", "before_cm2": 7}
    )
    assert sorted(_dots(figures.transfer(alone).axes[0])[0]) == [[4.0, 0.0], [7.0, 0.0]]


def _dots(axis):
    """Where the dots of each cloud of an axis are."""
    clouds = (np.asarray(part.get_offsets()) for part in axis.collections if isinstance(part, PathCollection))
    return [cloud.tolist() for cloud in clouds if len(cloud)]


def _bands(axis):
    """The places of each band of an axis, with its low and high ends."""
    parts = (part for part in axis.collections if isinstance(part, FillBetweenPolyCollection))
    corners = [part.get_paths()[0].vertices for part in parts]
    return [sorted((x, *sorted({y for at, y in part if at == x})) for x in {x for x, _ in part}) for part in corners]


def _bars(axis):
    """The middle, low and high end of each point with an interval, from top to bottom."""
    marks = [line.get_xydata().tolist() for line in axis.lines if line.get_marker() not in ("None", "")]
    at = {y: x for points in marks for x, y in points}
    bars = [line for line in (line.get_xydata() for line in axis.lines) if len(line) == 2 and line[0, 1] == line[1, 1]]
    return [(at[bar[0, 1]], *bar[:, 0]) for bar in sorted(bars, key=lambda bar: bar[0, 1])]


def test_a_band_is_that_of_the_table(drawings):
    dsc, error = drawings["sweep"]().axes
    assert _bands(dsc) == [[(0.3, 0.8, 1.3), (0.5, 1.8, 2.3)], [(0.3, 2.8, 3.3), (0.5, 3.8, 4.3)]]
    assert [line.get_xydata().tolist() for line in dsc.lines[:2]] == [[[0.3, 1], [0.5, 2]], [[0.3, 3], [0.5, 4]]]
    assert [line.get_ydata().tolist() for line in error.lines[:2]] == [[0.2, 0.1], [0.4, -0.3]]
    assert [list(line.get_xdata()) for line in dsc.lines[2:]] == [[0.4, 0.4]]  # the paper's value
    learned, _ = drawings["few_cases"]().axes
    assert _bands(learned) == [[(5, 1, 6), (10, 2, 5)]] and learned.lines[0].get_ydata().tolist() == [3.5, 3.5]
    one, _ = [axis for axis in drawings["assumed_readers"]().axes if axis.get_visible()]
    assert _bands(one) == [[(0, 2.5, 3.8), (3, 2.5, 3.8)]] and _dots(one) == [[[0, 3], [3, 3]]]


def test_an_interval_is_that_of_the_table_and_none_of_seaborns(drawings):
    dsc, error = drawings["subgroups"]().axes
    assert np.allclose(_bars(dsc), [(v, v - 0.2, v + 0.3) for v in (2, 1, 4, 3)])
    assert np.allclose(_bars(error), [(v, v - 0.2, v + 0.3) for v in (0.1, 0.2, -0.3, 0.4)])
    assert [tick.get_text() for tick in dsc.get_yticklabels()] == ["phase", "sex", *("A  (20)", "B  (20)") * 2]
    (axis,) = drawings["class_changes"]().axes
    assert np.allclose(_bars(axis), [(5, 3, 9), (6, 3, 9), (7, 3, 9), (8, 3, 9)])
    (axis,) = drawings["ablation"]().axes
    assert np.allclose(_bars(axis), [(0.96, 0.9, 0.97), (0.92, 0.9, 0.97)]) and _dots(axis) == [[[0.7, 0], [0.7, 1]]]
    (axis,) = drawings["changes"]().axes
    (bars,) = [part for part in axis.collections if isinstance(part, LineCollection)]
    assert [bar[:, 0].tolist() for bar in bars.get_segments()] == [[-1, 3], [-4.5, 4.5]]
    dsc, *_ = drawings["label_noise"]().axes
    bars, _ = [part for part in dsc.collections if isinstance(part, LineCollection)]
    assert np.allclose([bar[:, 1] for bar in bars.get_segments()], [[-0.1, 0.4], [-0.4, 0.1]])
    assert np.allclose(dsc.lines[0].get_xydata(), [[0, 0.1], [50, -0.2]])
    # Also where the value lies outside, or has no interval.
    _, axis = style.canvas(3)
    table = pd.DataFrame({"at": [0, 1], "of": ["b", "a"], "value": [5.0, 2.0], "low": [1, np.nan], "high": [4, np.nan]})
    style.intervals(axis, table, "value", "of")
    outside, without = _bars(axis)
    assert outside == (5, 1, 4) and without[0] == 2 and np.isnan(without[1:]).all()
    style.band_line(axis, table[::-1], "at", "value")
    assert axis.lines[-1].get_ydata().tolist() == [5, 2]


def test_every_case_is_a_dot():
    first, second = np.array([100.0, 120.0, 140.0]), np.array([98.0, 125.0, 140.0])
    for draw in (lambda: figures.bland_altman(first, second, -4.0, 5.0),
                 lambda: figures.reader_study(first, second, (-4.0, 5.0), (-9.9, 7.6))):  # fmt: skip
        (axis,) = draw().axes
        assert _dots(axis) == [[[99, 2], [122.5, -5], [140, 0]]]
        assert {line.get_ydata()[0] for line in axis.lines} >= {-1, -4, 5}  # the mean and the limits
    (axis,) = figures.scatter(second + 5, second, second).axes
    assert [[x for x, _ in cloud] for cloud in _dots(axis)] == [[103, 130, 145], [98, 125, 140]]
    regression = next(line for line in axis.lines if line.get_label() == "regression")
    assert np.allclose(regression.get_xdata(), regression.get_ydata())  # through the corrected ones
    gain = pd.DataFrame({"pixel_spacing_mm": [0.6, 0.7, 0.9], "px": [4.0, 5.0, 7.0]})
    (axis,) = figures.dilation_by_pixel(gain, {"px": "one pixel"}).axes
    assert _dots(axis) == [gain.to_numpy().tolist()]
    assert np.allclose(axis.lines[0].get_ydata()[[0, -1]], [4, 7])


def test_ct_keeps_its_proportions_and_grey_levels(slice_hu, mask):
    figure = figures.slice_with_masks(slice_hu, (1.6, 0.8), mask)
    picture = figure.axes[0].images[0]
    assert figure.axes[0].get_aspect() == pytest.approx(2.0)
    assert picture.get_clim() == pictures.CT_WINDOW_HU and picture.get_cmap().name == "gray"
    assert (np.asarray(picture.get_array()) == slice_hu).all()


def test_body_box_finds_the_body_and_not_the_table(slice_hu):
    rows, columns = figures.body_box(slice_hu, margin=0)
    assert 10 <= rows.start <= 16 and 74 <= rows.stop <= 80
    assert 12 <= columns.start <= 18 and 110 <= columns.stop <= 116
    with_a_hand = slice_hu.copy()
    with_a_hand[76:86, 2:10] = 50
    assert figures.body_box(with_a_hand, margin=0) == (rows, columns)
    assert figures.body_box(np.full((20, 20), -1000)) == (slice(None), slice(None))


def _painted(axis):
    """The pixels that each colour is painted on."""
    layers = (np.asarray(layer.get_array()) for layer in axis.images[1:])
    return {matplotlib.colors.to_hex(layer[layer[..., 3] > 0][0]).upper(): layer[..., 3] > 0
            for layer in layers if layer[..., 3].any()}  # fmt: skip


def test_errors_are_painted_where_they_are(slice_hu, mask):
    missed = mask.copy()
    missed[:, 64:] = False  # one of the two muscles
    _, right = figures.examples([("A", slice_hu, SPACING, mask, missed)]).axes
    painted = _painted(right)
    assert painted.keys() == {style.GREEN, style.RED}
    assert (painted[style.RED] == (mask & ~missed)).all()
    steps = {"threshold": missed, "dilation": mask, "window": missed}
    shown = figures.steps(slice_hu, SPACING, mask / 2, steps).axes[2:]
    for axis, colour in zip(shown, (style.SKY, style.ORANGE), strict=True):
        painted = _painted(axis)
        assert painted.keys() == {style.GREEN, colour} and (painted[colour] == (mask & ~missed)).all()
    painted = _painted(figures.disagreement(slice_hu, SPACING, mask / 4, mask, missed | ~mask).axes[1])
    assert (painted[style.ORANGE] == (mask & ~missed)).all() and (painted[style.SKY] == ~mask).all()


def test_wrong_pixels_have_the_colour_of_who_is_wrong(slice_hu, mask):
    true, network, reader = mask.copy(), mask.copy(), mask.copy()
    network[40:44, 70:75] = True  # not in the mask: the network alone
    reader[45:47, 40:45] = False  # in the mask: the reader alone
    network[52:54, 80:83] = reader[52:54, 80:83] = False
    painted = _painted(figures.worst([("A", slice_hu, SPACING, true, reader, network)]).axes[0])
    sizes = {style.ORANGE: 20, style.SKY: 10, style.PURPLE: 6}
    assert {colour: pixels.sum() for colour, pixels in painted.items()} == sizes


def test_real_slices_are_shown_without_their_images(slice_hu, mask):
    found = mask.copy()
    found[40:44, 70:75] = True
    found[45:47, 40:45] = False
    colours = {"#C9CDD2": mask & found, style.RED: found & ~mask, style.BLUE: mask & ~found}
    [shown, empty] = figures.real_slices([("a", SPACING, mask, found, None)]).axes
    assert not empty.images
    layers = [np.asarray(layer.get_array()) for layer in shown.images]
    assert len(layers) == len(colours)  # and no image
    for layer, (colour, pixels) in zip(layers, colours.items(), strict=True):
        assert (layer[..., 3] > 0).tolist() == pixels.tolist()
        assert matplotlib.colors.to_hex(layer[pixels][0]).upper() == colour
    left, right = figures.real_slices([("a", SPACING, mask, found, slice_hu)]).axes
    assert (np.asarray(left.images[0].get_array()) == slice_hu).all() and len(right.images) == 3
    outlines = [part for part in left.collections if isinstance(part, LineCollection)]
    assert [matplotlib.colors.to_hex(part.get_colors()[0]).upper() for part in outlines] == [style.BLUE, style.RED]


def test_the_audit_shows_the_error_that_counts(drawings):
    (axis,) = drawings["audited_slices"]().axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["c", "b", "a"]
    assert _dots(axis) == [[[2, 0], [6, 1]], [[-1.5, 0], [2.5, 1]], [[11, 2]]]
    colours = [matplotlib.colors.to_hex(colour).upper() for part in axis.collections
               if isinstance(part, PathCollection) for colour in part.get_facecolors()]  # fmt: skip
    assert colours == ["#FFFFFF", style.ORANGE, style.BLUE, style.ORANGE]


def test_quality_picture_is_about_the_wrong_pixels(slice_hu, mask):
    wrong = np.zeros_like(mask)
    wrong[48:54, 80:86] = True
    rows = [("B", slice_hu, SPACING, mask | wrong, mask, wrong, ~mask & mask)]
    axis = figures.quality_labels(rows, field_mm=16).axes[0]
    assert (_painted(axis)[style.ORANGE] == wrong).all()
    assert axis.get_xlim() == (71.5, 92.5) and axis.get_ylim() == (60.5, 39.5)


def test_an_outline_goes_round_its_mask(slice_hu, mask):
    (axis,) = figures.contact_sheet([("0001", slice_hu, SPACING, mask)], columns=1).axes
    (lines,) = [part for part in axis.collections if isinstance(part, LineCollection)]
    rows, columns = figures.body_box(slice_hu)
    around = np.concatenate(lines.get_segments()) + np.array([columns.start, rows.start])
    assert len(lines.get_segments()) == 2  # muscles
    assert np.allclose([around.min(0), around.max(0)], [np.argwhere(mask).min(0)[::-1] - 0.5,
                                                        np.argwhere(mask).max(0)[::-1] + 0.5])  # fmt: skip


def test_every_part_of_a_phantom_has_one_colour():
    joined = [part for _, parts in figures.TISSUES.values() for part in parts]
    assert sorted(joined) == sorted(set(PARTS) - {"air"})
    colours = [matplotlib.colors.to_hex(colour) for colour, _ in figures.TISSUES.values()]
    assert len(set(colours)) == len(colours)


def test_parts_are_painted_and_numbered_where_they_are(slice_hu, mask):
    parts = np.where(mask, PARTS.index("psoas"), PARTS.index("skin"))
    figure = figures.anatomy(slice_hu, SPACING, parts)
    _, below = figure.axes
    painted = below.images[1].to_rgba(below.images[1].get_array())[..., :3]
    psoas = matplotlib.colors.to_rgb(figures.TISSUES["psoas"][0])
    assert (np.isclose(painted, psoas, atol=0.01).all(-1) == mask).all()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1 skin", "2 psoas"]
    [number] = [text for text in below.texts if text.get_text() == "2"]
    column, row = number.get_position()
    assert mask[row, column]


def test_literature_stands_beside_its_age_group(drawings):
    axis = drawings["by_age"]().axes[0]
    markers = [line for line in axis.lines if line.get_marker() in ("o", "s") and line.get_markersize() == 4]
    assert [line.get_xydata().tolist() for line in markers] == [[[-0.37, 120], [0.63, 100]], [[0.37, 120], [1.37, 100]]]


def test_waterfall_marks_a_step_for_the_worse():
    figure = figures.waterfall(["baseline", "better", "worse"], [4.0, 3.0, 3.5], "RMSE", better="lower")
    colours = [matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in figure.axes[0].patches]
    assert colours == [style.GREY, style.GREEN, style.ORANGE, style.BLUE]
    assert {text.get_text() for text in figure.axes[0].texts} == {"4.000", "-1.000", "+0.500", "3.500"}


def test_a_whisker_of_the_waterfall_is_about_its_end():
    changes = [(-1.5, -0.6), (np.nan, np.nan)]  # the second has no interval
    figure = figures.waterfall(["baseline", "ensemble", "last"], [4.0, 3.0, 2.0], "RMSE", "lower", changes=changes)
    (whisker,) = [c for c in figure.axes[0].containers if type(c).__name__ == "ErrorbarContainer"]
    known, none = whisker.lines[2][0].get_segments()
    assert known[:, 1].tolist() == pytest.approx([2.5, 3.4]) and not none.size
    texts = figure.axes[0].texts
    assert len(texts) == 4 and all(np.isfinite(text.get_position()).all() for text in texts)


def test_a_correction_from_elsewhere_is_told_from_its_own(drawings):
    figure = drawings["transfer"]()
    (axis,) = figure.axes
    (marks,) = [part for part in axis.collections if isinstance(part, PathCollection)]
    drawn = {}
    for colour, (x, y) in zip(marks.get_facecolors(), marks.get_offsets(), strict=True):
        drawn.setdefault(matplotlib.colors.to_hex(colour).upper(), []).append((x, y))
    assert drawn == {"#FFFFFF": [(7, 0), (7, 1)], style.BLUE: [(4, 0), (3, 1)], style.ORANGE: [(6, 1), (5, 0)]}
    names = [label.get_text() for label in figure.legends[0].get_texts()]
    assert names == ["not corrected", "by its own", "by another's"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["phase: plain", "phase: portal"]


def test_people_stand_on_the_steps_of_their_table(drawings):
    area, index = drawings["standing_by_age"]().axes
    assert area.lines[0].get_xydata().tolist() == [[30, 120], [45, 110], [61, 110]]
    assert area.lines[0].get_drawstyle() == "steps-post"
    two, _ = _bands(index)
    assert (two[0], two[-1]) == ((30, 38, 58), (61, 37, 53))
    assert _dots(area)[-1] == [[40, 130], [50.5, 120], [60, 90]] and _dots(index)[-1][0] == [40, 50]


def test_each_sex_has_its_own_limits(drawings):
    women, men = drawings["muscle_index"]().axes
    for axis, wanted in ((women, [38.5, 41]), (men, [43, 52.4, 53])):
        assert sorted(line.get_xdata()[0] for line in axis.lines if len(set(line.get_xdata())) == 1) == wanted
        assert len(axis.lines[0].get_xdata()) == 21  # a step for each of 20 people


def test_plateau_is_marked_on_the_mean_and_the_papers_where_it_can_be(drawings):
    for axis, (members, value) in zip(drawings["by_members"]().axes, [(3, 3.0), (2, 4.3)], strict=True):
        lines = {line.get_label(): line for line in axis.lines}
        assert lines["plateau"].get_xydata().tolist() == [[members, value]]
        assert list(lines["the paper's plateau"].get_xdata()) == [3, 3]
        assert lines["mean over the orders"].get_ydata().tolist() == lines["one order"].get_ydata().tolist()
    band = _intervals(dsc=[1.0, 2.0], rmse_cm2=[1.0, 2.0]).assign(members=[1, 2], order=1)
    figure = figures.by_members(band, band, {"dsc": 2, "rmse_cm2": 2}, 10)
    assert figure.axes[0].get_xlim()[1] < 3  # two members: the paper's tenth is not on this axis


def test_the_band_of_a_training_is_from_the_worst_to_the_best_member(drawings):
    (axis,) = drawings["training_history"]().axes
    third = 0.9 - 0.5 / 3
    assert np.allclose(_bands(axis), [[(1, 0.41, 0.42), (2, 0.66, 0.67), (3, third + 0.01, third + 0.02)]])
    assert axis.lines[-1].get_ydata() == [0.95, 0.95]


def test_groups_of_disagreement_are_equally_large():
    errors = [1, -3, 9, 5, -7, 0, 2, 2, -8, -4, 0, 1, 9, 1, 2]
    table = pd.DataFrame({"sd_cm2": np.arange(15.0), "error_cm2": errors})
    curve = pd.DataFrame({"share": [0.5, 1.0], "rmse_cm2": [2.0, 3.0], "best_cm2": [1.0, 3.0]})
    above, _ = figures.uncertainty(table, curve).axes
    [groups] = [line for line in above.lines if line.get_label() == "median of 5 groups of cases"]
    assert groups.get_xydata().tolist() == [[1, 3], [4, 5], [7, 2], [10, 1], [13, 2]]
    assert _dots(above) == [np.transpose([table.sd_cm2, table.error_cm2.abs()]).tolist()]
