"""The paper's numbers agree with each other where they can, and disagree where we say so."""

import pytest

from sarco import paper


def check(name):
    return next(item for item in paper.audit() if item.name == name)


def test_slices_add_up():
    assert paper.training_slices() + paper.VALIDATION + paper.EXCLUDED == paper.RELEASED
    assert paper.training_slices() == 982
    assert check("slices included").agrees


def test_an_epoch_is_more_than_two_passes():
    assert paper.draws_per_epoch() == 2400
    assert paper.passes_per_epoch() == pytest.approx(2.4, abs=0.05)


def test_dsc_chain_closes_and_rmse_chain_does_not():
    dsc, rmse = check("DSC after post-processing"), check("RMSE after post-processing")
    assert dsc.computed == pytest.approx(0.962, abs=5e-4)
    assert dsc.agrees
    assert rmse.computed == pytest.approx(3.69, abs=5e-3)
    assert not rmse.agrees


def test_rmse_follows_from_mse():
    assert check("test RMSE").computed == pytest.approx(3.69, abs=5e-3)
    assert check("test RMSE").agrees
    assert check("largest test error").agrees
    assert paper.mean_absolute_error_cm2() == pytest.approx(2.9, abs=0.05)


def test_18_filters_cannot_give_the_printed_number_of_weights():
    # With all widths a multiple of the initial filters, only the bias of the one output channel is left over.
    assert paper.WEIGHTS % paper.FILTERS == 5
    assert paper.WEIGHTS % 16 == 1


@pytest.mark.parametrize("name", paper.RESULTS)
def test_each_printed_number_lies_in_its_range_and_quote(name):
    printed = paper.RESULTS[name]
    assert f"{abs(printed.value):g}" in printed.quote
    if printed.low is not None:
        assert printed.low <= printed.value <= printed.high
        assert all(f"{number:.1f}" in printed.quote or f"{number:.2f}" in printed.quote
                   for number in (printed.sd, printed.low, printed.high))  # fmt: skip
