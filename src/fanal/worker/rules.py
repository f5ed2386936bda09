"""Priority rules at work on the past: dry runs over everything stored, new rankings of what waits.

A job does portions for some seconds and queues itself again: a stop waits for one portion at most, a kill
costs no more. The schedule looks each minute for what nobody carries on.
"""

from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app

from fanal import pipeline
from fanal.analyse import operations as analyse, queries as analysed
from fanal.analyse.operations import RULES_JOB
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.orient import queries as oriented

_SECONDS = 4.0
_AT_ONCE = 1_000


@app.periodic(cron="* * * * *")
@app.task(name=RULES_JOB, queueing_lock=RULES_JOB, lock=RULES_JOB)
def apply_rules(timestamp: int) -> None:
    """Carry the new ranking on first, since the queue shows it, then the dry runs, oldest first."""
    del timestamp
    if carry_on(seconds=_SECONDS):
        analyse.wake()


@app.periodic(cron="7 1 * * *")
@app.task(queueing_lock="follow_clocks", lock="follow_clocks")
def follow_clocks(timestamp: int) -> None:
    """Rank anew what waits and for whose address the time to ask has come nearer, or is over."""
    del timestamp
    reached: UUID | None = UUID(int=0)
    while reached is not None:
        reached = rank_by_clock(after=reached, now=clock.now())


def rank_by_clock(*, after: UUID, now: datetime) -> UUID | None:
    """Rank anew, of a portion of the reports above one, those whose clock passed a bound of the rules.

    A bound counts that lies between a report's last ranking and `now`: a night without a worker is made up
    for, and nothing is ranked twice. Returns the last report looked at, None at the end.
    """
    actor = system_actor("clocks of addresses")
    bounds = analysed.current_rules().days_left()
    if not bounds:
        return None
    with transaction.atomic():
        clocks = oriented.asked_until(
            actor=actor, after=after, until=now + timedelta(max(bounds)), limit=_AT_ONCE
        )
        if not clocks:
            return None
        ranked = analysed.ranked_at(report_ids=[report_id for report_id, _ in clocks])
        passed = [
            report_id
            for report_id, until in clocks
            if any(ranked[report_id] <= until - timedelta(days) < now for days in bounds)
        ]
        pipeline.rank_anew(actor=actor, report_ids=passed, now=now)
    return clocks[-1][0]


def carry_on(*, seconds: float) -> bool:
    """Do portions until there is nothing more to do or the time is over; return whether something is left."""
    until = monotonic() + seconds
    while pipeline.continue_rerank(now=clock.now()):
        if monotonic() > until:
            return True
    for trial in analysed.open_trials():
        while pipeline.continue_trial(trial_id=trial.id, now=clock.now()):
            if monotonic() > until:
                return True
    return False
