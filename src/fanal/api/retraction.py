"""A sender takes a report back: the desk's case and the report close together, or neither does."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.records import PartnerIdentity
from fanal.intake import operations as intake
from fanal.orient import operations as orient, queries as oriented


class AlreadyDecided(Exception):
    """The desk has decided: the report can no longer be retracted."""


def retract(*, identity: PartnerIdentity, report_id: UUID, urgent: bool, now: datetime) -> None:
    """Retract a report of the partner's own before a decision.

    An urgent one keeps its place at the desk: a person looks at it all the same.

    Raises:
        AlreadyDecided: the desk was faster.
        TransitionRefused: already retracted or expired.
    """
    with transaction.atomic():
        # The report first: its waiting work is taken from the worker, or the worker's case is seen.
        intake.retract_report(actor=identity.actor, report_id=report_id, now=now)
        if oriented.is_decided(actor=identity.actor, report_id=report_id):
            raise AlreadyDecided
        if not urgent:
            orient.withdraw_case(actor=identity.actor, report_id=report_id, now=now)
