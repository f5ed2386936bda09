"""Raw SQL as the desk's program, past every operation: what PostgreSQL itself refuses, and by which SQLSTATE."""

import json
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.utils import Error as DatabaseError

from tests.integration.measures.stories import ANALYST, OFFICER, measure

CHECK, FOREIGN_KEY, PRIVILEGE, RESTRICT = "23514", "23503", "42501", "23001"

APPROVE = (
    "INSERT INTO measures_approval (measure_id, revision, verdict, digest, proposer_id, approver_id, at)"
    " SELECT id, revision, 'APPROVED', digest, %s, %s, now() FROM measures_measure WHERE id = %s"
)
STEP = (
    "INSERT INTO measures_step (id, measure_id, move, source, target, actor_id, happened_at, recorded_at)"
    " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, now(), now())"
)
CHANGE = (
    "UPDATE measures_measure SET request = %s, digest = sha256(%s), revision = revision + 1"
    " WHERE id = %s"
)


def sqlstate(statement: str, values: list[object]) -> str:
    """Return why the database refuses a statement, empty where it takes it; a refused one leaves no trace."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except DatabaseError as error:
        return str(error.__cause__.sqlstate)
    return ""


def approve(measure_id: UUID, *, by: UUID = OFFICER.person_id) -> str:
    """Sign as the second person."""
    return sqlstate(APPROVE, [ANALYST.person_id, by, measure_id])


def step(
    measure_id: UUID, move: str, source: str, target: str, *, by: UUID = OFFICER.person_id
) -> str:
    """Take a step."""
    return sqlstate(STEP, [measure_id, move, source, target, by])


def other_bytes(one: UUID, /, **changed: object) -> bytes:
    """Return the bytes of the next revision, with what `changed` says."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT request FROM measures_measure WHERE id = %s", [one])
        document = json.loads(bytes(cursor.fetchone()[0]))
    document["request"] |= {"revision": document["request"]["revision"] + 1, **changed}
    return json.dumps(document).encode()


def change(measure_id: UUID, *, source: str = "TO_SECOND") -> str:
    """Make it a draft of other bytes."""
    other = other_bytes(measure_id)
    refused = step(measure_id, "amend", source, "DRAFT", by=ANALYST.person_id)
    return refused or sqlstate(CHANGE, [other, other, measure_id])


def born(measure_id: UUID, **columns: object) -> str:
    """Insert a measure like `measure_id`, with other columns."""
    found, made = measure(measure_id), uuid4()
    with connection.cursor() as cursor:
        cursor.execute("SELECT request FROM measures_measure WHERE id = %s", [measure_id])
        document = json.loads(bytes(cursor.fetchone()[0]))
    document["request"]["measure_id"] = str(made)
    request = json.dumps(document).encode()
    values: dict[str, object] = {
        "id": made,
        "desk_id": found.desk_id,
        "report_id": found.report_id,
        "decision_id": uuid4(),
        "kind": "REMOVAL",
        "host": found.request.host,
        "level": "HIGH",
        "request": request,
        "proposer_id": ANALYST.person_id,
        "author_id": ANALYST.person_id,
        **columns,
    }
    names = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    return sqlstate(
        f"INSERT INTO measures_measure ({names}, digest, created_at)"
        f" VALUES ({marks}, sha256(%s), now())",
        [*values.values(), request],
    )
