"""Desks: named in two languages, changed, closed with nothing left at them, and opened again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils.translation import override

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import DeskDetails, DeskWork, RevocationReason
from fanal.accounts.operations.changes import close_account
from fanal.accounts.operations.desks import add_desk, edit_desk, reopen_desk
from fanal.accounts.operations.habilitations import revoke_habilitation
from fanal.accounts.queries.desks import desk_names, get_desk, list_desks
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.queries import list_dossiers, members_of
from fanal.crosscheck.operations.judge import judge
from fanal.db import sql
from fanal.desks import close_desk, desk_left
from fanal.intake.operations.holds import place_hold
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.ledger.queries import SoughtEntries
from tests.integration.accounts.people import NOW, SYSTEM, habilitate, make_user
from tests.integration.desk.story import Desk, add_reports
from tests.integration.desk.test_entry import PAGE, entered, form
from tests.integration.desk.work import decided
from tests.server import as_worker

pytestmark = pytest.mark.django_db
EAST = DeskDetails(
    name="Antenne Est",
    name_en="East branch",
    territory="Grand Est, Bourgogne",
    contact="est@desk.example",
)


def added() -> int:
    return add_desk(actor=SYSTEM, code="EAST", details=EAST, now=NOW)


def entries(action: str) -> list[object]:
    found = ledger.list_entries(actor=SYSTEM, sought=SoughtEntries(action=action))
    return [dict(one.detail) for one in found]


def test_a_desk_has_a_name_in_each_language(installed_keys: None) -> None:
    east, west = added(), add_desk(
        actor=SYSTEM, code="NORTH", details=DeskDetails(name="Antenne Nord"), now=NOW
    )  # fmt: skip
    with override("en"):
        assert desk_names(desk_ids=[east, west]) == {east: "East branch", west: "Antenne Nord"}
    with override("fr"):
        assert desk_names(desk_ids=[east]) == {east: "Antenne Est"}
    found = get_desk(actor=SYSTEM, desk_id=east)
    assert (found.territory, found.contact, found.closed_at) == (
        "Grand Est, Bourgogne",
        "est@desk.example",
        None,
    )


def test_a_change_names_what_changed_and_a_stale_form_is_refused(installed_keys: None) -> None:
    east = added()
    seen = get_desk(actor=SYSTEM, desk_id=east).state
    edit_desk(actor=SYSTEM, desk_id=east, now=NOW, seen=seen, territory="Grand Est")
    assert get_desk(actor=SYSTEM, desk_id=east).territory == "Grand Est"
    assert {"code": "EAST", "changed": "TERRITORY"} in entries("desk.change")
    before = len(entries("desk.change"))
    with pytest.raises(Refusal, match="CHANGED"):
        edit_desk(actor=SYSTEM, desk_id=east, now=NOW, seen=seen, name="Est")
    edit_desk(actor=SYSTEM, desk_id=east, now=NOW, territory="Grand Est")
    assert len(entries("desk.change")) == before, "nothing changed, nothing recorded"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("name", ""),
        ("name", "a" * 201),
        ("name_en", "a\nb"),
        ("territory", "a" * 201),
        ("contact", "a\x00"),
    ],
)
def test_odd_values_are_refused(installed_keys: None, part: str, value: str) -> None:
    with pytest.raises(Refusal, match="REFUSED") as caught:
        edit_desk(actor=SYSTEM, desk_id=1, now=NOW, **{part: value})
    assert caught.value.parameters == {"part": part}


def test_an_administrator_alone_manages_desks(desk: Desk) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    assert {one.code for one in list_desks(actor=desk.actor("ines"))} == {"NATIONAL", "WEST"}
    for name in ("ana", "claire", "gabrielle"):
        for act in (
            lambda who: list_desks(actor=who),
            lambda who: edit_desk(actor=who, desk_id=2, now=NOW, name="n"),
            lambda who: close_desk(actor=who, desk_id=2, now=NOW),
            lambda who: reopen_desk(actor=who, desk_id=2, now=NOW),
        ):
            with pytest.raises(Refused):
                act(desk.actor(name))


def empty_west(desk: Desk) -> None:
    """End every role at desk 2."""
    with as_worker():
        for (habilitation_id,) in sql.rows(
            "SELECT id FROM accounts_habilitation WHERE desk_id = 2"
        ):
            revoke_habilitation(
                actor=SYSTEM,
                habilitation_id=habilitation_id,
                reason=RevocationReason.MOVED,
                now=desk.now,
            )


def left(desk: Desk) -> dict[DeskWork, int]:
    found = desk_left(actor=desk.actor("ines"), desk_id=2, now=desk.now)
    return {work: n for work, n in found.items() if n}


def test_a_desk_closes_with_nothing_left_and_says_what_is(desk: Desk) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    ines = desk.actor("ines")
    assert left(desk) == {DeskWork.PEOPLE: 1}
    with pytest.raises(Refusal, match="LEFT"):
        close_desk(actor=ines, desk_id=2, now=desk.now)
    empty_west(desk)
    assert left(desk) == {}
    close_desk(actor=ines, desk_id=2, now=desk.now)
    assert get_desk(actor=ines, desk_id=2).closed_at == desk.now
    assert entries("desk.close") == [{"code": "WEST"}]
    with pytest.raises(Refusal, match="CLOSED"):
        close_desk(actor=ines, desk_id=2, now=desk.now)
    with pytest.raises(Refusal, match="CLOSED"):
        habilitate(desk.users["ana"], Role.ANALYST, desk=2, at=desk.now)
    with as_worker(), pytest.raises(IntegrityError, match="closed"), transaction.atomic():
        sql.run(
            "INSERT INTO accounts_habilitation SELECT (jsonb_populate_record(h,"
            " jsonb_build_object('id', gen_random_uuid()))).* FROM accounts_habilitation h"
            " WHERE desk_id = 2 LIMIT 1"
        )
    reopen_desk(actor=ines, desk_id=2, now=desk.now)
    assert entries("desk.reopen") == [{"code": "WEST"}]
    with pytest.raises(Refusal, match="OPEN"):
        reopen_desk(actor=ines, desk_id=2, now=desk.now)
    habilitate(desk.users["ana"], Role.ANALYST, desk=2, at=desk.now)
    assert left(desk) == {DeskWork.PEOPLE: 1}


def test_a_role_to_come_counts_as_a_person(desk: Desk) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    empty_west(desk)
    habilitate(desk.users["ana"], Role.ANALYST, desk=2, at=desk.now + timedelta(days=3))
    assert left(desk) == {DeskWork.PEOPLE: 1}


def test_a_closed_account_keeps_no_desk_open(desk: Desk) -> None:
    """Nobody may end the role of a desk's last supervisor; the person of a closed account cannot act."""
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    yann = desk.users["yann"].person_id
    close_account(actor=desk.actor("ines"), person_id=yann, now=desk.now)
    assert left(desk) == {}
    close_desk(actor=desk.actor("ines"), desk_id=2, now=desk.now)


def test_the_desk_of_the_public_form_never_closes(desk: Desk) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    with pytest.raises(Refusal, match="FIRST"):
        close_desk(actor=desk.actor("ines"), desk_id=1, now=desk.now)


def test_reports_alarms_dossiers_and_holds_keep_a_desk_open(desk: Desk) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    desk.users["sam"] = make_user("sam", Role.SUPERVISOR, desk=2, at=desk.now)
    told = {"kind": "GROOMING", "description": "A neutral sentence.", "emergency": True}
    add_reports(desk, [("waits", 3, told)], desk_id=2, stages=False)
    assert left(desk) == {DeskWork.PEOPLE: 2, DeskWork.ARRIVING: 1, DeskWork.ALARMS: 1}
    add_reports(desk, [("comes", 2, {"kind": "OTHER", "description": "Another."})], desk_id=2)
    place_hold(
        actor=desk.actor("sam"), report_id=desk.reports["comes"], motive="file 12", now=desk.now
    )
    found = left(desk)
    assert found == {
        DeskWork.PEOPLE: 2,
        DeskWork.REPORTS: 2,
        DeskWork.ALARMS: 1,
        DeskWork.HOLDS: 1,
    }


def test_a_reporter_who_can_still_write_keeps_a_desk_open(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    """A child may write that there is danger for as long as the report is kept: somebody must be there."""
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    yann = sign_in("yann")
    assert yann.post(PAGE, form(yann, desk="2")).status_code == 201
    assert left(desk)[DeskWork.REPORTERS] == 1


def test_an_open_dossier_and_an_act_count(desk: Desk) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)

    def at_first() -> dict[DeskWork, int]:
        return desk_left(actor=desk.actor("ines"), desk_id=1, now=desk.now)

    before = at_first()
    assert (before[DeskWork.DOSSIERS], before[DeskWork.ACTS]) == (0, 0)
    decided(desk)
    ana = desk.actor("ana")
    dossier_id = list_dossiers(actor=ana)[0].id
    judge(
        actor=ana,
        act=JudgementAct.OPEN,
        left=members_of(actor=ana, dossier_id=dossier_id),
        reason="worked on",
        now=desk.now,
    )
    after = at_first()
    assert (after[DeskWork.DOSSIERS], after[DeskWork.ACTS]) == (1, 2)


def test_no_report_is_entered_at_a_closed_desk(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    """A form that was open when the desk closed is refused, and nothing is stored."""
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    yann = sign_in("yann")
    filled = form(yann, desk="2")
    sql.run("UPDATE accounts_desk SET closed_at = now() WHERE id = 2")
    assert yann.post(PAGE, filled).status_code == 422
    assert entered() == []
