"""Versions of the text reader that do not fit the program: what reads, who is told, and what waits for them."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest

from fanal import trials
from fanal.accounts.domain.policy import Refused
from fanal.analyse.signals.domain.model_card import ReaderState
from fanal.analyse.signals.engine import engine_of_process
from fanal.analyse.signals.operations import in_force, readers
from fanal.analyse.signals.queries import get_reader
from fanal.analyse.signals.reading import (
    NoReader,
    TextReader,
    shipped_reader,
)
from fanal.cli.doctor_desk import look_at_reader_in_force
from fanal.db import sql
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.worker.loop import WorkerLoop
from tests.integration.analyse.stored_readers import store_shipped_earlier, store_version
from tests.integration.analyse.test_learning import TEXT, deposit, now, proposed, state_of
from tests.integration.orient.people import person

LIGATURE = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> Iterator[None]:
    in_force._HELD.clear()
    return


@pytest.fixture
def claire() -> Actor:
    return person(Role.SUPERVISOR)


def age(reader_id: object, owner: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make a stored version that of an older package, as an update of the program leaves it."""
    owner.execute("ALTER TABLE analyse_reader DISABLE TRIGGER USER")
    owner.execute(
        "UPDATE analyse_reader SET header = convert_to(regexp_replace(convert_from(header, 'UTF8'),"
        " '(\\.jsonl\":\")\\w{64}', '\\1' || repeat('0', 64)), 'UTF8') WHERE id = %s",
        [reader_id],
    )
    owner.execute("ALTER TABLE analyse_reader ENABLE TRIGGER USER")
    in_force._HELD.clear()


def shipped() -> str:
    found = shipped_reader()
    assert isinstance(found, TextReader)
    return found.version


def test_a_version_that_does_not_fit_is_not_proposed(claire: Actor) -> None:
    for reader_id in (store_version("reader/old", fits=False), store_shipped_earlier()):
        with pytest.raises(Refusal, match="UNFIT"):
            readers.propose_version(actor=claire, reader_id=reader_id, now=now())
        assert isinstance(in_force.reader_of(reader_id=reader_id), NoReader)
    assert trials.continue_reader_trial(now=now()) is False


def test_a_part_that_the_vault_has_not_is_left_out_like_an_erased_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It put the whole version out: the shipped one read, and neither page nor doctor said so."""
    monkeypatch.setattr(in_force.log, "handlers", [caplog.handler])
    reader_id = store_version("reader/parted")
    sql.run(
        "INSERT INTO analyse_reader_part (reader_id, report_id, object_id) VALUES (%s, %s, %s)",
        [reader_id, uuid4(), uuid4()],
    )
    found = in_force.reader_of(reader_id=reader_id)
    assert isinstance(found, TextReader)
    assert found.version == "reader/parted"
    assert "a part of the text reader is left out: ObjectUnknown" in caplog.text


def test_a_version_that_became_unfit_keeps_nothing_waiting(
    claire: Actor, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    deposit(TEXT)
    old, new = store_version("reader/old"), store_version("reader/new")
    readers.propose_version(actor=claire, reader_id=old, now=now())
    age(old, as_role("owner"))
    proposed(new, claire)
    assert state_of(new) is ReaderState.PROPOSED
    ended = get_reader(reader_id=old)
    assert ended is not None
    assert (ended.state, ended.proposer_id) == (ReaderState.TRAINED, None)
    assert ended.ended == "reader/old: corpus"


def test_a_dry_run_ends_over_texts_that_end_the_engine(
    claire: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each such text costs its own reading; the process that asked goes on."""
    report_ids = deposit(*(f"{LIGATURE * 200} {n}" for n in range(3)), TEXT)
    monkeypatch.setattr("fanal.embedding.engine._SWELLING", "\0")  # as if it were not written out
    engine_of_process()._cache.clear()
    reader_id = store_version("reader/new")
    proposed(reader_id, claire)
    stored = get_reader(reader_id=reader_id)
    assert stored is not None
    run = trials.trial_of(stored)
    assert run is not None
    assert (stored.state, run.reports) == (ReaderState.PROPOSED, len(report_ids))


def test_a_proposal_is_withdrawn_before_and_after_its_dry_run(claire: Actor) -> None:
    deposit(TEXT)
    reader_id, helene = store_version("reader/new"), person(Role.SUPERVISOR)
    for tried in (False, True):
        readers.propose_version(actor=claire, reader_id=reader_id, now=now())
        while tried and trials.continue_reader_trial(now=now()):
            pass
        readers.withdraw_version(actor=helene, reader_id=reader_id, now=now())
        stored = get_reader(reader_id=reader_id)
        assert stored is not None
        assert (stored.state, stored.proposer_id, stored.trial) == (ReaderState.TRAINED, None, None)
        assert trials.continue_reader_trial(now=now()) is False
        with pytest.raises(Refusal, match="NO_PROPOSAL"):
            readers.withdraw_version(actor=claire, reader_id=reader_id, now=now())
        with pytest.raises(Refusal, match="NOT_PROPOSED"):
            trials.activate_reader(actor=helene, reader_id=reader_id, now=now())
    with pytest.raises(Refused):
        readers.withdraw_version(actor=person(Role.ANALYST), reader_id=reader_id, now=now())


def test_a_version_that_became_unfit_after_its_dry_run_is_not_put_in_force(
    claire: Actor, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    old = store_version("reader/old")
    proposed(old, claire)
    age(old, as_role("owner"))
    with pytest.raises(Refusal, match="UNFIT"):
        trials.activate_reader(actor=person(Role.SUPERVISOR), reader_id=old, now=now())


def test_the_version_that_an_earlier_package_shipped_is_not_this_packages(
    claire: Actor, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    """Put in force under the earlier package: this one's own reads, says its name, and everybody is told."""
    deposit(TEXT)
    earlier, own = store_shipped_earlier(), store_version("reader/own")
    owner = as_role("owner")
    owner.execute("ALTER TABLE analyse_reader DISABLE TRIGGER USER")
    owner.execute("UPDATE analyse_reader SET state = 'IN_FORCE' WHERE id = %s", [earlier])
    owner.execute("ALTER TABLE analyse_reader ENABLE TRIGGER USER")
    found = in_force.reader_in_force()
    assert isinstance(found, TextReader)
    assert found.version == shipped() == in_force.version_reading()
    assert in_force.version_in_force() == "reader/earlier"
    assert in_force.unfit_in_force() == ("reader/earlier", "package")
    (finding,) = look_at_reader_in_force(owner)
    assert "reader/earlier, does not fit (package)" in finding.text

    WorkerLoop(clock=now, sleep=lambda _seconds: None).beat()
    assert sql.row("SELECT id FROM analyse_reader WHERE version = %s", [shipped()])
    proposed(own, claire)
    (trial,) = sql.one("SELECT trial FROM analyse_reader WHERE id = %s", [own])
    assert trials._RUN.decode(bytes(trial)).current == shipped()
    trials.activate_reader(actor=person(Role.SUPERVISOR), reader_id=own, now=now())
    assert in_force.version_reading() == "reader/own"
    assert in_force.unfit_in_force() is None
    (finding,) = look_at_reader_in_force(owner)
    assert "texts are read by version reader/own" in finding.text


def test_a_card_and_a_dry_run_that_cannot_be_read_count_as_none(claire: Actor) -> None:
    deposit(TEXT)
    reader_id = store_version("reader/new", card=b"{}")
    readers.propose_version(actor=claire, reader_id=reader_id, now=now())
    for trial in (b"{}", b"\xff", b'{"candidate":"reader/other"}'):
        sql.run("UPDATE analyse_reader SET trial = %s WHERE id = %s", [trial, reader_id])
        stored = get_reader(reader_id=reader_id)
        assert stored is not None
        assert (stored.card, trials.trial_of(stored)) == (None, None)
    while trials.continue_reader_trial(now=now()):
        pass
    stored = get_reader(reader_id=reader_id)
    assert stored is not None
    run = trials.trial_of(stored)
    assert run is not None
    assert (stored.state, run.reports) == (ReaderState.PROPOSED, 1)
