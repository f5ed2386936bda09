"""A dossier whose first report is erased stays itself: members, number, address, withholding."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts import row_scope
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.numbers import find_dossier_number
from fanal.crosscheck.dossiers.queries import dossier_of, members_of, numbers_of
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.judge import judge
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.db import sql
from fanal.deconfliction.operations.counterparts import withhold
from fanal.deconfliction.queries import withheld_reports, withholdings_of
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import system_actor
from tests.integration.desk.story import WORKER, Desk, add_reports
from tests.integration.desk.test_erased_meanwhile import erase
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]


def body(*mails: str) -> dict[str, object]:
    return {"kind": "GROOMING", "persons": [{"role": "SUSPECT", "emails": list(mails)}]}


@pytest.fixture
def linked(desk: Desk) -> tuple[UUID, UUID, UUID]:
    """The first report shares an address with each of two others, which share nothing."""
    one, two = "one.first@mail.example", "two.first@mail.example"
    reports = [("first", 90, body(one, two)), ("second", 80, body(one)), ("third", 70, body(two))]
    add_reports(desk, reports)
    dossier = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["second"])
    assert dossier is not None
    return dossier, desk.reports["second"], desk.reports["third"]


def say(desk: Desk, act: JudgementAct, **sides: object) -> UUID:
    return judge(actor=desk.actor("ana"), act=act, reason="Read again.", now=desk.now, **sides)  # type: ignore[arg-type]


@pytest.mark.parametrize("act", [JudgementAct.MERGE, JudgementAct.SPLIT, JudgementAct.REJECT])
def test_what_is_judged_and_undone_leaves_it_as_it_was(
    desk: Desk, linked: tuple[UUID, UUID, UUID], act: JudgementAct
) -> None:
    dossier, second, third = linked
    ana, claire = desk.actor("ana"), desk.actor("claire")
    number = numbers_of(dossier_ids=[dossier])[dossier]
    withhold(
        actor=claire, dossier_id=dossier, counterpart_id=None, withheld=True, words="Ours.",
        now=desk.now,
    )  # fmt: skip
    erase(desk, "first")
    sides = {
        JudgementAct.MERGE: {"left": [second, third], "right": [desk.reports["travel"]]},
        JudgementAct.SPLIT: {"left": [second], "right": [third]},
        JudgementAct.REJECT: {"left": [second, third]},
    }
    made = say(desk, act, **sides[act])
    say(desk, JudgementAct.UNDO, undoes=made)
    assert members_of(actor=ana, dossier_id=dossier) == [second, third]
    assert find_dossier_number(actor=ana, number=number) == dossier
    assert numbers_of(dossier_ids=[dossier])[dossier] == number
    add_reports(desk, [("later", 5, body("one.first@mail.example"))])
    assert desk.reports["later"] in members_of(actor=ana, dossier_id=dossier)
    assert desk.reports["later"] in withheld_reports(
        actor=system_actor("rounds"), counterpart_id=uuid4()
    )
    assert withholdings_of(actor=claire, dossier_ids=[dossier])


def test_a_rejected_link_to_a_stranger_dissolves_nothing(
    desk: Desk, linked: tuple[UUID, UUID, UUID]
) -> None:
    dossier, second, third = linked
    erase(desk, "first")
    say(desk, JudgementAct.UNLINK, left=[second], right=[desk.reports["travel"]])
    assert members_of(actor=desk.actor("ana"), dossier_id=dossier) == [second, third]


@pytest.mark.parametrize("act", [JudgementAct.SPLIT, JudgementAct.REJECT])
def test_separated_reports_have_a_page_that_names_them(
    desk: Desk, linked: tuple[UUID, UUID, UUID], sign_in: SignIn, act: JudgementAct
) -> None:
    dossier, second, third = linked
    erase(desk, "first")
    split = act is JudgementAct.SPLIT
    say(desk, act, **({"left": [second], "right": [third]} if split else {"left": [second, third]}))
    page = sign_in("ana").get(f"/en/desk/dossiers/{dossier}/")
    assert page.status_code == 200
    assert str(third) in page.content.decode()


def test_undoing_a_merge_of_two_reports_leaves_a_page(desk: Desk, sign_in: SignIn) -> None:
    ana = desk.actor("ana")
    one, two = sorted((desk.reports["travel"], desk.reports["empty"]))
    made = say(desk, JudgementAct.MERGE, left=[one], right=[two])
    dossier = dossier_of(actor=ana, report_id=one)
    assert dossier is not None
    number = numbers_of(dossier_ids=[dossier])[dossier]
    say(desk, JudgementAct.UNDO, undoes=made)
    assert find_dossier_number(actor=ana, number=number) == dossier
    page = sign_in("ana").get(f"/en/desk/dossiers/{dossier}/")
    assert (page.status_code, str(two) in page.content.decode()) == (200, True)


def test_a_merged_dossier_follows_its_own_first_report(desk: Desk) -> None:
    """Not the dossier that it was merged into, which may be dissolved since."""
    ana = desk.actor("ana")
    names = ("travel", "material", "stream", "empty")
    one, two, three, four = sorted(desk.reports[name] for name in names)
    say(desk, JudgementAct.MERGE, left=[three], right=[four])
    own = dossier_of(actor=ana, report_id=three)
    assert own is not None
    number = numbers_of(dossier_ids=[own])[own]
    say(desk, JudgementAct.MERGE, left=[one], right=[three, four])
    say(desk, JudgementAct.REJECT, left=[one, three, four])
    say(desk, JudgementAct.MERGE, left=[two], right=[three])
    assert find_dossier_number(actor=ana, number=number) == dossier_of(actor=ana, report_id=three)


def test_a_rebuild_gives_the_same_dossiers(desk: Desk, linked: tuple[UUID, UUID, UUID]) -> None:
    a, b, c, d = (desk.reports[n] for n in ("travel", "material", "stream", "empty"))
    say(desk, JudgementAct.MERGE, left=[a], right=[b])
    say(desk, JudgementAct.MERGE, left=[a], right=[c])
    for name in ("travel", "first"):
        erase(desk, name)
    say(desk, JudgementAct.MERGE, left=[b], right=[d])
    before = _stored()
    assert linked[0] in before.values()
    with as_worker():
        rebuild(actor=WORKER, now=desk.now)
    assert _stored() == before


def _stored() -> dict[UUID, UUID]:
    with row_scope.across_desks():
        return dict(sql.rows("SELECT report_id, dossier_id FROM crosscheck_membership"))


def test_what_is_erased_while_its_batch_waits_is_not_linked(
    desk: Desk, linked: tuple[UUID, UUID, UUID]
) -> None:
    _dossier, second, _third = linked
    with as_worker():
        records = harmonised.get_records(actor=WORKER, report_ids=[second])
    erase(desk, "second")
    with as_worker():
        [facts] = crosscheck_batch(actor=WORKER, reports=[records[second]], now=desk.now)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM crosscheck_card WHERE report_id = %s", [second])
            assert cursor.fetchone() == (0,), "what would be compared with later reports"
    assert (facts.report_id, facts.links, facts.dossier_id) == (second, 0, None)
    assert second not in _stored()
