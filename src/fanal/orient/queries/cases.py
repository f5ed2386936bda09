"""Cases of reports: the proposals, decisions, folds and notes of each.

Equal or similar files are searched among the reports that the desk has already decided.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from msgspec import Struct

from fanal.accounts.domain.policy import Resource, allows, reach, require
from fanal.accounts.row_scope import across_desks
from fanal.analyse.material.domain.known import PDQ_RADIUS, distance, near_pieces
from fanal.crosscheck.dossiers.queries import last_judgement_id
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.intake.queries import sender_of
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id
from fanal.ledger import queries as ledger
from fanal.orient import models
from fanal.orient.domain.folding import LEVELS, Sameness
from fanal.orient.domain.records import Case, Decision, Note, StoredProposal
from fanal.orient.domain.states import CASE_STATES, DECIDED_STATES, OPEN_STATES, CaseState
from fanal.orient.queries.queue import bounded, reachable

# Reports folded into a report, with their level of sameness, and people's judgements to unfold.


class FoldedReport(Struct, frozen=True, kw_only=True):
    """A folded report: the level of sameness, and its parent (the head, or another report folded into it)."""

    level: Sameness
    parent: UUID


class Unfolding(Struct, frozen=True, kw_only=True):
    """A person's judgement that a report is not the same as its head; `reason` is empty once expired."""

    head_id: UUID
    author_id: UUID
    judged_at: datetime
    reason: str


def list_folded(
    *, actor: Actor, head_id: UUID, offset: int = 0, limit: int = 100
) -> tuple[list[Case], dict[UUID, FoldedReport]]:
    """Return the cases folded into a report, highest priority first, and the fold (level, parent) of each.

    `head_id`: that report. A page: at most `limit` cases after the first `offset`.
    """
    rows = bounded(models.Case.objects.filter(head_id=head_id), reach(actor, "report.read"))
    cases = [row.record() for row in rows.order_by("rank", "report_id")[offset : offset + limit]]
    found = sql.rows(
        "SELECT report_id, level, parent FROM orient_fold"
        " WHERE report_id = ANY (%s::uuid[]) AND level > 0",
        [[case.report_id for case in cases]],
    )
    members = {
        report_id: FoldedReport(level=LEVELS[level - 1], parent=parent)
        for report_id, level, parent in found
    }
    return cases, members


def unfoldings_of(*, actor: Actor, report_id: UUID) -> list[Unfolding]:
    """Return the judgements by which people took a report out of a fold of duplicates, oldest first."""
    if not bounded(
        models.Case.objects.filter(report_id=report_id), reach(actor, "report.read")
    ).exists():
        return []
    found = sql.rows(
        "SELECT u.head_id, u.author_id, u.judged_at, coalesce(w.words, '') FROM orient_unfolding u"
        " LEFT JOIN orient_unfolding_words w ON w.unfolding_id = u.id"
        " WHERE u.report_id = %s ORDER BY u.id",
        [report_id],
    )
    return [
        Unfolding(head_id=head_id, author_id=author_id, judged_at=judged_at, reason=reason)
        for head_id, author_id, judged_at, reason in found
    ]


# Notes on reports and dossiers, within the desks of the reader.


def notes_of(
    *, actor: Actor, report_ids: Sequence[UUID], dossier: bool = False
) -> tuple[Note, ...]:
    """Return the notes on reports, or (`dossier`) on dossiers that held one of them, oldest first."""
    rows = bounded(
        models.StoredNote.objects.filter(report_ids__overlap=list(report_ids)),
        reach(actor, "report.read"),
    ).filter(dossier_id__isnull=not dossier)
    return tuple(_note(row) for row in rows.select_related("text").order_by("id"))


def search_notes(*, actor: Actor, text: str, limit: int = 50) -> tuple[Note, ...]:
    """Return the newest notes of the actor's desks that contain every word of `text` (full-text search).

    Empty if `text` has no word.
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
    """Return the case of a report; None when there is none or the actor may not read it."""
    row = models.Case.objects.filter(report_id=report_id).first()
    if row is None or not allows(actor, "report.read", Resource(desk_id=row.desk_id)).allowed:
        return None
    return row.record()


def anybody_at_work(*, now: datetime) -> bool:
    """Return whether anybody at any desk is working, whose acts may wait for locks that batches hold.

    The worker then processes smaller batches. True when somebody holds a case, or decided a report or judged
    a link within `AT_WORK`: between two reports a working person holds no case.
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
    """Return the cases of the given reports that the actor may list, by report id."""
    rows = reachable(actor).filter(report_id__in=report_ids)
    return {row.report_id: row.record() for row in rows}


def list_settled(*, actor: Actor, report_ids: Sequence[UUID]) -> set[UUID]:
    """Return the given reports that are decided, closed, withdrawn, handed over or expired.

    On these the desk has nothing left to decide. Reports that the actor may not list are left out.
    """
    settled = {CaseState.HANDED_OVER, CaseState.DECIDED, *CASE_STATES.final}
    cases = get_cases(actor=actor, report_ids=report_ids)
    return {report_id for report_id, case in cases.items() if case.state in settled}


def waiting_after(*, actor: Actor, after: UUID | None, limit: int) -> list[UUID]:
    """Return the ids of undecided reports greater than `after`, folded ones too, in order of id.

    At most `limit`; without `after`, from the first.
    """
    rows = reachable(actor).filter(
        state__in=[*OPEN_STATES, CaseState.FOLDED, CaseState.TO_SECOND],
        report_id__gt=after or UUID(int=0),
    )
    return list(rows.order_by("report_id").values_list("report_id", flat=True)[:limit])


def asked_until(
    *, actor: Actor, after: UUID, until: datetime, limit: int
) -> list[tuple[UUID, datetime]]:
    """Return (report id, end) of waiting reports whose subscriber-data retention window ends by `until`.

    Only reports with an id greater than `after`, in order of id; each with the window of its own address, not
    that of a report folded into it.

    Raises:
        Refused: the actor may not run the stages.
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
    """Return whether the desk has decided on a report of the actor's own, which can then not be retracted."""
    # A public node may not read cases: a database function does it.
    state = sql.one("SELECT orient_state_of(%s, %s)", [report_id, sender_of(actor=actor)])[0]
    return state in {CaseState.TO_SECOND, CaseState.DECIDED, CaseState.CLOSED}


def get_proposals(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, StoredProposal]:
    """Return the latest proposal of each report that the actor may read, by report id."""
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
    """Return every revision of a report's proposal, oldest first."""
    rows = bounded(
        models.StoredProposal.objects.filter(report_id=report_id), reach(actor, "report.read")
    )
    return tuple(row.record() for row in rows.order_by("revision"))


def decisions_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, tuple[Decision, ...]]:
    """Return the decisions on each report that the actor may read, by report id, oldest first."""
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
    """Return whether a decision is in force: the newest on a report that was not reopened.

    False where the actor may not read measures. A measure whose decision is not in force may be neither
    approved by a second person nor sent (`operations.hold_decision`).
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

    Raises:
        Refused: the actor may not run the stages; the query covers every desk.
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
    """Return the decision that a measure is based on; None unless the actor may read measures at its desk."""
    rows = bounded(models.StoredDecision.objects.all(), reach(actor, "measure.read"))
    row = rows.select_related("reason").filter(id=decision_id).first()
    if row is None:
        return None
    return row.record(reason=row.reason.words if hasattr(row, "reason") else "")


_NEAR = (
    "SELECT a.report_id, a.pdq FROM orient_assessed a JOIN orient_case c ON c.report_id = a.report_id"
    " WHERE a.bands && %s AND c.decided_at IS NOT NULL AND (%s OR a.desk_id = ANY (%s))"
)


class NearAssessed(Struct, frozen=True, kw_only=True, order=True):
    """A decided report with a similar picture: `distance` of the 256 bits of the PDQ hash differ."""

    distance: int
    report_id: UUID


def assessed_same(*, actor: Actor, keys: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return for each selector key of a file hash the most recently decided report with that file.

    Reports out of the actor's reach are left out.
    """
    bounds = reach(actor, "report.read")
    found = sql.rows(
        "SELECT DISTINCT ON (a.key) a.key, a.report_id FROM orient_assessed_file a"
        " JOIN orient_case c ON c.report_id = a.report_id WHERE a.key = ANY (%s::uuid[])"
        " AND c.decided_at IS NOT NULL AND (%s OR a.desk_id = ANY (%s))"
        " ORDER BY a.key, c.decided_at DESC, a.report_id DESC",
        [uuid_array(set(keys)), bounds.everywhere, sorted(bounds.desk_ids)],
    )
    return dict(found)


def assessed_near(*, actor: Actor, pictures: Iterable[bytes]) -> dict[bytes, NearAssessed]:
    """Return for each PDQ hash (32 bytes) the decided report with the most similar picture, if close enough.

    At most `PDQ_RADIUS` bits differ. Of several at the same distance, the newest report. Reports out of the
    actor's reach are left out.
    """
    bounds = reach(actor, "report.read")
    found: dict[bytes, NearAssessed] = {}
    wanted = list(dict.fromkeys(pictures))
    if not wanted:
        return found
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        # For 272 pieces the planner expects nearly all rows, and would scan the table instead of the index.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for pdq in wanted:
            cursor.execute(_NEAR, [near_pieces(pdq), bounds.everywhere, sorted(bounds.desk_ids)])
            near = [
                (apart, -report_id.int, report_id)
                for report_id, other in cursor.fetchall()
                if (apart := distance(pdq, bytes(other))) <= PDQ_RADIUS
            ]
            if near:
                apart, _newest, report_id = min(near)
                found[pdq] = NearAssessed(distance=apart, report_id=report_id)
        cursor.execute("SET LOCAL enable_seqscan = on")
    return found
