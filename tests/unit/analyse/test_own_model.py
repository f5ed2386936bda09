"""A desk's own embedding model: a reader is trained for it, reads with it, and fits no other."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

from fanal.analyse.signals import engine, reading
from fanal.analyse.signals.domain.model import load_corpus
from fanal.analyse.signals.domain.text import Utterance
from fanal.analyse.signals.reading import NoReader, TextReader, shipped_reader
from fanal.config.environment import read_environment
from tests.unit.embedding.test_onnx_model import make

CORPUS = ["one.jsonl", "two.jsonl"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with a vector for each word of two corpus files, chosen by the setting for a new engine."""
    words = {w for x in load_corpus(CORPUS).labels for w in re.findall(r"\w+", x.text.lower())}
    make(tmp_path / "model", words=["[UNK]", *sorted(words)], width=64)
    monkeypatch.setenv("FANAL_TEXT_MODEL", str(tmp_path / "model"))
    monkeypatch.setattr(engine, "_STARTS", engine._Starts())
    monkeypatch.setattr(reading, "load_corpus", partial(load_corpus, CORPUS))
    return tmp_path / "model"


def test_a_reader_is_trained_for_it_and_reads_with_it_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(shipped_reader(), NoReader), "nothing is trained for it yet"
    header, weights, _ = reading.candidate()
    (folder / "reader").mkdir()
    (folder / "reader" / "model.json").write_bytes(header)
    (folder / "reader" / "weights.bin").write_bytes(weights)
    assert json.loads(header)["engine"].startswith("onnxruntime/")
    monkeypatch.setattr(engine, "_STARTS", engine._Starts())
    found = shipped_reader()
    assert isinstance(found, TextReader)
    assert found.version == json.loads(header)["version"]
    coded = [label for label in load_corpus(CORPUS).labels if label.codes][:40]
    right = [set(x.codes) & set(found.read([Utterance(text=x.text, path="")]).found) for x in coded]
    assert sum(map(bool, right)) > len(coded) / 2
    found.engine.engine.stop()
    (folder / "embedding.json").write_text('{"prefix": "query: "}')
    monkeypatch.setattr(engine, "_STARTS", engine._Starts())
    state = shipped_reader()
    assert isinstance(state, NoReader), "a changed model is another one"
    assert state.reason == "MODEL"
    monkeypatch.delenv("FANAL_TEXT_MODEL")
    monkeypatch.setattr(engine, "_STARTS", engine._Starts())
    assert isinstance(shipped_reader(), TextReader)


def test_without_its_folder_the_phrases_read_alone_and_everything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = str(tmp_path / "away")
    assert read_environment({"FANAL_TEXT_MODEL": away}).text_model == Path(away)
    monkeypatch.setenv("FANAL_TEXT_MODEL", away)
    monkeypatch.setattr(engine, "_STARTS", engine._Starts())
    assert isinstance(shipped_reader(), NoReader)
    assert isinstance(reading.reader_state(), NoReader)
