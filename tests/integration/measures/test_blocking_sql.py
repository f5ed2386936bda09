"""Raw SQL as the desk's program reaches no blocking that the law does not allow; PostgreSQL counts as Python."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import example, given, settings, strategies as st

from fanal import reference
from fanal.casework.domain.records import Event
from fanal.kernel.refusal import Refusal
from fanal.measures.blocking.document import Ground
from fanal.measures.blocking.names import HostName, protections_of, read_name
from fanal.measures.domain.clocks import check_due
from fanal.measures.operations import milestones
from tests.integration.measures.blockings import (
    COLLEAGUE,
    DAY,
    HOUR,
    MENTIONS,
    SUPERVISOR,
    act_of,
    ago,
    approved,
    drafted,
    file_of,
    listed,
    received,
    take,
    view,
)
from tests.integration.measures.racing import refused_meanwhile
from tests.integration.measures.raw import (
    CHECK,
    PRIVILEGE,
    RESTRICT,
    approve,
    sqlstate,
    step as raw_step,
)
from tests.integration.measures.stories import ANALYST, OFFICER

STEP = (
    "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, happened_at, recorded_at,"
    " addressee, revision, proof, reason, outcome)"
    " SELECT gen_random_uuid(), id, %s, %s, %s, %s, %s, %s, addressee, revision, 'capture', %s, %s"
    " FROM casework_act WHERE id = %s"
)
PROTECTED = "photos.gouv.fr"


def step(
    blocking_id: UUID,
    transition: str,
    source: str,
    target: str,
    *,
    at: datetime | None = None,
    recorded: datetime | None = None,
    by: UUID = OFFICER.person_id,
    reason: str = "read",
    outcome: str = "",
) -> str:
    """Take a step past every operation; return why it is refused, empty where it is not."""
    now = datetime.now(UTC)
    values = [
        transition,
        source,
        target,
        by,
        at or now,
        recorded or now,
        reason,
        outcome,
        blocking_id,
    ]
    return sqlstate(STEP, values)


def test_nobody_approves_their_own_draft() -> None:
    blocking_id = drafted(received(ago(2)), ago(1), actor=OFFICER)
    take(blocking_id, "submit", ago(1))
    assert approve(blocking_id, by=OFFICER.person_id) == CHECK
    assert approve(blocking_id, by=COLLEAGUE.person_id) == ""


@pytest.mark.parametrize(("hours", "wanted"), [(0, CHECK), (23.9, CHECK), (24, "")])
def test_no_name_is_listed_before_its_time(hours: float, wanted: str) -> None:
    at = ago(2)
    blocking_id = approved(drafted(received(at), at), at)
    found = step(blocking_id, "list", "APPROVED", "LISTED", at=at + hours * HOUR)
    assert found == wanted


@pytest.mark.parametrize("lacking", ["", "host", "identity"])
def test_the_ground_without_mentions_needs_all_five(lacking: str) -> None:
    at = ago(1)
    blocking_id = drafted(received(at), at, ground=Ground.NO_MENTIONS, mentions=MENTIONS)
    document = json.loads(file_of(blocking_id).content or b"")
    document["blocking"] |= {"revision": 2}
    if lacking:
        document["blocking"]["mentions"][lacking] = " "
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO casework_document (act_id, revision, content, author_id, written_at)"
            " VALUES (%s, 2, %s, %s, now())",
            [blocking_id, json.dumps(document).encode(), ANALYST.person_id],
        )
        cursor.execute(
            "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, happened_at,"
            " recorded_at, addressee, revision) SELECT gen_random_uuid(), id, 'amend', 'DRAFT', 'DRAFT', %s,"
            " now(), now(), addressee, 2 FROM casework_act WHERE id = %s",
            [ANALYST.person_id, blocking_id],
        )
    assert step(blocking_id, "submit", "DRAFT", "TO_SECOND", by=ANALYST.person_id) == ""
    assert approve(blocking_id) == ""
    assert step(blocking_id, "approve", "TO_SECOND", "APPROVED") == ""
    assert step(blocking_id, "list", "APPROVED", "LISTED") == (CHECK if lacking else "")


def test_a_protected_name_is_not_listed_without_a_third_person() -> None:
    at = ago(2)
    blocking_id = approved(drafted(received(at, PROTECTED), at, name=PROTECTED), at)
    assert step(blocking_id, "list", "APPROVED", "LISTED") == CHECK
    for person in (ANALYST, OFFICER):
        refused = step(blocking_id, "vouch", "APPROVED", "VOUCHED", by=person.person_id)
        assert refused == CHECK
    third = SUPERVISOR.person_id
    assert step(blocking_id, "vouch", "APPROVED", "VOUCHED", by=third, reason=" ") == CHECK
    assert step(blocking_id, "vouch", "APPROVED", "VOUCHED", by=third) == ""
    assert step(blocking_id, "list", "VOUCHED", "LISTED") == ""


def test_who_approved_does_not_vouch_as_a_supervisor() -> None:
    at = ago(2)
    blocking_id = drafted(received(at, PROTECTED), at, name=PROTECTED)
    take(blocking_id, "submit", at, actor=ANALYST)
    assert approve(blocking_id, by=SUPERVISOR.person_id) == ""
    third = SUPERVISOR.person_id
    assert step(blocking_id, "approve", "TO_SECOND", "APPROVED", by=third) == ""
    assert step(blocking_id, "vouch", "APPROVED", "VOUCHED", by=third) == CHECK


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "github.io"},
        {"host": "other.example"},
        {"host": "pictures.example.\n* CNAME ."},
        {"host": "PICTURES.example"},
        {"removal_id": str(uuid4())},
        {"revision": 7},
        {"ground": "NONE"},
    ],
)
def test_the_bytes_name_a_host_of_the_request(changed: dict[str, object]) -> None:
    document = json.loads(file_of(drafted(received(ago(2)), ago(1))).content or b"")
    made = uuid4()
    document["blocking"] |= {"act_id": str(made), **changed}
    columns = "desk_id, subject_id, report_ids, decision_id, addressee, basis, level, author_id"
    with transaction.atomic():
        sqlstate(
            f"INSERT INTO casework_act (id, kind, state, created_at, {columns}) SELECT %s, 'blocking',"
            f" 'DRAFT', now(), {columns} FROM casework_act WHERE id = %s",
            [made, UUID(document["blocking"]["removal_id"])],
        )
        refused = sqlstate(
            "INSERT INTO casework_document (act_id, revision, content, author_id, written_at)"
            " VALUES (%s, 1, %s, %s, now())",
            [made, json.dumps(document).encode(), ANALYST.person_id],
        )
        transaction.set_rollback(True)
    assert refused == CHECK


def test_no_instant_moves_and_no_row_goes() -> None:
    blocking_id = listed(2)
    for statement in (
        "UPDATE measures_blocking SET checked_at = now() WHERE act_id = %s",
        "UPDATE measures_blocking SET host = 'a.example' WHERE act_id = %s",
        "DELETE FROM measures_blocking WHERE act_id = %s",
        "INSERT INTO measures_blocking (act_id, host, removal_id, ground) VALUES (%s, 'a', %s, '')",
        "UPDATE casework_step SET happened_at = now() WHERE act_id = %s",
        "UPDATE casework_act SET sent_at = now() WHERE id = %s",
    ):
        values = [blocking_id] * statement.count("%s")
        assert sqlstate(statement, values) in {PRIVILEGE, RESTRICT}
    for statement in (
        "DELETE FROM measures_protected_name",
        "INSERT INTO measures_blocklist VALUES (1, now(), now(), 0)",
    ):
        assert sqlstate(statement, []) == PRIVILEGE


def test_no_step_dated_earlier_brings_a_lapsed_name_back() -> None:
    blocking_id, early = listed(93), ago(50)
    assert step(blocking_id, "check", "LISTED", "IN_FORCE", at=early, recorded=early) == CHECK
    assert step(blocking_id, "confirm", "LISTED", "IN_FORCE", at=early, recorded=early) == CHECK
    assert (
        step(blocking_id, "doubt", "LISTED", "DOUBTED", at=early, recorded=early, outcome="OTHER")
        == ""
    )
    colleague = COLLEAGUE.person_id
    assert step(blocking_id, "keep", "DOUBTED", "IN_FORCE", by=colleague, at=early) == CHECK
    assert step(blocking_id, "lift", "DOUBTED", "LIFTING", outcome="LAPSED") == ""


def test_a_doubt_is_not_answered_after_its_time() -> None:
    blocking_id = listed(4)
    take(blocking_id, "doubt", ago(1.01), outcome="APPEAL")  # level HIGH: 24 hours
    assert step(blocking_id, "keep", "DOUBTED", "IN_FORCE", by=COLLEAGUE.person_id) == CHECK
    other = listed(4, host="two.example")
    take(other, "doubt", ago(0.99), outcome="APPEAL")
    assert step(other, "keep", "DOUBTED", "IN_FORCE", by=COLLEAGUE.person_id) == ""


def test_the_database_dates_the_steps_itself() -> None:
    before = datetime.now(UTC)
    blocking_id = listed(2)
    recorded = [one.recorded_at for one in file_of(blocking_id).steps]
    assert min(recorded) >= before


def test_who_freed_does_not_review_and_who_doubted_does_not_keep() -> None:
    blocking_id = listed(2)
    assert step(blocking_id, "doubt", "LISTED", "DOUBTED", outcome="") == CHECK
    assert step(blocking_id, "doubt", "LISTED", "DOUBTED", outcome="OTHER") == ""
    assert step(blocking_id, "keep", "DOUBTED", "IN_FORCE") == CHECK
    assert step(blocking_id, "free", "DOUBTED", "FREED", by=ANALYST.person_id, reason="") == CHECK
    assert step(blocking_id, "free", "DOUBTED", "FREED", by=ANALYST.person_id) == ""
    assert step(blocking_id, "review", "FREED", "LIFTING", by=ANALYST.person_id) == CHECK
    assert step(blocking_id, "review", "FREED", "LIFTING", by=COLLEAGUE.person_id) == ""


@pytest.mark.django_db(transaction=True)
def test_a_listing_and_an_execution_run_one_after_the_other() -> None:
    at = ago(2)
    removal_id = received(at)
    blocking_id = approved(drafted(removal_id, at), at)
    event, now = Event(happened_at=ago(0), proof="mail"), datetime.now(UTC)

    def execute() -> None:
        milestones.record_execution(actor=OFFICER, measure_id=removal_id, event=event, now=now)

    refused = refused_meanwhile(execute, lambda: take(blocking_id, "list", now))
    assert refused == ["REMOVAL_ENDED"]
    assert act_of(blocking_id).state == "APPROVED"


def due_by_postgresql(since: datetime) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT measures_check_due(%s)", [since])
        (found,) = cursor.fetchone()
    return found


def test_postgresql_counts_three_months_as_the_program() -> None:
    catalogue = reference.load()
    first = datetime(2024, 1, 1, tzinfo=UTC)

    @settings(max_examples=300)
    @given(st.integers(0, 60 * 24 * 365 * 4))
    @example(round((datetime(2026, 7, 25, 0, 30, tzinfo=UTC) - first) / timedelta(minutes=1)))
    @example(round((datetime(2025, 12, 29, 1, 30, tzinfo=UTC) - first) / timedelta(minutes=1)))
    def check(minutes: int) -> None:
        since = first + timedelta(minutes=minutes)
        due = check_due(catalogue=catalogue, since=since)
        assert due_by_postgresql(since) == due
        assert 88 * DAY < due - since <= 92 * DAY

    check()


NAMES = (
    "pictures.example", "gouv.fr", "photos.gouv.fr", "fr.example", "a.github.io", "github.io", "amazonaws.com",
    "s3.amazonaws.com", "x.ck", "www.ck", "ck", "a.www.ck", "drive.usercontent.google.com", "google.com",
    "usercontent.google.com", "xn--bcher-kva.example", "rpz-ip.example", "a_b.example", "1.2", "a..example",
    "-a.example", "free.fr", "mail.free.fr", "co.uk", "a.co.uk", "x.kobe.jp", "city.kobe.jp", "kobe.jp",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_postgresql_knows_the_names_that_the_program_refuses_or_protects(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT measures_name_refused(%s), measures_name_protected(%s)", [name, name]
        )
        refused, protected = cursor.fetchone()
    try:
        host: HostName | None = read_name(name, own=())
    except Refusal:
        host = None
    assert refused is (host is None)
    if host is not None:
        found = protections_of(host, catalogue=reference.load(), on=datetime.now(UTC).date())
        assert protected is bool(found)


@pytest.mark.parametrize("ending", ["execute", "suspend"])
def test_no_name_stays_whose_request_is_over_or_suspended(ending: str) -> None:
    blocking_id, now = listed(2), datetime.now(UTC)
    removal_id = view(blocking_id).removal_id
    cause = "CLARIFICATION" if ending == "suspend" else ""
    event = Event(happened_at=now, proof="mail", reason=cause)
    milestones.record_step(
        actor=OFFICER, measure_id=removal_id, transition=ending, event=event, now=now
    )
    assert act_of(blocking_id).state == "DOUBTED"
    assert step(blocking_id, "keep", "DOUBTED", "IN_FORCE", by=COLLEAGUE.person_id) == CHECK
    assert step(blocking_id, "lift", "DOUBTED", "LIFTING", outcome="GONE") == ""


def test_no_name_is_checked_whose_request_was_executed() -> None:
    blocking_id = listed(2)
    removal = "SELECT state FROM casework_act WHERE id = %s"
    removal_id = view(blocking_id).removal_id
    with connection.cursor() as cursor:
        cursor.execute(removal, [removal_id])
        [state] = cursor.fetchone()
    assert raw_step(removal_id, "execute", state, "EXECUTED") == ""
    assert step(blocking_id, "check", "LISTED", "IN_FORCE") == CHECK
