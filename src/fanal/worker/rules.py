"""Priority rules applied to stored reports: dry runs over all of them, new ranking of waiting reports.

A job works on portions of reports for a few seconds and queues itself again, so that a stop waits for one
portion at most and a kill loses no more. The schedule checks every minute for unfinished work.
"""

from time import monotonic
from uuid import UUID

from procrastinate.contrib.django import app

from fanal import pipeline, trials
from fanal.analyse.priority.operations import RULES_JOB, wake
from fanal.analyse.priority.queries import open_trials
from fanal.kernel import clock

_SECONDS = 4.0


@app.periodic(cron="* * * * *")
@app.task(name=RULES_JOB, queueing_lock=RULES_JOB, lock=RULES_JOB)
def apply_rules(timestamp: int) -> None:
    """Continue the new ranking of waiting reports by changed priority rules, then dry runs of proposed ones.

    The ranking comes first because the queue shows it; dry runs are continued oldest first. `timestamp`: the
    time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    if carry_on(seconds=_SECONDS):
        wake()


@app.periodic(cron="7 1 * * *")
@app.task(queueing_lock="follow_clocks", lock="follow_clocks")
def follow_clocks(timestamp: int) -> None:
    """Rank again the waiting reports whose subscriber-data retention window passed a threshold of the rules.

    A threshold of a priority rule is a number of days left before the end of the window. `timestamp`: the
    time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    reached: UUID | None = UUID(int=0)
    while reached is not None:
        reached = pipeline.rank_by_clock(after=reached, now=clock.now())


def carry_on(*, seconds: float) -> bool:
    """Rank portions of waiting reports by new priority rules, then continue dry runs of proposed ones.

    It takes `seconds`, and finishes the portion begun last. Return whether work remains.
    """
    until = monotonic() + seconds
    while pipeline.continue_rerank(now=clock.now()):
        if monotonic() > until:
            return True
    for trial in open_trials():
        while trials.continue_trial(trial_id=trial.id, now=clock.now()):
            if monotonic() > until:
                return True
    return False
