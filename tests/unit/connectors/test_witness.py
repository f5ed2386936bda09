"""Asking a witness: whole deadlines, what a lying one can do to the log, and the settings."""

import hashlib
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.connectors.witness import WitnessSetting, ask, read_settings
from fanal.ledger.domain.checkpoint import NoteKey, sign
from fanal.measures.transparency import tiles
from fanal.measures.transparency.cosignature import (
    CosignatureRefused,
    WitnessKey,
    cosign,
    cosigned_at,
)
from fanal.measures.transparency.cosigned import WitnessSilent, locked, obtain
from tests import witnesses

LOG_KEY, THEIRS, OTHER = (Ed25519PrivateKey.generate() for _ in range(3))
KNOWN = NoteKey(name="log.test/t", public=LOG_KEY.public_key())
WITNESS = WitnessKey(name="witness.test", public=THEIRS.public_key())
NOW = datetime(2026, 12, 3, 6, tzinfo=UTC)
SECONDS = 0.6


def grown(folder: Path, size: int) -> str:
    """Bring a log to a size; return its new checkpoint."""
    before = tiles.read_checkpoint(folder, keys=[KNOWN])
    old = before.size if before else 0
    words = [hashlib.sha256(str(n).encode()).digest() for n in range(old, size)]
    root = tiles.append(folder, size=old, commitments=words)
    note = sign(origin=KNOWN.name, size=size, root=root, name=KNOWN.name, key=LOG_KEY).note
    tiles.put_checkpoint(folder, note)
    return note


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "log").mkdir()
    grown(tmp_path / "log", 5)
    yield tmp_path / "log"
    point = tiles.read_checkpoint(tmp_path / "log", keys=[KNOWN])  # it can still be read
    assert point is not None
    grown(tmp_path / "log", point.size + 1)


def asked(log: Path, url: str, *, seconds: float = SECONDS) -> str:
    setting = WitnessSetting(url=url, key=WITNESS.encode())
    return obtain(log, keys=(KNOWN,), witness=WITNESS, ask=partial(ask, setting, seconds=seconds))


def line(note: str, *, key: Ed25519PrivateKey = THEIRS, name: str = WITNESS.name) -> bytes:
    return f"{cosign(note, name=name, key=key, now=NOW)}\n".encode()


@pytest.mark.parametrize(
    "serve",
    [
        witnesses.hang, witnesses.drip, witnesses.drip_head, witnesses.junk, witnesses.closes,
        witnesses.says(b""), witnesses.says(b"\xff\xfe"), witnesses.says(b"no line\n"),
        witnesses.says(b"9" * 9000, "409 Conflict"), witnesses.says(b"3\n", "409 Conflict"),
        witnesses.says("٣".encode(), "409 Conflict"), witnesses.says(b"-1", "409 Conflict"),
        witnesses.says(b"", "302 Found"), witnesses.says(b"x" * 2_000_000),
    ],
    ids=[
        "hangs", "drips", "drips headers", "no http", "closes", "empty", "no text", "no signature",
        "huge size", "always another size", "other digits", "negative", "redirect", "long",
    ],
)  # fmt: skip
def test_a_witness_without_an_answer_costs_its_time_and_no_more(
    log: Path, serve: witnesses.Serve
) -> None:
    before, start = (log / "checkpoint").read_bytes(), time.monotonic()
    with witnesses.listening(serve) as url, pytest.raises(WitnessSilent):
        asked(log, url)
    assert time.monotonic() - start < SECONDS * 2 + 1
    assert (log / "checkpoint").read_bytes() == before


def test_an_address_where_nothing_listens(log: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        url = f"http://127.0.0.1:{one.getsockname()[1]}"
    with pytest.raises(WitnessSilent):
        asked(log, url)


def test_lines_of_other_keys_and_of_older_checkpoints_are_no_cosignature(log: Path) -> None:
    old = (log / "checkpoint").read_text()
    note = grown(log, 9)
    for body in (line(note, key=OTHER), line(old), line(note, name="other.test"), line(note)[:-9]):
        with witnesses.listening(witnesses.says(body)) as url, pytest.raises(WitnessSilent):
            asked(log, url)
    assert (log / "checkpoint").read_text() == note


def test_only_the_line_of_the_witness_is_kept(log: Path) -> None:
    """What a witness adds to its line would otherwise stand in the public checkpoint."""
    note = (log / "checkpoint").read_text()
    body = b"junk\n" + line(note, key=OTHER, name="other.test") + line(note) + b"\n\nmore\n"
    with witnesses.listening(witnesses.says(body)) as url:
        found = asked(log, url)
    assert (log / "checkpoint").read_text() == note + line(note).decode() == found
    assert cosigned_at(found, key=WITNESS) == NOW


def test_a_witness_that_signs_a_longer_text_does_not_spoil_the_checkpoint(log: Path) -> None:
    """Its key is the right one, its text is ours with more: our checkpoint would be no checkpoint."""
    note = (log / "checkpoint").read_text()
    longer = f"{note}words\n\n"
    body = b"words\n\n" + line(longer)
    assert cosigned_at(note + body.decode(), key=WITNESS)
    with witnesses.listening(witnesses.says(body)) as url, pytest.raises(WitnessSilent):
        asked(log, url)
    assert (log / "checkpoint").read_text() == note


def test_a_process_that_holds_the_folder_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    start = time.monotonic()
    with locked(tmp_path), pytest.raises(TimeoutError), locked(tmp_path, seconds=0.2):
        pass
    assert time.monotonic() - start < 2


def settings(home: Path, text: str) -> Path:
    (home / "witness.toml").write_text(text)
    return home


def test_the_settings(tmp_path: Path) -> None:
    assert read_settings(tmp_path) is None
    key = WITNESS.encode()
    one = read_settings(settings(tmp_path, f'url = "http://w.test:81/x"\nkey = "{key}"\n'))
    assert one is not None
    assert (len(one.witnesses), one.wait) == (1, 10)
    other = WitnessKey(name="second.test", public=OTHER.public_key()).encode()
    text = "wait = 3\n" + "".join(
        f'[[witness]]\nurl = "https://w.test"\nkey = "{k}"\n' for k in (key, other)
    )
    two = read_settings(settings(tmp_path, text))
    assert two is not None
    assert ([one.public().name for one in two.witnesses], two.wait) == (
        ["witness.test", "second.test"],
        3,
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "[[witness", "wait = 3", 'url = "http://w.test"', "wait = 0\n", "wait = 301\n", "more = 1\n",
        "url = 'ftp://w.test'\n", "url = 'http://w.test:99999'\n", "url = 'http:///x'\n", "key = 'x'\n",
        "key = 'witness.test+00000000+BAAA'\n", "[[witness]]\nurl = 'http://v.test'\nkey = 'KEY'\n",
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_no_settings_without_a_witness(
    tmp_path: Path, text: str
) -> None:
    good = {"url": '"http://w.test"', "key": f'"{WITNESS.encode()}"'}
    if text.startswith(
        ("wait = 0", "wait = 301", "more", "url = 'f", "url = 'http:", "key", "[[witness]]")
    ):
        rest = "".join(f"{k} = {v}\n" for k, v in good.items() if not text.startswith(k))
        text = rest + text.replace("KEY", WITNESS.encode())
    with pytest.raises(CosignatureRefused, match=r"witness\.toml"):
        read_settings(settings(tmp_path, text))


def test_settings_that_cannot_be_read_are_not_their_absence(tmp_path: Path) -> None:
    (tmp_path / "witness.toml").mkdir()
    with pytest.raises(CosignatureRefused):
        read_settings(tmp_path)
    (tmp_path / "witness.toml").rmdir()
    (tmp_path / "witness.toml").symlink_to(tmp_path / "gone")
    with pytest.raises(CosignatureRefused):
        read_settings(tmp_path)
