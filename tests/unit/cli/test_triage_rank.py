"""The bench of the queue's order: its judge counts right, its world follows from its seed, its words are apart."""

from importlib import resources

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks.triage_rank import HIGHEST_FILLER, draw, judge, load_texts, reports_of, triage_rank
from fanal.formats.report.records import Stated


def test_the_best_order_has_the_full_gain() -> None:
    levels = [4] * 5 + [0] * 95
    best = judge(levels, [float(level) for level in levels], seed=1)
    assert (best.ndcg_100, best.recall_level_4, best.level_0) == (1.0, 1.0, 0.0)


def test_the_worst_order_puts_nothing_first() -> None:
    levels = [4] * 5 + [0] * 195
    worst = judge(levels, [-float(level) for level in levels], seed=1)
    assert (worst.ndcg_100, worst.recall_level_4, worst.level_0) == (0.0, 0.0, 10.0)


def test_a_gain_is_counted_by_hand() -> None:
    # Places 1 and 2 hold levels 0 and 1; the best order is 1, 0: gain 1 / log2(3) of 1 / log2(2).
    found = judge([0, 1], [2.0, 1.0], seed=1)
    assert found.ndcg_100 == pytest.approx(0.6309, abs=1e-4)


def test_equal_scores_stand_in_the_order_of_arrival() -> None:
    levels = [4] * 50 + [0] * 950
    found = judge(levels, [95.0] * 1000, seed=1)
    assert found.recall_level_4 == pytest.approx(0.05, abs=0.03)
    assert found.level_0 == pytest.approx(47.5, abs=2)


def test_a_world_follows_from_its_seed_and_is_filled_with_what_is_not_urgent() -> None:
    texts = load_texts()
    assert draw(900, seed=3) == draw(900, seed=3)
    assert draw(900, seed=3) != draw(900, seed=4)
    assert sorted(draw(700, seed=3), key=lambda t: t.id) == sorted(texts, key=lambda t: t.id)
    more = [text.level for text in draw(1500, seed=3)]
    assert [more.count(level) for level in (3, 4)] == [130, 90]
    assert len(more) == 1500
    assert HIGHEST_FILLER < 3


def test_a_text_becomes_the_report_that_its_sender_would_file() -> None:
    texts = draw(700, seed=3)
    reports = list(reports_of(texts))
    assert [report.description for report in reports] == [text.text.strip() for text in texts]
    assert [report.emergency for report in reports] == [text.ticked for text in texts]
    child = next(text for text in texts if text.voice == "child")
    moderator = next(text for text in texts if text.voice == "moderator")
    stated = {text.id: report.stated for text, report in zip(texts, reports, strict=True)}
    assert (stated[child.id], stated[moderator.id]) == ((Stated.REPORTER_IS_CHILD,), ())


def test_its_words_stand_nowhere_in_the_corpus() -> None:
    corpus = resources.files("fanal.analyse").joinpath("data", "corpus")
    learnt = {
        msgspec.json.decode(line)["text"].casefold().strip()
        for file in corpus.iterdir()
        if file.name.endswith(".jsonl")
        for line in file.read_bytes().splitlines()
    }
    long = {text.text.casefold().strip() for text in load_texts() if len(text.text) > 30}
    assert not long & learnt


@pytest.mark.long
def test_the_command_prints_one_object_beside_its_peers() -> None:
    ran = CliRunner().invoke(triage_rank, ["--size", "100", "--json"])
    found = msgspec.json.decode(ran.stdout)
    assert found["bench"] == "triage-rank"
    assert {"ndcg_100", "recall_level_4", "level_0"} <= found.keys()
    assert {"phrases_alone", "tick_alone", "length_alone"} <= found["peers"].keys()
