"""Priority rule sets: one person drafts them, a dry run compares them on past reports, another activates
them.

The system activates the newest shipped set at installation. A file shipped later is a draft; the person who
runs its dry run becomes its proposer. Dry runs cover all stored reports, in portions; so does the
re-ranking after an activation. Each portion is a single transaction that writes results and progress
together: a killed process loses at most a portion, and nothing is counted twice.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from fanal.accounts.domain.policy import Reason, Refused, Resource, require
from fanal.accounts.queries.people import granted_by_alone
from fanal.analyse.domain.records import Analysis, KinFacts
from fanal.analyse.priority import queries
from fanal.analyse.priority.domain.rules import (
    PriorityRules,
    newest_shipped,
    read_rules,
    shipped_texts,
)
from fanal.analyse.priority.domain.scoring import DryRun, ScoreChange, add_runs, dry_run, no_run
from fanal.analyse.priority.queries import Trial, get_trial
from fanal.analyse.queries import get_analyses
from fanal.db import sql
from fanal.db.sql import bytes_array, plain_array, text_array, uuid_array
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

# The job that applies rules to stored reports.

RULES_JOB: Final = "apply_rules"
"""The scheduled job that continues dry runs and re-rankings."""


def wake() -> None:
    """Queue the worker's job `apply_rules` (dry runs, new priorities) unless it is queued already.

    The schedule also queues it every minute.
    """
    try:
        with transaction.atomic():
            app.configure_task(RULES_JOB, queueing_lock=RULES_JOB, lock=RULES_JOB).defer(
                timestamp=0
            )
    except AlreadyEnqueued:
        return


MAX_DRY_RUN = 20_000
_KEPT_CHANGES = 500
_ACTIVATES = (Role.SUPERVISOR,)
_LOCK = 0x52554C4553  # "RULES"


def load_shipped(*, actor: Actor, now: datetime) -> list[UUID]:
    """Store the shipped files of priority rules that are not stored yet; return the ids of the new rows.

    In an empty table the system activates the newest file in force by `now` (else the oldest), with its file
    name as `source`. Every other file becomes a draft, so a new version of the package changes no priority by
    itself. Idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    made = []
    with transaction.atomic():
        _lock()
        known = {stored.version for stored in queries.list_rulesets()}
        first = None if known else newest_shipped(on=paris_day(now)).version
        for name, text in shipped_texts():
            rules = read_rules(text)
            if rules.version in known:
                continue
            made.append(_insert(actor, rules, text, source=name, now=now))
            if rules.version == first:
                _activate(made[-1], proposer=None, signers=(actor.person_id, actor), now=now)
                _log_ruleset(actor, "ACTIVE", made[-1], now)
    return made


def draft_ruleset(*, actor: Actor, body: str, now: datetime) -> UUID:
    """Store a candidate set of priority rules (`body`, TOML text); return its id.

    Raises:
        Refused: the actor may not draft rules.
        Refusal: VERSION_EXISTS: a set with this version is stored; or a code of `read_rules`, if the text
            breaks the format or a guarantee.
    """
    require(actor, "rules.draft")
    rules = read_rules(body)
    with sql.unique(Refusal("ruleset", "VERSION_EXISTS")):
        return _insert(actor, rules, body, source="", now=now)


def dry_run_ruleset(
    *,
    actor: Actor,
    ruleset_id: UUID,
    report_ids: Sequence[UUID],
    kin: Sequence[KinFacts],
    now: datetime,
) -> DryRun:
    """Compare a candidate set of priority rules with the active ones on past reports; no report changes.

    Reports without an analysis, or that the actor may not read, are skipped. At most 20 000 reports. All
    score changes are returned, the largest first; the 500 largest are stored with the set. `kin` holds counts
    of related reports.

    Raises:
        Refused: the actor may not draft rules.
        Refusal: NOT_FOUND (no set has this id), NOT_A_CANDIDATE (active, or was so before), TOO_MANY (more
            reports).
    """
    require(actor, "rules.draft")
    if len(report_ids) > MAX_DRY_RUN:
        raise Refusal("ruleset", "TOO_MANY")
    stored = _candidate(ruleset_id)
    records = harmonised.get_records(actor=actor, report_ids=report_ids)
    analyses = get_analyses(actor=actor, report_ids=list(records))
    ids = [report_id for report_id in report_ids if report_id in analyses]
    outcome = dry_run(
        [records[i] for i in ids],
        [analyses[i] for i in ids],
        kin,
        (queries.current_rules(), read_rules(stored.body)),
        now,
    )
    kept = msgspec.structs.replace(outcome, changes=outcome.changes[:_KEPT_CHANGES])
    with transaction.atomic():
        _keep_dry_run(ruleset_id, kept, by=actor.person_id)
        _log_ruleset(actor, "DRY_RUN", ruleset_id, now)
    return outcome


def activate_ruleset(*, actor: Actor, ruleset_id: UUID, now: datetime) -> None:
    """Activate a candidate set of priority rules that has a dry run; the set active before is closed.

    The worker then ranks the waiting reports again. Two people are needed. The proposer is the set's author
    or, for a shipped set, the person of its last dry run. The actor is another supervisor, whose role was not
    granted by the proposer alone.

    Raises:
        Refused: the actor may not activate rules.
        Refusal: NOT_FOUND (no set has this id), NOT_A_CANDIDATE (it is active, or was so before), NOT_RUN_DRY
            (it has no dry run), SAME_PERSON (the actor proposed it), GRANTED_BY_PROPOSER (the proposer alone
            granted the actor's role), NOT_YET (its first day is in the future), STALE (the active rules
            changed since its dry run).
    """
    require(actor, "rules.activate")
    with transaction.atomic():
        _lock()  # the active rules cannot change between the check and the activation
        stored = _candidate(ruleset_id)
        try:
            require(actor, "rules.activate", Resource(owner_id=stored.proposer_id))
        except Refused as refused:
            if refused.reason_code is not Reason.OWN_ACT:
                raise
            raise Refusal("ruleset", "SAME_PERSON") from refused
        if stored.state != "DRY_RUN" or stored.dry_run is None or stored.proposer_id is None:
            raise Refusal("ruleset", "NOT_RUN_DRY")
        if granted_by_alone(
            person_id=actor.person_id, roles=_ACTIVATES, proposers={stored.proposer_id}, now=now
        ):
            raise Refusal("ruleset", "GRANTED_BY_PROPOSER")
        if read_rules(stored.body).in_force_from > paris_day(now):
            raise Refusal("ruleset", "NOT_YET")
        if stored.dry_run.current != queries.current_rules().version:
            raise Refusal("ruleset", "STALE")
        _activate(
            stored.id, proposer=stored.proposer_id, signers=(stored.author_id, actor), now=now
        )
        wake()
        _log_ruleset(actor, "ACTIVE", ruleset_id, now)


def _keep_dry_run(ruleset_id: UUID, outcome: DryRun, *, by: UUID) -> None:
    """Store the outcome of a dry run with its candidate rule set; a shipped set gets `by` as its proposer.

    PostgreSQL moves the set to DRY_RUN (`analyse_keep_ruleset`).
    """
    sql.run(
        "UPDATE analyse_ruleset SET dry_run = %s,"
        " proposer_id = CASE author_id WHEN %s THEN %s ELSE proposer_id END"
        " WHERE id = %s AND state IN ('DRAFT', 'DRY_RUN')",
        [msgspec.json.encode(outcome), SYSTEM_PERSON, by, ruleset_id],
    )


def _candidate(ruleset_id: UUID) -> queries.StoredRuleSet:
    """Return a stored set of priority rules that may still be activated: a draft, or a set with a dry run.

    Raises:
        Refusal: NOT_FOUND (no set has this id), NOT_A_CANDIDATE (it is active, or was so before).
    """
    found = queries.get_ruleset(ruleset_id=ruleset_id)
    if found is None:
        raise Refusal("ruleset", "NOT_FOUND")
    if found.state not in ("DRAFT", "DRY_RUN"):
        raise Refusal("ruleset", "NOT_A_CANDIDATE")
    return found


def _lock() -> None:
    """Take the advisory lock of the active priority rules until the end of the transaction."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _insert(actor: Actor, rules: PriorityRules, body: str, *, source: str, now: datetime) -> UUID:
    ruleset_id = new_id(now)
    proposer = None if actor.person_id == SYSTEM_PERSON else actor.person_id
    sql.run(
        "INSERT INTO analyse_ruleset (id, version, body, author_id, proposer_id, drafted_at, source)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [ruleset_id, rules.version, body, actor.person_id, proposer, now, source],
    )
    _log_ruleset(actor, "DRAFT", ruleset_id, now)
    return ruleset_id


def _activate(
    ruleset_id: UUID, *, proposer: UUID | None, signers: tuple[UUID, Actor], now: datetime
) -> None:
    """Activate a rule set in the database, and start the re-ranking of waiting reports.

    `signers` are (author's id, approver), `proposer` is None for the system. A trigger closes the set
    active before.
    """
    author, approver = signers
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analyse_activation (ruleset_id, author_id, proposer_id, approver_id,"
            " activated_at) VALUES (%s, %s, %s, %s, %s)",
            [ruleset_id, author, proposer, approver.person_id, now],
        )
        cursor.execute(
            "INSERT INTO analyse_rerank (ruleset_id, started_at) VALUES (%s, %s)", [ruleset_id, now]
        )


def _log_ruleset(actor: Actor, state: str, ruleset_id: UUID, now: datetime) -> None:
    """Record in the ledger that a rule set came to a new state (`state`: DRAFT, DRY_RUN or ACTIVE)."""
    ledger.record(
        actor=actor,
        action="rule.activate" if state == "ACTIVE" else "list.change",
        at=now,
        objects=[ObjectRef(kind="ruleset", id=ruleset_id)],
        detail={"state": state},
    )


def start_trial(*, actor: Actor, ruleset_id: UUID, now: datetime) -> UUID:
    """Start a dry run of a candidate set of priority rules on all reports stored now; the worker runs it.

    Returns the id of the dry run; if a dry run of this set is in progress, its id.

    Raises:
        Refused: the actor may not draft rules.
        Refusal: NOT_FOUND (no set has this id), NOT_A_CANDIDATE (it is active, or was so before).
    """
    require(actor, "rules.draft")
    stored = _candidate(ruleset_id)
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
            _log_ruleset(actor, "DRY_RUN", ruleset_id, now)
            wake()
            return UUID(str(made[0]))
        found = sql.one(
            "SELECT id FROM analyse_trial WHERE ruleset_id = %s AND finished_at IS NULL",
            [ruleset_id],
        )
        return UUID(str(found[0]))


def hold_trial(*, actor: Actor, trial_id: UUID) -> Trial | None:
    """Lock an unfinished dry run of priority rules, to compare a portion of reports, and return it.

    None if it is finished, or locked by another worker. The lock lasts until the end of the transaction.

    Raises:
        Refused: the actor may not run the processing stages.
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
    """Compare the priorities of a portion of reports under both rule sets of a dry run; store the progress.

    Ages and deadlines count at the start of the dry run (`trial`). `analyses` are by report id, `kin` holds
    counts of related reports; `reached` is the last report of the portion. Returns the counts so far.

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
    """Finish a dry run of priority rules, store its outcome with the candidate set, and return the outcome.

    The outcome has the 500 largest changes of scores. A dry run compares a candidate set with the active
    one on past reports.
    """
    changes = tuple(queries.trial_changes(trial_id=trial.id, limit=_KEPT_CHANGES))
    outcome = msgspec.structs.replace(trial.outcome, changes=changes)
    sql.run("UPDATE analyse_trial SET finished_at = %s WHERE id = %s", [now, trial.id])
    _keep_dry_run(trial.ruleset_id, outcome, by=trial.author_id)
    return outcome


def hold_rerank(*, actor: Actor) -> tuple[UUID, UUID | None] | None:
    """Lock the re-ranking of waiting reports in progress; return (rule set, last report ranked).

    The last report is None at the start of a pass. The result is None if no re-ranking is in progress, or
    another worker holds the lock. A re-ranking whose rule set is no longer active is deleted: that of the
    next set covers its reports.

    Raises:
        Refused: the actor may not run the processing stages.
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
    """Store the progress of a re-ranking of waiting reports; return whether it is finished.

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
