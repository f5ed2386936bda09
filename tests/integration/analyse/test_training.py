"""What happens while a version is trained: a sentence taken back, a passage that the engine cannot read."""

import logging
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from fanal.analyse.signals.domain.examples import ExampleState
from fanal.analyse.signals.domain.learning import Trained, train
from fanal.analyse.signals.domain.meaning import Vectors
from fanal.analyse.signals.domain.model import load_corpus
from fanal.analyse.signals.engine import engine_of_process
from fanal.analyse.signals.operations import examples, in_force, readers
from fanal.db import sql
from fanal.embedding.engine import TextUnembedded
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.worker.expiry import erase_reports
from tests.integration.analyse.test_learning import (
    CODE,
    OTHER,
    SYSTEM,
    TEXT,
    deposit,
    example,
    judged,
    now,
)
from tests.integration.analyse.test_withdrawn_sentences import checked
from tests.integration.orient.people import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def small(installed_keys: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Train on a few texts of the corpus: seconds instead of a minute."""
    in_force._HELD.clear()
    corpus = load_corpus()
    few = tuple(label for label in corpus.labels if label.id.endswith(("1", "7")))[::3]
    fewer = msgspec.structs.replace(corpus, labels=few)
    monkeypatch.setattr(readers, "load_corpus", lambda _names: fewer)
    return


@pytest.mark.parametrize("erased", [False, True])
def test_a_sentence_taken_back_during_a_training_enters_no_version(
    erased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    claire = person(Role.SUPERVISOR)
    (report_id,) = deposit(TEXT)
    example_id = checked(report_id)
    if erased:
        erase_reports(actor=SYSTEM, report_ids=[report_id], now=now())

    def trained_meanwhile(*given: object, **named: object) -> Trained:
        examples.withdraw_sentence(actor=claire, example_id=example_id, now=now())
        return train(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(readers, "train", trained_meanwhile)
    with pytest.raises(Refusal, match="CHANGED"):
        readers.train_version(actor=claire, now=now())
    assert example(example_id).state is (ExampleState.ERASED if erased else ExampleState.OPEN)
    assert sql.one("SELECT count(*) FROM analyse_reader WHERE weights IS NOT NULL") == (0,)


def test_a_checked_sentence_enters_a_version() -> None:
    (report_id,) = deposit(TEXT)
    example_id = checked(report_id)
    reader_id = readers.train_version(actor=person(Role.SUPERVISOR), now=now())
    (header,) = sql.one("SELECT header FROM analyse_reader WHERE id = %s", [reader_id])
    [added] = msgspec.json.decode(bytes(header))["added"]
    assert (added["id"].rpartition("-")[2], added["codes"]) == (example_id.hex, [CODE])


def test_a_passage_that_the_engine_cannot_read_is_left_out_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = deposit(TEXT, OTHER)
    ana, claire = person(Role.ANALYST), person(Role.SUPERVISOR)
    hostile, harmless = judged(first, ana), judged(second, ana)
    engine = engine_of_process()
    embed = engine.engine.embed

    def ends(texts: Sequence[str]) -> Vectors:
        if any(TEXT in text for text in texts):
            raise TextUnembedded("ended")
        return embed(texts)

    engine._cache.clear()
    monkeypatch.setattr(logging.getLogger("fanal"), "propagate", True)
    monkeypatch.setattr(engine.engine, "embed", ends)
    reader_id = readers.train_version(actor=claire, now=now())
    held = sql.rows("SELECT report_id FROM analyse_reader_part WHERE reader_id = %s", [reader_id])
    assert held == [(second,)]
    assert str(hostile) in caplog.text
    assert str(harmless) not in caplog.text
