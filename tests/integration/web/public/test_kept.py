"""Something breaks while a person sends: no acknowledgement, and every word comes back to be sent again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client

from fanal.intake.domain.records import Acknowledgement, Outcome
from fanal.intake.operations import receive as intake
from fanal.web.public import report as report_view
from tests.integration.web.public.test_public_node import (
    ANSWERS,
    CODE,
    NOW,
    _draft,
    fresh_limits,
    send,
    to_check_page,
)

__all__ = ["fresh_limits"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("intake"),
    pytest.mark.usefixtures("installed_keys"),
    pytest.mark.urls("fanal.config.urls_public"),
]
WORDS = ANSWERS["saw"]["description"]
ANSWER = "A longer answer to the desk, which nobody types twice."


@contextmanager
def away() -> Iterator[None]:
    """Point this process at a port where nothing listens."""
    connection.close()
    before = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}
    connection.settings_dict.update(HOST="127.0.0.1", PORT="1")
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


@pytest.fixture
def client() -> Client:
    """A browser to which a failure is a page, as to any."""
    return Client(raise_request_exception=False)


@pytest.fixture
def draft(client: Client) -> str:
    """The draft of a check page."""
    with time_machine.travel(NOW, tick=False):
        return to_check_page(client)


def test_a_report_that_the_database_did_not_take_is_sent_from_the_page_that_says_so(
    client: Client, draft: str
) -> None:
    with away():
        status, text = send(client, draft)
    assert status == 503
    assert CODE.search(text) is None
    assert WORDS in text
    assert "peut-être pas arrivé" in text
    status, text = send(client, _draft(text))
    assert status == 201
    code = CODE.search(text)
    assert code is not None
    assert client.post("/fr/follow/", {"code": code.group(1)}).status_code == 200


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(OSError(28, "no space"), 503), (OperationalError("gone"), 503), (ValueError("x"), 500)],
)
def test_a_report_that_was_taken_unheard_shows_the_same_code_when_sent_again(
    client: Client,
    draft: str,
    failure: Exception,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = []

    def take_and_break(**values: object) -> None:
        taken.append(intake.receive_reports(**values))  # type: ignore[arg-type]
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(report_view, "receive_reports", take_and_break)
        status, text = send(client, draft)
    assert status == expected
    assert CODE.search(text) is None
    status, text = send(client, _draft(text))
    assert status == 200
    code = CODE.search(text)
    assert code is not None
    assert code.group(1) == taken[0][0].code


def test_an_answer_that_was_not_taken_comes_back_and_is_sent_from_there(
    client: Client, draft: str
) -> None:
    _, text = send(client, draft)
    found = CODE.search(text)
    assert found is not None
    fields = {"code": found.group(1), "act": "answer", "text": ANSWER}
    with away():
        answer = client.post("/fr/follow/", fields)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "no-store" in answer["Cache-Control"]
    assert ANSWER in page
    assert f'name="code" value="{found.group(1)}"' in page
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        again = client.post("/fr/follow/", fields)
    assert again.status_code == 200
    assert "Votre message est arrivé" in again.content.decode()


def full(*_values: object, **_more: object) -> None:
    raise OSError(28, "no space")


@pytest.mark.parametrize("broken", ["_seal", "_log"])
def test_danger_is_heard_though_its_words_could_not_be_kept(
    client: Client,
    draft: str,
    broken: str,
    as_role: Callable[[str], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = CODE.search(send(client, draft)[1])
    assert found is not None
    owner = as_role("owner")
    owner.execute("DELETE FROM orient_alarm")  # type: ignore[attr-defined] # the form's own rang
    fields = {"code": found.group(1), "act": "answer", "text": ANSWER, "danger": "YES"}
    with (
        monkeypatch.context() as disk,
        time_machine.travel(NOW + timedelta(minutes=1), tick=False),
    ):
        disk.setattr(f"fanal.intake.operations.follow.{broken}", full)
        answer = client.post("/fr/follow/", fields)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert ANSWER in page
    assert "Notre équipe est alertée" in page
    count = "SELECT count(*) FROM orient_alarm"
    assert owner.execute(count).fetchone() == (1,)  # type: ignore[attr-defined]


def test_danger_without_words_is_answered_by_a_page_where_nothing_can_be_heard(
    client: Client, draft: str
) -> None:
    found = CODE.search(send(client, draft)[1])
    assert found is not None
    fields = {"code": found.group(1), "act": "answer", "text": "", "danger": "YES"}
    with away():
        answer = client.post("/fr/follow/", fields)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert "peut-être pas arrivé" in page
    assert 'value="YES" checked' in page
    assert "Notre équipe est alertée" not in page


def test_danger_is_heard_though_its_report_arrived_before_and_the_vault_is_full(
    client: Client,
    draft: str,
    as_role: Callable[[str], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert send(client, draft)[0] == 201
    owner = as_role("owner")
    owner.execute("DELETE FROM orient_alarm")  # type: ignore[attr-defined] # the form's own rang
    with monkeypatch.context() as disk:
        disk.setattr(report_view, "receive_reports", full)
        assert send(client, draft)[0] == 503
    count = "SELECT count(*) FROM orient_alarm"
    assert owner.execute(count).fetchone() == (1,)  # type: ignore[attr-defined]


def test_a_send_that_meets_itself_is_told_that_it_is_on_its_way(
    client: Client, draft: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(**_values: object) -> list[Acknowledgement]:
        return [Acknowledgement(outcome=Outcome.IN_PROGRESS)]

    with monkeypatch.context() as twice:
        twice.setattr(report_view, "receive_reports", busy)
        status, text = send(client, draft)
    assert status == 409
    assert "est en route" in text
    assert "attendez dix secondes" not in text
    assert send(client, _draft(text))[0] == 201
