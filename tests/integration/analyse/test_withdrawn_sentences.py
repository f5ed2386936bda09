"""A checked neutral sentence taken back: it leaves the table, the stored versions, and what they read."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import msgspec
import pytest

from fanal.accounts.domain.policy import Refused
from fanal.analyse.signals.domain.examples import ExampleState
from fanal.analyse.signals.operations import examples, in_force
from fanal.analyse.signals.reading import TextReader
from fanal.db import sql
from fanal.kernel.actors import SYSTEM_PERSON, Role
from fanal.kernel.refusal import Refusal
from fanal.worker.expiry import erase_reports
from tests.integration.analyse.stored_readers import store_version
from tests.integration.analyse.test_learning import (
    NEUTRAL,
    OTHER,
    SYSTEM,
    TEXT,
    deposit,
    example,
    judged,
    now,
    refused,
)
from tests.integration.orient.people import person
from tests.refusals import CHECK, KEPT, NO_RIGHT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> Iterator[None]:
    in_force._HELD.clear()
    return


def checked(report_id: UUID) -> UUID:
    """Return an example whose neutral sentence a second person checked."""
    ana, ben = person(Role.ANALYST), person(Role.ANALYST)
    example_id = judged(report_id, ana)
    examples.rewrite(actor=ana, example_id=example_id, sentence=NEUTRAL, now=now())
    shown = example(example_id).rewritten_object
    assert shown is not None
    examples.check_sentence(actor=ben, example_id=example_id, object_id=shown, now=now())
    return example_id


def test_a_supervisor_takes_a_checked_sentence_back() -> None:
    first, second = deposit(TEXT, OTHER)
    kept, gone = checked(first), checked(second)
    erase_reports(actor=SYSTEM, report_ids=[second], now=now())
    claire = person(Role.SUPERVISOR)
    with pytest.raises(Refused):
        examples.withdraw_sentence(actor=person(Role.ANALYST), example_id=kept, now=now())
    for example_id, state in ((kept, ExampleState.OPEN), (gone, ExampleState.ERASED)):
        examples.withdraw_sentence(actor=claire, example_id=example_id, now=now())
        found = example(example_id)
        assert (found.state, found.neutral, found.checker_id) == (state, "", None)
        with pytest.raises(Refusal, match="STATE"):
            examples.withdraw_sentence(actor=claire, example_id=example_id, now=now())
    examples.rewrite(actor=claire, example_id=kept, sentence="Une autre phrase.", now=now())
    assert example(kept).state is ExampleState.REWRITTEN


def test_a_stored_version_forgets_the_sentence_and_reads_on() -> None:
    (report_id,) = deposit(TEXT)
    example_id = checked(report_id)
    reader_id = store_version(
        "reader/taught", sentences={example_id: NEUTRAL, UUID(int=7): "Reste."}
    )
    before = in_force.reader_of(reader_id=reader_id)
    examples.withdraw_sentence(actor=person(Role.SUPERVISOR), example_id=example_id, now=now())
    after = in_force.reader_of(reader_id=reader_id)
    assert isinstance(before, TextReader)
    assert isinstance(after, TextReader)
    left = [label.text for label in after.model.labels if label.voice == "desk"]
    assert left == ["Reste."]
    assert len(after.model.labels) == len(before.model.labels) - 1
    (header,) = sql.one("SELECT header FROM analyse_reader WHERE id = %s", [reader_id])
    texts = [label["text"] for label in msgspec.json.decode(bytes(header))["added"]]
    assert texts == ["", "Reste."]


def test_the_database_itself_wants_a_supervisor() -> None:
    (report_id,) = deposit(TEXT)
    example_id = checked(report_id)
    reader_id = store_version("reader/x")
    back = (
        "UPDATE analyse_example SET state = %s, neutral = '', rewriter_id = NULL, rewritten_at = NULL,"
        " rewritten_object = NULL, checker_id = NULL, checked_at = NULL, withdrawer_id = %s,"
        " withdrawn_at = now() WHERE id = %s"
    )
    claire = person(Role.SUPERVISOR).person_id
    for nobody in (person(Role.ANALYST), person(Role.SUPERVISOR, desk=2)):
        refused(CHECK, back, "OPEN", nobody.person_id, example_id)
    refused(KEPT, back, "ERASED", claire, example_id)
    refused(KEPT, "UPDATE analyse_example SET neutral = 'x' WHERE id = %s", example_id)
    refused(NO_RIGHT, "UPDATE analyse_reader SET header = header WHERE id = %s", reader_id)
    sql.run(back, ["OPEN", claire, example_id])
    refused(KEPT, "UPDATE analyse_example SET withdrawer_id = NULL WHERE id = %s", example_id)


@pytest.mark.parametrize(
    "header",
    [b"\xff %s", b'{"added":null,"id":"%s"}', b'{"id":"%s"}', b'"%s"', b"[" * 200_000 + b'"%s"'],
    ids=["no text", "null", "no list", "a text", "deep"],
)
def test_a_version_with_an_unreadable_header_keeps_no_sentence_in_place(header: bytes) -> None:
    (report_id,) = deposit(TEXT)
    example_id = checked(report_id)
    reader_id = uuid4()
    weights = b"w"
    sql.run(
        "INSERT INTO analyse_reader (id, version, header, weights, digest, author_id, trained_at)"
        " VALUES (%s, 'reader/bad', %s, %s, sha256(%s), %s, now())",
        [reader_id, header % example_id.hex.encode(), weights, weights, SYSTEM_PERSON],
    )
    examples.withdraw_sentence(actor=person(Role.SUPERVISOR), example_id=example_id, now=now())
    assert example(example_id).state is ExampleState.OPEN
    (left,) = sql.one("SELECT header FROM analyse_reader WHERE id = %s", [reader_id])
    assert bytes(left) == b"{}"
