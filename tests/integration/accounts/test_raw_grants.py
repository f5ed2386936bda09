"""Habilitations in raw SQL, as the desk's role: outside a desk the console grants, at a desk its supervisors."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from fanal.accounts.models import Desk, Habilitation
from fanal.kernel.actors import SYSTEM_PERSON, Role
from tests.integration.accounts.people import Make
from tests.refusals import CHECK, NO_RIGHT, database_refuses
from tests.server import as_worker

pytestmark = pytest.mark.django_db
OUTSIDE = ["OVERSEER", "ADMINISTRATOR", "LABORATORY", "PARTNER", "STATISTICIAN"]
NEVER = ["SYSTEM", "PUBLIC", "supervisor", "Supervisor ", "", "CHIEF"]


def _insert(person: UUID, role: str, *, desk: int | None, granter: UUID) -> Habilitation:
    now = datetime.now(UTC)
    return Habilitation.objects.create(
        id=uuid4(), person_id=person, role=role, desk_id=desk, act_reference="ACT-9",
        valid_from=now, valid_until=now + timedelta(days=9), granted_by_id=granter, granted_at=now,
    )  # fmt: skip


@pytest.mark.parametrize("granter", [Role.MEASURES_OFFICER, Role.SUPERVISOR])
@pytest.mark.parametrize("role", OUTSIDE)
def test_a_role_outside_the_desk_is_the_console_s(
    make_user: Make, granter: Role, role: str
) -> None:
    ana, who = make_user("ana").person_id, make_user("mona", granter).person_id
    with database_refuses(NO_RIGHT):
        _insert(ana, role, desk=None, granter=who)
    with as_worker():
        _insert(ana, role, desk=None, granter=SYSTEM_PERSON)


@pytest.mark.parametrize("role", NEVER)
@pytest.mark.parametrize("desk", [None, 1])
def test_a_role_that_nobody_has_is_granted_by_nobody(
    make_user: Make, role: str, desk: int | None
) -> None:
    ana, who = make_user("ana").person_id, make_user("claire", Role.SUPERVISOR).person_id
    with database_refuses(CHECK):
        _insert(ana, role, desk=desk, granter=who)
    with database_refuses(CHECK), as_worker():
        _insert(ana, role, desk=desk, granter=SYSTEM_PERSON)


@pytest.mark.parametrize(
    ("role", "desk"), [("SUPERVISOR", None), ("ANALYST", None), ("OVERSEER", 1), ("PARTNER", 1)]
)
def test_a_role_has_a_desk_or_none(make_user: Make, role: str, desk: int | None) -> None:
    ana, who = make_user("ana").person_id, make_user("claire", Role.SUPERVISOR).person_id
    with database_refuses(CHECK):
        _insert(ana, role, desk=desk, granter=who)
    with database_refuses(CHECK), as_worker():
        _insert(ana, role, desk=desk, granter=SYSTEM_PERSON)


@pytest.mark.parametrize("role", ["ANALYST", "JUDICIAL_OFFICER", "SUPERVISOR", "MEASURES_OFFICER"])
def test_a_role_of_a_desk_is_granted_by_its_supervisors(make_user: Make, role: str) -> None:
    with as_worker():
        Desk.objects.get_or_create(id=2, defaults={"code": "NORTH", "name": "North"})
    ana = make_user("ana").person_id
    claire = make_user("claire", Role.SUPERVISOR).person_id
    for other in (
        make_user("mona", Role.MEASURES_OFFICER).person_id,
        make_user("else", Role.SUPERVISOR, desk=2).person_id,
        make_user("olga", Role.OVERSEER).person_id,
        make_user("nobody").person_id,
    ):
        with database_refuses(CHECK):
            _insert(ana, role, desk=1, granter=other)
    made = _insert(ana, role, desk=1, granter=claire)
    made.refresh_from_db()
    assert made.needs_approval is (role in {"SUPERVISOR", "MEASURES_OFFICER"})


def test_the_roles_are_those_of_the_program() -> None:
    known = {*OUTSIDE, "ANALYST", "JUDICIAL_OFFICER", "SUPERVISOR", "MEASURES_OFFICER"}
    assert known == {role.value for role in Role} - {"SYSTEM", "PUBLIC"}
