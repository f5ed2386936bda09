"""What the role of a public node writes to the ledger: its own acts, through one function, and nothing else.

Raw SQL as `fanal_intake`, which is what a public node that was taken over can send.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.template.loader import render_to_string
from django.utils import translation
from psycopg import errors

from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries.people import authenticate_partner_bearer
from fanal.kernel.actors import PUBLIC_PERSON, system_actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations, queries, signer
from fanal.ledger.domain import canonical
from fanal.ledger.domain.records import VERBS, Entry, ObjectRef, Verb
from fanal.ledger.queries import SoughtEntries
from fanal.ledger.verification import verify_ledger

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]
SYSTEM = system_actor("test")
CALL = "SELECT ledger_record(%s, %s, %s, %s, %s, %s, %s::text[], %s::uuid[], %s::bytea[])"
DIRECT = "INSERT INTO ledger_entry (id, at, actor_id, action, verb, body) VALUES (%s, %s, %s, %s, %s, %s)"
SOMEBODY = UUID("0190a000-0000-7000-8000-00000000000a")
SECRETS: dict[UUID, str] = {}


def entry(
    *,
    action: str = "report.collect",
    actor: UUID = PUBLIC_PERSON,
    partner: UUID | None = None,
    at: datetime | None = None,
    objects: tuple[ObjectRef, ...] | None = None,
    motive_digest: bytes | None = None,
    detail: dict[str, str | int] | None = None,
) -> tuple[Entry, tuple[ObjectRef, ...]]:
    """Return an entry as a node could make it, and its objects."""
    moment = at or datetime.now(UTC)
    if objects is None:
        objects = (ObjectRef(kind="report", id=new_id(moment), digest=bytes(16)),)
    made = Entry(
        id=new_id(moment),
        at=moment,
        action=action,
        verb=VERBS.get(action, Verb.COLLECTION),
        actor_id=actor,
        partner_id=partner,
        detail=detail or {},
        motive_digest=motive_digest,
        object_count=len(objects),
        object_root=canonical.object_root(objects),
    )
    return made, objects


def record(
    session: psycopg.Connection[tuple[object, ...]],
    made: Entry,
    objects: tuple[ObjectRef, ...],
    *,
    body: bytes | None = None,
    **columns: object,
) -> None:
    """Call the function of the public node with an entry, some of its columns changed."""
    said = {"id": made.id, "at": made.at, "actor": made.actor_id, "action": made.action} | columns
    session.execute(
        CALL,
        [
            *(said["id"], said["at"], said["actor"], said["action"], made.verb.value),
            canonical.encode(made) if body is None else body,
            [ref.kind for ref in objects],
            [ref.id for ref in objects],
            [ref.digest for ref in objects],
        ],
    )


@pytest.fixture(autouse=True)
def log_file(installed_keys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with no checkpoint that another test signed over a log that is gone."""
    mine = replace(signer.current(), checkpoint_file=tmp_path / "checkpoints.txt")
    monkeypatch.setattr(signer, "_installed", [mine])


def present(node: psycopg.Connection[tuple[object, ...]], partner: UUID) -> None:
    """As the program does when a partner shows its secret."""
    node.execute("SELECT set_config('fanal.credential', %s, false)", [SECRETS[partner]])


def is_whole() -> bool:
    """Number what waits and verify everything."""
    operations.sequence_pending(now=datetime.now(UTC))
    problems = verify_ledger(now=datetime.now(UTC)).problems
    assert not problems, problems
    return True


@pytest.fixture
def node(as_role: Connect) -> psycopg.Connection[tuple[object, ...]]:
    return as_role("intake")


@pytest.fixture
def program() -> tuple[UUID, UUID]:
    """A partner's program: its person and its organisation."""
    now = datetime.now(UTC)
    issued = add_partner(actor=SYSTEM, name="house", now=now)
    found = authenticate_partner_bearer(authorization=f"Bearer {issued.token}", now=now)
    assert found is not None
    SECRETS[found.partner_id] = hashlib.sha256(issued.token.encode()).hexdigest()
    return found.actor.person_id, found.partner_id


def test_a_deposit_is_written_with_the_role_that_wrote_it(node, as_role: Connect) -> None:
    made, objects = entry(detail={"arrival": "FORM", "count": 1})
    record(node, made, objects)
    row = (
        as_role("owner")
        .execute("SELECT writer, verb, abs(extract(epoch FROM db_at - at)) < 60 FROM ledger_entry")
        .fetchone()
    )
    assert row == ("fanal_intake", "COLLECTION", True)
    (line,) = queries.entries_of(actor=SYSTEM, object_id=objects[0].id)
    assert line.writer == "fanal_intake"
    with translation.override("fr"):
        page = render_to_string("desk/history.html", {"history": [(line, "")]})
        table = render_to_string(
            "oversight/ledger.html", {"entries": [(line, "PENDING")], "names": {}}
        )
    assert "nœud public" in page
    assert "<td>nœud public</td>" in table


def test_the_desk_writes_as_itself() -> None:
    operations.record(actor=SYSTEM, action="report.expire", at=datetime.now(UTC))
    (line,) = queries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="report.expire"))
    assert line.writer == "fanal_worker"


def test_each_act_of_a_program_has_its_verb(node, program: tuple[UUID, UUID]) -> None:
    person, body = program
    present(node, body)
    acts = {
        "report.collect", "report.upload", "report.describe", "report.finish", "report.retract",
        "case.close", "feedback.send",
    }  # fmt: skip
    for action in acts:
        detail = {"move": "withdraw"} if action == "case.close" else {}
        record(node, *entry(action=action, actor=person, partner=body, detail=detail))
    written = queries.list_entries(actor=SYSTEM, sought=SoughtEntries(person_id=person))
    assert {line.action: line.verb for line in written} == {a: VERBS[a].value for a in acts}


@pytest.mark.parametrize(
    "statement",
    [
        DIRECT,
        DIRECT.replace("INTO ledger_entry (", "INTO ledger_entry (db_at, ").replace(
            "VALUES (", "VALUES (now() - interval '30 days', "
        ),
    ],
)
def test_no_row_without_the_function(node, statement: str) -> None:
    made, _ = entry(action="measure.approve", actor=SOMEBODY)
    values = [made.id, made.at, made.actor_id, made.action, made.verb.value, canonical.encode(made)]
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute(statement, values)
    for other in (
        "INSERT INTO ledger_object (entry_id, object_id, kind) VALUES (%(id)s, %(id)s, 'measure')",
        "INSERT INTO ledger_motive (entry_id, motive) VALUES (%(id)s, 'because')",
        "INSERT INTO ledger_pending (entry_id) VALUES (%(id)s)",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            node.execute(other, {"id": made.id})


@pytest.mark.parametrize(
    "action", ["measure.approve", "report.read", "search.run", "habilitation.grant", "list.serve"]
)
def test_no_act_of_the_desk(node, action: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        record(node, *entry(action=action))


def test_nobodys_name_but_the_publics_and_a_programs(node, program: tuple[UUID, UUID]) -> None:
    person, body = program
    with pytest.raises(errors.InsufficientPrivilege):  # whose secret this node was not shown
        record(node, *entry(action="report.retract", actor=person, partner=body))
    present(node, body)
    for actor, partner in (
        (SOMEBODY, None),
        (SYSTEM.person_id, None),
        (SOMEBODY, body),
        (person, None),
        (person, SOMEBODY),
        (PUBLIC_PERSON, body),
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            record(node, *entry(actor=actor, partner=partner))
    with pytest.raises(errors.InsufficientPrivilege):  # what the public never does
        record(node, *entry(action="report.retract"))
    with pytest.raises(errors.InsufficientPrivilege):  # only the case that its sender takes back
        record(
            node, *entry(action="case.close", actor=person, partner=body, detail={"move": "close"})
        )


@pytest.mark.parametrize("away", [timedelta(days=-30), timedelta(hours=-7), timedelta(minutes=6)])
def test_no_other_time(node, away: timedelta) -> None:
    with pytest.raises(errors.DatetimeFieldOverflow):
        record(node, *entry(at=datetime.now(UTC) + away))


def test_an_id_carries_the_time_of_its_entry(node) -> None:
    made, objects = entry()
    old = new_id(made.at - timedelta(days=30))
    text = canonical.encode(made).replace(str(made.id).encode(), str(old).encode())
    with pytest.raises(errors.CheckViolation):
        record(node, made, objects, body=text, id=old)


def changed(made: Entry, one: str, other: str) -> bytes:
    """Return the body of an entry with one text put in place of another."""
    text = canonical.encode(made).decode()
    assert one in text
    return text.replace(one, other).encode()


def test_no_other_body(node) -> None:
    made, objects = entry(detail={"count": 1})
    body = canonical.encode(made)
    later = made.at + timedelta(seconds=1)
    for junk in (
        b"junk",
        b"",
        body + b" ",
        body.replace(b"\n", b"\n "),
        changed(made, '"count":1}', '"count":01}'),
        changed(made, '"count":1}', '"count":1.0}'),
        changed(made, '"count":1}', '"count":1,"count":1}'),
        changed(made, '"count":1}', '"count":"free words"}'),
        changed(made, '"count":1}', '"count":null}'),
        changed(made, '"count":1}', '"Count":1}'),
        changed(made, '"action":"report.collect"', '"action":"report.finish"'),
        changed(made, str(made.actor_id), str(SOMEBODY)),
        changed(made, str(made.id), str(new_id(made.at))),
        changed(made, '"partner":null', '"partner":"x"'),
        changed(made, '"verb":"COLLECTION"', '"verb":"ERASURE"'),
        changed(made, made.object_root.hex(), made.object_root.hex().upper()),
        changed(made, made.object_root.hex(), hashlib.sha256(b"x").hexdigest()),
        changed(made, '"objects":{"count":1', '"objects":{"count":2'),
        changed(
            made,
            made.at.isoformat(timespec="microseconds")[:26],
            later.isoformat(timespec="microseconds")[:26],
        ),
        body[:22] + b"\xff\xfe" + body[22:],
        body[:22] + b"[]",
        body[:22] + b"{}",
    ):
        with pytest.raises(
            (
                errors.CheckViolation,
                errors.InvalidTextRepresentation,
                errors.CharacterNotInRepertoire,
            )
        ):
            record(node, made, objects, body=junk)
    with pytest.raises(errors.CheckViolation):
        record(node, made, (*objects, *objects))
    with pytest.raises(errors.InsufficientPrivilege):  # the words of a motive are the desk's
        record(node, *entry(motive_digest=bytes(16)))
    with pytest.raises(errors.InsufficientPrivilege):
        record(node, *entry(objects=(ObjectRef(kind="measure", id=SOMEBODY),)))
    record(node, made, objects)
    assert is_whole()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 33])
def test_the_database_computes_the_root_of_the_objects(node, count: int) -> None:
    now = datetime.now(UTC)
    objects = tuple(
        ObjectRef(kind="report", id=new_id(now), digest=bytes([n]) * 16 if n % 3 else None)
        for n in range(count)
    )
    record(node, *entry(objects=objects))
    assert is_whole()


@pytest.mark.parametrize("role", ["app", "worker"])
def test_the_desk_writes_no_time_no_writer_and_no_junk(as_role: Connect, role: str) -> None:
    session = as_role(role)
    made, _ = entry(action="report.read", actor=SOMEBODY, objects=())
    values = [made.id, made.at, made.actor_id, made.action, made.verb.value]
    for column in ("db_at", "writer"):
        statement = DIRECT.replace("(id,", f"({column}, id,").replace("(%s,", "(DEFAULT, %s,", 1)
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute(statement, [*values, canonical.encode(made)])
    for junk in (b"junk", canonical.encode(made).replace(b"report.read", b"report.list")):
        with pytest.raises(errors.CheckViolation):
            session.execute(DIRECT, [*values, junk])
    session.execute(DIRECT, [*values, canonical.encode(made)])
    assert is_whole()


@pytest.mark.parametrize("role", ["app", "worker"])
def test_the_desk_adds_nothing_to_an_entry_that_stands(as_role: Connect, role: str) -> None:
    """A row more, for an entry or for none, and `verify` would call the log broken for ever."""
    session = as_role(role)
    nobody_says_why = system_actor("")
    standing = operations.record(
        actor=nobody_says_why, action="report.expire", at=datetime.now(UTC)
    )
    for entry_id in (standing, new_id(datetime.now(UTC))):
        for statement in (
            "INSERT INTO ledger_object (entry_id, object_id, kind) VALUES (%(id)s, %(id)s, 'report')",
            "INSERT INTO ledger_motive (entry_id, motive) VALUES (%(id)s, 'because')",
        ):
            # The words of a motive that stands are in the way themselves.
            with pytest.raises((errors.RestrictViolation, errors.UniqueViolation)):
                session.execute(statement, {"id": entry_id})
    assert is_whole()
