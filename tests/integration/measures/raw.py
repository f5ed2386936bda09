"""Raw SQL as the desk's program, past every operation: what PostgreSQL itself refuses, and by which SQLSTATE."""

import json
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.utils import Error as DatabaseError

from tests.integration.measures.stories import ANALYST, OFFICER, measure

CHECK, PRIVILEGE, RESTRICT = "23514", "42501", "23001"

APPROVE = (
    "INSERT INTO casework_approval (act_id, revision, verdict, digest, approver_id, approved_at)"
    " SELECT act_id, revision, 'APPROVED', digest, %s, now() FROM casework_document"
    " WHERE act_id = %s ORDER BY revision DESC LIMIT 1"
)
STEP = (
    "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, happened_at, recorded_at,"
    " addressee, revision, proof, lapsed_at)"
    " SELECT gen_random_uuid(), id, %s, %s, %s, %s, now(), now(), addressee, revision + %s, %s,"
    " CASE WHEN %s THEN now() END FROM casework_act WHERE id = %s"
)
REVISION = (
    "INSERT INTO casework_document (act_id, revision, content, author_id, written_at)"
    " VALUES (%s, %s, %s, %s, now())"
)
_BYTES = "SELECT content, revision FROM casework_document WHERE act_id = %s ORDER BY revision DESC"


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
    return sqlstate(APPROVE, [by, measure_id])


def step(
    measure_id: UUID,
    transition: str,
    source: str,
    target: str,
    *,
    by: UUID = OFFICER.person_id,
    proof: str = "mail 12",
    lapsed: bool = False,
) -> str:
    """Take a step; an amendment makes the next revision the present one."""
    further = transition == "amend"
    return sqlstate(STEP, [transition, source, target, by, int(further), proof, lapsed, measure_id])


def other_bytes(one: UUID, /, **changed: object) -> bytes:
    """Return the bytes of the next revision, with what `changed` says."""
    with connection.cursor() as cursor:
        cursor.execute(_BYTES, [one])
        document = json.loads(bytes(cursor.fetchone()[0]))
    document["request"] |= {"revision": document["request"]["revision"] + 1, **changed}
    return json.dumps(document).encode()


def revise(measure_id: UUID, content: bytes, *, by: UUID = ANALYST.person_id) -> str:
    """Write the next revision of its document, which no step makes present yet."""
    with connection.cursor() as cursor:
        cursor.execute(_BYTES, [measure_id])
        revision = cursor.fetchone()[1] + 1
    return sqlstate(REVISION, [measure_id, revision, content, by])


def change(measure_id: UUID, *, source: str = "TO_SECOND") -> str:
    """Make it a draft of other bytes."""
    with transaction.atomic():
        refused = revise(measure_id, other_bytes(measure_id)) or step(
            measure_id, "amend", source, "DRAFT", by=ANALYST.person_id
        )
        transaction.set_rollback(bool(refused))
    return refused


def born(
    measure_id: UUID, *, content: bytes | None = None, first: int = 1, **columns: object
) -> str:
    """Insert a measure like `measure_id`, with other columns, or with another document as its first."""
    found, made = measure(measure_id), uuid4()
    with connection.cursor() as cursor:
        cursor.execute(_BYTES, [measure_id])
        document = json.loads(bytes(cursor.fetchone()[0]))
    document["request"] |= {"measure_id": str(made), "revision": first}
    values: dict[str, object] = {
        "id": made,
        "kind": "measure",
        "desk_id": found.desk_id,
        "subject_id": found.report_id,
        "report_ids": [found.report_id],
        "decision_id": uuid4(),
        "state": "DRAFT",
        "addressee": "HOST",
        "basis": b"[]",
        "level": "HIGH",
        "author_id": ANALYST.person_id,
        **columns,
    }
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    written = json.dumps(document).encode() if content is None else content
    with transaction.atomic():
        refused = sqlstate(
            f"INSERT INTO casework_act ({names}, created_at) VALUES ({marks}, now())",
            list(values.values()),
        ) or sqlstate(REVISION, [made, first, written, values["author_id"]])
        transaction.set_rollback(bool(refused))
    return refused
