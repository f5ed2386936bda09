"""How the job that applies rules to the past is told that there is something to do."""

from typing import Final

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

RULES_JOB: Final = "apply_rules"
"""The job of the schedule that carries dry runs and new rankings on."""


def wake() -> None:
    """Queue the job unless it waits already; the schedule queues it each minute in any case."""
    try:
        with transaction.atomic():
            app.configure_task(RULES_JOB, queueing_lock=RULES_JOB, lock=RULES_JOB).defer(
                timestamp=0
            )
    except AlreadyEnqueued:
        return
