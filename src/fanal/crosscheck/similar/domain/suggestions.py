"""Suggestions: possible links that await a person's answer, the answers, and new evidence after an answer.

An answer stores the evidence of the pair at that time. A rejected pair stays rejected until new evidence
appears; then it is suggested again with that evidence.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.weights import load_weights
from fanal.kernel.states import StateTable, move

# Resemblances: pairs of people that the trained linkage model scores as similar; suggestions at most.

LEAST = 0.5
"""Probability from which a pair is suggested; measured, see `data/linkage.json`."""
_MOST_BITS = 20.0
_HIGHEST = 0.89


class Resemblance(Struct, frozen=True, kw_only=True):
    """Two reports whose people the trained linkage model scores as similar: a later one, and `other_id`.

    `probability` is the model's match probability; `alike` maps each agreement (`EMAIL_LETTER`, …) to its
    match weight in bits.
    """

    report_id: UUID
    other_id: UUID
    probability: float
    alike: Mapping[str, float]

    def score(self) -> float:
        """Return the score (0..1) of the suggested link, always below that of a certain link."""
        least = load_weights().doubtful
        share = (self.probability - LEAST) / (1 - LEAST)
        return round(least + (_HIGHEST - least) * max(0.0, min(1.0, share)), 4)

    def reasons(self) -> tuple[LinkReason, ...]:
        """Return the agreements of the two reports as reasons, the greatest weight first."""
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


_WEIGHTED = frozenset(f"{of}_EXACT" for of in ("EMAIL", "HANDLE", "PHONE", "DEVICE", "ACCOUNT"))
"""Agreements that are equal values of identifiers, which the linkage rule weights."""


def is_beyond_rule(alike: Collection[str]) -> bool:
    """Return whether a pair's agreements (codes `alike`) are more than a single equal identifier.

    A single equal identifier is left to the linkage rule, which weights it by its document frequency and
    discounts hubs (identifiers of nobody); the trained linkage model does neither.
    """
    return len(alike) > 1 or not _WEIGHTED.issuperset(alike)


class SuggestionState(StrEnum):
    """State of a suggested pair of reports.

    OPEN: unanswered. ACCEPTED, REJECTED: by a person's judgement (LINK, UNLINK). REOPENED: rejected, and new
    evidence came since.
    """

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
"""`reopen` happens when new evidence appears, without a person. `take_back` is the undoing of a judgement."""


class PairAnswer(Struct, frozen=True, kw_only=True):
    """A person's answer to a suggested pair of reports, with the pair's evidence at that time.

    `accepted` is False for a rejection; `judgement_id` is the judgement that records it. `score` is 0 to 1,
    `evidence` the digests of the reasons (`evidence_of`).
    """

    judgement_id: UUID
    accepted: bool
    score: float
    evidence: frozenset[int]


class Suggestion(Struct, frozen=True, kw_only=True):
    """A suggested pair of reports at the actor's desks, with its score (0..1) and reasons.

    `report_id` is the later report, `other_id` the earlier. `fresh` are the reasons added since a rejection;
    `answer` is the id of the person's judgement (accepted or rejected), if there is any, else None.
    """

    report_id: UUID
    other_id: UUID
    score: float
    reasons: tuple[LinkReason, ...]
    state: SuggestionState
    fresh: tuple[LinkReason, ...] = ()
    answer: UUID | None = None


def evidence_of(reasons: Iterable[LinkReason]) -> frozenset[int]:
    """Return the evidence for a pair as signed 64-bit digests of kind and value, without the weights.

    Each reason with positive weight gives a digest; further digests later are new evidence.
    """
    return frozenset(_digest(reason) for reason in reasons if reason.weight > 0)


def standing(
    reasons: tuple[LinkReason, ...], answer: PairAnswer | None
) -> tuple[SuggestionState, tuple[LinkReason, ...]]:
    """Return the state of a suggested pair after an answer, and its reasons that are new since a rejection.

    `reasons` are those of the pair now; without an answer the state is OPEN. New reasons turn a rejection
    into REOPENED.
    """
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
