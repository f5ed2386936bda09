"""Text classification: calibrated probabilities of the signal codes, from a text's embedding and words.

Kernel ridge regression on the labelled corpus gives a text a score per code: the sum over all labelled
texts of a coefficient times the similarity of the two texts. The similarity is a Gaussian kernel of the
sentence embeddings plus the cosine of TF-IDF vectors of words and word pairs. A logistic regression on the
score of a code and on the score of "any code" gives the probability (Platt scaling). A text in a language
without labelled texts has no known words: a second set of coefficients reads it, from the embedding alone.

A further output (`DANGER`) is learnt over five of the codes together: whether a child is in danger now or
soon. The priority takes the mean of it and of the probability that the single codes give. `Vectors` are
float32 arrays with a row for each text.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import log

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from fanal.analyse.signals.domain.text import BREAK, running_words

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Bytes = NDArray[np.int8]
Rows = NDArray[np.intp]

GAMMA = 1.0
"""Width of the Gaussian kernel on centred unit vectors."""
NEAREST = 3
SHOWN_FROM = 0.3
"""Least probability of a finding of a report; a code's own threshold counts where it is lower."""
NATURE_FROM = 0.5
DANGER = "DANGER_TOLD"
"""The column, and the code of the finding, of any danger now or within days; no code of a label."""
DANGERS = (
    "IMMINENCE_ONGOING", "IMMINENCE_MEETING_PLANNED", "IMMINENCE_SELF_HARM",
    "LIVESTREAM_SCHEDULED_SHOW", "SEXTORTION_COUNTDOWN",
)  # fmt: skip
"""The codes of a danger now or within days; a text with one of them is an example of `DANGER`."""
_LEAST_KNOWN = 0.6
"""Least share of known words of a text read by its words too: 99 % of French and English texts have it."""


class Label(Struct, frozen=True, kw_only=True):
    """A labelled text of the corpus: its signal codes, or the nature of a text without codes.

    `codes` are its signal codes; `nature` is that of a text without codes, such as SPAM, QUESTION or
    OFF_TOPIC, else None. `id` begins with its author's name. `plain`: it contains the usual key words of its
    codes (a text without codes: key words that could mislead). `voice` is the kind of writer, such as
    `parent` or `teacher`.
    """

    id: str
    lang: str
    text: str
    codes: tuple[str, ...]
    nature: str | None
    plain: bool
    voice: str


class Vocabulary(Struct, frozen=True):
    """The known words and pairs of neighbouring words.

    `numbers` maps each to its number, `idf` holds the inverse document frequency by number.
    """

    numbers: Mapping[str, int]
    idf: tuple[float, ...]


class KnownWords(Struct, frozen=True):
    """The vocabulary of the labelled texts, and the weights of its words in the scores.

    `weights` is a matrix with a row for each word (by number) and a column for each output of the model.
    """

    vocabulary: Vocabulary
    weights: Vectors


class Scale(Struct, frozen=True):
    """Coefficients of the logistic regressions that turn scores into probabilities, by column.

    A column is a signal code, a nature, danger or `any`. `own` is the weight of the column's score, `any` the
    weight of the score of any code, `bias` the intercept (Platt scaling).
    """

    own: tuple[float, ...]
    any: tuple[float, ...]
    bias: tuple[float, ...]


class Way(Struct, frozen=True, kw_only=True):
    """The parameters of one of the two ways of reading: by words and embedding, or by the embedding alone.

    Each has an element by column (signal code, nature, danger, `any`): `base` is the column's mean among the
    labelled texts, `scale` its calibration, `thresholds` the least probability for a finding.
    """

    base: tuple[float, ...]
    scale: Scale
    thresholds: tuple[float, ...]


class Neighbour(Struct, frozen=True):
    """A labelled text, and the cosine similarity (`likeness`) of its embedding to that of the text read."""

    label: Label
    likeness: float


class Meaning(Struct, frozen=True, kw_only=True):
    """The reading of a text by the model.

    `probabilities` holds the probability of each column: signal code, nature, danger and `any`. `found` are
    the codes at or over their thresholds, `possible` those at or over half their thresholds. `nature` is the
    likely nature (such as spam) of a text without found codes, None if unclear. `by_words`: whether its words
    counted, since most of them are known; else the embedding alone.
    """

    probabilities: Mapping[str, float]
    found: tuple[str, ...]
    possible: frozenset[str]
    nature: str | None
    by_words: bool

    @property
    def danger(self) -> float | None:
        """The probability that the text reports a danger now or soon; None if the model has not learnt it.

        It is lower for a text that may be something else than a report of facts (spam, a question, everyday
        life …).
        """
        chance = self.probabilities.get(DANGER)
        return None if chance is None else chance * (1.0 - self.other)

    @property
    def other(self) -> float:
        """The probability of the text's likeliest nature, such as spam or a question: no report of facts."""
        natures = (p for c, p in self.probabilities.items() if c.startswith("NATURE_"))
        return max(natures, default=0.0)


class Reader:
    """The trained classifier of texts: it computes probabilities from a text's embedding and words.

    `read` gives those of a text. It holds the labelled texts with their embeddings, to cite similar ones.
    """

    def __init__(
        self,
        *,
        columns: Sequence[str],
        labels: Sequence[Label],
        vectors: Vectors,
        coefficients: tuple[Vectors, Vectors],
        ways: tuple[Way, Way],
        quoted: int | None = None,
        words: KnownWords | None = None,
    ) -> None:
        """Prepare a model; of each pair, the first element is for reading with words, the second without.

        `columns` are the signal codes, then the natures (`NATURE_…`), then danger (models of earlier packages
        have no such column), then `any`; `vectors` has the embedding of each of `labels` as a row,
        `coefficients` a row for each of them and a column for each of `columns`. Only the first `quoted`
        texts are shown as similar ones, by default all. `words` are `words_of` these labels and coefficients,
        where they are stored; None: they are counted.
        """
        self.columns, self.labels, self.ways = tuple(columns), tuple(labels), ways
        self.codes = tuple(
            c
            for c in columns
            if "_" in c and c.isupper() and c != DANGER and not c.startswith("NATURE_")
        )
        self._mean = vectors.mean(axis=0)
        self._vectors = centred(vectors, self._mean)
        self._raw = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self._coefficients = coefficients
        self.words = words or words_of(labels, coefficients[0])
        self._known = frozenset(w for w in self.words.vocabulary.numbers if " " not in w)
        self._of_code = {
            column: np.array([i for i, label in enumerate(labels[:quoted]) if _has(label, column)])
            for column in self.columns[:-1]
        }

    def read(self, text: str, vector: Vectors) -> Meaning:
        """Return the reading of a text (probability by signal code, nature); `vector` is its embedding."""
        counts = word_counts(text)
        single = [w for w in counts if " " not in w]
        known = sum(w in self._known for w in single)
        by_words = known >= _LEAST_KNOWN * max(1, len(single))
        unit = centred(vector[None, :], self._mean)
        way = self.ways[0 if by_words else 1]
        scores = kernel(unit, self._vectors)[0] @ self._coefficients[0 if by_words else 1]
        scores = scores + np.array(way.base)
        if by_words:
            for number, weight in tfidf(counts, self.words.vocabulary):
                scores = scores + weight * self.words.weights[number]
        chances = probabilities(scores[None, :], way.scale)[0]
        by_column = dict(zip(self.columns, (round(float(p), 4) for p in chances), strict=True))
        limits = dict(zip(self.columns, way.thresholds, strict=True))
        found = tuple(c for c in self.codes if by_column[c] >= limits[c])
        natures = {c: p for c, p in by_column.items() if c.startswith("NATURE_")}
        best = max(natures, key=lambda c: natures[c])
        named = not found and natures[best] >= limits[best]
        return Meaning(
            probabilities=by_column,
            found=found,
            possible=frozenset(c for c in self.codes if by_column[c] >= limits[c] / 2),
            nature=best.removeprefix("NATURE_") if named else None,
            by_words=by_words,
        )

    def worded_danger(self, text: str) -> float:
        """Return the part of a text's score of danger that comes from its words; no embedding is needed.

        0 if no labelled text has any of its words, or if the model has not learnt danger.
        """
        if DANGER not in self.columns:
            return 0.0
        weights = self.words.weights[:, self.columns.index(DANGER)]
        known = tfidf(word_counts(text), self.words.vocabulary)
        return sum(weight * float(weights[number]) for number, weight in known)

    def nearest(self, code: str, vector: Vectors) -> list[Neighbour]:
        """Return the labelled texts of a signal code or nature whose embedding is most similar to `vector`.

        `code` is a column name, also that of danger; at most `NEAREST` texts, most similar first.
        """
        places = self._of_code[code]
        likeness = self._raw[places] @ (vector / np.linalg.norm(vector))
        order = np.argsort(-likeness, kind="stable")[:NEAREST]
        return [Neighbour(self.labels[places[i]], round(float(likeness[i]), 3)) for i in order]


def _has(label: Label, column: str) -> bool:
    if column == DANGER:
        return tells_danger(label.codes)
    return column in label.codes or column == f"NATURE_{label.nature}"


def tells_danger(codes: Iterable[str]) -> bool:
    """Return whether any of a text's signal codes means a danger now or within days (`DANGERS`)."""
    return any(code in DANGERS for code in codes)


def centred(vectors: Vectors, mean: Vectors) -> Vectors:
    """Return the vectors minus `mean`, each scaled to length 1."""
    moved = vectors - mean
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    unit: Vectors = (moved / np.maximum(length, 1e-9)).astype(np.float32)
    return unit


def kernel(left: Vectors, right: Vectors) -> Floats:
    """Return the Gaussian kernel matrix of two sets of unit vectors: rows for `left`, columns for `right`."""
    similar: Floats = np.exp(-GAMMA * (2.0 - 2.0 * (left @ right.T).astype(np.float64)))
    return similar


def probabilities(scores: Floats, scale: Scale) -> Floats:
    """Return the probabilities for scores by logistic regression: a row per text, a column per signal code.

    `scores` has the same shape; its last column is the score of any code. `scale` holds the coefficients.
    """
    straight = (
        scores * np.array(scale.own) + scores[:, -1:] * np.array(scale.any) + np.array(scale.bias)
    )
    chances: Floats = 1.0 / (1.0 + np.exp(-np.clip(straight, -30.0, 30.0)))
    return chances


def word_counts(text: str) -> dict[str, int]:
    """Return the number of occurrences by word and by pair of neighbouring words, in normal form."""
    counts: dict[str, int] = {}
    before = BREAK
    for word in running_words(text):
        if word != BREAK:
            counts[word] = counts.get(word, 0) + 1
            if before != BREAK:
                pair = f"{before} {word}"
                counts[pair] = counts.get(pair, 0) + 1
        before = word
    return counts


def vocabulary_of(texts: Sequence[Mapping[str, int]]) -> Vocabulary:
    """Return the vocabulary of the words that occur in at least two texts; `texts` are their word counts."""
    frequency = Counter(chain.from_iterable(texts))
    kept = sorted(word for word, times in frequency.items() if times > 1)
    idf = [log((1 + len(texts)) / (1 + frequency[word])) + 1.0 for word in kept]
    rounded = np.array(idf, dtype=np.float32).tolist()
    return Vocabulary({word: i for i, word in enumerate(kept)}, tuple(rounded))


def tfidf(counts: Mapping[str, int], vocabulary: Vocabulary) -> list[tuple[int, float]]:
    """Return the TF-IDF vector of a text as (word number, weight) pairs, of Euclidean length 1.

    `counts` are the text's word counts; words outside the vocabulary are left out. Empty without any of them.
    """
    numbers, idf = vocabulary.numbers, vocabulary.idf
    weights = [
        (number, idf[number] if times == 1 else (1.0 + log(times)) * idf[number])
        for word, times in counts.items()
        if (number := numbers.get(word)) is not None
    ]
    length = sum(weight * weight for _, weight in weights) ** 0.5
    return [(number, weight / length) for number, weight in weights]


def words_of(labels: Sequence[Label], coefficients: Vectors) -> KnownWords:
    """Return the known words of labelled texts: the vocabulary, and the weight of each word in each column.

    This is possible since the word kernel is linear in the words. `labels` are the texts with their codes;
    `coefficients` (of reading with words) has a row for each text.
    """
    texts = [word_counts(label.text) for label in labels]
    vocabulary = vocabulary_of(texts)
    weights = np.zeros((len(vocabulary.numbers), coefficients.shape[1]), dtype=np.float32)
    for counts, row in zip(texts, coefficients, strict=True):
        known = tfidf(counts, vocabulary)
        if known:
            numbers, values = zip(*known, strict=True)
            weights[np.array(numbers)] += np.array(values, dtype=np.float32)[:, None] * row
    return KnownWords(vocabulary, weights)
