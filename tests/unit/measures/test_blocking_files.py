"""The list as files for other programs, and the signed manifest beside each."""

import csv
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, strategies as st

from fanal.ledger.domain import checkpoint
from fanal.ledger.domain.checkpoint import CheckpointRefused, NoteKey, open_note, sign_text
from fanal.measures.blocking.blocklist import (
    BlockList,
    ListManifest,
    ListWrong,
    ManifestRefused,
    check_file,
    open_manifest,
    sign_manifest,
)
from fanal.measures.blocking.formats import FORMATS, read_zone, write_file, write_zone
from tests.unit.measures.test_blocking_list import INJECTIONS, NAME, NOW, block, entry

GUIDE = Path(__file__).parents[3] / "docs/how-to/blocking.md"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
DESK = "fanal.test/ledger"
PUBLIC = NoteKey(name=DESK, public=KEY.public_key())
NAMES = ("pictures.example", "a.pictures.example", "xn--bcher-kva.example")


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_states_names_serial_and_expiry(form: str) -> None:
    made = block(*NAMES)
    text = write_file(made, FORMATS[form]).decode("ascii")
    assert all(name in text for name in NAMES)
    assert str(made.serial) in text
    assert "2026-12-01T21:00:00Z" in text


@given(st.sets(NAME, max_size=6), st.sets(NAME, max_size=6))
def test_a_file_states_its_list_and_no_other(names: set[str], others: set[str]) -> None:
    made, other = block(*names), block(*others)
    for form in FORMATS.values():
        content = write_file(made, form)
        if names != others:
            with pytest.raises(ListWrong):
                form.check(content, other)


@pytest.mark.parametrize(("year", "is_over"), [(2020, True), (2099, False)])
def test_the_script_of_the_guide_empties_a_zone_whose_time_is_over(
    tmp_path: Path, year: int, is_over: bool
) -> None:
    made_at = datetime(year, 1, 1, tzinfo=UTC)
    values = {key: getattr(block(*NAMES), key) for key in BlockList.__struct_fields__}
    values |= {"made_at": made_at, "expires_at": made_at + timedelta(hours=24)}
    made = BlockList(**values)
    zone = tmp_path / "rpz.fanal.zone"
    zone.write_bytes(write_zone(made))
    script = GUIDE.read_text().split("```sh\n")[1].split("```")[0]
    for _ in range(2):
        subprocess.run(["/bin/sh", "-euc", script], cwd=tmp_path, check=True)
    found = read_zone(zone.read_bytes())
    assert (found.names == frozenset()) is is_over
    assert found.serial == made.serial + is_over


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_serial_or_expiry_is_refused(form: str) -> None:
    made = block(*NAMES)
    content = write_file(made, FORMATS[form])
    values = {key: getattr(made, key) for key in BlockList.__struct_fields__}
    for change in ({"serial": made.serial + 1}, {"expires_at": NOW + timedelta(hours=1)}):
        with pytest.raises(ListWrong):
            FORMATS[form].check(content, BlockList(**{**values, **change}))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "added", [b"\n203.0.113.7 x.example\n", b"x.example\n", b"||x.example^\n", b"\xff", b"{}"]
)
def test_a_file_with_anything_more_is_refused(form: str, added: bytes) -> None:
    made = block(*NAMES)
    with pytest.raises(ListWrong):
        FORMATS[form].check(write_file(made, FORMATS[form]) + added, made)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", INJECTIONS)
def test_no_format_writes_what_is_no_name(form: str, name: str) -> None:
    made = block(*NAMES)
    forged = BlockList(
        serial=made.serial, made_at=made.made_at, expires_at=made.expires_at,
        stop_host=made.stop_host, entries=(entry(name),),
    )  # fmt: skip
    with pytest.raises(ValueError, match="no written host name"):
        FORMATS[form].write(forged)


def test_a_file_cut_within_quotes_is_refused_as_no_csv_file() -> None:
    for content in (b'"a.example', b'"a"b,c\n'):
        with pytest.raises(ListWrong, match="no CSV file"):
            FORMATS["csv"].check(content, block("a.example"))


def test_csv_and_json_give_the_dates_of_each_name() -> None:
    made = block(*NAMES)
    rows = list(csv.DictReader(FORMATS["csv"].write(made).decode().splitlines()))
    assert rows[0] == {
        "name": "pictures.example",
        "since": "2026-11-30T21:00:00Z",
        "expires": "2027-01-29T21:00:00Z",
        "list_serial": str(made.serial),
        "list_expires": "2026-12-01T21:00:00Z",
    }
    held = json.loads(FORMATS["json"].write(made))
    assert held["stop_host"] == "stop.fanal.test"
    assert held["entries"][0] == {key: rows[0][key] for key in ("name", "since", "expires")}


def signed(content: bytes = b"zone") -> bytes:
    return sign_manifest(block(*NAMES), file="rpz.fanal.zone", content=content, name=DESK, key=KEY)


def use(
    document: bytes, *, content: bytes = b"zone", now: datetime = NOW, loaded: tuple[int, ...] = ()
) -> ListManifest:
    found = open_manifest(document, keys=[PUBLIC])
    check_file(found, file="rpz.fanal.zone", content=content, now=now, loaded=loaded)
    return found


def test_a_manifest_has_the_fields_of_the_contract() -> None:
    made = block(*NAMES)
    held = json.loads(signed())
    assert {"serial", "made_at", "expires_at", "entries", "sha256"} <= set(held)
    assert (held["serial"], held["entries"]) == (made.serial, 3)
    assert use(signed()).expires_at == "2026-12-01T21:00:00Z"


def test_every_changed_field_is_refused() -> None:
    held = json.loads(signed())
    for key in held:
        value = held[key]
        for other in ([], "x", 7, f"{value}0", None):
            if other != value:
                with pytest.raises(ManifestRefused):
                    open_manifest(json.dumps({**held, key: other}).encode(), keys=[PUBLIC])
    for document in (b"", b"{}", b"[]", b"\xff", json.dumps({**held, "more": 1}).encode()):
        with pytest.raises(ManifestRefused):
            open_manifest(document, keys=[PUBLIC])


def test_a_witness_adds_a_line_and_a_stranger_is_no_signer() -> None:
    held = json.loads(signed())
    witness = Ed25519PrivateKey.generate()
    named = NoteKey(name="witness", public=witness.public_key())
    text = (
        "fanal/blocking-manifest/1\n"
        + json.dumps({k: v for k, v in held.items() if k != "signatures"}, separators=(",", ":"))
        + "\n"
    )
    line = sign_text(text, name="witness", key=witness).rpartition("\n\n")[2].strip()
    both = json.dumps({**held, "signatures": [*held["signatures"], line]}).encode()
    for keys in ([PUBLIC], [named], [PUBLIC, named]):
        assert open_manifest(both, keys=keys).entries == 3
    with pytest.raises(ManifestRefused, match="no signature of a known key"):
        open_manifest(signed(), keys=[named])


def test_no_signature_of_another_use_makes_a_manifest_or_a_checkpoint() -> None:
    held = json.loads(signed())
    of_log = checkpoint.sign(origin=DESK, size=42, root=bytes(32), name=DESK, key=KEY)
    line = of_log.note.rpartition("\n\n")[2].strip()
    smuggled = f"x\n\n{of_log.note.strip()}"
    for signatures in (
        [line],
        [smuggled],
        [*held["signatures"], ""],
        [f"{held['signatures'][0]}\n\n{line}"],
    ):
        with pytest.raises(ManifestRefused):
            open_manifest(json.dumps({**held, "signatures": signatures}).encode(), keys=[PUBLIC])
    text = (
        "fanal/blocking-manifest/1\n"
        + json.dumps({k: v for k, v in held.items() if k != "signatures"}, separators=(",", ":"))
        + "\n"
    )
    with pytest.raises(CheckpointRefused):
        open_note(f"{text}\n{held['signatures'][0]}\n", keys=[PUBLIC])


def test_a_list_is_used_until_its_expiry_and_never_after_a_later_one() -> None:
    serial = block().serial
    use(
        signed(), now=NOW + timedelta(hours=23, minutes=59, seconds=59), loaded=(serial, serial - 1)
    )
    with pytest.raises(ManifestRefused, match="expired"):
        use(signed(), now=NOW + timedelta(hours=24))
    with pytest.raises(ManifestRefused, match="a later list"):
        use(signed(), loaded=(serial - 1, serial + 1))
    with pytest.raises(ManifestRefused, match="another file"):
        use(signed(), content=b"other")
    with pytest.raises(ManifestRefused, match="another file"):
        check_file(
            open_manifest(signed(), keys=[PUBLIC]),
            file="blocking.csv",
            content=b"zone",
            now=NOW,
            loaded=(),
        )


@pytest.mark.parametrize("text", ["", "a", "a\n\nb\n", "a\n\n"])
def test_a_note_has_lines_that_are_not_empty(text: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a note"):
        sign_text(text, name=DESK, key=KEY)


def test_a_stored_manifest_is_opened_as_it_was_signed() -> None:
    assert msgspec.json.encode(open_manifest(signed(), keys=[PUBLIC])).startswith(
        b'{"file":"rpz.fanal.zone"'
    )
    assert datetime.fromisoformat(json.loads(signed())["made_at"]) == NOW.astimezone(UTC)
