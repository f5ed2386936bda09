"""Doubts: events that put official acts in question, such as a report reopened or an end recommended.

`config.wiring` calls `install` to declare which kinds of act are concerned: casework names none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db import transaction

from fanal.kernel.actors import Actor
from fanal.orient.operations.decisions import reopen_case


class Doubting(Protocol):
    """A function that records a doubt on the official acts of one kind, in the transaction of its cause.

    Its arguments are those of `raise_doubts`.
    """

    def __call__(
        self,
        *,
        actor: Actor,
        report_id: UUID,
        act_id: UUID | None,
        cause: str,
        proof: str,
        now: datetime,
    ) -> None:
        """Record the doubt `cause` on the acts on a report; with `act_id`, only on those concerned.

        They are that act itself and the acts that rest on it.
        """
        ...


_installed: list[Doubting] = []


def install(doubting: Sequence[Doubting]) -> None:
    """Set the functions that record doubts on official acts in this process, in place of earlier ones."""
    _installed[:] = doubting


def raise_doubts(
    *,
    actor: Actor,
    report_id: UUID,
    cause: str,
    now: datetime,
    act_id: UUID | None = None,
    proof: str = "",
) -> None:
    """Record a doubt on the official acts on a report, in the transaction of its cause.

    With `act_id`, only that act and the acts that rest on it are concerned. `cause` is the code of the event
    that puts them in question, such as a reopened report. `proof` describes its proof; a cause that ends such
    acts (ANNULLED) requires it.

    Raises:
        Refused: the actor may not cause such doubts at the acts' desk.
    """
    for record in _installed:
        record(actor=actor, report_id=report_id, act_id=act_id, cause=cause, proof=proof, now=now)


def reopen_report(*, actor: Actor, report_id: UUID, now: datetime) -> None:
    """Return a decided report to the queue, and record a doubt on the official acts that follow from it.

    Raises:
        TransitionRefused: its case is in another state.
        Refusal: ERASED: the report is erased.
        Refused: the actor may not decide at that desk.
        Case.DoesNotExist: the report has no case.
    """
    with transaction.atomic():
        reopen_case(actor=actor, report_id=report_id, now=now)
        raise_doubts(actor=actor, report_id=report_id, cause="REOPENED", now=now)
