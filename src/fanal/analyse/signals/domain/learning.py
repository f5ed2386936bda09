"""Training of the text reader's model: coefficients, calibration and thresholds from the labelled corpus.

The classifier is a kernel ridge regression. Parameters are chosen, and quality is measured, by
cross-validation over authors ("hands"): each author's texts are scored by coefficients of the other authors'
texts. With the inverse A of the regularised kernel matrix, the error on the texts G of an omitted author is
(A_GG)^-1 (A y)_G, without another training.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from fanal.analyse.signals.domain.meaning import (
    DANGER,
    DANGERS,
    Floats,
    Label,
    Scale,
    Vectors,
    Way,
    centred,
    kernel,
    probabilities,
    tells_danger,
    tfidf,
    vocabulary_of,
    word_counts,
)

NATURES = ("SPAM", "TEST", "QUESTION", "RETRACTED", "OFF_TOPIC", "INNOCENT", "INFORMATIONAL")
RIDGE = 0.3
MOST_PLAIN = (0.055, 0.08)
"""Highest share of texts without codes that may get one, on the hands left out: with words, without.

The first is less than the 8 % promised: a new hand differs more from the corpus than its hands from each
other. Without words, in other languages, recall is what is scarce.
"""
LEAST_PRECISE = 0.65
"""Least precision of a code on the hands left out, where a threshold reaches it; 0.60 is promised."""
_GRID = np.round(np.arange(0.10, 0.90, 0.01), 2)
_NATURE_FROM = 0.5
_SMALL = 512
Flags = NDArray[np.bool_]


class Quality(Struct, frozen=True, kw_only=True):
    """Quality of a text reader on texts of authors omitted from its training (cross-validation).

    `f1`, `precision` and `recall` are micro-averaged over the signal codes (0..1). `plain` is the share of
    texts without signal codes to which the model gives one; `codes` holds (number of texts, precision,
    recall) by code.
    """

    f1: float
    precision: float
    recall: float
    plain: float
    codes: dict[str, tuple[int, float, float]]


class EarlierReader(Struct, frozen=True, kw_only=True):
    """The model of the text reader in force, as input of a training that compares the new model with it.

    `way` holds its parameters for reading by words and embedding. `known` is a boolean array with an element
    for each labelled text: whether that model was trained on it. The first `corpus` texts are those of the
    shipped corpus.
    """

    way: Way
    known: Flags
    corpus: int


class Comparison(Struct, frozen=True, kw_only=True):
    """Quality of the text reader's model in force (`before`) and of the new one (`after`), cross-validated.

    Both read the same texts, by words and embedding. `before` and `after` are measured on the shipped corpus,
    `desk_before` and `desk_after` on the desk's examples (judged passages).
    """

    before: Quality
    after: Quality
    desk_before: Quality
    desk_after: Quality


class Trained(Struct, frozen=True, kw_only=True):
    """A trained model of the text reader, as `train` returns it, without embeddings and texts of its corpus.

    Of each pair, the first element is for reading by words and embedding, the second by the embedding alone.
    `columns` are the signal codes, natures (`NATURE_…`), danger, `any`; `coefficients` have a row for each
    text and a column for each of them. `ways` are the calibration and thresholds, `quality` is measured by
    cross-validation. `comparison` is that with an earlier model, None without one.
    """

    columns: tuple[str, ...]
    coefficients: tuple[Vectors, Vectors]
    ways: tuple[Way, Way]
    quality: tuple[Quality, Quality]
    comparison: Comparison | None = None


def train(
    labels: Sequence[Label],
    vectors: Vectors,
    *,
    earlier: EarlierReader | None = None,
    believed: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> Trained:
    """Train a model on labelled texts; `vectors` has the embedding of each text as a row.

    Deterministic: the same input gives the same model. With `earlier`, the model in force is scored on the
    same texts, and the result has a `comparison`. `believed` maps the id of a label, then a column, to a
    probability that is learnt in place of the label's yes or no. It is given for codes that nobody judged,
    so that the new model scores them as the present one does.
    """
    codes = sorted({code for label in labels for code in label.codes})
    columns = (*codes, *(f"NATURE_{name}" for name in NATURES), DANGER, "any")
    wanted = np.array([_row(label, codes) for label in labels], dtype=np.float64)
    targets = _targets(wanted, labels, columns, believed)
    unit = centred(vectors, vectors.mean(axis=0))
    meaning = kernel(unit, unit)
    hands = np.array([label.id.rpartition("-")[0] for label in labels])
    languages = np.array([label.lang for label in labels])
    alone = _solved(meaning, targets)
    across = _across_languages(meaning, targets, hands, languages)
    meaning += _word_kernel(labels)
    inverse = _inverse(meaning + RIDGE * np.eye(len(meaning)))
    both, without_hand = _left_out(inverse, targets, hands)
    learnt = [
        _way(scores, wanted, codes, most, base=targets.mean(axis=0))
        for scores, most in zip((without_hand, across), MOST_PLAIN, strict=True)
    ]
    comparison = None
    if earlier is not None:
        before = _left_out_before(inverse, meaning, targets, hands, earlier.known)
        comparison = _compared(before, without_hand, wanted, codes, (earlier, learnt[0][0]))
    return Trained(
        columns=columns,
        coefficients=(
            both.astype(np.float16).astype(np.float32),
            alone.astype(np.float16).astype(np.float32),
        ),
        ways=(learnt[0][0], learnt[1][0]),
        quality=(learnt[0][1], learnt[1][1]),
        comparison=comparison,
    )


def _row(label: Label, codes: Sequence[str]) -> list[bool]:
    natures = [label.nature == name for name in NATURES]
    any_code = bool(label.codes)
    return [*(c in label.codes for c in codes), *natures, tells_danger(label.codes), any_code]


def _targets(
    wanted: Floats,
    labels: Sequence[Label],
    columns: Sequence[str],
    believed: Mapping[str, Mapping[str, float]],
) -> Floats:
    """Return the values to learn, in the shape of `wanted`: its labels (0 or 1), replaced by `believed`
    (see `train`).

    The last two columns, danger and any signal code, become the highest value of the text's codes where
    `believed` has an entry for the text.
    """
    targets = wanted.copy()
    codes = len(columns) - len(NATURES) - 2
    dangers = [place for place, name in enumerate(columns) if name in DANGERS]
    for row, label in enumerate(labels):
        if chances := believed.get(label.id):
            for column, name in enumerate(columns[:-2]):
                targets[row, column] = chances.get(name, targets[row, column])
            targets[row, -2] = targets[row, dangers].max(initial=0.0)
            targets[row, -1] = targets[row, :codes].max()
    return targets


def _solved(matrix: Floats, wanted: Floats) -> Floats:
    return np.linalg.solve(matrix + RIDGE * np.eye(len(matrix)), wanted - wanted.mean(axis=0))


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric positive definite matrix, by quarters (Schur complement).

    That is half the work of a general inverse; on the corpus the two differ by 2e-9.
    """
    if len(matrix) <= _SMALL:
        return np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    half = len(matrix) // 2
    first = _inverse(matrix[:half, :half])
    across = first @ matrix[:half, half:]
    last = _inverse(matrix[half:, half:] - matrix[half:, :half] @ across)
    corner = across @ last
    return np.block([[first + corner @ across.T, -corner], [-corner.T, last]])


def _left_out(inverse: Floats, wanted: Floats, hands: NDArray[np.str_]) -> tuple[Floats, Floats]:
    """Return the coefficients of all texts, and each text's scores by a model without its author's texts.

    `inverse` is that of the regularised kernel of all pairs of texts, `wanted` the labels (a row for each
    text, a column for each signal code), `hands` the author of each text.
    """
    coefficients = inverse @ (wanted - wanted.mean(axis=0))
    scores = np.empty_like(wanted)
    for hand in sorted(set(hands)):
        held = np.flatnonzero(hands == hand)
        error = np.linalg.solve(inverse[np.ix_(held, held)], coefficients[held])
        scores[held] = wanted[held] - error
    return coefficients, scores


def _left_out_before(
    inverse: Floats, matrix: Floats, wanted: Floats, hands: NDArray[np.str_], known: Flags
) -> Floats:
    """Return the held-out scores of all texts by a model trained on the `known` ones only.

    A known text is scored without its author's texts, any other text by the whole model. `matrix` is the
    kernel of all pairs of texts; `inverse` is that of its regularised form, `wanted` the labels, `hands` the
    author of each text. The inverse for the known texts follows from that for all (Schur complement), without
    another inversion.
    """
    inside, outside = np.flatnonzero(known), np.flatnonzero(~known)
    mean = wanted[inside].mean(axis=0)
    centre = np.where(known[:, None], wanted - mean, 0.0)
    product = inverse @ centre
    bridge = np.linalg.solve(inverse[np.ix_(outside, outside)], inverse[outside])
    coefficients = product - inverse[:, outside] @ (bridge @ centre)
    scores: Floats = matrix[:, inside] @ coefficients[inside] + mean
    for hand in sorted(set(hands[inside])):
        held = np.flatnonzero((hands == hand) & known)
        block = inverse[np.ix_(held, held)] - inverse[np.ix_(held, outside)] @ bridge[:, held]
        scores[held] = wanted[held] - np.linalg.solve(block, coefficients[held])
    return scores


def _compared(
    before: Floats,
    after: Floats,
    wanted: Floats,
    codes: Sequence[str],
    models: tuple[EarlierReader, Way],
) -> Comparison:
    """Return the quality of the earlier and the new model on the corpus and on the desk's examples.

    `before` and `after` are their scores of the same texts, each without its author's texts; `wanted` are the
    labels (a row for each text, the first columns for `codes`), `models` the earlier model and the parameters
    of the new one.
    """
    earlier, way = models
    truth = wanted[:, : len(codes)] > 0.5
    if len(earlier.way.base) < before.shape[1]:  # a model of an earlier package: without danger
        before = np.delete(before, -2, axis=1)
    desk = np.arange(len(wanted)) >= earlier.corpus
    found = [
        probabilities(scores, each.scale)[:, : len(codes)]
        >= np.array(each.thresholds[: len(codes)])
        for scores, each in ((before, earlier.way), (after, way))
    ]
    corpus, alone = (
        [quality_of(one[rows], truth[rows], codes) for one in found] for rows in (~desk, desk)
    )
    return Comparison(before=corpus[0], after=corpus[1], desk_before=alone[0], desk_after=alone[1])


def _across_languages(
    matrix: Floats, wanted: Floats, hands: NDArray[np.str_], languages: NDArray[np.str_]
) -> Floats:
    """Cross-validate: score each text by coefficients of texts of other authors in other languages only.

    `matrix` is the kernel of the embeddings alone, `wanted` the labels (a row for each text, a column for
    each signal code; the result has the same shape), `hands` the author and `languages` the language of each
    text. The texts must have several authors and languages.
    """
    scores = np.zeros_like(wanted)
    for language in sorted(set(languages)):
        others = np.flatnonzero(languages != language)
        inverse = _inverse(matrix[np.ix_(others, others)] + RIDGE * np.eye(len(others)))
        for hand in sorted(set(hands)):
            held = np.flatnonzero((hands == hand) & (languages == language))
            rest = hands[others] != hand
            if len(held) and rest.any():
                mean = wanted[others[rest]].mean(axis=0)
                solved = _solved_without(inverse, wanted[others] - mean, rest)
                scores[held] = matrix[np.ix_(held, others[rest])] @ solved + mean
    return scores


def _solved_without(inverse: Floats, wanted: Floats, rest: Flags) -> Floats:
    """Return the solution of the linear system of the rows `rest` alone, for the right side `wanted`.

    `inverse` is the inverse of the whole matrix, from which that of a part follows (Schur complement).
    """
    inside, outside = np.flatnonzero(rest), np.flatnonzero(~rest)
    product = inverse[:, inside] @ wanted[inside]
    bridge = np.linalg.solve(inverse[np.ix_(outside, outside)], product[outside])
    solved: Floats = product[inside] - inverse[np.ix_(inside, outside)] @ bridge
    return solved


def _word_kernel(labels: Sequence[Label]) -> Floats:
    """Return the matrix of cosine similarities of all pairs of labelled texts by their words (TF-IDF)."""
    counts = [word_counts(label.text) for label in labels]
    vocabulary = vocabulary_of(counts)
    postings: dict[int, list[tuple[int, float]]] = {}
    for place, one in enumerate(counts):
        for number, weight in tfidf(one, vocabulary):
            postings.setdefault(number, []).append((place, weight))
    matrix = np.zeros((len(labels), len(labels)))
    frequent: list[list[tuple[int, float]]] = []
    for posting in postings.values():
        if len(posting) > 200:
            frequent.append(posting)
            continue
        places, weights = zip(*posting, strict=True)
        held = np.array(places)
        matrix[held[:, None], held] += np.outer(weights, weights)
    dense = np.zeros((len(labels), len(frequent)), dtype=np.float32)
    for column, posting in enumerate(frequent):
        for place, weight in posting:
            dense[place, column] = weight
    matrix += dense @ dense.T
    return matrix


def _way(
    scores: Floats, wanted: Floats, codes: Sequence[str], most: float, *, base: Floats
) -> tuple[Way, Quality]:
    scale = _calibrated(scores, wanted)
    chances = probabilities(scores, scale)[:, : len(codes)]
    truth = wanted[:, : len(codes)] > 0.5
    limits = _thresholds(chances, truth, most)
    rest = wanted.shape[1] - len(codes)
    way = Way(
        base=tuple(base.tolist()),
        scale=scale,
        thresholds=(*limits.tolist(), *[_NATURE_FROM] * rest),
    )
    return way, quality_of(chances >= limits, truth, codes)


def _calibrated(scores: Floats, wanted: Floats) -> Scale:
    """Return for each column a logistic regression on its score and that of any signal code (Platt scaling).

    `scores` and `wanted` (0 or 1) have a row for each text; fitted by Newton's method.
    """
    fitted = []
    for column in range(wanted.shape[1]):
        given = np.stack([scores[:, column], scores[:, -1], np.ones(len(scores))], axis=1)
        weights, penalty = np.zeros(3), np.diag([0.05, 0.05, 1e-6])
        for _ in range(40):
            chance = 1.0 / (1.0 + np.exp(-np.clip(given @ weights, -30, 30)))
            slope = given.T @ (chance - wanted[:, column]) + penalty @ weights
            curve = (given * (chance * (1 - chance))[:, None]).T @ given + penalty
            step = np.linalg.solve(curve, slope)
            weights = weights - step
            if float(np.abs(step).max()) < 1e-8:
                break
        fitted.append([round(float(w), 5) for w in weights])
    own, any_code, bias = zip(*fitted, strict=True)
    return Scale(own=own, any=any_code, bias=bias)


def _thresholds(chances: Floats, truth: Flags, most: float) -> Floats:
    """Return each signal code's threshold: mean of the best common threshold and its own best one (by F1).

    `chances` are probabilities and `truth` the labels, a row for each text. A threshold is raised to the
    precision `LEAST_PRECISE`; then all together until at most a share `most` of the texts without codes gets
    one.
    """
    common = max(_GRID.tolist(), key=lambda limit: f1_of(chances >= limit, truth))
    own = np.array(
        [
            max(_GRID.tolist(), key=lambda limit: f1_of(chances[:, i] >= limit, truth[:, i]))
            for i in range(truth.shape[1])
        ]
    )
    limits = np.array(
        [
            _precise(chances[:, i], truth[:, i], limit)
            for i, limit in enumerate(((own + common) / 2).tolist())
        ]
    )
    empty = ~truth.any(axis=1)
    while (chances[empty] >= limits).any(axis=1).mean() > most:
        limits = limits + 0.005
    rounded: Floats = np.round(limits, 3)
    return rounded


def _precise(chances: Floats, truth: Flags, limit: float) -> float:
    """Return the least threshold from `limit` to 0.9 with the precision `LEAST_PRECISE`, `limit` if none has.

    `chances` are the probabilities of a signal code by text, `truth` whether the text has it.
    """
    for raised in np.arange(limit, 0.90, 0.01).tolist():
        found = chances >= raised
        if float((found & truth).sum()) >= LEAST_PRECISE * float(found.sum()) > 0:
            return float(raised)
    return limit


def f1_of(found: Flags, truth: Flags) -> float:
    """Return the micro-averaged F1 of the found signal codes; `truth` has the labelled ones.

    Both are masks with a row for each text and a column for each code.
    """
    return 2.0 * float((found & truth).sum()) / max(1.0, float(found.sum() + truth.sum()))


def quality_of(found: Flags, truth: Flags, codes: Sequence[str]) -> Quality:
    """Return the quality of the found signal codes, compared with the labelled ones (`truth`).

    Both are masks with a row for each text and a column for each of `codes`.
    """
    right = found & truth
    empty = ~truth.any(axis=1)

    def share(part: Flags, whole: Flags) -> float:
        return round(float(part.sum()) / max(1, int(whole.sum())), 3)

    return Quality(
        f1=round(f1_of(found, truth), 3),
        precision=share(right, found),
        recall=share(right, truth),
        plain=round(float(found[empty].any(axis=1).mean()), 3) if empty.any() else 0.0,
        codes={
            code: (
                int(truth[:, i].sum()),
                share(right[:, i], found[:, i]),
                share(right[:, i], truth[:, i]),
            )
            for i, code in enumerate(codes)
        },
    )
