"""The similarity of two maps of one size: by the order of their values, and by their structure. NumPy only.

Spearman's rank correlation and SSIM are the two measures that Adebayo et al. 2018 (arXiv:1810.03292, section 3) compare
maps by; they add a third one, of edges. SSIM: Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error
Visibility to Structural Similarity", IEEE Transactions on Image Processing 13(4), 2004, section III.B, equation 13,
with its window, 11 cells wide under a Gaussian of 1.5 cells, and its constants.

We differ in one point: in a map of less than 11 rows or columns the window is the largest odd one that fits, its
Gaussian narrower in proportion.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WINDOW, SIGMA = 11, 1.5  # cells
C1, C2 = 0.01**2, 0.03**2  # for values from 0 to 1


@dataclass(frozen=True)
class Similarity:
    """Three measures of two maps. All are 1 for equal maps, and NaN where a value is not finite.

    `spearman` is the rank correlation of the values, -1 to 1; `spearman_absolute` that of their sizes, whatever the
    sign, the same number for maps that are nowhere negative; `ssim` is the structural similarity, -1 to 1.
    """

    spearman: float
    spearman_absolute: float
    ssim: float

    @classmethod
    def of(cls, one: npt.ArrayLike, other: npt.ArrayLike) -> "Similarity":
        """Return the `Similarity` of two maps (rows, columns). Raises ValueError for maps of different sizes."""
        one, other = _checked(one, other)
        order = spearman(one, other)
        signed = one.min() < 0 or other.min() < 0
        return cls(order, spearman(np.abs(one), np.abs(other)) if signed else order, ssim(one, other))


def spearman(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return the rank correlation of two arrays of one shape, -1 to 1; equal values share their mean rank.

    An array that is the same everywhere has no order: its correlation is 1 with another such array, and 0 with others.
    """
    one, other = (np.asarray(values, np.float64).ravel() for values in (one, other))
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    one, other = (ranks(values) - (values.size - 1) / 2 for values in (one, other))
    sizes = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / sizes) if sizes else float(one.any() == other.any())


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the place (n,) of each of (n,) values in their order, from 0; equal ones share the mean of their places.

    >>> ranks(np.array([5.0, 1.0, 5.0]))
    array([1.5, 0. , 1.5])
    """
    _, which, times = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(times) - (times + 1) / 2)[which]


def ssim(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return the structural similarity of two maps (rows, columns), each scaled from its least value, 0, to 1.

    It is the mean over all windows inside the maps. A map that is the same everywhere counts as 0 everywhere.
    """
    one, other = _checked(one, other)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    one, other = _unit(one), _unit(other)
    weights = gaussian(min(WINDOW, *(side - (side + 1) % 2 for side in one.shape)))

    def local(values):
        """Return the weighted mean in each window."""
        for axis in (0, 1):
            values = np.moveaxis(values, axis, 0)
            places = len(values) - len(weights) + 1
            values = np.asarray(sum(weight * values[k : k + places] for k, weight in enumerate(weights)))
            values = np.moveaxis(values, 0, axis)
        return values

    mean, other_mean = local(one), local(other)
    variance, other_variance = local(one**2) - mean**2, local(other**2) - other_mean**2
    covariance = local(one * other) - mean * other_mean
    light = (2 * mean * other_mean + C1) / (mean**2 + other_mean**2 + C1)
    structure = (2 * covariance + C2) / (variance + other_variance + C2)
    return float((light * structure).mean())


def gaussian(size: int) -> np.ndarray:
    """Return (size,) weights that sum to 1, `SIGMA` cells wide where there are `WINDOW` of them."""
    distance = (np.arange(size) - size // 2) / (SIGMA * size / WINDOW)
    weights = np.exp(-(distance**2) / 2)
    return weights / weights.sum()


def _unit(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _checked(one: npt.ArrayLike, other: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if one.ndim != 2 or one.shape != other.shape or not one.size:
        raise ValueError(f"Two maps (rows, columns) of one size are compared. Received: {one.shape} and {other.shape}.")
    return one, other
