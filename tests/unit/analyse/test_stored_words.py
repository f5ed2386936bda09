"""The known words that set-up stores beside the shipped reader: those of the corpus, and of no other model."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fanal.analyse.signals.domain.meaning import words_of
from fanal.analyse.signals.domain.model import (
    HEADER,
    WORDS,
    load,
    shipped_files,
    stored_words,
    words_key,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model and of what set-up stored beside it."""
    for name in (HEADER, WORDS):
        shutil.copy(str(shipped_files().joinpath(name)), tmp_path)
    return tmp_path


@pytest.mark.long
def test_what_is_stored_is_what_is_counted() -> None:
    stored = stored_words(shipped_files())
    assert stored is not None, "stored by scripts/prepare_web.py"
    shipped = load(shipped_files())
    assert shipped.words.vocabulary == stored.vocabulary
    counted = words_of(shipped.labels, shipped._coefficients[0])
    assert list(stored.vocabulary.numbers) == list(counted.vocabulary.numbers)
    assert stored.vocabulary == counted.vocabulary
    assert np.array_equal(stored.weights, counted.weights)
    assert stored.weights.dtype == counted.weights.dtype


def cut(content: bytes) -> bytes:
    return content[:-100]


def flipped(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]


@pytest.mark.parametrize("harmed", [cut, flipped, lambda _: b"", lambda _: b"no archive"])
def test_damaged_words_are_not_read(folder: Path, harmed: Callable[[bytes], bytes]) -> None:
    assert stored_words(folder) is not None
    (folder / WORDS).write_bytes(harmed((folder / WORDS).read_bytes()))
    assert stored_words(folder) is None


def test_words_of_another_model_are_not_read(folder: Path) -> None:
    key = words_key(folder)
    with (folder / HEADER).open("ab") as header:
        header.write(b"\n")
    assert words_key(folder) != key
    assert stored_words(folder) is None


def test_without_stored_words_there_are_none(folder: Path) -> None:
    (folder / WORDS).unlink()
    assert stored_words(folder) is None
