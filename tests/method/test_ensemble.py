"""The ensemble: the mean of its members, and what it spares them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sarco.base.errors import SarcoError
from sarco.method import ensemble, unet


class Counting:
    """An engine of two members that find the image, and half of it."""

    def probabilities(self, image):
        self.seen = image.shape
        return np.stack([image, image / 2]).astype(np.float32)


@pytest.fixture
def two():
    made = ensemble.Ensemble({"spacing_mm": 2.0}, [[], []])
    made.engine = Counting()
    return made


def test_the_output_is_the_mean():
    members = np.array([0.0, 0.0, 1.0], np.float32)[:, None, None] * np.ones((2, 2), np.float32)
    assert ensemble.average(members) == pytest.approx(np.full((2, 2), 1 / 3))


def test_members_see_the_body_and_air_is_nothing(two):
    image_hu = np.full((120, 200), -1000.0)
    image_hu[28:92, 40:140] = 75  # 64 x 100 mm in the middle of a field of 512
    found = two.predict_members(image_hu, (1.0, 1.0))
    assert (two.size, found.shape, found.dtype) == (2, (2, 256, 256), np.float32)
    # 32 x 50 pixels of 2 mm and 16 to each side, in whole sixteens.
    assert two.engine.seen == (64, 96)
    assert found[0, 128, 128] == 0.5 and found[1, 128, 118] == 0.25
    assert (found[0] > 0.25).sum() == 32 * 50 and found[:, :90].max() == 0


def test_a_member_is_built_from_its_weights_alone():
    kept = unet.unet(filters=3, depth=2).get_weights()
    made = ensemble.Ensemble({"spacing_mm": 4.0}, [kept, kept])
    assert (made.size, made.network_spacing_mm) == (2, 4.0)
    built = ensemble.network(kept)
    assert all(np.array_equal(a, b) for a, b in zip(built.get_weights(), kept, strict=True))


def test_the_engine_is_made_once_and_when_it_is_needed(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(ensemble.engines, "make", lambda *how: made.append(how) or len(made))
    team = ensemble.Ensemble({}, [["of one"]], engine="float32")
    assert not made and team.engine == team.engine == 1
    assert made == [("float32", [["of one"]], ensemble.network, False)]
    (tmp_path / "manifest.json").write_text('{"members": []}')
    assert ensemble.Ensemble.load(tmp_path, engine="keras", once=True).engine == 2
    assert (made[1][0], *made[1][1], made[1][3]) == ("keras", True)


def test_threads_that_come_at_once_share_one_engine(monkeypatch):
    made, barrier = [], threading.Barrier(4)

    def make(*how):
        time.sleep(0.1)  # as long as the others need to ask as well
        made.append(how)
        return len(made)

    monkeypatch.setattr(ensemble.engines, "make", make)
    team = ensemble.Ensemble({}, [])
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: barrier.wait() < 4 and team.engine, range(4))) == {1}


def test_an_unknown_engine_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(SarcoError, match="engine abacus: there is no such engine"):
        ensemble.Ensemble.load(tmp_path, engine="abacus")
