"""Taking packages of other desks on PostgreSQL: who is believed, what is refused, what the ledger says of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from fanal.accounts import row_scope as bounded
from fanal.accounts.domain.policy import Refused
from fanal.deconfliction import queries as identities
from fanal.deconfliction.operations.identity import ensure_identity, rotate_identity
from fanal.distribution import queries
from fanal.distribution.domain import proof
from fanal.distribution.domain.package import Manifest, seal
from fanal.distribution.operations import recipients, taking
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.refusal import Refusal
from fanal.ledger.domain import canonical
from tests.integration.distribution.test_sending import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
SYSTEM = system_actor("test")
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NORTH, NEXT, EAST = (Ed25519PrivateKey.generate() for _ in range(3))
OURS = pyrage.x25519.Identity.generate()


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """Answers are signed by a key that the vault keeps."""


def public(signer: Ed25519PrivateKey) -> bytes:
    return signer.public_key().public_bytes_raw()


def made(
    signer: Ed25519PrivateKey = NORTH,
    *,
    package: UUID | None = None,
    at: datetime = NOW,
    lines: tuple[bytes, ...] = (b'{"reference": "n-1"}',),
    name: str = "desk@north.example",
) -> bytes:
    manifest = Manifest(
        schema=1,
        package=package or uuid4(),
        sender=name,
        recipient="FR-DESK",
        made_at=at,
        reports=0,
        sha256="",
        instruction=uuid4(),
        token="t" * 43,
    )
    return seal(manifest, lines, key=str(OURS.to_public()), signer=signer)


def unsigned(sealed: bytes) -> bytes:
    """The package as an earlier version would have made it, or whoever has the recipient's public key."""
    plain = pyrage.decrypt(sealed, [OURS])[proof.HEAD :]
    stripped: bytes = pyrage.encrypt(plain, [OURS.to_public()])
    return stripped


def known(code: str = "N-DESK", signer: Ed25519PrivateKey = NORTH) -> None:
    key = public(signer)
    recipients.add_sender(
        actor=SYSTEM, code=code, key=key, told=proof.fingerprint(key), now=NOW - 9 * DAY
    )


def rotate(signer: Ed25519PrivateKey, *, since: datetime, now: datetime = NOW) -> None:
    key = public(signer)
    recipients.rotate_sender(
        actor=SYSTEM, code="N-DESK", key=key, told=proof.fingerprint(key), since=since, now=now
    )


def revoke(signer: Ed25519PrivateKey) -> None:
    told = proof.fingerprint(public(signer))
    recipients.revoke_sender(actor=SYSTEM, code="N-DESK", told=told, now=NOW)


def take(sealed: bytes, **more: object) -> taking.Opened:
    asked = {"identity": str(OURS), "keep": lambda _opened: None, "now": NOW} | more
    return taking.take(actor=SYSTEM, sealed=sealed, **asked)  # type: ignore[arg-type]


def refused(code: str, step: Callable[[], object]) -> dict[str, str]:
    before = queries.list_taken(actor=SYSTEM)
    with pytest.raises(Refusal, match=f"^{code}$") as found:
        step()
    assert queries.list_taken(actor=SYSTEM) == before
    return found.value.parameters


def ledger(action: str) -> list[dict[str, object]]:
    """Details of the entries of an action, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM ledger_entry WHERE action = %s ORDER BY db_at", [action])
        return [dict(canonical.decode(bytes(body)).detail) for (body,) in cursor.fetchall()]


def test_a_package_that_a_known_desk_signed_is_taken_once_and_answered() -> None:
    known()
    sealed, kept = made(), []
    opened = take(sealed, keep=kept.append)
    assert kept == [opened]
    assert (opened.sender, opened.manifest.sender) == ("N-DESK", "desk@north.example")
    assert opened.body == b'{"reference": "n-1"}\n'
    answer, own = opened.answer, identities.public_key()
    assert own is not None
    assert (answer.sender, answer.key) == (public(NORTH).hex(), own.hex())
    proof.check_answer(answer.statement, key=own, signature=bytes.fromhex(answer.signature))
    [shown] = queries.list_taken(actor=SYSTEM)
    assert (shown.package, shown.sender, shown.reports) == (opened.manifest.package, "N-DESK", 1)

    told = refused("TAKEN", lambda: take(sealed, now=NOW + DAY))
    assert told == {"package": str(opened.manifest.package), "at": "2026-11-27 12:00 UTC"}
    # The same content in another seal is the same package.
    resealed = pyrage.encrypt(pyrage.decrypt(sealed, [OURS]), [OURS.to_public()])
    refused("TAKEN", lambda: take(resealed))
    assert take(sealed, again=True).body == opened.body
    assert [(d["sender"], d["again"]) for d in ledger("package.take")] == [
        ("N-DESK", 0),
        ("N-DESK", 1),
    ]
    assert ledger("package.refuse") == []


def test_what_is_kept_nowhere_is_not_taken() -> None:
    known()
    sealed = made()

    def full(_opened: taking.Opened) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        take(sealed, keep=full)
    assert queries.list_taken(actor=SYSTEM) == []
    assert take(sealed).sender == "N-DESK"


def test_a_package_that_nobody_signed_opens_by_an_explicit_word_alone() -> None:
    known()
    sealed = unsigned(made())
    refused("UNSIGNED", lambda: take(sealed))
    refused("UNSIGNED", lambda: take(sealed, again=True))
    opened = take(sealed, unproven=True)
    assert (opened.sender, opened.answer.signature) == ("", "")
    [shown] = queries.list_taken(actor=SYSTEM)
    assert (shown.sender, shown.fingerprint) == ("", "")
    refused("TAKEN", lambda: take(sealed, unproven=True))
    assert [d["sender"] for d in ledger("package.take")] == ["UNPROVEN"]
    assert [d["code"] for d in ledger("package.refuse")] == ["UNSIGNED", "UNSIGNED"]


def test_that_word_opens_nothing_else() -> None:
    known()
    plain = pyrage.decrypt(made(), [OURS])
    turned = pyrage.encrypt(plain[:-30] + bytes([plain[-30] ^ 1]) + plain[-29:], [OURS.to_public()])
    refused("SIGNATURE", lambda: take(turned, unproven=True))
    refused("UNKNOWN", lambda: take(made(EAST), unproven=True))
    rotate(NEXT, since=NOW - DAY)
    refused("INSTANT", lambda: take(made(), unproven=True))
    other = pyrage.x25519.Identity.generate()
    passed_on = pyrage.encrypt(plain, [other.to_public()])
    refused("RECIPIENT", lambda: take(passed_on, identity=str(other), unproven=True))


def test_a_key_that_nobody_registered_is_told_by_its_first_figures_and_waits() -> None:
    sealed = made()
    told = refused("UNKNOWN", lambda: take(sealed))
    assert told == {"begins": proof.fingerprint(public(NORTH))[:5]}
    known()
    assert take(sealed).sender == "N-DESK"
    [entry] = ledger("package.refuse")
    assert entry["code"] == "UNKNOWN"


def test_a_strangers_archive_is_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanal.distribution.operations.taking.unpack", None)
    refused("UNKNOWN", lambda: take(made()))
    known()
    revoke(NORTH)
    refused("REVOKED", lambda: take(made()))


def test_a_number_stands_for_one_package_of_a_desk_and_another_desk_cannot_use_it_up() -> None:
    known()
    known("E-DESK", EAST)
    number = uuid4()
    forged = made(EAST, package=number, lines=(b"{}",))
    assert take(forged).sender == "E-DESK"
    take(unsigned(made(EAST, package=number)), unproven=True)
    assert take(made(package=number)).sender == "N-DESK"
    other = made(package=number, lines=(b'{"reference": "n-2"}',))
    assert refused("SECOND", lambda: take(other)) == {"package": str(number)}
    refused("SECOND", lambda: take(other, again=True))
    assert [one.sender for one in queries.list_taken(actor=SYSTEM)] == ["", "E-DESK", "N-DESK"]


def test_two_desks_of_one_name_are_told_apart_by_their_keys() -> None:
    known()
    known("E-DESK", EAST)
    assert [take(made(signer, name="desk")).sender for signer in (NORTH, EAST)] == [
        "N-DESK",
        "E-DESK",
    ]
    with pytest.raises(Refusal, match="TAKEN"):
        known("N-DESK", NEXT)


def test_a_desk_that_changes_its_key_keeps_what_it_signed_before() -> None:
    known()
    rotate(NEXT, since=NOW - DAY)
    assert take(made(NORTH, at=NOW - 2 * DAY)).sender == "N-DESK"
    assert take(made(NEXT, at=NOW)).sender == "N-DESK"
    told = refused("INSTANT", lambda: take(made(NORTH, at=NOW)))
    assert told == {"sender": "N-DESK", "at": "2026-11-27 12:00 UTC"}
    refused("INSTANT", lambda: take(made(NEXT, at=NOW - 2 * DAY)))
    spans = [(one.since, one.until) for one in queries.list_senders(actor=SYSTEM)]
    assert spans == [(None, NOW - DAY), (NOW - DAY, None)]


def test_a_key_revoked_between_sending_and_opening_proves_nothing() -> None:
    known()
    earlier, taken = made(at=NOW - 3 * DAY), made()
    take(taken)
    revoke(NORTH)
    told = refused("REVOKED", lambda: take(earlier))
    assert told == {"sender": "N-DESK", "at": "2026-11-27 12:00 UTC"}
    refused("REVOKED", lambda: take(taken, again=True))
    opened = take(earlier, unproven=True)
    assert (opened.sender, bool(opened.answer.signature)) == ("", True)
    assert [d["sender"] for d in ledger("package.take")] == ["N-DESK", "UNPROVEN"]
    known("N-DESK", NEXT)  # the place is free for its next key
    assert take(made(NEXT)).sender == "N-DESK"
    with pytest.raises(Refusal, match="NOT_FOUND"):
        revoke(NORTH)


def test_a_retired_key_can_be_revoked_too() -> None:
    known()
    rotate(NEXT, since=NOW - DAY)
    revoke(NORTH)
    refused("REVOKED", lambda: take(made(NORTH, at=NOW - 2 * DAY)))
    assert take(made(NEXT)).sender == "N-DESK"


def test_clocks_may_differ_by_minutes_and_no_more() -> None:
    known()
    assert take(made(at=NOW + 10 * MINUTE)).sender == "N-DESK"
    late = made(at=NOW + 11 * MINUTE)
    assert refused("FUTURE", lambda: take(late)) == {"at": "2026-11-27 12:11 UTC"}
    assert take(late, now=NOW + MINUTE).sender == "N-DESK"


def test_the_same_package_opened_at_once_is_taken_once() -> None:
    known()
    sealed = made()

    def run() -> str:
        bounded.show_to(SYSTEM)
        try:
            return take(sealed).sender
        except Refusal as found:
            return found.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        told = [future.result() for future in [pool.submit(run) for _ in range(4)]]
    assert sorted(told) == ["N-DESK", "TAKEN", "TAKEN", "TAKEN"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code": "n desk"}, "CODE"),
        ({"key": b"short"}, "KEY"),
        ({"told": "1" * 40}, "FINGERPRINT"),
        ({"told": ""}, "FINGERPRINT"),
        ({"code": "N-DESK"}, "TAKEN"),
        ({"key": public(NORTH), "told": proof.fingerprint(public(NORTH))}, "TAKEN"),
    ],
)
def test_what_is_registered_is_checked(change: dict[str, object], code: str) -> None:
    known()
    asked = {"code": "E-DESK", "key": public(EAST), "told": proof.fingerprint(public(EAST))}
    with pytest.raises(Refusal, match=f"^{code}$"):
        recipients.add_sender(actor=SYSTEM, now=NOW, **(asked | change))  # type: ignore[arg-type]
    assert [one.code for one in queries.list_senders(actor=SYSTEM)] == ["N-DESK"]


def test_a_fingerprint_is_taken_however_it_is_grouped() -> None:
    told = proof.fingerprint(public(EAST)).replace(" ", "-") + "."
    recipients.add_sender(actor=SYSTEM, code="E-DESK", key=public(EAST), told=told, now=NOW)


def test_our_own_key_is_nobody_elses() -> None:
    own = ensure_identity(actor=SYSTEM, now=NOW)
    rotate_identity(actor=SYSTEM, now=NOW + MINUTE)
    newest = identities.public_key()
    assert newest is not None
    for key in (own, newest):
        with pytest.raises(Refusal, match="OWN_KEY"):
            recipients.add_sender(
                actor=SYSTEM, code="N-DESK", key=key, told=proof.fingerprint(key), now=NOW
            )


@pytest.mark.parametrize("since", [NOW + 11 * MINUTE, NOW - 3 * DAY])
def test_a_change_lies_after_the_one_before_and_not_ahead(since: datetime) -> None:
    known()
    rotate(NEXT, since=NOW - 3 * DAY)
    with pytest.raises(Refusal, match="SINCE"):
        rotate(EAST, since=since)
    with pytest.raises(Refusal, match="TAKEN"):
        rotate(NORTH, since=NOW)
    assert [one.until for one in queries.list_senders(actor=SYSTEM)] == [NOW - 3 * DAY, None]


def test_nobody_but_who_keeps_desks_does_any_of_it() -> None:
    ana, key = person("ana", Role.ANALYST), public(NORTH)
    known()
    told = proof.fingerprint(public(NEXT))
    for step in (
        lambda: taking.take(
            actor=ana, sealed=made(), identity=str(OURS), keep=lambda _o: None, now=NOW
        ),
        lambda: recipients.add_sender(actor=ana, code="E-DESK", key=key, told="", now=NOW),
        lambda: recipients.rotate_sender(
            actor=ana, code="N-DESK", key=public(NEXT), told=told, since=NOW, now=NOW
        ),
        lambda: recipients.revoke_sender(actor=ana, code="N-DESK", told="", now=NOW),
        lambda: rotate_identity(actor=ana, now=NOW),
    ):
        with pytest.raises(Refused):
            step()
    assert len(queries.list_senders(actor=ana)) == 1
    assert queries.list_taken(actor=ana) == []
