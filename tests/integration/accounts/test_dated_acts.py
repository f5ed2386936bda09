"""Every table in which the desk's role writes what a person did refuses an instant ahead, in every row."""

import pytest
from django.db import DatabaseError, connection, transaction

from tests.refusals import CHECK, sqlstate_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers_clock")]
PEOPLE = (
    "author_id|person_id|[a-z]+_by|[a-z]+_by_id|approver_id|proposer_id|second_id|voter_id|actor_id"
    "|overseer_id|checker_id"
)
GUARDED = (
    # Their guards compare the instant with the office of who acts, through `accounts_acts`.
    "accounts_habilitation_approval", "accounts_instruction", "accounts_instruction_end",
    "accounts_instruction_second", "analyse_activation", "analyse_example", "analyse_reader",
    "analyse_reader_activation", "analyse_ruleset", "casework_act", "casework_approval", "casework_document",
    "casework_step", "intake_hold", "intake_review", "intake_review_second",
)  # fmt: skip
OTHERS = (
    # The database dates entries itself (`db_at`), an account is no act, and a lease has its own bound.
    "ledger_entry", "accounts_user", "orient_case",
    # What lists, votes and trials say of themselves: none of it ends or grants a right.
    "analyse_aside", "analyse_change", "analyse_judgement", "analyse_trial", "analyse_vote",
)  # fmt: skip
ACTS = [
    ("accounts_habilitation", "granted_at"), ("accounts_partnercredential", "revoked_at"),
    ("accounts_review", "reviewed_at"), ("accounts_revocation", "revoked_at"),
    ("crosscheck_judgement", "made_at"), ("deconfliction_counterpart", "added_at"),
    ("deconfliction_limit", "set_at"), ("deconfliction_step", "at"), ("deconfliction_withholding", "made_at"),
    ("distribution_recipient", "added_at"), ("distribution_sender_key", "added_at"),
    ("distribution_sender_key", "revoked_at"), ("exchange_source", "added_at"),
    ("harmonise_opening", "opened_at"), ("harmonise_opening_seen", "seen_at"), ("intake_message", "created_at"),
    ("measures_answer", "at"), ("measures_contact", "informed_at"), ("measures_recommendation", "made_at"),
    ("measures_session", "started_at"), ("orient_alarm", "acknowledged_at"), ("orient_decision", "decided_at"),
    ("orient_feedback", "given_at"), ("orient_note", "written_at"), ("orient_unfolding", "judged_at"),
    ("orient_view", "saved_at"),
]  # fmt: skip


def refusal(table: str, column: str, instant: str) -> str:
    """Return what PostgreSQL says of a row of this column alone: something is always missing."""
    author = ", gen_random_uuid()" if table == "intake_message" else ""
    names = column + (", author_id" if author else "")
    with (
        pytest.raises(DatabaseError) as refused,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({instant}{author})")
    return f"{sqlstate_of(refused.value)} {refused.value}"


@pytest.mark.parametrize(("table", "column"), ACTS)
def test_no_act_is_dated_ahead(table: str, column: str) -> None:
    said = f"{CHECK} nobody acts ahead of time: {table}.{column}"
    for instant in ("'infinity'", "'-infinity'", "clock_timestamp() + interval '1 minute'"):
        assert refusal(table, column, instant).startswith(said)
    assert "ahead" not in refusal(table, column, "clock_timestamp()")


def test_every_table_of_acts_is_known_here() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace AND has_any_column_privilege(c.oid, 'INSERT')"
            " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
            " AND a.atttypid = 'timestamptz'::regtype)"
            " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
            " AND a.atttypid = 'uuid'::regtype AND a.attname ~ %s)",
            [f"^({PEOPLE})$"],
        )
        found = {name for (name,) in cursor.fetchall()}
    assert found == {table for table, _ in ACTS} | set(GUARDED) | set(OTHERS)
