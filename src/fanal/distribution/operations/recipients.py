"""Recipients of packages: the desks of other countries and regions, each with its age public key."""

import re
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from fanal.accounts.domain.policy import require
from fanal.distribution.domain.package import check_key
from fanal.distribution.domain.routing import shipped_routing
from fanal.distribution.models import Recipient
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,39}")
"""Format of the codes of desks, here and in packages."""
_COUNTRY = re.compile(r"[A-Z]{2}")


def add_recipient(
    *, actor: Actor, code: str, name: str, place: tuple[str, str], key: str, now: datetime
) -> UUID:
    """Register the desk of `place` (country, region or "") with its age public key `key`; return its id.

    A key never changes: close the recipient and register a new one under another code.

    Raises:
        Refusal: CODE, NAME, COUNTRY, REGION, KEY (an invalid field); TAKEN, the code exists or the place has
            a desk.
        Refused: the actor may not manage recipients.
    """
    require(actor, "distribution.keep")
    country, region = place
    rules = shipped_routing()
    if not CODE.fullmatch(code):
        raise Refusal("recipient", "CODE")
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise Refusal("recipient", "NAME")
    if not _COUNTRY.fullmatch(country) or (rules.is_home(country) and country != rules.home):
        raise Refusal("recipient", "COUNTRY")
    if (country == rules.home) != bool(region) or (region and region not in rules.regions):
        raise Refusal("recipient", "REGION")
    try:
        checked = check_key(key)
    except Refusal:
        raise Refusal("recipient", "KEY") from None
    try:
        with transaction.atomic():
            made = Recipient.objects.create(
                id=new_id(now),
                code=code,
                name=name.strip(),
                country=country,
                region=region,
                age_key=checked,
                added_by=actor.person_id,
                added_at=now,
            )
            _log(actor, made, now, opened=1)
    except IntegrityError:
        raise Refusal("recipient", "TAKEN") from None
    return made.id


def close_recipient(*, actor: Actor, code: str, now: datetime) -> None:
    """Close a recipient (another desk): it receives no more packages.

    Raises:
        Refusal: NOT_FOUND, no open recipient has that code.
        Refused: the actor may not manage recipients.
    """
    require(actor, "distribution.keep")
    with transaction.atomic():
        row = Recipient.objects.select_for_update().filter(code=code, closed_at=None).first()
        if row is None:
            raise Refusal("recipient", "NOT_FOUND")
        Recipient.objects.filter(id=row.id).update(closed_at=now)
        _log(actor, row, now, opened=0)


def _log(actor: Actor, row: Recipient, now: datetime, *, opened: int) -> None:
    ledger.record(
        actor=actor,
        action="recipient.change",
        at=now,
        objects=[ObjectRef(kind="recipient", id=row.id)],
        detail={"open": opened},
    )
