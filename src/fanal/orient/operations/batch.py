"""Proposals and queue rows for a batch of reports, as the worker writes them.

`items` are reports with their findings and priorities.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from django.db import connection, transaction

from fanal import reference
from fanal.accounts import binary_arrays
from fanal.accounts.domain.policy import require
from fanal.analyse.domain.records import Because, Priority
from fanal.analyse.material.domain.known import pictures_of, pieces
from fanal.analyse.priority.domain.retention_window import ask_owner
from fanal.db import sql
from fanal.db.sql import plain_array, text_array, uuid_array
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.sightings import selector_key
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.ledger import operations as ledger
from fanal.orient.alarms.operations.alarms import raise_alarms
from fanal.orient.alarms.queries import dangers_written
from fanal.orient.answers.operations import forget_answers
from fanal.orient.domain.clocks import due_at
from fanal.orient.domain.proposal import propose
from fanal.orient.domain.records import OrientItem, Proposal, pack_proposal
from fanal.orient.domain.states import CASE_STATES, CaseState
from fanal.orient.folding.domain import never_folds
from fanal.orient.folding.operations.folding import fold_again, fold_new, hold_folding
from fanal.orient.folding.operations.unfolding import refresh_heads, surface
from fanal.orient.models import Case, StoredView
from fanal.orient.notifications.operations import forget_notifications, forget_people_notified
from fanal.orient.queue.domain.facts import facts_of
from fanal.reference import Catalogue

# Daily counts of findings, updated as reports enter the queue, so that no statistic scans the findings.


def count_signals(items: Sequence[OrientItem], revisions: Mapping[UUID, int]) -> None:
    """Add the finding codes of reports with a first proposal to the daily counts, each code once per
    report.

    `items` are the reports with their findings, `revisions` the revision of each report's proposal, 1 for
    the first. Test reports do not count. Days are those of receipt in Europe/Paris. Runs in the caller's
    transaction.
    """
    found: Counter[tuple[date, str]] = Counter()
    for item in items:
        if item.is_test or revisions[item.report.report_id] > 1:
            continue
        day = paris_day(item.received_at)
        found.update((day, code) for code in {f.code for f in item.analysis.findings})
    if not found:
        return
    sql.run(
        "INSERT INTO orient_signal_count (day, code, n)"
        " SELECT * FROM unnest(%s::date[], %s::text[], %s::int[])",
        [
            plain_array(day.isoformat() for day, _ in found),
            text_array(code for _, code in found),
            plain_array(str(n) for n in found.values()),
        ],
    )


# File hashes of decided reports, for finding equal or similar files in later reports.

MOST = 64
"""Largest number of picture hashes kept for one report."""
MOST_KEYS = 1000
"""Largest number of fingerprints kept for one report."""


def note_assessed(*, report: HarmonisedReport, desk_id: int) -> None:
    """Store the picture hashes and file-hash keys of a report that is being decided, in the same transaction.

    Later reports with equal or similar files find the decided report by them. At most 64 hashes and 1000 keys
    are stored; rows already stored stay.
    """
    pictures = {pdq for found in pictures_of(report).values() for pdq in found}
    keys = sorted(_keys(report))[:MOST_KEYS]
    with connection.cursor() as cursor:
        if pictures:
            cursor.executemany(
                "INSERT INTO orient_assessed (report_id, desk_id, pdq, bands) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [(report.report_id, desk_id, pdq, pieces(pdq)) for pdq in sorted(pictures)[:MOST]],
            )
        if keys:
            cursor.execute(
                "INSERT INTO orient_assessed_file (key, report_id, desk_id)"
                " SELECT key, %s, %s FROM unnest(%s::uuid[]) AS k (key) ON CONFLICT DO NOTHING",
                [report.report_id, desk_id, uuid_array(keys)],
            )


def forget_assessed(report_ids: list[UUID]) -> None:
    """Delete the picture hashes and file-hash keys of expired reports that `note_assessed` stored."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM orient_assessed WHERE report_id = ANY (%s)", [report_ids])
        cursor.execute("DELETE FROM orient_assessed_file WHERE report_id = ANY (%s)", [report_ids])


def _keys(report: HarmonisedReport) -> set[UUID]:
    """Return the look-up digests (selector keys) of all hashes of a report's files, declared or computed."""
    kinds = (SelectorKind.SHA256, SelectorKind.SHA1, SelectorKind.MD5, SelectorKind.PDQ)
    return {
        selector_key(kind, value)
        for file in (*report.files, *report.computed)
        for kind in kinds
        if (value := getattr(file, kind.lower()))
    }


_ENCODER = msgspec.json.Encoder()
_PROPOSALS = (
    "INSERT INTO orient_proposal (report_id, revision, desk_id, tracks, bases, body, rule_version,"
    " created_at) SELECT i, r, d, t::text[], b::text[], z, v, %s FROM unnest(%s::uuid[], %s::int[],"
    " %s::int[], %s::text[], %s::text[], %s::bytea[], %s::text[]) AS given (i, r, d, t, b, z, v)"
)
# An existing case keeps its state, its claim and the starts of its clocks: a replay changes what is
# displayed.
_UPSERT = """
INSERT INTO orient_case (
    report_id, desk_id, rank, floor, level, reason, reason_parameters, kind, channel, platform,
    country, received_at, urgent, links, sender_id, due_at, proposal_revision, is_test, ask_before,
    language, age, departement, conversation)
SELECT report_id, desk_id, rank, floor, level, reason, reason_parameters, kind, channel, platform,
    country, received_at, urgent, links, sender_id, due_at, proposal_revision, is_test, ask_before,
    language, age, departement, conversation
FROM jsonb_to_recordset(%s::jsonb) AS row(
    report_id uuid, desk_id integer, rank smallint, floor text, level text, reason text,
    reason_parameters jsonb, kind text, channel text, platform text, country text,
    received_at timestamptz, urgent boolean, links integer, sender_id uuid, due_at timestamptz,
    proposal_revision integer, is_test boolean, ask_before timestamptz,
    language text, age smallint, departement text, conversation boolean)
ORDER BY report_id
ON CONFLICT (report_id) DO UPDATE SET
    rank = excluded.rank, floor = excluded.floor, level = excluded.level, reason = excluded.reason,
    reason_parameters = excluded.reason_parameters, kind = excluded.kind,
    channel = excluded.channel, platform = excluded.platform, country = excluded.country,
    urgent = excluded.urgent, links = excluded.links, ask_before = excluded.ask_before, own = NULL,
    language = excluded.language, age = excluded.age, departement = excluded.departement,
    conversation = excluded.conversation,
    due_at = CASE WHEN orient_case.state IN ('TO_ASSESS', 'FOLDED') AND orient_case.claim_token = 0
                  THEN excluded.due_at ELSE orient_case.due_at END,
    proposal_revision = excluded.proposal_revision
"""


# Once a case has been claimed, the deadline to decide applies: a replay that changes the level recomputes it.
_DECIDE_BY = """
UPDATE orient_case c SET due_at = row.decide_by
FROM jsonb_to_recordset(%s::jsonb) AS row(report_id uuid, decide_by timestamptz)
WHERE c.report_id = row.report_id AND c.claim_token > 0 AND c.state IN ('TO_ASSESS', 'CLAIMED')
"""


class _CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of `_UPSERT`, the statement that inserts or updates a queue row, for one report."""

    report_id: UUID
    desk_id: int
    rank: int
    floor: str
    level: str
    reason: str
    reason_parameters: dict[str, str | int | float | bool | list[str]]
    kind: str
    channel: str
    platform: str
    country: str
    received_at: datetime
    urgent: bool
    links: int
    sender_id: UUID
    due_at: datetime
    proposal_revision: int
    is_test: bool
    ask_before: datetime | None
    language: str
    age: int | None
    departement: str
    conversation: bool


class _DecideBy(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of `_DECIDE_BY`, the statement that sets the deadline to decide, for one report."""

    report_id: UUID
    decide_by: datetime


def orient_batch(
    *, actor: Actor, items: Sequence[OrientItem], now: datetime
) -> list[tuple[UUID, Proposal]]:
    """Store a proposal and a queue row for each item, fold duplicates and raise alarms; return the
    proposals.

    A proposal states the actions, legal bases and authority that the legal rules suggest. The result has
    (report id, proposal) pairs in the order of `items`. A report that already has a proposal gets a further
    revision; both stay. One ledger entry covers the batch.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    if not items:
        return []
    catalogue = reference.load()
    proposals = propose(items=items, catalogue=catalogue)
    with transaction.atomic():
        revisions = _next_revisions([item.report.report_id for item in items])
        if any(revision > 1 for revision in revisions.values()):
            hold_folding()  # lock before rows of cases that others may fold into
        bodies = _write_proposals(items, proposals, revisions=revisions, now=now)
        _write_cases(items, revisions, catalogue)
        count_signals(items, revisions)
        _fold(actor, items, revisions, now)
        alarming = [item for item in items if _alarming(item)]
        rung = dangers_written(actor=actor, report_ids=[item.report.report_id for item in alarming])
        raise_alarms(
            actor=actor,
            items=[
                _where(item)
                for item in alarming
                if item.report.emergency or item.report.report_id not in rung
            ],
            now=now,
        )
        ledger.record_batch(
            actor=actor, action="report.orient", at=now, kind="report", items=bodies
        )
    return [(proposal.report_id, proposal) for proposal in proposals]


def _fold(
    actor: Actor, items: Sequence[OrientItem], revisions: dict[UUID, int], now: datetime
) -> None:
    """Fold new reports into equivalent ones (duplicates), and show replayed ones that may no longer be
    hidden.

    A report is replayed if `revisions` gives its proposal a number above 1. Once it is an emergency,
    escalated, or another case of `never_folds`, it is shown; otherwise it stays as it is. The queue rows of
    the heads (reports shown for their duplicates) are computed again.
    """
    fold_new(actor=actor, items=[i for i in items if revisions[i.report.report_id] == 1], now=now)
    again = [item for item in items if revisions[item.report.report_id] > 1]
    if again:
        surface(
            actor=actor,
            report_ids=[item.report.report_id for item in again if never_folds(item)],
            now=now,
        )
        refresh_heads([item.report.report_id for item in again])


def _where(item: OrientItem) -> tuple[UUID, int]:
    return item.report.report_id, item.desk_id


def _alarming(item: OrientItem) -> bool:
    # A higher floor may name the priority: a danger declared in the report raises the alarm all the same.
    declared = item.report.emergency or item.priority.floor == "CHILD_IN_DANGER"
    return declared and not item.is_test


def _next_revisions(report_ids: list[UUID]) -> dict[UUID, int]:
    with binary_arrays.bound() as cursor:
        cursor.execute(
            "SELECT report_id, max(revision) FROM orient_proposal WHERE report_id = ANY(%s::uuid[])"
            " AND report_id BETWEEN %s AND %s GROUP BY report_id",
            [binary_arrays.ids(report_ids), min(report_ids), max(report_ids)],
        )
        found = {row[0]: int(row[1]) for row in cursor.fetchall()}
    return {report_id: found.get(report_id, 0) + 1 for report_id in report_ids}


def _write_proposals(
    items: Sequence[OrientItem],
    proposals: Sequence[Proposal],
    *,
    revisions: dict[UUID, int],
    now: datetime,
) -> list[tuple[UUID, bytes]]:
    bodies = [(proposal.report_id, pack_proposal(proposal)) for proposal in proposals]
    with binary_arrays.bound() as cursor:
        cursor.execute(
            _PROPOSALS,
            [
                now,
                binary_arrays.ids([p.report_id for p in proposals]),
                binary_arrays.integers([revisions[p.report_id] for p in proposals]),
                binary_arrays.integers([item.desk_id for item in items]),
                text_array([text_array(track.value for track in p.tracks) for p in proposals]),
                text_array([text_array(basis.code for basis in p.bases) for p in proposals]),
                binary_arrays.octets([body for _, body in bodies]),
                text_array([p.rule_version for p in proposals]),
            ],
        )
    return bodies


def _write_cases(
    items: Sequence[OrientItem], revisions: dict[UUID, int], catalogue: Catalogue
) -> None:
    rows = [_row(item, revisions[item.report.report_id], catalogue) for item in items]
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [_ENCODER.encode(rows).decode()])
        again = [
            _DecideBy(report_id=row.report_id, decide_by=_due(item, catalogue, taken=True))
            for item, row in zip(items, rows, strict=True)
            if row.proposal_revision > 1
        ]
        if again:
            cursor.execute(_DECIDE_BY, [_ENCODER.encode(again).decode()])


def _row(item: OrientItem, revision: int, catalogue: Catalogue) -> _CaseRow:
    report, priority = item.report, item.priority
    first, place, facts = _first_reason(priority), report.place_of_facts(), facts_of(report)
    return _CaseRow(
        report_id=report.report_id,
        desk_id=item.desk_id,
        rank=100 - min(max(priority.score, 0), 100),
        floor=priority.floor or "",
        level=priority.level,
        reason=first.code if first else "",
        reason_parameters=first.parameters if first else {},
        kind=report.kind.value,
        channel=report.channel.value if report.channel else "",
        platform=_shorten(report.platform),
        country=_shorten(place.country if place else None).upper(),
        received_at=item.received_at,
        urgent=priority.level == "DANGER",
        links=item.kin.links,
        sender_id=item.sender_id,
        due_at=_due(item, catalogue, taken=False),
        proposal_revision=revision,
        is_test=item.is_test,
        ask_before=_ask_before(item, catalogue),
        language=facts.language,
        age=facts.age,
        departement=facts.departement,
        conversation=facts.conversation,
    )


def _first_reason(priority: Priority) -> Because | None:
    """Return the reason of the rule that set the report's priority floor (minimum), else of its first rule.

    None if no priority rule gave points.
    """
    floored = (part for part in priority.parts if part.code == priority.floor)
    part = next(floored, priority.parts[0] if priority.parts else None)
    return part.because if part else None


def _ask_before(item: OrientItem, catalogue: Catalogue) -> datetime | None:
    asked = ask_owner(item.report, catalogue=catalogue)
    return asked.until if asked else None


def _due(item: OrientItem, catalogue: Catalogue, *, taken: bool) -> datetime:
    return due_at(
        catalogue=catalogue,
        state=CaseState.TO_ASSESS,
        level=item.priority.level,
        received_at=item.received_at,
        decided_at=None,
        taken=taken,
    )


def _shorten(value: str | None) -> str:
    """Truncate a value to 80 characters for the queue row (the record keeps it whole); None becomes ""."""
    return value[:80] if value else ""


# Saved views of people who left.


def forget_views(*, actor: Actor, person_ids: Sequence[UUID]) -> int:
    """Delete the views saved by these people, shared views too, and their notifications.

    Returns the number of views.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    forget_people_notified(actor=actor, person_ids=person_ids)
    deleted, _ = StoredView.objects.filter(person_id__in=person_ids).delete()
    return int(deleted)


_WAITING = [state for state in CaseState if "expire" in CASE_STATES.moves_from(state)]


def erase(*, actor: Actor, report_ids: Sequence[UUID]) -> int:
    """Delete the texts that people wrote on expired reports; return their number. Rows and digests stay.

    Texts are reasons of decisions and of judgements on duplicates, and notes; a note on a dossier expires
    with the first of its reports. Deleted too, without being counted, are the keys by which duplicates and
    similar files are found, and the quotations of the report in its queue row. A report that is still
    undecided leaves the queue (EXPIRED), and the duplicates folded into it are folded again among the other
    reports. The caller writes the ledger entry of the expiry.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    ids = list(report_ids)
    with transaction.atomic():
        erased = sql.run(
            "DELETE FROM orient_reason WHERE decision_id IN"
            " (SELECT id FROM orient_decision WHERE report_id = ANY(%s))",
            [ids],
        )
        found = sql.run(
            "DELETE FROM orient_note_words WHERE note_id IN"
            " (SELECT id FROM orient_note WHERE report_ids && %s::uuid[])",
            [ids],
        )
        erased += found
        found = sql.run(
            "DELETE FROM orient_unfolding_words WHERE unfolding_id IN"
            " (SELECT id FROM orient_unfolding WHERE report_id = ANY(%s))",
            [ids],
        )
        erased += found
        _end_waiting(ids)
        sql.run("DELETE FROM orient_fold WHERE report_id = ANY(%s)", [ids])
        forget_assessed(ids)
        forget_answers(actor=actor, report_ids=ids)
        forget_notifications(actor=actor, report_ids=ids)
        sql.run(
            "UPDATE orient_case SET own = NULL, reason_parameters = '{}', platform = '',"
            " age = NULL, departement = ''"
            " WHERE report_id = ANY(%s)",
            [ids],
        )
    return int(erased)


def _end_waiting(ids: list[UUID]) -> None:
    """Set undecided reports to EXPIRED, and fold the duplicates folded into them again among the other
    reports.
    """
    hold_folding()
    behind = Case.objects.filter(head_id__in=ids).exclude(report_id__in=ids)
    shown = list(behind.values_list("report_id", flat=True))
    Case.objects.filter(report_id__in=ids, state__in=_WAITING).update(
        state=CaseState.EXPIRED, head_id=None, claimed_by=None, lease_until=None
    )
    fold_again(shown)
