"""Sources that drip delay no other one: each has a job of its own, and slow ones have slots of their own."""

import threading

import pytest
from django.db import connection

from fanal.accounts.domain.instructions import InstructionKind
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource, Service
from fanal.worker import list_jobs
from tests.faults.test_calls import Front
from tests.integration.exchange.conftest import fetches  # noqa: F401 - a fixture
from tests.integration.exchange.fetched import GOOD, PAGE, XML, add, other, serving
from tests.integration.exchange.sharing import instruct
from tests.integration.worker.test_jobs import jobs  # noqa: F401 - a fixture
from tests.live import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys", "fetches"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def _completed(source: ListSource) -> bool:
    return queries.get_checkpoint(source_id=source.id).completed_at is not None


def _queues() -> set[tuple[str, str]]:
    """Return queue and status of the fetches that wait or run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queue_name, status::text FROM procrastinate_jobs"
            " WHERE queueing_lock LIKE 'fetch\\_list:%' AND status IN ('todo', 'doing')"
        )
        return set(cursor.fetchall())


def test_ten_that_drip_delay_an_eleventh_by_their_quick_turns_only(
    jobs: threading.Event,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(list_jobs, "QUICK_SECONDS", 3.0)
    instruct(InstructionKind.LIST_FETCH)
    drip = Front(None, to_drip=0)
    try:
        with serving(PAGE.format(GOOD, "").encode(), XML) as good:
            add(Service.HASHSHARING, f"http://127.0.0.1:{drip.port}")
            for number in range(9):
                other(f"http://127.0.0.1:{drip.port}", f"drips {number}")
            last = other(good, "the eleventh")
            list_jobs.queue_due()
            # The door gives a page sixty seconds: ten of them, one after the other, take ten minutes.
            assert wait_for(lambda: _completed(last), seconds=50)
            assert ("slow fetches", "doing") in _queues()
            list_jobs.queue_due()
            # Those that dripped hold their own slots for a minute each; the next one that is new goes first.
            new = other(good, "a new one")
            list_jobs.queue_due()
            assert wait_for(lambda: _completed(new), seconds=50)
            assert ("slow fetches", "todo") in _queues()
            with connection.cursor() as cursor:
                cursor.execute("UPDATE exchange_source SET enabled = false")
    finally:
        drip.close()


def test_one_that_needs_longer_than_a_quick_turn_goes_on_among_the_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instruct(InstructionKind.LIST_FETCH)
    monkeypatch.setattr(list_jobs, "QUICK_SECONDS", 0.0)
    with serving(PAGE.format(GOOD, "").encode(), XML) as good:
        source = add(Service.HASHSHARING, good)
        assert list_jobs.fetch_turn(actor=list_jobs._ACTOR, source=source, quick=True)
        assert queries.get_checkpoint(source_id=source.id).error == ""
        assert list_jobs.is_due(source)
        list_jobs.fetch_list(source_id=str(source.id), quick=True)
        assert _queues() == {("slow fetches", "todo")}
        list_jobs.queue_due()  # it waits already
        assert len(_queues()) == 1
        list_jobs.fetch_list(source_id=str(source.id), quick=False)
    assert _completed(source)
    assert not list_jobs.is_due(source)
