"""`/api/v1/feedback`: one's own reports only, under an instruction only, nothing twice and nothing skipped."""

import base64
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import IssuedCredentials
from fanal.accounts.operations import instructions
from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries.people import actor_for, find_partner
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.ledger import queries as ledger
from fanal.orient.feedback.domain import FeedbackVerdict
from fanal.orient.feedback.operations import NEWEST, NothingToJudge, give_feedback, send_feedback
from fanal.orient.feedback.queries import feedback_of
from tests.integration.accounts.people import make_user
from tests.integration.api.test_reports import REPORT, _post
from tests.integration.desk.story import run_stages
from tests.refusals import CHECK, NO_RIGHT, database_refuses

pytestmark = pytest.mark.django_db
URL = "/api/v1/feedback"
SYSTEM = system_actor("test")
EARLIER = timedelta(minutes=5)


def person(login: str, role: Role) -> Actor:
    user = make_user(login, role, at=clock.now() - timedelta(days=2))
    return actor_for(user=user, now=clock.now(), motive="test")


def permit(*names: str) -> UUID:
    """A standing instruction for feedback, by two supervisors made for it."""
    now = clock.now() - EARLIER
    one, other = (person(f"chief-{uuid4().hex[:6]}", Role.SUPERVISOR) for _ in range(2))
    made = instructions.propose_instruction(
        actor=one,
        instruction=NewInstruction(
            kind=InstructionKind.FEEDBACK,
            names=names,
            grounds="g",
            basis="B 1",
            valid_from=now,
            expires_at=now + timedelta(days=9),
        ),
        now=now,
    )
    instructions.second_instruction(actor=other, instruction_id=made, now=now)
    return made


def received(client: Client, *references: str) -> list[UUID]:
    made = [UUID(_post(client, REPORT | {"reference": name}).json()["id"]) for name in references]
    run_stages(clock.now())
    return made


def judge(actor: Actor, report_id: UUID, verdict: str, *lacks: str, ago: int = 60) -> None:
    give_feedback(
        actor=actor,
        report_id=report_id,
        verdict=FeedbackVerdict(verdict),
        lacks=lacks,
        now=clock.now() - timedelta(seconds=ago),
    )


def other_partner(name: str = "Other") -> Client:
    issued = add_partner(actor=SYSTEM, name=name, now=clock.now())
    return Client(headers={"Authorization": f"Bearer {issued.token}"})


def test_nothing_leaves_without_an_instruction(bearer: Client) -> None:
    (report,) = received(bearer, "a")
    judge(person("ana", Role.ANALYST), report, "USEFUL")
    answer = bearer.get(URL)
    assert (answer.status_code, answer.json()["code"]) == (403, "NO_INSTRUCTION")
    other_partner()
    permit("Other")
    assert bearer.get(URL).status_code == 403
    lines = ledger.entries_of(actor=SYSTEM, object_id=report)
    assert "feedback.send" not in {line.action for line in lines}


def test_it_leaves_under_an_instruction_which_the_ledger_cites(bearer: Client) -> None:
    (report,) = received(bearer, "a")
    judge(person("ana", Role.ANALYST), report, "LACKS_DATA", "FILE_HASH", "SUSPECT_ADDRESS")
    instruction = permit("Cube Messenger")
    (item,) = bearer.get(URL).json()["items"]
    assert item["report"] == str(report)
    assert (item["reference"], item["verdict"]) == ("a", "LACKS_DATA")
    assert item["lacks"] == ["SUSPECT_ADDRESS", "FILE_HASH"]
    assert set(item) == {
        "id", "report", "reference", "report_id", "verdict", "lacks", "given_at",
    }  # fmt: skip
    for object_id in (report, instruction):
        last = ledger.entries_of(actor=SYSTEM, object_id=object_id)[-1]
        assert last.action == "feedback.send"
        assert last.detail == {"instruction": str(instruction), "count": 1}


def test_a_revoked_instruction_stops_it_at_once(bearer: Client) -> None:
    (report,) = received(bearer, "a")
    judge(person("ana", Role.ANALYST), report, "USEFUL")
    made = permit()
    assert len(bearer.get(URL).json()["items"]) == 1
    instructions.revoke_instruction(
        actor=person("hugo", Role.SUPERVISOR), instruction_id=made, reason="r", now=clock.now()
    )
    assert bearer.get(URL).status_code == 403


def test_a_provider_sees_its_own_reports_only(bearer: Client) -> None:
    stranger = other_partner()
    (own,), (theirs,) = received(bearer, "a"), received(stranger, "b")
    ana = person("ana", Role.ANALYST)
    for report in (own, theirs):
        judge(ana, report, "USEFUL")
    permit()
    assert [i["report"] for i in bearer.get(URL).json()["items"]] == [str(own)]
    assert [i["report"] for i in stranger.get(URL).json()["items"]] == [str(theirs)]
    assert Client().get(URL).status_code == 401


def test_pages_give_everything_once_and_a_later_word_comes_later(bearer: Client) -> None:
    reports = received(bearer, "a", "b", "c")
    ana = person("ana", Role.ANALYST)
    for number, report in enumerate(reports):
        judge(ana, report, "USEFUL", ago=100 - number)
    permit()
    seen, after = [], ""
    for _ in range(9):
        page = bearer.get(f"{URL}?limit=2{after}").json()
        seen += [item["reference"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == ["a", "b", "c"]
    last = bearer.get(URL).json()["items"][-1]["id"]
    assert bearer.get(f"{URL}?after={last}").json() == {"items": [], "next": None}
    judge(ana, reports[0], "DUPLICATE", ago=50)
    (later,) = bearer.get(f"{URL}?after={last}").json()["items"]
    assert (later["reference"], later["verdict"]) == ("a", "DUPLICATE")


def test_the_page_begins_with_the_newest(bearer: Client) -> None:
    reports = received(bearer, "a", "b", "c")
    ana = person("ana", Role.ANALYST)
    for number, report in enumerate(reports):
        judge(ana, report, "USEFUL", ago=100 - number)
    (other,) = received(other_partner(), "x")
    judge(ana, other, "USEFUL")
    permit()
    body = find_partner(name="Cube Messenger")
    user = make_user("jules", Role.PARTNER, organisation=body)
    actor = actor_for(user=user, now=clock.now(), motive="test")
    seen, before = [], NEWEST
    while page := send_feedback(actor=actor, before=before, limit=2, now=clock.now()):
        seen += [item.reference for item in page]
        before = page[-1].id
    assert seen == ["c", "b", "a"]


def test_what_was_said_this_instant_waits_so_that_no_cursor_passes_it(bearer: Client) -> None:
    (report,) = received(bearer, "a")
    judge(person("ana", Role.ANALYST), report, "USEFUL", ago=0)
    permit()
    assert bearer.get(URL).json()["items"] == []


@pytest.mark.parametrize("query", ["?after=x", "?limit=0", "?limit=501", "?limit=x", "?after=%00"])
def test_bad_parameters_are_refused(bearer: Client, query: str) -> None:
    permit()
    assert bearer.get(URL + query).status_code == 422


def test_who_may_say_what(bearer: Client) -> None:
    (report,) = received(bearer, "a")
    for role in (Role.OVERSEER, Role.STATISTICIAN, Role.MEASURES_OFFICER):
        with pytest.raises(Refused):
            judge(person(f"no-{role.lower()}", role), report, "USEFUL")
    with pytest.raises(NothingToJudge):
        judge(person("ana", Role.ANALYST), uuid4(), "USEFUL")


def test_raw_sql_changes_no_feedback_and_lets_no_words_in(bearer: Client) -> None:
    (report,) = received(bearer, "a")
    judge(person("ana", Role.ANALYST), report, "USEFUL")
    insert = (
        "INSERT INTO orient_feedback (id, report_id, desk_id, sender_id, verdict, lacks, origin,"
        " author_id, given_at) SELECT gen_random_uuid(), report_id, desk_id, sender_id, %s, %s, 'PERSON',"
        " author_id, now() FROM orient_feedback"
    )
    for statement, values in (
        ("UPDATE orient_feedback SET verdict = 'DUPLICATE'", []),
        ("DELETE FROM orient_feedback", []),
        (insert, ["LACKS_DATA", ["his name is known to us"]]),
        (insert, ["LACKS_DATA", []]),
        (insert, ["USEFUL", ["FILE_HASH"]]),
        (insert, ["SECRET", []]),
    ):
        with database_refuses(NO_RIGHT, CHECK), connection.cursor() as cursor:
            cursor.execute(statement, values)
    actor = actor_for(user=make_user("bea", Role.ANALYST), now=clock.now(), motive="m")
    assert len(feedback_of(actor=actor, report_ids=[report])[report]) == 1


def test_raw_sql_gives_no_feedback_to_anybody_but_the_reports_sender(bearer: Client) -> None:
    (own,), (theirs,) = received(bearer, "a"), received(other_partner(), "b")
    ana = person("ana", Role.ANALYST)
    for report in (own, theirs):
        judge(ana, report, "USEFUL")
    insert = (
        "INSERT INTO orient_feedback (id, report_id, desk_id, sender_id, verdict, origin, author_id, given_at)"
        " SELECT gen_random_uuid(), %s, r.desk_id + %s, r.sender_id, 'DUPLICATE', 'PERSON', %s, now()"
        " FROM intake_report r WHERE r.id = %s"
    )
    for report, desk, sender_of in ((own, 0, theirs), (own, 1, own), (uuid4(), 0, own)):
        with database_refuses(CHECK), connection.cursor() as cursor:
            cursor.execute(insert, [report, desk, ana.person_id, sender_of])
    with connection.cursor() as cursor:
        cursor.execute(insert, [own, 0, ana.person_id, own])


@pytest.fixture
def as_intake(bearer: Client, credentials: IssuedCredentials) -> None:
    """Everything ready, then signed in as a public node."""
    from tests.conftest import _SERVER

    (report,) = received(bearer, "a")
    judge(person("ana", Role.ANALYST), report, "USEFUL")
    permit()
    _SERVER.become("intake")


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("fanal.config.urls_public")
@pytest.mark.usefixtures("as_intake")
def test_a_public_node_sends_it_without_reading_a_table(bearer: Client) -> None:
    assert [i["verdict"] for i in bearer.get(URL).json()["items"]] == ["USEFUL"]


def test_basic_credentials_open_no_feedback(credentials: IssuedCredentials) -> None:
    pair = base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
    assert Client(headers={"Authorization": f"Basic {pair}"}).get(URL).status_code == 401
