"""The training's short cuts give what the plain calculation gives."""

import numpy as np
import pytest

from fanal.analyse.signals.domain.learning import RIDGE, _across_languages, _inverse

RNG = np.random.default_rng(7)


def kernel_of(size: int) -> np.ndarray:
    """Return a Gaussian kernel matrix of random points."""
    points = RNG.normal(size=(size, 6))
    return np.exp(-((points[:, None] - points[None]) ** 2).sum(axis=2) / 9)


@pytest.mark.parametrize("size", [1, 512, 513, 1300])
def test_an_inverse_by_quarters_is_the_inverse(size: int) -> None:
    matrix = kernel_of(size) + RIDGE * np.eye(size)
    assert np.abs(_inverse(matrix) @ matrix - np.eye(size)).max() < 1e-6


def test_texts_are_scored_by_other_authors_and_other_languages_alone() -> None:
    matrix, wanted = kernel_of(60), RNG.random((60, 3)).round()
    hands = np.array([f"hand{n % 4}" for n in range(60)])
    languages = np.array([("fr", "en", "ar")[n % 3] for n in range(60)])
    found = _across_languages(matrix, wanted, hands, languages)
    for row in range(60):
        rest = np.flatnonzero((hands != hands[row]) & (languages != languages[row]))
        mean = wanted[rest].mean(axis=0)
        part = matrix[np.ix_(rest, rest)] + RIDGE * np.eye(len(rest))
        assert found[row] == pytest.approx(
            matrix[row, rest] @ np.linalg.solve(part, wanted[rest] - mean) + mean, abs=1e-9
        )
