"""Records of the orient stage: its input, proposals, tracks, decisions, queue rows and alarms.

The binary encoding of proposals is a version byte, then MessagePack lists without field names. The body omits
the fields that have columns of their own (report, tracks, rule version). Older rows hold zlib-compressed JSON
of the whole proposal, recognised by its other first byte; both are decoded.
"""

import zlib
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal import reference
from fanal.analyse.domain.records import Analysis, Because, KinFacts, Parameters, Priority
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.orient.domain.states import AlarmState, CaseState, alarm_state
from fanal.reference.words import either


class Track(StrEnum):
    """An action that a proposal or a decision names; each names one or more.

    JUDICIAL: referral to the judicial authority. MEASURES: removal or blocking by order. NOTICE: notice to
    a provider. ELSEWHERE: referral to another service. NONE: no action, which is never named with another.
    """

    JUDICIAL = "JUDICIAL"
    MEASURES = "MEASURES"
    NOTICE = "NOTICE"
    ELSEWHERE = "ELSEWHERE"
    NONE = "NONE"


class Reading(StrEnum):
    """Which wording of an article a legal basis cites.

    ONLY: a single wording applies; EARLIER, LATER: the law changed within the days of the facts; ONLINE: the
    wording in force on receipt.
    """

    ONLY = "ONLY"
    EARLIER = "EARLIER"
    LATER = "LATER"
    ONLINE = "ONLINE"


class OrientItem(Struct, frozen=True, kw_only=True):
    """One report with the results of the earlier stages: the input of `propose`.

    `kin` summarises its links to related reports. `sender_id` is the provider, zero for a report from the
    public. `analysis` (findings) and `priority` come from stage 3 of the processing; `is_test` marks a
    partner's test report, `desk_id` is the desk that handles it.
    """

    report: HarmonisedReport
    analysis: Analysis
    priority: Priority
    received_at: datetime
    desk_id: int
    kin: KinFacts
    sender_id: UUID = UUID(int=0)
    is_test: bool = False


class Basis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A legal basis: a wording of an article of law. `unchecked`: nobody has verified the text of the law.

    `code` names the article, `entry_id` its wording, and `reading` says why this wording is cited.
    `opens_measures`: the law permits a removal request for this offence on the day of receipt. An unchecked
    basis alone never opens a measure.
    """

    code: str  # "CP 227-23"
    entry_id: str
    opens_measures: bool = False
    unchecked: bool = False
    reading: Reading = Reading.ONLY


class Proposal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The proposal of the legal rules for one report; a person decides.

    `bodies` are all competent authorities in order of preference, `competent` the first (codes of the label
    kind `body`), None without one; `because` the reasons. `tracks` are the proposed actions, `bases` the
    legal bases, `rule_version` the version of the rules.
    """

    report_id: UUID
    tracks: tuple[Track, ...]
    bases: tuple[Basis, ...]
    because: tuple[Because, ...]
    competent: str | None
    rule_version: str
    bodies: tuple[str, ...] = ()


class StoredProposal(Struct, frozen=True, kw_only=True):
    """A stored proposal (actions, legal bases, authority) for a report: revision number, time of creation."""

    proposal: Proposal
    revision: int
    created_at: datetime


class Choice(Struct, frozen=True, kw_only=True):
    """A person's input for a decision: actions that follow (`tracks`), bases (entry ids or codes), reason.

    `body` is the code of the competent authority, None for none.
    """

    tracks: tuple[Track, ...]
    bases: tuple[str, ...]
    reason: str
    body: str | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """A stored decision by a person (`author_id`) on a report.

    `tracks` are the actions decided, `bases` the legal bases. `body` is the competent authority, None if
    there is none; `supersedes` the decision that this one replaces, None for the first. `proposal_revision`
    is the number of the proposal at that time, `rule_version` the version of the reference data (law, texts).
    `reason` is the written reason, empty once it has expired; its `digest` stays.
    """

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
    """A claim of a queued report by a person, as a lease.

    It ends at `lease_until`; `token` is its fencing token, which excludes writes of an earlier holder.
    """

    report_id: UUID
    person_id: UUID
    token: int
    lease_until: datetime


class Case(Struct, frozen=True, kw_only=True):
    """A report's row in the desk's work queue, with the facts by which the queue is ordered and filtered.

    `links` is the number of its related reports. `score` is 0 to 100, `floor` the code of the priority rule
    that set its minimum, `level` the priority level (DANGER, HIGH, NORMAL, LOW), `urgent` set for DANGER.
    `reason` is the code of the main reason, `reason_parameters` the values in its text. `kind`, `channel`,
    `platform` and `country` (ISO 3166-1, of the facts) are the report's; `is_test`: a partner's test.
    `sender_id` is the partner, zero for the public. `claimed_by` and `lease_until` are those of a claim
    (`held_by`: whether it still runs), None without; `claim_token` is the fencing token of the newest one, 0
    before the first. `decided_at` is the time of the newest decision (None before), `proposal_revision` the
    number of the newest proposal. `due_at` is the deadline of the next step: claim, decision or approval
    (`due_stage`).
    """

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
    """The head of the fold: the report shown in place of this one while this one is folded."""
    folded: int = 0
    """Number of reports folded into this one; the row then shows their highest priority and earliest
    deadline.
    """
    ask_before: datetime | None = None
    """End of the subscriber-data retention window for a suspect's newest IP address; None if unknown."""

    def floor_name(self, lang: str) -> str:
        """Return the display name of the priority rule that set the report's floor (minimum), "" without one.

        A rule written by the desk has its own French and English name, in `reason_parameters["words"]`.
        """
        words = self.reason_parameters.get("words")
        if isinstance(words, list) and self.floor:
            return either(words[0], words[1], lang)
        return reference.label("priority_rule", self.floor, lang) if self.floor else ""

    @property
    def due_stage(self) -> str:
        """The step that `due_at` limits: TAKE (until the first claim), DECIDE, SECOND (approval)."""
        if self.state is CaseState.TO_SECOND:
            return "SECOND"
        return "DECIDE" if self.claim_token else "TAKE"

    def held_by(self, now: datetime) -> UUID | None:
        """Return the id of the person who claimed the report, at `now`; None without a valid lease."""
        if self.state is not CaseState.CLAIMED or self.lease_until is None:
            return None
        return self.claimed_by if now < self.lease_until else None


class QueueView(StrEnum):
    """The standard views of the queue at every desk.

    OPEN: not decided. DANGER: a child in danger, open or with an unread answer of the reporter. MINE: in the
    person's charge (claimed by or assigned to them). ANSWERED: with an unread answer of the reporter.
    TO_SECOND: decided, a removal request waits for approval by a second person. LATE: past the deadline of
    its next step. HANDED_OVER: to another desk. DECIDED: the desk has decided, or closed it.
    """

    OPEN = "OPEN"
    DANGER = "DANGER"
    MINE = "MINE"
    ANSWERED = "ANSWERED"
    TO_SECOND = "TO_SECOND"
    LATE = "LATE"
    HANDED_OVER = "HANDED_OVER"
    DECIDED = "DECIDED"


class QueueFilter(Struct, frozen=True, kw_only=True):
    """Filters that narrow a view of the queue, and its order (`sort`); a field of None does not filter.

    `kind` and `channel` are codes of the report format, `level` a priority level, `country` (ISO 3166-1) and
    `departement` those of the facts. `language` (ISO 639-1) is the report's. `sender` is a partner's id or
    PUBLIC, `holder` a person's id, ME or NOBODY. `age` is a range of the youngest victim's age,
    `conversation` a value of `Conversation`, `received` a time before now (DAY, WEEK, MONTH). `since` and
    `until` are days of receipt in Paris, both included. All values: `domain.filters`, and the table in the
    README of `queue`.
    """

    kind: str | None = None
    channel: str | None = None
    level: str | None = None
    country: str | None = None
    departement: str | None = None
    language: str | None = None
    sender: str | None = None
    age: str | None = None
    holder: str | None = None
    conversation: str | None = None
    received: str | None = None
    since: date | None = None
    until: date | None = None
    sort: str | None = None


class SavedView(Struct, frozen=True, kw_only=True):
    """A view of the queue with filters, saved under a name; the whole desk sees a `shared` one.

    `view` is the standard view that it narrows, `person_id` its owner.
    """

    id: UUID
    desk_id: int
    person_id: UUID
    shared: bool
    name: str
    view: QueueView
    filters: QueueFilter


class QueuePosition(Struct, frozen=True, kw_only=True):
    """Score and report of the last row of a page, after which the next page starts (keyset pagination).

    In the view MINE, `score` is higher for a danger and for an unread answer (`BEFORE_OTHERS` of
    `queue.domain.streams`).
    """

    score: int
    report_id: UUID


class QueuePage(Struct, frozen=True, kw_only=True):
    """A page of the queue: its reports (cases), in queue order, and the start of the next page.

    `following` is the position after which the next page starts, None on the last page.
    """

    cases: tuple[Case, ...]
    following: QueuePosition | None


class ViewCounts(Struct, frozen=True, kw_only=True):
    """Number of reports in each view, and of each report kind in one view; numbers stop at `cap`.

    `views` are by view, `kinds` by report kind. `answered`: cases of the person's own with an unread answer.
    """

    views: dict[QueueView, int]
    answered: int
    kinds: dict[str, int]
    cap: int


class CallState(Struct, frozen=True, kw_only=True):
    """Delivery state of a call (e-mail) to the people on duty.

    `outcome` is a value of `Delivery`, empty while the call is due. `attempts` have been made so far,
    `failure` is the code of the last one's failure. `ended_at` is when the outcome was recorded, None while
    the call is due.
    """

    outcome: str
    attempts: int
    failure: str
    ended_at: datetime | None

    @property
    def failing(self) -> bool:
        """Whether the people on duty were not reached: attempts failed, given up, or LEFT in a folder."""
        return self.outcome in {"LEFT", "GIVEN_UP"} or (not self.outcome and bool(self.failure))

    @property
    def partly(self) -> bool:
        """Whether the mail server accepted the call for only some of the duty people."""
        return self.outcome == "PARTLY"


class Alarm(Struct, frozen=True, kw_only=True):
    """Child-in-danger alarm on a report: when it was raised, escalated and acknowledged, and by whom.

    `code` is CHILD_IN_DANGER (declared in the report) or DANGER_WRITTEN (declared later by its reporter). An
    instant is None while its event has not happened; `acknowledged_by` is the person's id. `call` is the
    delivery state of the latest call (e-mail) to the duty people: the call of the escalation if there was
    one, else the first; None without a call.
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
        """State of the alarm, derived from the instants of its escalation and acknowledgement."""
        return alarm_state(escalated_at=self.escalated_at, acknowledged_at=self.acknowledged_at)


class Call(Struct, frozen=True, kw_only=True):
    """A call (an e-mail about an alarm) to the people on duty, held by a sending process under a lease.

    `attempts` includes the current attempt; `token` is the fencing token that its outcome must carry.
    `escalated`: it is the second call, for an alarm that nobody acknowledged in time. `failure` is the code
    of the last attempt's failure, or empty. `to` are the mail addresses of the people on duty at the desk
    (`desk_id`) now, empty for those of FANAL_DUTY; `then` those called too if none of them is reached at
    once.
    """

    id: UUID
    alarm_id: UUID
    report_id: UUID
    escalated: bool
    attempts: int
    token: UUID
    failure: str = ""
    desk_id: int = 0
    to: tuple[str, ...] = ()
    then: tuple[str, ...] = ()


class Note(Struct, frozen=True, kw_only=True):
    """A note of the desk on one report, or on the reports that a dossier held when the note was written.

    `report_ids` are these reports, `author_id` is the writer. `dossier_id` is None for a note on one report;
    `words` (its text) is None once it has expired.
    """

    id: UUID
    desk_id: int
    dossier_id: UUID | None
    report_ids: tuple[UUID, ...]
    author_id: UUID
    written_at: datetime
    words: str | None


_VERSION = b"\x02"
_Body = tuple[
    tuple[tuple[str, str, bool, bool, Reading], ...],
    tuple[tuple[str, Parameters], ...],
    str | None,
    tuple[str, ...],
]
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Body)
_FIRST_DECODER = msgspec.json.Decoder(Proposal)


def pack_proposal(proposal: Proposal) -> bytes:
    """Encode a report's proposal for the column `body`: a version byte and MessagePack.

    The fields `report_id`, `tracks` and `rule_version` are left out: `unpack_proposal` takes them from
    their own columns.
    """
    body: _Body = (
        tuple(
            [(b.code, b.entry_id, b.opens_measures, b.unchecked, b.reading) for b in proposal.bases]
        ),
        tuple([(b.code, b.parameters) for b in proposal.because]),
        proposal.competent,
        proposal.bodies,
    )
    return _VERSION + _ENCODER.encode(body)


def unpack_proposal(
    content: bytes | memoryview, *, report_id: UUID, tracks: list[str], rule_version: str
) -> Proposal:
    """Decode a report's proposal from its packed body and its row's columns; inverse of `pack_proposal`.

    `tracks` and `rule_version` are those columns.

    Raises:
        zlib.error, msgspec.MsgspecError: the content is damaged.
    """
    stored = bytes(content)
    if stored[:1] != _VERSION:
        return _FIRST_DECODER.decode(zlib.decompress(stored))
    bases, because, competent, bodies = _DECODER.decode(stored[1:])
    return Proposal(
        report_id=report_id,
        tracks=tuple(Track(track) for track in tracks),
        bases=tuple(
            Basis(
                code=code,
                entry_id=entry_id,
                opens_measures=opens,
                unchecked=unchecked,
                reading=reading,
            )
            for code, entry_id, opens, unchecked, reading in bases
        ),
        because=tuple(Because(code=code, parameters=values) for code, values in because),
        competent=competent,
        rule_version=rule_version,
        bodies=bodies,
    )
