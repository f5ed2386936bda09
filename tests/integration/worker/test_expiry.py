"""Expiry: what is due goes in every stage, holds beat it, ids and digests stay."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from django.db import connection

from fanal.intake.domain.records import Arrival, Format, KeyKind, Submission
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.calendar import add_months
from fanal.orient.operations.decisions import hand_over
from tests.actors import desk_actor
from tests.known import habilitated, known

NOW = datetime.now(UTC).replace(microsecond=0)
SYSTEM = system_actor("test")
SUPERVISOR = known(desk_actor(person_id=uuid4(), roles={Role.SUPERVISOR}, desks={1}))
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def keys(installed_keys: None, transactional_db: None) -> None:
    """The worker opens what was sealed; the supervisor holds the role in the database too."""
    habilitated()


def _deposit(received_at: datetime) -> UUID:
    from fanal.intake.operations.receive import receive_reports
    from fanal.worker.stages import StageLoop

    body = msgspec.json.encode(
        {
            "reference": "canary-reference",
            "kind": "GROOMING",
            "description": "canary-description",
            "persons": [{"role": "SUSPECT", "emails": ["canary@mail.example"]}],
        }
    )
    submission = Submission(
        arrival=Arrival.API, format=Format.REPORT, body=body, canonical=body, sender_id=uuid4(),
        reference="canary-reference", keys=((KeyKind.REFERENCE, "canary-reference"),),
        identity=b"canary-identity",
    )  # fmt: skip
    [answer] = receive_reports(actor=SYSTEM, submissions=[submission], now=received_at)
    loop = StageLoop(actor=SYSTEM, clock=lambda: received_at)
    while loop.run_once():
        pass
    return answer.report_id


def _years_ago(years: int, *, days: int) -> datetime:
    day = add_months(NOW.date(), -12 * years)
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(days=days)


def _traces(word: str) -> list[str]:
    """Return the tables whose rows, printed, hold `word`."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind IN ('r', 'p') AND nspname = 'public' AND NOT relispartition"
            " AND has_table_privilege(c.oid, 'SELECT')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT 1 FROM {table} t WHERE t::text ILIKE %s", [f"%{word}%"])
            if cursor.fetchone():
                found.append(table)
    return found


def test_a_clock_that_is_years_ahead_erases_nothing_by_itself(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first night runs; the next one after forty days waits for the operator, and then each night runs."""
    from fanal.ledger import queries as entries
    from fanal.worker.expiry import expire, expire_by_night

    def waits(now: datetime) -> bool:
        return entries.has_paused(actor=SYSTEM, since=now - timedelta(days=1))

    monkeypatch.setattr(logging.getLogger("fanal"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("fanal.worker"), "propagate", True)
    _deposit(NOW)
    expire_by_night(actor=SYSTEM, now=NOW)
    tonight = NOW + timedelta(days=40)
    expire_by_night(actor=SYSTEM, now=tonight)
    assert not waits(tonight)
    ahead = _years_ago(-12, days=0)
    expire_by_night(actor=SYSTEM, now=ahead)
    assert waits(ahead)
    assert "fanal retention run" in caplog.text
    assert "intake_report" in _traces("canary-reference")
    expire(actor=SYSTEM, now=ahead)  # by the operator, who looked at the clock
    assert _traces("canary-reference") == []
    expire_by_night(actor=SYSTEM, now=ahead + timedelta(days=2))
    assert not waits(ahead + timedelta(days=2))


def test_erases_a_report_in_every_stage_at_its_date() -> None:
    from fanal.harmonise import queries as harmonised
    from fanal.intake.queries.envelopes import get_reports
    from fanal.intake.queries.files import open_submissions
    from fanal.vault.operations.opening import ObjectUnknown
    from fanal.worker.expiry import expire

    old, young = _deposit(_years_ago(6, days=2)), _deposit(_years_ago(6, days=-2))
    assert set(_traces("canary")) > {"harmonise_selector"}
    outcome = expire(actor=SYSTEM, now=NOW)
    assert (outcome["reports"], outcome["identities"]) == (1, 2)
    assert set(harmonised.get_records(actor=SYSTEM, report_ids=[old, young])) == {young}
    assert get_reports(actor=SYSTEM, report_ids=[old])[old].reference == str(old)
    with pytest.raises(ObjectUnknown):
        open_submissions(actor=SYSTEM, report_ids=[old], now=NOW)
    expire(actor=SYSTEM, now=NOW)


def test_leaves_no_word_once_all_is_erased() -> None:
    from fanal.worker.expiry import expire

    _deposit(_years_ago(6, days=2))
    expire(actor=SYSTEM, now=NOW)
    assert _traces("canary") == []


def test_a_hold_beats_expiry_until_it_is_lifted() -> None:
    from fanal.intake.operations.holds import lift_holds, place_hold
    from fanal.worker.expiry import expire

    report_id = _deposit(_years_ago(6, days=2))
    place_hold(actor=SUPERVISOR, report_id=report_id, motive="file 12", now=NOW)
    assert expire(actor=SYSTEM, now=NOW)["reports"] == 0
    with pytest.raises(ValueError, match="motive"):
        lift_holds(actor=SUPERVISOR, report_id=report_id, motive=" ", now=NOW)
    lifted = lift_holds(actor=SUPERVISOR, report_id=report_id, motive="canary-motive", now=NOW)
    assert lifted == 1
    assert "intake_hold" in _traces("canary-motive")
    assert expire(actor=SYSTEM, now=NOW)["reports"] == 1
    assert _traces("canary-motive") == []


def test_conversations_go_two_years_after_the_last_word_once_the_desk_has_decided() -> None:
    from fanal.intake.domain import receipt
    from fanal.intake.operations.follow import answer_desk
    from fanal.intake.operations.holds import place_hold
    from fanal.intake.operations.receive import receive_reports
    from fanal.intake.queries.envelopes import list_messages
    from fanal.kernel.actors import public_actor
    from fanal.worker.expiry import expire

    def ask(received_at: datetime) -> UUID:
        submission = Submission(
            arrival=Arrival.FORM,
            format=Format.FORM,
            body=b"{}",
            canonical=received_at.isoformat().encode(),
        )
        [answer] = receive_reports(actor=public_actor(), submissions=[submission], now=received_at)
        answer_desk(
            actor=public_actor(), lookup_hash=receipt.lookup_hash(answer.code),
            text="canary-words", now=received_at,
        )  # fmt: skip
        return answer.report_id

    def messages(report_id: UUID) -> int:
        return len(list_messages(actor=SYSTEM, report_id=report_id))

    old, young, held = (
        ask(_years_ago(2, days=2)),
        ask(_years_ago(2, days=-2)),
        ask(_years_ago(2, days=3)),
    )
    pending = _deposit(_years_ago(2, days=4))
    place_hold(actor=SUPERVISOR, report_id=held, motive="file 12", now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_message (id, report_id, from_desk, created_at, object_id)"
            " VALUES (%s, %s, false, %s, %s)",
            [uuid4(), pending, _years_ago(2, days=4), uuid4()],
        )
    given = hand_over(actor=SYSTEM, report_ids=[old, young, held], package_id=uuid4(), now=NOW)
    assert set(given) == {old, young, held}
    assert expire(actor=SYSTEM, now=NOW)["conversations"] == 1
    assert [messages(i) for i in (old, young, held, pending)] == [0, 1, 1, 1]
    assert expire(actor=SYSTEM, now=NOW)["conversations"] == 0


def test_every_kind_of_act_has_its_eraser() -> None:
    from fanal.lifecycles import LIFECYCLES
    from fanal.retention import ACTS, MEASURES
    from fanal.worker.expiry import LASTING

    assert {"measure", *LASTING} == set(MEASURES)
    assert sorted(one.kind for one in LIFECYCLES) == sorted([*ACTS, *MEASURES])


def test_every_declared_class_has_an_eraser_that_keeps_its_length() -> None:
    from fanal import reference
    from fanal.worker.expiry import ERASERS, check_erasers, horizon

    catalogue = reference.load()
    declared = {entry.code: entry.value for entry in catalogue.entries(reference.Retention)}
    check_erasers(catalogue)
    for eraser in ERASERS:
        if eraser.erase is None:
            kept = {declared[code].action for code in eraser.classes}
            assert kept == {"KEEP_DIGEST"}
            continue
        shortest = min(
            declared[code].length * {"YEARS": 365, "MONTHS": 30, "DAYS": 1}[declared[code].unit]
            for code in eraser.classes
        )
        assert abs((NOW - horizon(eraser, NOW)).days - shortest) <= 4, eraser.name


def test_a_class_without_an_eraser_stops_the_worker_at_its_start() -> None:
    from fanal import reference
    from fanal.worker.expiry import ERASERS, check_erasers

    with pytest.raises(LookupError, match="REPORT_SEALED"):
        check_erasers(
            reference.load(), erasers=[e for e in ERASERS if "REPORT_SEALED" not in e.classes]
        )


def test_a_session_that_ended_leaves_no_purpose_behind() -> None:
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session

    from fanal.worker.expiry import expire

    for hours in (-1, 1):
        session = SessionStore()
        session["motive"] = "canary-motive"
        session.set_expiry(NOW + timedelta(hours=hours))
        session.save()
    expire(actor=SYSTEM, now=NOW)
    (left,) = Session.objects.all()
    assert left.expire_date > NOW


def test_a_login_like_that_of_an_erased_account_stops_no_erasure() -> None:
    from fanal.accounts.domain.records import ERASED, NewAccount
    from fanal.accounts.models import User
    from fanal.accounts.operations.people import create_account
    from fanal.worker.expiry import expire

    def opened(login: str, at: datetime) -> User:
        account = NewAccount(username=login, name=login.title())
        return create_account(actor=SYSTEM, account=account, now=at)

    left = opened("gone", _years_ago(12, days=2))
    for login in (f"erased-{left.pk}", f"[erased-{left.pk}]", f"erased-{left.person_id}"):
        opened(login, NOW)
    assert expire(actor=SYSTEM, now=NOW)["people"] == 1
    left.refresh_from_db()
    assert (left.person.name, left.is_active) == (ERASED, False)
    assert "gone" not in left.username


def test_an_eraser_that_fails_stops_no_other_and_is_raised_at_the_end(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fanal.worker.expiry import ErasersFailed, expire

    challenge = b"a spent challenge of the past....."
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_spent_challenge (digest, expires_at) VALUES (%s, %s)",
            [challenge, NOW - timedelta(hours=2)],
        )
    with as_role("owner") as owner:
        owner.execute("ALTER FUNCTION accounts_erase_words RENAME TO aside")
    monkeypatch.setattr(logging.getLogger("fanal"), "propagate", True)
    try:
        with pytest.raises(ErasersFailed, match="people"):
            expire(actor=SYSTEM, now=NOW)
    finally:
        with as_role("owner") as owner:
            owner.execute("ALTER FUNCTION aside RENAME TO accounts_erase_words")
    assert "people" in caplog.text
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM ledger_entry WHERE action = 'expiry.run' ORDER BY id")
        [(body,)] = cursor.fetchall()
        assert b'"failed":"people"' in bytes(body), "the entry of the run names it"
        cursor.execute("SELECT count(*) FROM intake_spent_challenge")
        assert cursor.fetchone() == (0,)
    assert expire(actor=SYSTEM, now=NOW)["people"] == 0
