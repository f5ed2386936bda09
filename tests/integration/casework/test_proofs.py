"""The file of a proof: sealed with its step, held by PostgreSQL, opened for readers, erased with the words."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import connection, transaction

from fanal.accounts.domain.policy import Refused
from fanal.casework import queries
from fanal.casework.domain.proofs import ERASED, MAX_FILE, ProofFile
from fanal.casework.domain.records import ActStep, Event
from fanal.casework.operations.acts import take_step
from fanal.casework.operations.approvals import erase_words
from fanal.casework.operations.proofs import ProofUnknown, open_proof
from fanal.judicial import operations as judicial
from fanal.judicial.domain.kinds import REFERRAL
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.ledger.operations import keyed_digest
from fanal.vault import keyring
from fanal.vault.domain.envelope import EnvelopeRefused, key_id
from fanal.vault.domain.records import Sealable
from fanal.vault.fsck import walk_lacking
from fanal.vault.operations.sealing import rewrap, seal_batch
from fanal.vault.packs import BlobDamaged, file_path
from tests.integration.casework.test_guards import OFFICER, STEP, refused, run
from tests.integration.measures.stories import ANALYST, decide
from tests.integration.orient.people import person
from tests.refusals import CHECK, KEPT, NO_RIGHT, UNIQUE
from tests.server import as_worker
from tests.unit.orient.items import NOW

RECEIPT = ProofFile(
    content=b"Received at the desk of the court.", name="receipt.eml", media_type="message/rfc822"
)
LARGE = ProofFile(content=bytes(range(256)) * 400, name="capture.png", media_type="image/png")
DIGEST = hashlib.sha256(RECEIPT.content).hexdigest()
ATTACHED = STEP.replace(
    "proof,", "proof_object, proof_digest, proof_size, proof_name, proof,"
).replace("%s, now(), now()", "%s, %s, %s, %s, %s, now(), now()")
ROW = "SELECT id, owner_id, kind, sha256, size, wrapped_key IS NULL FROM vault_object WHERE owner_id = %s"


def ready() -> UUID:
    """A referral that waits to be sent."""
    (made,) = decide().opened["referral"]
    judicial.amend_referral(
        actor=OFFICER, referral_id=made, body="OFMIN", summary="Facts.", now=NOW
    )
    take_step(
        actor=OFFICER, lifecycle=REFERRAL, act_id=made, transition="prepare",
        event=Event(happened_at=NOW), now=NOW,
    )  # fmt: skip
    return made


def send(made: UUID, *, file: ProofFile | None = RECEIPT, proof: str = "") -> ActStep:
    """Record the sending, and return its step."""
    event = Event(happened_at=NOW, proof=proof, file=file)
    take_step(
        actor=OFFICER, lifecycle=REFERRAL, act_id=made, transition="send", event=event, now=NOW
    )
    found = queries.get_act(actor=OFFICER, lifecycle=REFERRAL, act_id=made)
    assert found is not None
    return found.steps[-1]


def rows(made: UUID) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(ROW, [made])
        return cursor.fetchall()


def test_a_file_is_proof_enough_and_the_step_keeps_what_proves_it() -> None:
    made = ready()
    step = send(made)
    assert step.file is not None
    assert (step.file.name, step.file.media_type, step.file.size, step.proof) == (
        "receipt.eml", "message/rfc822", len(RECEIPT.content), "",
    )  # fmt: skip
    assert step.proof_digest == DIGEST
    ((object_id, owner, kind, digest, size, erased),) = rows(made)
    assert (object_id, owner, kind, bytes(digest).hex()) == (
        step.file.object_id, made, "proof", DIGEST,
    )  # fmt: skip
    assert (size, erased) == (len(RECEIPT.content), False)


def test_words_stay_proof_enough_and_both_may_stand() -> None:
    assert send(ready(), file=None, proof="register no. 12").file is None
    both = send(ready(), proof="register no. 12")
    assert (both.proof, both.file is not None) == ("register no. 12", True)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (None, "NO_PROOF"),
        (ProofFile(content=b""), "FILE_EMPTY"),
        (ProofFile(content=bytes(MAX_FILE + 1)), "FILE_TOO_LARGE"),
    ],
)
def test_what_is_no_proof_is_refused(file: ProofFile | None, code: str) -> None:
    made = ready()
    with pytest.raises(Refusal) as caught:
        send(made, file=file, proof="  ")
    assert caught.value.code == code
    assert rows(made) == []


def test_without_its_step_no_file_is_kept() -> None:
    made = ready()
    with transaction.atomic():
        send(made)
        assert len(rows(made)) == 1
        transaction.set_rollback(True)
    assert rows(made) == []


def test_the_entry_of_the_step_holds_the_digest() -> None:
    made = ready()
    step = send(made)
    assert step.file is not None
    content = bytes.fromhex(DIGEST)
    expected = keyed_digest(kind="object", object_id=step.file.object_id, content=content)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.action, o.digest FROM ledger_object o JOIN ledger_entry e ON e.id = o.entry_id"
            " WHERE o.object_id = %s",
            [step.file.object_id],
        )
        ((action, digest),) = cursor.fetchall()
    assert (action, bytes(digest)) == ("referral.send", expected)


def test_sql_attaches_only_what_the_vault_holds_for_this_act() -> None:
    made, other = ready(), ready()
    step = send(other)
    assert step.file is not None
    (mine,) = seal_batch(
        items=[Sealable(id=uuid4(), owner_id=made, kind="proof", plaintext=RECEIPT.content)],
        now=NOW,
    )
    (letter,) = seal_batch(
        items=[Sealable(id=uuid4(), owner_id=made, kind="original", plaintext=b"x")], now=NOW
    )
    taken = (made, "send", "READY", "SENT", OFFICER.person_id, "OFMIN", 2)
    size = len(RECEIPT.content)
    for object_id, digest, length in (
        (step.file.object_id, DIGEST, size),  # of another act
        (letter.id, letter.sha256, 1),  # no proof
        (uuid4(), DIGEST, size),
        (mine.id, "ab" * 32, size),
        (mine.id, DIGEST, size + 1),
    ):
        refused(CHECK, ATTACHED, *taken, object_id, digest, length, "receipt.eml", "")
    for name in ("", "a\u202eb", "a\nb", "n" * 121):
        refused(CHECK, ATTACHED, *taken, mine.id, DIGEST, size, name, "")
    refused(CHECK, ATTACHED, *taken, None, DIGEST, size, "receipt.eml", "words")
    refused(CHECK, ATTACHED, *taken, None, DIGEST, None, "", " ")  # no proof at all
    run(ATTACHED, *taken, mine.id, DIGEST, size, "receipt.eml", "")
    again = (made, "acknowledge", "SENT", "ACKNOWLEDGED", OFFICER.person_id, "OFMIN", 2)
    refused(UNIQUE, ATTACHED, *again, mine.id, DIGEST, size, "receipt.eml", "words")


def test_a_file_stays_with_its_step() -> None:
    made = ready()
    send(made)
    for column in ("proof_object", "proof_digest", "proof_size", "proof_name", "proof_type"):
        refused(NO_RIGHT, f"UPDATE casework_step SET {column} = {column} WHERE act_id = %s", made)
    refused(NO_RIGHT, "UPDATE vault_object SET size = 1 WHERE owner_id = %s", made)
    refused(NO_RIGHT, "UPDATE vault_object SET wrapped_key = NULL WHERE owner_id = %s", made)
    refused(NO_RIGHT, "DELETE FROM vault_object WHERE owner_id = %s", made)


def opened(made: UUID, step: ActStep, actor: object = OFFICER) -> bytes:
    assert step.file is not None
    _step, content = open_proof(
        actor=actor, lifecycle=REFERRAL, act_id=made, object_id=step.file.object_id, now=NOW
    )
    return content


def test_readers_of_the_act_open_it_and_the_ledger_says_who() -> None:
    made = ready()
    step = send(made)
    assert opened(made, step) == RECEIPT.content
    entries = ledger.entries_of(actor=OFFICER, object_id=made)
    assert [e.actor_id for e in entries if e.action == "object.open"] == [OFFICER.person_id]
    with pytest.raises(Refused):
        opened(made, step, person(Role.JUDICIAL_OFFICER, desk=2))
    with pytest.raises(Refused):
        opened(made, step, ANALYST)
    other = ready()
    with pytest.raises(ProofUnknown):
        opened(other, step)


def test_other_bytes_are_not_given_out() -> None:
    made = ready()
    step = send(made, file=LARGE)
    assert opened(made, step) == LARGE.content
    assert step.file is not None
    path = file_path(keyring.current().vault_folder, step.file.object_id)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises((EnvelopeRefused, BlobDamaged)):
        opened(made, step)


def test_key_rotation_and_backups_reach_the_file() -> None:
    made, worker = ready(), system_actor("keys")
    step, ring = send(made, file=LARGE), keyring.current()
    assert step.file is not None
    fresh = X25519PrivateKey.generate()
    opening = {**ring.opening, key_id(fresh.public_key()): fresh}
    keyring.install(replace(ring, content=fresh.public_key(), opening=opening))
    with as_worker():
        rewrap(actor=worker)
    del opening[key_id(ring.content)]
    keyring.install(replace(ring, content=fresh.public_key(), opening=opening))
    assert opened(made, step) == LARGE.content
    with as_worker():
        assert step.file.object_id not in walk_lacking(actor=worker)
        file_path(ring.vault_folder, step.file.object_id).unlink()
        assert step.file.object_id in walk_lacking(actor=worker)


@pytest.mark.django_db(transaction=True)
def test_a_file_ends_with_the_words_of_its_act() -> None:
    made, other = ready(), ready()
    step, stays = send(made, file=LARGE, proof="canary words"), send(other)
    assert step.file is not None
    folder = keyring.current().vault_folder
    file = file_path(folder, step.file.object_id)
    assert file.exists()
    later, worker = NOW + timedelta(days=4000), system_actor("expiry")
    with as_worker():
        due = queries.list_due(actor=worker, kind="referral", before=later)
        assert made in {one.id for one in due}
        erase_words(actor=worker, kind="referral", act_ids=[made], now=later)
        left = queries.list_due(actor=worker, kind="referral", before=later)
        assert made not in {one.id for one in left}
    found = queries.get_act(actor=OFFICER, lifecycle=REFERRAL, act_id=made)
    assert found is not None
    last = found.steps[-1]
    assert last.file is not None
    assert (last.file.name, last.file.media_type, last.file.erased) == (ERASED, "", True)
    assert (last.proof_digest, last.file.size) == (step.proof_digest, step.file.size)
    ((_id, _owner, _kind, digest, _size, erased),) = rows(made)
    assert (erased, bytes(digest)) == (True, bytes(32))
    assert not file.exists()
    assert str(made) in (folder / "erasures.log").read_text()
    with pytest.raises(ProofUnknown):
        opened(made, step)
    assert opened(other, stays) == RECEIPT.content
    refused(KEPT, "UPDATE casework_act SET id = gen_random_uuid() WHERE id = %s", made)
