"""Other desks: recipients of packages, with their age keys, and senders, with their signing keys.

A recipient is the desk of another country or region. Signing keys, of packages and acknowledgements, are
registered, rotated and revoked.
"""

import re
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.deconfliction import queries as deconfliction
from fanal.distribution.domain.package import check_key
from fanal.distribution.domain.proof import AHEAD, KEY, fingerprint
from fanal.distribution.domain.routing import shipped_routing
from fanal.distribution.models import Recipient, SenderKey
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
        Refusal: CODE (malformed), NAME (empty, over 200 characters or unprintable), COUNTRY (not a country
            code, or a territory of the home country), REGION (unknown, missing, or given for another
            country), KEY (an invalid field); TAKEN, the code exists or the place has a desk.
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
    with sql.unique(Refusal("recipient", "TAKEN")):
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


_FIGURES = re.compile(r"[^0-9]+")


def add_sender(*, actor: Actor, code: str, key: bytes, told: str, now: datetime) -> UUID:
    """Register the first signing key of the desk `code` and return its id; earlier signatures count too.

    `key` is a raw Ed25519 public key. If the desk is also a recipient, it has the same code there. `told` is
    the fingerprint that its people read out by telephone.

    Raises:
        Refusal: CODE or KEY, malformed; OWN_KEY, it is this desk's; FINGERPRINT, `told` is not that of the
            key; TAKEN, the desk has a key in force, or the key is registered already.
        Refused: the actor may not manage senders.
    """
    require(actor, "distribution.keep")
    if not CODE.fullmatch(code):
        raise Refusal("sender", "CODE")
    _check(key, told)
    with sql.unique(Refusal("sender", "TAKEN")):
        return _store(actor, code, key, since=None, now=now)


def rotate_sender(
    *, actor: Actor, code: str, key: bytes, told: str, since: datetime, now: datetime
) -> UUID:
    """Replace the signing key of the desk `code` from `since` on, and return the id of the new key.

    `told` is the new key's fingerprint, read out by its people. Signatures dated before `since` are still
    verified with the previous key.

    Raises:
        Refusal: KEY, OWN_KEY, FINGERPRINT as `add_sender`; TAKEN, the key is registered already;
            NOT_FOUND, no key of that desk is in force; SINCE, in the future, or not after the start of the
            previous key.
        Refused: the actor may not manage senders.
    """
    require(actor, "distribution.keep")
    _check(key, told)
    with sql.unique(Refusal("sender", "TAKEN")):
        before = _in_force(code)
        if since > now + AHEAD or (before.since is not None and since <= before.since):
            raise Refusal("sender", "SINCE")
        SenderKey.objects.filter(id=before.id).update(until=since)
        _log_key(actor, before.id, code, "UNTIL", now)
        return _store(actor, code, key, since=since, now=now)


def revoke_sender(*, actor: Actor, code: str, told: str, now: datetime) -> None:
    """Revoke the key of the desk `code` with the fingerprint `told`: its signatures of any date are refused.

    Raises:
        Refusal: NOT_FOUND, that desk has no such key, or it is already revoked.
        Refused: the actor may not manage senders.
    """
    require(actor, "distribution.keep")
    with transaction.atomic():
        known = SenderKey.objects.select_for_update().filter(code=code, revoked_at=None)
        for row in known.order_by("id"):
            if _says(told, bytes(row.public_key)):
                SenderKey.objects.filter(id=row.id).update(revoked_at=now)
                _log_key(actor, row.id, code, "REVOKED", now)
                return
    raise Refusal("sender", "NOT_FOUND")


def _in_force(code: str) -> SenderKey:
    rows = SenderKey.objects.select_for_update().filter(code=code, until=None, revoked_at=None)
    row = rows.first()
    if row is None:
        raise Refusal("sender", "NOT_FOUND")
    return row


def _check(key: bytes, told: str) -> None:
    if len(key) != KEY:
        raise Refusal("sender", "KEY")
    if key in {own for own, _since in deconfliction.own_keys()}:
        raise Refusal("sender", "OWN_KEY")
    if not _says(told, key):
        raise Refusal("sender", "FINGERPRINT")


def _says(told: str, key: bytes) -> bool:
    """Return whether `told`, a fingerprint typed by a person, is that of `key`; spaces are ignored."""
    return _FIGURES.sub("", told) == fingerprint(key).replace(" ", "")


def _store(actor: Actor, code: str, key: bytes, *, since: datetime | None, now: datetime) -> UUID:
    made = SenderKey.objects.create(
        id=new_id(now),
        code=code,
        public_key=key,
        since=since,
        added_by=actor.person_id,
        added_at=now,
    )
    _log_key(actor, made.id, code, "ADDED", now)
    return made.id


def _log_key(actor: Actor, key_id: UUID, code: str, change: str, now: datetime) -> None:
    ledger.record(
        actor=actor,
        action="sender.change",
        at=now,
        objects=[ObjectRef(kind="sender_key", id=key_id)],
        detail={"sender": code, "change": change},
    )
