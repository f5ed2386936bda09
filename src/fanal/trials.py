"""Candidate rules tried on the past: nothing moves, every difference is kept.

    rule set (draft) + stored reports, findings, kin ─► scores under both sets ─► what would move

`try_rules` answers at once for the newest reports; a trial goes over all the past, portion by portion, in
the worker; `facts_after` gives what rules look at, without words, to whoever tries them elsewhere.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.analyse import operations as analyse, queries as analysed
from fanal.analyse.domain.facts import facts_of
from fanal.analyse.domain.priority import DryRun
from fanal.crosscheck import queries as crosschecked
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import lowest_id

TRIED_AT_ONCE = 500
"""Reports of one portion of a trial: one transaction each."""


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
