"""Dry runs on all stored reports, and the re-ranking after an activation, in portions.

Each portion is a single transaction that writes results and progress together. So a killed process loses
at most a portion, and nothing is counted twice.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse import queries
from fanal.analyse.domain.priority import DryRun, ScoreChange, add_runs, dry_run, no_run
from fanal.analyse.domain.records import Analysis, KinFacts
from fanal.analyse.domain.rules import read_rules
from fanal.analyse.operations.rulesets import candidate, keep_dry_run, log_ruleset, wake
from fanal.analyse.queries.rulesets import Trial, get_trial
from fanal.db import sql
from fanal.db.sql import bytes_array, plain_array, text_array, uuid_array
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id

_KEPT_CHANGES = 500


def start_trial(*, actor: Actor, ruleset_id: UUID, now: datetime) -> UUID:
    """Start a comparison of a candidate with the active rules on all reports stored now; the worker runs it.

    Returns the id of the dry run; if a dry run of this set is in progress, its id.

    Raises:
        Refused: the actor may not draft rules.
        RuleSetRefused: NOT_FOUND, NOT_A_CANDIDATE.
    """
    require(actor, "rules.draft")
    stored = candidate(ruleset_id)
    current = queries.current_rules().version
    outcome = no_run(current=current, candidate=read_rules(stored.body).version)
    with transaction.atomic():
        made = sql.row(
            "INSERT INTO analyse_trial (id, ruleset_id, author_id, started_at, rules_in_force, total,"
            " outcome) SELECT %s, %s, %s, %s, %s,"
            " (SELECT count(*) FROM analyse_result WHERE revision = 1), %s"
            " ON CONFLICT (ruleset_id) WHERE finished_at IS NULL DO NOTHING RETURNING id",
            [
                new_id(now),
                ruleset_id,
                actor.person_id,
                now,
                current,
                msgspec.json.encode(outcome),
            ],
        )
        if made is not None:
            log_ruleset(actor, "DRY_RUN", ruleset_id, now)
            wake()
            return UUID(str(made[0]))
        found = sql.one(
            "SELECT id FROM analyse_trial WHERE ruleset_id = %s AND finished_at IS NULL",
            [ruleset_id],
        )
        return UUID(str(found[0]))


def hold_trial(*, actor: Actor, trial_id: UUID) -> Trial | None:
    """Lock a dry run for a portion; return None if it is finished or locked by another worker.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    found = sql.row(
        "SELECT id FROM analyse_trial WHERE id = %s AND finished_at IS NULL FOR UPDATE SKIP LOCKED",
        [trial_id],
    )
    return get_trial(trial_id=trial_id) if found else None


def try_portion(
    *,
    trial: Trial,
    reports: Sequence[HarmonisedReport],
    analyses: Mapping[UUID, Analysis],
    kin: Sequence[KinFacts],
    reached: UUID,
) -> DryRun:
    """Compare a portion of reports under both rule sets, as of the dry run's start; store the progress.

    `reached` is the last report of the portion, `kin` holds counts of related reports. Returns the counts so
    far.

    Raises:
        KeyError: a report has no analysis in `analyses`.
        LookupError: one of the rule versions is unknown.
    """
    found = dry_run(
        reports,
        [analyses[report.report_id] for report in reports],
        kin,
        (
            queries.rules_of(version=trial.rules_in_force),
            queries.rules_of(version=trial.outcome.candidate),
        ),
        trial.started_at,
    )
    outcome = add_runs(trial.outcome, found)
    _write_changes(trial.id, found.changes)
    sql.run(
        "UPDATE analyse_trial SET reached = %s, outcome = %s WHERE id = %s",
        [reached, msgspec.json.encode(outcome), trial.id],
    )
    return outcome


def finish_trial(*, trial: Trial, now: datetime) -> DryRun:
    """Finish a dry run, and store its outcome with the largest changes in its rule set."""
    changes = tuple(queries.trial_changes(trial_id=trial.id, limit=_KEPT_CHANGES))
    outcome = msgspec.structs.replace(trial.outcome, changes=changes)
    sql.run("UPDATE analyse_trial SET finished_at = %s WHERE id = %s", [now, trial.id])
    keep_dry_run(trial.ruleset_id, outcome, by=trial.author_id)
    return outcome


def hold_rerank(*, actor: Actor) -> tuple[UUID, UUID | None] | None:
    """Lock the re-ranking in progress; return (rule set, last report ranked), or None.

    None if there is none, or another worker holds it. A re-ranking whose rule set is no longer active is
    deleted: that of the next set covers its reports.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM analyse_rerank k USING analyse_ruleset r"
            " WHERE r.id = k.ruleset_id AND r.state <> 'ACTIVE' AND k.finished_at IS NULL"
        )
        cursor.execute(
            "SELECT ruleset_id, reached FROM analyse_rerank WHERE finished_at IS NULL"
            " FOR UPDATE SKIP LOCKED"
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None


def write_rerank(*, ruleset_id: UUID, reached: UUID | None, changed: int, now: datetime) -> bool:
    """Store the progress of a re-ranking; return whether it is finished.

    `reached` is the last report ranked and `changed` the number of priorities changed since the last call.
    `reached` None ends a pass. A pass that changed a report is followed by another, since reports may have
    arrived meanwhile.
    """
    found = sql.one(
        "UPDATE analyse_rerank SET reached = %s, changed = changed + %s,"
        " in_pass = CASE WHEN %s::uuid IS NULL THEN 0 ELSE in_pass + %s END,"
        " finished_at = CASE WHEN %s::uuid IS NULL AND in_pass + %s = 0 THEN %s END"
        " WHERE ruleset_id = %s RETURNING finished_at IS NOT NULL",
        [reached, changed, reached, changed, reached, changed, now, ruleset_id],
    )
    return bool(found[0])


def _write_changes(trial_id: UUID, changes: Sequence[ScoreChange]) -> None:
    sql.run(
        "INSERT INTO analyse_trial_change (trial_id, report_id, score_before, score_after,"
        " level_before, level_after, because) SELECT %s, * FROM unnest(%s::uuid[], %s::smallint[],"
        " %s::smallint[], %s::text[], %s::text[], %s::bytea[])",
        [
            trial_id,
            uuid_array(change.report_id for change in changes),
            plain_array(str(change.before) for change in changes),
            plain_array(str(change.after) for change in changes),
            text_array(change.level_before for change in changes),
            text_array(change.level_after for change in changes),
            bytes_array(msgspec.json.encode(change.because) for change in changes),
        ],
    )
