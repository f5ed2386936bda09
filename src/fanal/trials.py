"""Dry runs of candidate priority rules and text readers (models) on stored reports, left unchanged.

    rule set (draft) + stored reports, findings, related reports ─► scores under both sets ─► changes

`try_rules` answers immediately for the newest reports. A trial covers all stored reports, portion by portion,
in the worker. `facts_after` exports the inputs of the rules, without text, for trials elsewhere. A proposed
version of the text reader is compared on the newest reports with text: it and the version in force read them.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction
from msgspec import structs

from fanal.analyse import queries as analysed
from fanal.analyse.domain.records import Analysis
from fanal.analyse.priority.domain.facts import facts_of, is_read
from fanal.analyse.priority.domain.scoring import DryRun, add_runs, no_run, prioritise, run_of
from fanal.analyse.priority.operations import dry_run_ruleset, finish_trial, hold_trial, try_portion
from fanal.analyse.priority.queries import analysed_between, current_rules
from fanal.analyse.signals.operations.in_force import reader_in_force, reader_of
from fanal.analyse.signals.operations.readers import activate_version, end_trial, keep_trial
from fanal.analyse.signals.queries import StoredReader, get_reader, open_reader_trials
from fanal.analyse.signals.reading import NoReader, TextReader
from fanal.crosscheck.links.queries import kin_facts
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import instant_of, lowest_id

TRIED_AT_ONCE = 500
"""Reports in one portion of a trial, one transaction each."""


def try_rules(*, actor: Actor, ruleset_id: UUID, limit: int, now: datetime) -> DryRun:
    """Compare a candidate set of priority rules with the one in force on the newest analysed reports.

    They are the `limit` newest of all desks; those that the actor may not read are left out afterwards, so
    that fewer may be compared. No report changes; the largest score changes are stored with the rule set.

    Raises:
        Refused: the actor may not draft rules.
        Refusal: NOT_FOUND (no set has this id); NOT_A_CANDIDATE (it is active, or was so before); TOO_MANY,
            over 20,000 reports.
    """
    ids = analysed.newest_analysed(limit=limit)
    kin = kin_facts(actor=actor, report_ids=ids)
    return dry_run_ruleset(
        actor=actor, ruleset_id=ruleset_id, report_ids=ids, kin=list(kin.values()), now=now
    )


def facts_after(
    *, actor: Actor, after: UUID, limit: int, now: datetime
) -> list[tuple[UUID, dict[str, float]]]:
    """Return (report id, facts) of at most `limit` reports after the id `after`, oldest first.

    Facts are the inputs of the priority rules: numbers by name (`analyse.priority.domain.facts.FACTS`),
    without any personal name, address or text. Ages refer to `now`. Reports invisible to the actor are left
    out; an empty list marks the end.
    """
    while ids := analysed.analysed_after(after=after, limit=limit):
        records = harmonised.get_records(actor=actor, report_ids=ids)
        analyses = analysed.get_analyses(actor=actor, report_ids=list(records))
        kin = kin_facts(actor=actor, report_ids=list(analyses))
        found = [
            (i, facts_of(records[i], analyses[i], kin.get(i), now=now))
            for i in ids
            if i in analyses
        ]
        if found:
            return found
        after = ids[-1]
    return []


def continue_trial(*, trial_id: UUID, now: datetime) -> bool:
    """Compare the next portion of stored reports under candidate priority rules; return if there was one.

    Every report is compared once, in order of id, under both rule sets as they were at the trial's start.
    After the last one, the dry run is closed. The result is False also if another worker holds the trial.
    """
    actor = system_actor("dry run of priority rules")
    with transaction.atomic():
        trial = hold_trial(actor=actor, trial_id=trial_id)
        if trial is None:
            return False
        ids = analysed_between(
            after=trial.reached, before=lowest_id(trial.started_at), limit=TRIED_AT_ONCE
        )
        if not ids:
            finish_trial(trial=trial, now=now)
            return False
        records = harmonised.get_records(actor=actor, report_ids=ids)
        analyses = analysed.get_analyses(actor=actor, report_ids=list(records))
        kin = kin_facts(actor=actor, report_ids=list(analyses))
        known = [records[report_id] for report_id in ids if report_id in analyses]
        try_portion(
            trial=trial, reports=known, analyses=analyses, kin=list(kin.values()), reached=ids[-1]
        )
        failpoint("trial.tried")
    failpoint("trial.committed")
    return True


# Dry runs of versions of the text reader.

MOST_READ = 1_000
"""Most reports with text in the dry run of a text reader, the newest ones: some five minutes of CPU."""
READ_AT_ONCE = 1
"""Progress is stored after each report: after a crash of the worker, only the last report is read again."""
_KEPT_CHANGES = 200
_RUN = msgspec.json.Decoder(DryRun)


def trial_of(stored: StoredReader) -> DryRun | None:
    """Return the dry run stored with a text reader (a trained model), finished or not; None without one.

    A dry run compares the model with the one in force on past reports. The result is also None if the stored
    text cannot be decoded, or belongs to another version of the model.
    """
    try:
        run = _RUN.decode(stored.trial) if stored.trial else None
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return run if run is not None and run.candidate == stored.version else None


def continue_reader_trial(*, now: datetime) -> bool:
    """Compare a proposed text reader (model) on the next past report; return whether there was a report.

    The comparison goes from the newest report with text to older ones, until `MOST_READ` are compared. Both
    the proposed version and the one in force read each text in this run, even if an earlier version read it
    before, so that every difference is due to the proposed version. The reports do not change. A version that
    cannot be loaded delays no other version; its dry run ends if its model does not fit this program.
    """
    current = reader_in_force()
    return not isinstance(current, NoReader) and any(
        _tried(stored, current, now=now) for stored in open_reader_trials()
    )


def _tried(stored: StoredReader, current: TextReader, *, now: datetime) -> bool:
    candidate = reader_of(reader_id=stored.id)
    if isinstance(candidate, NoReader):
        if candidate.reason == "MODEL":
            end_trial(stored=stored, reason=candidate.detail, now=now)
        return False
    actor, before = system_actor("dry run of a text reader"), stored.reached
    run = trial_of(stored) or no_run(current=current.version, candidate=stored.version)
    ids: list[UUID] = []
    if run.reports < MOST_READ:
        start = before or lowest_id(stored.proposed_at or now)
        ids = analysed.analysed_before(before=start, limit=READ_AT_ONCE)
        run = _with_portion(run, ids, (current, candidate), actor=actor, now=now)
    keep_trial(
        reader_id=stored.id,
        before=before,
        reached=ids[-1] if ids else None,
        trial=msgspec.json.encode(run),
        now=now,
    )
    return bool(ids)


def activate_reader(*, actor: Actor, reader_id: UUID, now: datetime) -> None:
    """Put a proposed text reader (trained model) in force; the actor must not be its proposer.

    Only texts of waiting reports are read again.

    Raises:
        Refused: the actor may not activate rules.
        Refusal: NOT_FOUND (no version has this id), IN_FORCE (this version reads now), NOT_PROPOSED (nobody
            proposed it), SAME_PERSON (the actor proposed it), GRANTED_BY_PROPOSER (the proposer alone granted
            the actor's role), UNFIT (this program cannot use it), STALE (another version reads since its dry
            run).
    """
    stored = get_reader(reader_id=reader_id)
    run = trial_of(stored) if stored else None
    activate_version(actor=actor, reader_id=reader_id, current=run.current if run else "", now=now)


def _with_portion(
    run: DryRun,
    ids: Sequence[UUID],
    readers: tuple[TextReader, TextReader],
    *,
    actor: Actor,
    now: datetime,
) -> DryRun:
    records = harmonised.get_records(actor=actor, report_ids=ids)
    analyses = analysed.get_analyses(actor=actor, report_ids=list(records))
    told = [
        record
        for report_id, record in records.items()
        if report_id in analyses and (record.description or record.conversation)
    ]
    kin = list(kin_facts(actor=actor, report_ids=[record.report_id for record in told]).values())
    rules = current_rules()
    before, after = (
        prioritise(
            told, [_read_by(reader, r, analyses[r.report_id]) for r in told], kin, rules, now
        )
        for reader in readers
    )
    found = run_of(before, after, versions=(run.current, run.candidate))
    changes = sorted((*run.changes, *found.changes), key=lambda c: -abs(c.after - c.before))
    return structs.replace(add_runs(run, found), changes=tuple(changes[:_KEPT_CHANGES]))


def _read_by(reader: TextReader, record: HarmonisedReport, analysis: Analysis) -> Analysis:
    """Return an analysis with the findings of `reader` instead of those of the text reader that made it."""
    rest = [finding for finding in analysis.findings if not is_read(finding)]
    found = reader.findings(record, received_at=instant_of(record.report_id))
    return structs.replace(analysis, findings=(*rest, *found))
