"""Jobs of the public log of measures: written and cosigned each minute; notices about what waits."""

import logging

from procrastinate.contrib.django import app

from fanal.connectors import witness
from fanal.kernel import clock
from fanal.measures.blocking.publication.gate import tell_late
from fanal.measures.transparency.cosigned import WitnessSilent
from fanal.measures.transparency.tiles import LogRefused

LOG_QUEUE = "public_log"
"""A queue of its own: a witness that hangs occupies no slot of another job."""
log = logging.getLogger("fanal.worker")


@app.periodic(cron="* * * * *")
@app.task(queue=LOG_QUEUE, queueing_lock="publish_log", lock="publish_log")
def publish_log(timestamp: int) -> None:
    """Bring the transparency log of measures up to date and have the witnesses cosign its checkpoint.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    try:
        witness.publish_log()
    except (LogRefused, OSError) as error:
        log.error("the public log of measures is not published: %s", error)
    except WitnessSilent as error:
        log.warning("the public log of measures is not cosigned: %s", error)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="watch_gate", lock="watch_gate")
def watch_gate(timestamp: int) -> None:
    """Tell people once a day that names wait for too long for a cosignature.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    tell_late(now=clock.now())
