"""The way of a report, on one page: read this first.

    intake ─► HARMONISE ─► ANALYSE ─► CROSSCHECK ─► PRIORITISE ─► ORIENT ─► a person decides

`intake` seals a report and puts it at the first stage. The worker claims a batch, looks up its step here,
runs it, and moves the batch on in the transaction of the results. No stage calls the next: a crash
between two stages loses nothing, and `fanal replay STAGE` sends reports through again after a rule
changed. Priority comes after cross-check, so that "reported before" counts (docs: decisions).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.analyse import operations as analyse, queries as analysed
from fanal.analyse.domain.facts import facts_of
from fanal.analyse.domain.priority import DryRun
from fanal.analyse.domain.records import Analysis, KinFacts, Priority
from fanal.crosscheck import operations as crosscheck, queries as crosschecked
from fanal.deconfliction import operations as deconfliction
from fanal.distribution import operations as distribution
from fanal.harmonise import operations as harmonise, queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake import queries as intake
from fanal.intake.domain.records import ReportFacts
from fanal.intake.domain.states import Stage
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import lowest_id
from fanal.orient import operations as orient, queries as oriented


@dataclass(slots=True, kw_only=True)
class Batch:
    """Reports under one claim, with what earlier steps of this run left in memory.

    A step takes what it needs from here and reads from the database only what is missing: after a
    crash, another worker starts at the stored stage with an empty batch.
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
    """Reports that this step could not treat, with the code of the reason: quarantine."""


def hash_files(batch: Batch) -> Iterator[None]:
    """Before stage 2: fingerprints of uploaded files, taken once, in a child that can reach nothing."""
    return harmonise.hash_files(actor=batch.actor, report_ids=batch.report_ids, now=batch.now)


def run_harmonise(batch: Batch) -> None:
    """Stage 2: opened bytes of any format become one shape, with selectors."""
    facts = _facts(batch)
    opened = intake.open_submissions(
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
    """Stage 3: known material, signals, imminence: findings that cite what they saw."""
    results = analyse.analyse_batch(actor=batch.actor, reports=_reports(batch), now=batch.now)
    batch.analyses = {result.report_id: result for result in results}


def run_crosscheck(batch: Batch) -> None:
    """Stage 4: links to earlier reports by shared selectors, with reasons and weights."""
    kin = crosscheck.crosscheck_batch(actor=batch.actor, reports=_reports(batch), now=batch.now)
    batch.kin = {facts.report_id: facts for facts in kin}


def run_prioritise(batch: Batch) -> None:
    """Priority from the report, its findings and its kin, each part explained."""
    priorities = analyse.prioritise_batch(
        actor=batch.actor,
        reports=_reports(batch),
        kin=_kin(batch),
        analyses=_analyses(batch),
        now=batch.now,
    )
    batch.priorities = {priority.report_id: priority for priority in priorities}


def run_orient(batch: Batch) -> None:
    """Stage 5: tracks and legal bases proposed; the report takes its place in the desk's queue.

    Where another desk is concerned, or holds one of its identifiers, that is noted beside it.
    """
    facts, analyses, priorities = _facts(batch), _analyses(batch), _priorities(batch)
    kin = {k.report_id: k for k in _kin(batch)}
    orient.orient_batch(
        actor=batch.actor,
        items=[
            orient.OrientItem(
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
    real = [report for report in _reports(batch) if not facts[report.report_id].is_test]
    deconfliction.note_reports(actor=batch.actor, reports=real, now=batch.now)
    distribution.plan_batch(actor=batch.actor, reports=real, now=batch.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a stage runs, and where its reports go next; None: to a person.

    `before` is long work outside the step's transaction: it commits by itself, and pauses every second or
    so for the loop to look at whatever must be prompt.
    """

    run: Callable[[Batch], None]
    then: Stage | None
    before: Callable[[Batch], Iterator[None]] | None = None


STEPS: Mapping[Stage, Step] = {
    Stage.HARMONISE: Step(run=run_harmonise, then=Stage.ANALYSE, before=hash_files),
    Stage.ANALYSE: Step(run=run_analyse, then=Stage.CROSSCHECK),
    Stage.CROSSCHECK: Step(run=run_crosscheck, then=Stage.PRIORITISE),
    Stage.PRIORITISE: Step(run=run_prioritise, then=Stage.ORIENT),
    Stage.ORIENT: Step(run=run_orient, then=None),
}


def try_rules(*, actor: Actor, ruleset_id: UUID, limit: int, now: datetime) -> DryRun:
    """Run a candidate rule set dry on the `limit` newest reports in the actor's reach; none of them moves.

    Raises:
        Refused, RuleSetRefused: as `analyse.dry_run_ruleset`.
    """
    ids = analysed.newest_analysed(limit=limit)
    kin = crosschecked.kin_facts(actor=actor, report_ids=ids)
    return analyse.dry_run_ruleset(
        actor=actor, ruleset_id=ruleset_id, report_ids=ids, kin=list(kin.values()), now=now
    )


def facts_after(
    *, actor: Actor, after: UUID, limit: int, now: datetime
) -> list[tuple[UUID, dict[str, float]]]:
    """Return what priority rules look at, of the reports that follow `after`, oldest first.

    Facts are numbers under the names of `analyse.domain.facts.FACTS`: no name, no address, no text. Ages
    are those of `now`. Reports out of the actor's reach are left out; an empty list is the end.
    """
    while ids := analysed.analysed_after(after=after, limit=limit):
        records = harmonised.get_records(actor=actor, report_ids=ids)
        analyses = analysed.get_analyses(actor=actor, report_ids=list(records))
        kin = crosschecked.kin_facts(actor=actor, report_ids=list(analyses))
        found = [
            (i, facts_of(records[i], analyses[i], kin.get(i), now=now))
            for i in ids
            if i in analyses
        ]
        if found:
            return found
        after = ids[-1]
    return []


TRIED_AT_ONCE = 500
"""Reports of one portion of a dry run or of a new ranking: one transaction each."""


def continue_trial(*, trial_id: UUID, now: datetime) -> bool:
    """Compare the next portion of the past under a candidate; return whether there is more to do.

    Every stored report is compared once, in the order of ids, under both sets as of the trial's start; the
    last portion closes it. False too where another worker holds the trial.
    """
    actor = system_actor("dry run of priority rules")
    with transaction.atomic():
        trial = analyse.hold_trial(actor=actor, trial_id=trial_id)
        if trial is None:
            return False
        ids = analysed.analysed_between(
            after=trial.reached, before=lowest_id(trial.started_at), limit=TRIED_AT_ONCE
        )
        if not ids:
            analyse.finish_trial(trial=trial, now=now)
            return False
        records = harmonised.get_records(actor=actor, report_ids=ids)
        analyses = analysed.get_analyses(actor=actor, report_ids=list(records))
        kin = crosschecked.kin_facts(actor=actor, report_ids=list(analyses))
        known = [records[report_id] for report_id in ids if report_id in analyses]
        analyse.try_portion(
            trial=trial, reports=known, analyses=analyses, kin=list(kin.values()), reached=ids[-1]
        )
        failpoint("trial.tried")
    failpoint("trial.committed")
    return True


def continue_rerank(*, now: datetime) -> bool:
    """Rank the next portion of what waits under the rules in force; return whether there is more to do.

    Priorities and proposals get a further revision; claims and states stay. Reports that already bear the
    version in force are passed over, so that nothing is ranked twice after a kill.
    """
    actor = system_actor("ranking anew")
    with transaction.atomic():
        held = analyse.hold_rerank(actor=actor)
        if held is None:
            return False
        ruleset_id, reached = held
        ids = oriented.waiting_after(actor=actor, after=reached, limit=TRIED_AT_ONCE)
        if not ids:
            analyse.write_rerank(ruleset_id=ruleset_id, reached=None, changed=0, now=now)
            return False
        stale = analysed.ranked_otherwise(report_ids=ids, version=analysed.current_rules().version)
        changed = rank_anew(actor=actor, report_ids=stale, now=now)
        analyse.write_rerank(ruleset_id=ruleset_id, reached=ids[-1], changed=changed, now=now)
        failpoint("rerank.written")
    failpoint("rerank.committed")
    return True


def rank_anew(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> int:
    """Give reports a further priority and proposal in the caller's transaction; return to how many."""
    records = harmonised.get_records(actor=actor, report_ids=report_ids)
    batch = Batch(actor=actor, now=now, report_ids=sorted(records), reports=dict(records))
    if batch.report_ids:
        run_prioritise(batch)
        run_orient(batch)
    return len(batch.report_ids)


def _facts(batch: Batch) -> dict[UUID, ReportFacts]:
    missing = _missing(batch, batch.facts)
    if missing:
        batch.facts |= intake.get_reports(actor=batch.actor, report_ids=missing)
    return batch.facts


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
        batch.kin |= crosschecked.kin_facts(actor=batch.actor, report_ids=missing)
    return [batch.kin[report_id] for report_id in batch.report_ids]


def _missing(batch: Batch, held: Mapping[UUID, object]) -> Sequence[UUID]:
    return [report_id for report_id in batch.report_ids if report_id not in held]
