"""The reader of texts: segments, the model in force, its findings; the real engine reads a few sentences."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from fanal import reference
from fanal.analyse.priority.domain.facts import is_read, text_facts
from fanal.analyse.signals import reading
from fanal.analyse.signals.domain.learning import train
from fanal.analyse.signals.domain.meaning import DANGER, DANGERS, Label, Vectors
from fanal.analyse.signals.domain.model import (
    ModelUnfit,
    load_corpus,
    quantised,
    read_header,
    shipped_files,
    vectors_of,
)
from fanal.analyse.signals.domain.text import LONGEST, MAX_SEGMENTS, Utterance, segments, utterances
from fanal.analyse.signals.engine import Engine, engine_of_process
from fanal.analyse.signals.reading import (
    SHOWN_FROM,
    TEXT_CODES,
    NoReader,
    PhraseReader,
    TextReader,
    shipped_reader,
    understand,
)
from fanal.embedding.engine import EngineProcess, TextUnembedded
from fanal.formats.report.records import Message, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
HOSTILE = {
    "200 kB": "He wants her to keep it a secret from her mother. " * 4000,
    "one line": "a" * 200_000,
    "right to left": "يريد منها أن تخفي الأمر عن والديها " * 2000,
    "zalgo": "s\u0336\u0315e\u0337\u0301c\u0338r\u0334e\u0335t\u0336 " * 8000,
    "NUL": "\0" * 1000 + "keep it secret" + "\0",
    "emojis": "\U0001f600" * 10_000,
    "broken": "\ud800 secret \udfff",
    "one character of eighteen": "\ufdfa" * 20_000,
    "signs": "".join("!?;:,&%$#@^~|<>{}[]"[n * n % 19] for n in range(9000)),
    "random": "".join(chr(97 + n * n * 7 % 26 - 32 * (n % 3 == 1)) for n in range(9000)),
}


TOKENS = ("signs", "random")
"""Texts with a token for every character or two: four times as many as words have."""


@pytest.fixture(scope="module")
def reader() -> TextReader:
    found = shipped_reader()
    assert isinstance(found, TextReader), found
    return found


@pytest.fixture(scope="module")
def phrases() -> PhraseReader:
    return PhraseReader()


def report(**values: object) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        **values,  # type: ignore[arg-type]
    )


def cut(text: str) -> list[str]:
    return [s.text for s in segments([Utterance(path="description", text=text)])[0]]


def _cpu_of_engine() -> float:
    """Return the processor time of the engine's process, in seconds (proc(5), stat, fields 14 and 15)."""
    engine = engine_of_process().engine
    assert isinstance(engine, EngineProcess)
    fields = Path(f"/proc/{engine.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_short_text_is_one_segment_and_a_long_one_overlapping_windows() -> None:
    assert cut("First sentence. Second one!") == ["First sentence. Second one!"]
    windows = cut("This is a sentence of about fifty characters, yes. " * 30)
    assert len(windows) > 2
    assert all(len(window) <= LONGEST + 40 for window in windows)
    assert windows[0].endswith("yes.")
    assert cut("") == []


def test_a_conversation_is_cut_with_its_speakers_and_message_numbers() -> None:
    said = list(
        utterances(
            report(
                conversation=(
                    Message(speaker="A", text="How old are you?"),
                    Message(speaker="B", text="12"),
                )
            )
        )
    )
    (segment,), left = segments(said)
    assert segment.text == "A: How old are you?\nB: 12"
    assert (segment.speaker, segment.message, left) == (None, 0, 0)


def test_of_a_very_long_text_the_beginning_and_the_end_are_read() -> None:
    found, left = segments(
        [
            Utterance(
                path="description",
                text="".join(f"Sentence {n}. " + "x" * 500 + ". " for n in range(30)),
            )
        ]
    )
    assert len(found) == MAX_SEGMENTS
    assert left > 0
    assert "Sentence 0." in found[0].text


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"Monsieur Facteur du mati{n % 10}: a" for n in range(700)),
        "\n".join(f"{chr(0x4E00 + n % 9) * 24}{n % 10}: a" for n in range(700)),
        "".join(chr(0x4E00 + n % 9000) for n in range(20_000)),
        "\N{GRINNING FACE}" * 10_000 + "a" * 40_000,
    ],
    ids=["names", "names-of-three-bytes", "no-sentence", "emojis"],
)
def test_what_is_embedded_is_bounded_in_bytes_whoever_speaks_however(text: str) -> None:
    """A worker that takes ten seconds of processor time for a report is ended: bytes are time."""
    said = list(utterances(report(description=text)))
    found, left = segments(said)
    assert left > 0
    assert sum(len(s.text.encode()) for s in found) <= MAX_SEGMENTS * (LONGEST + 40)


def test_the_model_in_force_belongs_to_the_corpus_and_the_engine_of_this_tree() -> None:
    header = read_header(shipped_files())
    assert header.corpus == load_corpus().files, "run `fanal signals train`"
    assert header.engine == engine_of_process().name
    assert set(header.columns) >= TEXT_CODES
    assert (
        header.weights == sha256(shipped_files().joinpath("weights.bin").read_bytes()).hexdigest()
    )


def test_its_quality_on_hands_left_out_holds_the_least_that_is_promised() -> None:
    known, other = read_header(shipped_files()).quality
    assert known.f1 >= 0.70
    assert known.plain <= 0.08
    assert other.recall >= 0.45
    assert min(recall for _, _, recall in known.codes.values()) >= 0.40


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("A man online told my daughter to hide their talks from us and to erase each message.", {"GROOMING_SECRECY"}),
        ("Ma fille doit rejoindre demain à 15 h à la gare un adulte rencontré sur un jeu.", {"IMMINENCE_MEETING_PLANNED"}),
        ("Er droht, ihre privaten Fotos an alle zu schicken, wenn sie nicht zahlt.", {"SEXTORTION_EXPOSURE"}),
    ],
)  # fmt: skip
def test_it_understands_what_is_said_in_any_words(
    text: str, codes: set[str], reader: TextReader, phrases: PhraseReader
) -> None:
    understood = understand(text, NOW, reader, phrases)
    assert codes <= {finding.code for finding in understood.signals}
    for finding in understood.signals:
        if finding.rule_version == reader.version:
            parameters = finding.because.parameters
            assert finding.because.code.startswith("MEANING")
            assert parameters["engine"] == reader.version
            assert len(parameters["nearest"]) == 3  # type: ignore[arg-type]
            for lang in ("fr", "en"):
                sentence = reference.render(finding.because.code, parameters, lang)
                assert reader.version in sentence
                assert "?" not in sentence.replace(str(parameters["example"]), "")


def test_an_everyday_text_has_a_nature_and_no_code(
    reader: TextReader, phrases: PhraseReader
) -> None:
    understood = understand(
        "Hello, I am only testing whether this form works.", NOW, reader, phrases
    )
    assert (understood.signals, understood.nature) == ((), "TEST")


def test_an_event_to_come_says_in_how_many_hours(reader: TextReader) -> None:
    text = "Elle doit le rejoindre demain à 15 h devant la piscine, il a 40 ans."
    found = {f.code: f for f in reader.findings(report(description=text), received_at=NOW)}
    planned = found["IMMINENCE_MEETING_PLANNED"].because.parameters
    assert (planned["hours_from"], planned["hours_to"]) == (29, 30)


def test_a_danger_told_names_its_segment_and_texts_alike(reader: TextReader) -> None:
    text = "He has locked the door and she cannot get out, he is with her right now."
    said = report(description=text)
    (found,) = (f for f in reader.findings(said, received_at=NOW) if f.code == DANGER)
    assert found.score > 0.7
    assert found.value == text
    told = found.because.parameters["nearest"]
    assert isinstance(told, list)
    labels = {label.id: label for label in reader.model.labels}
    for each in told:
        assert set(labels[each.rpartition(", ")[2].rstrip(")")].codes) & set(DANGERS)
    assert is_read(found)


def test_everyday_talk_lowers_no_danger_that_another_part_of_the_text_tells(
    reader: TextReader,
) -> None:
    danger = Message(speaker="lea", text="He has locked the door, I cannot get out, he is with me.")
    said = report(
        description="On a parlé du match et du devoir de maths. " * 20, conversation=(danger,)
    )
    found = {f.code: f for f in reader.findings(said, received_at=NOW)}
    nature = found["IMMINENCE_ONGOING"].because.parameters["nature"]
    assert isinstance(nature, float)
    assert nature < 0.2
    assert max(f.score for f in found.values() if f.category == "NATURE") > 0.5
    facts = dict(text_facts(tuple(found.values()), emergency=False, files=False))
    assert facts["danger_read"] > 0.7


def test_an_everyday_text_tells_no_danger(reader: TextReader) -> None:
    said = report(description="I am at the gate with my daughter, the bell is broken, come down.")
    assert DANGER not in {
        f.code for f in reader.findings(said, received_at=NOW) if f.score >= SHOWN_FROM
    }
    assert DANGER not in reader.model.codes


def test_without_an_engine_the_phrase_rules_read_alone(phrases: PhraseReader) -> None:
    understood = understand("it's our little secret ok", NOW, NoReader("ENGINE", ""), phrases)
    assert [f.code for f in understood.signals] == ["GROOMING_SECRECY"]
    assert understood.nature is None


def test_a_report_without_free_text_costs_no_embedding(
    reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "engine", None)
    assert reader.findings(report(), received_at=NOW) == []


def test_a_segment_is_embedded_once(reader: TextReader, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = report(description="A text that nobody has read before this test.")
    first = reader.findings(subject, received_at=NOW)
    monkeypatch.setattr(engine_of_process().engine, "embed", None)
    assert reader.findings(subject, received_at=NOW) == first


_USUAL_SECONDS = 0.04
"""Time of the loop on the machine for which the bounds were set; a shared one may take several times that."""


def _seconds_of_a_loop() -> float:
    started = time.process_time()
    sum(number & 7 for number in range(1_000_000))
    return time.process_time() - started


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_read_in_bounded_time(
    name: str, reader: TextReader, phrases: PhraseReader
) -> None:
    slowness = max(1.0, _seconds_of_a_loop() / _USUAL_SECONDS)
    started = time.process_time() + _cpu_of_engine()
    understood = understand(HOSTILE[name], NOW, reader, phrases)
    took = time.process_time() + _cpu_of_engine() - started
    assert took < (12 if name in TOKENS else 4) * slowness
    if name == "200 kB":
        assert {f.because.code for f in understood.signals} == {"MEANING_CAPPED"}


def test_a_segment_that_ends_the_engine_s_process_is_left_out_alone(
    reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The character that overran the engine's memory, as it came before it was replaced."""
    monkeypatch.setattr("fanal.embedding.engine._SWELLING", "\0")
    said = [
        Utterance(path="description", text="A man online told my daughter to hide their talks. "),
        Utterance(path="conversation/0", text="\ufdfa" * 150),
    ]
    reading = reader.read(said)
    assert (len(reading.parts), reading.unread) == (1, 1)
    assert "GROOMING_SECRECY" in reading.codes


@pytest.mark.long
def test_the_end_of_a_chat_with_dates_and_hours_is_read(reader: TextReader) -> None:
    """Such lines have half as many tokens again as prose; all are read."""
    lines = [
        f"[12/10/2026 18:{n:02}:07] +33 6 12 34 56 {n:02}: ok, à demain alors pour le match n° {n}."
        for n in range(60)
    ]
    reading = reader.read([Utterance(path="description", text="\n".join(lines))])
    assert sum(reader.engine.tokens([part[0].text for part in reading.parts])) > 2_000
    assert reading.unread == 0


@pytest.mark.long
def test_what_the_model_did_not_read_is_a_finding_even_without_any_other(
    reader: TextReader,
) -> None:
    found = reader.findings(report(description=HOSTILE["signs"]), received_at=NOW)
    [unread] = [finding for finding in found if finding.code == "TEXT_UNREAD"]
    assert (unread.category, unread.score, unread.rule_version) == ("TEXT", 0.0, reader.version)
    for lang in ("fr", "en"):
        sentence = reference.render(unread.because.code, unread.because.parameters, lang)
        assert reader.version in sentence
        assert str(unread.because.parameters["unread"]) in sentence
    assert not is_read(unread)


@pytest.mark.long
def test_costly_segments_are_left_out_before_others(reader: TextReader) -> None:
    text = "He wants to meet her in the forest on Tuesday, and she must tell nobody. "
    said = [
        Utterance(path="description", text=HOSTILE["signs"][:3_000]),
        Utterance(path="conversation/0", text=text),
    ]
    reading = reader.read(said)
    assert reading.unread
    assert "GROOMING_MEETING" in reading.found
    read = [segment for segment, _, _ in reading.parts]
    assert read == [segment for segment in segments(said)[0] if segment in read]


class _Ends:
    """An engine that a marked text ends: it counts what it was asked."""

    def __init__(self, engine: Engine, marker: str) -> None:
        self.name, self.engine, self.marker, self.failed = engine.name, engine, marker, 0

    def start(self) -> None:
        self.engine.start()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self._look(texts)
        return self.engine.embed(texts)

    def tokens(self, texts: Sequence[str]) -> list[int]:
        self._look(texts)
        return self.engine.tokens(texts)

    def _look(self, texts: Sequence[str]) -> None:
        if any(self.marker in text for text in texts):
            self.failed += 1
            raise TextUnembedded("it does not end")


def test_a_text_that_ends_the_engine_again_and_again_is_left(reader: TextReader) -> None:
    """Each end may cost seconds: a text has two, and the rest of it stays unread."""
    ending = _Ends(reader.engine, "never ends")
    told = TextReader(ending, reader.model, version=reader.version)
    harmless = Utterance(path="description", text="A man online told my daughter to hide it. ")
    hostile = [Utterance(path=f"conversation/{n}", text="This never ends. " * 30) for n in range(9)]
    reading = told.read([harmless, *hostile])
    assert (len(reading.parts), ending.failed) == (1, 2)
    assert reading.unread >= 8


@pytest.mark.long
def test_training_is_deterministic_and_keeps_vectors() -> None:
    labels, vectors = few()
    one, other = train(labels, vectors), train(labels, vectors)
    assert all((a == b).all() for a, b in zip(one.coefficients, other.coefficients, strict=True))
    assert (one.ways, one.quality) == (other.ways, other.quality)
    assert (quantised(vectors) == vectors).all()


def test_a_model_of_another_corpus_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelUnfit):
        load_corpus(["none.jsonl"])
    monkeypatch.setattr(reading, "_ENGINE", "no_such_engine")
    state = reading.reader_state()
    assert isinstance(state, NoReader)
    assert state.reason == "ENGINE"


def few() -> tuple[list[Label], np.ndarray]:
    """Return some labelled texts of three hands with their vectors."""
    labels = [label for label in load_corpus().labels if label.id.endswith(("1", "7"))][::3]
    known = vectors_of(shipped_files())
    return labels, np.stack([known[label.text] for label in labels])
