"""How sure a mean is: percentile bootstrap intervals of one system and of the difference between two.

Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16; for retrieval measures with questions
as the units, Sakai, Evaluating Evaluation Metrics based on the Bootstrap (SIGIR 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
"""The book asks for 1,000 or more where the ends of an interval are wanted."""
SEED = 0
LEVEL = 0.95
CELLS = 4_000_000
"""Resampled values held at a time: 32 MB."""

Verdict = Literal["better", "worse", "unclear"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean over `count` questions and its 95 % interval."""

    value: float
    low: float
    high: float
    count: int

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean difference over the `count` questions both answered, its 95 % interval, and what it says.

    `p` is the share of resamples that contradict the sign, both sides counted: how easily chance alone would give this.
    `verdict` is `better` or `worse` where the interval lies on one side of 0, else `unclear`.
    """

    value: float
    low: float
    high: float
    count: int
    p: float
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of one value a question.

    Questions are drawn with replacement, always the same draws for the same number. Where all values are equal the
    interval is a point, which says that the questions were too few or too easy to tell.

    Raises:
        ValueError: there is no value.
    """
    means = _means(tuple(values))
    low, high = _ends(means)
    return Estimate(float(np.mean(values)), low, high, len(values))


def difference(ours: Sequence[float], theirs: Sequence[float], *, lower_is_better: bool = False) -> Difference:
    """How much higher `ours` is than `theirs`, question by question.

    Raises:
        ValueError: there is no value, or not the same number of them.
    """
    pairs = [mine - other for mine, other in zip(ours, theirs, strict=True)]
    means = _means(tuple(pairs))
    low, high = _ends(means)
    against = 1 + min(int(np.sum(means <= 0)), int(np.sum(means >= 0)))  # plus the sample itself, so never 0
    sign = (low > 0) - (high < 0)
    verdict: Verdict = "unclear" if sign == 0 else "better" if (sign > 0) != lower_is_better else "worse"
    return Difference(float(np.mean(pairs)), low, high, len(pairs), min(1.0, 2 * against / (RESAMPLES + 1)), verdict)


def separation(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Share of pairs in which the positive one scores higher (ties half): the area under the ROC curve.

    Raises:
        ValueError: one side is empty.
    """
    if not positive or not negative:
        raise ValueError("a separation needs scores on both sides")
    low, high = np.sort(np.asarray(negative)), np.asarray(positive)
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.sum() / (2 * len(positive) * len(negative)))


def _ends(means: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@lru_cache(maxsize=64)
def _means(values: tuple[float, ...]) -> NDArray[np.float64]:
    """The mean of each resample."""
    if not values:
        raise ValueError("a mean needs at least one value")
    array, draw = np.asarray(values, np.float64), np.random.default_rng(SEED)
    rows = max(1, CELLS // len(array))
    sizes = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    return np.concatenate([array[draw.integers(len(array), size=(size, len(array)))].mean(axis=1) for size in sizes])
