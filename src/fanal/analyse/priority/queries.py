"""Queries on priority rule sets, their dry runs on all stored reports, and re-rankings."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.analyse.domain.records import Because
from fanal.analyse.priority.domain.rules import PriorityRules, read_rules, shipped_rules
from fanal.analyse.priority.domain.scoring import DryRun, ScoreChange
from fanal.db import sql
from fanal.db.sql import uuid_array

# Dry runs on all stored reports, and re-rankings: progress and results.

_BECAUSE = msgspec.json.Decoder(tuple[Because, ...])
_UPWARDS = ["LOW", "NORMAL", "HIGH", "DANGER"]
_SELECT = (
    "SELECT id, ruleset_id, author_id, started_at, rules_in_force, total, reached, outcome, finished_at"
    " FROM analyse_trial"
)


class Trial(Struct, frozen=True, kw_only=True):
    """A dry run of a candidate set of priority rules (`ruleset_id`) on all stored reports, in portions.

    `author_id` started it. `rules_in_force` is the version that the candidate is compared with, `total` the
    number of reports at its start, `reached` the last report compared (None at first), `outcome` the counts
    so far. `finished_at` is None while it goes on.
    """

    id: UUID
    ruleset_id: UUID
    author_id: UUID
    started_at: datetime
    rules_in_force: str
    total: int
    reached: UUID | None
    outcome: DryRun
    finished_at: datetime | None


class Rerank(Struct, frozen=True, kw_only=True):
    """The progress of the re-ranking of waiting reports under newly activated priority rules.

    `changed` is the number of priorities changed so far; `finished_at` is None while it goes on.
    """

    started_at: datetime
    changed: int
    finished_at: datetime | None


def get_trial(*, trial_id: UUID) -> Trial | None:
    """Return a dry run of priority rules on all reports by its id, None if unknown.

    A dry run compares a candidate set with the active one.
    """
    found = _trials(f"{_SELECT} WHERE id = %s", [trial_id])
    return found[0] if found else None


def trials_of(*, ruleset_id: UUID) -> list[Trial]:
    """Return the dry runs of a set of priority rules, the newest first."""
    return _trials(
        f"{_SELECT} WHERE ruleset_id = %s ORDER BY started_at DESC, id DESC", [ruleset_id]
    )


def open_trials() -> list[Trial]:
    """Return the dry runs of priority rules that are not finished, oldest first."""
    return _trials(f"{_SELECT} WHERE finished_at IS NULL ORDER BY started_at, id", [])


def trial_changes(*, trial_id: UUID, limit: int, rising: bool | None = None) -> list[ScoreChange]:
    """Return the `limit` largest score changes that a dry run of candidate rules found, largest first.

    `rising` True restricts them to rises, False to falls, None not at all. If the score is the same, a
    change to a higher level counts as a rise.
    """
    found = sql.rows(
        "SELECT report_id, score_before, score_after, level_before, level_after, because"
        " FROM analyse_trial_change WHERE trial_id = %s AND (%s::boolean IS NULL OR %s ="
        " ((score_after, array_position(%s, level_after))"
        " > (score_before, array_position(%s, level_before))))"
        " ORDER BY abs(score_after - score_before) DESC, report_id LIMIT %s",
        [trial_id, rising, rising, _UPWARDS, _UPWARDS, limit],
    )
    return [
        ScoreChange(
            report_id=report_id,
            before=before,
            after=after,
            level_before=level_before,
            level_after=level_after,
            because=_BECAUSE.decode(bytes(because)),
        )
        for report_id, before, after, level_before, level_after, because in found
    ]


def analysed_between(*, after: UUID | None, before: UUID, limit: int) -> list[UUID]:
    """Return at most `limit` ids of analysed reports of all desks strictly between two ids, ascending.

    `after` None: from the first report.
    """
    found = sql.rows(
        "SELECT report_id FROM analyse_result WHERE revision = 1 AND report_id > %s"
        " AND report_id < %s ORDER BY report_id LIMIT %s",
        [after or UUID(int=0), before, limit],
    )
    return [row[0] for row in found]


def ranked_otherwise(*, report_ids: Sequence[UUID], version: str) -> list[UUID]:
    """Return those of `report_ids` whose newest priority was computed by rules of another version than
    `version`.

    They are in order of id; reports without a priority are left out.
    """
    found = sql.rows(
        "SELECT DISTINCT ON (report_id) report_id, rule_version FROM analyse_priority"
        " WHERE report_id = ANY (%s::uuid[]) ORDER BY report_id, revision DESC",
        [uuid_array(report_ids)],
    )
    return [report_id for report_id, ranked in found if ranked != version]


def ranked_at(*, report_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """Return by report id when its priority was last computed; a report without a priority has no key."""
    found = sql.rows(
        "SELECT report_id, max(written_at) FROM analyse_priority"
        " WHERE report_id = ANY (%s::uuid[]) GROUP BY report_id",
        [uuid_array(report_ids)],
    )
    return dict(found)


def get_rerank(*, ruleset_id: UUID) -> Rerank | None:
    """Return the progress of the re-ranking of reports under a set of priority rules; None without any."""
    row = sql.row(
        "SELECT started_at, changed, finished_at FROM analyse_rerank WHERE ruleset_id = %s",
        [ruleset_id],
    )
    return Rerank(started_at=row[0], changed=row[1], finished_at=row[2]) if row else None


def _trials(query: str, values: list[UUID]) -> list[Trial]:
    return [
        Trial(
            id=row[0],
            ruleset_id=row[1],
            author_id=row[2],
            started_at=row[3],
            rules_in_force=row[4],
            total=row[5],
            reached=row[6],
            outcome=msgspec.json.decode(bytes(row[7]), type=DryRun),
            finished_at=row[8],
        )
        for row in sql.rows(query, values)
    ]


class StoredRuleSet(Struct, frozen=True, kw_only=True):
    """A set of priority rules as stored.

    `body` is its TOML text, `author_id` drafted it; `source` is the name of the shipped file, "" for a set
    that the desk drafted. `state` is DRAFT, DRY_RUN, ACTIVE or CLOSED; `dry_run` the result of its comparison
    with the active rules on past reports, None before. `proposer_id` is the author or, for a shipped file,
    the person who last ran that comparison. `approver_id` activated it at `activated_at`; None before.
    """

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
    """Return the active priority rules; before the first activation, the newest shipped ones."""
    row = sql.row("SELECT body FROM analyse_ruleset WHERE state = 'ACTIVE'")
    return read_rules(row[0]) if row else _SHIPPED


def rules_of(*, version: str) -> PriorityRules:
    """Return the priority rules with this version, stored or shipped.

    Raises:
        LookupError: no such version.
    """
    row = sql.row("SELECT body FROM analyse_ruleset WHERE version = %s", [version])
    if row:
        return read_rules(row[0])
    for rules in shipped_rules():
        if rules.version == version:
            return rules
    raise LookupError(version)


def get_ruleset(*, ruleset_id: UUID) -> StoredRuleSet | None:
    """Return a stored set of priority rules; None if there is none with this id."""
    return next((found for found in list_rulesets() if found.id == ruleset_id), None)


def list_rulesets() -> list[StoredRuleSet]:
    """Return every stored set of priority rules, the most recently drafted first."""
    found = sql.rows(
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
        for row in found
    ]


_SHIPPED = shipped_rules()[-1]
