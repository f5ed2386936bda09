"""Queries on the duty rosters: lines, shifts, gaps, and people on duty without a mail address."""

from datetime import datetime
from uuid import UUID

from fanal.accounts.domain.duty import DutyLine, RosterState, Shift, shifts, state_of_roster
from fanal.accounts.domain.policy import Resource, reach, require, roles_at_desk
from fanal.accounts.duty_rows import LINES, asked, lines_of
from fanal.accounts.models import Desk, User
from fanal.accounts.queries.desks import desk_name
from fanal.accounts.queries.people import in_force
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.texts import alphabetical


def roster_lines(*, now: datetime, desk_id: int | None = None) -> list[DutyLine]:
    """Return the lines in force of the roster of a desk, or of every open desk if `desk_id` is None.

    No right is checked. The lines are in order of desk, rank, kind, first day and start; a closed desk has
    none. A person whose account or role at the desk has ended by `now` has the address "".
    """
    return lines_of(sql.rows(LINES, asked(now=now, desk_id=desk_id)))


def list_duty(*, actor: Actor, desk_id: int, now: datetime) -> list[DutyLine]:
    """Return the lines in force of a desk's roster, in the order in which people are called.

    Somebody whose account or role at the desk has ended by `now` has no address.

    Raises:
        Refused: the actor may not see the roster of this desk.
    """
    require(actor, "duty.read", Resource(desk_id=desk_id))
    return roster_lines(now=now, desk_id=desk_id)


def desks_with_roster(*, actor: Actor) -> dict[int, str]:
    """Return the names of the open desks whose roster the actor may see, by number."""
    bounds = reach(actor, "duty.read")
    found = Desk.objects.filter(closed_at__isnull=True).order_by("id")
    if not bounds.everywhere:
        found = found.filter(id__in=bounds.desk_ids)
    return {desk.id: desk_name(desk.name, desk.name_en) for desk in found}


def people_for_duty(*, actor: Actor, desk_id: int, now: datetime) -> list[tuple[UUID, str, bool]]:
    """Return the people who can be put on a desk's roster, as (person id, name, reachable), by name.

    They have a role in force at the desk that may acknowledge alarms; a role that awaits approval does not
    count. `reachable` is true for an open account with a mail address.

    Raises:
        Refused: the actor may not see the roster of this desk.
    """
    require(actor, "duty.read", Resource(desk_id=desk_id))
    roles = roles_at_desk("alarm.acknowledge")
    held = in_force(now).filter(desk_id=desk_id, role__in=roles)
    names = dict(held.values_list("person_id", "person__name"))
    users = User.objects.filter(person_id__in=names, is_active=True).exclude(email="")
    reached = set(users.values_list("person_id", flat=True))
    order = sorted(names.items(), key=lambda one: alphabetical(one[1]))
    return [(person_id, name, person_id in reached) for person_id, name in order]


def rosters(*, now: datetime) -> list[RosterState]:
    """Return the states of the rosters of all open desks. No right is checked.

    The results are in order of the desks' numbers.
    """
    lines = roster_lines(now=now)
    return [
        state_of_roster(lines, desk_id=desk.id, desk=desk_name(desk.name, desk.name_en), now=now)
        for desk in Desk.objects.filter(closed_at__isnull=True).order_by("id")
    ]


def shifts_by_desk(*, since: datetime, until: datetime, now: datetime) -> dict[int, list[Shift]]:
    """Return the shifts of every open desk from `since` until `until`, by the desk's number.

    No right is checked. Mail addresses are those in use at `now`. A desk without lines has no key; the shifts
    of a desk are in the order of `domain.duty.shifts`.
    """
    by_desk: dict[int, list[DutyLine]] = {}
    for line in roster_lines(now=now):
        by_desk.setdefault(line.desk_id, []).append(line)
    return {desk: shifts(lines, since=since, until=until) for desk, lines in by_desk.items()}
