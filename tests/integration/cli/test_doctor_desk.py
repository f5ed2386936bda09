"""What would fail a desk's people is named by `fanal doctor`: roles, queue, backups."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.cli.doctor_checks import look_at_caller
from fanal.cli.doctor_desk import (
    look_at_address,
    look_at_channel,
    look_at_desk,
    look_at_witnesses,
)
from fanal.cli.finding import DoctorFinding, FindingLevel
from fanal.measures.transparency.cosignature import WitnessKey
from tests.integration.cli.installing import Installed

pytestmark = pytest.mark.xdist_group("calls")


@pytest.fixture
def connection(installed: Installed) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Change the installation for the time of a test."""
    with psycopg.connect(installed.url) as opened:
        yield opened
        opened.rollback()


def _look(connection: psycopg.Connection[tuple[object, ...]]) -> list[DoctorFinding]:
    """Return what `fanal doctor` says of the desk, as the role with which it looks."""
    connection.execute("SET LOCAL ROLE fanal_auditor")
    found = list(look_at_desk(connection))
    connection.execute("RESET ROLE")
    return found


def _problems(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    return "\n".join(f.text for f in _look(connection) if f.level is FindingLevel.PROBLEM)


def _wait(connection: psycopg.Connection[tuple[object, ...]], *, quarantined: bool) -> None:
    connection.execute("SET LOCAL session_replication_role = replica")  # a row without its report
    connection.execute(
        "INSERT INTO intake_work (report_id, stage, urgent, slow_lane, attempts, not_before, error,"
        " quarantined_at) VALUES (%s, 'ANALYSE', false, false, 0, now() - interval '1 hour', '',"
        " CASE WHEN %s THEN now() END)",
        [uuid4(), quarantined],
    )


def test_missing_roles_are_named_with_their_numbers(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    said = _problems(connection)
    assert "SUPERVISOR (1 of 2)" in said
    assert "OVERSEER (0 of 1)" in said
    assert "ADMINISTRATOR" not in said


def test_texts_that_wait_and_texts_left_aside_are_counted(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    def said() -> str:
        return "\n".join(found.text for found in _look(connection))

    assert "texts" not in said()
    for attempts, lease in (
        (0, None),
        (1, "1 minute"),
        (2, "1 minute"),
        (2, "-1 minute"),
        (2, None),
    ):
        connection.execute(
            "INSERT INTO analyse_unread VALUES (%s, false, %s, %s, now() + %s::interval)",
            [uuid4(), attempts, uuid4(), lease],
        )
    assert "2 texts wait for the model" in said()
    assert "2 texts are left to the phrase lists" in said()


def test_texts_that_no_worker_reads_are_a_problem(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    """Its engine does not start: seen from outside, since the worker's process alone knows."""

    def add(waits: str, lease: str | None = None) -> None:
        connection.execute(
            "INSERT INTO analyse_unread (report_id, emergency, lease_until, queued_at)"
            " VALUES (%s, false, now() + %s::interval, now() - %s::interval)",
            [uuid4(), lease, waits],
        )

    words = "texts wait for the model and no worker reads them"
    add("14 minutes")
    assert words not in _problems(connection)
    add("16 minutes")
    assert f"2 {words}" in _problems(connection)
    _wait(connection, quarantined=False)
    assert words not in _problems(connection)
    connection.execute("UPDATE intake_work SET not_before = now() - interval '50 seconds'")
    assert words in _problems(connection)  # reports pass, and none of them waits
    connection.execute("DELETE FROM intake_work")
    assert words in _problems(connection)
    add("16 minutes", lease="1 minute")
    assert words not in _problems(connection)


@pytest.mark.parametrize(
    ("quarantined", "words"), [(True, "1 reports are in quarantine"), (False, "wait for more than")]
)
def test_a_report_that_does_not_go_on_is_a_problem(
    connection: psycopg.Connection[tuple[object, ...]], quarantined: bool, words: str
) -> None:
    assert words not in _problems(connection)
    _wait(connection, quarantined=quarantined)
    assert words in _problems(connection)


def test_an_alarm_of_a_closed_desk_is_a_problem(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    connection.execute(
        "SET LOCAL session_replication_role = replica"
    )  # rows without what they name
    connection.execute(
        "INSERT INTO accounts_desk (id, code, name, contact) VALUES (77, 'FAR', 'Far', '')"
    )
    connection.execute(
        "INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)"
        " VALUES (%s, %s, 77, 'CHILD_IN_DANGER', now())",
        [uuid4(), uuid4()],
    )
    assert "desk 77" not in _problems(connection)
    connection.execute("UPDATE accounts_desk SET closed_at = now() WHERE id = 77")
    assert "1 alarms of the closed desk 77 are seen by nobody" in _problems(connection)


def test_legal_holds_whose_review_is_a_month_late_are_noted(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    connection.execute("SET LOCAL session_replication_role = replica")  # holds without their report
    for due in ("-31 days", "-29 days", "1 day", None):
        connection.execute(
            "INSERT INTO intake_hold (id, report_id, placed_by, placed_at, motive, review_on,"
            " review_motive, lift_motive) VALUES (%s, %s, %s, now() - interval '1 year', 'A trial',"
            " (now() + %s::interval)::date, '', '')",
            [uuid4(), uuid4(), uuid4(), due],
        )
    said = [found for found in _look(connection) if "legal holds" in found.text]
    assert [(found.level, found.text[:13]) for found in said] == [
        (FindingLevel.NOTICE, "2 legal holds")
    ]
    connection.execute(
        "UPDATE intake_hold SET lifted_at = now(), lifted_by = id, lift_motive = 'Ended'"
    )
    assert not [found for found in _look(connection) if "legal holds" in found.text]


def test_a_lock_held_elsewhere_is_a_finding_and_no_wait_without_end(installed: Installed) -> None:
    with psycopg.connect(installed.url) as other:
        other.execute("LOCK TABLE orient_caller IN ACCESS EXCLUSIVE MODE")
        end = threading.Timer(30, other.close)  # whoever waits for it would never come back
        end.start()
        started = time.monotonic()
        (answer,) = installed.call(["doctor"])
        taken = time.monotonic() - started
        end.cancel()
    assert taken < 25
    assert answer.status == 1
    assert "lock timeout" in answer.out


def test_why_nobody_calls_is_the_end_of_the_log(
    connection: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    connection.execute("SET LOCAL session_replication_role = replica")
    connection.execute("DELETE FROM orient_caller")
    log = tmp_path / "calls.log"
    assert "log" not in look_at_caller(connection, log=log).text
    log.write_text("before\ndatabase away: password authentication failed\n")
    found = look_at_caller(connection, log=log).text
    assert found.endswith(f"The end of {log}: database away: password authentication failed")


def test_who_is_called_is_asked_of_a_desk_and_not_of_a_public_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FANAL_SMTP_URL", "FANAL_DUTY"):
        monkeypatch.delenv(name, raising=False)
    assert "FANAL_DUTY names nobody" in "".join(found.text for found in look_at_channel())
    monkeypatch.setenv("FANAL_DUTY", ",".join(f"p{number}@desk.example" for number in range(11)))
    assert "FANAL_DUTY names 11 addresses" in "".join(found.text for found in look_at_channel())
    monkeypatch.setenv("FANAL_PUBLIC_NODE", "1")
    assert [*look_at_channel()] == []


def test_a_backup_that_was_never_made_is_a_problem(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    assert "no backup was ever made" in _problems(connection)


@pytest.mark.parametrize(("days", "waits"), [(39, False), (40, True)])
def test_an_expiry_that_waits_for_the_operator_is_a_problem(
    connection: psycopg.Connection[tuple[object, ...]], *, days: int, waits: bool
) -> None:
    assert "nightly run waits" not in _problems(connection)  # a new installation has had none
    connection.execute("SET LOCAL session_replication_role = replica")  # a row without its body
    connection.execute(
        "INSERT INTO ledger_entry (id, at, actor_id, action, verb, body)"
        " VALUES (%(id)s, now() - %(days)s * interval '1 day', %(id)s, 'expiry.run', 'ERASURE', '')",
        {"id": uuid4(), "days": days},
    )
    assert ("nightly run waits" in _problems(connection)) is waits


def test_a_node_that_answers_itself_only_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    for hosts, found in (("localhost,127.0.0.1,[::1]", 1), ("localhost,desk.example", 0)):
        monkeypatch.setenv("FANAL_HOSTS", hosts)
        assert len([f for f in look_at_address() if f.level is FindingLevel.PROBLEM]) == found


def test_a_controllers_machine_that_lacks_or_waits_is_named(
    connection: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    def looked() -> tuple[FindingLevel, str]:
        (found,) = look_at_witnesses(connection, tmp_path)
        return found.level, found.text

    assert looked()[0] is FindingLevel.NOTICE
    assert "no controller's machine" in looked()[1]
    public = Ed25519PrivateKey.generate().public_key()
    key = WitnessKey(name="witness.test", public=public).encode()
    (tmp_path / "witness.toml").write_text(f'url = "http://127.0.0.1:1"\nkey = "{key}"\n')
    assert looked()[0] is FindingLevel.FINE
    connection.execute(
        "INSERT INTO measures_blocklist_gate VALUES (true, 'witness.test', 3, now() - interval '9 minutes',"
        " 'SILENT', 'no answer in 10 s')"
    )
    assert looked()[0] is FindingLevel.FINE
    connection.execute("UPDATE measures_blocklist_gate SET since = now() - interval '11 minutes'")
    level, text = looked()
    assert level is FindingLevel.PROBLEM
    assert text.startswith("3 names wait for 11 minutes for a cosignature")
    assert "no answer in 10 s; what is lifted leaves all the same" in text
    (tmp_path / "witness.toml").write_text("url = 3")
    level, text = looked()
    assert (level, "witness.toml" in text) == (FindingLevel.PROBLEM, True)
    (tmp_path / "witness.toml").unlink()
    connection.execute(
        "INSERT INTO measures_blocklist (serial, made_at, expires_at, entries)"
        " VALUES (4000000000, now(), now() + interval '1 day', 0)"
    )
    connection.execute("INSERT INTO measures_blocklist_cosigned VALUES (4000000000, now(), 'note')")
    level, text = looked()
    assert (level, "names no witness any more" in text) == (FindingLevel.PROBLEM, True)


@pytest.mark.parametrize(
    ("host", "told"), [("blocked.example", True), ("notblocked.example", False)]
)
def test_a_blocked_name_above_the_stop_page_is_a_problem(
    connection: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    host: str,
    told: bool,
) -> None:
    connection.execute("SET LOCAL session_replication_role = replica")  # a row without its act
    connection.execute(
        "INSERT INTO measures_blocking (act_id, removal_id, host, ground, listed_at)"
        " VALUES (%(id)s, %(id)s, 'blocked.example', 'UNEXECUTED', now())",
        {"id": uuid4()},
    )
    monkeypatch.setenv("FANAL_STOP_HOST", f"stop.{host}")
    assert ("kept off the blocking list" in _problems(connection)) is told
