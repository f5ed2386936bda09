"""The training: its short cuts give what the plain calculation gives, and what nobody judged stays."""

import numpy as np
import pytest
from msgspec import structs

from fanal.analyse.signals.domain.learning import (
    RIDGE,
    EarlierReader,
    Trained,
    _across_languages,
    _inverse,
    train,
)
from fanal.analyse.signals.domain.meaning import (
    DANGER,
    DANGERS,
    Label,
    Scale,
    Way,
    centred,
    kernel,
)
from fanal.analyse.signals.domain.model import (
    load_corpus,
    read_header,
    shipped_files,
    vectors_of,
)

pytestmark = pytest.mark.long
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
    assert after == pytest.approx(0.5, abs=0.15)


def small_corpus(size: int) -> tuple[list[Label], np.ndarray]:
    """Return a part of the corpus and its embeddings."""
    whole = load_corpus(tuple(read_header(shipped_files()).corpus)).labels
    labels = list(whole[:: len(whole) // size])
    stored = vectors_of(shipped_files())
    return labels, np.stack([stored[label.text] for label in labels])


def test_danger_is_learnt_over_its_codes_together() -> None:
    labels, vectors = small_corpus(400)
    trained = train(labels, vectors)
    assert trained.columns[-2:] == (DANGER, "any")
    share = np.mean([bool(set(label.codes) & set(DANGERS)) for label in labels])
    assert trained.ways[0].base[-2] == pytest.approx(share)


def test_what_is_believed_of_a_danger_is_the_highest_of_its_codes() -> None:
    labels, vectors = small_corpus(400)
    plain = [structs.replace(label, codes=(), nature=None) for label in labels[:40]]
    kept = {label.id: {"IMMINENCE_ONGOING": 0.5, DANGER: 0.9} for label in plain}
    trained = train([*plain, *labels[40:]], vectors, believed=kept)
    learnt = sum(bool(set(label.codes) & set(DANGERS)) for label in labels[40:])
    assert trained.ways[0].base[-2] == pytest.approx((learnt + 0.5 * 40) / len(labels))


def test_a_model_of_an_earlier_package_without_danger_is_compared_all_the_same() -> None:
    labels, vectors = small_corpus(400)
    known = np.arange(len(labels)) < len(labels) - 20
    way = train(labels, vectors).ways[0]
    older = Way(
        base=(*way.base[:-2], way.base[-1]),
        scale=Scale(
            own=(*way.scale.own[:-2], way.scale.own[-1]),
            any=(*way.scale.any[:-2], way.scale.any[-1]),
            bias=(*way.scale.bias[:-2], way.scale.bias[-1]),
        ),
        thresholds=(*way.thresholds[:-2], way.thresholds[-1]),
    )
    both = [
        train(labels, vectors, earlier=EarlierReader(way=one, known=known, corpus=len(labels)))
        for one in (way, older)
    ]
    assert both[0].comparison == both[1].comparison
