"""A dossier whose first report is erased stays itself: members, number, address, withholding."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fanal.accounts import row_scope
from fanal.crosscheck.domain.records import DossierState, JudgementAct
from fanal.crosscheck.dossiers.numbers import find_dossier_number
from fanal.crosscheck.dossiers.queries import dossier_of, dossier_view, members_of, numbers_of
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.judge import judge
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.db import sql
from fanal.deconfliction.sharing.operations import withhold
from fanal.deconfliction.sharing.queries import withheld_reports, withholdings_of
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.refusal import Refusal
from tests.integration.accounts.people import make_user
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
    before = stored()
    assert linked[0] in before.values()
    with as_worker():
        rebuild(actor=WORKER, now=desk.now)
    assert stored() == before


CHAIN = (
    ("a", 95, "01"),
    ("z", 94, "0"),
    ("e1", 93, "1"),
    ("e2", 92, "12"),
    ("e3", 91, "2"),
    ("e4", 90, "23"),
)
ERASED = ("a", "e1", "e2", "e3", "e4")


def of_signs(signs: str) -> dict[str, object]:
    """A report whose suspect has an address for each sign."""
    return body(*(f"sign.{sign}@mail.example" for sign in signs))


@pytest.mark.parametrize("minutes", [200, 60])
def test_separated_ends_of_a_chain_of_erased_reports_stay_apart(desk: Desk, minutes: int) -> None:
    """Also where one of them is linked with an older or a newer report."""
    ana = desk.actor("ana")
    chain = [(name, at, of_signs(signs)) for name, at, signs in (*CHAIN, ("y", 80, "3"))]
    add_reports(desk, [*chain, ("w", minutes, of_signs("9"))])
    z, y, w = (desk.reports[name] for name in "zyw")
    for name in ERASED:
        erase(desk, name)
    say(desk, JudgementAct.SPLIT, left=[z], right=[y])
    say(desk, JudgementAct.LINK, left=[y], right=[w])
    [of_z, of_y] = [dossier_of(actor=ana, report_id=one) for one in (z, y)]
    assert of_y is not None
    assert (of_z != of_y, members_of(actor=ana, dossier_id=of_y)) == (True, sorted((y, w)))
    before = stored()
    with as_worker():
        rebuild(actor=WORKER, now=desk.now)
    assert stored() == before


@pytest.mark.parametrize("desk_id", [1, 2])
def test_rejecting_a_dossier_leaves_those_that_were_split_from_it(desk: Desk, desk_id: int) -> None:
    """Also where the erased reports between them are of another desk: who rejects may undo."""
    ana = desk.actor("ana")
    far = [("x", 93, "235"), ("e2", 92, "3"), ("e3", 91, "34"), ("y2", 90, "4"), ("y1", 89, "5")]
    add_reports(desk, [(name, at, of_signs("2")) for name, at in (("b", 95), ("c", 94))])
    add_reports(desk, [(name, at, of_signs(signs)) for name, at, signs in far], desk_id=desk_id)
    b, c, y1, y2 = (desk.reports[name] for name in ("b", "c", "y1", "y2"))
    if desk_id == 1:
        right = [desk.reports[name] for name, *_ in far]
        say(desk, JudgementAct.SPLIT, left=[b, c], right=right)
    for name in ("x", "e2", "e3"):
        erase(desk, name)
    before = stored()
    made = say(desk, JudgementAct.REJECT, left=[b, c])
    assert stored()[y1] == stored()[y2]
    assert dossier_of(actor=ana, report_id=b) is None or dossier_of(actor=ana, report_id=c) is None
    say(desk, JudgementAct.UNDO, undoes=made)
    assert stored() == before


def test_what_people_separated_does_not_meet_as_reports_come(desk: Desk) -> None:
    """Although every report that the judgement names is erased."""
    add_reports(desk, [("e", 90, of_signs("13")), ("f", 88, of_signs("23"))])
    say(desk, JudgementAct.SPLIT, left=[desk.reports["e"]], right=[desk.reports["f"]])
    add_reports(desk, [("a", 70, of_signs("1")), ("b", 68, of_signs("2"))])
    a, b = desk.reports["a"], desk.reports["b"]
    assert stored()[a] != stored()[b]
    for name in ("e", "f"):
        erase(desk, name)
    kept = stored()
    add_reports(desk, [("n", 30, of_signs("12"))])
    found = stored()
    assert (found[a], found[b]) == (kept[a], kept[b])
    with as_worker():
        rebuild(actor=WORKER, now=desk.now)
    assert stored() == found


def test_a_rejection_separates_from_another_desks_report_too(desk: Desk) -> None:
    """Joined by an erased report of one's own desk; the page names all that the person sees."""
    ana = desk.actor("ana")
    add_reports(desk, [("e", 90, of_signs("12")), ("a", 80, of_signs("1"))])
    add_reports(desk, [("c", 70, of_signs("2"))], desk_id=2)
    erase(desk, "e")
    say(desk, JudgementAct.REJECT, left=[desk.reports["a"]])
    assert dossier_of(actor=ana, report_id=desk.reports["a"]) is None


def test_a_rejection_pressed_twice_is_one(desk: Desk, linked: tuple[UUID, UUID, UUID]) -> None:
    dossier, second, third = linked
    erase(desk, "first")
    made = {say(desk, JudgementAct.REJECT, left=[second, third]) for _ in range(2)}
    assert len(made) == 1
    say(desk, JudgementAct.UNDO, undoes=made.pop())
    assert members_of(actor=desk.actor("ana"), dossier_id=dossier) == [second, third]


def stored() -> dict[UUID, UUID]:
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
    assert second not in stored()


def test_a_person_of_two_desks_closes_what_their_page_shows_as_open(desk: Desk) -> None:
    desk.users["zoe"] = make_user("zoe", Role.ANALYST, desk=1, at=desk.now - timedelta(days=2))
    both = frozenset({(Role.ANALYST, 1), (Role.ANALYST, 2)})
    zoe = replace(desk.actor("zoe"), role_desks=both)
    add_reports(desk, [("a1", 99, of_signs("1")), ("a2", 98, of_signs("1"))])
    add_reports(desk, [("b1", 97, of_signs("1")), ("b2", 96, of_signs("1"))], desk_id=2)
    theirs, ours = ([desk.reports[f"{side}{n}"] for n in (1, 2)] for side in "ba")
    judge(actor=desk.actor("yann"), act=JudgementAct.OPEN, left=theirs, reason="x", now=desk.now)
    dossier_id = dossier_of(actor=zoe, report_id=ours[0])
    assert dossier_id
    for name in ("b1", "b2"):
        erase(desk, name)

    def state() -> DossierState:
        found = dossier_view(actor=zoe, dossier_id=dossier_id)
        assert found
        return found.state

    assert state() is DossierState.OPEN
    with pytest.raises(Refusal) as refused:
        judge(actor=zoe, act=JudgementAct.OPEN, left=ours, reason="y", now=desk.now)
    assert refused.value.code == "STATE"
    judge(actor=zoe, act=JudgementAct.CLOSE, left=ours, reason="z", now=desk.now)
    assert state() is DossierState.CLOSED


def test_a_long_chain_of_erased_reports_is_walked_in_few_statements(desk: Desk) -> None:
    names = [f"c{n}" for n in range(12)]
    signs = "0123456789abc"
    add_reports(desk, [(name, 99 - n, of_signs(signs[n : n + 2])) for n, name in enumerate(names)])
    ids = [desk.reports[name] for name in names]
    cut = say(desk, JudgementAct.SPLIT, left=ids[:1], right=ids[1:])

    def undo(judgement: UUID) -> tuple[int, UUID]:
        with CaptureQueriesContext(connection) as seen:
            done = say(desk, JudgementAct.UNDO, undoes=judgement)
        return len(seen), done

    before, undone = undo(cut)
    for name in names[1:-1]:
        erase(desk, name)
    after, _again = undo(undone)
    assert after <= before + 5
