"""Row-level security: a session of the app sees and takes the rows of its desks, and no others."""

from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection, transaction
from django.test import RequestFactory
from psycopg import errors, sql

from fanal.accounts import row_scope
from fanal.accounts.models import User
from fanal.accounts.queries.people import actor_for
from fanal.config.middleware import bounded_rows
from fanal.db.row_security import BOUNDED
from fanal.kernel import clock
from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role, public_actor, system_actor
from fanal.orient.assignment.operations import assign_report
from fanal.orient.operations.decisions import reopen_case
from tests.actors import desk_actor
from tests.integration.policy.world import make_world

READ_BY_ALL = {"accounts_duty", "accounts_habilitation"}
"""Rights are read before it is known whose request it is; an administrator has no desk."""
GUARDED = {
    "accounts_duty": {errors.CheckViolation},
    "orient_feedback": (errors.CheckViolation,),
    "casework_act": {errors.CheckViolation},
    "orient_assignment": {errors.CheckViolation},
    "orient_case": {errors.CheckViolation, errors.RestrictViolation},
    "orient_decision": {errors.CheckViolation, errors.RestrictViolation},
}
"""What a guard says of a row that is moved or written elsewhere, before the policy is asked."""
FAR_DESK = 2

FIRST, SECOND = (UUID(f"018f0000-0000-7000-8000-00000000000{n}") for n in (1, 2))
FOLD = (
    "INSERT INTO orient_fold (report_id, desk_id, pictures) VALUES (%s, %s, '')",
    "INSERT INTO orient_unfolding VALUES (%s, %s, %s, %s, %s, now(), '')",
    "INSERT INTO orient_assessed VALUES (%s, %s, decode(repeat('ab', 32), 'hex'), '{1}')",
    "INSERT INTO orient_assessed_file VALUES (gen_random_uuid(), %s, %s)",
)
LINK = (
    "INSERT INTO crosscheck_link VALUES (%s, %s, %s, %s, 0.9, '2026-11-24', '\\x00')",
    "INSERT INTO crosscheck_kin VALUES (%s, now(), %s, 1, 0, 0, 0.9, '2026-11-24')",
    "INSERT INTO crosscheck_resemblance VALUES (%s, %s, %s, %s, 0.5, 'test', '\\x00')",
    "INSERT INTO crosscheck_near VALUES (%s, %s, %s, %s, 0.5, '\\x00')",
    "INSERT INTO crosscheck_tie VALUES (%s, %s, %s, %s, 0.9)",
)

DUTY = (
    "INSERT INTO accounts_duty VALUES (gen_random_uuid(), %s, 'WEEKLY', 1, NULL, 'Telephone', 'a@duty.test',"
    " 'Europe/Paris', '{5}', current_date, NULL, '22:00', '06:00', %s, now())"
)
ERASED = "INSERT INTO crosscheck_erased_member VALUES (%s, gen_random_uuid(), %s)"
NAME = "INSERT INTO crosscheck_name VALUES (gen_random_uuid(), %s, %s, 'A name', gen_random_uuid(), now())"


def tables_with_a_desk(urls, condition="true"):
    with psycopg.connect(urls["owner"]) as owner:
        found = owner.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
            " AND NOT c.relispartition AND a.attname = 'desk_id' AND NOT a.attisdropped"
            f" AND {condition} ORDER BY 1"
        )
        return [row[0] for row in found]


def app_of(as_role, desks=(), scope=""):
    """Return a session of the app that shows some desks for as long as it lives."""
    session = as_role("app")
    session.execute("SELECT set_config('fanal.desks', %s, false)", [f"{{{','.join(desks)}}}"])
    session.execute("SELECT set_config('fanal.scope', %s, false)", [scope])
    return session


def desks_seen(session, table):
    query = sql.SQL("SELECT DISTINCT desk_id FROM {}").format(sql.Identifier(table))
    return {row[0] for row in session.execute(query)} - {None}


def test_every_table_with_a_desk_is_secured(database_urls):
    bare = tables_with_a_desk(
        database_urls,
        "NOT (c.relrowsecurity AND EXISTS"
        " (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'app_rows'))",
    )
    assert bare == []
    assert set(tables_with_a_desk(database_urls)) <= BOUNDED.keys()


def test_every_bounded_table_exists_and_partitions_follow_their_parent(database_urls):
    with psycopg.connect(database_urls["owner"]) as owner:
        secured = owner.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relkind IN ('r', 'p')"
        ).fetchall()
    assert {row[0] for row in secured} == BOUNDED.keys()


def test_nothing_set_shows_nothing_and_takes_nothing(database_urls, as_role):
    session = as_role("app")
    assert session.execute("SELECT fanal_desks(), fanal_sender()").fetchone() == ([], None)
    assert session.execute("SELECT fanal_everywhere(), fanal_oversees()").fetchone() == (
        False,
        False,
    )
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        session.execute(
            "INSERT INTO harmonise_sighting (key, report_id, desk_id, role, weak)"
            " VALUES (%s, %s, 1, 1, false)",
            [uuid4(), uuid4()],
        )


def add_folds(owner):
    """Rows that only reports which are the same, or nearly, make."""
    for desk in (1, FAR_DESK):
        report_id, judged = uuid4(), uuid4()
        owner.execute(FOLD[0], [report_id, desk])
        owner.execute(FOLD[1], [judged, report_id, desk, uuid4(), uuid4()])
        for assessed in FOLD[2:]:
            owner.execute(assessed, [report_id, desk])
        owner.execute("INSERT INTO orient_unfolding_words VALUES (%s, 'words')", [judged])
        owner.execute(
            "INSERT INTO orient_answer VALUES (%s, %s, %s, now())", [judged, report_id, desk]
        )


def add_assignments(world):
    """A report of each desk is given to a colleague, who is notified."""
    for cell in ("own", "other_desk"):
        keeper, colleague = (
            actor_for(user=User.objects.get(username=f"{who}-{cell}"), now=clock.now())
            for who in ("keeper", "colleague")
        )
        report_id = world.report_ids[cell]
        reopen_case(actor=keeper, report_id=report_id, now=clock.now())
        assign_report(actor=keeper, report_id=report_id, to=colleague.person_id, now=clock.now())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("installed_keys")
@pytest.mark.role("worker")
def test_a_desk_sees_and_changes_its_own_rows_only(database_urls, as_role):
    add_assignments(make_world())
    owner = as_role("owner")
    add_folds(owner)
    for later, desk, other in ((SECOND, 1, 1), (SECOND, FAR_DESK, FAR_DESK)):
        earlier = FIRST if desk == 1 else UUID(int=FIRST.int - 1)
        owner.execute(LINK[0], [later, earlier, desk, other])
        owner.execute(LINK[2], [later, earlier, desk, other])
        owner.execute(LINK[3], [later, earlier, desk, other])
        owner.execute(LINK[4], [later, earlier, desk, other])
        owner.execute(NAME, [earlier, desk])
        owner.execute(DUTY, [desk, SYSTEM_PERSON])
        owner.execute(ERASED, [earlier, desk])
    near, nobody, audit = app_of(as_role, "1"), as_role("app"), as_role("auditor")
    wrong = []
    for table in sorted(BOUNDED):
        name = sql.Identifier(table)
        count = sql.SQL("SELECT count(*) FROM {}").format(name)
        everything = owner.execute(count).fetchone()[0]
        if audit.execute(count).fetchone()[0] != everything:
            wrong.append(f"{table}: the auditor does not read all")
        if table not in READ_BY_ALL and nobody.execute(count).fetchone() != (0,):
            wrong.append(f"{table}: seen without a desk")
        if app_of(as_role, scope="ALL").execute(count).fetchone()[0] != everything:
            wrong.append(f"{table}: the system does not see all")
    for table in tables_with_a_desk(database_urls):
        if not desks_seen(owner, table) >= {1, FAR_DESK}:
            wrong.append(f"{table}: no rows of both desks to try with")
        wrong += [f"{table}: {fault}" for fault in faults_of(near, table)]
    assert wrong == []


def faults_of(session, table):
    """Yield what a session of desk 1 may wrongly do with rows of the other desk."""
    seen = desks_seen(session, table) - ({FAR_DESK} if table in READ_BY_ALL else set())
    if seen != {1}:
        yield f"sees desks {seen}"
    copied = (
        "INSERT INTO {0} SELECT (jsonb_populate_record(r, jsonb_build_object('desk_id', {1}::int))).*"
        " FROM {0} r WHERE desk_id = 1 LIMIT 1"
    )
    for what, statement in (
        ("moves rows away", "UPDATE {0} SET desk_id = {1}"),
        ("inserts there", copied),
    ):
        # By policy, or by a right that nobody has; a constraint would come too late. Guards ask before the
        # policy does: for the author's office, and what a case or a decision keeps.
        refused = {errors.InsufficientPrivilege, *GUARDED.get(table, ())}
        if (ended := outcome(session, table, statement)) not in refused:
            yield f"{what}: {ended}"
    for statement in (
        "UPDATE {0} SET desk_id = desk_id WHERE desk_id = {1}",
        "DELETE FROM {0} WHERE desk_id = {1}",
    ):
        if outcome(session, table, statement) not in (0, errors.InsufficientPrivilege):
            yield f"reaches the other desk: {statement}"


def outcome(session, table, statement):
    """Return how many rows a statement touched, or the class of what stopped it."""
    try:
        return session.execute(
            sql.SQL(statement).format(sql.Identifier(table), sql.Literal(FAR_DESK))
        ).rowcount
    except psycopg.Error as fault:
        return type(fault)


@pytest.mark.django_db(transaction=True)
def test_a_link_across_desks_is_seen_from_both_ends_and_from_no_third(as_role):
    as_role("owner").execute(LINK[0], [SECOND, FIRST, 1, FAR_DESK])
    seen = [
        app_of(as_role, desk).execute("SELECT count(*) FROM crosscheck_link").fetchone()[0]
        for desk in "123"
    ]
    assert seen == [1, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_what_is_set_ends_with_the_statement_or_its_transaction():
    read = "SELECT current_user, fanal_desks(), fanal_everywhere()"
    with connection.cursor() as cursor:
        with row_scope.shown_to(_analyst(3)):
            cursor.execute(read)
            assert cursor.fetchone() == ("fanal_app", [3], False)
            # The driver itself, past every wrapper: what the next user of this connection would find.
            assert connection.connection.execute(read).fetchone() == ("fanal_app", [], False)
            with transaction.atomic():
                cursor.execute(read)
                with transaction.atomic():
                    cursor.execute(read)
                    transaction.set_rollback(True)
                cursor.execute(read)
                assert cursor.fetchone() == ("fanal_app", [3], False)
                with row_scope.shown_to(None):
                    cursor.execute(read)
                    assert cursor.fetchone() == ("fanal_app", [], False)
            assert connection.connection.execute(read).fetchone() == ("fanal_app", [], False)
        with row_scope.shown_to(system_actor("test")):
            cursor.execute(read)
            assert cursor.fetchone() == ("fanal_app", [], True)
        assert connection.connection.execute(read).fetchone() == ("fanal_app", [], False)


@pytest.mark.django_db
def test_many_statements_at_once_and_composed_ones_are_bound_too():
    with connection.cursor() as cursor, row_scope.shown_to(_analyst(5)):
        cursor.execute("CREATE TEMPORARY TABLE seen (desks integer[])")
        cursor.executemany("INSERT INTO seen SELECT fanal_desks() WHERE %s", [[True], [True]])
        cursor.execute(sql.SQL("SELECT {}()").format(sql.Identifier("fanal_desks")))
        assert cursor.fetchone() == ([5],)
        cursor.execute("SELECT desks FROM seen")
        assert cursor.fetchall() == [([5],), ([5],)]
        assert cursor.rowcount == 2


@pytest.mark.django_db
def test_a_request_starts_with_nothing_and_leaves_nothing():
    shown = []

    def view(_request):
        with connection.cursor() as cursor:
            for actor in (None, _analyst(1), _analyst(2)):
                if actor:
                    row_scope.show_to(actor)
                cursor.execute("SELECT fanal_desks(), fanal_everywhere()")
                shown.append(cursor.fetchone())
        return object()

    with row_scope.shown_to(_analyst(9)):
        bounded_rows(view)(RequestFactory().get("/"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT fanal_desks()")
            assert cursor.fetchone() == ([9],)
    assert shown == [([], False), ([1], False), ([2], False)]


def test_bounds_follow_the_policy():
    partner = Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=uuid4())
    assert row_scope.bounds_of(partner) == row_scope.Bounds(sender=partner.partner_id)
    assert row_scope.bounds_of(public_actor()) == row_scope.NOTHING
    assert row_scope.bounds_of(system_actor("test")).scope == "ALL"
    overseer = Actor(person_id=uuid4(), roles=frozenset({Role.OVERSEER}))
    assert row_scope.bounds_of(overseer) == row_scope.Bounds(scope="OVERSIGHT")
    keeper = desk_actor(person_id=uuid4(), roles={Role.ADMINISTRATOR}, desks={1})
    assert row_scope.bounds_of(keeper) == row_scope.NOTHING
    assert row_scope.bounds_of(_analyst(1)) == row_scope.Bounds(desks=frozenset({1}))


def _analyst(desk):
    return desk_actor(
        person_id=uuid4(),
        roles={Role.ANALYST},
        desks={desk},
    )
