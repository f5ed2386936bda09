"""A node whose clock or tables are not its database's acknowledges nothing, through no door."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client

from fanal.config.databases import DatabaseRefused
from fanal.db import agreement
from fanal.kernel import clock
from fanal.worker.loop import WorkerLoop

pytestmark = pytest.mark.django_db
Older = Callable[[], None]
REPORT = {
    "reference": "R-1",
    "kind": "OTHER",
    "description": "a neutral sentence",
}


@pytest.fixture(autouse=True)
def asked() -> Iterator[None]:
    """Ask as a process outside the tests does."""
    agreement.install(agreement.AgreementWatch())
    yield
    agreement.install(None)


def _again() -> None:
    """Let the next edge ask anew, as it does after some seconds."""
    agreement.install(agreement.AgreementWatch())


def _stored() -> int:
    with agreement.unrefused(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM intake_report")
        return int(cursor.fetchone()[0])


def _post(client: Client) -> int:
    return client.post(
        "/api/v1/reports", json.dumps(REPORT), content_type="application/json"
    ).status_code


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that takes this process back to code without the last migration of intake."""

    def go_back() -> None:
        known = agreement._files()
        last = max(name for app, name in known if app == "intake")
        monkeypatch.setattr(agreement, "_files", lambda: known - {("intake", last)})
        _again()

    return go_back


@pytest.mark.parametrize(
    "off", [timedelta(minutes=90), timedelta(minutes=-90), timedelta(seconds=9)]
)
def test_a_clock_that_is_off_signs_no_receipt(bearer: Client, off: timedelta) -> None:
    with time_machine.travel(clock.now() + off, tick=True):
        assert _post(bearer) == 503
    assert _stored() == 0
    _again()
    assert _post(bearer) == 201
    assert _stored() == 1


def test_a_small_difference_is_none(bearer: Client) -> None:
    with time_machine.travel(clock.now() + timedelta(seconds=3), tick=True):
        assert _post(bearer) == 201


def test_older_code_acknowledges_nothing_on_newer_tables(bearer: Client, older: Older) -> None:
    older()
    assert _post(bearer) == 503
    assert _stored() == 0


def test_the_wire_and_pages_answer_in_their_own_form(basic: Client, older: Older) -> None:
    older()
    submitted = basic.post("/ispws/submit", b"<report/>", content_type="text/xml")
    assert submitted.status_code == 200
    assert b"<responseCode>0<" not in submitted.content
    page = Client(raise_request_exception=False).get("/en/login/")
    assert page.status_code == 503
    assert page["Retry-After"]


@pytest.mark.parametrize("part", ["clock", "migrations"])
def test_readiness_names_the_part_and_no_other(part: str, older: Older) -> None:
    if part == "clock":
        with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
            Client(raise_request_exception=False).get("/en/login/")
            answer = Client(raise_request_exception=False).get("/readyz")
    else:
        older()
        Client(raise_request_exception=False).get("/en/login/")
        answer = Client(raise_request_exception=False).get("/readyz")
    assert answer.status_code == 503
    parts = answer.json()
    assert {name for name in ("database", "clock", "migrations") if not parts[name]} == {part}


def test_a_command_refuses_in_words(older: Older) -> None:
    from fanal.cli.boot import refuse_disagreement

    refuse_disagreement()
    older()
    with pytest.raises(DatabaseRefused, match="newer than this version"):
        refuse_disagreement()


def test_a_worker_waits_until_they_agree(older: Older) -> None:
    stop, slept = threading.Event(), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        stop.set()

    older()
    loop = WorkerLoop(clock=clock.now, sleep=sleep)
    beats: list[int] = []
    loop.beat = lambda: beats.append(1) or 0  # type: ignore[method-assign]
    loop.run(stop)
    assert slept
    assert not beats


def test_a_clock_is_off_by_what_cannot_be_the_way_of_the_question() -> None:
    now, slow = clock.now(), timedelta(seconds=8)
    assert agreement.apart(now, now + slow / 2, now + slow) == timedelta()
    assert agreement.apart(now, now - slow, now + slow) == slow
    assert agreement.apart(now, now + 3 * slow, now + slow) == 2 * slow
