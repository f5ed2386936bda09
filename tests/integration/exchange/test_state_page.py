"""The state of the lists: sizes, versions, fetches and failures; a source fetched now, for who manages sources."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from fanal.accounts.domain.instructions import InstructionKind
from fanal.connectors import outside
from fanal.db import sql
from fanal.exchange import queries
from fanal.exchange.domain.records import FetchCheckpoint, ListSource, Service, next_fetch
from fanal.exchange.operations.sources import note_failure
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.worker import list_jobs
from tests.integration.accounts.people import make_user
from tests.integration.exchange.fetched import GOOD, PAGE, XML, add, held, serving
from tests.integration.exchange.sharing import SYSTEM, instruct, make_supervisors, md5
from tests.integration.exchange.test_pages import browser, password_is_enough
from tests.server import as_worker

__all__ = ["password_is_enough"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
STATE = "/en/account/lists/"


@pytest.fixture(autouse=True)
def here(db: None, password_is_enough: None) -> Iterator[None]:
    make_supervisors()
    outside.install(outside.Door(loopback=True, seconds=20))
    yield
    outside.install(outside.Door())


def jobs() -> list[dict[str, str]]:
    rows = sql.rows("SELECT args::text FROM procrastinate_jobs WHERE task_name = 'fetch_now'")
    return [json.loads(args) for (args,) in rows]


def test_a_source_is_fetched_now_for_a_supervisor_without_an_instruction() -> None:
    sonia = browser(make_user("sonia", Role.SUPERVISOR, at=clock.now()))
    with serving(PAGE.format(GOOD, "").encode(), XML) as good:
        source = add(Service.HASHSHARING, good)
        fetch = f"/en/desk/exchange/sources/{source.id}/fetch/"
        assert "never to the end" in sonia.get(STATE).content.decode()
        assert sonia.post(fetch).status_code == 302
        again = sonia.post(fetch, follow=True).content.decode()
        assert "is waiting already" in again
        [job] = jobs()
        with as_worker():
            list_jobs.fetch_now(**job)
    assert md5(1) in held("mirror")
    page = sonia.get(STATE).content.decode()
    assert "added: 1, withdrawn: 0" in page
    assert "Waits for a standing instruction" in page
    entry = sql.rows(
        "SELECT action FROM ledger_entry WHERE action IN ('source.fetch', 'list.fetch')"
    )
    assert sorted(entry) == [("list.fetch",), ("source.fetch",)]


def test_a_failure_is_said_in_words_and_the_job_ends() -> None:
    person = make_user("sonia", Role.SUPERVISOR, at=clock.now())
    source = add(Service.HASHSHARING, "http://127.0.0.1:9")
    args = {"source_id": str(source.id), "person_id": str(person.person_id)}
    with as_worker():
        list_jobs.fetch_now(**args)
    page = browser(person).get(STATE).content.decode()
    assert "the server does not answer" in page
    assert queries.get_checkpoint(source_id=source.id).error == "AWAY"
    analyst = make_user("nils", Role.ANALYST, at=clock.now())
    with as_worker():
        note_failure(actor=SYSTEM, source=source, code="BUSY", now=clock.now())
        list_jobs.fetch_now(**args | {"person_id": str(analyst.person_id)})
    assert queries.get_checkpoint(source_id=source.id).error == "BUSY", "no right, no fetch"


def test_an_administrator_watches_and_fetches_nothing() -> None:
    source = add(Service.HASHSHARING, "https://lists.example/hashsharing/")
    instruct(InstructionKind.LIST_FETCH)
    ines = browser(make_user("ines", Role.ADMINISTRATOR, at=clock.now()))
    page = ines.get(STATE).content.decode()
    for said in (
        source.name,
        "within a minute",
        "the server’s certificate",
        "No version was published.",
    ):
        assert said in page
    for word in ("Fetch now", "lists.example", md5(1)):
        assert word not in page
    assert ines.post(f"/en/desk/exchange/sources/{source.id}/fetch/").status_code == 403
    assert browser(make_user("nils", Role.ANALYST, at=clock.now())).get(STATE).status_code == 403


def test_without_any_source_the_page_says_what_to_do() -> None:
    ines = browser(make_user("ines", Role.ADMINISTRATOR, at=clock.now()))
    page = ines.get(STATE).content.decode()
    assert "No list is imported from a partner." in page
    assert "Phrases in French" in page


def test_the_next_fetch_follows_the_last_one() -> None:
    now = clock.now()
    source = ListSource(
        id=SYSTEM.person_id,
        name="x",
        kind=Service.TAXII,
        url="",
        list_id=SYSTEM.person_id,
        added_at=now,
    )
    whole = FetchCheckpoint(page_at=now, completed_at=now, tried_at=now)
    assert next_fetch(source, FetchCheckpoint()) is None
    assert next_fetch(source, whole) == now + timedelta(minutes=60)
    early = FetchCheckpoint(page_at=now, completed_at=None, tried_at=now)
    assert next_fetch(source, early) is None, "it goes on at once"
    failed = FetchCheckpoint(page_at=now, completed_at=None, tried_at=now, error="AWAY")
    assert next_fetch(source, failed) == now + timedelta(minutes=60)
