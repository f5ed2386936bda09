"""Priority rules at work on the past: dry runs over everything stored, new rankings of what waits.

A job does portions for some seconds and queues itself again: a stop waits for one portion at most, a kill
costs no more. The schedule looks each minute for what nobody carries on.
"""

from time import monotonic
from uuid import UUID

from procrastinate.contrib.django import app

from fanal import pipeline, trials
from fanal.analyse import operations as analyse, queries as analysed
from fanal.analyse.operations import RULES_JOB
from fanal.kernel import clock

_SECONDS = 4.0


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
        reached = pipeline.rank_by_clock(after=reached, now=clock.now())


def carry_on(*, seconds: float) -> bool:
    """Do portions until there is nothing more to do or the time is over; return whether something is left."""
    until = monotonic() + seconds
    while pipeline.continue_rerank(now=clock.now()):
        if monotonic() > until:
            return True
    for trial in analysed.open_trials():
        while trials.continue_trial(trial_id=trial.id, now=clock.now()):
            if monotonic() > until:
                return True
    return False
