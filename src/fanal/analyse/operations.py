"""Analysis and priority of batches of reports, stored as further revisions; erasure of both at expiry."""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from django.db import connection, transaction
from msgspec import structs

from fanal.accounts import binary_arrays
from fanal.accounts.domain.policy import require
from fanal.analyse import queries
from fanal.analyse.analysis import Answers, Meant, analyse, meanings_of, shipped_knowledge
from fanal.analyse.domain.records import Analysis, KinFacts, Priority, pack_findings, pack_parts
from fanal.analyse.material.operations.asides import current_rule, watch_matches
from fanal.analyse.material.operations.index import MATERIAL
from fanal.analyse.material.queries.entries import lists_version
from fanal.analyse.payments.operations import forget_payments, note_payments
from fanal.analyse.priority.domain.scoring import prioritise
from fanal.analyse.priority.queries import current_rules
from fanal.analyse.signals.operations.examples import erase_examples
from fanal.analyse.signals.operations.in_force import reader_in_force
from fanal.analyse.signals.operations.unread import forget_unread, queue_unread
from fanal.db.sql import text_array
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger

_SHIPPED = cache(shipped_knowledge)  # read once; the version of the lists is added per batch
_FEW = 4
"""Most reports with free text of a batch whose declared emergencies the model reads at once."""
_MOST_READ = 4
"""Most reports of a batch that the model reads at once: the longest text takes some three seconds."""
log = logging.getLogger("fanal.analyse")


class NotAnalysed(LookupError):
    """Error: a report cannot be prioritised, since it has no analysis."""


def analyse_batch(
    *,
    actor: Actor,
    reports: Sequence[HarmonisedReport],
    now: datetime,
    citizens: Collection[UUID] = (),
    tried: Collection[UUID] = (),
    answers: Answers | None = None,
) -> list[Analysis]:
    """Analyse `reports`, store the next revision of each, and return the analyses in the order given.

    The text model reads at once the reports of the public form (`citizens`) and, if at most four reports of
    the batch have text, the declared emergencies; four reports at most. Other texts are queued for later
    (`signals.operations.unread`), and so are those of `tried`, whose processing has failed before: if the
    model crashes the worker, these reports still get the analysis by phrase rules. `answers` are those of
    the reporters to the desk, oldest first, by report id.

    Raises:
        Refused: the actor may not run the processing stages.
        ValueError: a report occurs twice.
    """
    require(actor, "pipeline.run")
    told = answers or {}
    meanings = _meanings(reports, citizens, tried, told)
    return _write_analyses(actor=actor, reports=reports, meanings=meanings, answers=told, now=now)


def add_meanings(
    *,
    actor: Actor,
    reports: Sequence[HarmonisedReport],
    meanings: Mapping[UUID, Meant],
    now: datetime,
    answers: Answers | None = None,
) -> None:
    """Analyse reports again with the model's later findings in their texts; store a further revision of each.

    `meanings` holds these findings by report id, `answers` the reporters' answers to the desk, oldest first.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    _write_analyses(actor=actor, reports=reports, meanings=meanings, answers=answers or {}, now=now)


def _write_analyses(
    *,
    actor: Actor,
    reports: Sequence[HarmonisedReport],
    meanings: Mapping[UUID, Meant],
    answers: Answers,
    now: datetime,
) -> list[Analysis]:
    if not reports:
        return []
    knowledge = structs.replace(_SHIPPED(), lists_version=lists_version())
    rule = current_rule(now)
    lists = MATERIAL.look_up(reports, rules=rule.value) if knowledge.lists_version else None
    with transaction.atomic():
        # First: the lock on a text that is being stored orders its revision and this one.
        later = [r for r in reports if _has_text(r, answers) and r.report_id not in meanings]
        queue_unread(reports=later)
        around = note_payments(
            actor=actor, reports=reports, typologies=knowledge.typologies, now=now
        )
        analyses = analyse(
            reports, knowledge, lists, around=around, meanings=meanings, answers=answers
        )
        packed = [pack_findings(analysis.findings) for analysis in analyses]
        revisions = _next_revisions("analyse_result", [r.report_id for r in reports])
        waiting = {report.report_id for report in later}
        if again := [i for i, number in revisions.items() if number > 1 and i not in waiting]:
            forget_unread(report_ids=again)
        with binary_arrays.bound() as cursor:
            cursor.execute(
                "INSERT INTO analyse_result (report_id, written_at, revision, rule_version, findings)"
                " SELECT i, %s, r, v, f FROM unnest("
                "%s::uuid[], %s::smallint[], %s::text[], %s::bytea[]) AS given (i, r, v, f)",
                [
                    now,
                    binary_arrays.ids([a.report_id for a in analyses]),
                    binary_arrays.smallints([revisions[a.report_id] for a in analyses]),
                    text_array([a.rule_version for a in analyses]),
                    binary_arrays.octets(packed),
                ],
            )
        _log(actor, "report.analyse", now, [a.report_id for a in analyses], packed)
        if lists is not None:
            first = [a for a in analyses if revisions[a.report_id] == 1]
            watch_matches(actor=actor, analyses=first, rule=rule, now=now)
    return analyses


def _has_text(report: HarmonisedReport, answers: Answers) -> bool:
    return bool(report.description or report.conversation or answers.get(report.report_id))


def _meanings(
    reports: Sequence[HarmonisedReport],
    citizens: Collection[UUID],
    tried: Collection[UUID],
    answers: Answers,
) -> dict[UUID, Meant]:
    """Return the text model's findings for the reports of a batch whose texts it reads now, by report id.

    These are, four at most, the reports from the public (`citizens`) and the declared emergencies of a
    batch in which at most four reports have text; reports of `tried` are left out. Empty after an error:
    the texts are then read later.
    """
    told = [report for report in reports if _has_text(report, answers)]
    few = len(told) <= _FEW
    now = [
        report
        for report in told
        if report.report_id not in tried
        and (report.report_id in citizens or (few and report.emergency))
    ]
    try:
        return read_meanings(reports=now[:_MOST_READ], answers=answers)
    except Exception as failure:  # noqa: BLE001 - the phrases' analysis needs no model
        log.error("texts are read later: %s", type(failure).__name__)
        return {}


def read_meanings(
    *, reports: Sequence[HarmonisedReport], answers: Answers | None = None
) -> dict[UUID, Meant]:
    """Return the findings that the text model in force makes in the texts of reports, by report id.

    The reporters' `answers` to the desk (by report id, oldest first) are read too. Empty if no model can
    read.
    """
    return meanings_of(reports, reader_in_force(), answers=answers) if reports else {}


def prioritise_batch(
    *,
    actor: Actor,
    reports: Sequence[HarmonisedReport],
    kin: Sequence[KinFacts],
    now: datetime,
    analyses: Mapping[UUID, Analysis] | None = None,
) -> list[Priority]:
    """Compute, store and return the priorities of `reports` from their analyses and related-report counts.

    The result has the order of `reports`. `kin` holds the counts of related reports, and may lack some.
    `analyses` are the newest analyses by report id; None: they are read from the database. `now` is the
    time of writing.

    Raises:
        Refused: the actor may not run the processing stages.
        NotAnalysed: a report has no analysis.
        ValueError: a report occurs twice.
        Refusal: the stored rules in force cannot be read.
    """
    require(actor, "pipeline.run")
    if not reports:
        return []
    ids = [report.report_id for report in reports]
    if analyses is None:
        analyses = queries.get_analyses(actor=actor, report_ids=ids)
    missing = [report_id for report_id in ids if report_id not in analyses]
    if missing:
        raise NotAnalysed(str(missing[0]))
    rules = current_rules()
    priorities = prioritise(reports, [analyses[i] for i in ids], kin, rules, now)
    store_priorities(actor=actor, priorities=priorities, now=now)
    return priorities


def store_priorities(*, actor: Actor, priorities: Sequence[Priority], now: datetime) -> None:
    """Write the next revision of each priority, and a single ledger entry for all of them.

    Runs in a transaction of its own, or in the caller's; `now` is the time of writing.

    Raises:
        ValueError: a report occurs twice.
    """
    packed = [pack_parts(priority.parts) for priority in priorities]
    with transaction.atomic():
        revisions = _next_revisions("analyse_priority", [p.report_id for p in priorities])
        with binary_arrays.bound() as cursor:
            cursor.execute(
                "INSERT INTO analyse_priority (report_id, written_at, revision, score, level, floor,"
                " rule_version, parts) SELECT i, %s, r, s, l, nullif(f, ''), v, p FROM unnest("
                "%s::uuid[], %s::smallint[], %s::smallint[], %s::text[], %s::text[], %s::text[],"
                " %s::bytea[]) AS given (i, r, s, l, f, v, p)",
                [
                    now,
                    binary_arrays.ids([p.report_id for p in priorities]),
                    binary_arrays.smallints([revisions[p.report_id] for p in priorities]),
                    binary_arrays.smallints([p.score for p in priorities]),
                    text_array([p.level for p in priorities]),
                    text_array([p.floor or "" for p in priorities]),
                    text_array([p.rule_version for p in priorities]),
                    binary_arrays.octets(packed),
                ],
            )
        _log(actor, "report.prioritise", now, [p.report_id for p in priorities], packed)


def _next_revisions(table: str, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    if len(set(report_ids)) != len(report_ids):
        raise ValueError("a report stands twice in the batch")
    with binary_arrays.bound() as cursor:
        cursor.execute(
            f"SELECT report_id, max(revision) FROM {table}"  # noqa: S608 - a name of this module
            " WHERE report_id = ANY(%s::uuid[]) GROUP BY report_id",
            [binary_arrays.ids(report_ids)],
        )
        last = dict(cursor.fetchall())
    return {report_id: last.get(report_id, 0) + 1 for report_id in report_ids}


def _log(
    actor: Actor, action: str, now: datetime, ids: Sequence[UUID], contents: Sequence[bytes]
) -> None:
    ledger.record_batch(
        actor=actor,
        action=action,
        at=now,
        kind="report",
        items=list(zip(ids, contents, strict=True)),
        detail={"count": len(ids)},
    )


_EMPTY = b"\x78\x9c\x8b\x8e\x05\x00\x01\x15\x00\xb9"  # zlib of `[]`


def erase(  # every stage has the same signature for erasure
    *,
    actor: Actor,
    report_ids: Sequence[UUID],
    now: datetime,  # noqa: ARG001
) -> int:
    """Empty the findings and priority terms of reports in all revisions; delete their payments.

    Payers without any other payment are deleted too, as are the reports' places in the queue of texts that
    the text model shall read. Unchecked examples (judged passages) become ERASED. Returns the number of
    rows changed or deleted. Scores, levels and rule versions stay, since they name nobody. The caller
    writes the ledger entry of the expiry, which covers every stage; `now` is the instant of that entry.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    emptied = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for table, column in (("analyse_result", "findings"), ("analyse_priority", "parts")):
            cursor.execute(
                f"UPDATE {table} SET {column} = %s"  # noqa: S608 - names of this module
                f" WHERE report_id = ANY(%s::uuid[]) AND {column} <> %s",
                [_EMPTY, list(report_ids), _EMPTY],
            )
            emptied += cursor.rowcount
        emptied += forget_payments(report_ids=report_ids)
        emptied += forget_unread(report_ids=report_ids)
        emptied += erase_examples(report_ids=report_ids)
    return emptied
