"""The reading door of orient: the queue, cases, proposals, decisions and alarms.

Lists take their bounds from the policy; nothing outside the actor's desks is counted or shown.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Count, Model, Q, QuerySet
from django.db.models.expressions import RawSQL

from fanal.accounts.domain.policy import Reach, Resource, allows, reach, require
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted, Delay, delay_of
from fanal.kernel.ids import id_bounds, lowest_id
from fanal.orient import models
from fanal.orient.domain.records import (
    Alarm,
    Case,
    Decision,
    Note,
    QueueFilter,
    QueuePage,
    QueuePosition,
    QueueView,
    SavedView,
    StoredProposal,
    ViewCounts,
)
from fanal.orient.domain.states import OPEN_STATES, CaseState

M = TypeVar("M", bound=Model)
COUNT_CAP = 1000
_ANNOUNCED = timedelta(hours=1)
_WAITING = [*OPEN_STATES, CaseState.TO_SECOND]
_KINDS = (
    "GROOMING",
    "LIVESTREAM",
    "ABUSE_MATERIAL",
    "SEXTORTION",
    "NONCONSENSUAL_IMAGE",
    "SEX_TOURISM",
    "TRAFFICKING",
    "SOLICITATION",
    "OTHER",
)


def list_queue(
    *,
    actor: Actor,
    view: QueueView,
    filters: QueueFilter,
    now: datetime,
    after: QueuePosition | None = None,
    limit: int = 50,
) -> QueuePage:
    """Return a page of a view: highest score first, then the oldest report.

    The page after `after` starts strictly below it, so that arrivals never repeat or skip a row.
    """
    rows = _filtered(_view(_reachable(actor), view, actor=actor, now=now), filters)
    if after is not None:
        rows = rows.filter(
            RawSQL(
                "(rank, report_id) > (%s, %s)",
                [100 - after.score, after.report_id],
                output_field=BooleanField(),
            )
        )
    found = [row.record() for row in rows.order_by("rank", "report_id")[: limit + 1]]
    page, more = found[:limit], len(found) > limit
    last = page[-1] if page and more else None
    return QueuePage(
        cases=tuple(page),
        following=QueuePosition(score=last.score, report_id=last.report_id) if last else None,
    )


def count_views(*, actor: Actor, now: datetime, cap: int = COUNT_CAP) -> ViewCounts:
    """Return how many cases each view and each kind holds, each counted up to `cap`."""
    reachable = _reachable(actor)
    queries = {
        str(view): _view(reachable, view, actor=actor, now=now)
        for view in QueueView
        if view is not QueueView.DECIDED
    }
    opened = _view(reachable, QueueView.OPEN, actor=actor, now=now)
    queries |= {kind: opened.filter(kind=kind) for kind in _KINDS}
    counts = {name: _capped(rows, cap) for name, rows in queries.items()}
    return ViewCounts(
        views={view: counts[view] for view in QueueView if view is not QueueView.DECIDED},
        kinds={kind: counts[kind] for kind in _KINDS},
        cap=cap,
    )


def list_saved_views(*, actor: Actor) -> tuple[SavedView, ...]:
    """Return the views that the actor kept, then those shared with their desks, each by name."""
    own = Q(shared=False, person_id=actor.person_id)
    rows = _bounded(models.StoredView.objects.all(), reach(actor, "report.list"))
    found = [row.record() for row in rows.filter(own | Q(shared=True))]
    return tuple(sorted(found, key=lambda saved: (saved.shared, _alphabetical(saved.name))))


def count_saved_views(
    *, actor: Actor, views: Iterable[SavedView], now: datetime
) -> dict[UUID, int]:
    """Return how many cases each view holds, all counted in one pass over what waits.

    A view of what is decided has no count: it grows for ever and asks for nothing.
    """
    waiting = {str(v.id): v for v in views if v.view is not QueueView.DECIDED}
    if not waiting:
        return {}
    counts = {
        f"n{number}": Count(
            "report_id",
            filter=_in_view(saved.view, actor=actor, now=now) & Q(**_narrowed(saved.filters)),
        )
        for number, saved in enumerate(waiting.values())
    }
    found = _reachable(actor).filter(state__in=_WAITING).aggregate(**counts)
    return {v.id: found[f"n{number}"] for number, v in enumerate(waiting.values())}


def count_arrivals(
    *,
    actor: Actor,
    view: QueueView,
    filters: QueueFilter,
    since: datetime,
    now: datetime,
    cap: int = COUNT_CAP,
) -> int:
    """Return how many reports came to a view after `since`, counted up to `cap`.

    Only reports received in the hour before `since` or later are looked at: an older one that was
    stuck in a stage joins the queue without being announced.
    """
    fresh = models.StoredProposal.objects.filter(
        report_id__gte=lowest_id(since - _ANNOUNCED), revision=1, created_at__gt=since
    )
    rows = _filtered(_view(_reachable(actor), view, actor=actor, now=now), filters)
    return _capped(rows.filter(report_id__in=fresh.values("report_id")), cap)


def is_decided(*, report_id: UUID) -> bool:
    """Return whether the desk has decided on a report: its sender can no longer retract it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT orient_state_of(%s)", [report_id])  # a public node reads no case
        state = cursor.fetchone()[0]
    return state in {CaseState.TO_SECOND, CaseState.DECIDED, CaseState.CLOSED}


def get_case(*, actor: Actor, report_id: UUID) -> Case | None:
    """Return the case of a report; None when there is none or it is another desk's."""
    row = models.Case.objects.filter(report_id=report_id).first()
    if row is None or not allows(actor, "report.read", Resource(desk_id=row.desk_id)).allowed:
        return None
    return row.record()


def get_cases(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Return the cases of many reports that the actor may read."""
    rows = _reachable(actor).filter(report_id__in=report_ids)
    return {row.report_id: row.record() for row in rows}


def list_settled(*, actor: Actor, report_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of `report_ids` on which the desk has nothing left to decide."""
    settled = {CaseState.DECIDED, CaseState.CLOSED, CaseState.WITHDRAWN}
    cases = get_cases(actor=actor, report_ids=report_ids)
    return {report_id for report_id, case in cases.items() if case.state in settled}


def get_proposals(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, StoredProposal]:
    """Return the latest proposal of each report that the actor may read."""
    if not report_ids:
        return {}
    rows = _bounded(
        models.StoredProposal.objects.filter(
            report_id__in=report_ids,
            report_id__gte=min(report_ids),
            report_id__lte=max(report_ids),
        ),
        reach(actor, "report.read"),
    ).order_by("report_id", "revision")
    return {row.report_id: row.record() for row in rows}


def proposals_of(*, actor: Actor, report_id: UUID) -> tuple[StoredProposal, ...]:
    """Return every revision of a report's proposal, first to last."""
    rows = _bounded(
        models.StoredProposal.objects.filter(report_id=report_id), reach(actor, "report.read")
    )
    return tuple(row.record() for row in rows.order_by("revision"))


def decisions_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, tuple[Decision, ...]]:
    """Return the decisions of each report that the actor may read, first to last."""
    rows = _bounded(
        models.StoredDecision.objects.filter(report_id__in=report_ids),
        reach(actor, "report.read"),
    ).select_related("reason")
    found: dict[UUID, tuple[Decision, ...]] = {}
    for row in rows.order_by("report_id", "claim_token"):
        words = row.reason.words if hasattr(row, "reason") else ""
        found[row.report_id] = (*found.get(row.report_id, ()), row.record(reason=words))
    return found


def decision_behind(*, actor: Actor, decision_id: UUID) -> Decision | None:
    """Return the decision behind a measure, to whoever reads that measure; None out of reach."""
    rows = _bounded(models.StoredDecision.objects.all(), reach(actor, "measure.read"))
    row = rows.select_related("reason").filter(id=decision_id).first()
    if row is None:
        return None
    return row.record(reason=row.reason.words if hasattr(row, "reason") else "")


def notes_of(
    *, actor: Actor, report_ids: Sequence[UUID], dossier: bool = False
) -> tuple[Note, ...]:
    """Return the notes on reports, or (`dossier`) on dossiers that held one of them, oldest first."""
    rows = _bounded(
        models.StoredNote.objects.filter(report_ids__overlap=list(report_ids)),
        reach(actor, "report.read"),
    ).filter(dossier_id__isnull=not dossier)
    return tuple(_note(row) for row in rows.select_related("text").order_by("id"))


def search_notes(*, actor: Actor, text: str, limit: int = 50) -> tuple[Note, ...]:
    """Return the newest notes of the actor's desks that hold every word of `text`."""
    if "\x00" in text:
        return ()
    rows = _bounded(
        models.StoredNote.objects.filter(
            RawSQL(
                "id IN (SELECT note_id FROM orient_note_words WHERE search"
                " @@ plainto_tsquery('public.harmonise_words', %s))",
                [text],
                output_field=BooleanField(),
            )
        ),
        reach(actor, "search.run"),
    )
    return tuple(_note(row) for row in rows.select_related("text").order_by("-id")[:limit])


def open_alarms(*, actor: Actor) -> tuple[Alarm, ...]:
    """Return the alarms of the actor's desks that nobody has acknowledged, oldest first."""
    rows = _bounded(
        models.StoredAlarm.objects.filter(acknowledged_at=None), reach(actor, "report.list")
    )
    return tuple(row.record() for row in rows.order_by("raised_at"))


def report_of_alarm(*, actor: Actor, alarm_id: UUID) -> UUID | None:
    """Return the report of an alarm of the actor's desks, acknowledged or not; None otherwise."""
    rows = _bounded(
        models.StoredAlarm.objects.filter(id=alarm_id), reach(actor, "alarm.acknowledge")
    )
    return rows.values_list("report_id", flat=True).first()


def alarms_of(*, actor: Actor, report_id: UUID) -> tuple[Alarm, ...]:
    """Return every alarm of a report that the actor may read."""
    rows = _bounded(
        models.StoredAlarm.objects.filter(report_id=report_id), reach(actor, "report.read")
    )
    return tuple(row.record() for row in rows.order_by("raised_at"))


def _note(row: models.StoredNote) -> Note:
    return Note(
        id=row.id,
        desk_id=row.desk_id,
        dossier_id=row.dossier_id,
        report_ids=tuple(row.report_ids),
        author_id=row.author_id,
        written_at=row.written_at,
        words=row.text.words if hasattr(row, "text") else None,
    )


def _reachable(actor: Actor) -> QuerySet[models.Case]:
    return _bounded(models.Case.objects.all(), reach(actor, "report.list"))


def _bounded(rows: QuerySet[M], bounds: Reach) -> QuerySet[M]:
    """Keep the rows of the desks within reach; one desk is an equality, which the queue's indexes need."""
    if bounds.everywhere:
        return rows
    if len(bounds.desk_ids) == 1:
        return rows.filter(desk_id=next(iter(bounds.desk_ids)))
    return rows.filter(desk_id__in=bounds.desk_ids)


def _alphabetical(name: str) -> str:
    """Return what sorts names as a dictionary does: without accents and capitals."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in plain if not unicodedata.combining(c)) + f"\0{name}"


def _view(
    rows: QuerySet[models.Case], view: QueueView, *, actor: Actor, now: datetime
) -> QuerySet[models.Case]:
    return rows.filter(_in_view(view, actor=actor, now=now))


def _in_view(view: QueueView, *, actor: Actor, now: datetime) -> Q:
    match view:
        case QueueView.OPEN:
            return Q(state__in=OPEN_STATES)
        case QueueView.DANGER:
            return Q(state__in=OPEN_STATES, level="DANGER")
        case QueueView.MINE:
            return Q(state=CaseState.CLAIMED, claimed_by=actor.person_id)
        case QueueView.TO_SECOND:
            return Q(state=CaseState.TO_SECOND)
        case QueueView.LATE:
            return Q(state__in=_WAITING, due_at__lte=now)
        case QueueView.DECIDED:
            return Q(state__in=[CaseState.DECIDED, CaseState.CLOSED])


def _filtered(rows: QuerySet[models.Case], filters: QueueFilter) -> QuerySet[models.Case]:
    return rows.filter(**_narrowed(filters))


def _narrowed(filters: QueueFilter) -> dict[str, str]:
    return {
        name: value
        for name in ("kind", "channel", "country", "level")
        if (value := getattr(filters, name)) is not None
    }


def _capped(rows: QuerySet[models.Case], cap: int) -> int:
    return rows.order_by()[:cap].count()


def count_cases(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return oriented reports by day of receipt, kind and channel: no test, none withdrawn."""
    require(actor, "statistics.read")
    return _fetch(
        "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, kind, channel, count(*)"
        " FROM orient_case WHERE report_id >= %s AND report_id < %s"
        " AND received_at >= %s AND received_at < %s"
        " AND state <> 'WITHDRAWN' AND NOT is_test GROUP BY 1, 2, 3",
        since,
        until,
    )


def count_decisions(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return decisions by day and tracks (`JUDICIAL+MEASURES`): no test, none that was replaced."""
    require(actor, "statistics.read")
    return _fetch(
        "SELECT (d.decided_at AT TIME ZONE 'Europe/Paris')::date,"
        " array_to_string(ARRAY(SELECT unnest(d.tracks) ORDER BY 1), '+'), '', count(*)"
        " FROM orient_decision d JOIN orient_case c ON c.report_id = d.report_id"
        " WHERE d.id >= %s AND d.id < %s AND d.decided_at >= %s AND d.decided_at < %s"
        " AND NOT c.is_test AND d.id NOT IN"
        " (SELECT supersedes FROM orient_decision WHERE supersedes IS NOT NULL) GROUP BY 1, 2",
        since,
        until,
    )


def count_states(*, actor: Actor) -> dict[CaseState, int]:
    """Return how many reports stand in each state that waits for the desk, tests left out."""
    require(actor, "statistics.read")
    rows = models.Case.objects.filter(state__in=_WAITING, is_test=False)
    found = dict(rows.values("state").annotate(n=Count("report_id")).values_list("state", "n"))
    return {state: found.get(state.value, 0) for state in CaseState if state in _WAITING}


def delays(*, actor: Actor, since: datetime, until: datetime) -> dict[str, Delay]:
    """Return what reports received in a period took to be oriented, then decided for the first time."""
    require(actor, "statistics.read")
    row = _fetch(
        "WITH way AS (SELECT extract(epoch FROM p.created_at - c.received_at) AS oriented,"
        " extract(epoch FROM (SELECT min(decided_at) FROM orient_decision d"
        " WHERE d.report_id = c.report_id) - p.created_at) AS decided"
        " FROM orient_case c JOIN orient_proposal p ON p.report_id = c.report_id AND p.revision = 1"
        " WHERE c.report_id >= %s AND c.report_id < %s AND c.received_at >= %s"
        " AND c.received_at < %s AND NOT c.is_test)"
        " SELECT count(oriented), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY oriented),"
        " count(decided), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY decided) FROM way",
        since,
        until,
    )[0]
    return {"ORIENT": delay_of(row[0], row[1]), "DECIDE": delay_of(row[2], row[3])}


def _fetch(query: str, since: datetime, until: datetime) -> list:  # type: ignore[type-arg]
    with connection.cursor() as cursor:
        cursor.execute(query, [*id_bounds(since, until), since, until])
        return list(cursor.fetchall())
