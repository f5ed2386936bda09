"""Habilitations granted and ended in the browser; accounts opened and closed by the administrator."""

import email
import re
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client

from fanal.accounts.domain.records import NewAccount
from fanal.accounts.models import Habilitation, HabilitationApproval, User
from fanal.accounts.operations.desks import ensure_desk
from fanal.accounts.operations.people import create_account
from fanal.accounts.queries.people import actor_for
from fanal.connectors import mail
from fanal.kernel.actors import SYSTEM_PERSON, Role
from fanal.kernel.calendar import paris_day
from fanal.ledger.models import LedgerEntry
from fanal.worker import sends
from tests.integration.accounts.people import PASSWORD, SYSTEM, Make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_second_factor")]
GRANT = "/en/account/habilitations/grant/"
DAY = timedelta(days=1)


@pytest.fixture
def claire(web: Client, make_user: Make) -> Client:
    """A supervisor of desk 1, signed in; desk 2 has an analyst of its own, and a newcomer waits."""
    ensure_desk(actor=SYSTEM, desk_id=2, code="WEST", name="West")
    make_user("claire", Role.SUPERVISOR)
    make_user("zoe", Role.ANALYST, desk=2)
    make_user("nino")
    web.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    return web


def _form(**changes: str) -> dict[str, str]:
    today = paris_day(datetime.now(UTC))
    asked = {
        "person": str(User.objects.get(username="nino").person_id),
        "role": "ANALYST",
        "desk": "1",
        "act": "Order 2026-41: takes over the evening shift",
        "from": today.isoformat(),
        "until": (today + 10 * DAY).isoformat(),
    }
    return asked | changes


def test_the_same_grant_sent_twice_is_one_habilitation(claire: Client) -> None:
    assert claire.post(GRANT, _form()).status_code == 302
    again = claire.post(GRANT, _form(act="Order 2026-42: the same once more"))
    assert again.status_code == 422
    assert "holds this habilitation for all these days already" in again.content.decode()
    held = Habilitation.objects.get(person=User.objects.get(username="nino").person_id)
    longer = paris_day(datetime.now(UTC)) + 20 * DAY
    assert claire.post(GRANT, _form(until=longer.isoformat())).status_code == 302, "a prolongation"
    ended = claire.post(
        f"/en/account/habilitations/{held.id}/revoke/", {"reason": "LEFT"}, follow=True
    )
    said = ended.content.decode()
    assert "The habilitation has ended." in said
    assert "still holds the same role" in said
    assert claire.post(GRANT, _form()).status_code == 422, "the longer one holds"
    assert claire.post(GRANT, _form(until=(longer + DAY).isoformat())).status_code == 302
    held = Habilitation.objects.filter(revocation=None, person=held.person_id).earliest(
        "valid_until"
    )
    place = f"/en/account/habilitations/{held.id}/review/"
    reviewed = claire.post(place, {"verdict": "REVOKE"}, follow=True)
    assert "still holds the same role" in reviewed.content.decode(), "by the longest"


def test_a_supervisor_grants_and_the_person_sees_it(claire: Client) -> None:
    body = claire.get(GRANT).content.decode()
    assert "Nino (nino)" in body
    assert "Zoe" not in body, "people of other desks are not listed"
    assert "Claire (claire)" not in body, "nobody is offered themselves"
    assert claire.post(GRANT, _form()).status_code == 302
    nino = User.objects.get(username="nino")
    now = datetime.now(UTC)
    assert actor_for(user=nino, now=now).roles == {Role.ANALYST}
    held = Habilitation.objects.get(person=nino.person_id)
    assert paris_day(held.valid_until) == paris_day(now) + 11 * DAY, "the last day is included"
    listed = claire.get("/en/account/habilitations/").content.decode()
    last, after = (
        f"{d.day} {d:%b}" for d in (paris_day(now) + 10 * DAY, paris_day(now) + 11 * DAY)
    )
    row = listed[listed.index("Order 2026-41") :].partition("</tr>")[0]
    assert last in row, "the list shows the last day as it was written"
    assert after not in row
    assert held.act_reference.startswith("Order 2026-41")
    entry = LedgerEntry.objects.get(action="habilitation.grant", actor_id=held.granted_by_id)
    assert entry.verb == "MODIFICATION"
    assert LedgerEntry.objects.filter(action="account.list").exists(), "names were read"
    his = Client(headers={"X-Forwarded-Proto": "https"})
    his.post("/fr/login/", {"login": "nino", "password": PASSWORD})
    own = his.get("/en/account/").content.decode()
    assert "Order 2026-41" in own
    assert "Read a report’s facts" in own
    assert "Grant a habilitation" not in own
    assert his.get(GRANT).status_code == 403


@pytest.mark.parametrize(
    "desk", ["", "²", "①", "-1", "1.0", " 1", "9" * 5000, "x"], ids=lambda d: ascii(d)[:9]
)
def test_a_desk_that_is_no_number_is_refused(claire: Client, desk: str) -> None:
    answer = claire.post(GRANT, _form(desk=desk))
    assert answer.status_code == 422
    assert not Habilitation.objects.filter(act_reference__startswith="Order 2026-41").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"person": ""}, "Choose a person"),
        ({"person": "", "login": "nobody-here"}, "Choose a person"),
        ({"person": "", "login": "CLAIRE "}, "Nobody can grant a habilitation to themselves"),
        ({"role": "OVERSEER"}, "not granted here"),
        ({"role": "SYSTEM"}, "not granted here"),
        ({"desk": "2"}, "Choose a desk that you supervise"),
        ({"desk": "one"}, "Choose a desk that you supervise"),
        ({"act": "   "}, "Give the reference"),
        ({"act": "x" * 201}, "Give the reference"),
        ({"until": "2020-01-01"}, "lasts one year at most"),
        ({"until": "2099-01-01"}, "lasts one year at most"),
        ({"until": "9999-12-31"}, "lasts one year at most"),
        ({"from": "9999-12-31", "until": "9999-12-31"}, "lasts one year at most"),
        ({"from": "0001-01-01"}, "lasts one year at most"),
        ({"from": "soon"}, "lasts one year at most"),
    ],
)
def test_what_makes_no_sense_comes_back_with_what_was_typed(
    claire: Client, changes: dict[str, str], words: str
) -> None:
    before = Habilitation.objects.count()
    answer = claire.post(GRANT, _form(**changes))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "Nothing was recorded" in answer.content.decode()
    assert Habilitation.objects.count() == before


def test_somebody_of_another_desk_is_named_by_login(claire: Client) -> None:
    assert claire.post(GRANT, _form(person="", login=" ZOE ")).status_code == 302
    zoe = User.objects.get(username="zoe")
    held = actor_for(user=zoe, now=datetime.now(UTC)).role_desks
    assert {desk for _, desk in held} == {1, 2}


def test_ending_a_habilitation_takes_the_role_at_once(claire: Client) -> None:
    claire.post(GRANT, _form())
    held = Habilitation.objects.get(person__name="Nino")
    page = f"/en/account/habilitations/{held.id}/"
    assert "End the habilitation" in claire.get(page).content.decode()
    assert claire.post(f"{page}revoke/", {"reason": "BORED"}).status_code == 422
    assert claire.post(f"{page}revoke/", {"reason": "MOVED"}).status_code == 302
    nino = User.objects.get(username="nino")
    assert not actor_for(user=nino, now=datetime.now(UTC)).roles
    assert LedgerEntry.objects.filter(action="habilitation.revoke").count() == 1
    body = claire.get("/en/account/habilitations/").content.decode()
    assert "Has changed duties" in body
    assert "End the habilitation" not in claire.get(page).content.decode()
    other = Habilitation.objects.get(person__name="Zoe")
    assert claire.get(f"/en/account/habilitations/{other.id}/").status_code == 404
    own = Habilitation.objects.get(person__name="Claire")
    path = f"/en/account/habilitations/{own.id}/"
    assert "End the habilitation" not in claire.get(path).content.decode()
    assert claire.post(f"{path}revoke/", {"reason": "LEFT"}).status_code == 403


def test_the_administrator_opens_and_closes_accounts_and_sees_no_content(
    web: Client, make_user: Make
) -> None:
    make_user("karim", Role.ADMINISTRATOR)
    make_user("ana", Role.ANALYST)
    signed = web.post("/fr/login/", {"login": "karim", "password": PASSWORD})
    assert signed["Location"] == "/fr/home/"
    body = web.get("/en/account/people/").content.decode()
    assert "Ana" in body
    assert "Analyst" in body
    assert web.get("/en/desk/").status_code == 403
    page = "/en/account/people/add/"
    for bad in (
        {"login": "a b"},
        {"login": "<b>x</b>"},
        {"login": "x" * 151},
        {"name": " "},
        {"email": "nowhere"},
        {"login": "ANA"},
    ):
        asked = {"login": "lea", "name": "Léa Roy", "email": ""} | bad
        assert web.post(page, asked).status_code == 422
    answer = web.post(page, {"login": "lea", "name": "Léa Roy", "email": "lea@desk.test"})
    shown = re.search(r'<p class="fn-mono">([\w-]{20,})</p>', answer.content.decode())
    assert shown, "the first password is shown once"
    assert shown[1] not in web.get(page).content.decode()
    newcomer = Client(headers={"X-Forwarded-Proto": "https"})
    newcomer.post("/fr/login/", {"login": "lea", "password": shown[1]})
    assert "gives access to this page only" in newcomer.get("/en/account/").content.decode()
    people = {one.username: f"/en/account/people/{one.person_id}/" for one in User.objects.all()}
    assert web.post(f"{people['karim']}close/").status_code == 403
    assert User.objects.get(username="karim").is_active
    lea = people["lea"]
    assert web.post(f"{lea}close/").status_code == 302
    assert newcomer.get("/en/account/").status_code == 302
    assert web.post(f"{lea}close/").status_code == 422, "once"


def _granted_to(login: str, role: str = "MEASURES_OFFICER") -> Habilitation:
    return Habilitation.objects.get(person__accounts__username=login, role=role)


def test_a_role_that_approves_waits_for_another_supervisor(claire: Client, make_user: Make) -> None:
    """Neither the granter nor the grantee signs it; until then it gives nothing, in code and in SQL."""
    make_user("helene", Role.SUPERVISOR)
    claire.post(GRANT, _form(role="MEASURES_OFFICER"))
    nino, held = User.objects.get(username="nino"), _granted_to("nino")
    assert actor_for(user=nino, now=datetime.now(UTC)).roles == set()
    page = f"/en/account/habilitations/{held.id}/"
    assert "Awaiting a second signature" in claire.get(page).content.decode()
    assert "Approve the habilitation" not in claire.get(page).content.decode()
    assert claire.post(f"{page}approve/").status_code == 403
    his = Client(headers={"X-Forwarded-Proto": "https"})
    his.post("/fr/login/", {"login": "nino", "password": PASSWORD})
    assert his.post(f"{page}approve/").status_code == 403
    hers = Client(headers={"X-Forwarded-Proto": "https"})
    hers.post("/fr/login/", {"login": "helene", "password": PASSWORD})
    assert "Approve the habilitation" in hers.get(page).content.decode()
    assert hers.post(f"{page}approve/").status_code == 302
    assert actor_for(user=nino, now=datetime.now(UTC)).roles == {Role.MEASURES_OFFICER}
    assert LedgerEntry.objects.filter(action="habilitation.approve").count() == 1
    again = hers.post(f"{page}approve/", follow=True).content.decode()
    assert "does not await" in again


@pytest.mark.parametrize("signer", ["granter", "grantee", "analyst", "elsewhere", "nobody"])
def test_the_database_asks_for_another_supervisor(
    claire: Client, make_user: Make, signer: str
) -> None:
    claire.post(GRANT, _form(role="SUPERVISOR"))
    held = _granted_to("nino", "SUPERVISOR")
    signers = {
        "granter": held.granted_by_id,
        "grantee": held.person_id,
        "analyst": make_user("ana", Role.ANALYST).person_id,
        "elsewhere": make_user("else", Role.SUPERVISOR, desk=2).person_id,
        "nobody": uuid4(),
    }
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        HabilitationApproval.objects.create(
            habilitation_id=held.id,
            granted_by_id=held.granted_by_id,
            approver_id=signers[signer],
            approved_at=datetime.now(UTC),
        )
    assert refused.value.__cause__.sqlstate == "23514"


@pytest.mark.parametrize("role", ["MEASURES_OFFICER", "ANALYST", "ADMINISTRATOR"])
def test_the_desk_s_role_grants_nothing_in_the_system_s_name(make_user: Make, role: str) -> None:
    """What the console grants waits for nobody: a web process that was taken over may not speak as it."""
    ana = make_user("ana")
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        Habilitation.objects.create(
            id=uuid4(),
            person_id=ana.person_id,
            role=role,
            desk_id=None if role == "ADMINISTRATOR" else 1,
            act_reference="ACT-9",
            valid_from=datetime.now(UTC),
            valid_until=datetime.now(UTC) + timedelta(days=9),
            granted_by_id=SYSTEM_PERSON,
            granted_at=datetime.now(UTC),
        )
    assert refused.value.__cause__.sqlstate == "42501"


def test_no_row_says_that_a_role_needs_no_approval(claire: Client) -> None:
    """The mark is the database's own, whatever the program writes."""
    claire.post(GRANT, _form(role="MEASURES_OFFICER"))
    held = _granted_to("nino")
    Habilitation.objects.create(
        id=uuid4(),
        person_id=held.person_id,
        role="SUPERVISOR",
        desk_id=1,
        act_reference="forged",
        valid_from=held.valid_from,
        valid_until=held.valid_until,
        granted_by_id=held.granted_by_id,
        granted_at=held.granted_at,
        needs_approval=False,
    )
    nino = User.objects.get(username="nino")
    assert actor_for(user=nino, now=datetime.now(UTC)).roles == set()


def test_people_stand_in_the_order_of_a_dictionary(claire: Client) -> None:
    for login, name in (("elise", "Élise Marchand"), ("eva", "Eva Roy"), ("omar", "omar Saïd")):
        create_account(
            actor=SYSTEM,
            account=NewAccount(username=login, name=name, password=PASSWORD),
            now=datetime.now(UTC),
        )
    body = claire.get(GRANT).content.decode()
    order = ["Élise Marchand (", "Eva Roy (", "Nino (", "omar Saïd ("]
    assert sorted(order, key=body.index) == order


def test_an_account_that_resembles_another_is_flagged(
    claire: Client, make_user: Make, tmp_path: Path
) -> None:
    """On the page of the habilitation, and to the overseer with the news of the grant."""
    overseer = make_user("odile", Role.OVERSEER)
    User.objects.filter(pk=overseer.pk).update(email="odile@overseer.example")
    create_account(
        actor=SYSTEM,
        account=NewAccount(username="claire2", name="CLAIRÉ", password=PASSWORD),
        now=datetime.now(UTC),
    )
    second = User.objects.get(username="claire2")
    claire.post(GRANT, _form(person=str(second.person_id), role="MEASURES_OFFICER"))
    held = _granted_to("claire2")
    page = claire.get(f"/en/account/habilitations/{held.id}/").content.decode()
    assert "<strong>claire</strong> – same name</li>" in page
    message = _told_of(held.id, tmp_path)
    assert message["To"] == "odile@overseer.example"
    assert "(claire)" in message.get_content()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args ->> 'habilitation_id' FROM procrastinate_jobs WHERE task_name = 'tell_grant'"
        )
        assert (str(held.id),) in cursor.fetchall()


def test_the_news_of_a_grant_says_who_gave_it(
    claire: Client, make_user: Make, tmp_path: Path
) -> None:
    """A person by name; the operator's command line as such, with its act, in each language."""
    claire.post(GRANT, _form(role="MEASURES_OFFICER"))
    by_person = _told_of(_granted_to("nino").id, tmp_path / "person").get_content()
    assert "Claire a donné à Nino" in by_person
    make_user("ines", Role.SUPERVISOR)
    held = _granted_to("ines", "SUPERVISOR")
    by_console = _told_of(held.id, tmp_path / "console").get_content()
    assert "SYSTEM" not in by_console
    assert "depuis la ligne de commande de l’installation" in by_console
    assert "from the command line of the installation" in by_console
    assert by_console.count(held.act_reference) == 2


def _told_of(habilitation_id: UUID, folder: Path) -> EmailMessage:
    folder.mkdir(exist_ok=True)
    before = mail.current()
    mail.install(mail.Mailer(url="", sender="a@b.test", duty=("c@b.test",), folder=folder))
    try:
        sends.tell_grant(str(habilitation_id))
    finally:
        mail.install(before)
    (letter,) = folder.iterdir()
    return email.message_from_bytes(letter.read_bytes(), policy=policy.default)
