"""A sentence that tells a danger by itself is read by itself, where the sentences around it dilute it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from fanal import reference
from fanal.analyse.analysis import ReporterAnswer, meanings_of
from fanal.analyse.domain.records import Because, Finding
from fanal.analyse.priority.domain.facts import is_read, text_facts
from fanal.analyse.signals.domain.imminence import (
    ALONE,
    ALONE_FROM,
    MOST_ALONE,
    TOLD_FROM,
    danger_of,
    worth_reading,
)
from fanal.analyse.signals.domain.meaning import Vectors
from fanal.analyse.signals.domain.text import Utterance, segments, utterances
from fanal.analyse.signals.engine import MOST_TOKENS, Engine
from fanal.analyse.signals.reading import TextReader, shipped_reader
from fanal.embedding.engine import TextUnembedded
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.ids import new_id

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
DANGER = {
    "fr": "Il vient ce soir à 18h devant chez moi, il va me forcer à le suivre, j'ai peur.",
    "en": "He is coming to my place tonight at 6 pm, he is going to force me, I'm scared.",
}
HARMLESS = {
    "fr": (
        "On a parlé du match et du devoir de maths.",
        "Nous avons une petite maison avec un jardin.",
        "Le bus était encore en retard mardi.",
        "Ma sœur apprend le piano depuis deux ans.",
        "À la cantine il y avait des pâtes.",
        "Il a plu toute la semaine dernière.",
    ),
    "en": (
        "We talked about the match and the maths homework.",
        "We have a small house with a garden.",
        "The bus was late again on Tuesday.",
        "My sister has been learning the piano for two years.",
        "There was pasta in the canteen.",
        "It rained all of last week.",
    ),
}


@pytest.fixture(scope="module")
def reader() -> TextReader:
    found = shipped_reader()
    assert isinstance(found, TextReader), found
    return found


def report(**values: object) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        **values,  # type: ignore[arg-type]
    )


def found_in(reader: TextReader, said: HarmonisedReport) -> dict[str, Finding]:
    return {f.code: f for f in reader.findings(said, received_at=NOW)}


def danger_read(found: dict[str, Finding]) -> float:
    return dict(text_facts(tuple(found.values()), emergency=False, files=False)).get(
        "danger_read", 0.0
    )


def around(lang: str, before: int, after: int) -> str:
    told = HARMLESS[lang]
    parts = (
        [told[n % len(told)] for n in range(before)],
        [told[-n % len(told)] for n in range(after)],
    )
    return " ".join([*parts[0], DANGER[lang], *parts[1]])


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_sentence_that_others_dilute_is_a_finding_of_its_own_that_cites_it(
    lang: str, reader: TextReader
) -> None:
    text = around(lang, 8, 3)
    found = found_in(reader, report(description=text))
    alone = found[ALONE]
    assert alone.score >= ALONE_FROM
    assert alone.value == DANGER[lang]
    start, end = (int(n) for n in alone.source.removeprefix("description#").split("-"))
    assert text[start:end].strip() == DANGER[lang]
    assert (alone.category, alone.rule_version) == ("DANGER", reader.version)
    assert is_read(alone)
    assert danger_read(found) == TOLD_FROM
    assert danger_read({c: f for c, f in found.items() if c != ALONE}) < 0.5
    for shown in ("fr", "en"):
        sentence = reference.render(alone.because.code, alone.because.parameters, shown)
        assert reader.version in sentence
        assert reference.label("finding", ALONE, shown) != ALONE


@settings(max_examples=12, deadline=None)
@given(
    lang=st.sampled_from(["fr", "en"]),
    before=st.integers(min_value=0, max_value=60),
    after=st.integers(min_value=0, max_value=60),
)
def test_harmless_sentences_around_a_danger_never_lose_it(
    reader: TextReader, lang: str, before: int, after: int
) -> None:
    said = report(description=around(lang, before, after))
    assert segments(list(utterances(said)))[1] == 0, "within the limits of a text"
    assert danger_read(found_in(reader, said)) >= 0.5


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_harmless_sentences_alone_have_no_such_finding(lang: str, reader: TextReader) -> None:
    found = found_in(reader, report(description=" ".join(HARMLESS[lang] * 3)))
    assert ALONE not in found
    assert danger_read(found) < 0.1


class _Counted:
    """An engine that tells what it was asked to embed."""

    def __init__(self, engine: Engine, *, ends_on: str = "") -> None:
        self.name, self.engine, self.ends_on = engine.name, engine, ends_on
        self.embedded: list[str] = []

    def start(self) -> None:
        self.engine.start()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        if self.ends_on and any(text == self.ends_on for text in texts):
            raise TextUnembedded("it does not end")
        return self.engine.embed(texts)

    def tokens(self, texts: Sequence[str]) -> list[int]:
        return self.engine.tokens(texts)


def counted(
    reader: TextReader, said: HarmonisedReport, *, ends_on: str = ""
) -> tuple[list[str], list[Finding]]:
    engine = _Counted(reader.engine, ends_on=ends_on)
    found = TextReader(engine, reader.model, version=reader.version).findings(said, received_at=NOW)
    return engine.embedded, found


def windows(said: HarmonisedReport) -> list[str]:
    return [segment.text for segment in segments(list(utterances(said)))[0]]


@pytest.mark.parametrize(
    "text",
    [
        DANGER["fr"],  # a sentence alone is its window
        f"Hello. {DANGER['en']} Thank you.",  # the window gives the danger itself
        " ".join([HARMLESS["fr"][0], *HARMLESS["fr"][2:4]]),  # no word of a danger
        "Она живёт рядом. Он придёт сегодня вечером. Ей страшно. Помогите.",  # no word is known
    ],
    ids=["one sentence", "danger in the window", "harmless", "unknown language"],
)
def test_no_sentence_is_read_where_it_cannot_matter(text: str, reader: TextReader) -> None:
    said = report(description=text)
    assert counted(reader, said)[0] == windows(said)


def test_what_may_be_read_alone_are_the_sentences_of_a_segment_of_several_and_pairs() -> None:
    def parts(*said: Utterance) -> list[str]:
        (segment,), _ = segments(said)
        return [part.text for part in segment.parts]

    def message(n: int, speaker: str, text: str) -> Utterance:
        return Utterance(path=f"conversation[{n}].text", text=text, speaker=speaker, message=n)

    assert parts(Utterance(path="description", text="One sentence.")) == []
    assert parts(Utterance(path="description", text="One. Two.")) == ["One.", "Two."]
    assert parts(Utterance(path="description", text="One. Two. Three.")) == [
        "One.", "Two.", "Three.", "One. Two.", "Two. Three.",
    ]  # fmt: skip
    chat = message(0, "a", "Come."), message(1, "b", "No."), message(2, "b", "I stay.")
    assert parts(*chat) == ["Come.", "No.", "I stay.", "a: Come.\nb: No.", "No.\nI stay."]
    long = "word " * 40
    assert parts(Utterance(path="description", text=f"A. {long}. {long}.")) == [
        "A.", f"{long}.", f"{long}.", f"A. {long}.",
    ]  # fmt: skip


def test_a_bounded_number_of_sentences_is_read_the_likeliest_by_their_words(
    reader: TextReader,
) -> None:
    said = report(description=around("fr", 40, 20))
    assert len(counted(reader, said)[0]) <= len(windows(said)) + MOST_ALONE
    told = [DANGER["fr"].replace("18h", f"{n}h") for n in range(12, 23)]
    passages, _ = segments([Utterance(path="description", text=" ".join([*HARMLESS["fr"], *told]))])
    chosen = [part.text for part in worth_reading(passages, reader.model.worded_danger)]
    assert len(set(chosen)) == len(chosen) == MOST_ALONE
    assert not set(chosen) & set(HARMLESS["fr"])


def test_sentences_take_what_the_windows_leave_of_the_tokens(reader: TextReader) -> None:
    tokens = "!?;:,&%$#@^~|<>{}[]"
    signs = "".join(tokens[n * n % 19] for n in range(9000))
    said = report(description=f"{around('fr', 8, 3)}\n{signs}")
    embedded, _ = counted(reader, said)
    assert sum(reader.engine.tokens(embedded)) <= MOST_TOKENS


def test_a_sentence_that_the_engine_cannot_read_leaves_the_other_findings(
    reader: TextReader,
) -> None:
    said = report(description=around("fr", 8, 3))
    embedded, found = counted(reader, said, ends_on=DANGER["fr"])
    assert DANGER["fr"] in embedded
    assert ALONE not in {f.code for f in found}
    assert [f for f in reader.findings(said, received_at=NOW) if f.code != ALONE] == found


def test_it_never_lowers_a_danger_and_a_text_taken_back_has_none_of_it() -> None:
    def finding(code: str, score: float, because: str = "MEANING") -> Finding:
        return Finding(
            code=code,
            score=score,
            value="",
            because=Because(code=because, parameters={"nature": 0.0}),
            rule_version="t",
            category=code.partition("_")[0],
        )

    def facts(*found: Finding, emergency: bool = False) -> dict[str, float]:
        return dict(text_facts(found, emergency=emergency, files=False))

    ongoing, sentence = finding("IMMINENCE_ONGOING", 0.97), finding(ALONE, 0.85, "MEANING_SENTENCE")
    everyday, back = finding("NATURE_INNOCENT", 0.9), finding("NATURE_RETRACTED", 0.7)
    assert facts(ongoing, sentence)["danger_read"] == facts(ongoing)["danger_read"] == 0.97
    assert facts(sentence, everyday)["danger_read"] == TOLD_FROM
    assert facts(sentence, everyday, emergency=True)["danger_confirmed"] == TOLD_FROM
    assert facts(sentence, everyday, emergency=True)["danger_undisputed"] > 0.5
    assert "danger_read" not in facts(sentence, back)
    answered = finding(ALONE, 0.85, "MEANING_ANSWERED")
    assert facts(answered, back)["danger_read"] == TOLD_FROM


def test_an_event_that_is_over_or_far_away_is_no_danger_of_a_sentence(reader: TextReader) -> None:
    text = DANGER["fr"].replace("ce soir", "le mois prochain")
    said = report(description=around("fr", 8, 3).replace(DANGER["fr"], text))
    found = found_in(reader, said)
    assert ALONE not in found or "hours_from" not in found[ALONE].because.parameters


def test_an_answer_of_the_reporter_is_read_so_too_and_keeps_no_words(reader: TextReader) -> None:
    said = HarmonisedReport(report_id=new_id(NOW), reference="r", kind=ReportKind.OTHER)
    answers = {said.report_id: [ReporterAnswer(at=NOW, text=around("fr", 8, 3))]}
    found = meanings_of([said], reader, answers=answers)[said.report_id].findings
    (alone,) = (f for f in found if f.code == ALONE)
    assert (alone.value, alone.because.code) == ("", "MEANING_ANSWERED")
    assert danger_read({f.code: f for f in found}) >= TOLD_FROM


def test_what_a_sentence_tells_is_graded_as_a_text_of_its_own(reader: TextReader) -> None:
    """The finding's score is the danger of a report whose whole text is the sentence."""
    for lang in ("fr", "en"):
        meaning = reader.read([Utterance(path="description", text=DANGER[lang])]).parts[0][2]
        whole = found_in(reader, report(description=DANGER[lang]))
        hours = (9, 10)
        assert danger_of(meaning, hours) == pytest.approx(danger_read(whole), abs=0.002)


def test_words_that_the_model_knows_in_texts_of_danger_weigh_more(reader: TextReader) -> None:
    weights = reader.model.worded_danger
    for lang in ("fr", "en"):
        assert weights(DANGER[lang]) > max(weights(text) for text in HARMLESS[lang])
    assert weights("Она живёт рядом.") == 0.0
    assert np.isfinite(weights(""))
