"""A public node deposits few reports in one transaction, and names each in few words."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from fanal.cli.doctor import look_at_numbers

pytestmark = pytest.mark.django_db(transaction=True)
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]
DEPOSIT = """
WITH ids AS MATERIALIZED (
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(g::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid AS id
    FROM generate_series(1, %s) g
), sealed AS (
    INSERT INTO vault_object (id, owner_id, kind, sha256, size, length, wrapped_key, wrap_key_id, created_at)
    SELECT id, id, 'report', sha256('x'), 1, 1, '\\x00', '\\x00', now() FROM ids
)
INSERT INTO intake_report (id, desk_id, sender_id, arrival, format, reference, state, received_at, changed_at,
    object_id, size, urgent, is_test, slow_lane, language, correlation_id)
SELECT id, 1, '00000000-0000-0000-0000-000000000000', 'FORM', 'form/1', %s, 'FINISHED', now(), now(), id, 1,
    true, false, false, '', '' FROM ids
"""


def count(owner: psycopg.Connection[tuple[object, ...]]) -> object:
    row = owner.execute("SELECT count(*) FROM intake_report").fetchone()
    return row[0] if row else None


def test_more_than_some_in_one_transaction_are_refused(as_role: Connect) -> None:
    owner, node = as_role("owner"), as_role("intake")
    with pytest.raises(errors.CheckViolation, match="few reports at once"):
        node.execute(DEPOSIT, [501, "r"])
    other = as_role("intake")
    other.execute("BEGIN")
    other.execute(DEPOSIT, [400, "r"])
    other.execute("SELECT pg_stat_force_next_flush()")
    other.execute("SAVEPOINT more")
    with pytest.raises(errors.CheckViolation, match="few reports at once"):
        other.execute(DEPOSIT, [101, "r"])
    other.execute("ROLLBACK TO more")
    other.execute("COMMIT")
    assert count(owner) == 400


def test_a_reference_of_a_book_s_length_is_refused(as_role: Connect) -> None:
    owner, node = as_role("owner"), as_role("intake")
    with pytest.raises(errors.CheckViolation, match="few words"):
        node.execute(DEPOSIT, [1, "r" * 2001])
    node.execute(DEPOSIT, [1, "r" * 2000])
    assert count(owner) == 1


def test_more_dangers_than_some_in_one_transaction_are_refused(as_role: Connect) -> None:
    """They come by what is told later too, of reports that were deposited one by one."""
    owner, node = as_role("owner"), as_role("intake")
    for part in ("one", "two"):
        owner.execute(DEPOSIT.replace("    true, false", "    false, false"), [300, part])
    owner.execute(
        "INSERT INTO intake_receipt (report_id, lookup_hash, signed)"
        " SELECT id, sha256(uuid_send(id)), '' FROM intake_report"
    )
    codes = [row[0] for row in owner.execute("SELECT lookup_hash FROM intake_receipt").fetchall()]
    told = "SELECT count(orient_danger_written(code, now())) FROM unnest(%s::bytea[]) code"
    assert node.execute(told, [codes[:100]]).fetchone() == (100,)
    assert owner.execute("SELECT count(*) FROM orient_alarm").fetchone() == (100,)
    with pytest.raises(errors.CheckViolation, match="few dangers at once"):
        node.execute(told, [codes])
    assert owner.execute("SELECT count(*) FROM orient_alarm").fetchone() == (100,)


@pytest.mark.parametrize(
    ("table", "columns", "values"),
    [
        (
            "vault_object",
            "id, owner_id, kind, sha256, size, length, wrapped_key, wrap_key_id, created_at",
            "%(id)s, %(id)s, 'report', sha256('x'), 1, 1, convert_to(%(long)s, 'UTF8'), '\\x00', now()",
        ),
        (
            "vault_object",
            "id, owner_id, kind, sha256, size, length, wrapped_key, wrap_key_id, created_at",
            "%(id)s, %(id)s, %(long)s, sha256('x'), 1, 1, '\\x00', '\\x00', now()",
        ),
        (
            "intake_upload",
            "report_id, file_id, position, object_id, name",
            "%(id)s, 'f', 1, %(id)s, %(long)s",
        ),
        ("intake_upload", "report_id, file_id, position, object_id", "%(id)s, %(long)s, 1, %(id)s"),
        ("intake_receipt", "report_id, signed", "%(id)s, left(%(long)s, 2001)"),
    ],
)
def test_what_comes_with_a_report_is_short(
    as_role: Connect, table: str, columns: str, values: str
) -> None:
    statement = f"INSERT INTO {table} ({columns}) VALUES ({values})"
    with pytest.raises(errors.CheckViolation, match=r"few words|says little"):
        as_role("intake").execute(statement.encode(), {"id": uuid4(), "long": "x" * 30_000})


def test_a_report_has_no_more_files_than_the_wire_takes(as_role: Connect) -> None:
    node = as_role("intake")
    files = (
        b"INSERT INTO intake_upload (report_id, file_id, position, object_id)"
        b" SELECT %(id)s, g::text, 1, %(id)s FROM generate_series(%(from)s::int, %(to)s::int) g"
    )
    node.execute("BEGIN")  # what a node adds stands in the transaction of a deposit
    node.execute(DEPOSIT, [1, "r"])
    report_id = uuid4()
    node.execute(files, {"id": report_id, "from": 1, "to": 5000})
    with pytest.raises(errors.CheckViolation, match="5000 files"):
        node.execute(files, {"id": report_id, "from": 5001, "to": 5001})


def test_the_doctor_sees_numbers_that_are_used_up_and_the_way_back_works(as_role: Connect) -> None:
    owner, app = as_role("owner"), as_role("app")
    assert look_at_numbers(app).text == "the numbers of the wire are given to reports"
    owner.execute("SELECT setval('intake_wire_id_seq', 300000000)")
    told = look_at_numbers(app).text
    assert "uses up the numbers" in told
    owner.execute(told.rpartition("as the owner, ")[2].encode())
    assert look_at_numbers(app).text == "the numbers of the wire are given to reports"
