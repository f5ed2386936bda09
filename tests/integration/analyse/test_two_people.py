"""A change of the priority rules takes two people in office, held by PostgreSQL itself: raw SQL as the app role."""

import uuid
from datetime import timedelta
from importlib import resources

import pytest
from django.db import connection

from fanal.analyse.priority import operations as rulesets
from fanal.analyse.priority.queries import get_ruleset, list_rulesets
from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role, system_actor
from fanal.kernel.refusal import Refusal
from tests.actors import desk_actor
from tests.integration.orient.people import person
from tests.refusals import CHECK, FOREIGN_KEY, KEPT, NO_RIGHT, database_refuses
from tests.unit.orient.items import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installed_keys")]
RULES = (
    resources.files("fanal.analyse")
    .joinpath("data", "priority", "2026-11-24.toml")
    .read_text("utf-8")
    .replace('version = "priority/2026-11-24"', 'version = "priority/test"')
)
ACTIVATE = (
    "INSERT INTO analyse_activation (ruleset_id, author_id, proposer_id, approver_id, activated_at)"
    " VALUES (%s, %s, %s, %s, now())"
)


def supervisor() -> Actor:
    return person(Role.SUPERVISOR)


def refused(sqlstate: str, statement: str, *values: object) -> None:
    with database_refuses(sqlstate), connection.cursor() as cursor:
        cursor.execute(statement, values)


def run(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def state(ruleset_id: uuid.UUID) -> str:
    found = get_ruleset(ruleset_id=ruleset_id)
    assert found is not None
    return found.state


def tried(author: Actor) -> uuid.UUID:
    """A rule set of its author that was run dry."""
    ruleset_id = rulesets.draft_ruleset(actor=author, body=RULES, now=NOW)
    rulesets.dry_run_ruleset(actor=author, ruleset_id=ruleset_id, report_ids=[], kin=[], now=NOW)
    return ruleset_id


def shipped() -> uuid.UUID:
    """The oldest set that came with the program, as a draft."""
    rulesets.load_shipped(actor=system_actor("test"), now=NOW + timedelta(days=9))
    drafts = [s for s in list_rulesets() if s.state == "DRAFT"]
    return min(drafts, key=lambda s: s.version).id


def granted_by(granter: Actor, second: Actor) -> Actor:
    """A supervisor whose habilitation these two signed."""
    grantee = person()
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH made AS (INSERT INTO accounts_habilitation (id, person_id, role, desk_id, act_reference,"
            " valid_from, valid_until, granted_by_id, granted_at, needs_approval)"
            " SELECT gen_random_uuid(), %s, 'SUPERVISOR', 1, 'TEST', t - interval '180 days',"
            " t + interval '180 days', %s, t, true FROM (VALUES (now()), (%s)) AS x (t)"
            " RETURNING id, granted_by_id, granted_at) SELECT * FROM made",
            [grantee.person_id, granter.person_id, NOW],
        )
        made = cursor.fetchall()
        cursor.executemany(
            "INSERT INTO accounts_habilitation_approval"
            " (habilitation_id, granted_by_id, approved_at, approver_id) VALUES (%s, %s, %s, %s)",
            [(*row, second.person_id) for row in made],
        )
    return desk_actor(
        person_id=grantee.person_id, roles={Role.SUPERVISOR}, desks={1}, motive="test"
    )


def test_neither_author_nor_nobody_nor_who_holds_no_role_puts_a_set_in_force() -> None:
    author = supervisor()
    ruleset, own = tried(author), author.person_id
    refused(CHECK, ACTIVATE, ruleset, own, own, own)
    for other in (
        uuid.uuid4(),
        SYSTEM_PERSON,
        person(Role.ANALYST).person_id,
        person(Role.MEASURES_OFFICER).person_id,
        granted_by(author, supervisor()).person_id,
        granted_by(supervisor(), author).person_id,
    ):
        refused(CHECK, ACTIVATE, ruleset, own, own, other)
    refused(FOREIGN_KEY, ACTIVATE, ruleset, own, supervisor().person_id, supervisor().person_id)
    run(ACTIVATE, ruleset, own, own, supervisor().person_id)
    assert state(ruleset) == "ACTIVE"


def test_whoever_the_proposer_habilitated_is_told_so() -> None:
    author = supervisor()
    ruleset = tried(author)
    grantee = granted_by(author, supervisor())
    with pytest.raises(Refusal, match="GRANTED_BY_PROPOSER"):
        rulesets.activate_ruleset(actor=grantee, ruleset_id=ruleset, now=NOW)


def test_a_set_that_came_with_the_program_takes_two_people() -> None:
    """Who ran it dry last proposes it; it stands alone only as the first of an installation."""
    ruleset, proposer, second = shipped(), supervisor(), supervisor()
    refused(KEPT, ACTIVATE, ruleset, SYSTEM_PERSON, None, SYSTEM_PERSON)
    refused(KEPT, ACTIVATE, ruleset, SYSTEM_PERSON, None, second.person_id)
    refused(KEPT, ACTIVATE, ruleset, SYSTEM_PERSON, proposer.person_id, second.person_id)
    rulesets.dry_run_ruleset(actor=proposer, ruleset_id=ruleset, report_ids=[], kin=[], now=NOW)
    with pytest.raises(Refusal, match="SAME_PERSON"):
        rulesets.activate_ruleset(actor=proposer, ruleset_id=ruleset, now=NOW)
    own = proposer.person_id
    refused(CHECK, ACTIVATE, ruleset, SYSTEM_PERSON, own, own)
    rulesets.activate_ruleset(actor=second, ruleset_id=ruleset, now=NOW)
    assert state(ruleset) == "ACTIVE"


def test_a_set_is_proposed_by_a_supervisor_and_begins_as_a_draft() -> None:
    insert = (
        "INSERT INTO analyse_ruleset (id, version, body, author_id, proposer_id, drafted_at, state)"
        " VALUES (gen_random_uuid(), 'priority/raw', '', %s, %s, now(), %s)"
    )
    author, other = supervisor().person_id, supervisor().person_id
    refused(KEPT, insert, author, author, "ACTIVE")
    refused(CHECK, insert, author, other, "DRAFT")
    refused(CHECK, insert, author, None, "DRAFT")
    refused(KEPT, insert, SYSTEM_PERSON, author, "DRAFT")
    for nobody in (uuid.uuid4(), person(Role.ANALYST).person_id):
        refused(CHECK, insert, nobody, nobody, "DRAFT")
    run(insert, author, author, "DRAFT")


def test_the_first_set_too_is_put_in_force_by_the_system_or_by_two_people() -> None:
    ruleset = uuid.uuid4()
    run(
        "INSERT INTO analyse_ruleset (id, version, body, author_id, drafted_at)"
        " VALUES (%s, 'priority/raw', '', %s, now())",
        ruleset,
        SYSTEM_PERSON,
    )
    refused(CHECK, ACTIVATE, ruleset, SYSTEM_PERSON, None, supervisor().person_id)
    run(ACTIVATE, ruleset, SYSTEM_PERSON, None, SYSTEM_PERSON)


def test_no_state_is_written_by_hand() -> None:
    ruleset = tried(supervisor())
    rulesets.activate_ruleset(actor=supervisor(), ruleset_id=ruleset, now=NOW)
    for column in ("state", "author_id", "body"):
        refused(NO_RIGHT, f"UPDATE analyse_ruleset SET {column} = {column} WHERE id = %s", ruleset)
    refused(NO_RIGHT, "DELETE FROM analyse_activation WHERE ruleset_id = %s", ruleset)
    refused(KEPT, "UPDATE analyse_ruleset SET dry_run = 'x' WHERE id = %s", ruleset)
    assert state(ruleset) == "ACTIVE"
