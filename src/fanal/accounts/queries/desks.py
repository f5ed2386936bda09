"""Queries on desks: list, names in the language of the page, and the people with a role at a desk."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils.translation import get_language

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.records import DeskPerson, DeskRecord
from fanal.accounts.models import Desk, Habilitation, User
from fanal.kernel.actors import Actor, Role
from fanal.kernel.texts import alphabetical


def desk_name(name: str, name_en: str) -> str:
    """Return the name of a desk in the language of the page; the French one without an English one."""
    return name_en if name_en and (get_language() or "").startswith("en") else name


def desk_names(*, desk_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of desks by number, in the language of the page; unknown numbers have no key."""
    rows = Desk.objects.filter(id__in=set(desk_ids)).values_list("id", "name", "name_en")
    return {desk_id: desk_name(name, name_en) for desk_id, name, name_en in rows}


def list_desks(*, actor: Actor) -> list[DeskRecord]:
    """Return every desk in order of its number, closed ones too.

    Raises:
        Refused: the actor may not manage desks.
    """
    require(actor, "desk.manage")
    return [desk.record() for desk in Desk.objects.order_by("id")]


def get_desk(*, actor: Actor, desk_id: int) -> DeskRecord:
    """Return a desk by its number.

    Raises:
        Refused: the actor may not manage desks.
        Desk.DoesNotExist: no desk with this number.
    """
    require(actor, "desk.manage")
    return Desk.objects.get(id=desk_id).record()


def people_at_desks(*, actor: Actor, now: datetime) -> dict[int, list[DeskPerson]]:
    """Return by desk number the people with a role there in force, to come or awaiting approval, by name.

    Desks without anybody have no key.

    Raises:
        Refused: the actor may not manage desks.
    """
    require(actor, "desk.manage")
    revoked = Q(revocation__isnull=False, revocation__revoked_at__lte=now)
    rows = (
        Habilitation.objects.filter(desk__isnull=False, valid_until__gt=now)
        .exclude(revoked)
        .values_list("desk_id", "person_id", "person__name", "role")
        .distinct()
    )
    roles: dict[tuple[int, UUID, str], list[Role]] = {}
    for desk_id, person_id, name, role in rows:
        roles.setdefault((desk_id, person_id, name), []).append(Role(role))
    people = {person_id for _, person_id, _ in roles}
    active = set(
        User.objects.filter(person_id__in=people, is_active=True).values_list(
            "person_id", flat=True
        )
    )
    found: dict[int, list[DeskPerson]] = {}
    for desk_id, person_id, name in sorted(roles, key=lambda one: alphabetical(one[2])):
        held = tuple(sorted(roles[desk_id, person_id, name]))
        person = DeskPerson(person_id=person_id, name=name, roles=held, active=person_id in active)
        found.setdefault(desk_id, []).append(person)
    return found
