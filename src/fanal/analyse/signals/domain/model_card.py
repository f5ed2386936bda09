"""Model card of a text model that a desk trained: origin of its texts, and quality compared with the one in
force.

States: TRAINED ─ propose, dry run ─► PROPOSED ─ activate ─► IN_FORCE ─ the next one ─► REPLACED. A replaced
or proposed version may be proposed again, and is TRAINED until its new dry run is finished. A dry run
compares a version with the one in force on past reports. The version that comes with the program is stored
too, so that a desk can return to it.
"""

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from fanal.analyse.signals.domain.examples import Share
from fanal.analyse.signals.domain.learning import Comparison, Quality
from fanal.kernel.states import StateTable, move

MOST_LOST = 0.03
"""Most that a code may lose of F1, on texts of omitted authors."""
MOST_RECALL_LOST = 0.08
"""Most that a code may lose of recall there, whatever its precision gains."""
MOST_LOST_IN_ALL = 0.01
"""Most that all codes together may lose of F1, and most further plain texts that may get a code (share)."""


class ReaderState(StrEnum):
    """State of a version of the text reader, a model; transitions: `READER_STATES`.

    TRAINED: stored, not proposed. PROPOSED: by a person; a dry run on past reports follows. IN_FORCE: a
    second person activated it. REPLACED: another version was activated since.
    """

    TRAINED = "TRAINED"
    PROPOSED = "PROPOSED"
    IN_FORCE = "IN_FORCE"
    REPLACED = "REPLACED"


READER_STATES = StateTable(
    name="Version of the text reader",
    initial=ReaderState.TRAINED,
    final=frozenset(),
    transitions=(
        move(
            "propose",
            [ReaderState.TRAINED, ReaderState.PROPOSED, ReaderState.REPLACED],
            ReaderState.TRAINED,
        ),
        move("withdraw", [ReaderState.TRAINED, ReaderState.PROPOSED], ReaderState.TRAINED),
        move("try", [ReaderState.TRAINED], ReaderState.PROPOSED),
        move("activate", [ReaderState.PROPOSED], ReaderState.IN_FORCE),
        move("replace", [ReaderState.IN_FORCE], ReaderState.REPLACED),
    ),
)


class CodeLine(Struct, frozen=True, kw_only=True):
    """The line of a signal code on a model card, which compares the version in force with a new one.

    `texts` is the number of labelled texts with the code; `before` and `after` are (precision, recall) of the
    version in force and of the new one. `added` and `denied` are the numbers of the desk's examples (judged
    passages) for and against the code. `lost`: the new version loses more F1 or recall than a code may
    (`MOST_LOST`, `MOST_RECALL_LOST`).
    """

    code: str
    texts: int
    before: tuple[float, float]
    after: tuple[float, float]
    added: int
    denied: int
    lost: bool


class ModelCard(Struct, frozen=True, kw_only=True):
    """The model card of a trained text reader: its texts, and its quality compared with an earlier version.

    `before` is the version in force at its training, `comparison` the quality of both. `corpus`, `neutral`
    and `sealed` are the numbers of texts of the shipped corpus, of neutral sentences and of sealed passages.
    `shares` are those of the people who judged, `disputed` the number of codes cancelled because people
    disagree, `alone` of those left out because one person alone judged them wrong. `added` and `denied` count
    the desk's examples for and against each code.
    """

    before: str
    comparison: Comparison
    corpus: int
    neutral: int
    sealed: int
    shares: tuple[Share, ...]
    disputed: int
    added: dict[str, int]
    denied: dict[str, int]
    alone: int = 0

    @property
    def examples(self) -> int:
        """The number of the desk's own examples (judged passages) that the model was trained with."""
        return self.neutral + self.sealed

    @property
    def lines(self) -> list[CodeLine]:
        """The model card's line for each signal code (its quality), in alphabetical order of the codes.

        A model card states a model's training texts and quality.
        """
        return list(_lines(self))

    @property
    def lost(self) -> tuple[str, ...]:
        """The signal codes whose F1 or recall falls by more than allowed, then `ALL` if the whole gets worse.

        The whole: F1 of all codes together, or the share of texts without codes to which the model gives one.
        Such a version cannot be proposed.
        """
        old, new = self.comparison.before, self.comparison.after
        worse = old.f1 - new.f1 > MOST_LOST_IN_ALL or new.plain - old.plain > MOST_LOST_IN_ALL
        codes = tuple(line.code for line in self.lines if line.lost)
        return (*codes, "ALL") if worse else codes


def _lines(card: ModelCard) -> Iterator[CodeLine]:
    old, new = card.comparison.before, card.comparison.after
    for code, (texts, *_rest) in sorted(new.codes.items()):
        before, after = _pair(old, code), _pair(new, code)
        yield CodeLine(
            code=code,
            texts=texts,
            before=before,
            after=after,
            added=card.added.get(code, 0),
            denied=card.denied.get(code, 0),
            lost=_f1(before) - _f1(after) > MOST_LOST or before[1] - after[1] > MOST_RECALL_LOST,
        )


def _f1(pair: tuple[float, float]) -> float:
    return 2 * pair[0] * pair[1] / (sum(pair) or 1.0)


def _pair(quality: Quality, code: str) -> tuple[float, float]:
    _texts, precision, recall = quality.codes.get(code, (0, 0.0, 0.0))
    return precision, recall
