"""What the checks warn of, each on both sides of its limit: drawn bodies and headers, no file and no network."""

import warnings

import numpy as np
import pydicom
import pytest

from sarco.ct.geometry import Slice
from sarco.slice_tool import checks

AXIAL = [1, 0, 0, 0, 1, 0]


def disc(radius_mm, centre_mm=(0, 0), shape=(160, 160), spacing_mm=(2.0, 2.0)):
    rows, columns = np.indices(shape)
    y, x = (rows - shape[0] / 2) * spacing_mm[0], (columns - shape[1] / 2) * spacing_mm[1]
    return np.hypot(y - centre_mm[0], x - centre_mm[1]) < radius_mm


def trunk(vertebra=True, shape=(160, 160), spacing_mm=(2.0, 2.0), shift_mm=0):
    """A round trunk with a vertebra; HU."""
    body = disc(120, (0, shift_mm), shape, spacing_mm)
    image_hu = np.where(body, 40.0, -1000.0).astype(np.float32)
    image_hu[body & ~disc(100, (0, shift_mm), shape, spacing_mm)] = -100
    if vertebra:
        image_hu[disc(20, (40, shift_mm), shape, spacing_mm)] = 200
    image_hu[body] += np.random.default_rng(0).normal(0, 10, body.sum())  # as any scanner: no two pixels alike
    return image_hu, spacing_mm


def header_of(**values):
    header = pydicom.Dataset()
    for name, value in values.items():
        setattr(header, name, value)
    return header


def warnings_of(image_hu, spacing_mm=(2.0, 2.0), mask=None, **header):
    mask = np.zeros(image_hu.shape, bool) if mask is None else mask
    header = header_of(**{"ImageOrientationPatient": AXIAL} | header)
    return checks.check(Slice(image_hu, spacing_mm, None, header), mask)


def block(rows, columns, shape=(100, 100)):
    mask = np.zeros(shape, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


# --- all together -------------------------------------------------------------------------------------


def test_nothing_to_say_about_a_plain_trunk():
    assert warnings_of(*trunk(), GantryDetectorTilt=0, SliceThickness=5) == []
    # Pixels that are not square are no reason to warn.
    assert warnings_of(*trunk(shape=(128, 160), spacing_mm=(2.5, 2.0))) == []
    # Rows of 3 mm stay, where columns of 0.1 mm are thinned out.
    assert warnings_of(*trunk(shape=(100, 3000), spacing_mm=(3.0, 0.1))) == []


@pytest.mark.parametrize("side_mm, used_mm", [(0.1, 0.4), (0.2, 0.4), (0.25, 0.5), (0.26, 0.26), (0.6, 0.6)])
def test_pixels_that_are_too_fine_are_thinned_out(side_mm, used_mm, monkeypatch):
    seen = []
    monkeypatch.setattr(checks, "_bodies", lambda image_hu, spacing_mm: seen.append((image_hu.shape, spacing_mm)) or [])
    warnings_of(np.zeros((20, 20), np.float32), (side_mm, 1.0))
    (((rows, columns), spacing_mm),) = seen
    assert spacing_mm == pytest.approx((used_mm, 1.0))
    assert (rows, columns) == (-(-20 // round(used_mm / side_mm)), 20)


def test_all_at_once_in_their_order():
    """A lung in a trunk that the field cuts, arms beside it, too bright, thick, tilted and of an unknown size."""
    image_hu, spacing_mm = trunk(vertebra=False, shift_mm=-50)
    arm = disc(14, (-80, 120))
    image_hu[arm] = 40
    image_hu[disc(45, (-20, -50))] = -800
    image_hu = np.rint(image_hu / 7).astype(np.float32) * 7 + 120
    image_hu[0, 0] = 1500  # bone beyond any window
    found = warnings_of(image_hu, spacing_mm, arm, PixelSpacing=[1, 1], GantryDetectorTilt=10, SliceThickness=8,
                        ImageOrientationPatient=[])  # fmt: skip
    words = ("Measured here", "steps of 7 HU", "field of view cuts", "of the muscle lies outside", "not be at L3: 1",
             "Pixels of 1 x 1 mm", "no ImageOrientationPatient", "tilted by 10°", "8 mm thick")  # fmt: skip
    assert len(found) == len(words), found
    assert all(word in sentence for word, sentence in zip(words, found, strict=True)), found


@pytest.mark.parametrize("low, high", [(-160, 240), (-125, None), (None, 220), (-350, 450)])
def test_a_slice_that_went_through_a_window_is_named_so(low, high):
    image_hu, spacing_mm = trunk()
    image_hu[disc(15, (40, 0))] += 400  # bone of all kinds
    assert warnings_of(image_hu, spacing_mm) == []
    clipped = np.clip(image_hu, low, high)
    ends = " and ".join(f"{end} HU" for end in (low, high) if end is not None)
    (sentence,) = warnings_of(clipped, spacing_mm)
    assert f"stop at {ends}, as after a display window" in sentence
    # Stored in 256 steps, as in a picture, it is the same.
    span = np.ptp(clipped) / 255
    assert warnings_of(np.round((clipped - clipped.min()) / span) * span + clipped.min(), spacing_mm) == [sentence]


def test_what_a_window_leaves_to_be_told():
    """Of a windowed slice the values tell nothing more, and the field only where the window shows the air as air."""
    image_hu, spacing_mm = trunk(shift_mm=60)
    for low, words in ((-350, ("stop at -350 HU", "field of view cuts")), (-300, ("stop at -300 HU",))):
        fat = disc(110, (0, 60)) & ~disc(105, (0, 60))  # which is no muscle
        found = warnings_of(np.clip(image_hu, low, None).round(-1), spacing_mm, fat)
        assert len(found) == len(words), found
        assert all(word in sentence for word, sentence in zip(words, found, strict=True)), found
    # One that stops above alone is still measured against air and fat, but not for its steps.
    found = warnings_of(np.clip(image_hu - 80, None, 60).round(-1), spacing_mm)
    assert [sentence.split()[0] for sentence in found[:2]] == ["The", "Measured"] and "stop at 60 HU" in found[0]
    assert not any("steps" in sentence for sentence in found)


@pytest.mark.parametrize("low", [-200, -160, -125])
def test_an_arm_is_told_from_the_trunk_where_a_window_took_the_air(low):
    image_hu, spacing_mm = trunk(shift_mm=-30)
    arm = disc(20, (0, 125))
    image_hu[arm] = 40
    found = warnings_of(np.clip(image_hu, low, 240), spacing_mm, arm | disc(60, (0, -30)))
    assert len(found) == 2 and f"stop at {low} HU" in found[0] and "of the muscle lies outside the trunk" in found[1]


def test_a_field_within_the_body_is_cut_and_not_windowed():
    image_hu, spacing_mm = trunk()
    image_hu[disc(15, (40, 0))] += 400
    (sentence,) = warnings_of(image_hu[50:120, 50:110], spacing_mm)
    assert "field of view cuts the body" in sentence


# --- bodies and the edge of the field --------------------------------------------------------------------


def test_bodies_without_what_is_thin():
    """The largest two, each whole, with gas within; a table of 5 mm vanishes, one of 8 mm stays as a body."""
    shape, spacing_mm = (200, 200), (1.0, 1.0)
    large, small, tiny = (disc(r, c, shape, spacing_mm) for r, c in ((40, (-40, -40)), (25, (50, 50)), (10, (60, -60))))
    image_hu = np.where(large | small | tiny, 0.0, -1000.0)
    image_hu[disc(8, (-40, -40), shape, spacing_mm)] = -1000  # gas
    first, second = checks._bodies(image_hu, spacing_mm)
    for body, whole in ((first, large), (second, small)):
        assert np.count_nonzero(body ^ whole) < 0.01 * np.count_nonzero(whole)
    assert first[60, 60]
    for thick, bodies in ((6, 0), (8, 1)):
        table = np.full(shape, -1000.0)
        table[100 : 100 + thick, 20:180] = 0
        found = checks._bodies(table, spacing_mm)
        assert len(found) == bodies
    assert np.array_equal(np.flatnonzero(found[0].any(1)), np.arange(100, 108))
    # A line that touches a body is no part of it but for a pixel at each end; the body is whole but for its corners.
    body = block((50, 90), (50, 90), shape)
    (found,) = checks._bodies(np.where(body | block((70, 71), (20, 180), shape), 0.0, -1000.0), spacing_mm)
    assert (np.count_nonzero(found & ~body), np.count_nonzero(body & ~found)) == (2, 12)


@pytest.mark.parametrize("hu, bodies", [(-310, 0), (-300, 0), (-290, 1)])
def test_what_is_dense_is_body(hu, bodies):
    """A body that the field cuts is not thinner there."""
    image_hu = np.full((60, 60), -1000.0)
    image_hu[:20, 20:40] = hu
    found = checks._bodies(image_hu, (1.0, 1.0))
    assert len(found) == bodies
    assert not found or found[0][0].sum() == found[0][10].sum() == 20


def test_the_edge_is_a_circle_where_the_corners_are_empty():
    image_hu = np.zeros((5, 7))
    square = [[0] * 7, [0, *[1] * 5, 0], [0, 1, 2, 2, 2, 1, 0], [0, *[1] * 5, 0], [0] * 7]
    assert checks._from_edge(image_hu).tolist() == square
    inside = checks._from_edge(np.full((5, 7), -1000.0))
    assert inside[2].tolist() == [-0.5, 0.5, 1.5, 2.5, 1.5, 0.5, -0.5]
    assert inside[:, 3].tolist() == [0.5, 1.5, 2.5, 1.5, 0.5]
    for corner_hu, circle in ((-999, False), (-1000, True), (-1024, True)):
        image_hu[inside < 0] = corner_hu
        assert (checks._from_edge(image_hu)[0, 0] < 0) == circle
    image_hu[(inside < 0) & (inside > -1)] = 0  # not all of the corners is empty
    assert checks._from_edge(image_hu).tolist() == square
    assert checks._from_edge(np.full((5, 5), -1000.0))[0, 0] == pytest.approx(2.5 - 8**0.5)
    for shape in ((2, 2), (2, 1)):  # where the circle has no corners
        assert not checks._from_edge(np.full(shape, -1000.0)).any()


@pytest.mark.parametrize(
    "rows, wide_px, cm",
    [
        ((0, 50), 5, None),  # 10 mm are let pass
        ((0, 50), 6, 1),
        ((0, 50), 50, 10),
        ((0, 3), 6, 1),  # so deep is the edge
        ((1, 50), 7, None),
        ((1, 50), 9, 1),
        ((2, 50), 14, None),
        ((2, 50), 16, 1),
        ((3, 50), 80, None),
    ],
)
def test_the_field_may_be_touched_along_ten_millimetres(rows, wide_px, cm):
    body = block(rows, (10, 10 + wide_px))
    image_hu = np.where(body, 0.0, -900.0)
    for spacing_mm in ((2.0, 2.0), (1.0, 4.0)):
        found = list(checks._field(image_hu, spacing_mm, [body, ~body]))
        assert len(found) == (cm is not None)
        assert cm is None or f"cuts the body along about {cm} cm, so muscle may be missing" in found[0]
    assert list(checks._field(image_hu, (2.0, 2.0), [])) == []


def test_the_corners_of_a_round_field_are_no_edge():
    body = checks._from_edge(np.full((100, 100), -1000.0)) < 0
    assert list(checks._field(np.full((100, 100), -1000.0), (2.0, 2.0), [body])) == []
    assert len(list(checks._field(np.full((100, 100), -900.0), (2.0, 2.0), [body]))) == 1


# --- values ---------------------------------------------------------------------------------------------


def ends_of(*parts, size=10_000):
    """Ends of a slice with so many pixels of one value each, and the rest all different."""
    values = np.linspace(-900, 900, size)
    start = 0
    for count, value in parts:
        values[start : start + count] = value
        start += count
    return checks._ends(np.random.default_rng(0).permutation(values).reshape(100, -1))


def test_an_end_is_where_many_pixels_stand():
    assert ends_of() == (None, None)
    # At the lower end 5 % within 2 HU: the rest lies above.
    above = np.linspace(-100, 900, 10_000)

    def low(count, value=-160.0, near=(), lower=()):
        values = above.copy()
        values[:count] = value
        for start, (some, other) in zip((count, count + 1000), (*near, *lower), strict=False):
            values[start : start + some] = other
        return checks._ends(values.reshape(100, 100))[0]

    assert (low(480), low(500), low(520)) == (None, None, -160)
    assert (low(300, near=[(300, -158.0)]), low(300, near=[(300, -157.5)])) == (-160, None)
    assert (low(600, lower=[(90, -400.0)]), low(600, lower=[(110, -400.0)])) == (-160, None)
    assert (low(600, -490.0), low(600, -500.0), low(600, -510.0)) == (-490, None, None)

    def high(count, value):
        values = np.linspace(-900, value - 1, 10_000)
        values[-count:] = value
        return checks._ends(values.reshape(100, 100))[1]

    assert (high(9, 240.0), high(10, 240.0), high(12, 240.0)) == (None, None, 240)
    assert (high(20, 990.0), high(20, 1000.0), high(20, 1010.0)) == (990, None, None)
    assert (high(20, -490.0), high(20, -500.0), high(20, -510.0)) == (-490, None, None)
    # Only the circle of the field counts, of one that has empty corners.
    image_hu = np.random.default_rng(0).permutation(np.clip(above, -50, None)).reshape(100, 100)
    image_hu[checks._from_edge(np.full((100, 100), -1000.0)) < 0] = -1000
    assert checks._ends(image_hu)[0] == -50


def measured(air=None, fat=None, muscle=None, air_px=200, fat_px=1200):
    """What `_hounsfield` says of 10,000 pixels, 4,000 of them body, in which each of the three has one value."""
    image_hu, mask = np.full((100, 100), 50.0), np.zeros((100, 100), bool)
    body = block((0, 40), (0, 100))
    if air is not None:
        image_hu[60:].flat[:air_px] = air
    if fat is not None:
        image_hu[:40].flat[:fat_px] = fat
    if muscle is not None:
        mask[50:55] = True
        image_hu[mask] = muscle
    (sentence,) = list(checks._hounsfield(image_hu, [body], mask)) or [""]
    return sentence.removeprefix("Measured here: ").partition(".")[0]


@pytest.mark.parametrize(
    "what, fit, wrong",
    [
        ("air", (-1035, -1020, -960, -955), (-1040, -950, -600, -501, -2047)),
        ("fat", (-149, -100, -61), (-155, -55, -295, -35)),
        ("muscle", (-20, -15, 95, 100), (-21, 101)),
    ],
)
def test_air_fat_and_muscle_have_their_values(what, fit, wrong):
    assert [measured(**{what: value}) for value in fit] == [""] * len(fit)
    assert [measured(**{what: value}) for value in wrong] == [f"{what} {value} HU" for value in wrong]


def test_what_tells_nothing_of_the_scale():
    assert (measured(air=-900, air_px=100), measured(air=-900, air_px=101)) == ("", "air -900 HU")
    assert [measured(air=value) for value in (-1024, -2048, -3000, -500)] == [""] * 4  # never measured, or no air
    assert (measured(fat=-165, fat_px=600), measured(fat=-165, fat_px=700)) == ("", "fat -165 HU")
    assert [measured(fat=value) for value in (-305, -25)] == [""] * 2  # no fat
    assert (measured(fat=-30.5), measured(fat=-29.5)) == ("fat -35 HU", "")
    assert measured(air=-900, fat=-165, muscle=-50) == "air -900 HU, fat -165 HU, muscle -50 HU"
    # A quarter of the air is enough: the rest may be cushions.
    for free, words in ((255, ""), (245, "air -900 HU")):
        assert measured(air=np.repeat([-990.0, -900.0], [free, 1000 - free]), air_px=1000) == words
    # What was not measured does not count, nor do the corners around a round field, nor a second body.
    assert measured(air=np.repeat([-1024.0, -900.0], 500), air_px=1000) == "air -900 HU"
    corners = np.where(checks._from_edge(np.full((100, 100), -1000.0)) < 0, -1050.0, 50.0)
    corners[45:55, 45:55] = -980
    assert list(checks._hounsfield(corners, [], corners > 1e9)) == []
    fat = np.where(block((0, 50), (0, 100)), -100.0, -170.0)
    halves = [block((0, 50), (0, 100)), block((55, 100), (0, 100))]
    assert list(checks._hounsfield(fat, halves, fat > 1e9)) == []
    # Noise is smoothed away: fat of -100 HU, between 0 and -200 from pixel to pixel, is fat.
    noisy = np.where(np.indices((100, 100)).sum(0) % 2, 0.0, -200.0)
    assert list(checks._hounsfield(noisy, [np.ones((100, 100), bool)], noisy > 1e9)) == []


@pytest.mark.parametrize(
    "values, step",
    [
        (range(-200, 200, 4), None),
        (range(-200, 200, 5), 5),
        (range(-200, -119, 10), 10),  # nine values are eight steps
        (range(-200, -129, 10), None),
        ([*range(-200, -129, 10), -210], None),
        ([*range(120, 191, 10), 200], None),
        ([*range(110, 191, 10), 200], 10),
        (np.arange(-200, 200, 0.25), None),
        (np.concatenate([np.arange(0, 90, 10) + part for part in (0, 0.1, 0.2)]), 10),  # as floats are stored
    ],
)
def test_steps_that_are_too_coarse(values, step):
    found = list(checks._steps(np.array(list(values), float)))
    assert [f"steps of {step} HU" in sentence for sentence in found] == [True] * (step is not None)


# --- is it a trunk at L3, of someone on the back? ---------------------------------------------------------


def test_more_than_one_body():
    first, mask = block((0, 50), (0, 80)), block((0, 10), (0, 10))  # 40 cm2 of pixels of 1 mm2
    found = [list(checks._other_bodies([first, block((60, 70), (0, wide))], mask, (1.0, 1.0))) for wide in (96, 100)]
    assert found == [[], []]
    second = block((60, 70), (0, 100)) | block((70, 71), (0, 10))
    (sentence,) = checks._other_bodies([first, second], mask, (1.0, 1.0))
    assert "(40 and 10 cm²); muscle of both is counted" in sentence
    (sentence,) = checks._other_bodies([first, second], second, (1.0, 1.0))  # of which the muscle may be
    assert "More than one body" in sentence


@pytest.mark.parametrize("wide, words", [(0, []), (20, []), (22, ["0.2 cm² of the muscle lies outside the trunk"])])
def test_muscle_outside_the_trunk(wide, words):
    """Two hundredths of the 10 cm2 are let pass."""
    body, outside = block((0, 50), (0, 80)), block((60, 61), (0, wide))
    mask = (block((0, 10), (0, 100)) & body) | block((10, 12), (0, 80)) | block((20, 21), (0, 40 - wide)) | outside
    assert np.count_nonzero(mask) == 1000
    found = list(checks._other_bodies([body], mask, (1.0, 1.0)))
    assert [sentence.partition(" (")[0] for sentence in found] == words
    assert list(checks._other_bodies([], mask, (1.0, 1.0))) == []
    assert list(checks._other_bodies([body], mask & False, (1.0, 1.0))) == []


def of_trunk(body=None, hu=0.0, *parts, shape=(100, 100), spacing_mm=(2.0, 2.0), vertebra=True):
    """What `_trunk` says of a body of one value with parts (mask, HU) in it."""
    body = block((10, 90), (5, 95), shape) if body is None else body
    image_hu = np.where(body, hu, -1000.0)
    if vertebra:
        image_hu[55:75, 40:60] = 300
    for part, value in parts:
        image_hu[part] = value
    return [
        sentence.removeprefix("The slice may not be at L3: ")
        for sentence in checks._trunk(image_hu, spacing_mm, [body])
    ]


def test_a_trunk_has_a_hundred_square_centimetres():
    assert list(checks._trunk(np.zeros((9, 9)), (1.0, 1.0), [])) == [
        "The slice may not be at L3: no trunk was found (the largest body has 0 cm²)."
    ]
    bodies = [block((0, 50), (0, wide)) for wide in (49, 50)]  # 4 mm2 a pixel
    small, fit = (of_trunk(body, vertebra=False) for body in bodies)
    assert small == ["no trunk was found (the largest body has 98 cm²)."]
    assert fit == ["there is no vertebra in the middle of the body (0.0 cm² of bone)."]


def test_lung_in_the_body():
    """Of the 7,200 pixels of the body 576 are 8 %."""
    lung = [block((15, 27), (10, 10 + wide)) for wide in (48, 50)]
    assert of_trunk(None, 0.0, (lung[0], -800)) == []
    assert of_trunk(None, 0.0, (lung[1], -800)) == ["8% of the body has the density of lung."]
    found = {hu: bool(of_trunk(None, 0.0, (lung[1], hu))) for hu in (-951, -950, -949, -601, -600, -599)}
    assert found == {-951: False, -950: False, -949: True, -601: True, -600: False, -599: False}
    assert of_trunk(None, 0.0, (lung[1], -800), vertebra=False) == [
        "8% of the body has the density of lung, and there is no vertebra in the middle of the body (0.0 cm² of bone)."
    ]


def test_a_vertebra_in_the_middle_half():
    """Bone with what it encloses; pixels of 4 mm2, so that 125 are 5 cm2."""

    def lacks(part, hu=300):
        return any("no vertebra" in sentence for sentence in of_trunk(None, 0.0, (part, hu), vertebra=False))

    assert lacks(block((60, 64), (35, 66))) and not lacks(block((60, 65), (35, 60)))  # 4.96 and 5 cm2
    assert lacks(block((60, 75), (45, 57)), 145) and not lacks(block((60, 75), (45, 57)), 160)
    ring = block((58, 74), (42, 58)) & ~block((60, 72), (44, 56))
    assert not lacks(ring, 600)
    # The body lies from 5 to 94, its middle half from 27 to 71.
    assert lacks(block((60, 72), (15, 27))) and lacks(block((60, 72), (73, 85)))
    assert not lacks(block((60, 72), (27, 39))) and not lacks(block((60, 72), (60, 72)))
    assert lacks(block((60, 72), (20, 34))) and lacks(block((60, 72), (66, 80)))
    # Contrast outside the body is none in it.
    assert lacks(block((92, 98), (30, 70)))
    # Points of noise are no bone.
    points = np.zeros((150, 150), bool)
    points[12:138:3, 12:138:3] = True
    (sentence,) = of_trunk(block((10, 140), (10, 140), (150, 150)), 0.0, (points, 300), shape=(150, 150),
                           spacing_mm=(1.0, 1.0), vertebra=False)  # fmt: skip
    assert "(0.0 cm² of bone)" in sentence


@pytest.mark.parametrize("columns, enough", [((27, 38), False), ((28, 39), True), ((63, 74), True), ((64, 75), False)])
def test_where_the_middle_half_ends(columns, enough):
    """Of a body from 5 to 97: bone of 12 rows, of which 11 columns are 5.28 cm2 and 10 are too few."""
    body, bone = block((10, 90), (5, 98)), block((60, 72), columns)
    assert any("no vertebra" in sentence for sentence in of_trunk(body, 0.0, (bone, 300), vertebra=False)) != enough


def higher_than_wide(high, wide, top=40, spacing_mm=(2.0, 2.0), *parts):
    body = block((top, top + high), (75 - wide // 2, 75 - wide // 2 + wide), (150, 150))
    found = of_trunk(body, 0.0, *parts, shape=(150, 150), spacing_mm=spacing_mm, vertebra=False)
    return any("higher than wide" in sentence for sentence in found)


@pytest.mark.parametrize("high, wide, turned", [(66, 61, False), (68, 61, True), (67, 61, False), (60, 70, False)])
def test_a_body_that_is_higher_than_wide(high, wide, turned):
    assert higher_than_wide(high, wide) == turned
    assert higher_than_wide(high, (wide - 1) // 2 + 1, spacing_mm=(2.0, 4.0)) == turned


@pytest.mark.parametrize("top, turned", [(2, False), (3, True), (4, True)])
def test_a_body_that_is_cut_has_no_shape(top, turned):
    table = block((149, 150), (0, 150), (150, 150))  # so that the field is no circle
    assert higher_than_wide(80, 50, top, (2.0, 2.0), (table, 0)) == turned


def spine(*places, wide_px=11):
    """Whether it lies in the half of the belly: bones of 5.7 cm2, with their centres at rows and columns."""
    parts = [
        (block((row - 6, row + 7), (column - wide_px // 2, column - wide_px // 2 + wide_px), (101, 101)), 300)
        for row, column in places
    ]
    found = of_trunk(block((0, 101), (0, 101), (101, 101)), 0.0, *parts, shape=(101, 101), vertebra=False)
    return any("where the belly should be" in sentence for sentence in found)


def test_the_spine_lies_behind():
    assert (spine((41, 50)), spine((42, 50)), spine((43, 50))) == (True, False, False)
    assert spine((30, 41)) and spine((30, 59))
    assert not spine((30, 39)) and not spine((30, 61))  # beside the middle is bowel
    assert not spine((30, 50), wide_px=9)  # no vertebra is so small
    assert not spine((20, 50), (70, 50))  # contrast in front of the spine
    assert not spine()
    # Bones that touch at a corner are two.
    image, rows, columns = np.zeros((121, 121), bool), np.arange(10, 111), np.arange(5, 106)
    image[30:40, 45:55], image[40:44, 55:65] = True, True
    for pixel_cm2 in (0.05, 0.06):
        assert checks._deepest_bone(image, rows, columns, pixel_cm2) == pytest.approx(0.245)
    assert np.isnan(checks._deepest_bone(image, rows, columns, 0.049))


# --- the header -------------------------------------------------------------------------------------------


def size_of(shape=(500, 500), spacing_mm=(0.8, 0.8), **header):
    slice_ = Slice(np.zeros(shape), spacing_mm, None, header_of(PixelSpacing=list(spacing_mm), **header))
    return " ".join(checks._size(slice_))


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_the_size_that_the_header_gives():
    assert size_of() == size_of(ReconstructionDiameter=400) == size_of(DataCollectionDiameter=500) == ""
    # Half a percent is let pass; the field is 400 mm.
    for diameter_mm, wrong in ((398.1, False), (397.9, True), (401.9, False), (402.1, True)):
        assert bool(size_of(ReconstructionDiameter=diameter_mm)) == wrong
    assert size_of(ReconstructionDiameter=200) == (
        "PixelSpacing (0.8 x 0.8 mm) makes a field of 400 mm, and ReconstructionDiameter says 200 mm: unless the slice "
        "was cropped or resampled, areas are 4.00 times the true ones."
    )
    assert "makes a field of 400 mm" in size_of((400, 500), ReconstructionDiameter=300)
    # With fewer rows than columns the longer side counts, and areas go with both sides of a pixel.
    assert size_of((400, 500), ReconstructionDiameter=400) == size_of((500, 400), ReconstructionDiameter=400) == ""
    assert "areas are 2.00 times" in size_of((400, 800), (0.5, 1.0), ReconstructionDiameter=400)
    # Where pixels are not square, each side must fit.
    assert "has 5" not in size_of((500, 400), (0.8, 1.0), ReconstructionDiameter=400)
    assert size_of((500, 400), (0.8, 1.0), ReconstructionDiameter=400) == ""
    assert "ReconstructionDiameter" in size_of((500, 500), (0.8, 1.0), ReconstructionDiameter=500)
    # Only where there is no such diameter is the scanner's asked.
    for diameter_mm, wrong in ((399, False), (398, False), (397, True), (0, False), (-1, False)):
        assert ("(DataCollectionDiameter) has" in size_of(DataCollectionDiameter=diameter_mm)) == wrong
    assert "(DataCollectionDiameter) has 350" in size_of((400, 500), DataCollectionDiameter=350)
    assert "ReconstructionDiameter says 0.5 mm" in size_of(ReconstructionDiameter=0.5)
    assert size_of(ReconstructionDiameter=400, DataCollectionDiameter=300) == ""
    assert "DataCollectionDiameter" in size_of(ReconstructionDiameter=0, DataCollectionDiameter=300)
    assert "DataCollectionDiameter" in size_of(ReconstructionDiameter="nan", DataCollectionDiameter=300)
    assert size_of(ReconstructionDiameter=[400, 1]) == ""


def test_a_size_that_nothing_speaks_for():
    assert "Pixels of 1 x 1 mm" in size_of(spacing_mm=(1, 1))
    assert "Pixels of 1 x 1 mm" in size_of(spacing_mm=(1, 1), ReconstructionDiameter=500)
    assert size_of(spacing_mm=(2, 2)) == ""
    assert "Neither the pixels (0.8 x 1 mm) nor the field (400 x 500 mm) are square" in size_of(spacing_mm=(0.8, 1.0))
    assert size_of((500, 400), (0.8, 1.0)) == ""  # a field that is square
    for side_mm, wrong in ((0.8035, False), (0.8045, True), (0.7965, False), (0.7955, True)):
        assert bool(size_of(spacing_mm=(side_mm, 0.8))) == wrong
    for rows, wrong in ((497, True), (502, False), (498, False)):
        assert bool(size_of((rows, 400), (0.8, 1.0))) == wrong
    # A slice without a header is judged by its pixels.
    bare = Slice(np.zeros((9, 9)), (1.0, 1.0), None, pydicom.Dataset())
    assert "Pixels of 1 x 1 mm" in "".join(checks._size(bare))


def turned_by(degrees):
    angle = np.radians(degrees)
    return [np.cos(angle), np.sin(angle), 0, -np.sin(angle), np.cos(angle), 0]


def test_how_the_slice_lies_in_its_plane():
    for degrees, words in (
        (0, None),
        (29, None),
        (31, "turned by 31°"),
        (-31, "turned by 31°"),
        (149, "turned by 31°"),
    ):
        found = list(checks._orientation(header_of(ImageOrientationPatient=turned_by(degrees))))
        assert len(found) == (words is not None) and (words is None or words in found[0])
    for values in ({}, {"ImageOrientationPatient": [1, 0, 0]}):
        (sentence,) = checks._orientation(header_of(**values))
        assert "no ImageOrientationPatient" in sentence


def tilted_by(degrees):
    angle = np.radians(degrees)
    return [1, 0, 0, 0, np.cos(angle), np.sin(angle)]


def test_a_slice_that_is_tilted():
    def said(**values):
        return "".join(checks._tilt(header_of(**values)))

    assert "by 5°" in said(GantryDetectorTilt=[5, 20])  # the second is of nothing
    for degrees, words in ((0, ""), (0.9, ""), (1, ""), (1.1, "by 1°"), (-12, "by 12°"), (59, "by 59°"), (60, "")):
        assert words in said(GantryDetectorTilt=degrees) and bool(words) == bool(said(GantryDetectorTilt=degrees))
    assert said(ImageOrientationPatient=AXIAL) == said() == ""
    assert "tilted by 15°, so areas may be 3.5% larger" in said(ImageOrientationPatient=tilted_by(15))
    assert "by 20°" in said(ImageOrientationPatient=tilted_by(20), GantryDetectorTilt=5)
    assert "by 20°" in said(ImageOrientationPatient=tilted_by(5), GantryDetectorTilt=20)
    assert "by 15°" in said(ImageOrientationPatient=[-v for v in tilted_by(15)][:3] + tilted_by(15)[3:])
    assert "by 15°" in said(ImageOrientationPatient=[2 * v for v in tilted_by(15)])
    assert "by 15°" in said(ImageOrientationPatient=[0.9659, 0, 0.2588, 0, 1, 0])
    with warnings.catch_warnings(action="error"):
        assert said(ImageOrientationPatient=[0] * 6) == said(ImageOrientationPatient=[1, 0, 0]) == ""


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_a_slice_that_is_thick():
    for thickness, thick in ((None, False), (3, False), ([3, 10], False), (5.01, False), (5.011, True), (10, True)):
        found = list(checks._thickness(header_of(SliceThickness=thickness)))
        assert len(found) == thick
    assert found[0].startswith("The slice is 10 mm thick: over 5 mm, edges of muscle")
    assert list(checks._thickness(header_of(SliceThickness="inf"))) == []
