"""A child in danger: the duty people are called within ten seconds, and again two minutes later."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.intake import queries as intake
from fanal.kernel.actors import system_actor
from fanal.orient import operations as orient
from fanal.worker.sends import call_duty


class Alarms:
    """Raises, escalates and calls. An alarm waits for no stage: one that fails silences nothing."""

    def __init__(self) -> None:
        self._actor = system_actor("alarm")
        self._raised: frozenset[UUID] = frozenset()

    def run(self, *, now: datetime) -> int:
        """Raise what arrived, escalate what nobody acknowledged, queue the calls due; return how many."""
        self._raise(now)
        orient.escalate_alarms(actor=self._actor, now=now)
        with transaction.atomic():
            alarms = orient.take_calls(actor=self._actor, now=now)
            for alarm in alarms:
                call_duty.defer(
                    alarm_id=str(alarm.id),
                    report_id=str(alarm.report_id),
                    escalated=alarm.escalated_at is not None,
                )
        return len(alarms)

    def _raise(self, now: datetime) -> None:
        waiting = intake.list_urgent_work(actor=self._actor)
        for report_id, desk_id in waiting:
            if report_id not in self._raised:
                orient.raise_alarm(actor=self._actor, report_id=report_id, desk_id=desk_id, now=now)
        self._raised = frozenset(report_id for report_id, _ in waiting)
