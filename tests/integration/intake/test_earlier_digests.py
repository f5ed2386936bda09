"""What was stored while one key made all digests is still known: repeats, references, identities."""

from collections.abc import Callable

import pytest

from fanal.intake.domain.records import KeyKind, Outcome, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import find_key, find_references
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.vault import keyring
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.opening import open_batch
from fanal.vault.operations.sealing import seal_batch
from tests.integration.intake.conftest import NOW

pytestmark = pytest.mark.django_db
SYSTEM = system_actor("test")
Make = Callable[..., Submission]


@pytest.fixture
def before() -> Callable[[], None]:
    """Take the keyring back to one key for all digests; the call returned gives the keys of their own again."""
    present = keyring.current()
    assert present.digest_keys
    keyring.install(present.earlier())
    return lambda: keyring.install(present)


@pytest.mark.parametrize("enclosed", [(b"", b""), (b"files", b"files"), (b"files", b"")])
def test_a_repeat_and_a_conflict_are_told_apart(
    before: Callable[[], None], make_submission: Make, partner: Actor, enclosed: tuple[bytes, bytes]
) -> None:
    keys = ((KeyKind.REFERENCE, "A-1"),)

    def send(files: bytes = b"", **values: object) -> object:
        submission = make_submission(
            partner.partner_id, keys=keys, reference="A-1", enclosed=files, **values
        )
        (answer,) = receive_reports(actor=partner, submissions=[submission], now=NOW)
        return answer.outcome

    assert send(enclosed[0]) is Outcome.CREATED
    before()
    assert send(enclosed[1]) is Outcome.REPEATED
    assert send(body=b'{"kind":"GROOMING"}') is Outcome.CONFLICT
    (found,) = find_references(actor=SYSTEM, reference="A-1")
    assert partner.partner_id is not None
    assert find_key(sender_id=partner.partner_id, kind=KeyKind.REFERENCE, key="A-1") == found


@pytest.mark.parametrize("size", [12, 90_000])
def test_an_identity_still_opens(before: Callable[[], None], size: int) -> None:
    item = Sealable(id=new_id(NOW), plaintext=bytes(size), kind="identity", owner_id=new_id(NOW))
    seal_batch(items=[item], now=NOW)
    before()
    opened = open_batch(actor=SYSTEM, object_ids=[item.id], now=NOW, purpose="test")
    assert opened[item.id] == bytes(size)
