"""Closing of a desk, and the count of the work that must be finished before it.

Pages and commands call these functions. The work is counted in every package: people, reports that arrive or
are to be assessed, alarms, dossiers, official acts, legal holds, reporters who can still write.
"""

from datetime import datetime

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.records import DeskWork
from fanal.accounts.operations import desks as accounts
from fanal.accounts.queries.desks import people_at_desks
from fanal.accounts.row_scope import across_desks
from fanal.casework import queries as casework
from fanal.crosscheck.dossiers.queries import count_open
from fanal.intake.queries.work import count_kept
from fanal.kernel.actors import Actor
from fanal.lifecycles import LIFECYCLES
from fanal.orient.queries import count_unsettled


def desk_left(*, actor: Actor, desk_id: int, now: datetime) -> dict[DeskWork, int]:
    """Return the number of unfinished items at a desk, by kind (`DeskWork`); kinds without any are 0.

    Raises:
        Refused: the actor may not manage desks.
    """
    require(actor, "desk.manage")
    with across_desks():
        people = people_at_desks(actor=actor, now=now).get(desk_id, [])
        kept = count_kept(desk_id=desk_id)
        cases, alarms = count_unsettled(desk_id=desk_id)
        return {
            DeskWork.ALARMS: alarms,
            DeskWork.ARRIVING: kept.arriving,
            DeskWork.REPORTS: cases,
            DeskWork.DOSSIERS: count_open(desk_id=desk_id),
            DeskWork.ACTS: casework.count_open(desk_id=desk_id, lifecycles=LIFECYCLES),
            DeskWork.HOLDS: kept.held,
            DeskWork.REPORTERS: kept.reachable,
            DeskWork.PEOPLE: sum(one.active for one in people),
        }


def close_desk(*, actor: Actor, desk_id: int, now: datetime) -> None:
    """Close a desk at which nothing is left.

    Raises:
        Refused: the actor may not manage desks.
        Desk.DoesNotExist: no desk with this number.
        Refusal: FIRST: it is the desk of the public form. CLOSED: it is closed. LEFT: something is left.
    """
    accounts.close_desk(
        actor=actor,
        desk_id=desk_id,
        left=lambda: desk_left(actor=actor, desk_id=desk_id, now=now),
        now=now,
    )
