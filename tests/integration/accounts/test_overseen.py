"""Habilitations that approve, as the overseer sees them: who granted and seconded each, and who resembles whom."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import NewHabilitation, RevocationReason
from fanal.accounts.models import User
from fanal.accounts.operations import habilitations as operations
from fanal.accounts.queries.people import actor_for, list_approving, own_habilitations
from fanal.kernel.actors import Actor, Role
from fanal.ledger.models import LedgerEntry
from tests.actors import desk_actor
from tests.integration.accounts.people import PASSWORD, make_user
from tests.integration.accounts.test_likeness import add

PAGE = "/en/oversight/habilitations/"


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_second_factor")]


def browser(user: User) -> Client:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.post("/en/login/", {"login": user.username, "password": PASSWORD})
    return client


def supervisor(user: User) -> Actor:
    return desk_actor(person_id=user.person_id, roles={Role.SUPERVISOR}, desks={1}, motive="test")


def grant(by: User, to: User, *, second: User | None = None) -> None:
    now = datetime.now(UTC)
    asked = NewHabilitation(
        person_id=to.person_id,
        role=Role.MEASURES_OFFICER,
        desk_id=1,
        organisation_id=None,
        act_reference="Order 2026-41",
        valid_from=now,
        valid_until=now + timedelta(days=90),
    )
    made = operations.grant_habilitation(actor=supervisor(by), habilitation=asked, now=now)
    if second:
        operations.approve_habilitation(actor=supervisor(second), habilitation_id=made, now=now)


def test_the_overseer_sees_who_granted_and_seconded_and_who_resembles_whom() -> None:
    claire, helene = make_user("claire", Role.SUPERVISOR), make_user("helene", Role.SUPERVISOR)
    overseer = make_user("odile", Role.OVERSEER)
    nino, zoe = add("nino", email="n@a.example"), add("zoe", email="N@a.example")
    make_user("iris", Role.ANALYST)
    grant(claire, nino, second=helene)
    grant(helene, zoe)
    page = browser(overseer).get(PAGE)
    rows = {line["record"].person: line for line in page.context["standing"]}
    assert set(rows) == {"Claire", "Helene", "Name of nino", "Name of zoe"}, (
        "analysts approve nothing"
    )
    assert next(iter(rows)) == "Name of zoe", "the newest first"
    signed = rows["Name of nino"]["record"]
    assert (signed.granted_by, signed.approved_by) == ("Claire", "Helene")
    assert signed.granted_at is not None
    assert signed.approved_at is not None
    assert (rows["Name of nino"]["state"], rows["Name of zoe"]["state"]) == ("IN_FORCE", "WAITING")
    body = page.content.decode()
    assert "<strong>zoe</strong> – same mail address</li>" in body
    assert body.count("The operator’s console") == 2
    assert "2 people have an account similar" in body
    assert "2 habilitations were granted by the operator’s console" in body
    assert "1 habilitation awaits its second signature" in body
    entry = LedgerEntry.objects.get(action="habilitation.oversee")
    assert (entry.actor_id, entry.verb) == (overseer.person_id, "CONSULTATION")


def test_what_ended_stands_apart() -> None:
    claire, helene = make_user("claire", Role.SUPERVISOR), make_user("helene", Role.SUPERVISOR)
    overseer = make_user("odile", Role.OVERSEER)
    (held,) = own_habilitations(actor=supervisor(helene))
    operations.revoke_habilitation(
        actor=supervisor(claire),
        habilitation_id=held.id,
        reason=RevocationReason.LEFT,
        now=datetime.now(UTC),
    )
    page = browser(overseer).get(PAGE)
    assert [line["record"].person for line in page.context["standing"]] == ["Claire"]
    assert [line["record"].person for line in page.context["ended"]] == ["Helene"]


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.MEASURES_OFFICER, Role.ADMINISTRATOR])
def test_nobody_else_reads_the_page(role: Role) -> None:
    user = make_user("carl", role)
    assert browser(user).get(PAGE).status_code == 403
    with pytest.raises(Refused):
        list_approving(actor=actor_for(user=user, now=datetime.now(UTC)), limit=10)


def test_the_way_there_stands_on_the_overseers_pages() -> None:
    home = browser(make_user("odile", Role.OVERSEER)).get("/en/oversight/").content.decode()
    assert home.count(f'href="{PAGE}"') == 2, "in the menu and on the first page"
