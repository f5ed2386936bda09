"""What people say of passages, as labels; nobody's word outweighs its bound; a model forgets an erased report."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from msgspec import structs

from fanal.analyse.domain.records import Because, Finding
from fanal.analyse.signals.domain import examples
from fanal.analyse.signals.domain.examples import (
    EXAMPLE_STATES,
    Example,
    ExampleState,
    Judgement,
    Settlement,
    Verdict,
    labels_of,
    passage_of,
    passages,
    settle as settle_by,
    source_of,
)
from fanal.analyse.signals.domain.learning import (
    RIDGE,
    Comparison,
    EarlierReader,
    Quality,
    _left_out_before,
    train,
)
from fanal.analyse.signals.domain.meaning import Label
from fanal.analyse.signals.domain.model import (
    Corpus,
    ModelUnfit,
    assemble,
    encode,
    encode_part,
    load_corpus,
    parse_header,
    read_header,
    shipped_files,
    vectors_of,
)
from fanal.analyse.signals.domain.model_card import READER_STATES, ModelCard, ReaderState
from fanal.formats.report.records import ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.states import TransitionRefused

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
ANA, BEN = (UUID(int=n) for n in (1, 2))


def said(n: int, verdict: Verdict, *, by: UUID = ANA, code: str = "GROOMING_GIFT") -> Judgement:
    return Judgement(
        example_id=UUID(int=100 + n), code=code, verdict=verdict, person_id=by,
        judged_at=NOW + timedelta(minutes=n), engine="reader/x",
    )  # fmt: skip


def settle(judgements: list[Judgement]) -> Settlement:
    return settle_by(judgements, independent=lambda _one, _other: True)


def test_the_last_word_counts_and_a_word_taken_back_does_not() -> None:
    found = settle(
        [
            said(1, Verdict.RIGHT), said(1, Verdict.WRONG), said(2, Verdict.MISSED),
            said(1, Verdict.WRONG, by=BEN),
        ]
    )  # fmt: skip
    assert [(s.wanted, s.unwanted) for s in found.settled] == [
        (frozenset({"GROOMING_GIFT"}), frozenset()),
        (frozenset(), frozenset({"GROOMING_GIFT"})),
    ]
    assert settle([said(1, Verdict.RIGHT), said(1, Verdict.TAKEN_BACK)]).settled == ()


def test_people_who_disagree_cancel_each_other() -> None:
    found = settle([said(1, Verdict.RIGHT), said(1, Verdict.WRONG, by=BEN)])
    assert (found.settled, found.disputed) == ((), 1)


def test_one_veto_does_not_outweigh_people_who_agree() -> None:
    """Two against one cancel a code as one against one does; three have two votes more, and count."""
    people = [UUID(int=n) for n in range(2, 5)]
    for voices, settled in ((2, 0), (3, 1)):
        found = settle(
            [said(1, Verdict.RIGHT, by=one) for one in people[:voices]] + [said(1, Verdict.WRONG)]
        )
        assert (len(found.settled), found.disputed) == (settled, 1 - settled)
    assert {s.person_id for s in found.shares} <= set(people), "whoever was outvoted has no share"


@pytest.mark.parametrize(
    ("sentence", "lang", "copied"),
    [
        ("Un adulte propose à un enfant de le raccompagner.", "fr", []),
        ("Phrase sur Bartolomir Fluxenco.", "fr", ["Bartolomir", "Fluxenco"]),
        ("Un rendez-vous quai Zarnovelle.", "fr", ["Zarnovelle"]),
        ("Elle a 12 ans et rendez-vous à 18h30.", "fr", ["18h30"]),
        ("Il dit : attends moi devant la gare demain.", "fr", ["attends moi devant la"]),
        ("Ein Mann holt das Kind ab.", "de", []),
    ],
)
def test_what_a_sentence_copies_of_its_report_is_named(
    sentence: str, lang: str, copied: list[str]
) -> None:
    texts = [
        "Bartolomir Fluxenco écrit : attends-moi devant la piscine, quai Zarnovelle, à 18h30, tu as 12 ans.",
        "Das Kind hat einen Mann getroffen.",
    ]
    assert examples.copied(sentence, texts, lang=lang) == copied


@pytest.mark.parametrize(
    ("text", "sentence", "copied"),
    [
        ("Monsieur DUPONTEL Jean écrit.", "Un adulte nommé DUPONTEL écrit.", ["DUPONTEL"]),
        ("Monsieur DUPONTEL écrit.", "Un certain dupontel écrit.", ["dupontel"]),
        ("McGregorin lui écrit.", "Il s'appelle McGregorin.", ["McGregorin"]),
        ("rendez-vous rue LECOURBIN", "Rendez-vous lecourbin.", ["lecourbin"]),
        ("Il a vu Zoe\u0301line.", "On parle de Zo\u00e9line.", ["Zo\u00e9line"]),
        ("JOSÉLITO lui écrit", "Il a vu Joselito.", ["Joselito"]),
        ("Appelle-moi au 06 12 34 56 78.", "Son numéro est 0612345678.", ["0612345678"]),
        (
            "Appelle-moi au 06.12.34.56.78.",
            "Le +33 6 12 34 56 78.",
            ["33 6 12 34 56 78", "12 34 56 78"],
        ),
        ("au 0612345678", "Le 06-12-34-56-78.", ["06-12-34-56-78"]),
        ("Elle a 12 ou 13 ans, de 12-14 ans.", "Une enfant entre 12 et 14 ans, peut-être 13.", []),
        ("C'est URGENT, un cas urgent.", "Un cas urgent.", []),
        ("UN ADULTE LUI ECRIT TOUS LES SOIRS", "Un adulte écrit à un enfant.", []),
        ("UN ADULTE, DUPONTEL, LUI ECRIT", "Un adulte, Dupontel, écrit.", ["Dupontel"]),
    ],
)
def test_a_name_or_number_is_known_however_it_is_written(
    text: str, sentence: str, copied: list[str]
) -> None:
    assert examples.copied(sentence, [text], lang="fr") == copied


def test_no_one_teaches_the_reader_to_overlook() -> None:
    """One person's "wrong" waits for a second one, who is no account of the first."""
    flood = [said(n, Verdict.WRONG) for n in range(30)]
    found = settle(flood)
    assert (found.settled, found.shares) == ((), ())
    assert len(found.alone) == 30
    agreed = [*flood, said(3, Verdict.WRONG, by=BEN), said(4, Verdict.MISSED, by=BEN)]
    found = settle(agreed)
    assert [(s.example_id, s.unwanted) for s in found.settled] == [
        (UUID(int=103), frozenset({"GROOMING_GIFT"}))
    ]
    assert (len(found.alone), found.disputed) == (28, 1)
    found = settle_by(
        agreed, independent=lambda one, other: {one.person_id, other.person_id} == {BEN}
    )
    assert found.settled == ()
    assert len(found.alone) == 29


def test_a_persons_word_is_bounded_whoever_agrees() -> None:
    """A flood of one analyst's labels teaches twenty passages of a code, the newest; the rest is counted.

    A second account that says the same of every passage brings its own share and no more.
    """
    flood = [said(n, Verdict.MISSED) for n in range(300)]
    found = settle(flood)
    (share,) = found.shares
    assert len(found.settled) == share.used == examples.MOST_OF_ONE_CODE
    assert share.left_out == 300 - examples.MOST_OF_ONE_CODE
    assert UUID(int=399) in {s.example_id for s in found.settled}
    codes = [f"C{n % 30}" for n in range(300)]
    many = [said(n, Verdict.MISSED, code=code) for n, code in enumerate(codes)]
    assert len(settle(many).settled) == examples.MOST_OF_ONE
    both = settle([*flood, *(said(n, Verdict.MISSED, by=BEN) for n in range(300))])
    assert [share.used for share in both.shares] == [examples.MOST_OF_ONE_CODE] * 2
    assert sum(share.left_out for share in both.shares) == 300 - len(both.settled)
    assert {settled.hand for settled in both.settled} == {ANA}, "tested together: neither without"
    same = [said(n, Verdict.MISSED, by=BEN, code=code) for n, code in enumerate(codes)]
    assert len(settle([*many, *same]).settled) == 2 * examples.MOST_OF_ONE


def test_what_nobody_judged_stays_as_the_version_in_force_reads_it() -> None:
    wrong = [said(2, Verdict.WRONG, by=by, code="GROOMING_SECRECY") for by in (ANA, BEN)]
    settled = settle([said(1, Verdict.MISSED), *wrong])
    held = {
        UUID(int=100 + n): Example(
            id=UUID(int=100 + n), report_id=UUID(int=9), source="description#0-9", lang="fr",
            state=state, object_id=UUID(int=5), made_at=NOW,
        )
        for n, state in ((1, ExampleState.OPEN), (2, ExampleState.NEUTRALISED))
    }  # fmt: skip
    found = {i: ["GROOMING_SECRECY"] for i in held}
    labels = labels_of(settled.settled, held, {i: f"text {i.int}" for i in held}, found)
    assert [(label.text, label.codes) for label in labels] == [
        ("text 102", ()),
        ("text 101", ("GROOMING_GIFT", "GROOMING_SECRECY")),
    ]
    assert {label.id.rpartition("-")[0] for label in labels} == {"desk1"}, "a person is a hand"
    assert labels_of(settled.settled, held, {}, {}) == []


def test_a_finding_names_its_passage() -> None:
    text = "Il lui offre un jeu. Elle ne doit rien dire."
    report = HarmonisedReport(
        report_id=UUID(int=1), reference="r", kind=ReportKind.OTHER, description=text
    )
    (passage,) = passages(report)
    assert source_of(passage) == f"description#0-{len(text)}"

    def finding(value: str, source: str) -> Finding:
        return Finding(
            code="GROOMING_GIFT", score=0.5, value=value, because=Because(code="MEANING"),
            rule_version="x", source=source,
        )  # fmt: skip

    assert passage_of(finding("", source_of(passage)), [passage]) is passage
    assert passage_of(finding("Elle ne doit rien dire.", "description"), [passage]) is passage
    assert passage_of(finding("hxxp://x.test", "urls[0]"), [passage]) is None


def test_states() -> None:
    assert EXAMPLE_STATES.apply(ExampleState.OPEN, "rewrite") is ExampleState.REWRITTEN
    for final in (ExampleState.NEUTRALISED, ExampleState.ERASED):
        with pytest.raises(TransitionRefused):
            EXAMPLE_STATES.apply(final, "rewrite")
    assert READER_STATES.apply(ReaderState.REPLACED, "propose") is ReaderState.TRAINED
    with pytest.raises(TransitionRefused):
        READER_STATES.apply(ReaderState.TRAINED, "activate")


def quality(**codes: tuple[float, float]) -> Quality:
    return Quality(
        f1=0.7, precision=0.7, recall=0.7, plain=0.05,
        codes={code: (100, *pair) for code, pair in codes.items()},
    )  # fmt: skip


def test_a_version_that_loses_a_code_says_so() -> None:
    before = quality(A=(0.8, 0.8), B=(0.8, 0.8), C=(0.6, 0.8))
    after = quality(A=(0.84, 0.77), B=(0.7, 0.75), C=(0.9, 0.7))
    card = ModelCard(
        before="reader/x", corpus=300, neutral=1, sealed=2, shares=(), disputed=0,
        comparison=Comparison(before=before, after=after, desk_before=before, desk_after=after),
        added={"A": 3}, denied={},
    )  # fmt: skip
    assert card.lost == ("B", "C"), "B in all; C in recall, whatever its precision gains"
    assert [(line.code, line.added) for line in card.lines] == [("A", 3), ("B", 0), ("C", 0)]


def _small() -> tuple[Corpus, list[Label], np.ndarray]:
    """Return a part of the corpus, three examples of the desk, and the vectors of all, as the model has them."""
    whole = load_corpus(tuple(read_header(shipped_files()).corpus))
    vectors = vectors_of(shipped_files())
    corpus = Corpus(labels=whole.labels[::8], files=whole.files)
    others = [label for label in whole.labels[1::8] if label.lang == "fr"][:3]
    desk = [
        structs.replace(label, id=f"desk1-{n:032x}", codes=("GROOMING_GIFT",), nature=None)
        for n, label in enumerate(others)
    ]
    return corpus, desk, np.stack([vectors[label.text] for label in (*corpus.labels, *desk)])


def test_the_model_in_force_is_compared_as_if_it_were_trained_alone() -> None:
    """The Schur complement gives the scores of trainings without the desk's texts and each author's own."""
    rng = np.random.default_rng(3)
    points, wanted = rng.normal(size=(40, 5)), rng.random((40, 3)).round()
    matrix = np.exp(-((points[:, None] - points[None]) ** 2).sum(axis=2) / 9)
    hands = np.array([f"hand{n % 4}" for n in range(40)])
    known = np.arange(40) < 33
    inverse = np.linalg.inv(matrix + RIDGE * np.eye(40))
    found = _left_out_before(inverse, matrix, wanted, hands, known)
    mean = wanted[known].mean(axis=0)
    for row in range(40):
        rest = np.flatnonzero(known & ((hands != hands[row]) | (not known[row])))
        solved = np.linalg.solve(
            matrix[np.ix_(rest, rest)] + RIDGE * np.eye(len(rest)), wanted[rest] - mean
        )
        assert found[row] == pytest.approx(matrix[row, rest] @ solved + mean, abs=1e-9)


@pytest.mark.long
def test_both_models_are_measured_on_the_texts_of_the_corpus_alone() -> None:
    corpus, desk, vectors = _small()
    known = np.array([True] * len(corpus.labels) + [False] * len(desk))
    alone = train(corpus.labels, vectors[: len(corpus.labels)])
    earlier = EarlierReader(way=alone.ways[0], known=known, corpus=len(corpus.labels))
    found = train([*corpus.labels, *desk], vectors, earlier=earlier).comparison
    assert found is not None
    assert found.desk_after.codes["GROOMING_GIFT"][0] == len(desk)
    counted = sum("GROOMING_GIFT" in label.codes for label in corpus.labels)
    assert found.before.codes["GROOMING_GIFT"][0] == counted
    assert found.before.f1 == pytest.approx(alone.quality[0].f1, abs=0.02)


def test_a_part_is_erased_with_its_report_and_never_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    from fanal.analyse.signals.domain import model

    corpus, desk, vectors = _small()
    monkeypatch.setattr(model, "load_corpus", lambda _names: corpus)
    every = [*corpus.labels, desk[0], *desk[1:]]
    trained = train(every, vectors)
    rows = np.arange(len(every))[-2:]
    part = encode_part(trained, vectors, desk[1:], rows)
    content, weights = encode(trained, vectors, corpus, engine="e", added=desk[:1], parts=[part])
    header = parse_header(content)
    assert desk[1].text.encode() not in content + weights
    whole, without = assemble(header, weights, [part]), assemble(header, weights)
    assert len(whole.labels) == len(without.labels) + 2
    vector = vectors[-1]
    read = [
        one.read(desk[2].text, vector).probabilities["GROOMING_GIFT"] for one in (whole, without)
    ]
    assert read[0] > read[1]
    assert {n.label.text for n in whole.nearest("GROOMING_GIFT", vector)}.isdisjoint(
        {desk[1].text, desk[2].text}
    )
    for bad in (weights[:-1], bytes([weights[0] ^ 1]) + weights[1:]):
        with pytest.raises(ModelUnfit):
            assemble(header, bad, [part])
    with pytest.raises(ModelUnfit):
        assemble(header, weights, [part[:-1] + bytes([part[-1] ^ 1])])
