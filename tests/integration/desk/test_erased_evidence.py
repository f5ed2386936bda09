"""What an erased report was evidence of stays: a state, a separation, that a value is too frequent."""

from uuid import UUID, uuid4

import pytest
from django.test import Client

from fanal.crosscheck.domain.records import DossierState, JudgementAct
from fanal.crosscheck.dossiers.numbers import find_dossier_number
from fanal.crosscheck.dossiers.queries import (
    dossier_of,
    dossier_view,
    list_dossiers,
    numbers_of,
)
from fanal.crosscheck.operations.judge import judge
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.crosscheck.similar.operations.near import renew_near
from fanal.db import sql
from fanal.deconfliction.sharing.operations import withhold
from fanal.deconfliction.sharing.queries import withheld_reports
from fanal.kernel.actors import system_actor
from fanal.kernel.refusal import Refusal
from tests.integration.crosscheck.test_shared_evidence import BODIES, report
from tests.integration.desk.story import WORKER, Desk, add_reports
from tests.integration.desk.test_erased_first import SignIn, body, of_signs, say, stored
from tests.integration.desk.test_erased_meanwhile import erase
from tests.server import as_worker

pytestmark = pytest.mark.django_db
FREQUENT = "zebra.quartz@mail.example"
OPEN, CLOSE, MERGE, REJECT, SPLIT, UNLINK = (
    JudgementAct.OPEN, JudgementAct.CLOSE, JudgementAct.MERGE, JudgementAct.REJECT,
    JudgementAct.SPLIT, JudgementAct.UNLINK,
)  # fmt: skip


def ids_of(desk: Desk, names: str) -> list[UUID]:
    return [desk.reports[name] for name in names.split()]


def home(desk: Desk, name: str) -> UUID:
    found = dossier_of(actor=desk.actor("ana"), report_id=desk.reports[name])
    assert found is not None
    return found


@pytest.mark.parametrize("closed", [False, True])
def test_a_dossier_keeps_its_state(desk: Desk, closed: bool) -> None:
    ana = desk.actor("ana")
    add_reports(desk, [("e1", 95, of_signs("12")), ("e2", 94, of_signs("1"))])
    for act in (OPEN, CLOSE) if closed else (OPEN,):
        say(desk, act, left=ids_of(desk, "e1 e2"))
    add_reports(desk, [("a", 60, of_signs("2")), ("b", 50, of_signs("2"))])
    dossier = home(desk, "a")
    for name in ("e1", "e2"):
        erase(desk, name)
    view = dossier_view(actor=ana, dossier_id=dossier)
    assert view is not None
    assert view.state is (DossierState.CLOSED if closed else DossierState.OPEN)
    assert len(view.judgements) == (2 if closed else 1)
    assert view.arrived_since == (2 if closed else 0), "they joined after it was closed"
    (line,) = [one for one in list_dossiers(actor=ana) if one.id == dossier]
    assert line.state is view.state
    with pytest.raises(Refusal):
        say(desk, CLOSE if closed else OPEN, left=ids_of(desk, "a b"))
    erase(desk, "a")
    add_reports(desk, [("late", 10, of_signs("2"))])
    view = dossier_view(actor=ana, dossier_id=dossier)
    assert view is not None
    assert view.state is (DossierState.CLOSED if closed else DossierState.OPEN)
    say(desk, OPEN if closed else CLOSE, left=ids_of(desk, "b late"))


def test_a_state_of_one_desk_is_no_other_desks(desk: Desk) -> None:
    """Desk 2 neither sees nor gets what desk 1 said of the dossier that both have."""
    ana, yann = desk.actor("ana"), desk.actor("yann")
    add_reports(desk, [("a1", 99, of_signs("1")), ("a2", 98, of_signs("1"))])
    add_reports(desk, [("b1", 97, of_signs("1")), ("b2", 96, of_signs("1"))], desk_id=2)
    own = {"actor": yann, "reason": "Ours.", "now": desk.now}
    judge(act=OPEN, left=ids_of(desk, "b1 b2"), **own)  # type: ignore[arg-type]
    for act in (OPEN, CLOSE):
        say(desk, act, left=ids_of(desk, "a1 a2"))
    dossier = home(desk, "a1")

    def seen() -> tuple[DossierState, list[UUID]]:
        view = dossier_view(actor=yann, dossier_id=dossier)
        assert view is not None
        return view.state, [one.author_id for one in view.judgements]

    before = seen()
    assert before == (DossierState.OPEN, [yann.person_id])
    for name in ("a1", "a2"):
        erase(desk, name)
        assert seen() == before
    assert dossier_view(actor=ana, dossier_id=dossier) is None


def state_of(desk: Desk, name: str) -> DossierState:
    view = dossier_view(actor=desk.actor("ana"), dossier_id=home(desk, name))
    assert view is not None
    return view.state


def test_a_state_follows_its_own_reports_when_a_merge_is_undone(desk: Desk) -> None:
    signs = {"a1": "1", "a2": "1", "b1": "2", "b2": "2"}
    add_reports(desk, [(name, 90 - n, of_signs(s)) for n, (name, s) in enumerate(signs.items())])
    for act in (OPEN, CLOSE):
        say(desk, act, left=ids_of(desk, "b1 b2"))
    say(desk, OPEN, left=ids_of(desk, "a1 a2"))
    made = say(desk, MERGE, left=ids_of(desk, "a1 a2"), right=ids_of(desk, "b1 b2"))
    erase(desk, "a1")
    erase(desk, "a2")
    assert state_of(desk, "b1") is DossierState.OPEN
    say(desk, JudgementAct.UNDO, undoes=made)
    assert state_of(desk, "b1") is DossierState.CLOSED


def test_a_state_comes_back_when_a_split_is_undone(desk: Desk) -> None:
    signs = {"a1": "12", "a2": "1"}
    add_reports(desk, [(name, 90 - n, of_signs(s)) for n, (name, s) in enumerate(signs.items())])
    say(desk, OPEN, left=ids_of(desk, "a1 a2"))
    add_reports(desk, [("b1", 60, of_signs("2")), ("b2", 50, of_signs("2"))])
    made = say(desk, SPLIT, left=ids_of(desk, "a1 a2"), right=ids_of(desk, "b1 b2"))
    erase(desk, "a1")
    erase(desk, "a2")
    say(desk, JudgementAct.UNDO, undoes=made)
    assert state_of(desk, "b1") is DossierState.OPEN
    with as_worker():
        rebuild(actor=WORKER, now=desk.now)
    assert state_of(desk, "b1") is DossierState.OPEN


@pytest.mark.parametrize("act", [UNLINK, SPLIT])
def test_people_s_separation_holds_through_a_report_that_only_people_joined(
    desk: Desk, act: JudgementAct
) -> None:
    bodies = [(f"b{n}", 200 - n, one) for n, one in enumerate(BODIES)]
    add_reports(desk, [("g", 300, report("blue_fox12")), *bodies])
    say(desk, MERGE, left=ids_of(desk, "g"), right=ids_of(desk, "b0 b1"))
    say(desk, act, left=ids_of(desk, "g"), right=ids_of(desk, "b3"))
    before = {i: home for i, home in stored().items() if i != desk.reports["g"]}
    erase(desk, "g")
    with as_worker():
        while renew_near(actor=WORKER, now=desk.now):
            pass
    assert stored() == before


def test_a_value_stays_too_frequent(desk: Desk) -> None:
    """Until nobody has it any more: then nothing of it is left."""
    add_reports(desk, [("c0", 210, body(FREQUENT)), ("c1", 209, body(FREQUENT))])
    people = [
        (f"h{n}", 200 - n, body(FREQUENT, f"person{n}.alone@mail.example")) for n in range(15)
    ]
    add_reports(desk, people)
    before = stored()
    for name in ("h0", "h1", "h2"):
        erase(desk, name)
    assert stored() == before
    with as_worker():
        rebuild(actor=WORKER, now=desk.now)
    assert stored() == before
    add_reports(desk, [("late", 20, body(FREQUENT))])
    assert stored() == before
    for name in ("c0", "c1", "late", *(f"h{n}" for n in range(3, 15))):
        erase(desk, name)
    assert sql.rows("SELECT FROM crosscheck_value WHERE kept") == []


def test_a_widely_known_file_stays_so(desk: Desk) -> None:
    page = {"kind": "ABUSE_MATERIAL", "channel": "WEB", "urls": ["https://pictures.example/a/77"]}
    add_reports(desk, [(f"p{n}", 200 - n, page) for n in range(6)])
    states = sql.rows("SELECT key, step FROM crosscheck_value WHERE step > 0 ORDER BY key")
    assert states
    for name in ("p0", "p1", "p2"):
        erase(desk, name)
    with as_worker():
        rebuild(actor=WORKER, now=desk.now)
    assert states == sql.rows("SELECT key, step FROM crosscheck_value WHERE step > 0 ORDER BY key")
    before = stored()
    add_reports(desk, [("q", 20, page)])
    assert {i: home for i, home in stored().items() if i != desk.reports["q"]} == before


def test_a_number_leads_to_no_dossier_that_its_reports_left(desk: Desk) -> None:
    ana = desk.actor("ana")
    names = "one two three four"
    add_reports(
        desk, [(name, 90 - n, of_signs(str(n + 1))) for n, name in enumerate(names.split())]
    )
    one, two, three, four = ids_of(desk, names)
    say(desk, MERGE, left=[three], right=[four])
    former = home(desk, "three")
    number = numbers_of(dossier_ids=[former])[former]
    withhold(
        actor=desk.actor("claire"), dossier_id=former, counterpart_id=None, withheld=True,
        words="Ours.", now=desk.now,
    )  # fmt: skip
    say(desk, MERGE, left=[one], right=[three, four])
    say(desk, REJECT, left=[one, three, four])
    say(desk, MERGE, left=[one], right=[two])
    own = numbers_of(dossier_ids=[home(desk, "one")])
    assert number not in own.values()
    assert find_dossier_number(actor=ana, number=number) == former, "its own page"
    assert two not in withheld_reports(actor=system_actor("rounds"), counterpart_id=uuid4())
    with as_worker():
        rebuild(actor=WORKER, now=desk.now)
    assert numbers_of(dossier_ids=[home(desk, "one")]) == own
    add_reports(desk, [("more", 20, of_signs("3"))])
    assert numbers_of(dossier_ids=[home(desk, "one")]) == own


def test_no_erased_report_is_named_as_split_off(desk: Desk, sign_in: SignIn) -> None:
    signs = {"a": "12", "b": "1", "c": "2", "d": "2"}
    add_reports(desk, [(name, 95 - n, of_signs(s)) for n, (name, s) in enumerate(signs.items())])
    say(desk, SPLIT, left=ids_of(desk, "a b"), right=ids_of(desk, "c d"))
    erase(desk, "c")
    erase(desk, "d")
    client: Client = sign_in("ana")
    page = client.get(f"/en/desk/dossiers/{home(desk, 'a')}/").content.decode()
    assert str(desk.reports["c"]) not in page
