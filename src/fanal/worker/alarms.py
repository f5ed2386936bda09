"""A child in danger: the duty people are called within ten seconds, and again two minutes later."""

from datetime import datetime

from django.db import transaction

from fanal.kernel.actors import system_actor
from fanal.orient import operations as orient
from fanal.worker.sends import call_duty


def run_alarms(*, now: datetime) -> int:
    """Escalate what nobody acknowledged and queue the calls that are due; return how many."""
    actor = system_actor("alarm")
    orient.escalate_alarms(actor=actor, now=now)
    with transaction.atomic():
        alarms = orient.take_calls(actor=actor, now=now)
        for alarm in alarms:
            call_duty.defer(
                alarm_id=str(alarm.id),
                report_id=str(alarm.report_id),
                escalated=alarm.escalated_at is not None,
            )
    return len(alarms)
