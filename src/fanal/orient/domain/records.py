"""What orient takes and publishes: items, proposals, tracks, decisions, queue rows and alarms."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal import reference
from fanal.analyse.domain.records import Analysis, Because, KinFacts, Parameters, Priority
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.orient.domain.states import AlarmState, CaseState, alarm_state
from fanal.reference.words import either


class Track(StrEnum):
    """Where a report goes. A decision names one or several."""

    JUDICIAL = "JUDICIAL"
    MEASURES = "MEASURES"
    NOTICE = "NOTICE"
    ELSEWHERE = "ELSEWHERE"
    NONE = "NONE"


class Reading(StrEnum):
    """Which wording of an article a basis is."""

    ONLY = "ONLY"
    EARLIER = "EARLIER"
    LATER = "LATER"
    ONLINE = "ONLINE"


class OrientItem(Struct, frozen=True, kw_only=True):
    """One report with what the stages before know of it: what `propose` reads."""

    report: HarmonisedReport
    analysis: Analysis
    priority: Priority
    received_at: datetime
    desk_id: int
    kin: KinFacts
    sender_id: UUID = UUID(int=0)
    is_test: bool = False


class Basis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A legal basis in force on the day of the facts; `unchecked` alone never opens a measure."""

    code: str  # "CP 227-23"
    entry_id: str
    opens_measures: bool = False
    unchecked: bool = False
    reading: Reading = Reading.ONLY


class Proposal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the rules propose; a person decides. `bodies` are all that could act, `competent` the first."""

    report_id: UUID
    tracks: tuple[Track, ...]
    bases: tuple[Basis, ...]
    because: tuple[Because, ...]
    competent: str | None
    rule_version: str
    bodies: tuple[str, ...] = ()


class StoredProposal(Struct, frozen=True, kw_only=True):
    """A proposal with its revision and the instant it was made."""

    proposal: Proposal
    revision: int
    created_at: datetime


class Choice(Struct, frozen=True, kw_only=True):
    """What a person enters: tracks, bases (entry ids or codes), the written reason, the competent body."""

    tracks: tuple[Track, ...]
    bases: tuple[str, ...]
    reason: str
    body: str | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """What a person decided. `reason` is empty once it has expired; the digest stays."""

    id: UUID
    report_id: UUID
    desk_id: int
    tracks: tuple[Track, ...]
    bases: tuple[Basis, ...]
    body: str | None
    proposal_revision: int
    rule_version: str
    author_id: UUID
    decided_at: datetime
    digest: bytes
    supersedes: UUID | None
    reason: str = ""


class CaseClaim(Struct, frozen=True, kw_only=True):
    """A lease on a case: whose, until when, and the token that fences out an earlier holder."""

    report_id: UUID
    person_id: UUID
    token: int
    lease_until: datetime


class Case(Struct, frozen=True, kw_only=True):
    """A row of the queue. `due_at` is computed from stored instants when the state changes."""

    report_id: UUID
    desk_id: int
    state: CaseState
    score: int
    floor: str | None
    level: str
    reason: str
    reason_parameters: Parameters
    kind: str
    channel: str | None
    platform: str | None
    country: str | None
    received_at: datetime
    urgent: bool
    links: int
    sender_id: UUID
    claimed_by: UUID | None
    lease_until: datetime | None
    claim_token: int
    decided_at: datetime | None
    due_at: datetime
    proposal_revision: int
    is_test: bool
    head_id: UUID | None = None
    """The report that is shown for this one, while it is folded."""
    folded: int = 0
    """How many reports are folded into this one; its row has the highest priority, the nearest clock."""
    ask_before: datetime | None = None
    """Until when the owner of a suspect's newest address can be asked; None where nobody knows."""

    def floor_name(self, lang: str) -> str:
        """Return what people call the rule that set the floor; empty without one.

        The reason of such a case is that of this rule: the words of a rule of the desk's own stand there.
        """
        words = self.reason_parameters.get("words")
        if isinstance(words, list) and self.floor:
            return either(words[0], words[1], lang)
        return reference.label("priority_rule", self.floor, lang) if self.floor else ""

    @property
    def due_stage(self) -> str:
        """Return which act `due_at` is for: TAKE until the first taking, then DECIDE, then SECOND."""
        if self.state is CaseState.TO_SECOND:
            return "SECOND"
        return "DECIDE" if self.claim_token else "TAKE"

    def held_by(self, now: datetime) -> UUID | None:
        """Return who holds the case at `now`; None when nobody does or the lease has lapsed."""
        if self.state is not CaseState.CLAIMED or self.lease_until is None:
            return None
        return self.claimed_by if now < self.lease_until else None


class QueueView(StrEnum):
    """The views that every desk has."""

    OPEN = "OPEN"
    DANGER = "DANGER"
    MINE = "MINE"
    TO_SECOND = "TO_SECOND"
    LATE = "LATE"
    HANDED_OVER = "HANDED_OVER"
    DECIDED = "DECIDED"


class QueueFilter(Struct, frozen=True, kw_only=True):
    """What narrows a view; absent values do not."""

    kind: str | None = None
    channel: str | None = None
    country: str | None = None
    level: str | None = None


class SavedView(Struct, frozen=True, kw_only=True):
    """A view that a person kept under a name; `shared` ones are seen by the whole desk."""

    id: UUID
    desk_id: int
    person_id: UUID
    shared: bool
    name: str
    view: QueueView
    filters: QueueFilter


class QueuePosition(Struct, frozen=True, kw_only=True):
    """Where a page ended: the next one starts after it (keyset pagination)."""

    score: int
    report_id: UUID


class QueuePage(Struct, frozen=True, kw_only=True):
    """A page of the queue; `following` is None on the last one."""

    cases: tuple[Case, ...]
    following: QueuePosition | None


class ViewCounts(Struct, frozen=True, kw_only=True):
    """How many cases each view holds, and each kind of one view, counted up to `cap`."""

    views: dict[QueueView, int]
    kinds: dict[str, int]
    cap: int


class CallState(Struct, frozen=True, kw_only=True):
    """What became of a call so far: `outcome` is empty while it is due, `failure` of the last attempt."""

    outcome: str
    attempts: int
    failure: str
    ended_at: datetime | None

    @property
    def failing(self) -> bool:
        """Return whether the call has not been accepted yet, though it was tried, or never will be."""
        return self.outcome in {"LEFT", "GIVEN_UP"} or (not self.outcome and bool(self.failure))

    @property
    def partly(self) -> bool:
        """Return whether the mail server took the call for some of the duty people alone."""
        return self.outcome == "PARTLY"


class Alarm(Struct, frozen=True, kw_only=True):
    """Child-in-danger alarm on a report: when it was raised, escalated and acknowledged, and by whom.

    `call` is the delivery state of the latest call to the duty people: the call of the escalation if there
    was one, else the first; None without a call.
    """

    id: UUID
    report_id: UUID
    desk_id: int
    code: str
    raised_at: datetime
    escalated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: UUID | None = None
    call: CallState | None = None

    @property
    def state(self) -> AlarmState:
        """Where the alarm stands."""
        return alarm_state(escalated_at=self.escalated_at, acknowledged_at=self.acknowledged_at)


class Call(Struct, frozen=True, kw_only=True):
    """A call to the duty people under a lease: `attempts` counts this one, `token` fences its outcome."""

    id: UUID
    alarm_id: UUID
    report_id: UUID
    escalated: bool
    attempts: int
    token: UUID


class Note(Struct, frozen=True, kw_only=True):
    """A note of the desk on one report, or on the reports a dossier held when it was written.

    `words` are None once they have expired.
    """

    id: UUID
    desk_id: int
    dossier_id: UUID | None
    report_ids: tuple[UUID, ...]
    author_id: UUID
    written_at: datetime
    words: str | None
