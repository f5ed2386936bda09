"""The processing pipeline of a report, complete on one page: read this first.

    intake ─► HARMONISE ─► ANALYSE ─► CROSSCHECK ─► PRIORITISE ─► ORIENT ─► a person decides
                                          │              ▲           └─► other desks, counterparts
                                          ▼              │
                                   similar reports   new ranking: new rules, a nearer deadline

`intake` seals a report. A finished report is queued for the first stage: in the transaction of its deposit,
or, if a program opened it (`submit` of the NCMEC wire, `state=open` of the partners' API), at its step
`finish`. A test report is never queued; later files queue a report again. The worker claims a batch, runs the
step of its stage in `STEPS`, and moves the batch to the next stage in the same transaction as the results. No
stage calls the next: a crash between two stages loses nothing, and `fanal replay STAGE` processes reports
again after a change of rules. Priority follows cross-check, so that earlier reports of the same value count
(docs: decisions).

Work that no report waits for: `read_later` (texts read by the model), `continue_reread` after the activation
of a text reader, and `find_similar` run when no batch waits; `continue_rerank` after an activation of rules,
`rank_by_clock` every night and `weigh_answers` (the reporters' answers to the desk) every minute are
scheduled jobs. An alarm call for a child in danger waits for none of this: a trigger raises the alarm when a
report that declares the danger is stored, orient if the declaration is found only when the document is
harmonised, and `fanal.calls` sends the call. Text analysis alone raises no alarm.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction

from fanal.analyse import operations as analyse, queries as analysed
from fanal.analyse.analysis import ReporterAnswer, reader_version
from fanal.analyse.domain.records import Analysis, KinFacts, Priority
from fanal.analyse.operations import read_meanings
from fanal.analyse.priority.operations import hold_rerank, write_rerank
from fanal.analyse.priority.queries import current_rules, ranked_at, ranked_otherwise
from fanal.analyse.signals.operations.readers import keep_reread
from fanal.analyse.signals.operations.unread import (
    end_reading,
    queue_unread,
    return_unread,
    take_unread,
)
from fanal.analyse.signals.queries import open_reread
from fanal.crosscheck.links.queries import kin_facts
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.similar.operations.near import renew_near
from fanal.deconfliction.operations.hits import note_reports
from fanal.distribution.operations.sending import plan_batch
from fanal.embedding.engine import EngineMissing, EngineStarting
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.operations import batch as harmonise
from fanal.intake.domain.records import PUBLIC_SENDER, ReportFacts, Stage
from fanal.intake.operations.queue import replay_stage
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.files import open_answers, open_submissions, unhashed_among
from fanal.intake.queries.reviews import list_unerased
from fanal.intake.queries.work import list_idle
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.failpoints import failpoint
from fanal.orient import queries as oriented
from fanal.orient.alarms.queries import dangers_written
from fanal.orient.answers.operations import note_weighed, take_unweighed, tell_holders
from fanal.orient.domain.records import OrientItem
from fanal.orient.operations.batch import orient_batch


@dataclass(slots=True, kw_only=True)
class Batch:
    """Reports claimed together by a worker, with the results of the steps that this run has done.

    A step uses these results and reads only missing ones from the database: after a crash, another worker
    continues from the stored stage with an empty batch. `now` is the instant of the run, for `actor`. Results
    are mappings by report id: `facts` (envelopes), `reports` (harmonised), `analyses`, `priorities`; `kin`
    holds the numbers of related reports.
    """

    actor: Actor
    now: datetime
    report_ids: list[UUID]
    facts: dict[UUID, ReportFacts] = field(default_factory=dict)
    reports: dict[UUID, HarmonisedReport] = field(default_factory=dict)
    analyses: dict[UUID, Analysis] = field(default_factory=dict)
    kin: dict[UUID, KinFacts] = field(default_factory=dict)
    priorities: dict[UUID, Priority] = field(default_factory=dict)
    failed: dict[UUID, str] = field(default_factory=dict)
    """Reports that this step could not process, with the code of the reason: they are quarantined."""
    tried: frozenset[UUID] = frozenset()
    """Reports that failed before, or whose worker was ended."""


def hash_files(batch: Batch) -> Iterator[set[UUID]]:
    """Compute the hashes of the batch's uploaded files in a sandboxed child process, before stage 2.

    Each file is hashed once. The generator yields about every second the ids of the reports on which it has
    worked since it last yielded.
    """
    return harmonise.hash_files(actor=batch.actor, report_ids=batch.report_ids, now=batch.now)


def wait_for_hashes(batch: Batch) -> set[UUID]:
    """Return the ids of the batch's reports with uploaded files that `hash_files` has not processed yet."""
    return unhashed_among(actor=batch.actor, report_ids=batch.report_ids)


def run_harmonise(batch: Batch) -> None:
    """Run stage 2: convert the submissions of any format into one schema, and extract identifiers.

    The harmonised reports go to `batch.reports`, by report id. Reports that cannot be converted go to
    `batch.failed`, with the code of the reason.
    """
    facts = _facts(batch)
    opened = open_submissions(
        actor=batch.actor, report_ids=batch.report_ids, now=batch.now, facts=facts
    )
    sources = [
        harmonise.source_of(opened=opened[i], facts=facts[i])
        for i in batch.report_ids
        if i in opened
    ]
    records, failures = harmonise.harmonise_batch(actor=batch.actor, sources=sources, now=batch.now)
    batch.reports = {record.report_id: record for record in records}
    batch.failed = {failure.report_id: failure.code for failure in failures}


def run_analyse(batch: Batch) -> None:
    """Run stage 3: known material, signals, imminence, payments, as findings that cite their evidence.

    The reporters' answers to the desk are read with the text of their report. The results are stored in
    `batch.analyses` by report id.
    """
    citizens = {i for i, facts in _facts(batch).items() if facts.sender_id == PUBLIC_SENDER}
    results = analyse.analyse_batch(
        actor=batch.actor,
        reports=_reports(batch),
        now=batch.now,
        citizens=citizens,
        tried=batch.tried,
        answers=_answers(batch.actor, batch.report_ids, batch.now),
    )
    batch.analyses = {result.report_id: result for result in results}


def run_crosscheck(batch: Batch) -> None:
    """Run stage 4: link reports to earlier ones by shared identifiers, with reasons; build dossiers.

    The counts of each report's related reports go to `batch.kin`, by report id.
    """
    kin = crosscheck_batch(actor=batch.actor, reports=_reports(batch), now=batch.now)
    batch.kin = {facts.report_id: facts for facts in kin}


def run_prioritise(batch: Batch) -> None:
    """Compute the priorities of a batch from reports, findings and related reports, with explanations.

    A danger that the sender states later, with the follow-up code, counts as one of the first form. The
    results go to `batch.priorities` by report id.
    """
    told = dangers_written(actor=batch.actor, report_ids=batch.report_ids)
    priorities = analyse.prioritise_batch(
        actor=batch.actor,
        reports=[
            msgspec.structs.replace(report, emergency=True) if report.report_id in told else report
            for report in _reports(batch)
        ],
        kin=_kin(batch),
        analyses=_analyses(batch),
        now=batch.now,
    )
    batch.priorities = {priority.report_id: priority for priority in priorities}


def run_orient(batch: Batch) -> None:
    """Run stage 5: propose tracks (what to do) and legal bases, and put the report into the desk's queue.

    A duplicate is grouped with the same report instead. A report that declares a child in danger gets an
    alarm if it has none yet.
    """
    facts, analyses, priorities = _facts(batch), _analyses(batch), _priorities(batch)
    kin = {k.report_id: k for k in _kin(batch)}
    orient_batch(
        actor=batch.actor,
        items=[
            OrientItem(
                report=report,
                analysis=analyses[report.report_id],
                priority=priorities[report.report_id],
                kin=kin[report.report_id],
                desk_id=facts[report.report_id].desk_id,
                received_at=facts[report.report_id].received_at,
                sender_id=facts[report.report_id].sender_id,
                is_test=facts[report.report_id].is_test,
            )
            for report in _reports(batch)
        ],
        now=batch.now,
    )


def run_deconflict(batch: Batch) -> None:
    """Add the reports of the batch, tests excepted, to matches whose identifier they contain.

    A match is an identifier that another organisation holds too (de-confliction).
    """
    note_reports(actor=batch.actor, reports=_real(batch), now=batch.now)


def run_distribute(batch: Batch) -> None:
    """Record the other countries and regions that the reports of the batch concern, tests excepted.

    Packages for their desks are made later, under a standing instruction.
    """
    plan_batch(actor=batch.actor, reports=_real(batch), now=batch.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStep:
    """The work of a stage (`run`), and the next stage of its reports (`then`; None: a person decides).

    `also` are functions that follow `run` in the same transaction. `before` is a long preparation outside it:
    a generator that commits by itself and yields every second or so the ids of the reports it worked on, so
    that the worker can do urgent work meanwhile. When its time is over, `waits` returns the ids of the
    reports still to prepare; they are queued again, behind others if they were worked on.
    """

    run: Callable[[Batch], None]
    then: Stage | None
    also: tuple[Callable[[Batch], None], ...] = ()
    before: Callable[[Batch], Iterator[set[UUID]]] | None = None
    waits: Callable[[Batch], set[UUID]] | None = None

    def apply(self, batch: Batch) -> None:
        """Run `run`, then each function of `also`, on the batch, in the caller's transaction."""
        for act in (self.run, *self.also):
            act(batch)


STEPS: Mapping[Stage, PipelineStep] = {
    Stage.HARMONISE: PipelineStep(
        run=run_harmonise, then=Stage.ANALYSE, before=hash_files, waits=wait_for_hashes
    ),
    Stage.ANALYSE: PipelineStep(run=run_analyse, then=Stage.CROSSCHECK),
    Stage.CROSSCHECK: PipelineStep(run=run_crosscheck, then=Stage.PRIORITISE),
    Stage.PRIORITISE: PipelineStep(run=run_prioritise, then=Stage.ORIENT),
    Stage.ORIENT: PipelineStep(run=run_orient, also=(run_deconflict, run_distribute), then=None),
}


def find_similar(*, now: datetime, most: int) -> int:
    """Find texts, pictures and names similar to those of the next `most` queued reports; store the pairs.

    Returns the number of reports searched for.
    """
    return renew_near(actor=system_actor("pipeline"), now=now, most=most)


_ANSWERED_AT_ONCE = 100


def weigh_answers(*, now: datetime) -> int:
    """Queue reports whose reporters have answered the desk for the stages from ANALYSE on; return how many.

    A report that is under way or in quarantine waits until it has left the queue: its stages may have read
    the conversation already. All answers that a report has by then are read at once. The person
    in charge of the report is notified.
    """
    actor = system_actor("answers")
    with transaction.atomic():
        ids = take_unweighed(
            actor=actor,
            idle=lambda waiting: list_idle(actor=actor, report_ids=waiting),
            most=_ANSWERED_AT_ONCE,
        )
        if ids:
            replay_stage(actor=actor, stage=Stage.ANALYSE, report_ids=ids, now=now)
            tell_holders(actor=actor, report_ids=ids, now=now)
            note_weighed(actor=actor, report_ids=ids, now=now)
    return len(ids)


RANKED_AT_ONCE = 500
"""Reports in one portion of a new ranking, one transaction each."""
_CLOCKS_AT_ONCE = 1_000


def continue_rerank(*, now: datetime) -> bool:
    """Compute new priorities for the next portion of waiting reports under the rules in force.

    Returns whether a portion was ranked; False also while another process ranks them. Priorities and
    proposals (actions, legal bases) get a new revision; claims of cases and their states remain. Reports that
    these rules have already ranked are skipped, so that nothing is ranked twice after a crash.
    """
    actor = system_actor("ranking anew")
    with transaction.atomic():
        held = hold_rerank(actor=actor)
        if held is None:
            return False
        ruleset_id, reached = held
        ids = oriented.waiting_after(actor=actor, after=reached, limit=RANKED_AT_ONCE)
        if not ids:
            write_rerank(ruleset_id=ruleset_id, reached=None, changed=0, now=now)
            return False
        stale = ranked_otherwise(report_ids=ids, version=current_rules().version)
        changed = rank_anew(actor=actor, report_ids=stale, now=now)
        write_rerank(ruleset_id=ruleset_id, reached=ids[-1], changed=changed, now=now)
        failpoint("rerank.written")
    failpoint("rerank.committed")
    return True


def rank_by_clock(*, after: UUID, now: datetime) -> UUID | None:
    """Rank again the reports whose subscriber-data retention window crossed a threshold of a priority rule.

    One portion is examined: reports with an id above `after`. A threshold is a number of days left in the
    window. It counts if it was crossed between the report's last ranking and `now`: thresholds crossed while
    no worker ran are included, and no report is ranked twice for one threshold. Returns the id of the last
    report examined, None at the end.
    """
    actor = system_actor("clocks of addresses")
    bounds = current_rules().days_left()
    if not bounds:
        return None
    with transaction.atomic():
        clocks = oriented.asked_until(
            actor=actor, after=after, until=now + timedelta(max(bounds)), limit=_CLOCKS_AT_ONCE
        )
        if not clocks:
            return None
        ranked = ranked_at(report_ids=[report_id for report_id, _ in clocks])
        passed = [
            report_id
            for report_id, until in clocks
            if any(ranked[report_id] <= until - timedelta(days) < now for days in bounds)
        ]
        rank_anew(actor=actor, report_ids=passed, now=now)
    return clocks[-1][0]


def rank_anew(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> int:
    """Write a new revision of priority and proposal (actions, legal bases) of each report.

    Returns the number of reports ranked. Reports that are not harmonised yet are left out. Runs in the
    caller's transaction.
    """
    records = harmonised.get_records(actor=actor, report_ids=report_ids)
    batch = Batch(actor=actor, now=now, report_ids=sorted(records), reports=dict(records))
    if batch.report_ids:
        for stage in (Stage.PRIORITISE, Stage.ORIENT):
            STEPS[stage].apply(batch)
    return len(batch.report_ids)


def read_later(*, token: UUID, now: datetime) -> int:
    """Let the model read the next waiting text, and rank its report again if the findings may have changed.

    That is the case if the model finds something, or if an earlier version of the model had read the text.
    `token` is the caller's lease on the reading. Returns the number of texts taken: 1, or 0 if none waits or
    the reading process is starting. Runs while no report waits for a stage.

    Raises:
        EngineMissing, OSError: the reading process does not start; the text waits, without this attempt.
    """
    actor = system_actor("pipeline")
    taken = take_unread(actor=actor, token=token)
    if taken is None:
        return 0
    records = harmonised.get_records(actor=actor, report_ids=[taken])
    before = analysed.get_analyses(actor=actor, report_ids=[taken])
    again = {i for i, analysis in before.items() if reader_version(analysis.rule_version)}
    try:
        answers = _answers(actor, [taken], now)
        # Slow: no lock waits for it.
        meanings = read_meanings(reports=list(records.values()), answers=answers)
    except EngineStarting:
        answers, meanings = {}, {}
    except (EngineMissing, OSError):  # its process does not start: not the fault of the text
        return_unread(actor=actor, token=token)
        raise
    if records and not meanings:  # no model reads at the moment
        return_unread(actor=actor, token=token)
        return 0
    with transaction.atomic():
        if end_reading(actor=actor, report_id=taken, token=token):
            kept = list_unerased(actor=actor, report_ids=[taken], held=True)
            ids = [i for i in kept if i in meanings and (meanings[i].findings or i in again)]
            analyse.add_meanings(
                actor=actor,
                reports=[records[i] for i in ids],
                meanings=meanings,
                answers=answers,
                now=now,
            )
            rank_anew(actor=actor, report_ids=ids, now=now)
    return 1


def continue_reread(*, now: datetime) -> bool:
    """Queue the texts of the next portion of waiting reports for a new reading; return whether there was one.

    This happens after the activation of a text reader (trained model); texts that this version has read are
    left out. Analyses, priorities and proposals of the reports get a new revision (`read_later`). Earlier
    revisions, and decided reports, keep the version of the model that read them.
    """
    stored = open_reread()
    if stored is None:
        return False
    actor, before = system_actor("reread of waiting reports"), stored.reread_reached
    ids = oriented.waiting_after(actor=actor, after=before, limit=RANKED_AT_ONCE)
    read = analysed.get_analyses(actor=actor, report_ids=ids)
    with transaction.atomic():
        kept = list_unerased(actor=actor, report_ids=ids, held=True)
        stale = [
            record
            for report_id, record in harmonised.get_records(actor=actor, report_ids=kept).items()
            if (record.description or record.conversation)
            and report_id in read
            and reader_version(read[report_id].rule_version) != stored.version
        ]
        reached = ids[-1] if ids else None
        if keep_reread(
            reader_id=stored.id, before=before, reached=reached, queued=len(stale), now=now
        ):
            queue_unread(reports=stale)
    return bool(ids)


def _answers(actor: Actor, ids: Sequence[UUID], now: datetime) -> dict[UUID, list[ReporterAnswer]]:
    opened = open_answers(actor=actor, report_ids=ids, now=now)
    return {
        i: [ReporterAnswer(at=at, text=text) for at, text in said] for i, said in opened.items()
    }


def _facts(batch: Batch) -> dict[UUID, ReportFacts]:
    missing = _missing(batch, batch.facts)
    if missing:
        batch.facts |= get_reports(actor=batch.actor, report_ids=missing)
    return batch.facts


def _real(batch: Batch) -> list[HarmonisedReport]:
    facts = _facts(batch)
    return [report for report in _reports(batch) if not facts[report.report_id].is_test]


def _reports(batch: Batch) -> list[HarmonisedReport]:
    missing = _missing(batch, batch.reports)
    if missing:
        batch.reports |= harmonised.get_records(actor=batch.actor, report_ids=missing)
    return [batch.reports[report_id] for report_id in batch.report_ids]


def _analyses(batch: Batch) -> dict[UUID, Analysis]:
    missing = _missing(batch, batch.analyses)
    if missing:
        batch.analyses |= analysed.get_analyses(actor=batch.actor, report_ids=missing)
    return batch.analyses


def _priorities(batch: Batch) -> dict[UUID, Priority]:
    missing = _missing(batch, batch.priorities)
    if missing:
        batch.priorities |= analysed.get_priorities(actor=batch.actor, report_ids=missing)
    return batch.priorities


def _kin(batch: Batch) -> list[KinFacts]:
    missing = _missing(batch, batch.kin)
    if missing:
        batch.kin |= kin_facts(actor=batch.actor, report_ids=missing)
    return [batch.kin[report_id] for report_id in batch.report_ids]


def _missing(batch: Batch, held: Mapping[UUID, object]) -> Sequence[UUID]:
    return [report_id for report_id in batch.report_ids if report_id not in held]
