"""Packages that somebody forged, turned, cut, swapped, sealed anew or blew up: none of them opens."""

import contextlib
import io
import random
import zipfile
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.distribution.domain import proof
from fanal.distribution.domain.package import (
    MAXIMUM_BYTES,
    Manifest,
    PackageAcknowledgement,
    seal,
    unlock,
    unpack,
    unseal,
)
from fanal.kernel.refusal import Refusal

NORTH, EAST = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
OURS, THEIRS = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
MANIFEST = Manifest(
    schema=1,
    package=UUID(int=7),
    sender="desk@north.example",
    recipient="BE-DESK",
    made_at=NOW,
    reports=0,
    sha256="",
    instruction=UUID(int=8),
    token="t" * 43,
)
LINES = [b'{"reference": "n-1"}', b'{"reference": "n-2"}']


def made(signer: Ed25519PrivateKey = NORTH, *, package: int = 7) -> bytes:
    manifest = msgspec.structs.replace(MANIFEST, package=UUID(int=package))
    return seal(manifest, LINES, key=str(OURS.to_public()), signer=signer)


def opened(sealed: bytes) -> bytes:
    """What a recipient finds in the seal."""
    plain: bytes = pyrage.decrypt(sealed, [OURS])
    return plain


def sealed_to(identity: pyrage.x25519.Identity, plain: bytes) -> bytes:
    sealed: bytes = pyrage.encrypt(plain, [identity.to_public()])
    return sealed


def refusal(plain: bytes, identity: pyrage.x25519.Identity = OURS) -> str:
    with pytest.raises(Refusal) as refused:
        unseal(sealed_to(identity, plain), identity=str(identity))
    return refused.value.code


def test_what_is_sealed_says_whose_key_made_it_for_whom() -> None:
    unlocked = unlock(made(), identity=str(OURS))
    assert unlocked.head is not None
    assert unlocked.head.key == NORTH.public_key().public_bytes_raw()
    assert unlocked.head.recipient == str(OURS.to_public())
    manifest, body = unpack(unlocked.inner)
    assert (manifest.package, manifest.reports) == (UUID(int=7), 2)
    assert body.splitlines() == LINES


def test_earlier_versions_still_read_what_is_sealed_now() -> None:
    """They hand all of it to `zipfile`, which looks for an archive from the end."""
    with zipfile.ZipFile(io.BytesIO(opened(made()))) as archive:
        assert archive.namelist() == ["manifest.json", "reports.jsonl"]
        assert archive.read("reports.jsonl").splitlines() == LINES


def test_no_octet_of_what_is_signed_can_be_turned() -> None:
    plain = opened(made())
    for place in range(len(plain)):
        turned = plain[:place] + bytes([plain[place] ^ 0x20]) + plain[place + 1 :]
        expected = "NO_PACKAGE" if place < len(proof.MAGIC) else "SIGNATURE"
        assert refusal(turned) == expected, place


def test_no_octet_of_the_sealed_file_can_be_turned() -> None:
    sealed = made()
    for place in range(len(sealed)):
        turned = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(Refusal, match="SEALED_FOR_ANOTHER"):
            unseal(turned, identity=str(OURS))


def test_a_package_that_is_cut_or_goes_on_is_refused() -> None:
    plain, sealed = opened(made()), made()
    assert {refusal(plain[:end]) for end in range(len(plain))} == {"NO_PACKAGE", "SIGNATURE"}
    assert refusal(plain + b"\x00") == "SIGNATURE"
    for end in range(0, len(sealed), 7):
        with pytest.raises(Refusal, match="SEALED_FOR_ANOTHER"):
            unseal(sealed[:end], identity=str(OURS))


def test_the_signature_of_another_package_does_not_fit() -> None:
    one, other = opened(made()), opened(made(package=8))
    assert refusal(other[: proof.HEAD] + one[proof.HEAD :]) == "SIGNATURE"
    # Nor does another's key, claimed over a signature that it did not make.
    start = len(proof.MAGIC)
    claimed = EAST.public_key().public_bytes_raw()
    assert refusal(one[:start] + claimed + one[start + proof.KEY :]) == "SIGNATURE"


def test_who_opened_a_package_cannot_pass_it_on_as_if_it_was_meant_for_the_next() -> None:
    assert refusal(opened(made()), THEIRS) == "RECIPIENT"
    plain = opened(made())
    turned = plain.replace(str(OURS.to_public()).encode(), str(THEIRS.to_public()).encode())
    assert refusal(turned, THEIRS) == "SIGNATURE"


def test_without_its_head_a_package_is_signed_by_nobody() -> None:
    stripped = sealed_to(OURS, opened(made())[proof.HEAD :])
    assert unlock(stripped, identity=str(OURS)).head is None


@pytest.mark.parametrize("place", ["recipient", "key"])
def test_a_head_of_odd_octets_is_refused(place: str) -> None:
    plain = bytearray(opened(made()))
    start = len(proof.MAGIC) + (proof.KEY if place == "recipient" else 0)
    plain[start : start + 8] = b"\xff" * 8
    assert refusal(bytes(plain)) in {"NO_PACKAGE", "SIGNATURE"}


def signed(inner: bytes) -> bytes:
    """What a desk that is registered could make if it means harm."""
    return proof.signed_package(inner, recipient=str(OURS.to_public()), signer=NORTH)


def archive_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return buffer.getvalue()


GOOD = (("manifest.json", msgspec.json.encode(MANIFEST)), ("reports.jsonl", b""))


@pytest.mark.parametrize(
    "names",
    [
        ("../manifest.json", "reports.jsonl"),
        ("manifest.json", "/etc/cron.d/reports.jsonl"),
        ("manifest.json", "..\\reports.jsonl"),
        ("manifest.json", "reports.jsonl/"),
        ("manifest.json", "reports.jsonl", "../../.ssh/authorized_keys"),
        ("manifest.json", "manifest.json", "reports.jsonl"),
        ("reports.jsonl", "manifest.json"),
        ("manifest.json",),
        (),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_other_names_than_ours_are_refused(names: tuple[str, ...]) -> None:
    contents = dict(GOOD)
    members = [(name, contents.get(name, b"x")) for name in names]
    assert refusal(signed(archive_of(*members))) == "NO_PACKAGE"


def test_a_link_in_an_archive_is_content_and_leads_nowhere() -> None:
    link = zipfile.ZipInfo("reports.jsonl")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(*GOOD[0])
        archive.writestr(link, "/etc/passwd")
    assert refusal(signed(buffer.getvalue())) == "CHANGED"


def test_what_unpacks_to_more_than_allowed_is_refused_unread() -> None:
    """A hundred thousand times its size, and under a size that lies."""
    large = archive_of(GOOD[0], ("reports.jsonl", bytes(MAXIMUM_BYTES)))
    assert len(large) < MAXIMUM_BYTES / 900
    assert refusal(signed(large)) == "NO_PACKAGE"
    real = MAXIMUM_BYTES.to_bytes(4, "little")
    lying = large.replace(real, (9).to_bytes(4, "little"))
    assert lying != large
    assert refusal(signed(lying)) == "NO_PACKAGE"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(method: int) -> None:
    assert refusal(signed(archive_of(*GOOD, method=method))) == "NO_PACKAGE"


def test_a_directory_of_many_names_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [(f"{number}", b"") for number in range(66_000)]
    for inner in (
        archive_of(*names),
        archive_of(*names[:6_000]),
    ):  # the first is of the larger form
        with monkeypatch.context() as watched:
            watched.setattr(zipfile, "ZipFile", None)
            assert refusal(signed(inner)) == "NO_PACKAGE"


def test_no_damage_of_a_signed_archive_raises_anything_else() -> None:
    whole = opened(made())[proof.HEAD :]
    chance = random.Random(1)
    refused = 0
    for _ in range(3_000):
        spoiled = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        with contextlib.suppress(Refusal):
            unpack(bytes(spoiled))
            continue
        refused += 1
    assert refused > 2_000


def test_a_file_larger_than_allowed_is_not_even_opened() -> None:
    with pytest.raises(Refusal, match="TOO_LARGE"):
        unlock(bytes(MAXIMUM_BYTES + 1), identity=str(OURS))


@pytest.mark.parametrize("said", [1, 3])
def test_a_count_that_is_not_the_lines_is_refused(said: int) -> None:
    inner = opened(made())[proof.HEAD :]
    with zipfile.ZipFile(io.BytesIO(inner)) as archive:
        manifest = msgspec.json.decode(archive.read("manifest.json"), type=Manifest)
        body = archive.read("reports.jsonl")
    told = msgspec.json.encode(msgspec.structs.replace(manifest, reports=said))
    lying = archive_of(("manifest.json", told), ("reports.jsonl", body))
    assert refusal(signed(lying)) == "CHANGED"


KEY = proof.SenderKey(
    code="N-DESK",
    public_key=NORTH.public_key().public_bytes_raw(),
    since=NOW - timedelta(days=2),
    until=NOW - timedelta(days=1),
    revoked_at=None,
)


@pytest.mark.parametrize(
    ("instant", "code"),
    [
        (timedelta(days=-2, minutes=-10), ""),
        (timedelta(days=-2, minutes=-10, microseconds=-1), "INSTANT"),
        (timedelta(days=-1, minutes=10, microseconds=-1), ""),
        (timedelta(days=-1, minutes=10), "INSTANT"),
        (timedelta(minutes=10, microseconds=1), "FUTURE"),
    ],
)
def test_a_key_counts_in_its_time_within_what_clocks_differ(instant: timedelta, code: str) -> None:
    if not code:
        proof.check_instant(KEY, NOW + instant, now=NOW)
        return
    with pytest.raises(Refusal, match=f"^{code}$"):
        proof.check_instant(KEY, NOW + instant, now=NOW)


def test_a_stolen_key_proves_nothing_even_of_the_days_before() -> None:
    stolen = msgspec.structs.replace(KEY, until=None, revoked_at=NOW)
    for instant in (NOW - timedelta(days=1), NOW):
        with pytest.raises(Refusal, match="REVOKED"):
            proof.check_instant(stolen, instant, now=NOW)


ANSWER = PackageAcknowledgement(
    package=UUID(int=7), opened_at=NOW, reports=2, token="t" * 43, sender="aa", key="bb"
)


@pytest.mark.parametrize(
    "change",
    [
        {"package": UUID(int=8)},
        {"opened_at": NOW + timedelta(seconds=1)},
        {"reports": 3},
        {"token": "u" * 43},
        {"sender": "ab"},
        {"key": "bc"},
    ],
)
def test_nothing_of_a_signed_answer_can_be_changed(change: dict[str, object]) -> None:
    key = NORTH.public_key().public_bytes_raw()
    signature = proof.sign_answer(ANSWER.statement, signer=NORTH)
    whole = msgspec.structs.replace(ANSWER, signature=signature.hex())
    read = msgspec.json.decode(msgspec.json.encode(whole), type=PackageAcknowledgement)
    proof.check_answer(read.statement, key=key, signature=signature)
    turned = msgspec.structs.replace(read, **change)
    with pytest.raises(Refusal, match="SIGNATURE"):
        proof.check_answer(turned.statement, key=key, signature=signature)


def test_an_answer_of_an_earlier_version_is_written_as_it_was() -> None:
    plain = msgspec.structs.replace(ANSWER, sender="", key="")
    assert set(msgspec.json.decode(msgspec.json.encode(plain))) == {
        "package",
        "opened_at",
        "reports",
        "token",
    }


def test_a_signature_of_a_package_is_none_of_an_answer() -> None:
    statement = ANSWER.statement
    as_package = proof.signed_package(statement, recipient=str(OURS.to_public()), signer=NORTH)
    head, _inner = proof.split(as_package)
    assert head is not None
    with pytest.raises(Refusal, match="SIGNATURE"):
        proof.check_answer(statement, key=head.key, signature=head.signature)


def test_a_fingerprint_is_forty_figures_of_the_whole_key() -> None:
    key = NORTH.public_key().public_bytes_raw()
    told = proof.fingerprint(key)
    assert [len(group) for group in told.split(" ")] == [5] * 8
    assert told.replace(" ", "").isdecimal()
    others = {proof.fingerprint(key[:n] + bytes([key[n] ^ 1]) + key[n + 1 :]) for n in range(32)}
    assert len(others | {told}) == 33
    assert proof.fingerprint(bytes(32)) == "98783 89424 66230 39464 79225 79883 33302 30233"
