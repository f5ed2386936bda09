"""The document of an oversight session: its own overseer's, the same record as the page, no identifier."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.ledger import queries as ledger
from fanal.measures.domain.oversight import Happening, RecommendationKind
from fanal.measures.operations import oversight as overseeing
from fanal.web.account import second_factor
from tests.acceptance.oversight.people import user_as
from tests.integration.measures.stories import NOW
from tests.integration.orient.people import person
from tests.integration.oversight.test_groups import drawn

SignIn = Callable[[Role, str], tuple[Client, Actor]]


@pytest.fixture
def sign_in(db: None) -> Iterator[SignIn]:
    """Return a function that gives a browser signed in as a new person of a role, and the actor."""

    def browser(role: Role, name: str) -> tuple[Client, Actor]:
        user = user_as(role, name, now=clock.now())
        client = Client(headers={"X-Forwarded-Proto": "https"})
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
        return client, person(role, person_id=user.person_id)

    second_factor.install(required=False)
    try:
        yield browser
    finally:
        second_factor.install(required=True)


def exports(session_id: object) -> list[str]:
    found = ledger.entries_of(actor=system_actor("test"), object_id=session_id, limit=50)
    return [one.action for one in found if one.action.endswith(".export")]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_it_says_what_was_drawn_read_and_recommended(sign_in: SignIn, lang: str) -> None:
    client, actor = sign_in(Role.OVERSEER, "Quinn Qualified")
    session = drawn(actor)
    first, second = session.sample[:2]
    noted = {"actor": actor, "session_id": session.id, "now": NOW + timedelta(minutes=3)}
    overseeing.note_in_session(**noted, what=Happening.SEEN, measure_id=first)
    overseeing.note_in_session(**noted, what=Happening.AGREED, measure_id=first)
    overseeing.recommend(
        actor=actor, measure_id=second, kind=RecommendationKind.CORRECT,
        words="The second address is another one.", now=NOW + timedelta(minutes=4),
        session_id=session.id,
    )  # fmt: skip
    page = f"/{lang}/oversight/sessions/{session.id}/"
    shown = client.get(page).content.decode()
    assert f'action="{page}document/"' in shown
    assert "document-motive" not in shown
    record = shown.partition('class="fo-record"')[2].partition("</ol>")[0]
    assert len(re.findall(r"<li>.*?pictures\[\.\]example \(\d+\)</li>", record)) == 3, record
    for number, format_ in enumerate(("pdf", "print", "text"), 1):
        answer = client.post(f"{page}document/", {"format": format_})
        assert answer.status_code == 200
        assert exports(session.id) == ["oversight.export"] * number
    text = answer.content.decode()
    assert ("1/" + str(len(session.sample))) in text
    for said in ("The second address is another one.", str(session.id), "Quinn Qualified"):
        assert said in text
    assert {"fr": "CONFIDENTIEL", "en": "CONFIDENTIAL"}[lang] in text
    assert len(re.findall(r"^\d+ \| pictures\[\.\]example", text, re.MULTILINE)) == len(
        session.sample
    )
    assert "://" not in text


def test_only_its_own_overseer_takes_it(sign_in: SignIn) -> None:
    _client, actor = sign_in(Role.OVERSEER, "Quinn Qualified")
    session = drawn(actor)
    address = f"/fr/oversight/sessions/{session.id}/document/"
    others = [
        sign_in(role, name)[0].post(address, {"format": "text"}).status_code
        for role, name in (
            (Role.OVERSEER, "Olga Other"),
            (Role.SUPERVISOR, "Sara Supervisor"),
            (Role.MEASURES_OFFICER, "Olive Officer"),
            (Role.STATISTICIAN, "Sacha Statistics"),
        )
    ]
    assert others == [404, 403, 403, 403]
    assert exports(session.id) == []
