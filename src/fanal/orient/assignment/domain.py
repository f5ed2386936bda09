"""Records and state table of assignments: who is in charge of a report, and since when.

`case` is the report's queue row, `given` its open assignment, None without one.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.kernel.states import StateTable, move
from fanal.orient.domain.records import Case

PROTECTED = timedelta(minutes=15)
"""How long the assignment of a child in danger keeps it from others who ask for the next report."""
UNDONE_WITHIN = timedelta(minutes=2)
_OVER = ".over"


class AssignmentState(StrEnum):
    """State of an assignment.

    GIVEN: assigned or handed over; SEEN: its person opened the report. Ends: RETURNED by its person;
    TAKEN_BACK by its giver or a supervisor; PASSED_ON to another; TAKEN: a colleague claimed the report;
    ENDED: the report left the queue (decided, grouped, withdrawn); LAPSED: its person may no longer claim
    reports at the desk.
    """

    GIVEN = "GIVEN"
    SEEN = "SEEN"
    RETURNED = "RETURNED"
    TAKEN_BACK = "TAKEN_BACK"
    PASSED_ON = "PASSED_ON"
    TAKEN = "TAKEN"
    ENDED = "ENDED"
    LAPSED = "LAPSED"


_OPEN = frozenset({AssignmentState.GIVEN, AssignmentState.SEEN})
ASSIGNMENT_STATES: StateTable[AssignmentState] = StateTable(
    name="assignment",
    initial=AssignmentState.GIVEN,
    final=frozenset(AssignmentState) - _OPEN,
    transitions=(
        move("see", {AssignmentState.GIVEN}, AssignmentState.SEEN),
        move("return", _OPEN, AssignmentState.RETURNED),
        move("take_back", _OPEN, AssignmentState.TAKEN_BACK),
        move("pass_on", _OPEN, AssignmentState.PASSED_ON),
        move("take", _OPEN, AssignmentState.TAKEN),
        move("end", _OPEN, AssignmentState.ENDED),
        move("lapse", _OPEN, AssignmentState.LAPSED),
    ),
)


class Assignment(Struct, frozen=True, kw_only=True):
    """The assignment of a report to a person (`person_id`), by another (`made_by`), and how it ended.

    `handed_over`: by the person who was in charge; otherwise a supervisor assigned it. `former_id`: who was
    in charge before, None for nobody. `act_id` is common to the assignments of one act on several reports.
    `note_id`: the note to the person, None without one. `seen_at`: when the person opened the report.
    `outcome` is the final `AssignmentState`, "" while the assignment is open; `ended_at` is None until then.
    """

    id: UUID
    report_id: UUID
    desk_id: int
    person_id: UUID
    made_by: UUID
    handed_over: bool
    former_id: UUID | None
    act_id: UUID
    note_id: UUID | None
    made_at: datetime
    seen_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""

    @property
    def state(self) -> AssignmentState:
        """State of the assignment, derived from its columns."""
        if self.outcome:
            return AssignmentState(self.outcome)
        return AssignmentState.SEEN if self.seen_at else AssignmentState.GIVEN


class Load(Struct, frozen=True, kw_only=True):
    """The workload of a person at a desk, as numbers of reports.

    `held`: in their charge (claimed or assigned); `danger`: of these, with a child in danger; `unseen`:
    assigned to them and not opened yet. `oldest_id` and `oldest_at`: the report in their charge that was
    received first, and when; None without any.
    """

    person_id: UUID
    held: int = 0
    danger: int = 0
    unseen: int = 0
    oldest_id: UUID | None = None
    oldest_at: datetime | None = None


def in_charge(case: Case, given: Assignment | None, *, now: datetime) -> UUID | None:
    """Return the id of the person in charge of a report: its assignee, else the holder of its claim, or None.

    `case` is the report's row in the queue, `given` its open assignment.
    """
    return given.person_id if given is not None else case.held_by(now)


def version_of(case: Case, given: Assignment | None, *, now: datetime) -> str:
    """Return an opaque string that identifies who is in charge of a report; it is put into the page's forms.

    It changes with each claim, the expiry of a claim and each assignment. `case` is the report's row in the
    queue, `given` its open assignment.
    """
    over = case.claimed_by is not None and case.held_by(now) is None
    given_id = given.id if given else ""
    return f"{case.claim_token}.{case.claimed_by or ''}.{given_id}{_OVER if over else ''}"


def is_shown(shown: str, case: Case, given: Assignment | None, *, now: datetime) -> bool:
    """Return whether a page with the version `shown` (see `version_of`) is up to date on who is in charge.

    It is also up to date if a claim has only expired since and nobody else has taken the report.
    """
    return shown in versions_of(case, given, now=now)


def versions_of(case: Case, given: Assignment | None, *, now: datetime) -> tuple[str, ...]:
    """Return the accepted versions (`version_of`) of a page that is up to date on who is in charge.

    The first is the current one. If the claim of the report has expired, the version from before its expiry
    is added.
    """
    version = version_of(case, given, now=now)
    return tuple(dict.fromkeys((version, version.removesuffix(_OVER))))


def is_kept_from(case: Case, given: Assignment | None, *, person_id: UUID, now: datetime) -> bool:
    """Return whether a report is reserved for another person, so that this person's request for the next
    report skips it.

    A report is reserved for the person to whom it is assigned. A report with a child in danger is reserved
    only for the time `PROTECTED` after its first assignment, and not at all after it was passed on, so that
    an absent colleague does not delay it. `given` is the open assignment, None for none.
    """
    if given is None or given.person_id == person_id:
        return False
    fresh = given.former_id is None and now < given.made_at + PROTECTED
    return case.level != "DANGER" or fresh
