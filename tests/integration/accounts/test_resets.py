"""The administrator's page of a person: details, locks, closing, and a reset of sign-in by two people."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.db import connection, transaction
from django.test import Client

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import NewHabilitation, RevocationReason
from fanal.accounts.models import Habilitation, Person, Reset, ResetEnd, Revocation, User
from fanal.accounts.operations.changes import close_account, edit_account
from fanal.accounts.operations.habilitations import (
    approve_habilitation,
    grant_habilitation,
    revoke_habilitation,
)
from fanal.accounts.operations.resets import (
    ResetReason,
    confirm_reset,
    new_password,
    propose_reset,
    withdraw_reset,
)
from fanal.accounts.queries.people import actor_for
from fanal.kernel.actors import SYSTEM_PERSON, Role
from fanal.kernel.refusal import Refusal
from fanal.ledger.models import LedgerEntry
from fanal.web.account import second_factor
from tests.integration.accounts.people import PASSWORD, SYSTEM, Make
from tests.refusals import CHECK, KEPT, NO_RIGHT, RAISED, database_refuses
from tests.server import as_worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_second_factor")]
ANA, KARIM, CLAIRE = "ana", "karim", "claire"


@pytest.fixture
def people(make_user: Make) -> dict[str, User]:
    """An analyst, two administrators, a supervisor and an overseer."""
    roles = {
        ANA: Role.ANALYST,
        KARIM: Role.ADMINISTRATOR,
        "kim": Role.ADMINISTRATOR,
        CLAIRE: Role.SUPERVISOR,
        "olga": Role.OVERSEER,
    }
    return {login: make_user(login, role) for login, role in roles.items()}


def _propose(people: dict[str, User], by: str = KARIM, of: str = ANA) -> UUID:
    now = datetime.now(UTC)
    return propose_reset(
        actor=actor_for(user=people[by], now=now), person_id=people[of].person_id,
        factors=True, reason=ResetReason.LOST, now=now,
    )  # fmt: skip


def _confirm(people: dict[str, User], reset_id: UUID, by: str) -> None:
    now = datetime.now(UTC)
    confirm_reset(actor=actor_for(user=people[by], now=now), reset_id=reset_id, now=now)


def _browser(login: str, password: str = PASSWORD) -> Client:
    browser = Client(headers={"X-Forwarded-Proto": "https"})
    assert browser.post("/fr/login/", {"login": login, "password": password}).status_code == 302
    return browser


def _raw(reset_id: UUID, by: UUID, outcome: str = "CONFIRMED", later: int = 0) -> None:
    ResetEnd.objects.create(
        reset_id=reset_id, outcome=outcome, by_id=by,
        ended_at=datetime.now(UTC) + timedelta(hours=later),
    )  # fmt: skip


def test_a_reset_takes_two_people_and_neither_is_the_person(people: dict[str, User]) -> None:
    with pytest.raises(Refused):
        _propose(people, by=CLAIRE)
    with pytest.raises(Refused):
        _propose(people, of=KARIM)
    made = _propose(people)
    with pytest.raises(Refusal, match="OPEN"):
        _propose(people, by="kim")
    for nobody in (KARIM, ANA, "olga"):
        with pytest.raises(Refused):
            _confirm(people, made, nobody)
    people["kim"].email = people[KARIM].email = "one@desk.test"
    people["kim"].save()
    people[KARIM].save()
    with pytest.raises(Refusal, match="ALIKE"):
        _confirm(people, made, "kim")
    _confirm(people, made, CLAIRE)
    with pytest.raises(Refusal, match="NOT_OPEN"):
        _confirm(people, made, CLAIRE)
    found = LedgerEntry.objects.filter(action__startswith="account.reset")
    assert sorted(found.values_list("action", "actor_id")) == [
        ("account.reset", people[CLAIRE].person_id),
        ("account.reset_propose", people[KARIM].person_id),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args->>'change' FROM procrastinate_jobs WHERE task_name = 'tell_factor' ORDER BY id"
        )
        assert [change for (change,) in cursor.fetchall()] == ["reset_proposed", "reset"]


def test_a_grantee_never_resets_the_granter(people: dict[str, User], make_user: Make) -> None:
    now = datetime.now(UTC)
    helene, claire = make_user("helene", Role.SUPERVISOR), people[CLAIRE]
    nino = make_user("nino")
    made = grant_habilitation(
        actor=actor_for(user=claire, now=now),
        habilitation=NewHabilitation(
            person_id=nino.person_id, role=Role.SUPERVISOR, act_reference="ACT-2",
            valid_from=now, valid_until=now + timedelta(days=9), desk_id=1,
        ),
        now=now,
    )  # fmt: skip
    approve_habilitation(actor=actor_for(user=helene, now=now), habilitation_id=made, now=now)
    people["nino"], people["helene"] = nino, helene
    for granter in (CLAIRE, "helene"):
        reset_id = _propose(people, of=granter)
        with pytest.raises(Refusal, match="GRANTER"):
            _confirm(people, reset_id, "nino")
        with database_refuses(CHECK):
            _raw(reset_id, nino.person_id)
    _confirm(people, reset_id, "kim")


def test_the_database_keeps_resets_by_itself(people: dict[str, User]) -> None:
    now = datetime.now(UTC)

    def insert(proposer: UUID, person: UUID, **changes: object) -> None:
        Reset.objects.create(**{
            "id": uuid4(), "person_id": person, "factors": False,
            "reason_code": "LOST", "proposer_id": proposer, "proposed_at": now,
            "expires_at": now + timedelta(hours=24), **changes,
        })  # fmt: skip

    ana, karim, kim = (people[login].person_id for login in (ANA, KARIM, "kim"))
    for proposer, person, changes in (
        (people[CLAIRE].person_id, ana, {}),
        (karim, karim, {}),
        (karim, ana, {"expires_at": now + timedelta(hours=25)}),
    ):
        with database_refuses(CHECK):
            insert(proposer, person, **changes)
    with database_refuses(NO_RIGHT):
        insert(SYSTEM_PERSON, ana)
    made = _propose(people)
    with database_refuses(CHECK):
        insert(kim, ana)
    for by, outcome, later in (
        (karim, "CONFIRMED", 0),
        (ana, "CONFIRMED", 0),
        (people["olga"].person_id, "CONFIRMED", 0),
        (people["olga"].person_id, "WITHDRAWN", 0),
        (kim, "CONFIRMED", 25),
        (kim, "DONE", 0),
    ):
        with database_refuses(CHECK):
            _raw(made, by, outcome, later)
    _raw(made, ana, "WITHDRAWN")
    for statement in (
        "UPDATE accounts_reset SET factors = false",
        "DELETE FROM accounts_reset_end",
    ):
        with database_refuses(NO_RIGHT, KEPT, RAISED), connection.cursor() as cursor:
            cursor.execute(statement)
    with database_refuses(CHECK), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT accounts_rename(%s, 'Else', %s, now())", [ana, people[CLAIRE].person_id]
        )


def test_a_reset_in_the_browser_gives_each_of_two_a_half(people: dict[str, User]) -> None:
    hers, karim, claire = (_browser(login) for login in (ANA, KARIM, CLAIRE))
    TOTP.activate(people[ANA], "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    page = f"/en/account/people/{people[ANA].person_id}/"
    assert karim.post(f"{page}reset/", {"factors": "1"}).status_code == 422
    asked = {"reason": "LOST", "factors": "1"}
    answer = karim.post(f"{page}reset/", asked)
    place = answer["Location"]
    assert karim.post(f"{page}reset/", asked).status_code == 422, "a form works once"
    assert claire.get(page).status_code == 403
    assert "proposes to reset your sign-in" in hers.get("/en/account/").content.decode()
    first = _half(karim, place)
    assert first
    assert not _half(claire, place)
    assert karim.post(f"{place}confirm/").status_code == 403
    assert claire.post(f"{place}confirm/").status_code == 302
    assert claire.post(f"{place}confirm/").status_code == 422
    second = _half(claire, place)
    assert (_half(karim, place), bool(second)) == (first, True)
    assert hers.get("/en/account/").status_code == 302, "her sessions have ended"
    assert first not in claire.get(place).content.decode()
    _browser(ANA, f"{first}-{second}")
    shown = karim.get(page).content.decode()
    assert "Sign-in reset" in shown
    assert "none set up yet" in shown


def _half(browser: Client, place: str) -> str:
    found = re.search(r"data-half>([\w-]+)<", browser.get(place).content.decode())
    return found[1] if found else ""


def test_the_person_refuses_a_reset(people: dict[str, User]) -> None:
    made, hers = _propose(people), _browser(ANA)
    assert hers.get("/en/account/resets/").status_code == 403
    assert hers.post("/en/account/resets/refuse/").status_code == 302
    with pytest.raises(Refusal, match="NOT_OPEN"):
        _confirm(people, made, CLAIRE)
    now = datetime.now(UTC)
    with pytest.raises(Refused):
        withdraw_reset(actor=actor_for(user=people["olga"], now=now), reset_id=made, now=now)


def test_details_locks_sessions_and_a_reopened_account(people: dict[str, User]) -> None:
    hers, karim = _browser(ANA), _browser(KARIM)
    ana = people[ANA]
    page = f"/en/account/people/{ana.person_id}/"
    for _ in range(5):
        Client(headers={"X-Forwarded-Proto": "https"}).post(
            "/fr/login/", {"login": ANA, "password": "wrong"}
        )
    listed = karim.get("/en/account/people/?state=LOCKED&q=AN").content.decode()
    assert re.findall(r'people/[\w-]{36}/">(\w+)', listed) == ["Ana"]
    assert "Unlock now" in karim.get(page).content.decode()
    assert karim.post(f"{page}unlock/").status_code == 302
    assert "Unlock now" not in karim.get(page).content.decode()
    _browser(ANA)

    def seen() -> dict[str, str]:
        found = re.search(r'name="seen" value="(\w+)"', karim.get(page).content.decode())
        return {"seen": found[1] if found else ""}

    typed = {"name": "Ana Roy", "email": "ana@desk.test", **seen()}
    assert karim.post(f"{page}edit/", {**typed, "email": "nowhere"}).status_code == 422
    assert karim.post(f"{page}edit/", {**typed, "name": "x\0"}).status_code == 422
    assert karim.post(f"{page}edit/", typed).status_code == 302
    assert karim.post(f"{page}edit/", {**typed, "name": "Else"}).status_code == 422, "once"
    ana.refresh_from_db()
    assert (ana.person.name, ana.email) == ("Ana Roy", "ana@desk.test")
    assert karim.post(f"{page}sessions/").status_code == 302
    assert hers.get("/en/account/").status_code == 302
    before = seen()
    assert karim.post(f"{page}close/").status_code == 302
    for other in ({}, before):
        assert karim.post(f"{page}reopen/", other).status_code == 422, "of another state"
    closed = seen()
    assert karim.post(f"{page}reopen/", closed).status_code == 302
    assert karim.post(f"{page}close/").status_code == 302
    assert karim.post(f"{page}reopen/", closed).status_code == 422, "closed once more since"
    assert karim.post(f"{page}reopen/", seen()).status_code == 302
    ana.refresh_from_db()
    assert ana.is_active
    assert not actor_for(user=ana, now=datetime.now(UTC)).roles, "it grants nothing by itself"
    ended = Habilitation.objects.get(person=ana.person_id).revocation
    assert ended.reason_code == "REOPENED"
    assert karim.get(f"/en/account/people/{uuid4()}/").status_code == 404


@pytest.mark.parametrize("closing", [False, True])
def test_a_password_change_in_progress_undoes_neither_a_reset_nor_a_closing(
    people: dict[str, User], monkeypatch: pytest.MonkeyPatch, closing: bool
) -> None:
    ana, hers, made = people[ANA], _browser(ANA), _propose(people)
    hash_it, other = User.set_password, "some quite other long words 77"

    def meanwhile(user: User, raw: str) -> None:
        hash_it(user, raw)
        monkeypatch.setattr(User, "set_password", hash_it)
        if closing:
            _close(people, ANA)
        else:
            _confirm(people, made, CLAIRE)

    monkeypatch.setattr(User, "set_password", meanwhile)
    typed = {"oldpassword": PASSWORD, "password1": other, "password2": other}
    answer = hers.post("/en/account/password/", typed, follow=True)
    assert "the account has changed since" in answer.content.decode()
    ana.refresh_from_db()
    assert ana.is_active is not closing
    assert ana.check_password(PASSWORD if closing else new_password(made))
    assert hers.get("/en/account/").status_code == 302


def test_new_recovery_codes_of_the_person_refuse_no_act_on_the_account(
    people: dict[str, User],
) -> None:
    """Each generation raises the session epoch, which no form on the page of an open account names."""
    ana, karim, hers = people[ANA], _browser(KARIM), _browser(ANA)
    page = f"/en/account/people/{ana.person_id}/"
    hers.post("/en/account/again/", {"password": PASSWORD})
    TOTP.activate(ana, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    shown = re.search(r'name="seen" value="(\w+)"', karim.get(page).content.decode())
    assert shown
    form = {"name": "Ana Roy", "email": "", "seen": shown[1]}
    for act in ("edit", "sessions", "close"):
        if act != "close":
            made = hers.post("/en/account/second-factor/recovery-codes/generate/")
            assert made.status_code == 302
        assert karim.post(f"{page}{act}/", form).status_code == 302, act
    ana.refresh_from_db()
    assert (ana.is_active, ana.person.name) == (False, "Ana Roy")


def test_an_administrator_whose_role_has_ended_changes_no_name(people: dict[str, User]) -> None:
    now = datetime.now(UTC)
    actor = actor_for(user=people[KARIM], now=now)
    held = Habilitation.objects.get(person=people[KARIM].person_id)
    with as_worker():
        revoke_habilitation(
            actor=SYSTEM, habilitation_id=held.id, reason=RevocationReason.LEFT, now=now
        )
    with pytest.raises(Refused):
        edit_account(
            actor=actor, person_id=people[ANA].person_id, name="Else", email="e@desk.test",
            seen="", now=datetime.now(UTC),
        )  # fmt: skip
    people[ANA].refresh_from_db()
    assert (people[ANA].person.name, people[ANA].email) == ("Ana", "")


def test_a_closing_that_began_before_a_proposal_withdraws_it(people: dict[str, User]) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    made = _propose(people)
    close_account(
        actor=actor_for(user=people["kim"], now=before),
        person_id=people[ANA].person_id, now=before,
    )  # fmt: skip
    assert ResetEnd.objects.get(reset_id=made).outcome == "WITHDRAWN"


def _close(people: dict[str, User], login: str, by: str = "kim") -> None:
    now = datetime.now(UTC)
    close_account(
        actor=actor_for(user=people[by], now=now),
        person_id=people[login].person_id, now=now,
    )  # fmt: skip


def test_factors_are_never_removed_without_a_new_password(people: dict[str, User]) -> None:
    ana, karim = people[ANA], _browser(KARIM)
    TOTP.activate(ana, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    asked = {"reason": "LOST", "factors": "1"}
    assert karim.post(f"/en/account/people/{ana.person_id}/reset/", asked).status_code == 302
    made = Reset.objects.get(person_id=ana.person_id).id
    _confirm(people, made, CLAIRE)
    ana.refresh_from_db()
    assert not ana.check_password(PASSWORD)
    assert ana.check_password(new_password(made))


def test_a_proposer_who_left_office_is_no_first_person(people: dict[str, User]) -> None:
    made = _propose(people)
    _close(people, KARIM)
    assert ResetEnd.objects.get(reset_id=made).outcome == "WITHDRAWN"
    now = datetime.now(UTC)
    again = _propose(people, by="kim")
    held = Habilitation.objects.get(person=people["kim"].person_id)
    with as_worker():
        Revocation.objects.create(
            habilitation=held, revoked_at=now, revoked_by_id=SYSTEM_PERSON, reason_code="MOVED"
        )
    with pytest.raises(Refusal, match="PROPOSER"):
        _confirm(people, again, CLAIRE)
    with database_refuses(CHECK):
        _raw(again, people[CLAIRE].person_id)
    close_account(actor=SYSTEM, person_id=people[ANA].person_id, now=datetime.now(UTC))
    assert ResetEnd.objects.get(reset_id=again).outcome == "WITHDRAWN"


def test_details_are_refused_in_words(people: dict[str, User]) -> None:
    karim, page = _browser(KARIM), f"/en/account/people/{people[ANA].person_id}/"
    found = re.search(r'name="seen" value="(\w+)"', karim.get(page).content.decode())
    assert found
    typed = {"name": "Ana Roy", "email": "ana@desk.test", "seen": found[1]}
    long = "a" * 250 + "@desk.test"
    for wrong in ({"name": "[…]"}, {"email": long}, {"seen": ""}):
        assert karim.post(f"{page}edit/", {**typed, **wrong}).status_code == 422, wrong
    for wrong in ({"name": "[…]"}, {"email": long}):
        added = {"login": "zoe", "name": "Zoe", "email": "", **wrong}
        assert karim.post("/en/account/people/add/", added).status_code == 422, wrong
    assert not LedgerEntry.objects.filter(action="account.change").exists()
    forget = Person.objects.filter(id=people[ANA].person_id)
    with as_worker():
        forget.update(name="[…]")
    now = datetime.now(UTC)
    with pytest.raises(Refusal, match="ERASED"):
        edit_account(
            actor=actor_for(user=people[KARIM], now=now), person_id=people[ANA].person_id,
            name="Else", email="", seen="", now=now,
        )  # fmt: skip
    assert not LedgerEntry.objects.filter(action="account.change").exists()


def test_an_open_session_without_a_fresh_second_factor_refuses_no_reset(
    people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, hers = _propose(people), _browser(ANA)
    monkeypatch.setattr(second_factor, "is_enrolled", lambda _: True)
    monkeypatch.setattr(second_factor, "is_fresh", lambda *_, **__: False)
    answer = hers.post("/en/account/resets/refuse/")
    assert (answer.status_code, ResetEnd.objects.count()) == (403, 0)
    monkeypatch.undo()
    assert hers.post("/en/account/resets/refuse/").status_code == 302
    assert ResetEnd.objects.get(reset_id=made).outcome == "WITHDRAWN"
