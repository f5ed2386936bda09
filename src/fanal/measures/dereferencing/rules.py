"""Rules of dereferencings: what a removal request permits to be dereferenced, and deadlines. Pure.

`catalogue` holds the dated law, `on` is the day on which it must be in force; `facts` are those of one
dereferencing.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct

from fanal.kernel.refusal import Refusal
from fanal.measures.dereferencing.kind import LASTS, DereferencingState
from fanal.measures.domain.clocks import dereferenced_by, listed_again_by, search_check_due
from fanal.measures.domain.records import REVIEW, Measure, check_rests
from fanal.orient.domain.clocks import desk_deadline
from fanal.orient.domain.qualify import measure_basis
from fanal.reference import Catalogue, MeasureClock, MeasureRule, Offence

ASK = timedelta(hours=1)
"""Time in which the recipient is asked to list the addresses again: without delay, a person has to do it."""
_ASKED = {
    DereferencingState.DRAFT: "PROPOSER",
    DereferencingState.TO_SECOND: "SECOND",
    DereferencingState.LIFTED: "",
    DereferencingState.WITHDRAWN: "",
}
"""Who is asked in a state; a measures officer in every other."""


class DereferencingFacts(Struct, frozen=True, kw_only=True):
    """The facts from which the deadlines of a dereferencing are computed.

    `level` is its urgency. The instants are those of its steps, None before them: `created_at` is that of the
    draft, `approved_at` of the approval by a second person (None again once amended); `notified_at` is when
    it was sent to the recipient, `confirmed_at` when the recipient's compliance was confirmed, `checked_at`
    that of the last periodic check, `doubted_at` that of a doubt (None again once answered), `ended_at` that
    of its end, `asked_at` when the recipient was asked to list the addresses again. `unreviewed`: one person
    alone ended it (`free`), and nobody has reviewed that.
    """

    state: DereferencingState
    level: str
    created_at: datetime
    approved_at: datetime | None = None
    notified_at: datetime | None = None
    confirmed_at: datetime | None = None
    checked_at: datetime | None = None
    doubted_at: datetime | None = None
    ended_at: datetime | None = None
    asked_at: datetime | None = None
    unreviewed: bool = False


def dereferencing_basis(removal: Measure, *, catalogue: Catalogue, on: date) -> MeasureRule:
    """Return the legal rule in force that day which permits dereferencing for a removal request's offence.

    The law sets no waiting time: the notification may follow the request at any time (LCEN article 6-1).

    Raises:
        Refusal: kind `dereferencing`: REMOVAL_ENDED (the removal request was executed, lifted, withdrawn or
            annulled); CLOSED (no checked rule in force names that offence).
    """
    check_rests(removal, kind="dereferencing")
    entry = catalogue.by_entry_id(removal.request.offence_entry)
    rule = None
    if isinstance(entry, Offence):
        rule = measure_basis(entry, catalogue=catalogue, on=on, track="DEREFERENCING")
    if rule is None:
        raise Refusal("dereferencing", "CLOSED")
    return rule


def hours_of(code: str, *, catalogue: Catalogue, on: date) -> int:
    """Return a delay for recipients in hours, for the letter; 0 if the reference data have none on that day.

    `code` is that of a `MeasureClock`.
    """
    clock = catalogue.by_code(MeasureClock, code, on)
    return clock.value.length if clock else 0


def check_targets(targets: Sequence[str], *, known: Sequence[str]) -> tuple[str, ...]:
    """Check the addresses to keep in a dereferencing, and return each once.

    `known` are the addresses of the act so far: none may be added. The order is that of `targets`.

    Raises:
        Refusal: kind `dereferencing`: NO_TARGET (none is left), FOREIGN_TARGET (an unknown address).
    """
    kept = tuple(dict.fromkeys(targets))
    if not kept:
        raise Refusal("dereferencing", "NO_TARGET")
    if not set(kept) <= set(known):
        raise Refusal("dereferencing", "FOREIGN_TARGET")
    return kept


def lapses_at(facts: DereferencingFacts, *, catalogue: Catalogue) -> datetime | None:
    """Return from when a dereferencing may only be lifted, not prolonged; None if it is not in force.

    That is the deadline of its next check, or of the answer to a doubt if that is earlier.

    Raises:
        DelayMissing: the reference data have no delay in force on the day from which it counts.
    """
    if facts.state not in LASTS or facts.notified_at is None:
        return None
    check = search_check_due(catalogue=catalogue, since=facts.checked_at or facts.notified_at)
    if facts.state is not DereferencingState.DOUBTED or facts.doubted_at is None:
        return check
    return min(check, _desk(facts, "DECIDE", facts.doubted_at, catalogue))


def due_at(facts: DereferencingFacts, *, catalogue: Catalogue) -> datetime | None:
    """Return the deadline of the next step of a dereferencing; None once it is lifted or withdrawn.

    Raises:
        DelayMissing: the reference data have no delay in force on the day from which it counts.
    """
    match facts.state:
        case DereferencingState.DRAFT | DereferencingState.TO_SECOND:
            return _desk(facts, "SECOND", facts.created_at, catalogue)
        case DereferencingState.APPROVED:
            return _desk(facts, "SEND", facts.approved_at or facts.created_at, catalogue)
        case DereferencingState.FREED | DereferencingState.LIFTING if facts.ended_at:
            return facts.ended_at + ASK
        case DereferencingState.RESTORING if facts.ended_at and facts.asked_at:
            again = listed_again_by(catalogue=catalogue, asked_at=facts.asked_at)
            return min(again, facts.ended_at + REVIEW) if facts.unreviewed else again
    lapses = lapses_at(facts, catalogue=catalogue)
    proved = facts.confirmed_at or facts.state is DereferencingState.DOUBTED
    if lapses is None or facts.notified_at is None or proved:
        return lapses
    return min(lapses, dereferenced_by(catalogue=catalogue, notified_at=facts.notified_at))


def asked_of(facts: DereferencingFacts, *, late: bool) -> str:
    """Return who must make the next step of a dereferencing: a code of the label kind `dereferencing_asked`.

    "" if nobody. `late`: its deadline has passed; once the recipient was notified, that is then a supervisor.
    """
    state = facts.state
    if state is DereferencingState.RESTORING and facts.unreviewed:
        return "REVIEWER"
    if state in {DereferencingState.FREED, DereferencingState.LIFTING}:
        return "ANYONE"
    if late and state not in _ASKED and state is not DereferencingState.APPROVED:
        return "SUPERVISOR"
    return _ASKED.get(state, "OFFICER")


def _desk(facts: DereferencingFacts, stage: str, start: datetime, catalogue: Catalogue) -> datetime:
    return desk_deadline(catalogue=catalogue, stage=stage, level=facts.level, start=start)
