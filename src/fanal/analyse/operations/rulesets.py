"""Priority rule sets: drafted by one person, run dry on past reports, put in force by another."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import IntegrityError, connection, transaction

from fanal.analyse import queries
from fanal.analyse.domain.access import require_rule_maker
from fanal.analyse.domain.priority import DryRun, dry_run
from fanal.analyse.domain.records import KinFacts
from fanal.analyse.domain.rules import read_rules
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger

MAX_DRY_RUN = 20_000
_KEPT_CHANGES = 500


class RuleSetRefused(Exception):
    """A rule set cannot take this step; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def draft_ruleset(*, actor: Actor, body: str, now: datetime) -> UUID:
    """Store a candidate rule set (TOML text) and return its id.

    Raises:
        AccessRefused: the actor makes no rules.
        RulesRefused: the text breaks the format or a guarantee.
        RuleSetRefused: VERSION_EXISTS.
    """
    require_rule_maker(actor, "draft rules")
    rules = read_rules(body)
    if rules.version in {shipped.version for shipped in queries.shipped()}:
        raise RuleSetRefused("VERSION_EXISTS")
    ruleset_id = new_id(now)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO analyse_ruleset (id, version, body, author_id, drafted_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                [ruleset_id, rules.version, body, actor.person_id, now],
            )
            _log(actor, "DRAFT", ruleset_id, now)
    except IntegrityError as error:
        raise RuleSetRefused("VERSION_EXISTS") from error
    return ruleset_id


def dry_run_ruleset(
    *,
    actor: Actor,
    ruleset_id: UUID,
    report_ids: Sequence[UUID],
    kin: Sequence[KinFacts],
    now: datetime,
) -> DryRun:
    """Compare a candidate with the rules in force on past reports; nothing of them changes.

    Reports without an analysis, or out of the actor's reach, are left out. At most 20 000 at a time.

    Raises:
        AccessRefused: the actor makes no rules.
        RuleSetRefused: NOT_FOUND, NOT_A_CANDIDATE, TOO_MANY.
    """
    require_rule_maker(actor, "run rules dry")
    if len(report_ids) > MAX_DRY_RUN:
        raise RuleSetRefused("TOO_MANY")
    stored = _candidate(ruleset_id)
    # An administrator has no content right: the comparison is read by the system and shows no content.
    reader = system_actor("dry run of priority rules", desk_ids=actor.desk_ids)
    records = harmonised.get_records(actor=reader, report_ids=report_ids)
    analyses = queries.get_analyses(actor=reader, report_ids=list(records))
    ids = [report_id for report_id in report_ids if report_id in analyses]
    outcome = dry_run(
        [records[i] for i in ids],
        [analyses[i] for i in ids],
        kin,
        (queries.current_rules(on=paris_day(now)), read_rules(stored.body)),
        now,
    )
    kept = msgspec.structs.replace(outcome, changes=outcome.changes[:_KEPT_CHANGES])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analyse_ruleset SET state = 'DRY_RUN', dry_run = %s"
            " WHERE id = %s AND state IN ('DRAFT', 'DRY_RUN')",
            [msgspec.json.encode(kept), ruleset_id],
        )
        _log(actor, "DRY_RUN", ruleset_id, now)
    return outcome


def activate_ruleset(*, actor: Actor, ruleset_id: UUID, now: datetime) -> None:
    """Put a candidate that was run dry in force; the one before is closed.

    Raises:
        AccessRefused: the actor makes no rules.
        RuleSetRefused: NOT_FOUND, NOT_A_CANDIDATE, NOT_RUN_DRY, SAME_PERSON.
    """
    require_rule_maker(actor, "activate rules")
    stored = _candidate(ruleset_id)
    if stored.state != "DRY_RUN":
        raise RuleSetRefused("NOT_RUN_DRY")
    if stored.author_id == actor.person_id:
        raise RuleSetRefused("SAME_PERSON")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analyse_activation (ruleset_id, author_id, approver_id, activated_at)"
            " VALUES (%s, %s, %s, %s)",
            [ruleset_id, stored.author_id, actor.person_id, now],
        )
        cursor.execute("UPDATE analyse_ruleset SET state = 'CLOSED' WHERE state = 'ACTIVE'")
        cursor.execute("UPDATE analyse_ruleset SET state = 'ACTIVE' WHERE id = %s", [ruleset_id])
        _log(actor, "ACTIVE", ruleset_id, now)


def _candidate(ruleset_id: UUID) -> queries.StoredRuleSet:
    found = [r for r in queries.list_rulesets() if r.id == ruleset_id]
    if not found:
        raise RuleSetRefused("NOT_FOUND")
    if found[0].state not in ("DRAFT", "DRY_RUN"):
        raise RuleSetRefused("NOT_A_CANDIDATE")
    return found[0]


def _log(actor: Actor, state: str, ruleset_id: UUID, now: datetime) -> None:  # noqa: PLR0917
    ledger.record(
        actor=actor,
        action="rule.activate" if state == "ACTIVE" else "list.change",
        at=now,
        objects=[ledger.ObjectRef(kind="ruleset", id=ruleset_id)],
        detail={"state": state},
    )
