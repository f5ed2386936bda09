"""Queries on removal requests: lists, one request with its letter and steps, oversight, statistics."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import Resource, allows, may, reach, require
from fanal.accounts.row_scope import across_desks
from fanal.casework import queries as casework
from fanal.casework.domain.lifecycle import BY_DECISION, WITHDRAW
from fanal.casework.domain.records import Act, ActApproval, ActFile, ActStep, ApprovalVerdict
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.figures import Counted
from fanal.measures.domain.clocks import legal_deadline, non_disclosure_end, suspensions_of
from fanal.measures.domain.letters import Letter, erased_request, read_letter, read_request
from fanal.measures.domain.oversight import (
    AnswerVerdict,
    DeskAnswer,
    Happening,
    Recommendation,
    RecommendationKind,
    Session,
    SessionEvent,
)
from fanal.measures.domain.records import (
    BEFORE_SENDING,
    Measure,
    MeasureKind,
    MeasureState,
    MeasureWarning,
)
from fanal.measures.domain.warnings import Asked, Earlier, Lawful, is_whole_site, target_key, warn
from fanal.measures.models import Contact, StoredRecommendation, StoredRequest, StoredSession
from fanal.measures.removal.kind import REMOVAL
from fanal.orient import queries as oriented
from fanal.orient.domain.clocks import desk_deadline

# The board, and measures with their letter, approvals and steps.


class MeasureFile(Struct, frozen=True, kw_only=True):
    """A removal request with its letter, the approvals and the recorded transitions (`steps`)."""

    measure: Measure
    letter: Letter
    approvals: tuple[ActApproval, ...]
    steps: tuple[ActStep, ...]


def list_measures(
    *,
    actor: Actor,
    states: Iterable[MeasureState] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> tuple[Measure, ...]:
    """Return a page of the removal requests that the actor may read, oldest first.

    Without `states`, measures in every state are returned. Overseers read those of every desk (LCEN 6-1).
    `after` is the last id of the previous page.
    """
    found = casework.list_acts(
        actor=actor, lifecycle=REMOVAL, states=states, after=after, limit=limit
    )
    return tuple(_measures(found).values())


def measures_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, tuple[Measure, ...]]:
    """Return the removal requests on each report that the actor may read, by report id (none: no key)."""
    found = casework.acts_on(actor=actor, lifecycle=REMOVAL, subject_ids=report_ids)
    measures = _measures([act for acts in found.values() for act in acts])
    return {report: tuple(measures[act.id] for act in acts) for report, acts in found.items()}


def get_measure(*, actor: Actor, measure_id: UUID) -> MeasureFile | None:
    """Return a removal request with letter, approvals and transitions; None if unknown or not readable."""
    found = casework.get_act(actor=actor, lifecycle=REMOVAL, act_id=measure_id)
    return None if found is None else read_file(file=found)


def read_file(*, file: ActFile) -> MeasureFile:
    """Convert the official act of a removal request into a measure with its letter, approvals and steps.

    The letter is empty once its document has expired.
    """
    return MeasureFile(
        measure=_measures([file.act])[file.act.id],
        letter=read_letter(file.content) if file.content else Letter(fr="", en="", machine=b""),
        approvals=tuple(
            msgspec.structs.replace(one, warnings=_warnings(one.warnings)) for one in file.approvals
        ),
        steps=_readable(file.steps),
    )


def list_by_ids(*, actor: Actor, measure_ids: Sequence[UUID]) -> dict[UUID, Measure]:
    """Return the removal requests with these ids that the actor may read, by id; others have no key."""
    found = casework.get_acts(actor=actor, lifecycle=REMOVAL, act_ids=measure_ids)
    return _measures(list(found.values()))


def list_left(*, actor: Actor, limit: int = 50) -> tuple[tuple[Measure, ActStep], ...]:
    """Return removal requests whose sending was recorded only after their legal basis lapsed, newest first.

    Each comes with the step that records the sending.
    """
    found = casework.list_lapsed(actor=actor, lifecycle=REMOVAL, limit=limit)
    measures = _measures([act for act, _ in found])
    return tuple((measures[act.id], step) for act, step in found)


def seconded_despite(*, actor: Actor, measure_ids: Sequence[UUID]) -> set[UUID]:
    """Return the ids of the removal requests, among the readable, that were approved despite warnings."""
    within = casework.get_acts(actor=actor, lifecycle=REMOVAL, act_ids=measure_ids)
    return {
        measure_id
        for measure_id, approvals in casework.approvals_of(act_ids=within).items()
        if any(one.warnings and one.verdict is ApprovalVerdict.APPROVED for one in approvals)
    }


def count_by_state(*, actor: Actor) -> dict[MeasureState, int]:
    """Count the removal requests that the actor may read, by state; states without any are 0."""
    found = casework.count_states(actor=actor, lifecycle=REMOVAL)
    return {state: found.get(state.value, 0) for state in MeasureState}


def first_contact(*, actor: Actor, recipient: str) -> datetime | None:
    """Return when the provider `recipient` was first informed of the procedure (LCEN 6-2 I), or None.

    None if it never was, or if the actor may not read measures.
    """
    if not may(actor, "measure.read"):
        return None
    return Contact.objects.filter(recipient=recipient).values_list("informed_at", flat=True).first()


def steps_of(*, actor: Actor, measure_id: UUID) -> tuple[ActStep, ...]:
    """Return the transitions of a removal request in order; empty if unknown or not readable."""
    found = casework.get_act(actor=actor, lifecycle=REMOVAL, act_id=measure_id)
    return _readable(found.steps) if found else ()


def _measures(found: Sequence[Act]) -> dict[UUID, Measure]:
    """Convert the official acts of removal requests into measures, by id."""
    ids = [act.id for act in found]
    own = StoredRequest.objects.in_bulk(ids)
    contents, steps = casework.contents_of(acts=found), casework.steps_of(act_ids=ids)
    return {
        act.id: _measure(
            act, own.get(act.id) or _unwritten(act), contents.get(act.id), steps.get(act.id, ())
        )
        for act in found
    }


def _unwritten(act: Act) -> StoredRequest:
    """Return an empty removal request for an act without a document, which only direct SQL can create."""
    return StoredRequest(
        act_id=act.id, kind=MeasureKind.REMOVAL, host="", digest=b"", author_id=act.author_id
    )


def _measure(
    act: Act, own: StoredRequest, content: bytes | None, steps: Sequence[ActStep]
) -> Measure:
    """Return the record of a measure from its act, its row (`own`), its document and its steps.

    Raises:
        ValueError: the act follows no decision.
    """
    state, catalogue = MeasureState(act.state), reference.load()
    legal = legal_deadline(
        catalogue=catalogue, received_at=own.received_at, suspensions=suspensions_of(steps)
    )
    request = (
        read_request(content)
        if content
        else erased_request(measure_id=act.id, revision=act.revision, kind=MeasureKind(own.kind))
    )
    undisclosed = act.sent_at if request.non_disclosure else None
    if act.decision_id is None:
        raise ValueError("a measure follows a decision")
    return Measure(
        id=act.id,
        desk_id=act.desk_id,
        report_id=act.subject_id,
        decision_id=act.decision_id,
        request=request,
        digest=bytes(own.digest),
        state=state,
        level=act.level,
        proposer_id=act.author_id,
        author_id=own.author_id,
        created_at=act.created_at,
        submitted_at=own.submitted_at,
        approved_at=own.approved_at,
        sent_at=act.sent_at,
        received_at=own.received_at,
        executed_at=own.executed_at,
        due_at=_due(act, own, legal),
        legal_due_at=legal,
        non_disclosure_until=undisclosed
        and non_disclosure_end(catalogue=catalogue, decided_at=undisclosed),
    )


def _due(act: Act, own: StoredRequest, legal: datetime | None) -> datetime | None:
    """Return the next deadline: the desk's own before sending, `legal` after receipt, else None."""
    match MeasureState(act.state):
        case MeasureState.DRAFT | MeasureState.TO_SECOND:
            stage, start = "SECOND", own.submitted_at
        case MeasureState.APPROVED:
            stage, start = "SEND", own.approved_at
        case MeasureState.RECEIVED | MeasureState.EXPIRED:
            return legal
        case _:
            return None
    return desk_deadline(
        catalogue=reference.load(), stage=stage, level=act.level, start=start or act.created_at
    )


def _readable(steps: Iterable[ActStep]) -> tuple[ActStep, ...]:
    return tuple(msgspec.structs.replace(one, warnings=_warnings(one.warnings)) for one in steps)


def _warnings(stored: object) -> tuple[MeasureWarning, ...]:
    return msgspec.convert(stored, type=tuple[MeasureWarning, ...])


# Counts and delays of measures, for statistics; they identify no measure, address or person.


def count_measures(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the removal requests drafted from `since` to `until` (excluded), by day and present state.

    The rows are (day in Paris, kind, state, number).

    Raises:
        Refused: the actor may not read statistics.
    """
    rows = casework.count_acts(actor=actor, lifecycle=REMOVAL, since=since, until=until)
    return [(day, MeasureKind.REMOVAL, state, count) for day, state, _, count in rows]


def count_sent(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the removal requests sent from `since` to `until` (excluded), by day.

    The rows are (day in Paris, kind, "" for the unused second key, number).

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    found = sql.rows(
        "SELECT (sent_at AT TIME ZONE 'Europe/Paris')::date, kind, '', count(*)"
        " FROM measures_request WHERE sent_at >= %s AND sent_at < %s GROUP BY 1, 2",
        [since, until],
    )
    return list(found)


def count_waiting(*, actor: Actor) -> dict[MeasureState, int]:
    """Count the unsent removal requests of all desks, by state.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    return {
        state: casework.count_in(actor=actor, lifecycle=REMOVAL, states=[state])
        for state in BEFORE_SENDING
    }


# Sessions and recommendations, for the overseer and for the desk that must answer.


def list_recommendations(
    *, actor: Actor, waiting: bool = False, limit: int = 200
) -> tuple[Recommendation, ...]:
    """Return the newest recommendations of overseers that the actor may read; `waiting`: unanswered ones."""
    rows = _reachable(actor)
    if waiting:
        rows = rows.filter(answer=None)
    return _recommendations(actor, list(rows.order_by("-id")[:limit]))


def recommendations_of(*, actor: Actor, measure_id: UUID) -> tuple[Recommendation, ...]:
    """Return the overseer's recommendations on a removal request that the actor may read, oldest first."""
    rows = _reachable(actor).filter(measure_id=measure_id)
    return _recommendations(actor, list(rows.order_by("id")))


def get_recommendation(*, actor: Actor, recommendation_id: UUID) -> Recommendation | None:
    """Return an overseer's recommendation; None if unknown or not readable by the actor."""
    rows = list(_reachable(actor).filter(id=recommendation_id))
    return next(iter(_recommendations(actor, rows)), None)


def list_sessions(*, actor: Actor, limit: int = 20) -> tuple[Session, ...]:
    """Return the actor's own oversight sessions, newest first; empty without the right to recommend."""
    if not may(actor, "measure.recommend"):
        return ()
    rows = StoredSession.objects.filter(overseer_id=actor.person_id).prefetch_related("happenings")
    return _sessions(rows.order_by("-id")[:limit])


def get_session(*, actor: Actor, session_id: UUID) -> Session | None:
    """Return an oversight session of the actor; None if unknown or without the right to recommend."""
    if not may(actor, "measure.recommend"):
        return None
    rows = StoredSession.objects.filter(id=session_id, overseer_id=actor.person_id)
    return next(iter(_sessions(rows.prefetch_related("happenings"))), None)


def _reachable(actor: Actor) -> QuerySet[StoredRecommendation]:
    bounds = reach(actor, "measure.read")
    rows = StoredRecommendation.objects.select_related("answer")
    return rows if bounds.everywhere else rows.filter(desk_id__in=bounds.desk_ids)


def _recommendations(
    actor: Actor, rows: Sequence[StoredRecommendation]
) -> tuple[Recommendation, ...]:
    acts = casework.get_acts(
        actor=actor, lifecycle=REMOVAL, act_ids={row.measure_id for row in rows}
    )
    return tuple(_recommendation(row, level=acts[row.measure_id].level) for row in rows)


def _recommendation(row: StoredRecommendation, *, level: str) -> Recommendation:
    stored = getattr(row, "answer", None)
    answer = stored and DeskAnswer(
        verdict=AnswerVerdict(stored.verdict),
        words=stored.words,
        person_id=stored.person_id,
        at=stored.at,
    )
    return Recommendation(
        id=row.id,
        measure_id=row.measure_id,
        desk_id=row.desk_id,
        kind=RecommendationKind(row.kind),
        words=row.words,
        overseer_id=row.overseer_id,
        made_at=row.made_at,
        due_at=desk_deadline(
            catalogue=reference.load(), stage="ANSWER", level=level, start=row.made_at
        ),
        answer=answer,
    )


def _sessions(rows: Sequence[StoredSession] | QuerySet[StoredSession]) -> tuple[Session, ...]:
    return tuple(
        Session(
            id=row.id,
            overseer_id=row.overseer_id,
            started_at=row.started_at,
            population=row.population,
            sample=tuple(row.sample),
            events=tuple(
                SessionEvent(what=Happening(h.what), at=h.at, measure_id=h.measure_id)
                for h in sorted(row.happenings.all(), key=lambda h: (h.at, h.db_at))
            ),
        )
        for row in rows
    )


# The facts behind warnings: other reports and measures with the addresses of a request.
#
# The queries cover every desk, by indexed keys and up to a bound; the result discloses of another desk
# only that a report or measure exists there (`domain.warnings`).

_MACHINE = system_actor("warnings before a removal request")
_MOST_SIGHTINGS = 1000
"""Maximum number of reports examined for an address, newest first."""
_MOST_MEASURES = 100
"""Maximum number of revisions of measures examined for an address, newest first."""
EARLIER = """
SELECT wanted.key, found.measure_id, array_agg(found.revision),
    EXISTS (SELECT FROM measures_recommendation r WHERE r.measure_id = found.measure_id AND r.kind = 'END')
FROM unnest(%s::uuid[]) AS wanted (key)
CROSS JOIN LATERAL (
    SELECT measure_id, revision FROM measures_target
    WHERE key = wanted.key ORDER BY measure_id DESC, revision DESC LIMIT %s) found
GROUP BY wanted.key, found.measure_id
"""


def warnings_on(*, actor: Actor, asked: Sequence[Asked]) -> dict[UUID, tuple[MeasureWarning, ...]]:
    """Return the current warnings on each of the removal requests `asked`, by measure id.

    Requests that the actor may not read are omitted; a request without warnings has an empty tuple.
    """
    within = [
        one for one in asked if allows(actor, "measure.read", Resource(desk_id=one.desk_id)).allowed
    ]
    keys = sorted({target_key(address) for one in within for address in one.request.targets})
    with across_desks():  # no row is shown: codes, and ids of the measure's own desk
        lawful, earlier = _lawful(keys), _earlier(keys)
        pages = _pages(within)
    return {
        one.request.measure_id: warn(
            one, pages=pages.get(one.request.measure_id, ()), lawful=lawful, earlier=earlier
        )
        for one in within
    }


def _lawful(keys: Sequence[UUID]) -> list[Lawful]:
    seen = harmonised.get_sightings(actor=_MACHINE, keys=keys, limit=_MOST_SIGHTINGS)
    reports = {(one.key, one.report_id) for found in seen.values() for one in found.newest}
    decided = oriented.decided_without_action(
        actor=_MACHINE, report_ids=sorted({report_id for _, report_id in reports})
    )
    return [
        Lawful(key=key, report_id=report_id, desk_id=decided[report_id])
        for key, report_id in reports
        if report_id in decided
    ]


def _earlier(keys: Sequence[UUID]) -> list[Earlier]:
    asked = sql.rows(EARLIER, [uuid_array(keys), _MOST_MEASURES])
    ids = {measure_id for _, measure_id, _, _ in asked}
    acts = casework.get_acts(actor=_MACHINE, lifecycle=REMOVAL, act_ids=ids)
    verdicts, steps = casework.approvals_of(act_ids=ids), casework.steps_of(act_ids=ids)
    return [
        Earlier(
            key=key,
            measure_id=measure_id,
            desk_id=acts[measure_id].desk_id,
            state=MeasureState(acts[measure_id].state),
            asked=acts[measure_id].revision in revisions,
            refused=_last_verdict(verdicts.get(measure_id, ()), revisions)
            is ApprovalVerdict.REFUSED,
            replaced=_is_replaced(steps.get(measure_id, ())),
            ending=ending,
        )
        for key, measure_id, revisions, ending in asked
    ]


def _last_verdict(
    approvals: Iterable[ActApproval], revisions: Sequence[int]
) -> ApprovalVerdict | None:
    """Return the verdict on the highest of these revisions that `approvals` judge, None without any."""
    found = [one.verdict for one in approvals if one.revision in revisions]
    return found[-1] if found else None


def _is_replaced(steps: Iterable[ActStep]) -> bool:
    """Return whether the last withdrawal of an official act followed from its decision, not from a person."""
    found = [step.reason for step in steps if step.transition == WITHDRAW]
    return not BY_DECISION.isdisjoint(found[-1:])


def _pages(asked: Sequence[Asked]) -> dict[UUID, tuple[str, ...]]:
    """Return, by measure id, the report's addresses at the host of a removal request for a site's root.

    Requests without a root among their targets are absent, as are requests on reports without a record.
    """
    roots = [one for one in asked if any(map(is_whole_site, one.request.targets))]
    records = harmonised.get_records(actor=_MACHINE, report_ids=[one.report_id for one in roots])
    return {
        one.request.measure_id: tuple(
            url.canonical
            for url in records[one.report_id].urls
            if url.canonical and url.host == one.request.host
        )
        for one in roots
        if one.report_id in records
    }
