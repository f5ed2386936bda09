"""The follow-up speaks to a child as the form did, and nobody without the code can tell that it does."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import OperationalError
from django.test import Client

from fanal.intake.domain import receipt
from fanal.intake.operations import follow as operations
from fanal.web.public import follow as follow_view
from tests.integration.web.public.test_answer_once import form
from tests.integration.web.public.test_public_node import (
    CODE,
    NOW,
    _draft,
    fresh_limits,
    pytestmark,
    send,
    to_check_page,
)
from tests.integration.web.public.test_reading import texts_of

__all__ = ["fresh_limits", "pytestmark"]
ADULT = re.compile(r"\b(vous|votre|vos|(?!chez\b)\w+ez)\b|un enfant est", re.IGNORECASE)
SEALED = "SELECT voice_digest FROM intake_receipt"
Ask = Callable[[str], str]


def deposit(whom: str) -> str:
    """Send a report as `whom`; return its receipt code."""
    client = Client()
    with time_machine.travel(NOW, tick=False):
        draft = to_check_page(client)
        answers = {"draft": draft, "step": "whom", "go": "check", "whom": whom}
        draft = _draft(client.post("/fr/report/", answers).content.decode())
    found = CODE.search(send(client, draft)[1])
    assert found is not None
    return found.group(1)


def said(page: str) -> str:
    return "\n".join(texts_of(page))


@pytest.fixture
def owner(as_role: Callable[[str], object]) -> object:
    return as_role("owner")


@pytest.fixture
def ask(owner: object) -> Ask:
    """Store a question of the desk to the holder of a code; return the code."""

    def ask(code: str) -> str:
        part = receipt.public_part(code)
        sealed = receipt.seal_message(public_key=part.public_key, plaintext=b"?")
        owner.execute(  # type: ignore[attr-defined]
            "INSERT INTO intake_message (id, report_id, from_desk, author_id, created_at, object_id,"
            " for_reporter) SELECT %s, report_id, true, %s, %s, %s, %s FROM intake_receipt"
            " WHERE lookup_hash = %s",
            [uuid4(), uuid4(), NOW, uuid4(), sealed, part.lookup_hash],
        )
        return code

    return ask


@pytest.fixture
def clock() -> Iterator[None]:
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        yield


def away(*_values: object) -> None:
    raise OperationalError("gone")


def pages(code: str, ask: Ask, owner: object, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield each page that the holder of a code may get, in French."""
    client = Client(raise_request_exception=False)

    def post(fields: dict[str, str]) -> str:
        return client.post("/fr/follow/", fields).content.decode()

    first = post({"code": code})
    yield first
    yield post(form(first, "Here."))
    yield post(form(first, "", danger="YES"))
    yield post(form(first, ""))
    yield post(form(first, "x" * 30_000))
    yield post(form(first, "x" * 400_000))
    with patch.context() as less:
        less.setattr(operations, "MOST_ANSWERS", 1)
        yield post(form(first, "More."))
    with patch.context() as broken:
        broken.setattr(follow_view, "_find", away)
        again = post(form(first, "Kept.", danger="YES"))
        yield again
        yield post(form(again, "Kept."))
    ask(code)
    yield post({"code": code})
    owner.execute("DELETE FROM intake_work")  # type: ignore[attr-defined]
    yield post({"code": code})


@pytest.mark.usefixtures("clock")
def test_a_child_is_spoken_to_as_in_the_form(
    ask: Ask, owner: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = list(pages(deposit("CHILD"), ask, owner, monkeypatch))
    assert len(got) == 11
    assert {n: found[0] for n, page in enumerate(got) if (found := ADULT.search(said(page)))} == {}
    assert "Ton signalement" in said(got[0])
    assert "Tu as dit que tu es en danger" in said(got[2])


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("whom", ["WITNESS", "PARENT", "PROFESSIONAL", ""])
def test_everybody_else_is_spoken_to_as_an_adult(
    whom: str, ask: Ask, owner: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = list(pages(deposit(whom), ask, owner, monkeypatch))
    for page in got:
        assert not re.search(r"\b(tu|ton|ta|tes|toi)\b", said(page), re.IGNORECASE)
    assert "Votre signalement" in said(got[0])


def test_a_report_of_before_is_answered_as_before(owner: object) -> None:
    code = deposit("CHILD")
    owner.execute("UPDATE intake_receipt SET voice_digest = NULL")  # type: ignore[attr-defined]
    answer = Client().post("/fr/follow/", {"code": code})
    assert "Votre signalement" in said(answer.content.decode())


def test_the_page_of_the_code_speaks_to_everybody_alike(owner: object) -> None:
    """Of whom the report is, it knows nothing: neither before a code nor after a wrong one."""
    deposit("CHILD")
    asked = [Client().get("/fr/follow/").content.decode()]
    asked += [
        Client().post("/fr/follow/", {"code": typed}).content.decode()
        for typed in ("nonsense", receipt.new_code())
    ]
    client = Client()
    for _ in range(21):
        tired = client.post("/fr/follow/", {"code": "nonsense"})
    assert tired.status_code == 429
    for page in (*asked, tired.content.decode()):
        assert not ADULT.search(said(page))
    assert said(asked[1]) == said(asked[2])


def test_who_holds_no_code_cannot_tell_a_child_from_an_adult(owner: object) -> None:
    """Each receipt has a digest of one length; which of two, the code alone tells."""
    child, adult = deposit("CHILD"), deposit("WITNESS")
    stored = {bytes(row[0]) for row in owner.execute(SEALED).fetchall()}  # type: ignore[attr-defined]
    assert stored == {
        receipt.voice_digest(code=child, to_child=True),
        receipt.voice_digest(code=adult, to_child=False),
    }
    assert {len(digest) for digest in stored} == {32}
