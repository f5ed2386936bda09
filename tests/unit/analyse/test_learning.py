"""The training: its short cuts give what the plain calculation gives, and what nobody judged stays."""

import numpy as np
import pytest
from msgspec import structs

from fanal.analyse.signals.domain.learning import (
    RIDGE,
    Trained,
    _across_languages,
    _inverse,
    train,
)
from fanal.analyse.signals.domain.meaning import centred, kernel
from fanal.analyse.signals.domain.model import (
    load_corpus,
    read_header,
    shipped_files,
    vectors_of,
)

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


def test_what_nobody_judged_of_many_alike_texts_stays_as_believed() -> None:
    """A code nobody spoke of would fall, if every label's silence about it were a "no"."""
    whole = load_corpus(tuple(read_header(shipped_files()).corpus)).labels
    stored = vectors_of(shipped_files())
    corpus = whole[::8]
    about = next(x for x in whole[1::8] if x.codes == ("GROOMING_MEETING",))
    desk = [structs.replace(about, id=f"desk1-{n}", codes=("GROOMING_GIFT",)) for n in range(40)]
    labels = [*corpus, *desk]
    vectors = np.stack([stored[x.text] for x in labels])
    vectors[len(corpus) :] += RNG.normal(scale=0.01, size=(40, vectors.shape[1]))
    kept = {x.id: {"GROOMING_MEETING": 0.5} for x in desk}

    def score(trained: Trained, texts: int) -> float:
        mean = vectors[:texts].mean(axis=0)
        near = kernel(
            centred(stored[about.text][None], mean), centred(vectors[:texts], mean)
        ) @ trained.coefficients[1].astype(np.float64)
        column = trained.columns.index("GROOMING_MEETING")
        return float(near[0, column] + trained.ways[1].base[column])

    before = score(train(corpus, vectors[: len(corpus)]), len(corpus))
    silent = score(train(labels, vectors), len(labels))
    after = score(train(labels, vectors, believed=kept), len(labels))
    assert silent < before / 2
    assert after == pytest.approx(0.5, abs=0.1)
