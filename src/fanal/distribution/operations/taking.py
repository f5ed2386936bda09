"""Receipt of another desk's package: sender, recipient and duplicates are checked."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import msgspec
from django.db import transaction
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.deconfliction.operations.identity import ensure_identity, signing_key
from fanal.distribution import queries
from fanal.distribution.domain import proof
from fanal.distribution.domain.package import (
    Manifest,
    PackageAcknowledgement,
    Unlocked,
    unlock,
    unpack,
)
from fanal.distribution.models import SenderKey, Taken
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

_UNTOLD = frozenset({"TOO_LARGE", "KEY", "SEALED_FOR_ANOTHER", "TAKEN"})
"""Refusals not recorded in the ledger, as they concern no sender: wrong file, wrong key, duplicate."""


class Opened(Struct, frozen=True, kw_only=True):
    """A received package, decrypted and verified.

    `manifest` is what the package states of itself, `body` holds the reports as JSON Lines. `sender` is the
    code of the desk that signed it; empty: its origin is unproven. `answer` is our acknowledgement, to be
    returned to the sender.
    """

    manifest: Manifest
    body: bytes
    sender: str
    answer: PackageAcknowledgement


Keep = Callable[[Opened], None]


def take(
    *,
    actor: Actor,
    sealed: bytes,
    identity: str,
    keep: Keep,
    now: datetime,
    unproven: bool = False,
    again: bool = False,
) -> Opened:
    """Decrypt and verify another desk's package, pass it to `keep`, record its receipt; one transaction.

    `keep(opened)` stores the reports. If it fails, nothing is recorded and the package can be received later.
    A refusal that says something of the sender is recorded in the ledger; TOO_LARGE, KEY, SEALED_FOR_ANOTHER
    and TAKEN are not. `sealed` is the package, encrypted with age; `identity` this desk's age private key
    (`AGE-SECRET-KEY-…`). `unproven` accepts a package without signature (an earlier version) or signed with a
    revoked key; `again` one that was received before, if its digest is the same.

    Raises:
        Refusal: TOO_LARGE, KEY, SEALED_FOR_ANOTHER, NO_PACKAGE, RECIPIENT, SIGNATURE, CHANGED as `unlock` and
            `unpack`; UNSIGNED, without a signature; UNKNOWN, the signing key belongs to no known desk;
            REVOKED, INSTANT, FUTURE, that key was not valid at the package's date; TAKEN, received before;
            SECOND, a different package of this sender has the same number.
        KeyMissing, BlobMissing, BlobDamaged, VaultAway: the desk's own signing key cannot be opened.
        Refused: the actor may not receive packages.
        Exception: any exception of `keep`.
    """
    require(actor, "distribution.send")
    try:
        unlocked = unlock(sealed, identity=identity)
        known = _known(unlocked, now=now, unproven=unproven)
        manifest, body = unpack(unlocked.inner)
        if known is not None:
            proof.check_instant(known, manifest.made_at, now=now)
        opened = Opened(
            manifest=manifest,
            body=body,
            sender=known.code if known is not None else "",
            answer=_answer(actor, manifest, unlocked.head, now=now),
        )
        with transaction.atomic():
            _note(actor, opened, unlocked, again=again, now=now)
            keep(opened)
    except Refusal as refused:
        if refused.code not in _UNTOLD:
            _tell(actor, refused.code, sealed, now=now)
        raise
    return opened


def _known(unlocked: Unlocked, *, now: datetime, unproven: bool) -> proof.SenderKey | None:
    """Return the registered key that signed a package (`unlocked`); None if no proof of its origin is needed.

    `unproven` accepts unsigned packages and revoked keys. This check runs before the archive is unpacked, so
    that no content of an unknown or revoked sender is parsed.

    Raises:
        Refusal: UNSIGNED (the package has no signature); UNKNOWN (its key belongs to no known desk);
            REVOKED (its key was revoked).
    """
    head = unlocked.head
    if head is None:
        if not unproven:
            raise Refusal("package", "UNSIGNED")
        return None
    known = queries.find_key(public_key=head.key)
    if known is None:
        # Only the beginning is given: the full fingerprint must come from a call, not from this message.
        raise Refusal("package", "UNKNOWN", begins=proof.fingerprint(head.key)[:5])
    if known.revoked_at is None:
        return known
    if not unproven:
        proof.check_instant(known, now, now=now)
    return None


def _answer(
    actor: Actor, manifest: Manifest, head: proof.SealHead | None, *, now: datetime
) -> PackageAcknowledgement:
    """Build our acknowledgement of the package with this manifest, signed with this desk's key.

    For a package without header (`head` None: an earlier version) it is unsigned, since that desk could not
    read a signed one.
    """
    answer = PackageAcknowledgement(
        package=manifest.package, opened_at=now, reports=manifest.reports, token=manifest.token
    )
    if head is None:
        return answer
    own = ensure_identity(actor=actor, now=now)
    signer = signing_key(now=now, purpose="sign that a package was opened")
    stated = msgspec.structs.replace(answer, sender=head.key.hex(), key=own.hex())
    signature = proof.sign_answer(stated.statement, signer=signer)
    return msgspec.structs.replace(stated, signature=signature.hex())


def _note(actor: Actor, opened: Opened, unlocked: Unlocked, *, again: bool, now: datetime) -> None:
    """Record the receipt of a package in the database and the ledger, in the caller's transaction.

    `opened` is the received package, `unlocked` the same before unpacking (header and digest). `again`
    accepts a repeated receipt.

    Raises:
        Refusal: TAKEN, it was received before; SECOND, another content under the same number.
    """
    manifest, head = opened.manifest, unlocked.head
    row, is_first = Taken.objects.get_or_create(
        package_id=manifest.package,
        sender=opened.sender,
        defaults={
            "key": SenderKey.objects.get(public_key=head.key) if head and opened.sender else None,
            "digest": unlocked.digest,
            "made_at": manifest.made_at,
            "reports": manifest.reports,
            "taken_at": now,
        },
    )
    number = str(manifest.package)
    if bytes(row.digest) != unlocked.digest:
        raise Refusal("package", "SECOND", package=number)
    if not is_first and not again:
        raise Refusal("package", "TAKEN", package=number, at=f"{row.taken_at:%Y-%m-%d %H:%M UTC}")
    ledger.record(
        actor=actor,
        action="package.take",
        at=now,
        objects=[ObjectRef(kind="package", id=manifest.package)],
        detail={
            "sender": opened.sender or "UNPROVEN",
            "count": manifest.reports,
            "again": int(not is_first),
            "key": head.key.hex() if head else "NONE",
        },
    )


def _tell(actor: Actor, code: str, sealed: bytes, *, now: datetime) -> None:
    """Record the refusal of a received package in the ledger: the refusal's `code`, and the file's SHA-256.

    `sealed` is the encrypted file.
    """
    ledger.record(
        actor=actor,
        action="package.refuse",
        at=now,
        detail={"code": code, "sha256": hashlib.sha256(sealed).hexdigest()},
    )
