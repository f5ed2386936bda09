"""Quality of a text reader (model) on labelled texts: precision, recall, F1 by signal code; calibration."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from fanal.analyse.signals.domain.meaning import Label

_BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


class Judged(Struct, frozen=True, kw_only=True):
    """A labelled text together with its reading by a text reader.

    `found` holds the signal codes that were found, with their scores, `chances` the probability of every
    code, empty if only phrases read the text. `nature` is the kind of text (such as spam) found for a text
    without codes, None if unclear.
    """

    label: Label
    found: Mapping[str, float]
    chances: Mapping[str, float]
    nature: str | None


class Counts(Struct, frozen=True):
    """Counts of signal codes in a group of labelled texts, for precision and recall.

    `wanted` is the number of codes that people labelled, `found` the number that the reader found, `right`
    the number found that were also labelled. `texts` is the number of texts with the group's code, or of all
    texts of a group that is not one code.
    """

    texts: int
    wanted: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """The precision: the share of found signal codes that are right; 1 if none was found."""
        return round(self.right / self.found, 3) if self.found else 1.0

    @property
    def recall(self) -> float:
        """The recall: the share of labelled signal codes that were found; 1 if none is labelled."""
        return round(self.right / self.wanted, 3) if self.wanted else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 if no code is right."""
        return round(2 * self.right / max(1, self.wanted + self.found), 3)


class Evaluation(Struct, frozen=True, kw_only=True):
    """Quality of a text reader: in all, by signal code, by language, and on texts without the usual words.

    `groups` are (name, counts): `all`, `code …`, `language …`, `unusual words`. `plain_share` is the share of
    the `plain_texts` texts without codes that get one; `nature_right` the share of the `nature_texts` texts
    with a nature that get it. `calibration` has rows (from, to, readings, mean probability, share that is
    true).
    """

    groups: tuple[tuple[str, Counts], ...]
    plain_texts: int
    plain_share: float
    nature_texts: int
    nature_right: float
    calibration: tuple[tuple[float, float, int, float, float], ...]


def evaluate(judged: Sequence[Judged]) -> Evaluation:
    """Return the quality of the readings of labelled texts: of all, by signal code and by language.

    `judged` holds the label and the reading of each text.
    """
    codes = sorted({code for one in judged for code in one.label.codes})
    languages = sorted({one.label.lang for one in judged})
    groups = [("all", _counts(judged))]
    groups += [(f"code {code}", _counts(judged, code)) for code in codes]
    groups += [
        (f"language {lang}", _counts([j for j in judged if j.label.lang == lang]))
        for lang in languages
    ]
    groups.append(
        ("unusual words", _counts([j for j in judged if j.label.codes and not j.label.plain]))
    )
    empty = [one for one in judged if not one.label.codes]
    natures = [one for one in judged if one.label.nature]
    return Evaluation(
        groups=tuple(groups),
        plain_texts=len(empty),
        plain_share=_share(sum(bool(one.found) for one in empty), len(empty)),
        nature_texts=len(natures),
        nature_right=_share(sum(one.nature == one.label.nature for one in natures), len(natures)),
        calibration=tuple(_calibration(judged, codes)),
    )


def _counts(judged: Sequence[Judged], code: str | None = None) -> Counts:
    pairs = [
        ({code} & set(one.label.codes), {code} & set(one.found))
        if code
        else (set(one.label.codes), set(one.found))
        for one in judged
    ]
    return Counts(
        texts=sum(bool(wanted) for wanted, _ in pairs) if code else len(judged),
        wanted=sum(len(wanted) for wanted, _ in pairs),
        found=sum(len(found) for _, found in pairs),
        right=sum(len(wanted & found) for wanted, found in pairs),
    )


def _calibration(
    judged: Sequence[Judged], codes: Sequence[str]
) -> Iterator[tuple[float, float, int, float, float]]:
    pairs = [
        (one.chances[code], code in one.label.codes)
        for one in judged
        for code in codes
        if code in one.chances
    ]
    for low, high in pairwise(_BINS):
        held = [pair for pair in pairs if low <= pair[0] < high or pair[0] == high == 1.0]
        if held:
            mean = sum(chance for chance, _ in held) / len(held)
            yield (
                low,
                high,
                len(held),
                round(mean, 3),
                _share(sum(true for _, true in held), len(held)),
            )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 0.0
