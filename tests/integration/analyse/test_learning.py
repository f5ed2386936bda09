"""An analyst's word becomes an example; a version trained with it is tried, activated by two, and reads anew."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from django.db import connection

from fanal import pipeline, trials
from fanal.accounts.domain.policy import Refused, roles_at_desk
from fanal.accounts.domain.records import NewHabilitation
from fanal.accounts.operations.habilitations import grant_habilitation
from fanal.analyse import queries as analysed
from fanal.analyse.signals import queries, reading
from fanal.analyse.signals.domain.examples import (
    Example,
    ExampleState,
    Verdict,
    passages,
    source_of,
)
from fanal.analyse.signals.domain.model_card import ReaderState
from fanal.analyse.signals.operations import examples, in_force, readers
from fanal.analyse.signals.reading import TextReader, shipped_reader
from fanal.cli.doctor_desk import look_at_reader_in_force
from fanal.formats.report.read import canonical_bytes, read_report
from fanal.harmonise.queries import get_records
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.refusal import Refusal
from fanal.worker.expiry import erase_reports
from fanal.worker.stages import StageLoop
from tests.actors import desk_actor
from tests.examples import EXAMPLES
from tests.integration.analyse.stored_readers import ship_a_small_one, store_version
from tests.integration.orient.people import person
from tests.refusals import CHECK, KEPT, NO_RIGHT, database_refuses

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
SYSTEM = system_actor("test")
TEXT = "Un animateur lui propose de la ramener en voiture après la répétition, sans prévenir la famille."
OTHER = "Le moniteur veut la reconduire en voiture après la répétition, sans prévenir ses parents."
NEUTRAL = "Un adulte propose à un enfant de le raccompagner sans que la famille le sache."
CODE = "GROOMING_MEETING"
TRIED = "UPDATE analyse_reader SET tried_at = now(), trial = %s"
WRITER = "UPDATE analyse_example SET rewriter_id = %s"
CHECKED = (
    "UPDATE analyse_example SET state = 'NEUTRALISED', neutral = 'x', checker_id = %s,"
    " checked_at = now() WHERE id = %s"
)


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> Iterator[None]:
    in_force._HELD.clear()
    return


@pytest.fixture
def trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A version is trained on every third text of the corpus; under `make search` on the whole, for a minute."""
    if EXAMPLES <= 1:
        ship_a_small_one(tmp_path, monkeypatch, every=3)
    reading.shipped_with.cache_clear()
    yield
    in_force._HELD.clear()
    reading.shipped_with.cache_clear()


def now() -> datetime:
    return datetime.now(UTC)


def deposit(*texts: str) -> list[UUID]:
    from fanal.intake.operations.receive import receive_reports

    submissions = []
    for text in texts:
        body = msgspec.json.encode(
            {"reference": str(uuid4()), "kind": "OTHER", "description": text, "emergency": True}
        )
        submissions.append(
            Submission(
                arrival=Arrival.API, format=Format.REPORT, body=body,
                canonical=canonical_bytes(read_report(body)), sender_id=uuid4(), reference="r",
                urgent=True,
            )
        )  # fmt: skip
    answers = receive_reports(actor=SYSTEM, submissions=submissions, now=now())
    loop = StageLoop(actor=SYSTEM, clock=now)
    while loop.run_once():
        pass
    return [answer.report_id for answer in answers]


def judged(report_id: UUID, by: Actor, verdict: Verdict = Verdict.MISSED, code: str = CODE) -> UUID:
    (passage,) = passages(get_records(actor=SYSTEM, report_ids=[report_id])[report_id])
    return examples.judge_passage(
        actor=by,
        report_id=report_id,
        source=source_of(passage),
        code=code,
        verdict=verdict,
        now=now(),
    )


def meant(report_id: UUID) -> dict[str, float]:
    (_, newest) = analysed.list_analyses(actor=SYSTEM, report_id=report_id)[-1]
    return {f.code: f.score for f in newest.findings if f.because.code.startswith("MEANING")}


def state_of(reader_id: UUID) -> ReaderState:
    stored = queries.get_reader(reader_id=reader_id)
    assert stored is not None
    return stored.state


def example(example_id: UUID) -> Example:
    found = queries.get_example(actor=SYSTEM, example_id=example_id)
    assert found is not None
    return found


def habilitated_by(granter: Actor, person_id: UUID) -> Actor:
    """An analyst by a habilitation that the granter gave alone."""
    habilitation = NewHabilitation(
        person_id=person_id,
        role=Role.ANALYST,
        act_reference="TEST",
        valid_from=now() - timedelta(days=1),
        valid_until=now() + timedelta(days=1),
        desk_id=1,
    )
    grant_habilitation(actor=granter, habilitation=habilitation, now=now())
    return desk_actor(person_id=person_id, roles={Role.ANALYST}, desks={1}, motive="test")


def refused(sqlstate: str, statement: str, *values: object) -> None:
    with database_refuses(sqlstate), connection.cursor() as cursor:
        cursor.execute(statement, values)


def proposed(reader_id: UUID, by: Actor) -> None:
    readers.propose_version(actor=by, reader_id=reader_id, now=now())
    while trials.continue_reader_trial(now=now()):
        pass


@pytest.mark.larger
def test_from_a_missed_sentence_to_the_version_that_reads_it(
    trained_on: None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    subject, other = deposit(TEXT, OTHER)
    analyst, first, second = person(Role.ANALYST), person(Role.SUPERVISOR), person(Role.SUPERVISOR)
    before = meant(subject).get(CODE, 0.0)
    example_id = judged(subject, analyst)
    assert judged(subject, first) == example_id
    with pytest.raises(Refused):
        readers.train_version(actor=analyst, now=now())
    reader_id = readers.train_version(actor=first, now=now())
    stored = queries.get_reader(reader_id=reader_id)
    assert stored is not None
    assert stored.card is not None
    assert (stored.card.sealed, stored.card.neutral, stored.card.added) == (1, 0, {CODE: 1})
    assert stored.card.comparison.after.codes[CODE][0] > 10
    with pytest.raises(Refusal, match="NOT_PROPOSED"):
        trials.activate_reader(actor=second, reader_id=reader_id, now=now())

    proposed(reader_id, first)
    assert state_of(reader_id) is ReaderState.PROPOSED
    stored = queries.get_reader(reader_id=reader_id)
    assert stored is not None
    run = trials.trial_of(stored)
    assert run is not None
    assert (run.reports, run.candidate) == (2, stored.version)
    with pytest.raises(Refusal, match="SAME_PERSON"):
        trials.activate_reader(actor=first, reader_id=reader_id, now=now())
    trials.activate_reader(actor=second, reader_id=reader_id, now=now())
    assert state_of(reader_id) is ReaderState.IN_FORCE
    while pipeline.continue_reread(now=now()) or pipeline.read_later(token=uuid4(), now=now()):
        pass

    revisions = analysed.list_analyses(actor=SYSTEM, report_id=other)
    versions = [analysis.rule_version.split()[-1] for _, analysis in revisions]
    shipped = shipped_reader()
    assert isinstance(shipped, TextReader)
    assert versions == [shipped.version, stored.version]
    assert meant(subject)[CODE] > max(before, 0.5)
    quoted = [
        near
        for _, analysis in revisions
        for f in analysis.findings
        for near in f.because.parameters.get("nearest", [])  # type: ignore[union-attr]
    ]
    assert quoted
    assert not any("répétition" in near for near in quoted), "no words of another report"

    # The words of an erased report leave the version with it.
    reader = in_force.reader_in_force()
    assert isinstance(reader, TextReader)
    known = len(reader.model.labels)
    erase_reports(actor=SYSTEM, report_ids=[subject], now=now())
    assert example(example_id).state is ExampleState.ERASED
    reader = in_force.reader_in_force()
    assert isinstance(reader, TextReader)
    assert (reader.version, len(reader.model.labels)) == (stored.version, known - 1)

    # Damaged bytes: the shipped version reads, and says so.
    owner = as_role("owner")
    owner.execute("ALTER TABLE analyse_reader DISABLE TRIGGER USER")
    owner.execute(
        "UPDATE analyse_reader SET weights = w, digest = sha256(w)"
        " FROM (SELECT id AS i, set_byte(weights, 9, 1 # get_byte(weights, 9)) AS w"
        " FROM analyse_reader) AS damaged WHERE i = id AND id = %s",
        [reader_id],
    )
    owner.execute("ALTER TABLE analyse_reader ENABLE TRIGGER USER")
    in_force._HELD.clear()
    monkeypatch.setattr(in_force.log, "handlers", [caplog.handler])
    reader = in_force.reader_in_force()
    assert isinstance(reader, TextReader)
    assert reader.version == shipped.version
    assert stored.version in caplog.text
    (finding,) = look_at_reader_in_force(owner)
    assert stored.version in finding.text
    assert in_force.unfit_in_force() == (stored.version, "weights.bin")


def test_a_neutral_sentence_outlives_its_report_once_another_person_checked_it() -> None:
    first, second = deposit(TEXT, OTHER)
    ana, ben = person(Role.ANALYST), person(Role.ANALYST)
    example_id, open_id = judged(first, ana), judged(second, ana)
    with pytest.raises(Refusal, match="COPIED"):
        examples.rewrite(actor=ana, example_id=example_id, sentence=f"Ici, {TEXT}", now=now())
    examples.rewrite(actor=ana, example_id=example_id, sentence="Un brouillon.", now=now())
    earlier = example(example_id).rewritten_object
    examples.rewrite(actor=ana, example_id=example_id, sentence=f"  {NEUTRAL} ", now=now())
    shown = example(example_id)
    assert shown.rewritten_object is not None
    assert examples.neutral_sentence(actor=ben, example=shown, now=now()) == NEUTRAL
    assert shown.neutral == "", "sealed until it is checked"
    for actor, object_id, code in (
        (ana, shown.rewritten_object, "SAME_PERSON"),
        (ben, earlier, "CHANGED"),
    ):
        with pytest.raises(Refusal, match=code):
            examples.check_sentence(
                actor=actor, example_id=example_id, object_id=object_id or UUID(int=0), now=now()
            )
    examples.check_sentence(
        actor=ben, example_id=example_id, object_id=shown.rewritten_object, now=now()
    )
    with pytest.raises(Refusal, match="STATE"):
        examples.rewrite(actor=ana, example_id=example_id, sentence="Encore.", now=now())
    erase_reports(actor=SYSTEM, report_ids=[first, second], now=now())
    left = {e.id: e for e in queries.examples_to_train(actor=SYSTEM)}
    assert set(left) == {example_id}
    assert left[example_id].neutral == NEUTRAL
    assert open_id not in left


def test_no_account_of_the_writers_own_checks_a_sentence() -> None:
    """Whoever holds the role only by the writer's grant is the writer's hand: operation and database."""
    (subject,) = deposit(TEXT)
    claire, helene = person(Role.SUPERVISOR), person(Role.SUPERVISOR)
    hers = habilitated_by(claire, person().person_id)
    example_id = judged(subject, claire)
    examples.rewrite(actor=claire, example_id=example_id, sentence=NEUTRAL, now=now())
    shown = example(example_id).rewritten_object
    assert shown is not None
    with pytest.raises(Refusal, match="GRANTED_BY_PROPOSER"):
        examples.check_sentence(actor=hers, example_id=example_id, object_id=shown, now=now())
    refused(CHECK, CHECKED, hers.person_id, example_id)
    habilitated_by(helene, hers.person_id)
    examples.check_sentence(actor=hers, example_id=example_id, object_id=shown, now=now())
    assert example(example_id).state is ExampleState.NEUTRALISED


def test_an_example_is_of_people_in_office_at_its_desk() -> None:
    (subject,) = deposit(TEXT)
    ana, ben = person(Role.ANALYST), person(Role.ANALYST)
    example_id = judged(subject, ana)
    others = (uuid4(), person(Role.OVERSEER).person_id, person(Role.ANALYST, desk=2).person_id)
    assert roles_at_desk("example.judge") == roles_at_desk("example.check")
    for column, value in (
        ("state", "NEUTRALISED"), ("state", "REWRITTEN"), ("rewriter_id", uuid4()),
        ("checker_id", uuid4()), ("rewritten_object", uuid4()),
    ):  # fmt: skip
        row = {
            "state": "OPEN", "rewriter_id": None, "checker_id": None, "rewritten_object": None,
        } | {column: value}  # fmt: skip
        if value == "NEUTRALISED":
            row |= {"rewriter_id": ana.person_id, "checker_id": ben.person_id}
        refused(
            KEPT,
            "INSERT INTO analyse_example (id, report_id, source, digest, lang, object_id, made_at,"
            " state, rewriter_id, checker_id, rewritten_object, neutral)"
            " VALUES (gen_random_uuid(), %s, 'x', '', 'fr', gen_random_uuid(), now(), %s, %s, %s, %s, %s)",
            subject,
            *row.values(),
            "x" if value == "NEUTRALISED" else "",
        )
    for nobody in others:
        refused(
            CHECK,
            "INSERT INTO analyse_judgement (example_id, code, verdict, engine, person_id, judged_at)"
            " VALUES (%s, 'GROOMING_GIFT', 'WRONG', '', %s, now())",
            example_id,
            nobody,
        )
        refused(
            CHECK,
            "UPDATE analyse_example SET state = 'REWRITTEN', rewriter_id = %s, rewritten_at = now(),"
            " rewritten_object = gen_random_uuid() WHERE id = %s",
            nobody,
            example_id,
        )
    examples.rewrite(actor=ana, example_id=example_id, sentence=NEUTRAL, now=now())
    for nobody in others:
        refused(CHECK, f"{WRITER} WHERE id = %s", nobody, example_id)
        refused(CHECK, CHECKED, nobody, example_id)
    refused(KEPT, f"{WRITER} WHERE id = %s", ben.person_id, example_id)
    refused(KEPT, "UPDATE analyse_example SET state = 'ERASED' WHERE id = %s", example_id)


def test_the_database_itself_wants_two_people() -> None:
    (subject,) = deposit(TEXT)
    ana, ben = person(Role.ANALYST), person(Role.ANALYST)
    example_id = judged(subject, ana)
    examples.rewrite(actor=ana, example_id=example_id, sentence=NEUTRAL, now=now())
    for checker in (ana.person_id, uuid4(), person(Role.OVERSEER).person_id):
        refused(CHECK, CHECKED, checker, example_id)
    refused(KEPT, "UPDATE analyse_example SET source = 'x' WHERE id = %s", example_id)
    with connection.cursor() as cursor:
        cursor.execute(CHECKED, [ben.person_id, example_id])

    first, second = person(Role.SUPERVISOR), person(Role.SUPERVISOR)
    reader_id = store_version("reader/x")
    activate = (
        "INSERT INTO analyse_reader_activation (reader_id, proposer_id, approver_id, activated_at)"
        " VALUES (%s, %s, %s, now())"
    )
    with database_refuses(KEPT), connection.cursor() as cursor:
        cursor.execute(activate, [reader_id, first.person_id, second.person_id])
    with database_refuses(CHECK), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analyse_reader SET proposer_id = %s, proposed_at = now() WHERE id = %s",
            [ana.person_id, reader_id],
        )
    propose = (
        "UPDATE analyse_reader SET proposer_id = %s, proposed_at = now(), trial = %s WHERE id = %s"
    )
    refused(KEPT, propose, first.person_id, b"{}", reader_id)
    readers.propose_version(actor=first, reader_id=reader_id, now=now())
    for trial in (None, b"{}", b'{"candidate": "reader/y"}'):
        refused(KEPT, f"{TRIED} WHERE id = %s", trial, reader_id)
    while trials.continue_reader_trial(now=now()):
        pass
    refused(KEPT, f"{TRIED} WHERE id = %s", b'{"candidate": "reader/x"}', reader_id)
    for approver in (first, ana):
        with database_refuses(CHECK), connection.cursor() as cursor:
            cursor.execute(activate, [reader_id, first.person_id, approver.person_id])
    with connection.cursor() as cursor:
        cursor.execute(activate, [reader_id, first.person_id, second.person_id])
    assert state_of(reader_id) is ReaderState.IN_FORCE
    with database_refuses(NO_RIGHT), connection.cursor() as cursor:
        cursor.execute("DELETE FROM analyse_reader WHERE id = %s", [reader_id])
    with database_refuses(NO_RIGHT), connection.cursor() as cursor:
        cursor.execute("UPDATE analyse_reader SET weights = NULL WHERE id = %s", [reader_id])
