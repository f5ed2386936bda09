"""The home page: each number leads to a list of as many rows, whatever the role; the tour is offered once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.models import User
from fanal.accounts.operations.instructions import propose_instruction
from fanal.kernel.actors import Role
from fanal.measures import queries as measures
from fanal.measures.operations import oversight as overseeing
from tests.integration.accounts.people import habilitate, make_user
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
HOME = "/fr/home/"
EVERYBODY = ["ana", "claire", "driss", "elise", "gabrielle", "hugo", "ada"]


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """The desk with an administrator, a decided report, its drafts, and an open oversight session."""
    desk.users["ada"] = make_user("ada", Role.ADMINISTRATOR, at=desk.now - timedelta(days=2))
    make_user("nina", Role.ANALYST, at=desk.now - timedelta(days=2))
    decided(desk, "material")
    propose_instruction(
        actor=desk.actor("claire"),
        instruction=NewInstruction(
            kind=InstructionKind.FEEDBACK,
            grounds="Answers to providers.",
            basis="Agreement of 1 March",
            valid_from=desk.now,
            expires_at=desk.now + timedelta(days=30),
        ),
        now=desk.now,
    )
    return desk


def numbers(client: Client) -> list:
    """Every number of the home page."""
    context = client.get(HOME).context
    sections = [*context["busy"], *context["idle"]]
    return [one for section in sections for one in section.numbers] + [
        one for section in sections for one in section.loads
    ]


SECOND = ("others", "own", "rows", "blockings", "mirrors", "dereferencings")
ROWS: dict[str, Callable[..., int]] = {
    "/second/": lambda page: sum(len(page[name]) for name in SECOND),
    "/measures/": lambda page: sum(len(column["cards"]) for column in page["columns"]),
    "/instructions/": lambda page: len(page["waiting"]),
    "/recommendations/": lambda page: len(page["waiting"]),
    "/openings/": lambda page: len(page["waiting"]),
    "/addressees/": lambda page: int(page["page"].paginator.count),
    "/people/": lambda page: int(page["page"].paginator.count),
    "/installation/": lambda page: len(page["parts"]),
    "/resets/": lambda page: len(page["open"]),
    "/statistics/": lambda page: int("".join(filter(str.isdigit, page["headlines"][0].value))),
    "/": lambda page: len(page["rows"]),
}


def rows(client: Client, href: str) -> int:
    """The rows of the list at an address."""
    answer = client.get(href)
    assert answer.status_code == 200, href
    found = next((count for part, count in ROWS.items() if part in href), ROWS["/"])
    return found(answer.context)


@pytest.mark.parametrize("name", EVERYBODY)
def test_each_number_is_that_of_its_list(busy: Desk, sign_in: SignIn, name: str) -> None:
    client = sign_in(name)
    shown = numbers(client)
    assert shown
    for one in shown:
        assert one.number == rows(client, one.href), one.href


def test_what_waits_is_counted(busy: Desk, sign_in: SignIn) -> None:
    found = {one.href.partition("/fr/")[2]: one.number for one in numbers(sign_in("ana"))}
    assert found["desk/?view=DANGER"] == 1
    officer = {one.href.partition("/fr/")[2]: one.number for one in numbers(sign_in("elise"))}
    assert officer["desk/second/"] == 1
    supervisor = {one.href.partition("/fr/")[2]: one.number for one in numbers(sign_in("claire"))}
    assert supervisor["desk/?view=OPEN&holder=NOBODY"] > 1
    assert supervisor["desk/instructions/"] == 1


def test_several_roles_share_a_page_and_a_number_is_shown_once(busy: Desk, sign_in: SignIn) -> None:
    habilitate(busy.users["ana"], Role.SUPERVISOR, desk=1, at=busy.now - timedelta(days=1))
    client = sign_in("ana")
    page = client.get(HOME).content.decode()
    hrefs = [one.href for one in numbers(client)]
    assert len(hrefs) == len(set(hrefs))
    assert page.index('id="role-ANALYST"') < page.index('id="role-SUPERVISOR"')


def test_a_role_without_work_is_one_line(desk: Desk, sign_in: SignIn) -> None:
    answer = sign_in("driss").get(HOME)
    assert [section.role for section in answer.context["idle"]] == [Role.JUDICIAL_OFFICER]
    page = answer.content.decode()
    assert "rien n’est en attente" in page
    assert "fh-numbers" not in page


@pytest.mark.parametrize("name", EVERYBODY)
def test_few_statements(busy: Desk, sign_in: SignIn, name: str) -> None:
    """Beyond those of the frame, which every page needs; each part of the installation asks for itself."""
    client = sign_in(name)
    client.get(HOME)
    with CaptureQueriesContext(connection) as frame:
        client.get("/fr/home/tour/")
    with CaptureQueriesContext(connection) as whole:
        client.get(HOME)
    assert len(whole) - len(frame) <= (19 if name == "ada" else 12), "\n".join(
        q["sql"][:90] for q in whole
    )


def test_an_open_session_is_shown_to_the_overseer(busy: Desk, sign_in: SignIn) -> None:
    actor = busy.actor("gabrielle")
    if not measures.list_sessions(actor=actor):
        overseeing.start_session(actor=actor, size=5, now=busy.now)
    assert numbers(sign_in("gabrielle"))


def test_the_tour_is_offered_until_it_is_left(busy: Desk, sign_in: SignIn) -> None:
    client = sign_in("ana")
    assert 'id="tour"' in client.get(HOME).content.decode()
    for step in range(1, 6):
        page = client.get(f"/fr/home/tour/?step={step}").content.decode()
        assert f"étape {step} sur 5" in page
    for wrong in ("0", "6", "x", "11"):
        assert client.get(f"/fr/home/tour/?step={wrong}").status_code == 404
    assert client.post("/fr/home/tour/seen/")["Location"] == HOME
    assert 'id="tour"' not in client.get(HOME).content.decode()
    assert User.objects.get(username="ana").tour_seen
    assert not User.objects.get(username="bruno").tour_seen
    assert 'href="/fr/home/tour/"' in client.get("/fr/guides/").content.decode()


def test_nobody_else_has_a_home_page(busy: Desk, client: Client) -> None:
    assert client.get(HOME).status_code == 302
