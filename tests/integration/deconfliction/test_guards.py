"""The database refuses the app what one person may not do alone, or nobody in somebody's name."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import errors

from fanal.accounts.models import Desk
from fanal.accounts.queries.people import find_user
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.deconfliction.sharing.queries import withheld_from
from fanal.kernel import clock
from fanal.kernel.actors import SYSTEM_PERSON, Role
from fanal.kernel.ids import new_id
from tests.integration.accounts.people import make_user
from tests.integration.config.test_row_security import app_of
from tests.integration.deconfliction.test_withheld_meanwhile import hold_back, two_dossiers
from tests.integration.deconfliction.world import SYSTEM, peer, register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
END = (
    "INSERT INTO deconfliction_withholding (id, dossier_id, desk_id, report_ids, withheld, author_id, made_at,"
    " reason_digest) VALUES (%s, %s, 1, '{}', false, %s, now(), '\\x00')"
)
FORMER = (
    "INSERT INTO deconfliction_former_key SELECT id, public_key, now(), added_by"
    " FROM deconfliction_counterpart ON CONFLICT DO NOTHING"
)
EARLIER = (
    "ALTER TABLE deconfliction_counterpart DISABLE TRIGGER USER;"
    " UPDATE deconfliction_counterpart SET keyed_at = keyed_at - interval '1 hour';"
    " ALTER TABLE deconfliction_counterpart ENABLE TRIGGER USER"
)
KEY = "UPDATE deconfliction_counterpart SET public_key = sha256('other')"


def test_nobody_ends_a_withholding_without_a_role_at_the_desk(
    as_role: Callable[[str], Any],
) -> None:
    Desk.objects.get_or_create(id=2, defaults={"code": "NORTH", "name": "North"})
    report_id = two_dossiers()
    hold_back(report_id)
    held = withheld_from()
    dossier = dossier_of(actor=SYSTEM, report_id=report_id)
    session = app_of(as_role, desks=("1",))
    elsewhere = make_user("far", Role.ANALYST, desk=2, at=clock.now()).person_id
    overseer = make_user("over", Role.OVERSEER, at=clock.now()).person_id
    for author in (uuid4(), SYSTEM_PERSON, elsewhere, overseer):
        with pytest.raises(errors.CheckViolation):
            session.execute(END, [new_id(clock.now()), dossier, author])
    assert withheld_from() == held != []
    user = find_user(username="ana")
    assert user is not None
    session.execute(END, [new_id(clock.now()), dossier, user.person_id])
    assert withheld_from() == []


@pytest.mark.parametrize(
    "steps",
    [
        (FORMER, KEY),  # under the standing instruction of the key before
        (FORMER, f"{KEY}, keyed_at = keyed_at + interval '1 microsecond'"),
        (f"{KEY}, keyed_at = now()",),  # the key before is not stored as ended
        ("UPDATE deconfliction_counterpart SET name = 'Another body'",),
        ("UPDATE deconfliction_counterpart SET keyed_at = '2020-01-01'",),
    ],
)
def test_no_other_key_comes_under_a_standing_instruction(
    steps: tuple[str, ...], as_role: Callable[[str], Any]
) -> None:
    other = peer()
    found = register(other)
    as_role("owner").execute(EARLIER)
    session = app_of(as_role)
    *before, last = steps
    for statement in before:
        session.execute(statement)
    with pytest.raises(errors.CheckViolation):
        session.execute(last)
    session.execute(FORMER)
    session.execute(f"{KEY}, keyed_at = now()")
    with pytest.raises(errors.CheckViolation):  # the key that has ended
        session.execute(
            "INSERT INTO deconfliction_former_key SELECT id, sha256('other'), now(), added_by"
            " FROM deconfliction_counterpart; UPDATE deconfliction_counterpart SET keyed_at = now(),"
            " public_key = (SELECT public_key FROM deconfliction_former_key"
            f" WHERE counterpart_id = '{UUID(str(found.id))}' ORDER BY ended_at LIMIT 1)"
        )
