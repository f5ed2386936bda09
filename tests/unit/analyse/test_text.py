"""Tokens, sentences, phrases: what is cited is what was written, in linear time."""

import itertools
import re
import sys
import time
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from fanal.analyse.signals.domain.lexicon import (
    Automaton,
    Signal,
    load_lexicon,
    read_lexicon,
    shipped_lexicons,
)
from fanal.analyse.signals.domain.signals import find_hits, findings_of
from fanal.analyse.signals.domain.text import (
    BREAK,
    Utterance,
    normalize_word,
    running_words,
    sentences,
    tokenize,
)
from fanal.formats.report.records import Message, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.reference.reader import ReferenceRefused


def report(text: str, *, description: str | None = None) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        description=description,
        conversation=(Message(speaker="A", text=text),) if text else (),
    )


@given(st.text())
def test_tokens_and_sentences_point_into_the_text(text: str) -> None:
    assert all(0 <= t.start < t.end <= len(text) for t in tokenize(text))
    found = list(sentences(Utterance(path="p", text=text)))
    assert all(0 <= s.start < s.end <= len(text) for s in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


pieces = st.sampled_from(
    ["garde", "le", "secret", "dont", "don’t", "tell", "any1", "t", "seule", "g", "13", "ans", "send", "nudes", "pic",
     "se\u200bcret", "€", "?", "!", ".", "...", ";", ":", ",", "\n", "\r\n", " ", " ", " ", "A: "]
)  # fmt: skip
texts = st.text() | st.lists(pieces, max_size=30).map("".join)


@given(texts)
def test_running_words_are_those_of_the_sentences(text: str) -> None:
    groups = itertools.groupby(running_words(text), key=BREAK.__eq__)
    running = [list(group) for is_break, group in groups if not is_break]
    found = sentences(Utterance(path="p", text=text))
    assert running == [[token.word for token in sentence.tokens] for sentence in found]


LEXICON = load_lexicon()


@given(
    texts
    | st.lists(st.sampled_from(["keep this our secret", "non", ".", "\n", " ok "])).map("".join)
)
def test_a_text_is_left_unread_only_where_no_sentence_holds_a_signal(text: str) -> None:
    automaton, meanings = LEXICON.automaton, LEXICON.meanings
    found = any(
        isinstance(meanings[match.phrase], Signal)
        for sentence in sentences(Utterance(path="p", text=text))
        for match in automaton.find([token.word for token in sentence.tokens])
    )
    assert LEXICON.signals_in(text) is found


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("SECRET", "secret"),
        ("école", "ecole"),
        ("e\u0301cole", "ecole"),
        ("se\u200bcret", "secret"),
        ("secreeeet", "secret"),
        ("ѕecrеt", "secret"),
        ("ｓｅｃｒｅｔ", "secret"),
        ("don’t", "dont"),
    ],
)
def test_disguises_are_seen_through(written: str, word: str) -> None:
    assert normalize_word(written) == word


words = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=12)


@given(
    words, st.sampled_from(["a b", "a ... b", "a b? c", "a|b c", "a ... b ... c", "a a", "b? a"])
)
def test_finds_what_a_regular_expression_finds(text: list[str], phrase: str) -> None:
    pieces = {"...": "(?:[a-e] ){0,3}"}
    pattern = "".join(
        pieces.get(p, f"(?:(?:{p.removesuffix('?')}) )" + ("?" if p.endswith("?") else ""))
        for p in phrase.split()
    )
    joined = "".join(f"{w} " for w in text)
    ends = {
        end
        for end in range(1, len(text) + 1)
        if re.search(f"{pattern}$", joined[: 2 * end]) is not None
    }
    found = Automaton([phrase], {}).find(text)
    assert {m.last + 1 for m in found} == ends
    for match in found:
        assert re.fullmatch(pattern, joined[2 * match.first : 2 * match.last + 2])


@pytest.mark.parametrize("phrase", ["", "...", "... a", "a ...", "a?", "<nobody>", "a|% b"])
def test_refuses_a_phrase_that_breaks_the_grammar(phrase: str) -> None:
    with pytest.raises(ReferenceRefused):
        Automaton([phrase], {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weight = 0.7", "weight = 7"),
        ("schema = 1", "schema = 1\nx = 1"),
        ('scope = "NEAR"', 'scope = "FAR"'),
    ],
)
def test_refuses_a_broken_lexicon(old: str, new: str) -> None:
    text = shipped_lexicons()["fr.toml"]
    assert old in text
    with pytest.raises(ReferenceRefused):
        read_lexicon(text.replace(old, new, 1), name="fr.toml")


def test_cites_the_sentence_the_speaker_and_the_offsets() -> None:
    text = "Salut ! Ça va ?  Surtout n’en parle pas à tes parents. Bye"
    (finding,) = findings_of(find_hits(report(text), load_lexicon()), rule_version="t")
    start, end = finding.because.parameters["start"], finding.because.parameters["end"]
    assert finding.code == "GROOMING_SECRECY"
    assert finding.value == "Surtout n’en parle pas à tes parents."
    assert "en parle pas" in text[int(str(start)) : int(str(end))]
    assert finding.because.parameters["speaker"] == "A"
    assert finding.because.parameters["message"] == 1


def test_reads_the_speakers_of_a_pasted_conversation() -> None:
    pasted = "Lola: salut\nMax: n'en parle pas à tes parents\nLola: ok"
    (finding,) = findings_of(
        find_hits(report("", description=pasted), load_lexicon()), rule_version="t"
    )
    assert finding.because.parameters["speaker"] == "Max"
    start, end = (int(str(finding.because.parameters[k])) for k in ("start", "end"))
    assert pasted[start:end] in pasted.split("\n")[1]


@pytest.mark.parametrize(
    "unit",
    ["tu ne ", "don't tell ", "si tu pas je ", "a", "e\u0301", "A: ", "?!.", "\n", "garde le secret ",
     "if anyone asks you ", "je rigole ", "\u200b", "ne en parle dis montre a tes "],
)  # fmt: skip
def test_hostile_text_costs_linear_time(unit: str) -> None:
    lexicon = load_lexicon()

    def work(size: int) -> int:
        """Return how many calls a text of `size` characters takes: the same on a busy machine."""
        text, calls = unit * (size // len(unit)), itertools.count()
        sys.setprofile(lambda *_event: next(calls) and None)
        try:
            findings_of(find_hits(report(text, description=text), lexicon), rule_version="t")
        finally:
            sys.setprofile(None)
        return next(calls)

    work(2_000)
    started = time.thread_time()
    small, large = work(20_000), work(200_000)
    assert large < 11 * small + 1_000
    assert time.thread_time() - started < 20, (
        "what no call shows, such as a search that goes back and forth"
    )
