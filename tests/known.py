"""Actors that tests make up, as PostgreSQL knows them: persons, with the habilitations of their roles.

What is made while a module loads is written by `habilitated`, before each test of a folder that asks for
it; what is made in a test that has the database is written at once.
"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db import connection

from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role
from tests.server import as_worker
from tests.unit.orient.items import NOW

_MADE: dict[object, Actor] = {}
_HALF_A_YEAR = timedelta(days=182)
_NOBODY_S = {Role.SYSTEM, Role.PUBLIC}
"""Roles of programs and of the public: nobody is habilitated for them."""
_AT_A_DESK = {Role.ANALYST, Role.SUPERVISOR, Role.JUDICIAL_OFFICER, Role.MEASURES_OFFICER}


def known(actor: Actor) -> Actor:
    """Return the actor; its person and habilitations stand in the database of the tests."""
    try:
        connection.ensure_connection()
    except RuntimeError:  # the module is being loaded: no test has the database yet
        _MADE[actor.person_id] = actor
    else:
        _write([actor])
    return actor


def habilitated() -> None:
    """Write every actor that modules made while they were loaded."""
    _write(_MADE.values())


def _write(actors: object) -> None:
    people = list(actors)
    with as_worker(), connection.cursor() as cursor:  # the console grants in the system's name
        cursor.executemany(
            "INSERT INTO accounts_person (id, name, created_at) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(actor.person_id, f"Person {str(actor.person_id)[-6:]}", NOW) for actor in people],
        )
        desks = {desk for actor in people for _, desk in actor.role_desks}
        cursor.executemany(
            "INSERT INTO accounts_desk (id, code, name, contact) VALUES (%s, %s, %s, '')"
            " ON CONFLICT DO NOTHING",
            [(desk, f"DESK{desk}", f"Desk {desk}") for desk in desks],
        )
        cursor.executemany(
            "INSERT INTO accounts_habilitation (id, person_id, role, desk_id, act_reference, valid_from,"
            " valid_until, granted_by_id, granted_at, needs_approval)"
            " VALUES (%s, %s, %s, %s, 'TEST', %s, %s, %s, %s, false)",
            [row for actor in people for row in _habilitations(actor)],
        )


def _habilitations(actor: Actor) -> list[tuple[object, ...]]:
    """Rows around the fixed instant of the tests, and around the present one."""
    held = set(actor.role_desks) | {(role, None) for role in actor.roles - _AT_A_DESK}
    return [
        (
            uuid4(),
            actor.person_id,
            role.value,
            desk if role in _AT_A_DESK else None,
            middle - _HALF_A_YEAR,
            middle + _HALF_A_YEAR,
            SYSTEM_PERSON,
            middle - _HALF_A_YEAR,
        )
        for role, desk in sorted(held, key=str)
        if (role in _AT_A_DESK) is (desk is not None) and role not in _NOBODY_S
        for middle in (NOW, datetime.now(UTC))
    ]
