"""Dry runs of candidate priority rules on stored reports: every difference is recorded, nothing changes.

    rule set (draft) + stored reports, findings, related reports ─► scores under both sets ─► changes

`try_rules` answers immediately for the newest reports. A trial covers all stored reports, portion by portion,
in the worker. `facts_after` exports the inputs of the rules, without text, for trials elsewhere.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.analyse import queries as analysed
from fanal.analyse.priority.domain.facts import facts_of
from fanal.analyse.priority.domain.scoring import DryRun
from fanal.analyse.priority.operations import dry_run_ruleset, finish_trial, hold_trial, try_portion
from fanal.analyse.priority.queries import analysed_between
from fanal.crosscheck.links.queries import kin_facts
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import lowest_id

TRIED_AT_ONCE = 500
"""Reports in one portion of a trial, one transaction each."""


def try_rules(*, actor: Actor, ruleset_id: UUID, limit: int, now: datetime) -> DryRun:
    """Run a candidate rule set on the `limit` newest reports visible to the actor, without changing them.

    Raises:
        Refused, Refusal: as `analyse.dry_run_ruleset`.
    """
    ids = analysed.newest_analysed(limit=limit)
    kin = kin_facts(actor=actor, report_ids=ids)
    return dry_run_ruleset(
        actor=actor, ruleset_id=ruleset_id, report_ids=ids, kin=list(kin.values()), now=now
    )


def facts_after(
    *, actor: Actor, after: UUID, limit: int, now: datetime
) -> list[tuple[UUID, dict[str, float]]]:
    """Return the facts (inputs of the priority rules) of at most `limit` reports after an id, oldest first.

    Facts are numbers, by the names in `analyse.priority.domain.facts.FACTS`: no name, address or text. Ages
    refer to `now`. Reports invisible to the actor are left out; an empty list marks the end.
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
    """Compare the next portion of stored reports under a candidate rule set; return whether there was one.

    Every report is compared once, in id order, under both rule sets as of the trial's start. When none is
    left, the trial is closed. False also if another worker holds the trial.
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
