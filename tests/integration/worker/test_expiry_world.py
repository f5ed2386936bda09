"""Expiry years ahead, over a world in which everything was said once: no column holds a word of it."""

import os
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import UUID

import msgspec
import psycopg
import pytest
import zstandard
from django.db import DatabaseError, connection, transaction

from fanal.harmonise.domain import records
from fanal.kernel.actors import system_actor
from fanal.lifecycles import LIFECYCLES
from fanal.postgres.binaries import find_binaries
from fanal.vault import keyring
from tests.integration.policy.world import World
from tests.integration.worker.ended_world import CELL, make_ended_world, years_ahead

SYSTEM = system_actor("test")
CANARY = b"canary-"
Connect = Callable[[str], psycopg.Connection]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
_COLUMNS = """
SELECT c.relname, a.attname, a.atttypid = 'bytea'::regtype
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname = 'public' AND NOT c.relispartition
ORDER BY c.relname, a.attnum
"""


@pytest.fixture
def world(installed_keys: None) -> World:
    """The walked world with its acts carried to their end."""
    return make_ended_world()


def _said(value: object) -> bytes:
    """Return what a column holds, unpacked where it is compressed."""
    if not isinstance(value, memoryview | bytes):
        return str(value).encode()
    raw = bytes(value)
    with suppress(zlib.error):
        return raw + zlib.decompress(raw)
    with suppress(records.UnknownEncoding, zlib.error, zstandard.ZstdError, msgspec.MsgspecError):
        return raw + msgspec.json.encode(records.unpack(raw))
    return raw


def _holding(owner: psycopg.Connection) -> Iterator[tuple[str, str, bytes]]:
    """Yield table, column and the word found, for each column of each table that still says one."""
    for table, column, is_bytes in owner.execute(_COLUMNS).fetchall():
        shown = f'"{column}"' if is_bytes else f'"{column}"::text'
        rows = owner.execute(f'SELECT {shown} FROM "{table}" WHERE "{column}" IS NOT NULL')
        for (value,) in rows.fetchall():
            said = _said(value)
            if (at := said.lower().find(CANARY)) >= 0:
                yield table, column, said[at : at + 40]


def _proofs(owner: psycopg.Connection) -> set[bool]:
    """Return whether the files of proofs are erased: their keys gone, nothing left on disk."""
    found = owner.execute(
        "SELECT id, wrapped_key IS NULL FROM vault_object WHERE kind = 'proof'"
    ).fetchall()
    files = keyring.current().vault_folder.glob("files/*/*")
    kept = {UUID(file.name[:36]) for file in files if not file.name.startswith(".")}
    assert all((object_id in kept) is not erased for object_id, erased in found)
    return {erased for _id, erased in found}


def _documents(owner: psycopg.Connection) -> set[str]:
    """Return the kinds of the acts that have a document."""
    found = owner.execute(
        "SELECT DISTINCT a.kind FROM casework_act a JOIN casework_document d ON d.act_id = a.id"
    )
    return {kind for (kind,) in found.fetchall()}


def _lasting(owner: psycopg.Connection) -> list[tuple[str, str]]:
    """Return kind and state of the acts that keep their words because they have not ended."""
    from fanal.worker.expiry import LASTING

    ends = {one.kind: one.states.final for one in LIFECYCLES if one.kind in LASTING}
    found = owner.execute("SELECT kind, state FROM casework_act ORDER BY 1, 2").fetchall()
    return [(kind, state) for kind, state in found if kind in ends and state not in ends[kind]]


def _dump(owner: psycopg.Connection) -> bytes:
    """Return the database as `pg_dump` writes it."""
    program = find_binaries(os.environ).program("pg_dump")
    done = subprocess.run(
        [program, f"--dbname={owner.info.dsn}"],
        env=os.environ | {"PGPASSWORD": owner.info.password},
        capture_output=True,
        check=True,
    )
    return done.stdout.lower()


def test_nothing_that_was_said_outlives_its_class(world: World, as_role: Connect) -> None:
    from fanal.worker.expiry import expire

    owner = as_role("owner")
    before = {(table, column) for table, column, _ in _holding(owner)}
    dump = _dump(owner)
    assert CANARY in dump
    assert CANARY.hex().encode() in dump
    assert {table for table, _ in before} > {
        "casework_document", "casework_step", "casework_approval",
        "measures_request", "measures_contact", "measures_recommendation",
        "measures_answer", "orient_reason", "orient_note_words", "intake_hold", "ledger_motive",
        "accounts_person", "accounts_instruction", "harmonise_record", "harmonise_opening_motive",
        "accounts_duty", "accounts_help_line", "statistics_annotation",
    }  # fmt: skip
    assert _proofs(owner) == {False}
    assert _documents(owner) == {one.kind for one in LIFECYCLES}
    assert _lasting(owner) == []
    expire(actor=SYSTEM, now=years_ahead(world, 12))
    assert _proofs(owner) == {True}
    assert _documents(owner) == set()
    assert sorted(set(_holding(owner))) == []
    dump = _dump(owner)
    assert CANARY not in dump
    assert CANARY.hex().encode() not in dump
    assert CELL in world.measure_ids


def test_a_hold_keeps_the_acts_that_rest_on_a_report_too(world: World) -> None:
    from fanal.accounts.models import User
    from fanal.accounts.queries.people import actor_for
    from fanal.intake.operations.holds import place_hold
    from fanal.judicial import queries as judicial
    from fanal.measures import queries as measures
    from fanal.worker.expiry import expire

    later = years_ahead(world, 12)
    clerk = actor_for(
        user=User.objects.get(username=f"keeper-{CELL}"), now=world.now, motive="walk"
    )
    place_hold(actor=clerk, report_id=world.report_ids[CELL], motive="file 12", now=world.now)
    expire(actor=SYSTEM, now=later)
    kept = judicial.get_referral(actor=SYSTEM, referral_id=world.referral_ids[CELL])
    ended = judicial.get_referral(actor=SYSTEM, referral_id=world.referral_ids["sealed"])
    assert kept is not None
    assert ended is not None
    assert kept.facts is not None
    assert (ended.facts, ended.summary, ended.text_fr) == (None, "", "")
    assert measures.get_measure(actor=SYSTEM, measure_id=world.measure_ids[CELL]).letter.fr
    other = measures.get_measure(actor=SYSTEM, measure_id=world.measure_ids["sealed"])
    assert (other.letter.fr, other.measure.request.host, other.measure.request.targets) == (
        "",
        "",
        (),
    )
    assert len(other.measure.digest) == 32


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE casework_step SET proof = ''",
        "UPDATE casework_step SET proof_name = '[…]', proof_type = ''",
        "UPDATE casework_step SET reason = '', warnings = '[]'",
        "UPDATE casework_approval SET reason = '', warnings = '[]'",
        "UPDATE measures_request SET host = ''",
        "DELETE FROM measures_target",
        "DELETE FROM casework_document",
        "UPDATE accounts_duty SET name = '[…]', address = '[…]'",
        "UPDATE accounts_help_line SET source = '[…]'",
        "UPDATE statistics_annotation SET words = '[…]'",
    ],
)
def test_only_the_definer_function_empties_words(world: World, statement: str) -> None:
    """The worker itself may not, even where it says that it erases; the app may not call the function."""
    assert CELL in world.measure_ids
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('fanal.erasing', 'on', true)")
        with pytest.raises(DatabaseError) as refused, transaction.atomic():
            cursor.execute(statement)
    assert refused.value.__cause__.sqlstate == "42501"


@pytest.mark.role("app")
@pytest.mark.parametrize(
    "call",
    [
        "measures_erase_words('{}')",
        "casework_erase_words('{}')",
        "casework_forget_subjects('{}')",
        "accounts_erase_words(now())",
        "statistics_erase_words(now())",
    ],
)
def test_no_page_may_call_what_expiry_calls(call: str, db: None) -> None:
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as c:
        c.execute(f"SELECT {call}")
    assert refused.value.__cause__.sqlstate == "42501"


def test_pages_of_what_expired_say_what_stays(world: World) -> None:
    from django.test import Client
    from django.urls import reverse

    from fanal.kernel.actors import Role
    from fanal.web.account import second_factor
    from fanal.worker.expiry import ERASERS, horizon

    later = years_ahead(world, 11)
    for eraser in ERASERS:
        if eraser.name in {"reports", "acts", "measures"}:  # the readers are still here
            assert eraser.erase is not None
            eraser.erase(SYSTEM, later, horizon(eraser, later))
    second_factor.install(required=False)
    backend = "allauth.account.auth_backends.AuthenticationBackend"
    try:
        for role, route, object_id in (
            (Role.OVERSEER, "oversight:measure", world.measure_ids[CELL]),
            (Role.OVERSEER, "oversight:measures", None),
            (Role.OVERSEER, "oversight:session", world.session_id),
            (Role.MEASURES_OFFICER, "desk:measure", world.measure_ids[CELL]),
            (Role.OVERSEER, "desk:notice", world.notice_ids[CELL]),
            (Role.JUDICIAL_OFFICER, "desk:referral", world.referral_ids[CELL]),
            (Role.ANALYST, "desk:emergency_call", world.emergency_call_ids[CELL]),
        ):
            client = Client()
            client.force_login(world.users[role], backend=backend)
            page = client.get(reverse(route, args=[object_id] if object_id else []))
            assert page.status_code == 200, route
            said = {word for word in world.canaries if word.encode() in page.content}
            assert {word for word in said if not word.endswith("colleague")} == set(), route
    finally:
        second_factor.install(required=True)
