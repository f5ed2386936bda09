"""The hidden draft: opens for this node, for a while, unchanged, within its size; for nobody else."""

import base64
import os
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings, strategies as st

from fanal.formats.report.read import MAX_TEXT_BYTES
from fanal.intake.domain.receipt import read_code
from fanal.web.public.sealed import (
    FORGOTTEN_AFTER,
    MOST_PLAIN,
    MOST_SEALED,
    NEW_AFTER,
    DraftKeys,
    DraftRefused,
    HiddenDraft,
    is_waiting_over,
    new_draft,
    seal,
    unseal,
)
from fanal.web.public.steps import STEPS

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> DraftKeys:
    return DraftKeys(tmp_path / "keys" / "drafts.json")


def _draft() -> HiddenDraft:
    return msgspec.structs.replace(new_draft(NOW), answers={"description": "plain words é"})


def test_round_trip(keys: DraftKeys) -> None:
    draft = _draft()
    assert unseal(seal(draft, keys=keys, now=NOW), keys=keys, now=NOW) == draft
    assert read_code(draft.code) == draft.code


def test_nothing_is_readable_in_the_field(keys: DraftKeys) -> None:
    draft = _draft()
    raw = base64.urlsafe_b64decode(seal(draft, keys=keys, now=NOW))
    for secret in (b"plain words", draft.code.encode(), draft.submission.encode()):
        assert secret not in raw


def test_two_seals_differ(keys: DraftKeys) -> None:
    draft = _draft()
    assert seal(draft, keys=keys, now=NOW) != seal(draft, keys=keys, now=NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_refused(keys: DraftKeys, place: int, flip: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(seal(_draft(), keys=keys, now=NOW)))
    raw[place % len(raw)] ^= flip
    with pytest.raises(DraftRefused):
        unseal(base64.urlsafe_b64encode(raw).decode(), keys=keys, now=NOW)


@pytest.mark.parametrize("field", ["", "x", "not base64 !", "é", "A" * 40, "A" * (MOST_SEALED + 4)])
def test_foreign_fields_are_refused(keys: DraftKeys, field: str) -> None:
    seal(_draft(), keys=keys, now=NOW)
    with pytest.raises(DraftRefused):
        unseal(field, keys=keys, now=NOW)


def test_another_node_cannot_open(keys: DraftKeys, tmp_path: Path) -> None:
    field = seal(_draft(), keys=keys, now=NOW)
    with pytest.raises(DraftRefused):
        unseal(field, keys=DraftKeys(tmp_path / "other" / "drafts.json"), now=NOW)


def test_opens_for_four_hours_and_never_after_six(keys: DraftKeys) -> None:
    field = seal(_draft(), keys=keys, now=NOW)
    later = NOW + timedelta(hours=4)
    seal(_draft(), keys=keys, now=later)
    assert unseal(field, keys=keys, now=later)
    with pytest.raises(DraftRefused):
        unseal(field, keys=keys, now=NOW + FORGOTTEN_AFTER)


def test_a_key_seals_for_two_hours_so_every_draft_lives_four(keys: DraftKeys) -> None:
    keys.sealing(NOW)
    last = NOW + NEW_AFTER - timedelta(seconds=1)
    field = seal(_draft(), keys=keys, now=last)
    assert unseal(field, keys=keys, now=last + timedelta(hours=4) - timedelta(seconds=1))


def test_processes_share_and_the_file_forgets(tmp_path: Path) -> None:
    path = tmp_path / "drafts.json"
    one, two = DraftKeys(path), DraftKeys(path)
    field = seal(_draft(), keys=one, now=NOW)
    assert unseal(field, keys=two, now=NOW)
    assert path.stat().st_mode & 0o777 == 0o600
    first = one.sealing(NOW)[1]
    one.sealing(NOW + FORGOTTEN_AFTER)
    assert base64.b64encode(first) not in path.read_bytes()


def test_a_broken_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "drafts.json"
    path.write_bytes(b"{half")
    keys = DraftKeys(path)
    assert unseal(seal(_draft(), keys=keys, now=NOW), keys=keys, now=NOW)


def test_without_room_for_a_new_key_the_newest_seals_on(
    keys: DraftKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = keys.sealing(NOW)
    other = DraftKeys(tmp_path / "keys" / "drafts.json")

    def no_room(*_: object, **__: object) -> int:
        raise OSError(28, "no space")

    later = NOW + NEW_AFTER + timedelta(minutes=1)
    with monkeypatch.context() as full:
        full.setattr(os, "open", no_room)
        assert keys.sealing(later) == first
        with pytest.raises(OSError, match="no space"):
            keys.sealing(NOW + FORGOTTEN_AFTER)
    with monkeypatch.context() as full:
        full.setattr(os, "fdopen", no_room)
        field = seal(_draft(), keys=other, now=later)
    assert unseal(field, keys=DraftKeys(tmp_path / "keys" / "drafts.json"), now=later)
    assert keys.sealing(later) != first


def test_a_bomb_stops_at_the_cap(keys: DraftKeys) -> None:
    key_id, key = keys.sealing(NOW)
    nonce = bytes(12)
    bomb = zlib.compress(b" " * (50 * MOST_PLAIN), 9)
    box = AESGCM(key).encrypt(nonce, bomb, b"fanal/public/draft/v1" + key_id)
    with pytest.raises(DraftRefused):
        unseal(base64.urlsafe_b64encode(key_id + nonce + box).decode(), keys=keys, now=NOW)


def test_every_answer_at_its_limit_travels(keys: DraftKeys) -> None:
    answers = {
        field.name: "".join(chr(0x4E00 + (i * 7919) % 20_000) for i in range(field.limit))
        for step in STEPS
        for field in step.fields
    }
    draft = msgspec.structs.replace(new_draft(NOW), answers=answers)
    assert unseal(seal(draft, keys=keys, now=NOW), keys=keys, now=NOW).answers == answers


def test_every_answer_at_its_limit_travels_whatever_its_letters(keys: DraftKeys) -> None:
    """Letters drawn at random pack worst; the longest texts are bounded in bytes too."""
    drawn = Random(5)
    for first, last, most in ((0x21, 0x7E, 1), (0xA1, 0xD7FF, 3), (0x10000, 0x10FFFF, 4)):
        answers = {
            field.name: "".join(
                chr(drawn.randint(first, last))
                for _ in range(min(field.limit, MAX_TEXT_BYTES // most))
            )
            for step in STEPS
            for field in step.fields
        }
        draft = msgspec.structs.replace(new_draft(NOW), answers=answers)
        assert unseal(seal(draft, keys=keys, now=NOW), keys=keys, now=NOW).answers == answers


def test_waiting() -> None:
    draft = _draft()
    assert not is_waiting_over(draft, now=NOW, seconds=10)
    shown = msgspec.structs.replace(draft, checked_at=int(NOW.timestamp()))
    assert not is_waiting_over(shown, now=NOW + timedelta(seconds=9), seconds=10)
    assert is_waiting_over(shown, now=NOW + timedelta(seconds=10), seconds=10)
    assert is_waiting_over(
        shown, now=NOW - timedelta(hours=1), seconds=10
    )  # the clock was set back
