"""Measures of before: every one that the old tables held is read through today's doors, as it was."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from msgspec import structs
from psycopg.types.json import Jsonb

from fanal.casework.domain.records import ActStep, Addressee
from fanal.config.migration import migrating
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.measures import queries, removal_times as times
from fanal.measures.domain.letters import Issuer, canonical_bytes, read_request
from fanal.measures.domain.records import (
    MeasureKind,
    MeasureState,
    MeasureWarning,
    Request,
    WarningCode,
)
from fanal.measures.domain.warnings import Asked, target_key
from fanal.measures.queries import MeasureFile
from tests.refusals import CHECK, database_refuses
from tests.unit.measures.test_letters_and_clocks import make
from tests.unit.orient.items import NOW

pytestmark = [
    pytest.mark.serial,
    pytest.mark.role("owner"),
    pytest.mark.django_db(transaction=True),  # nothing is undone in the database that is read
]
LAST = [("measures", "0005_steps"), ("casework", "0002_guards")]
ANALYST, OFFICER, OVERSEER = uuid4(), uuid4(), uuid4()
SYSTEM = system_actor("tests")
_made: set[str] = set()
HOUR = timedelta(hours=1)
WARNED = [{"code": "WHOLE_SITE", "addresses": ["https://pictures.example/"]}]
READ = (MeasureWarning(code=WarningCode.WHOLE_SITE, addresses=("https://pictures.example/",)),)
Taken = tuple[str, str, str, dict[str, object]]
"""A step: move, source, target, and its other columns."""

DRAFTED: Taken = ("submit", "DRAFT", "TO_SECOND", {})
SIGNED: Taken = ("approve", "TO_SECOND", "APPROVED", {})
MAILED: Taken = ("send", "APPROVED", "SENT", {"proof": "mail 12", "proof_digest": "ab" * 32})
STORIES: dict[str, tuple[MeasureState, list[Taken]]] = {
    "draft": (MeasureState.DRAFT, []),
    "waiting": (
        MeasureState.TO_SECOND,
        [("submit", "DRAFT", "TO_SECOND", {"cause": "seen today", "warnings": Jsonb(WARNED)})],
    ),
    "approved": (MeasureState.APPROVED, [DRAFTED, SIGNED]),
    "lifted": (
        MeasureState.LIFTED,
        [
            DRAFTED,
            SIGNED,
            MAILED,
            ("receive", "SENT", "RECEIVED", {"proof": "acknowledgement"}),
            ("suspend", "RECEIVED", "SUSPENDED", {"cause": "CLARIFICATION"}),
            ("resume", "SUSPENDED", "RECEIVED", {}),
            ("execute", "RECEIVED", "EXECUTED", {"proof": "capture"}),
            ("lift", "EXECUTED", "LIFTED", {"cause": "gone"}),
        ],
    ),
    "received": (
        MeasureState.RECEIVED,
        [DRAFTED, SIGNED, MAILED, ("receive", "SENT", "RECEIVED", {"proof": "acknowledgement"})],
    ),
    "left": (
        MeasureState.SENT,
        [
            DRAFTED,
            SIGNED,
            ("leave", "APPROVED", "SENT", {"proof": "mail 13", "ground_gone_at": NOW}),
        ],
    ),
    "withdrawn": (
        MeasureState.WITHDRAWN,
        [DRAFTED, ("withdraw", "TO_SECOND", "WITHDRAWN", {"cause": "REPLACED"})],
    ),
    "amended": (
        MeasureState.DRAFT,
        [
            DRAFTED,
            ("refuse", "TO_SECOND", "DRAFT", {}),
            ("amend", "DRAFT", "DRAFT", {"actor_id": OFFICER}),
        ],
    ),
    "erased": (
        MeasureState.EXECUTED,
        [
            DRAFTED,
            SIGNED,
            ("send", "APPROVED", "SENT", {"proof": "[…]", "proof_digest": "ab" * 32}),
            ("receive", "SENT", "RECEIVED", {"proof": "[…]"}),
            ("suspend", "RECEIVED", "SUSPENDED", {"cause": "[…]"}),
            ("execute", "SUSPENDED", "EXECUTED", {"proof": "[…]"}),
        ],
    ),
}
NUMBERS = {name: new_id(NOW + n * HOUR) for n, name in enumerate(STORIES)}
_INSTANTS = {
    "submit": "submitted_at", "approve": "approved_at", "send": "sent_at", "leave": "sent_at",
    "receive": "received_at", "execute": "executed_at",
}  # fmt: skip


@pytest.fixture(autouse=True)
def upgraded(transactional_db: None, database_urls: Mapping[str, str]) -> Iterator[None]:
    """Django reads a database that stood at the migration before and was upgraded, by the first test."""
    settings, ours = connection.settings_dict, connection.settings_dict["NAME"]
    name = f"{ours}_before"
    connection.close()
    settings["NAME"] = name
    try:
        if name not in _made:
            with psycopg.connect(database_urls["owner"], autocommit=True) as owner:
                owner.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                owner.execute(f"CREATE DATABASE {name}")
            with migrating(owner_url=database_urls["owner"].replace(ours, name), mark=None):
                _upgrade()
            _made.add(name)
        yield
    finally:
        connection.close()
        settings["NAME"] = ours


def _upgrade() -> None:
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    kept = [one for one in leaves if one[0] not in {"measures", "casework"}]
    executor.migrate([*kept, *LAST])
    with connection.cursor() as cursor:
        # As `fanal migrate` left them: a table is dropped with what names it.
        for table in ("approval", "step", "target"):
            cursor.execute(
                f"CREATE POLICY app_rows ON measures_{table} TO fanal_app"
                " USING (EXISTS (SELECT FROM measures_measure p WHERE p.id = measure_id))"
            )
        _fill(cursor)
    MigrationExecutor(connection).migrate(leaves)


def _fill(cursor: Any) -> None:
    for person in (ANALYST, OFFICER, OVERSEER):
        _insert(cursor, "accounts_person", id=person, name="Person", created_at=NOW)
    tables = ("measure", "approval", "step")
    for table in tables:
        cursor.execute(f"ALTER TABLE measures_{table} DISABLE TRIGGER USER")
    for name, (state, taken) in STORIES.items():
        _store(cursor, name, state, taken)
    for table in tables:
        cursor.execute(f"ALTER TABLE measures_{table} ENABLE TRIGGER USER")
    _insert(
        cursor, "measures_recommendation", id=uuid4(), measure_id=NUMBERS["received"], desk_id=1,
        kind="END", words="no longer needed", overseer_id=OVERSEER, made_at=NOW,
    )  # fmt: skip
    for host in (requested("received").host, "never-asked.example"):
        _insert(
            cursor, "measures_contact", host=host, informed_at=NOW, informed_by=OFFICER, proof="mail 3",
        )  # fmt: skip


def _store(cursor: Any, name: str, state: MeasureState, taken: list[Taken]) -> None:
    """Write a measure, its steps and verdicts as the tables of then held them."""
    measure_id, request = NUMBERS[name], requested(name)
    content, created = canonical_bytes(request, issuer=Issuer()), created_at(name)
    digest, erased = hashlib.sha256(content).digest(), name == "erased"
    instants = {
        _INSTANTS[move]: created + n * HOUR
        for n, (move, *_) in enumerate(taken, 1)
        if move in _INSTANTS and name != "amended"
    }
    _insert(
        cursor, "measures_measure", id=measure_id, desk_id=1, report_id=UUID(int=9),
        decision_id=UUID(int=10), kind="REMOVAL", host="" if erased else request.host, state=state,
        level="HIGH", revision=request.revision, request=b"" if erased else content, digest=digest,
        proposer_id=ANALYST, author_id=OFFICER if name == "amended" else ANALYST, created_at=created,
        erased_at=NOW if erased else None, **instants,
    )  # fmt: skip
    for n, (move, source, target, columns) in enumerate(taken, 1):
        at = created + n * HOUR
        _insert(
            cursor, "measures_step", **{
                "id": uuid4(), "measure_id": measure_id, "move": move, "source": source,
                "target": target, "actor_id": ANALYST, "happened_at": at, "recorded_at": at, "db_at": at,
            } | columns,
        )  # fmt: skip
        if move in {"approve", "refuse"}:
            refused = move == "refuse"
            _insert(
                cursor, "measures_approval", measure_id=measure_id, revision=1, proposer_id=ANALYST,
                verdict="REFUSED" if refused else "APPROVED", digest=b"0" * 32 if refused else digest,
                approver_id=OFFICER, at=at, reason="wrong host" if refused else "seen",
                warnings=Jsonb([] if refused else WARNED),
            )  # fmt: skip
    if not erased:
        for address in request.targets:
            _insert(
                cursor, "measures_target", key=target_key(address), measure_id=measure_id,
                revision=request.revision,
            )  # fmt: skip


def _insert(cursor: Any, table: str, **columns: object) -> None:
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(columns.values()))


def created_at(name: str) -> datetime:
    return NOW + list(STORIES).index(name) * HOUR


def requested(name: str) -> Request:
    return make(measure_id=NUMBERS[name], revision=2 if name == "amended" else 1)


def read(name: str) -> MeasureFile:
    found = queries.get_measure(actor=SYSTEM, measure_id=NUMBERS[name])
    assert found is not None
    return found


@pytest.mark.parametrize("name", STORIES)
def test_a_measure_says_what_it_said(name: str) -> None:
    file, content = read(name), canonical_bytes(requested(name), issuer=Issuer())
    found, created = file.measure, created_at(name)
    assert (found.state, found.level, found.created_at) == (STORIES[name][0], "HIGH", created)
    assert (found.desk_id, found.report_id, found.decision_id) == (1, UUID(int=9), UUID(int=10))
    assert found.digest == hashlib.sha256(content).digest()
    assert found.proposer_id == ANALYST
    assert found.author_id == (OFFICER if name == "amended" else ANALYST)
    if name == "erased":
        assert (file.letter.fr, found.request.targets, found.request.host) == ("", (), "")
        assert found.request.kind is MeasureKind.REMOVAL
    else:
        assert found.request == requested(name) == read_request(content)
        assert json.loads(file.letter.machine)["request"]["targets"] == list(found.request.targets)
    for n, (move, *_) in enumerate(STORIES[name][1], 1):
        if move in _INSTANTS and name != "amended":
            assert getattr(found, _INSTANTS[move]) == created + n * HOUR


@pytest.mark.parametrize("name", STORIES)
def test_its_steps_are_those_taken(name: str) -> None:
    created = created_at(name)
    assert read(name).steps == tuple(
        structs.replace(
            ActStep(
                transition=move, source=source, target=target, revision=2 if move == "amend" else 1,
                actor_id=columns.get("actor_id", ANALYST), happened_at=created + n * HOUR,
                recorded_at=created + n * HOUR, addressee="HOST", reason=columns.get("cause", ""),
                proof=columns.get("proof", ""), proof_digest=columns.get("proof_digest", ""),
                lapsed_at=columns.get("ground_gone_at"),
            ),
            warnings=READ if "warnings" in columns else (),
        )
        for n, (move, source, target, columns) in enumerate(STORIES[name][1], 1)
    )  # fmt: skip


def test_verdicts_stand_under_the_bytes_that_they_signed() -> None:
    (signed,) = read("lifted").approvals
    assert (signed.verdict, signed.approver_id, signed.reason, signed.warnings) == (
        "APPROVED", OFFICER, "seen", READ,
    )  # fmt: skip
    assert signed.digest == read("lifted").measure.digest
    (refused,) = read("amended").approvals
    assert (refused.verdict, refused.revision, refused.reason) == ("REFUSED", 1, "wrong host")
    assert queries.seconded_despite(actor=SYSTEM, measure_ids=[*NUMBERS.values()]) == {
        NUMBERS[name] for name in ("approved", "lifted", "received", "left", "erased")
    }


def test_clocks_lists_and_figures_go_on() -> None:
    counts = queries.count_by_state(actor=SYSTEM)
    assert sum(counts.values()) == len(STORIES)
    assert (counts[MeasureState.DRAFT], counts[MeasureState.RECEIVED]) == (2, 1)
    received = read("received").measure
    assert received.received_at is not None
    assert received.legal_due_at == received.received_at + 24 * HOUR
    ((left, step),) = queries.list_left(actor=SYSTEM)
    assert (left.id, step.left_after) == (NUMBERS["left"], True)
    sent = queries.count_sent(actor=SYSTEM, since=NOW - HOUR, until=NOW + 90 * HOUR)
    assert sum(n for *_, n in sent) == 4
    assert queries.count_waiting(actor=SYSTEM) == {
        MeasureState.DRAFT: 2, MeasureState.TO_SECOND: 1, MeasureState.APPROVED: 1,
    }  # fmt: skip
    taken = times.delays(actor=SYSTEM, since=NOW - HOUR, until=NOW + 90 * HOUR)
    assert taken["RECEIPT"].count == 3


def test_who_was_told_under_a_host_is_whoever_requests_about_it_went_to() -> None:
    told = requested("received").recipient
    assert "@" in told
    assert queries.first_contact(actor=SYSTEM, recipient=told) == NOW
    assert read("received").measure.request.recipient == told
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT recipient FROM measures_request ORDER BY 1")
        assert cursor.fetchall() == [("",), (told,)]


def test_the_overseer_s_words_and_the_keys_of_addresses_still_belong_to_it() -> None:
    (made,) = queries.list_recommendations(actor=SYSTEM)
    assert (made.measure_id, made.words) == (NUMBERS["received"], "no longer needed")
    asked = make(measure_id=uuid4(), addressee=Addressee())
    found = queries.warnings_on(
        actor=SYSTEM, asked=[Asked(desk_id=1, report_id=UUID(int=11), request=asked)]
    )[asked.measure_id]
    named = {one.code: set(one.subjects) for one in found}
    assert NUMBERS["lifted"] in named[WarningCode.MEASURE_LIFTED]
    assert named[WarningCode.END_RECOMMENDED] == {NUMBERS["received"]}
    assert WarningCode.MEASURE_WITHDRAWN not in named, "a newer decision replaced it"


def test_nothing_of_the_old_tables_stands_and_the_guards_hold_what_came() -> None:
    with connection.cursor() as cursor:
        for table in ("measures_measure", "measures_approval", "measures_step"):
            cursor.execute("SELECT to_regclass(%s)", [table])
            assert cursor.fetchone() == (None,)
        cursor.execute(
            "SELECT tablename::text FROM pg_policies"
            " WHERE policyname = 'app_rows' AND tablename IN ('measures_target', 'measures_request')"
        )
        assert len(cursor.fetchall()) == 2
    nobody = (
        "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, happened_at,"
        " recorded_at, addressee, revision, proof) VALUES (gen_random_uuid(), %s, 'send', 'APPROVED',"
        " 'SENT', %s, now(), now(), 'HOST', 1, 'mail')"
    )
    with database_refuses(CHECK), connection.cursor() as cursor:
        cursor.execute(nobody, [NUMBERS["approved"], ANALYST])
