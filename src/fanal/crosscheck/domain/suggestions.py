"""Suggestions: pairs that are not certain, put to a person; what was answered, and what is new since.

An answer remembers what the pair rested on. A rejected pair stays rejected until it rests on something
more; then it comes back and says what.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.weights import load_weights
from fanal.kernel.states import StateTable, move

# Resemblances as suggestions: what a model found alike in two people, never more than a suggestion.

LEAST = 0.5
"""Probability from which a pair is put to a person; measured, see `data/linkage.json`."""
_MOST_BITS = 20.0
_HIGHEST = 0.89


class Resemblance(Struct, frozen=True, kw_only=True):
    """Two reports (the later first) with people that resemble one another.

    `probability` is the model's; `alike` maps what agrees (`EMAIL_LETTER`, …) to the bits that it is worth.
    """

    report_id: UUID
    other_id: UUID
    probability: float
    alike: Mapping[str, float]

    def score(self) -> float:
        """Return the score as a suggestion: under that of any certain link."""
        least = load_weights().doubtful
        share = (self.probability - LEAST) / (1 - LEAST)
        return round(least + (_HIGHEST - least) * max(0.0, min(1.0, share)), 4)

    def reasons(self) -> tuple[LinkReason, ...]:
        """Return what is alike, the weightiest first."""
        found = [
            LinkReason(
                kind="LIKE",
                value=code,
                weight=round(min(bits, _MOST_BITS) / _MOST_BITS, 4),
                roles=("SUSPECT", "SUSPECT"),
            )
            for code, bits in self.alike.items()
        ]
        return tuple(sorted(found, key=lambda r: (-r.weight, r.value)))


class SuggestionState(StrEnum):
    """Where a suggestion stands."""

    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    REOPENED = "REOPENED"


SUGGESTION_STATES: StateTable[SuggestionState] = StateTable(
    name="suggestion",
    initial=SuggestionState.OPEN,
    final=frozenset(),
    transitions=(
        move("accept", {SuggestionState.OPEN, SuggestionState.REOPENED}, SuggestionState.ACCEPTED),
        move("reject", {SuggestionState.OPEN, SuggestionState.REOPENED}, SuggestionState.REJECTED),
        move("reopen", {SuggestionState.REJECTED}, SuggestionState.REOPENED),
        move(
            "take_back", {SuggestionState.ACCEPTED, SuggestionState.REJECTED}, SuggestionState.OPEN
        ),
    ),
)
"""`reopen` is nobody's act: something new appeared. `take_back` is a judgement undone."""


class PairAnswer(Struct, frozen=True, kw_only=True):
    """What a person said of a pair, and the evidence it rested on then (`evidence_of`)."""

    judgement_id: UUID
    accepted: bool
    score: float
    evidence: frozenset[int]


class Suggestion(Struct, frozen=True, kw_only=True):
    """A pair of reports of the actor's desks, later report first.

    `fresh` are the reasons that were not there when it was rejected; `answer` the judgement, if any.
    """

    report_id: UUID
    other_id: UUID
    score: float
    reasons: tuple[LinkReason, ...]
    state: SuggestionState
    fresh: tuple[LinkReason, ...] = ()
    answer: UUID | None = None


def evidence_of(reasons: Iterable[LinkReason]) -> frozenset[int]:
    """Return what speaks for a pair, as signed 64-bit digests of kind and value; weights play no part."""
    return frozenset(_digest(reason) for reason in reasons if reason.weight > 0)


def standing(
    reasons: tuple[LinkReason, ...], answer: PairAnswer | None
) -> tuple[SuggestionState, tuple[LinkReason, ...]]:
    """Return where a pair stands after an answer, and which of its reasons are new since a rejection."""
    state = SUGGESTION_STATES.initial
    if answer is None:
        return state, ()
    state = SUGGESTION_STATES.apply(state, "accept" if answer.accepted else "reject")
    if answer.accepted:
        return state, ()
    fresh = tuple(
        reason for reason in reasons if reason.weight > 0 and _digest(reason) not in answer.evidence
    )
    return (SUGGESTION_STATES.apply(state, "reopen") if fresh else state), fresh


def _digest(reason: LinkReason) -> int:
    text = f"{reason.kind}|{reason.value}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little", signed=True)
