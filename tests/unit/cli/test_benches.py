"""A bench whose peer is not installed says which one, and what to do."""

import sys

import pytest

from fanal.cli.failures import CommandRefused, words
from fanal.cli.main import fanal


def test_a_missing_peer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(CommandRefused) as refused:
        fanal.main(["bench", "match", "--size", "1"], standalone_mode=False)
    told = words(refused.value.code, **refused.value.parameters)
    assert "faiss" in told
    assert "make setup-test" in told
