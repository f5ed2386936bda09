"""Acknowledgements of recipients, proved by the package's token and, if a key is known, by a signature."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from fanal.accounts.domain.policy import require
from fanal.deconfliction import queries as identities
from fanal.distribution import queries
from fanal.distribution.domain import proof
from fanal.distribution.domain.package import PackageAcknowledgement, answers
from fanal.distribution.domain.states import ITEM_STATES, ItemState
from fanal.distribution.models import Item, Package
from fanal.distribution.operations.sending import note_package
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.orient.operations.decisions import hand_over


def acknowledge(
    *, actor: Actor, answer: PackageAcknowledgement, now: datetime, unproven: bool = False
) -> int:
    """Record a recipient's acknowledgement (`answer`) of a package; return the number of its reports.

    The result is 0 if it was already recorded. The queue row of a report is handed over (`orient.hand_over`)
    once every destination has acknowledged it and this desk has no share of it. Once a key of the recipient
    is registered (`add_sender`), its acknowledgements must be signed; `unproven` accepts an unsigned one,
    proved by the token alone.

    Raises:
        Refusal: NOT_FOUND, no such package; WRONG_TOKEN, the package was not decrypted; UNSIGNED; UNKNOWN,
            signed by a key of no or another desk; SIGNATURE; SENDER, it names a signing key that is not ours;
            REVOKED, INSTANT, FUTURE, the key was not valid at the date of the acknowledgement.
        Refused: the actor may not send packages.
    """
    require(actor, "distribution.send")
    with transaction.atomic():
        package = Package.objects.select_for_update().filter(id=answer.package).first()
        if package is None:
            raise Refusal("acknowledgement", "NOT_FOUND")
        if not answers(answer, bytes(package.token_digest)):
            raise Refusal("acknowledgement", "WRONG_TOKEN")
        signed = not unproven and _is_signed(answer, package.recipient.code, now)
        if package.acknowledged_at is not None:
            return 0
        Package.objects.filter(id=package.id).update(acknowledged_at=now)
        items = Item.objects.filter(package_id=package.id, state=ItemState.SENT)
        ids = list(items.values_list("report_id", flat=True))
        items.update(state=ITEM_STATES.apply(ItemState.SENT, "acknowledge"))
        ledger.record_batch(
            actor=actor,
            action="transfer.acknowledge",
            at=now,
            kind="report",
            items=[(report_id, package.id.bytes) for report_id in ids],
            detail={"package": str(package.id)},
        )
        note_package(
            actor, "transfer.acknowledge", package.id, count=len(ids), now=now, signed=int(signed)
        )
        theirs = _theirs_alone(ids)
        hand_over(actor=actor, report_ids=theirs, package_id=package.id, now=now)
    return len(ids)


def _is_signed(answer: PackageAcknowledgement, code: str, now: datetime) -> bool:
    """Verify the signature of an acknowledgement by the desk `code`; return False if no key is known for it.

    Without a known key, an acknowledgement needs no signature. A key counts if it was ever registered here,
    even if revoked.

    Raises:
        Refusal: UNSIGNED; UNKNOWN, signed by another desk's or no known key; SIGNATURE; SENDER, it names a
            signing key that is not ours; REVOKED, INSTANT, FUTURE, the key was not valid at its date.
    """
    if not queries.has_key(code=code):
        return False
    if not answer.signature:
        raise Refusal("acknowledgement", "UNSIGNED")
    try:
        key, signature = bytes.fromhex(answer.key), bytes.fromhex(answer.signature)
    except ValueError:
        raise Refusal("acknowledgement", "SIGNATURE") from None
    known = queries.find_key(public_key=key)
    if known is None or known.code != code:
        raise Refusal("acknowledgement", "UNKNOWN")
    try:
        proof.check_answer(answer.statement, key=key, signature=signature)
        proof.check_instant(known, answer.opened_at, now=now)
    except Refusal as refused:
        raise Refusal("acknowledgement", refused.code) from None
    if answer.sender not in {own.hex() for own, _since in identities.own_keys()}:
        raise Refusal("acknowledgement", "SENDER")
    return True


def _theirs_alone(report_ids: Sequence[UUID]) -> list[UUID]:
    """Return the reports that this desk does not treat itself and all destinations have acknowledged."""
    left = Q(ours=True) | Q(state__in=[ItemState.PLANNED, ItemState.SENT])
    kept = set(
        Item.objects.filter(left, report_id__in=list(report_ids)).values_list(
            "report_id", flat=True
        )
    )
    return [report_id for report_id in report_ids if report_id not in kept]
