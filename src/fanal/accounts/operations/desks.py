"""Desks: the units that reports, dossiers and measures belong to."""

import re
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from fanal.accounts.domain.policy import require
from fanal.accounts.models import Desk
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,39}")
_LONGEST = 200


class DeskRefused(ValueError):
    """A code, name or contact of a desk has no usable form, or the code is another desk's."""


def add_desk(*, actor: Actor, code: str, name: str, contact: str, now: datetime) -> int:
    """Create a desk and return its number.

    Raises:
        Refused: the actor may not manage accounts.
        DeskRefused: a text has no usable form, or the code is another desk's.
    """
    require(actor, "account.manage")
    if not _CODE.fullmatch(code):
        raise DeskRefused("code")
    _check(name=name, contact=contact)
    with transaction.atomic():
        ledger.record(actor=actor, action="desk.change", at=now, detail={"code": code})
        if Desk.objects.filter(code=code).exists():
            raise DeskRefused("code")
        number = (Desk.objects.aggregate(last=Max("id"))["last"] or 0) + 1
        Desk.objects.create(id=number, code=code, name=name, contact=contact)
    return number


def edit_desk(
    *, actor: Actor, desk_id: int, name: str | None, contact: str | None, now: datetime
) -> None:
    """Change the name or the contact of a desk; its number and code stay.

    Raises:
        Refused: the actor may not manage accounts.
        Desk.DoesNotExist: there is none of this number.
        DeskRefused: a text has no usable form.
    """
    require(actor, "account.manage")
    with transaction.atomic():
        desk = Desk.objects.select_for_update().get(id=desk_id)
        desk.name = desk.name if name is None else name
        desk.contact = desk.contact if contact is None else contact
        _check(name=desk.name, contact=desk.contact)
        desk.save(update_fields=["name", "contact"])
        ledger.record(actor=actor, action="desk.change", at=now, detail={"code": desk.code})


def _check(*, name: str, contact: str) -> None:
    if not (0 < len(name) <= _LONGEST and name.isprintable()):
        raise DeskRefused("name")
    if len(contact) > _LONGEST or not contact.isprintable():
        raise DeskRefused("contact")
