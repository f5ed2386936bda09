"""A desk's own embedding model: a reader is trained for it, reads with it, and fits no other."""

import json
import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from fanal.analyse.signals import engine, reading
from fanal.analyse.signals.domain.model import load_corpus
from fanal.analyse.signals.domain.text import Utterance
from fanal.analyse.signals.reading import (
    NoReader,
    PhraseReader,
    TextReader,
    shipped_reader,
    understand,
)
from fanal.config.environment import read_environment
from fanal.embedding.engine import TextUnembedded
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from tests.unit.embedding.test_onnx_model import make, put_table

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


@pytest.mark.long
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


@pytest.mark.long
def test_a_word_without_a_vector_leaves_its_text_to_the_phrases_and_is_not_learnt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a text read as one that tells nothing, and a model that knew no text of the corpus was trained."""
    words = {w for x in load_corpus(CORPUS).labels for w in re.findall(r"\w+", x.text.lower())}
    table = make(folder, words=["[UNK]", *sorted(words), "zzyzx"], width=64)
    table[-1] = np.nan
    put_table(folder, table)
    header, weights, _ = reading.candidate()
    (folder / "reader").mkdir()
    (folder / "reader" / "model.json").write_bytes(header)
    (folder / "reader" / "weights.bin").write_bytes(weights)
    found, phrases = shipped_reader(), PhraseReader()
    assert isinstance(found, TextReader)
    at = datetime(2026, 11, 30, tzinfo=UTC)
    text = "This stays our secret, do not tell your mum. zzyzx"
    subject = HarmonisedReport(
        report_id=UUID(int=0), reference="", kind=ReportKind.OTHER, description=text
    )
    assert [x.code for x in found.findings(subject, received_at=at)] == ["TEXT_UNREAD"]
    understood = understand(text, at, found, phrases).signals
    assert understood == understand(text, at, NoReader("ENGINE", ""), phrases).signals
    assert understood
    found.engine.engine.stop()
    table[:] = np.nan
    put_table(folder, table)
    monkeypatch.setattr(engine, "_STARTS", engine._Starts())
    with pytest.raises(TextUnembedded):
        reading.candidate()
    engine._STARTS._process.stop()
