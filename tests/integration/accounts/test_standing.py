"""Standing instructions on PostgreSQL: two people, held against the app and against raw SQL."""

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.test import Client
from psycopg import errors

from fanal import reference
from fanal.accounts.domain.instructions import InstructionKind, InstructionState, NewInstruction
from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import NewHabilitation
from fanal.accounts.models import User
from fanal.accounts.operations import instructions
from fanal.accounts.operations.habilitations import approve_habilitation, grant_habilitation
from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries import instructions as instructed
from fanal.accounts.queries.people import actor_for
from fanal.analyse.material.domain.lists import ListAttributes
from fanal.analyse.material.operations.list_imports import create_list
from fanal.deconfliction.domain.records import NewCounterpart
from fanal.deconfliction.operations.counterparts import add_counterpart, close_counterpart
from fanal.kernel import clock
from fanal.kernel.actors import PUBLIC_PERSON, SYSTEM_PERSON, Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.ledger.operations import record
from tests.actors import desk_actor
from tests.integration.accounts.people import SYSTEM, Make
from tests.refusals import is_refused

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MEMBER = "Harbour Line"
SEEN_BY_NOBODY = {"bearers": ""}
FEEDBACK, LISTS = InstructionKind.FEEDBACK, InstructionKind.LIST_SERVICE
SECOND = (
    "INSERT INTO accounts_instruction_second (instruction_id, proposer_id, second_id, seconded_at)"
    " VALUES (%s, %s, %s, %s)"
)


class Two(Protocol):
    """Two supervisors who may sign, and one analyst who may not."""

    one: Actor
    other: Actor
    analyst: Actor


@pytest.fixture
def two(make_user: Make) -> Two:
    def actor(login: str, role: Role) -> Actor:
        user: User = make_user(login, role, at=NOW - DAY)
        return actor_for(user=user, now=NOW)

    class People:
        one = actor("one", Role.SUPERVISOR)
        other = actor("other", Role.SUPERVISOR)
        analyst = actor("analyst", Role.ANALYST)

    add_partner(actor=SYSTEM, name=MEMBER, now=NOW - DAY)
    return People()


def propose(
    actor: Actor,
    *names: str,
    kind: InstructionKind = LISTS,
    first: datetime = NOW,
    last: datetime = NOW + 30 * DAY,
    now: datetime = NOW,
) -> UUID:
    asked = NewInstruction(
        kind=kind,
        names=names,
        members=(MEMBER,) if kind is LISTS else (),
        grounds="why",
        basis="B 1",
        valid_from=first,
        expires_at=last,
    )
    return instructions.propose_instruction(actor=actor, instruction=asked, now=now)


def in_force(scope: str | None, *, kind: InstructionKind = LISTS, now: datetime = NOW) -> object:
    found = instructed.standing_in_force(kind=kind, scope=scope, now=now)
    return None if found is None else found.id


def test_one_proposes_another_seconds_and_it_holds_within_its_dates(two: Two) -> None:
    made = propose(two.one, first=NOW + DAY, last=NOW + 2 * DAY)
    assert in_force("any", now=NOW + DAY) is None
    instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW)
    assert in_force("any", now=NOW) is None
    assert in_force("any", now=NOW + DAY) == made
    assert in_force(None, now=NOW + DAY) == made
    assert in_force("any", now=NOW + 2 * DAY) is None
    assert in_force("any", kind=FEEDBACK, now=NOW + DAY) is None
    (found,) = instructed.list_instructions(actor=two.analyst)
    assert (found.proposer_id, found.second_id) == (two.one.person_id, two.other.person_id)


def test_nothing_holds_before_its_second_person_signed(two: Two) -> None:
    """A signature of later does not reach back, whatever the first day says."""
    made = propose(two.one, first=NOW - 20 * DAY)
    instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW + DAY)
    assert in_force("any", now=NOW) is None
    assert in_force("any", now=NOW + DAY) == made


def test_one_that_names_comes_before_one_for_everybody(two: Two) -> None:
    everybody, named = propose(two.one), propose(two.one, "Chatoria", "Pixelnest")
    for made in (everybody, named):
        instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW)
    assert in_force("Pixelnest") == named
    assert in_force("pixelnest") == everybody
    assert in_force(None) == everybody
    instructions.revoke_instruction(actor=two.one, instruction_id=everybody, reason="r", now=NOW)
    assert in_force("pixelnest") is None
    assert in_force("'); DROP TABLE x; --") is None
    assert in_force("Pixelnest") == named


def test_nobody_seconds_for_whoever_made_them_a_supervisor(two: Two, make_user: Make) -> None:
    third = make_user("third", at=NOW - DAY)
    asked = NewHabilitation(
        person_id=third.person_id,
        role=Role.SUPERVISOR,
        act_reference="ACT-3",
        valid_from=NOW - DAY,
        valid_until=NOW + 90 * DAY,
        desk_id=1,
        organisation_id=None,
    )
    granted = grant_habilitation(actor=two.one, habilitation=asked, now=NOW - DAY)
    approve_habilitation(actor=two.other, habilitation_id=granted, now=NOW - DAY)
    actor = actor_for(user=third, now=NOW)
    with pytest.raises(Refusal, match="GRANTED_BY_PROPOSER"):
        instructions.second_instruction(actor=actor, instruction_id=propose(two.one), now=NOW)


def test_revoking_stops_it_at_once_and_for_ever(two: Two) -> None:
    made = propose(two.one)
    instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW)
    instructions.revoke_instruction(
        actor=two.other, instruction_id=made, reason="over", now=NOW + DAY
    )
    assert in_force("any", now=NOW + DAY) is None
    assert in_force("any", now=NOW + DAY / 2) == made
    with pytest.raises(Refusal, match="NOT_WAITING"):
        instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW + 2 * DAY)
    with pytest.raises(Refusal, match="ENDED"):
        instructions.revoke_instruction(
            actor=two.one, instruction_id=made, reason="again", now=NOW + 2 * DAY
        )


def test_who_may_do_what(two: Two) -> None:
    made = propose(two.one)
    with pytest.raises(Refused):
        propose(two.analyst)
    for actor in (two.one, two.analyst, SYSTEM):
        with pytest.raises(Refused):
            instructions.second_instruction(actor=actor, instruction_id=made, now=NOW)
    with pytest.raises(Refused):
        instructions.revoke_instruction(actor=two.analyst, instruction_id=made, reason="r", now=NOW)
    with pytest.raises(Refusal, match="NOT_FOUND"):
        instructions.second_instruction(actor=two.other, instruction_id=uuid4(), now=NOW)
    assert in_force("any") is None


def test_one_person_of_two_accounts_is_one_person(two: Two) -> None:
    """The rule compares persons, whatever account they signed in with."""
    made = propose(two.one)
    again = desk_actor(person_id=two.one.person_id, roles={Role.SUPERVISOR}, desks={2})
    with pytest.raises(Refused):
        instructions.second_instruction(actor=again, instruction_id=made, now=NOW)


def test_an_instruction_that_expired_waiting_is_signed_by_nobody(two: Two) -> None:
    made = propose(two.one, last=NOW + DAY)
    with pytest.raises(Refusal, match="NOT_WAITING"):
        instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW + DAY)
    with pytest.raises(Refusal, match="PAST"):
        propose(two.one, first=NOW - 3 * DAY, last=NOW - DAY)


def test_feedback_names_providers_that_exist(two: Two) -> None:
    add_partner(actor=SYSTEM, name="Chatoria", now=NOW)
    assert propose(two.one, "Chatoria", kind=FEEDBACK)
    with pytest.raises(Refusal, match="UNKNOWN_NAME"):
        propose(two.one, "Chatoria", "Nobody", kind=FEEDBACK)


def test_raw_sql_finds_no_way_round_the_second_person(two: Two) -> None:
    made, one, other = propose(two.one), two.one.person_id, two.other.person_id
    assert is_refused(SECOND, [made, one, one, NOW]), "seconded by its proposer"
    assert is_refused(SECOND, [made, other, one, NOW]), "a forged proposer"
    assert is_refused(SECOND, [made, uuid4(), one, NOW]), "a proposer who is nobody"
    assert is_refused(SECOND, [made, one, uuid4(), NOW]), "a second person who is nobody"
    assert is_refused(SECOND, [made, one, SYSTEM_PERSON, NOW]), "the machine signs"
    assert is_refused(SECOND, [made, one, PUBLIC_PERSON, NOW]), "the public signs"
    assert is_refused(SECOND, [made, one, None, NOW])
    assert is_refused(SECOND, [made, None, other, NOW])
    assert is_refused(SECOND, [made, one, other, NOW - DAY]), "signed before it was proposed"
    assert is_refused(SECOND, [made, one, other, NOW + 30 * DAY]), "signed after it expired"
    assert is_refused(SECOND, [uuid4(), one, other, NOW]), "of an instruction that is none"
    assert in_force("any") is None
    assert not is_refused(SECOND, [made, one, other, NOW])
    assert in_force("any") == made


def test_raw_sql_changes_nothing(two: Two) -> None:
    made = propose(two.one)
    instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW)
    for statement in (
        "UPDATE accounts_instruction SET proposer_id = %s",
        "UPDATE accounts_instruction SET names = '{}' WHERE id = %s",
        "UPDATE accounts_instruction SET expires_at = expires_at + interval '1 year' WHERE id <> %s",
        "UPDATE accounts_instruction_second SET second_id = %s",
        "DELETE FROM accounts_instruction WHERE id = %s",
        "DELETE FROM accounts_instruction_second WHERE second_id <> %s",
        "DELETE FROM accounts_instruction_end WHERE revoked_by <> %s",
    ):
        assert is_refused(statement, [two.other.person_id]), statement
    assert is_refused("TRUNCATE accounts_instruction_second", [])
    assert is_refused("ALTER TABLE accounts_instruction_second DISABLE TRIGGER ALL", [])
    instructions.revoke_instruction(actor=two.one, instruction_id=made, reason="r", now=NOW)
    assert is_refused("DELETE FROM accounts_instruction_end", [])


def test_raw_sql_stores_no_instruction_without_bounds(two: Two) -> None:
    insert = (
        "INSERT INTO accounts_instruction (id, kind, names, grounds, basis, valid_from, expires_at,"
        " proposer_id, proposed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    )
    one = two.one.person_id
    good = [uuid4(), "FEEDBACK", ["a"], "why", "B 1", NOW, NOW + DAY, one, NOW]
    for place, value in (
        (1, "EVERYTHING"),
        (2, [""]),
        (2, [None]),
        (2, ["x"] * 101),
        (2, None),
        (3, "  "),
        (4, ""),
        (5, NOW + DAY),
        (5, "-infinity"),
        (6, "infinity"),
        (6, NOW + 400 * DAY),
        (7, uuid4()),
        (7, SYSTEM_PERSON),
    ):
        assert is_refused(insert, [*good[:place], value, *good[place + 1 :]]), (place, value)
    assert not is_refused(insert, good)


@pytest.mark.serial
def test_the_owner_itself_rewrites_nothing_by_mistake(database_urls: dict[str, str]) -> None:
    with psycopg.connect(database_urls["owner"]) as owner:
        for table in ("instruction", "instruction_second", "instruction_end"):
            with pytest.raises(errors.RestrictViolation):
                owner.execute(f"TRUNCATE accounts_{table} CASCADE")
            owner.rollback()


def test_every_act_is_in_the_ledger_with_a_digest_of_what_was_signed(two: Two) -> None:
    made = propose(two.one)
    instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW + DAY)
    instructions.revoke_instruction(
        actor=two.one, instruction_id=made, reason="r", now=NOW + 2 * DAY
    )
    lines = ledger.entries_of(actor=two.one, object_id=made)
    assert [(line.action, line.actor_id) for line in lines] == [
        ("instruction.propose", two.one.person_id),
        ("instruction.second", two.other.person_id),
        ("instruction.revoke", two.one.person_id),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM ledger_object WHERE object_id = %s", [made])
        digests = {bytes(digest) for (digest,) in cursor.fetchall()}
    assert len(digests) == 1


def test_what_leaves_cites_it(two: Two) -> None:
    made = propose(two.one)
    instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW)
    found = instructed.standing_in_force(kind=LISTS, scope="any", now=NOW)
    assert found is not None
    later = NOW + DAY
    record(
        actor=SYSTEM, action="list.serve", at=later, objects=[found.reference], detail=found.cited
    )
    last = ledger.entries_of(actor=two.one, object_id=made)[-1]
    assert (last.action, last.detail) == ("list.serve", {"instruction": str(made)})


def sign_in(web: Client, login: str) -> Client:
    web.force_login(
        User.objects.get(username=login),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    return web


def seen(web: Client, page: str) -> dict[str, str]:
    """Return what the form of an instruction's page says that it showed; nothing where there is no form."""
    found = re.search(r'name="bearers" value="(\w+)"', web.get(page).content.decode())
    return {"bearers": found.group(1)} if found else SEEN_BY_NOBODY


def test_a_key_that_changed_since_the_page_was_read_is_not_seconded(
    two: Two, no_second_factor: None, make_user: Make
) -> None:
    def register(key: bytes) -> UUID:
        asked = NewCounterpart(
            name="Poste", our_name="us", contact="c@poste.example", public_key=key
        )
        return add_counterpart(actor=two.one, counterpart=asked, another=True, now=clock.now())

    first, second = (Ed25519PrivateKey.generate().public_key().public_bytes_raw() for _ in range(2))
    made = propose(two.one, "Poste", kind=InstructionKind.DECONFLICTION, now=NOW)
    made_for = register(first)
    make_user("helene", Role.SUPERVISOR)
    helene = sign_in(Client(headers={"X-Forwarded-Proto": "https"}), "helene")
    page = f"/en/desk/instructions/{made}/"
    assert first.hex() in helene.get(page).content.decode()
    read = seen(helene, page)
    close_counterpart(actor=two.one, counterpart_id=made_for, now=NOW)
    register(second)
    answer = helene.post(f"{page}second/", read)
    assert answer.status_code == 422
    assert second.hex() in answer.content.decode()
    assert helene.post(f"{page}second/", seen(helene, page)).status_code == 302


def test_the_pages_take_it_from_proposal_to_end(
    two: Two, no_second_factor: None, make_user: Make
) -> None:
    def browser(login: str) -> Client:
        make_user(login, Role.SUPERVISOR)
        return sign_in(Client(headers={"X-Forwarded-Proto": "https"}), login)

    claire, helene = browser("claire"), browser("helene")
    today = datetime.now(UTC)
    for name in ("Alpha", "Beta"):
        create_list(actor=SYSTEM, name=name, attributes=ListAttributes(), now=today)
    typed = {
        "kind": "LIST_SERVICE",
        "names": "Alpha\nBeta",
        "members": MEMBER,
        "grounds": "because <b>so</b>",
        "basis": "LCEN 6-1",
        "from": f"{today:%Y-%m-%d}",
        "until": f"{today + 20 * DAY:%Y-%m-%d}",
    }
    for wrong in (
        {"kind": ""}, {"kind": "X"}, {"names": ""}, {"everybody": "yes"}, {"grounds": " "},
        {"basis": ""}, {"until": "soon"}, {"until": "9999-12-31"}, {"until": "2020-01-01"},
        {"grounds": "\0"}, {"names": "Alpha\nGamma"}, {"kind": "LIST_FETCH", "members": "", "names": "Gamma"},
        {"kind": "DISTRIBUTION", "members": ""}, {"kind": "DECONFLICTION", "members": ""},
    ):  # fmt: skip
        answer = claire.post("/fr/desk/instructions/propose/", typed | wrong)
        assert answer.status_code in {400, 422}, wrong
    page = claire.post("/fr/desk/instructions/propose/", typed)["Location"]
    assert "LIST_SERVICE" not in claire.get("/fr/desk/instructions/").content.decode()
    body = claire.get(page).content.decode()
    assert "&lt;b&gt;so&lt;/b&gt;" in body
    assert f"{page}second/" not in body
    assert claire.post(f"{page}second/", seen(claire, page)).status_code == 422
    assert in_force("Alpha", now=datetime.now(UTC)) is None
    assert f"{page}second/" in helene.get(page).content.decode()
    read = seen(helene, page)
    assert helene.post(f"{page}second/", read).status_code == 302
    assert in_force("Alpha", now=datetime.now(UTC)) is not None
    assert helene.post(f"{page}second/", read).status_code == 422
    assert claire.post(f"{page}revoke/", {"reason": " "}).status_code == 422
    assert claire.post(f"{page}revoke/", {"reason": "over"}).status_code == 302
    assert in_force("Alpha", now=datetime.now(UTC)) is None
    assert "Révoquée" in helene.get("/fr/desk/instructions/").content.decode()
    assert helene.get(page.replace("/fr/", "/en/")).status_code == 200


def test_kinds_and_states_have_words() -> None:
    for kind, codes in (
        ("instruction_state", InstructionState),
        ("instruction_kind", InstructionKind),
    ):
        assert all(reference.label(kind, code, "fr") != code for code in codes)


def test_each_of_several_has_the_instruction_that_it_has_alone(two: Two) -> None:
    """The one that names most comes first; what is revoked or of another member counts for none."""
    lasting = {"first": NOW - DAY, "now": NOW - DAY}
    for names in ((), ("a",), ("a", "b"), ("c",)):
        made = propose(two.one, *names, **lasting)
        instructions.second_instruction(actor=two.other, instruction_id=made, now=NOW - DAY)
    instructions.revoke_instruction(
        actor=two.one, instruction_id=made, reason="over", now=NOW - DAY
    )
    propose(two.one, "d", **lasting)
    scopes = ["a", "b", "c", "d", "nobody's"]
    for member in (None, MEMBER, "Another"):
        alone = {
            scope: found
            for scope in scopes
            if (
                found := instructed.standing_in_force(
                    kind=LISTS, scope=scope, now=NOW, member=member
                )
            )
        }
        each = instructed.standing_for_each(kind=LISTS, scopes=scopes, now=NOW, member=member)
        assert each == alone
        assert len(each) == (0 if member == "Another" else len(scopes))
    assert instructed.standing_for_each(kind=LISTS, scopes=[], now=NOW) == {}
