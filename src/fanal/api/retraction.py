"""Retraction of a report by its sender: it and its row in the desk's queue close in one transaction.

`identity` is the authenticated partner.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.records import PartnerIdentity
from fanal.intake.operations.lifecycle import retract_report
from fanal.orient import queries as oriented
from fanal.orient.queue.operations import withdraw_case


class AlreadyDecided(Exception):
    """The desk has already decided on the report, which can no longer be retracted."""


def retract(*, identity: PartnerIdentity, report_id: UUID, urgent: bool, now: datetime) -> None:
    """Retract a report of the calling partner, before any decision of the desk.

    An urgent report stays open in the desk's queue: an analyst reads it all the same.

    Raises:
        AlreadyDecided: the desk has already decided.
        TransitionRefused: the report was already retracted, or has expired.
        Refused: the report is not the caller's own.
    """
    with transaction.atomic():
        # The report first: either its queued jobs are cancelled, or the case that the worker made is visible.
        retract_report(actor=identity.actor, report_id=report_id, now=now)
        if oriented.is_decided(actor=identity.actor, report_id=report_id):
            raise AlreadyDecided
        if not urgent:
            withdraw_case(actor=identity.actor, report_id=report_id, now=now)
