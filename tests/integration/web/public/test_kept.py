"""Something breaks while a person sends: no acknowledgement, and every word comes back to be sent again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client

from fanal.intake import operations as intake
from fanal.intake.domain.records import Acknowledgement, Outcome
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
        broken.setattr(report_view, "intake", _Broken(take_and_break))
        status, text = send(client, draft)
    assert status == expected
    assert CODE.search(text) is None
    status, text = send(client, _draft(text))
    assert status == 200
    code = CODE.search(text)
    assert code is not None
    assert code.group(1) == taken[0][0].code


class _Broken:
    """The door of intake, but for what breaks."""

    spend_challenge = staticmethod(intake.spend_challenge)

    def __init__(self, receive: object) -> None:
        self.receive_reports = receive


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


def test_a_send_that_meets_itself_is_told_that_it_is_on_its_way(
    client: Client, draft: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(**_values: object) -> list[Acknowledgement]:
        return [Acknowledgement(outcome=Outcome.IN_PROGRESS)]

    with monkeypatch.context() as twice:
        twice.setattr(report_view, "intake", _Broken(busy))
        status, text = send(client, draft)
    assert status == 409
    assert "est en route" in text
    assert "attendez dix secondes" not in text
    assert send(client, _draft(text))[0] == 201
