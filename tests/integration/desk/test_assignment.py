"""Who is in charge of a report: given, seen, returned, taken back, taken; each act once, and people are told."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import RevocationReason
from fanal.accounts.operations.habilitations import revoke_habilitation
from fanal.accounts.queries.people import list_habilitations
from fanal.kernel import clock
from fanal.kernel.refusal import Refusal
from fanal.ledger.models import LedgerEntry, LedgerObject
from fanal.orient import queries as oriented
from fanal.orient.assignment.domain import AssignmentState, version_of
from fanal.orient.assignment.operations import (
    assign_report,
    lapse_assignments,
    return_report,
    see_assignment,
    take_back,
    undo_assignments,
)
from fanal.orient.assignment.queries import assignments_of, list_charge, list_loads
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.domain.states import CaseState
from fanal.orient.models import StoredAssignment
from fanal.orient.notifications.queries import list_notifications
from fanal.orient.operations.batch import erase
from fanal.orient.queue.operations import CaseUnknown, claim_case, release_case
from fanal.orient.queue.queries import count_views, list_queue
from tests.integration.desk.story import WORKER, Desk
from tests.integration.desk.work import decided
from tests.refusals import CHECK, KEPT, NO_RIGHT, database_refuses
from tests.server import as_worker

pytestmark = pytest.mark.django_db
NOTE = "Le parent rappelle à 18 h : demander le nom du salon."


def give(desk: Desk, name: str, by: str, to: str, **more: object) -> UUID:
    """One person gives a report to another; return the report."""
    assign_report(
        actor=desk.actor(by),
        report_id=desk.reports[name],
        to=desk.actor(to).person_id,
        now=clock.now(),
        **more,
    )
    return desk.reports[name]


def in_charge(desk: Desk, report_id: UUID) -> str:
    """The login of the person to whom a report is given, "" for nobody."""
    found = assignments_of(actor=desk.actor("claire"), report_ids=[report_id]).get(report_id)
    names = {user.person_id: name for name, user in desk.users.items()}
    return names[found.person_id] if found else ""


def told(desk: Desk, name: str) -> list[str]:
    """The kinds of a person's notifications, oldest first."""
    return [str(one.kind) for one in reversed(list_notifications(actor=desk.actor(name)))]


def entries(report_id: UUID) -> list[str]:
    """The acts on the queue's row of a report, in the ledger, oldest first."""
    ids = LedgerObject.objects.filter(object_id=report_id).values("entry_id")
    rows = LedgerEntry.objects.filter(id__in=ids, action__startswith="case.").order_by("id")
    return [row.action for row in rows]


def outcome(report_id: UUID) -> str:
    """How the newest assignment of a report stands."""
    return StoredAssignment.objects.filter(report_id=report_id).latest("made_at").outcome


def state(desk: Desk, report_id: UUID) -> tuple[CaseState, UUID | None]:
    case = oriented.get_case(actor=desk.actor("claire"), report_id=report_id)
    assert case is not None
    return case.state, case.claimed_by


def shown(desk: Desk, report_id: UUID) -> str:
    """What a page shows now of who is in charge."""
    actor = desk.actor("claire")
    case = oriented.get_case(actor=actor, report_id=report_id)
    assert case is not None
    given = assignments_of(actor=actor, report_ids=[report_id]).get(report_id)
    return version_of(case, given, now=clock.now())


def test_who_holds_a_report_hands_it_over_with_a_note(desk: Desk) -> None:
    report_id = desk.reports["game"]
    claim_case(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    give(desk, "game", "ana", "bruno", note=NOTE)
    assert in_charge(desk, report_id) == "bruno"
    assert state(desk, report_id) == (CaseState.TO_ASSESS, None)
    assert entries(report_id) == ["case.claim", "case.assign"]
    assert (told(desk, "bruno"), told(desk, "ana")) == (["HANDED_OVER"], [])
    (note,) = oriented.notes_of(actor=desk.actor("bruno"), report_ids=[report_id])
    assert (note.words, note.author_id) == (NOTE, desk.actor("ana").person_id)
    page = list_queue(
        actor=desk.actor("bruno"), view=QueueView.MINE, filters=QueueFilter(), now=clock.now()
    )
    assert [case.report_id for case in page.cases] == [report_id]
    assert count_views(actor=desk.actor("bruno"), now=clock.now()).views[QueueView.MINE] == 1
    assert count_views(actor=desk.actor("ana"), now=clock.now()).views[QueueView.MINE] == 0


def test_the_note_expires_with_the_report_and_so_does_what_people_were_told(desk: Desk) -> None:
    report_id = give(desk, "game", "claire", "bruno", note=NOTE)
    with as_worker():
        erase(actor=WORKER, report_ids=[report_id])
        (note,) = oriented.notes_of(actor=WORKER, report_ids=[report_id])
        assert note.words is None
    assert told(desk, "bruno") == []
    assert outcome(report_id) == AssignmentState.ENDED


def test_who_may(desk: Desk) -> None:
    """An analyst gives what she has; a supervisor anything, to nobody who may not work on it."""
    with pytest.raises(Refused):
        give(desk, "game", "ana", "bruno")
    report_id = give(desk, "game", "claire", "ana")
    for wrong in ("hugo", "gabrielle", "yann"):
        with pytest.raises(Refusal, match="NOT_HERE"):
            give(desk, "game", "claire", wrong)
    with pytest.raises(Refused):
        give(desk, "game", "bruno", "elise")
    with pytest.raises(Refused):
        give(desk, "game", "yann", "bruno")
    with pytest.raises(Refusal, match="ALREADY"):
        give(desk, "game", "claire", "ana", shown=shown(desk, report_id))
    give(desk, "game", "ana", "driss")
    assert in_charge(desk, report_id) == "driss"
    assert told(desk, "ana") == ["ASSIGNED"]
    with pytest.raises(CaseUnknown):
        assign_report(
            actor=desk.actor("claire"),
            report_id=WORKER.person_id,
            to=desk.actor("ana").person_id,
            now=clock.now(),
        )


def test_a_decided_report_is_given_to_nobody(desk: Desk) -> None:
    decided(desk)
    with pytest.raises(Refusal, match="CLOSED"):
        give(desk, "material", "claire", "ana")


def test_sent_twice_it_is_one(desk: Desk) -> None:
    report_id = desk.reports["game"]
    before = shown(desk, report_id)
    for _time in range(2):
        give(desk, "game", "claire", "ana", shown=before, note=NOTE)
    assert entries(report_id) == ["case.assign"]
    assert told(desk, "ana") == ["ASSIGNED"]
    assert len(oriented.notes_of(actor=desk.actor("ana"), report_ids=[report_id])) == 1


def test_a_faster_colleague_is_named(desk: Desk) -> None:
    report_id = desk.reports["game"]
    before = shown(desk, report_id)
    claim_case(actor=desk.actor("bruno"), report_id=report_id, now=clock.now())
    with pytest.raises(Refusal, match="CHANGED") as refused:
        give(desk, "game", "claire", "ana", shown=before)
    assert refused.value.parameters == {"person": "Bruno"}
    give(desk, "game", "claire", "ana", shown=shown(desk, report_id))
    assert told(desk, "bruno") == ["PASSED_ON"]
    before = shown(desk, report_id)
    return_report(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    assert take_back(actor=desk.actor("claire"), report_id=report_id, now=clock.now()) is None
    with pytest.raises(Refusal, match="FREED"):
        give(desk, "game", "claire", "bruno", shown=before)


def test_what_is_given_again_is_not_returned_from_an_older_page(desk: Desk) -> None:
    report_id = give(desk, "game", "claire", "ana")
    before = shown(desk, report_id)
    take_back(actor=desk.actor("claire"), report_id=report_id, now=clock.now())
    give(desk, "game", "claire", "ana", note="Urgent: call the school today.")
    back = {"actor": desk.actor("ana"), "report_id": report_id, "now": clock.now()}
    with pytest.raises(Refusal, match="GIVEN_AGAIN"):
        return_report(**back, shown=before)
    assert in_charge(desk, report_id) == "ana"
    assert return_report(**back, shown=shown(desk, report_id))


def test_a_note_to_the_person_names_others(desk: Desk) -> None:
    note = "@Ana, see @Bruno about the second account."
    report_id = give(desk, "game", "claire", "ana", note=note)
    assert told(desk, "ana") == ["ASSIGNED"], "once"
    assert told(desk, "bruno") == ["MENTION"]
    assert entries(report_id) == ["case.assign"]


def test_it_is_seen_once_and_returned(desk: Desk) -> None:
    report_id = give(desk, "game", "claire", "ana")
    see_assignment(actor=desk.actor("bruno"), report_id=report_id, now=clock.now())
    assert (
        assignments_of(actor=desk.actor("ana"), report_ids=[report_id])[report_id].seen_at is None
    )
    see_assignment(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    given = assignments_of(actor=desk.actor("ana"), report_ids=[report_id])[report_id]
    assert given.state is AssignmentState.SEEN
    assert not return_report(actor=desk.actor("bruno"), report_id=report_id, now=clock.now())
    assert return_report(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    assert not return_report(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    assert outcome(report_id) == AssignmentState.RETURNED
    assert told(desk, "claire") == ["RETURNED"]
    assert entries(report_id) == ["case.assign", "case.release"]


def test_released_by_its_person_it_is_returned(desk: Desk) -> None:
    report_id = give(desk, "game", "claire", "ana")
    claim = claim_case(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    assert in_charge(desk, report_id) == "ana"
    release_case(
        actor=desk.actor("ana"), report_id=report_id, claim_token=claim.token, now=clock.now()
    )
    assert in_charge(desk, report_id) == ""
    assert told(desk, "claire") == ["RETURNED"]


def test_claimed_by_another_it_is_taken_and_its_person_told(desk: Desk) -> None:
    report_id = give(desk, "game", "claire", "ana")
    claim_case(actor=desk.actor("bruno"), report_id=report_id, now=clock.now())
    assert outcome(report_id) == AssignmentState.TAKEN
    assert told(desk, "ana") == ["ASSIGNED", "TAKEN"]


def test_decided_by_its_person_it_ends_and_nobody_is_told(desk: Desk) -> None:
    give(desk, "material", "claire", "ana")
    report_id = decided(desk)
    assert outcome(report_id) == AssignmentState.ENDED
    assert (told(desk, "ana"), told(desk, "claire")) == (["ASSIGNED"], [])


def test_it_is_taken_back_unless_somebody_works_on_it(desk: Desk) -> None:
    report_id = give(desk, "game", "claire", "ana")
    asked = {"report_id": report_id, "now": clock.now()}
    with pytest.raises(Refused):
        take_back(actor=desk.actor("bruno"), **asked)
    claim_case(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    with pytest.raises(Refusal, match="IN_WORK"):
        take_back(actor=desk.actor("claire"), **asked)
    late = clock.now() + timedelta(minutes=16)
    taken = take_back(actor=desk.actor("claire"), report_id=report_id, now=late)
    assert taken is not None
    assert take_back(actor=desk.actor("claire"), **asked) is None
    assert state(desk, report_id) == (CaseState.TO_ASSESS, None)
    assert told(desk, "ana") == ["ASSIGNED", "TAKEN_BACK"]
    assert entries(report_id) == ["case.assign", "case.claim", "case.take_back"]


def test_an_act_is_undone_for_each_report(desk: Desk) -> None:
    """To who gave it as a claim, to a former colleague as an assignment, else to the queue."""
    act = WORKER.person_id
    first, second = give(desk, "game", "claire", "bruno"), desk.reports["stream"]
    claim_case(actor=desk.actor("claire"), report_id=second, now=clock.now())
    for name in ("game", "stream", "travel", "again"):
        give(desk, name, "claire", "ana", act_id=act)
    claim_case(actor=desk.actor("ana"), report_id=desk.reports["again"], now=clock.now())
    found = undo_assignments(actor=desk.actor("claire"), act_id=act, now=clock.now())
    assert found == {"DONE": 3, "CHANGED": 1}
    assert in_charge(desk, first) == "bruno"
    assert state(desk, second) == (CaseState.CLAIMED, desk.actor("claire").person_id)
    assert in_charge(desk, desk.reports["travel"]) == ""
    assert in_charge(desk, desk.reports["again"]) == "ana"
    assert undo_assignments(actor=desk.actor("bruno"), act_id=act, now=clock.now()) == {}
    later = clock.now() + timedelta(minutes=3)
    assert undo_assignments(actor=desk.actor("claire"), act_id=act, now=later) == {}


def test_reports_of_who_left_return_to_the_queue(desk: Desk) -> None:
    report_id = give(desk, "game", "claire", "ana")
    give(desk, "stream", "claire", "bruno")
    claim_case(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    with as_worker():
        assert lapse_assignments(actor=WORKER, now=clock.now()) == 0
        (role,) = [
            one.id
            for one in list_habilitations(actor=desk.actor("claire"))
            if one.person_id == desk.actor("ana").person_id
        ]
        revoke_habilitation(
            actor=desk.actor("claire"),
            habilitation_id=role,
            reason=RevocationReason.LEFT,
            now=clock.now(),
        )
        assert lapse_assignments(actor=WORKER, now=clock.now()) == 1
        assert lapse_assignments(actor=WORKER, now=clock.now()) == 0
    assert state(desk, report_id) == (CaseState.TO_ASSESS, None)
    assert outcome(report_id) == AssignmentState.LAPSED
    assert told(desk, "claire") == ["LAPSED"]
    assert in_charge(desk, desk.reports["stream"]) == "bruno"


def test_the_load_of_each_person(desk: Desk) -> None:
    give(desk, "danger", "claire", "ana")
    give(desk, "travel", "claire", "ana")
    claim_case(actor=desk.actor("bruno"), report_id=desk.reports["stream"], now=clock.now())
    loads = dict(list_loads(actor=desk.actor("bruno"), desk_id=1, now=clock.now()))
    assert list(loads) == ["Ana", "Bruno", "Claire", "Driss", "Elise"]
    ana = loads["Ana"]
    assert (ana.held, ana.danger, ana.unseen, ana.oldest_id) == (2, 1, 2, desk.reports["travel"])
    assert (loads["Bruno"].held, loads["Bruno"].unseen) == (1, 0)
    assert loads["Claire"].held == 0
    found = list_charge(
        actor=desk.actor("bruno"),
        desk_id=1,
        person_id=desk.actor("ana").person_id,
        now=clock.now(),
        most=5,
    )
    assert [case.report_id for case in found] == [desk.reports["danger"], desk.reports["travel"]]
    for stranger in ("yann", "hugo"):
        assert list_loads(actor=desk.actor(stranger), desk_id=1, now=clock.now()) == []


@pytest.mark.parametrize(
    "change",
    [
        "person_id = gen_random_uuid()",
        "made_at = made_at - interval '1 day'",
        "ended_at = now(), outcome = 'RETURNED', ended_by = person_id",
        "ended_at = now()",
    ],
)
def test_nobody_changes_one_by_hand(desk: Desk, change: str) -> None:
    report_id = give(desk, "game", "claire", "ana")
    with database_refuses(CHECK, KEPT, NO_RIGHT), connection.cursor() as cursor:
        cursor.execute(f"UPDATE orient_assignment SET {change} WHERE report_id = %s", [report_id])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_nobody_adds_one_without_its_entry(desk: Desk) -> None:
    ana = desk.actor("ana").person_id
    with database_refuses(CHECK), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orient_assignment (id, report_id, desk_id, person_id, made_by, handed_over, act_id,"
            " made_at) VALUES (gen_random_uuid(), %s, 1, %s, %s, false, gen_random_uuid(), now())",
            [desk.reports["game"], ana, ana],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
