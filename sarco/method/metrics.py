"""Agreement of masks and of areas. A NaN is refused, never skipped.

The paper: "Resulting mask prediction and surface prediction were assessed using Dice similarity coefficient (DSC) and
root mean squared error (RMSE) scores respectively using ground truth masks as standards of reference."

The paper also prints "RMSE was 3.7 cm2 ± 2.3 (SD) (range: 0.0 - 13.0)": SD and range can only be of single slices, as
the root of one mean over all of them has neither. So mean error, mean absolute error and limits of agreement are ours.
"""

import numpy as np


def dice(a, b):
    """Dice similarity coefficient (DSC) of two masks.

    Parameters
    ----------
    a, b : array of bool, same shape

    Returns
    -------
    float
        ``2 |a and b| / (|a| + |b|)``, from 0 to 1. Two empty masks agree: 1.

    Raises
    ------
    ValueError
        The shapes differ, or an array is not bool.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != bool or b.dtype != bool:
        raise ValueError(f"masks must be bool, got {a.dtype} and {b.dtype}")
    if a.shape != b.shape:
        raise ValueError(f"masks differ in shape: {a.shape} and {b.shape}")
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return 2 * np.count_nonzero(a & b) / total if total else 1.0


def errors(predicted, true):
    """Predicted minus true, as an array of float.

    Raises
    ------
    ValueError
        Empty, different lengths, or NaN. All measures of two series raise the same.
    """
    predicted, true = np.asarray(predicted, float), np.asarray(true, float)
    if predicted.shape != true.shape or predicted.ndim != 1 or not predicted.size:
        raise ValueError(f"two series of one length needed, got shapes {predicted.shape} and {true.shape}")
    difference = predicted - true
    if not np.isfinite(difference).all():
        raise ValueError("the values hold NaN or infinity")
    return difference


def mean_error(predicted, true):
    """Mean of predicted minus true: the bias, in the unit of the values."""
    return float(errors(predicted, true).mean())


def mean_absolute_error(predicted, true):
    """Mean of the absolute errors, predicted minus true."""
    return float(mean_absolute(errors(predicted, true)))


def mean_squared_error(predicted, true):
    """Mean of (predicted minus true) squared, in the square of the unit."""
    return float(np.square(errors(predicted, true)).mean())


def rmse(predicted, true):
    """Root of the mean squared error: at least the mean absolute error, and not the same thing."""
    return float(root_mean_square(errors(predicted, true)))


def limits_of_agreement(predicted, true):
    """Bland and Altman's 95 % limits, low and high: mean error minus and plus 1.96 SD of two errors or more."""
    difference = errors(predicted, true)
    if difference.size < 2:
        raise ValueError("limits of agreement need two values or more")
    return tuple(float(limit) for limit in limits(difference))


# Of errors along the last axis, so that many samples are measured at once.


def mean_absolute(errors):
    """Mean absolute error of each sample, a row of errors."""
    return np.abs(errors).mean(axis=-1)


def root_mean_square(errors):
    """RMSE of each sample, a row of errors."""
    return np.sqrt(np.square(errors).mean(axis=-1))


def limits(errors):
    """Limits of agreement of each sample, a row of errors: low and high."""
    mean, half = errors.mean(axis=-1), 1.96 * errors.std(axis=-1, ddof=1)
    return mean - half, mean + half
