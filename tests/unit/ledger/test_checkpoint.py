"""Signed notes: what is signed verifies, anything else does not."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.ledger.domain import checkpoint
from fanal.ledger.domain.checkpoint import CheckpointRefused, NoteKey, open_note, split_notes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = "fanal.test/ledger"
PUBLIC = NoteKey(name=NAME, public=KEY.public_key())
SIGNED = checkpoint.sign(origin=NAME, size=42, root=bytes(range(32)), name=NAME, key=KEY)


def test_the_text_is_that_of_the_specification() -> None:
    lines = SIGNED.note.split("\n")
    assert lines[:4] == [NAME, "42", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith(f"— {NAME} ")
    assert open_note(SIGNED.note, keys=[PUBLIC]) == SIGNED


def test_every_changed_character_is_refused() -> None:
    for position, character in enumerate(SIGNED.note):
        for other in ("x", "\n", "1"):
            if other != character:
                note = SIGNED.note[:position] + other + SIGNED.note[position + 1 :]
                with pytest.raises(CheckpointRefused):
                    open_note(note, keys=[PUBLIC])


def test_the_signatures_of_witnesses_are_skipped() -> None:
    witness = Ed25519PrivateKey.generate()
    other = checkpoint.sign(origin=NAME, size=42, root=SIGNED.root, name="witness", key=witness)
    both = SIGNED.note + other.note.rpartition("\n\n")[2]
    assert open_note(both, keys=[PUBLIC]).size == 42
    assert open_note(both, keys=[NoteKey(name="witness", public=witness.public_key())]).size == 42


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        "a\n1\nAA==\n\n",
        SIGNED.note[:-1],
        SIGNED.note + "\n",
        "x" * 20_000 + "\n\n— a b\n",
    ],
)
def test_malformed_notes_are_refused(note: str) -> None:
    with pytest.raises(CheckpointRefused):
        open_note(note, keys=[PUBLIC])


@pytest.mark.parametrize("size", ["042", "-1", "+1", "1.0", "٤٢", "9" * 25])
def test_a_size_has_one_form(size: str) -> None:
    text = f"{NAME}\n{size}\n{SIGNED.note.split(chr(10))[2]}\n"
    value = base64.b64encode(PUBLIC.key_id + KEY.sign(text.encode())).decode()
    with pytest.raises(CheckpointRefused):
        open_note(f"{text}\n— {NAME} {value}\n", keys=[PUBLIC])


def test_another_key_of_the_same_name_is_no_key() -> None:
    other = NoteKey(name=NAME, public=Ed25519PrivateKey.generate().public_key())
    with pytest.raises(CheckpointRefused):
        open_note(SIGNED.note, keys=[other])


def test_a_file_of_notes_is_split_and_a_half_one_left_out() -> None:
    later = checkpoint.sign(origin=NAME, size=43, root=bytes(32), name=NAME, key=KEY)
    content = f"{SIGNED.note}\n{later.note}\n"
    assert split_notes(content) == [SIGNED.note, later.note]
    assert split_notes("") == []
    for cut in range(len(SIGNED.note) + 1, len(content)):
        assert split_notes(content[:cut])[:1] == [SIGNED.note]
        assert len(split_notes(content[:cut])) == 1, content[:cut]


def test_a_verifier_key_reads_back() -> None:
    assert NoteKey.decode(PUBLIC.encode()).key_id == PUBLIC.key_id
    for text in ("", "a", "a+b", PUBLIC.encode().replace("ledger", "lodger"), "a+00000000+AQ=="):
        with pytest.raises(CheckpointRefused):
            NoteKey.decode(text)


@pytest.mark.parametrize(("origin", "name"), [("", "a"), ("a\nb", "a"), ("a", "a b"), ("a", "a+b")])
def test_names_that_break_the_format_are_refused(origin: str, name: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        checkpoint.sign(origin=origin, size=1, root=bytes(32), name=name, key=KEY)
