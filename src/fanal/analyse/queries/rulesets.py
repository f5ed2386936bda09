"""Rule sets of the priority: the one in force, and every stored one."""

from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection
from msgspec import Struct

from fanal.analyse.domain.priority import DryRun
from fanal.analyse.domain.rules import PriorityRules, read_rules, shipped_rules


class StoredRuleSet(Struct, frozen=True, kw_only=True):
    """A rule set as stored: text, author, state, last dry run, and who put it in force."""

    id: UUID
    version: str
    body: str
    author_id: UUID
    drafted_at: datetime
    state: str
    dry_run: DryRun | None = None
    proposer_id: UUID | None = None
    approver_id: UUID | None = None
    activated_at: datetime | None = None
    source: str = ""  # the shipped file it came from


def current_rules() -> PriorityRules:
    """Return the activated rules; before there are any, the newest that the package ships."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM analyse_ruleset WHERE state = 'ACTIVE'")
        row = cursor.fetchone()
    return read_rules(row[0]) if row else _SHIPPED


def rules_of(*, version: str) -> PriorityRules:
    """Return the rules that bear a version, stored or shipped.

    Raises:
        LookupError: no such version.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM analyse_ruleset WHERE version = %s", [version])
        row = cursor.fetchone()
    if row:
        return read_rules(row[0])
    for rules in shipped_rules():
        if rules.version == version:
            return rules
    raise LookupError(version)


def get_ruleset(*, ruleset_id: UUID) -> StoredRuleSet | None:
    """Return a stored rule set, None when there is none."""
    return next((found for found in list_rulesets() if found.id == ruleset_id), None)


def list_rulesets() -> list[StoredRuleSet]:
    """Return every stored rule set, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id, r.version, r.body, r.author_id, r.drafted_at, r.state, r.dry_run,"
            " a.approver_id, a.activated_at, r.source, r.proposer_id FROM analyse_ruleset r"
            " LEFT JOIN analyse_activation a ON a.ruleset_id = r.id ORDER BY r.drafted_at DESC, r.id"
        )
        return [
            StoredRuleSet(
                id=row[0],
                version=row[1],
                body=row[2],
                author_id=row[3],
                drafted_at=row[4],
                state=row[5],
                dry_run=None if row[6] is None else msgspec.json.decode(bytes(row[6]), type=DryRun),
                approver_id=row[7],
                activated_at=row[8],
                source=row[9],
                proposer_id=row[10],
            )
            for row in cursor.fetchall()
        ]


_SHIPPED = shipped_rules()[-1]
