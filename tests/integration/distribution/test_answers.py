"""Answers of recipients: proved by the token alone until a key of theirs is registered, then signed too."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.deconfliction import queries as identities
from fanal.deconfliction.operations.identity import rotate_identity
from fanal.distribution.domain import proof
from fanal.distribution.domain.package import PackageAcknowledgement, unlock, unpack
from fanal.distribution.operations.recipients import add_sender, revoke_sender
from fanal.distribution.operations.sending import acknowledge
from fanal.kernel import clock
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from tests.integration.distribution.test_sending import (
    IDENTITY,
    SYSTEM,
    Deliveries,
    instructed,
    keys,
    receive,
    registered,
    send,
    suspect,
)

__all__ = ["instructed", "keys", "registered"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
BELGIUM, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def public(signer: Ed25519PrivateKey) -> bytes:
    return signer.public_key().public_bytes_raw()


@pytest.fixture
def answer(instructed: UUID) -> PackageAcknowledgement:
    """What the recipient of our only package answers, before it signs."""
    receive("d-1", **suspect("BE"))
    delivered: Deliveries = {}
    send(delivered)
    [sealed] = delivered.values()
    unlocked = unlock(sealed, identity=str(IDENTITY))
    assert unlocked.head is not None
    assert unlocked.head.key == identities.public_key()
    manifest, _body = unpack(unlocked.inner)
    return PackageAcknowledgement(
        package=manifest.package,
        opened_at=clock.now(),
        reports=1,
        token=manifest.token,
        sender=unlocked.head.key.hex(),
        key=public(BELGIUM).hex(),
    )


def know(code: str = "BE-DESK", signer: Ed25519PrivateKey = BELGIUM) -> None:
    key = public(signer)
    add_sender(actor=SYSTEM, code=code, key=key, told=proof.fingerprint(key), now=clock.now())


def signed(
    answer: PackageAcknowledgement, signer: Ed25519PrivateKey = BELGIUM
) -> PackageAcknowledgement:
    signature = proof.sign_answer(answer.statement, signer=signer)
    return msgspec.structs.replace(answer, signature=signature.hex())


def refused(code: str, answer: PackageAcknowledgement) -> None:
    with pytest.raises(Refusal, match=f"^{code}$"):
        acknowledge(actor=SYSTEM, answer=answer, now=clock.now())


def noted(answer: PackageAcknowledgement) -> list[object]:
    """Whether a signature proved what is acknowledged, as the ledger says it of the package."""
    entries = ledger.entries_of(actor=SYSTEM, object_id=answer.package)
    return [e.detail["signed"] for e in entries if e.action == "transfer.acknowledge"]


def test_an_answer_of_a_desk_whose_key_is_known_is_signed_by_it(
    answer: PackageAcknowledgement,
) -> None:
    know()
    know("E-DESK", STRANGER)
    refused("UNSIGNED", answer)
    refused("UNSIGNED", msgspec.structs.replace(answer, key="", sender=""))
    whole = signed(answer)
    refused("SIGNATURE", msgspec.structs.replace(whole, reports=2))
    refused("SIGNATURE", msgspec.structs.replace(whole, signature="zz"))
    refused("UNKNOWN", msgspec.structs.replace(whole, key="00"))
    refused(
        "UNKNOWN", signed(msgspec.structs.replace(answer, key=public(STRANGER).hex()), STRANGER)
    )
    refused("SENDER", signed(msgspec.structs.replace(answer, sender=public(STRANGER).hex())))
    later = answer.opened_at + timedelta(hours=1)
    refused("FUTURE", signed(msgspec.structs.replace(answer, opened_at=later)))
    assert noted(answer) == []
    assert acknowledge(actor=SYSTEM, answer=whole, now=clock.now()) == 1
    assert noted(answer) == [1]


def test_an_answer_to_what_we_signed_before_our_key_changed_is_ours(
    answer: PackageAcknowledgement,
) -> None:
    know()
    rotate_identity(actor=SYSTEM, now=clock.now())
    assert answer.sender != (identities.public_key() or b"").hex()
    assert acknowledge(actor=SYSTEM, answer=signed(answer), now=clock.now()) == 1


def test_a_desk_whose_key_was_revoked_must_still_sign(answer: PackageAcknowledgement) -> None:
    know()
    told = proof.fingerprint(public(BELGIUM))
    revoke_sender(actor=SYSTEM, code="BE-DESK", told=told, now=clock.now())
    refused("REVOKED", signed(answer))
    refused("UNSIGNED", answer)
    taken = acknowledge(actor=SYSTEM, answer=answer, now=clock.now(), unproven=True)
    assert (taken, noted(answer)) == (1, [0])


def test_a_desk_whose_key_nobody_registered_answers_by_its_token(
    answer: PackageAcknowledgement,
) -> None:
    assert acknowledge(actor=SYSTEM, answer=signed(answer), now=clock.now()) == 1
    assert noted(answer) == [0]
