"""Queue rows (cases) of reports, with the proposals, decisions and notes of each; figures of the desk."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import BooleanField, Count
from django.db.models.expressions import RawSQL

from fanal.accounts.domain.policy import Resource, allows, reach, require
from fanal.accounts.row_scope import across_desks
from fanal.crosscheck.dossiers.queries import last_judgement_id
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.harmonise.domain.values.handles import PLATFORM_NAMES, read_platform
from fanal.intake.queries.envelopes import sender_of
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.figures import Counted, Delay, delay_of
from fanal.kernel.ids import id_bounds, lowest_id
from fanal.ledger import queries as ledger
from fanal.orient import models
from fanal.orient.domain.records import Case, Decision, Note, StoredProposal
from fanal.orient.domain.states import CASE_STATES, DECIDED_STATES, OPEN_STATES, CaseState
from fanal.orient.queue.queries import WAITING, bounded, reachable

# Notes on reports and dossiers, within the desks of the reader.


def notes_of(
    *, actor: Actor, report_ids: Sequence[UUID], dossier: bool = False
) -> tuple[Note, ...]:
    """Return the notes on reports, oldest first; only of desks where the actor may read reports.

    With `dossier`, instead the notes on dossiers that held one of these reports when they were written.
    """
    rows = bounded(
        models.StoredNote.objects.filter(report_ids__overlap=list(report_ids)),
        reach(actor, "report.read"),
    ).filter(dossier_id__isnull=not dossier)
    return tuple(_note(row) for row in rows.select_related("text").order_by("id"))


def search_notes(*, actor: Actor, text: str, limit: int = 50) -> tuple[Note, ...]:
    """Return the newest notes of the actor's desks that contain every word of `text` (full-text search).

    They are newest first, at most `limit`; [] if `text` has no word.
    """
    if "\x00" in text:
        return ()
    rows = bounded(
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


AT_WORK = timedelta(minutes=5)
"""People count as at work for this long after their last act."""


def get_case(*, actor: Actor, report_id: UUID) -> Case | None:
    """Return a report's row in the queue (case); None if there is none or the actor may not read it."""
    row = models.Case.objects.filter(report_id=report_id).first()
    if row is None or not allows(actor, "report.read", Resource(desk_id=row.desk_id)).allowed:
        return None
    return row.record()


def anybody_at_work(*, now: datetime) -> bool:
    """Return whether a person at any desk is working now, so that batches should be smaller.

    The acts of people may wait for locks that a batch holds. True if a report is claimed, or a report was
    decided or a link judged within `AT_WORK`: between two reports a working person holds no claim.
    """
    lately = lowest_id(now - AT_WORK)
    judged = last_judgement_id()
    if judged is not None and judged >= lately:
        return True
    with across_desks():
        found = sql.row(
            "SELECT EXISTS (SELECT FROM orient_case WHERE state = 'CLAIMED' AND lease_until > %s)"
            " OR EXISTS (SELECT FROM orient_decision WHERE id >= %s)",
            [now, lately],
        )
        return bool(found == (True,))


def get_cases(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Return by report id the cases (rows of the desk's queue) of those reports that the actor may list.

    Other ids have no key.
    """
    rows = reachable(actor).filter(report_id__in=report_ids)
    return {row.report_id: row.record() for row in rows}


def list_in_danger(*, actor: Actor, limit: int = 5000) -> frozenset[UUID]:
    """Return the reports at the level DANGER, in any state, that the actor may list; the newest `limit`."""
    rows = reachable(actor).filter(level="DANGER").order_by("-report_id")
    return frozenset(rows.values_list("report_id", flat=True)[:limit])


def list_settled(*, actor: Actor, report_ids: Sequence[UUID]) -> set[UUID]:
    """Return the given reports that are decided, closed, withdrawn, handed over or expired.

    On these the desk has nothing left to decide. Reports that the actor may not list are left out.
    """
    settled = {CaseState.HANDED_OVER, CaseState.DECIDED, *CASE_STATES.final}
    cases = get_cases(actor=actor, report_ids=report_ids)
    return {report_id for report_id, case in cases.items() if case.state in settled}


def waiting_after(*, actor: Actor, after: UUID | None, limit: int) -> list[UUID]:
    """Return the ids of reports that the desk has not settled, greater than `after`, in order of id.

    They are open, folded (duplicates of another report), or decided with a removal request that awaits
    approval. At most `limit` are returned, only of desks where the actor may list reports; if `after` is
    None, from the first.
    """
    rows = reachable(actor).filter(
        state__in=[*OPEN_STATES, CaseState.FOLDED, CaseState.TO_SECOND],
        report_id__gt=after or UUID(int=0),
    )
    return list(rows.order_by("report_id").values_list("report_id", flat=True)[:limit])


def asked_until(
    *, actor: Actor, after: UUID, until: datetime, limit: int
) -> list[tuple[UUID, datetime]]:
    """Return undecided reports for whose IP address the subscriber-data retention window ends by `until`.

    The result has (report id, end of the window) pairs, in order of id: at most `limit` reports with an id
    greater than `after`. Undecided reports are open, folded (a duplicate of another report), or have a
    removal request that awaits approval. The window is that of the report's own address, not of a report
    folded into it.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT report_id, asked FROM (SELECT report_id,"
        " CASE WHEN own IS NULL THEN ask_before ELSE (own->>'ask_before')::timestamptz END AS asked"
        " FROM orient_case WHERE report_id > %s"
        " AND state IN ('TO_ASSESS', 'CLAIMED', 'FOLDED', 'TO_SECOND')) c"
        " WHERE asked <= %s ORDER BY report_id LIMIT %s",
        [after, until, limit],
    )
    return [(report_id, asked) for report_id, asked in found]


def is_decided(*, actor: Actor, report_id: UUID) -> bool:
    """Return whether the desk has decided on the actor's own report, so that it cannot be retracted.

    False for a report of another provider.
    """
    # A public node may not read cases: a database function does it.
    state = sql.one("SELECT orient_state_of(%s, %s)", [report_id, sender_of(actor=actor)])[0]
    return state in {CaseState.TO_SECOND, CaseState.DECIDED, CaseState.CLOSED}


def get_proposals(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, StoredProposal]:
    """Return by report id the legal rules' latest proposal on each report that the actor may read.

    Reports without a proposal, or that the actor may not read, have no key.
    """
    if not report_ids:
        return {}
    rows = bounded(
        models.StoredProposal.objects.filter(
            report_id__in=report_ids,
            report_id__gte=min(report_ids),
            report_id__lte=max(report_ids),
        ),
        reach(actor, "report.read"),
    ).order_by("report_id", "-revision")
    return {row.report_id: row.record() for row in rows.distinct("report_id")}


def proposals_of(*, actor: Actor, report_id: UUID) -> tuple[StoredProposal, ...]:
    """Return every revision of a report's proposal (actions, legal bases, authority), oldest first.

    Empty if there is none, or the actor may not read the report.
    """
    rows = bounded(
        models.StoredProposal.objects.filter(report_id=report_id), reach(actor, "report.read")
    )
    return tuple(row.record() for row in rows.order_by("revision"))


def decisions_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, tuple[Decision, ...]]:
    """Return the decisions on each report that the actor may read, by report id, oldest first.

    Other reports, and those without a decision, have no key.
    """
    rows = bounded(
        models.StoredDecision.objects.filter(report_id__in=report_ids),
        reach(actor, "report.read"),
    ).select_related("reason")
    found: dict[UUID, tuple[Decision, ...]] = {}
    for row in rows.order_by("report_id", "claim_token"):
        words = row.reason.words if hasattr(row, "reason") else ""
        found[row.report_id] = (*found.get(row.report_id, ()), row.record(reason=words))
    return found


@across_desks()  # an overseer is shown no case: yes or no, and no row
def decision_stands(*, actor: Actor, report_id: UUID, decision_id: UUID) -> bool:
    """Return whether a decision is in force: the newest on its report, which was not reopened since.

    False if the actor may not read measures (removal requests). A measure whose decision is not in force
    may be neither approved by a second person nor sent (`operations.hold_decision`).
    """
    bounds = reach(actor, "measure.read")
    cases = bounded(models.Case.objects.filter(report_id=report_id), bounds)
    if not cases.filter(state__in=DECIDED_STATES).exists():
        return False
    decisions = bounded(models.StoredDecision.objects.filter(report_id=report_id), bounds)
    newest = decisions.order_by("-claim_token").values_list("id", flat=True).first()
    return newest == decision_id


def decision_ended(*, actor: Actor, report_id: UUID, decision_id: UUID) -> datetime | None:
    """Return when a decision ceased to be in force: report reopened or decided again; None if neither.

    None also for an unknown decision, or where the actor may not read measures.

    Raises:
        Refused: the actor may not read the ledger.
    """
    rows = bounded(
        models.StoredDecision.objects.filter(report_id=report_id), reach(actor, "measure.read")
    )
    instants = dict(rows.order_by("claim_token").values_list("id", "decided_at"))
    if decision_id not in instants:
        return None
    later = list(instants)[list(instants).index(decision_id) + 1 :]
    opened = ledger.first_at(
        actor=actor, object_id=report_id, action="case.reopen", since=instants[decision_id]
    )
    return min([*filter(None, [opened]), *(instants[one] for one in later)], default=None)


def decided_without_action(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the desk of each report whose decision in force is NONE (no action), by report id.

    In force: the newest decision on a report that was not reopened. Other reports have no key.

    Raises:
        Refused: the actor may not run the processing stages; the query covers every desk.
    """
    require(actor, "pipeline.run")
    if not report_ids:
        return {}
    found = sql.rows(
        "SELECT c.report_id, c.desk_id FROM orient_case c CROSS JOIN LATERAL ("
        " SELECT tracks FROM orient_decision d WHERE d.report_id = c.report_id"
        " ORDER BY d.claim_token DESC LIMIT 1) newest"
        " WHERE c.report_id = ANY (%s::uuid[]) AND c.state = ANY (%s)"
        " AND newest.tracks = ARRAY['NONE']",
        [uuid_array(report_ids), [state.value for state in DECIDED_STATES]],
    )
    return dict(found)


def decision_behind(*, actor: Actor, decision_id: UUID) -> Decision | None:
    """Return the decision on which a removal request is based.

    None if it is unknown, or the actor may not read removal requests at its desk.
    """
    rows = bounded(models.StoredDecision.objects.all(), reach(actor, "measure.read"))
    row = rows.select_related("reason").filter(id=decision_id).first()
    if row is None:
        return None
    return row.record(reason=row.reason.words if hasattr(row, "reason") else "")


# Daily counts of oriented reports by sender, country, service and finding.

_PUBLIC = UUID(int=0)
_SEVERAL = 3
"""Public reports in a day from which a name counts as a service, rather than words that identify somebody."""
_CASES = (
    "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, {what}, count(*) FROM orient_case"
    " WHERE report_id >= %s AND report_id < %s AND received_at >= %s AND received_at < %s"
    " AND state <> 'WITHDRAWN' AND NOT is_test GROUP BY 1, 2, 3"
)


def count_senders(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count reports that were ranked and routed (oriented), by day of receipt in Paris and by sender id.

    The public's id is zero. It counts reports received from `since` to before `until`, without tests and
    withdrawn reports. Rows, in no particular order: (day, sender id, "" for the unused second key, number).

    Raises:
        Refused: the actor may not read statistics.
    """
    return _count("sender_id::text, ''", actor=actor, since=since, until=until)


def count_countries(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count oriented (ranked and routed) reports by day of receipt in Paris and country of the facts.

    It counts reports received from `since` to before `until`, without tests and withdrawn reports. Rows, in
    no particular order: (day, country code or "" if unknown, "" for the unused second key, number).

    Raises:
        Refused: the actor may not read statistics.
    """
    return _count("country, ''", actor=actor, since=since, until=until)


def count_departements(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count oriented (ranked and routed) reports by day of receipt in Paris and département of the facts.

    If the facts have none, the département of the child counts. It counts reports received from `since` to
    before `until`, without tests and withdrawn reports. Rows, in no particular order: (day, code or "" if
    unknown, "" for the unused second key, number).

    Raises:
        Refused: the actor may not read statistics.
    """
    return _count("departement, ''", actor=actor, since=since, until=until)


def count_platforms(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count oriented (ranked and routed) reports by day of receipt in Paris and usual name of the service.

    It counts reports received from `since` to before `until`, without tests and withdrawn reports. These
    counts are never erased, and the public's field is free text that may identify somebody. So a name
    written only by the public counts under that name only if the service is listed or three reports of the
    day name it; else under "". Rows, in no particular order: (day, service, "" for the unused second key,
    number).

    Raises:
        Refused: the actor may not read statistics.
    """
    rows = _count(
        f"lower(btrim(platform)), (sender_id = '{_PUBLIC}')::text",
        actor=actor,
        since=since,
        until=until,
    )
    counts: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
    for day, text, public, n in rows:
        counts[day, read_platform(text) or ""][public == "true"] += n
    found: dict[tuple[date, str], int] = defaultdict(int)
    for (day, name), (partners, public_ones) in counts.items():
        told = partners or name in _LISTED or public_ones >= _SEVERAL
        found[day, name if told else ""] += partners + public_ones
    return [(day, name, "", n) for (day, name), n in found.items()]


def count_signals(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count reports, without tests, by day of receipt in Paris and code of a finding (such as a signal).

    Rows, in no particular order: (day, code, "" for the unused second key, number). The days run from that
    of `since` to before that of `until`.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    found = sql.rows(
        "SELECT day, code, '', sum(n)::integer FROM orient_signal_count"
        " WHERE day >= %s AND day < %s GROUP BY 1, 2",
        [paris_day(since), paris_day(until)],
    )
    return list(found)


def _count(what: str, *, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    require(actor, "statistics.read")
    return list(sql.rows(_CASES.format(what=what), [*id_bounds(since, until), since, until]))


_LISTED = frozenset(PLATFORM_NAMES.values())


def count_cases(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count reports that were ranked and routed (oriented), by day of receipt in Paris, kind and channel.

    It counts reports received from `since` to before `until`, without tests and withdrawn reports. Rows, in
    no particular order: (day, kind, channel, number).

    Raises:
        Refused: the actor may not read statistics.
    """
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
    """Count decisions by day in Paris and actions (tracks, `JUDICIAL+MEASURES`), without superseded ones.

    It counts decisions from `since` to before `until`, without those on tests. Rows, in no particular
    order: (day, tracks, "" for the unused second key, number).

    Raises:
        Refused: the actor may not read statistics.
    """
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
    """Count the reports in each state in which the desk still has something to do, without tests.

    A state without reports has the number 0.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    rows = models.Case.objects.filter(state__in=WAITING, is_test=False)
    found = dict(rows.values("state").annotate(n=Count("report_id")).values_list("state", "n"))
    return {state: found.get(state.value, 0) for state in CaseState if state in WAITING}


def count_unsettled(*, desk_id: int) -> tuple[int, int]:
    """Count the reports of a desk to assess or to approve, and its alarms that nobody acknowledged.

    The caller has checked the actor's right. The result is (reports, alarms).
    """
    cases = models.Case.objects.filter(
        desk_id=desk_id, state__in=[*OPEN_STATES, CaseState.TO_SECOND]
    ).count()
    alarms = models.StoredAlarm.objects.filter(desk_id=desk_id, acknowledged_at=None).count()
    return cases, alarms


def delays(*, actor: Actor, since: datetime, until: datetime) -> dict[str, Delay]:
    """Return number, median and ninth decile of the delays (seconds) of reports received in a period.

    The period runs from `since` to before `until`; tests are left out. Keys: `ORIENT` (from receipt to the
    first proposal of the legal rules), `DECIDE` (from the first proposal to the first decision).

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    row = _fetch(
        "WITH way AS (SELECT extract(epoch FROM p.created_at - c.received_at) AS oriented,"
        " extract(epoch FROM (SELECT min(decided_at) FROM orient_decision d"
        " WHERE d.report_id = c.report_id) - p.created_at) AS decided"
        " FROM orient_case c JOIN orient_proposal p ON p.report_id = c.report_id AND p.revision = 1"
        " WHERE c.report_id >= %s AND c.report_id < %s AND c.received_at >= %s"
        " AND c.received_at < %s AND NOT c.is_test)"
        " SELECT count(oriented), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY oriented),"
        " avg(oriented)::float8,"
        " count(decided), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY decided),"
        " avg(decided)::float8 FROM way",
        since,
        until,
    )[0]
    return {"ORIENT": delay_of(*row[:3]), "DECIDE": delay_of(*row[3:])}


def _fetch(query: str, since: datetime, until: datetime) -> list:  # type: ignore[type-arg]
    return list(sql.rows(query, [*id_bounds(since, until), since, until]))
