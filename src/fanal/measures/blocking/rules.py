"""Rules of blockings: what may be blocked on the basis of a removal request, and deadlines. Pure.

`catalogue` holds the dated law, `on` is the day on which it must be in force; `facts` are those of one
blocking.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from fanal.kernel.refusal import Refusal
from fanal.measures.blocking.document import Ground
from fanal.measures.blocking.kind import BLOCKS, BlockingState
from fanal.measures.blocking.names import HostName, covers, read_name
from fanal.measures.domain.clocks import applied_by, check_due, restored_by
from fanal.measures.domain.records import REVIEW, Measure, MeasureState, check_rests as check_lasts
from fanal.orient.domain.clocks import desk_deadline
from fanal.orient.domain.qualify import measure_basis
from fanal.reference import Catalogue, MeasureRule, Offence

_YEAR = 366
_ASKED = {
    BlockingState.DRAFT: "PROPOSER",
    BlockingState.TO_SECOND: "SECOND",
    BlockingState.FREED: "REVIEWER",
    BlockingState.LIFTED: "",
    BlockingState.WITHDRAWN: "",
}
"""Who is asked in a state; a measures officer in every other."""


class BlockingFacts(Struct, frozen=True, kw_only=True):
    """The facts from which the deadlines of a blocking are computed.

    `level` is its urgency, `protected` whether the name needs a third person's approval. `removal_due` is the
    end of the host's legal time for removal; None if no receipt is recorded, while the time is suspended, and
    for the ground NO_MENTIONS. The other instants are those of its steps, None before them: `listed_at` is
    when the name was put on the list, `checked_at` the last check, `ended_at` when it left the list.
    `decision_ends_at` is the end of the court's decision, for a mirror.
    """

    state: BlockingState
    level: str
    protected: bool
    created_at: datetime
    removal_due: datetime | None = None
    approved_at: datetime | None = None
    listed_at: datetime | None = None
    checked_at: datetime | None = None
    doubted_at: datetime | None = None
    ended_at: datetime | None = None
    decision_ends_at: datetime | None = None


def name_to_block(text: str, *, removal: Measure, ground: Ground, own: Collection[str]) -> HostName:
    """Parse the host name that a blocking resting on this removal request shall block; return it as A-labels.

    It must be the host of the request, or a domain above it. `ground` is the legal ground of the blocking.
    `own` are the host names of the desk and of its stop page.

    Raises:
        Refusal: kind `blocking`: a code of `names.read_name`, NAME_ELSEWHERE (neither the host of the request
            nor above it), REMOVAL_ENDED (the removal request was executed, lifted, withdrawn or annulled),
            REMOVAL_SUSPENDED (its time limit is suspended), NOT_RECEIVED (no receipt is recorded).
    """
    name = read_name(text, own=own)
    if not covers(name, removal.request.host):
        raise Refusal("blocking", "NAME_ELSEWHERE", host=removal.request.host)
    check_rests(removal)
    if ground is Ground.UNEXECUTED and removal.received_at is None:
        raise Refusal("blocking", "NOT_RECEIVED")
    return name


def check_rests(removal: Measure) -> None:
    """Check that a blocking may rest on a removal request: it is neither executed nor ended nor suspended.

    Raises:
        Refusal: kind `blocking`: REMOVAL_ENDED (the removal request was executed, lifted, withdrawn or
            annulled), REMOVAL_SUSPENDED (its time limit is suspended).
    """
    check_lasts(removal, kind="blocking")
    if removal.state is MeasureState.SUSPENDED:
        raise Refusal("blocking", "REMOVAL_SUSPENDED")


def blocking_basis(removal: Measure, *, catalogue: Catalogue, on: date) -> MeasureRule:
    """Return the legal rule in force on a day that permits blocking for the offence of a removal request.

    Raises:
        Refusal: BLOCKING_CLOSED (no checked rule in force names that offence).
    """
    entry = catalogue.by_entry_id(removal.request.offence_entry)
    rule = None
    if isinstance(entry, Offence):
        rule = measure_basis(entry, catalogue=catalogue, on=on, track="BLOCKING")
    if rule is None:
        raise Refusal("blocking", "BLOCKING_CLOSED")
    return rule


def expiry_of(facts: BlockingFacts, *, catalogue: Catalogue) -> datetime | None:
    """Return when a blocking ends without any act of a person; None if it does not block anything now.

    That is the deadline of its next check, the end of the court's decision for a mirror, or the deadline of
    the answer to a doubt, whichever is earliest.

    Raises:
        DelayMissing: the reference data have no delay in force on the day from which it counts.
    """
    if facts.state not in BLOCKS or facts.listed_at is None:
        return None
    ends = _bounded(
        facts, check_due(catalogue=catalogue, since=facts.checked_at or facts.listed_at)
    )
    if facts.state is not BlockingState.DOUBTED or facts.doubted_at is None:
        return ends
    return min(ends, _desk(facts, "DECIDE", facts.doubted_at, catalogue))


def longest_doubt(level: str, *, catalogue: Catalogue, on: date) -> timedelta:
    """Return the longest time that the answer to a doubt about a blocking may take, by urgency `level`.

    The delays are those in force on the day `on`. A delay in working days is longest before a run of
    holidays: all days of the year from `on` are tried.
    """
    first = datetime.combine(on, time(), UTC)
    starts = [first + timedelta(days=days) for days in range(_YEAR)]
    return max(
        desk_deadline(catalogue=catalogue, stage="DECIDE", level=level, start=start) - start
        for start in starts
    )


def due_at(facts: BlockingFacts, *, catalogue: Catalogue) -> datetime | None:
    """Return the deadline of the next step of a blocking; None once it is lifted or withdrawn.

    Raises:
        DelayMissing: the reference data have no delay in force on the day from which it counts.
    """
    match facts.state:
        case BlockingState.DRAFT | BlockingState.TO_SECOND:
            return _bounded(facts, _desk(facts, "SECOND", facts.created_at, catalogue))
        case BlockingState.APPROVED | BlockingState.VOUCHED:
            send = _desk(facts, "SEND", facts.approved_at or facts.created_at, catalogue)
            return _bounded(facts, max(send, facts.removal_due or send))
        case BlockingState.LISTED if facts.listed_at is not None:
            return _bounded(facts, applied_by(catalogue=catalogue, listed_at=facts.listed_at))
        case BlockingState.FREED if facts.ended_at is not None:
            return facts.ended_at + REVIEW
        case BlockingState.LIFTING if facts.ended_at is not None:
            return restored_by(catalogue=catalogue, ended_at=facts.ended_at)
        case _:
            return expiry_of(facts, catalogue=catalogue)


def asked_of(facts: BlockingFacts, *, late: bool) -> str:
    """Return who must make the next step of a blocking: a code of the label kind `blocking_asked`.

    "" if nobody. `late`: its deadline has passed; for one in force or doubted, that is then a supervisor.
    """
    state = facts.state
    if state is BlockingState.APPROVED and facts.protected:
        return "THIRD"
    if late and state in {BlockingState.IN_FORCE, BlockingState.DOUBTED}:
        return "SUPERVISOR"
    return _ASKED.get(state, "OFFICER")


def _bounded(facts: BlockingFacts, at: datetime) -> datetime:
    """Return `at`, or the end of the court's decision if that is earlier."""
    return min(at, facts.decision_ends_at or at)


def _desk(facts: BlockingFacts, stage: str, start: datetime, catalogue: Catalogue) -> datetime:
    return desk_deadline(catalogue=catalogue, stage=stage, level=facts.level, start=start)
