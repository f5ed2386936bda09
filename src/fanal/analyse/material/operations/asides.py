"""Match-rate circuit breaker: suspends list entries that suddenly match very many reports.

A supervisor releases or withdraws a suspended entry. Only first analyses count, per report and hour; a
replay counts nothing again. The rule is reference data (`material_rule`). Matches of a suspended entry are
still counted and shown, without effect on scores.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app

from fanal import reference
from fanal.accounts.domain.policy import require
from fanal.analyse.domain.records import Analysis
from fanal.analyse.material.operations.lists import touch_list, withdraw_items
from fanal.analyse.material.queries.entries import get_items
from fanal.analyse.material.queries.lists import get_lists
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.reference.records import MaterialRule

ASIDE_NOTICE: Final = "tell_aside"
"""Name of the worker's job that notifies the supervisors; its argument is the id of the suspension."""
MAX_REASON: Final = 500
MATCHES_KEPT: Final = timedelta(days=90)

_WATCHED = frozenset({"KNOWN_HASH", "KNOWN_SET_ASIDE"})
_EVERY_REPORT = UUID(int=0)
_LANES = 16
_COUNT = (
    "INSERT INTO analyse_match AS m (item_id, hour, lane, reports)"
    " SELECT i, date_trunc('hour', %(now)s), pg_backend_pid() %% %(lanes)s, r"
    " FROM unnest(%(items)s::uuid[], %(reports)s::integer[]) AS given (i, r) ORDER BY i"
    " ON CONFLICT (item_id, hour, lane) DO UPDATE SET reports = m.reports + EXCLUDED.reports"
)
# Matches count since the last release, and not at all in the rest period after it.
_SUDDEN = """
    SELECT m.item_id, sum(m.reports) FROM analyse_match m
    LEFT JOIN LATERAL (
        SELECT max(ended_at) AS at FROM analyse_aside a WHERE a.item_id = m.item_id
    ) released ON true
    WHERE m.item_id = ANY(%(items)s::uuid[]) AND m.hour > %(after)s
    AND (released.at IS NULL OR released.at < %(rested)s AND m.hour > released.at)
    AND NOT EXISTS (
        SELECT FROM analyse_aside a WHERE a.item_id = m.item_id AND a.ended_at IS NULL)
    GROUP BY m.item_id HAVING sum(m.reports) >= %(matches)s
"""


def current_rule(now: datetime) -> MaterialRule:
    """Return the `material_rule` in force on the day of `now`, Europe/Paris.

    It holds the limits of the match-rate circuit breaker and the weight of votes on list entries.
    """
    (rule,) = reference.load().in_force(MaterialRule, paris_day(now))
    return rule


def watch_matches(
    *, actor: Actor, analyses: Sequence[Analysis], rule: MaterialRule, now: datetime
) -> list[UUID]:
    """Add the matches of new reports to the hourly counts; suspend list entries that suddenly match too
    many.

    Too many is, within the time window of `rule`, at least its number of reports and its share of all
    reports. Returns the ids of the suspended entries, in no particular order. `analyses` are the first
    analyses of their reports, each of a different report; matches of addresses do not count. Runs in the
    caller's transaction.
    """
    if not analyses:
        return []
    counted = Counter(item_id for analysis in analyses for item_id in _met(analysis))
    counted[_EVERY_REPORT] = len(analyses)
    sql.run(
        _COUNT,
        {
            "now": now,
            "lanes": _LANES,
            "items": list(counted),
            "reports": list(counted.values()),
        },
    )
    del counted[_EVERY_REPORT]
    sudden = _sudden(counted, rule, now)
    for item_id, matched in sudden.items():
        _set_aside(actor, item_id, matched=matched, rule=rule, now=now)
    return list(sudden)


def release_item(*, actor: Actor, item_id: UUID, reason: str, now: datetime) -> None:
    """Release a list entry suspended by the match-rate circuit breaker.

    Its matches affect scores again from the next report on. `reason` is the person's written reason.

    Raises:
        Refused: the actor may not keep lists.
        Refusal: `NOT_ASIDE`: not suspended; `REASON`: a missing or too long reason.
    """
    require(actor, "list.keep")
    with transaction.atomic():
        list_id = _end(actor, item_id, outcome="RELEASED", reason=reason, now=now)
        touch_list(list_id, now=now)
        _told(actor, "list.release", list_id, item_id, now, detail={"outcome": "RELEASED"})


def withdraw_aside(*, actor: Actor, item_id: UUID, reason: str, now: datetime) -> None:
    """Withdraw an entry suspended by the match-rate circuit breaker from its list, as wrong.

    `reason` is the person's written reason.

    Raises:
        Refused: the actor may not keep lists.
        Refusal: `NOT_ASIDE`: not suspended; `REASON`: a missing or too long reason.
    """
    require(actor, "list.keep")
    with transaction.atomic():
        list_id = _end(actor, item_id, outcome="WITHDRAWN", reason=reason, now=now)
        name = get_lists()[list_id].name
        withdraw_items(actor=actor, name=name, item_ids=[item_id], now=now)
        _told(actor, "list.release", list_id, item_id, now, detail={"outcome": "WITHDRAWN"})


def forget_matches(*, actor: Actor, now: datetime) -> int:
    """Delete the hourly counts of matches with list entries older than ninety days; return their number.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    return sql.run("DELETE FROM analyse_match WHERE hour < %s", [now - MATCHES_KEPT])


def _met(analysis: Analysis) -> set[UUID]:
    """Return the list entries (item ids) that the files of a report match.

    Matches of addresses do not count, since a busy host matches often.
    """
    return {
        UUID(str(finding.because.parameters["entry"]))
        for finding in analysis.findings
        if finding.code in _WATCHED and finding.source.startswith("files[")
    }


def _sudden(item_ids: Iterable[UUID], rule: MaterialRule, now: datetime) -> dict[UUID, int]:
    """Return the list entries to suspend, each with its number of matching reports.

    An entry is suspended if, within the time window of `rule`, it matched at least the rule's number of
    reports and its share of all reports. Left out are entries suspended already, or released within the
    rule's rest period; matches before a release do not count. `item_ids` are the entries that the new
    reports matched.
    """
    said = rule.value
    after = now - timedelta(hours=said.window_hours)
    found = sql.rows(
        _SUDDEN,
        {
            "items": list(item_ids),
            "after": after,
            "rested": now - timedelta(hours=said.rest_hours),
            "matches": said.matches,
        },
    )
    many = {item_id: int(count) for item_id, count in found}
    if not many:
        return {}
    total = sql.one(
        "SELECT coalesce(sum(reports), 0) FROM analyse_match WHERE item_id = %s AND hour > %s",
        [_EVERY_REPORT, after],
    )
    every = int(total[0])
    return {i: count for i, count in many.items() if 100 * count >= said.share_percent * every}


def _set_aside(
    actor: Actor, item_id: UUID, *, matched: int, rule: MaterialRule, now: datetime
) -> None:
    item = get_items(item_ids=[item_id]).get(item_id)
    if item is None:
        return
    aside_id, hours = new_id(now), rule.value.window_hours
    found = sql.run(
        "INSERT INTO analyse_aside (id, list_id, item_id, since, matched, hours, rule)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (item_id) WHERE ended_at IS NULL DO NOTHING",
        [
            aside_id,
            item.list_id,
            item_id,
            now,
            matched,
            hours,
            rule.entry_id,
        ],
    )
    if not found:
        return
    touch_list(item.list_id, now=now)
    detail: dict[str, str | int] = {"matched": matched, "hours": hours, "rule": rule.id}
    _told(actor, "list.set_aside", item.list_id, item_id, now, detail=detail)
    app.configure_task(ASIDE_NOTICE, queue="alarms").defer(aside_id=str(aside_id))


def _end(actor: Actor, item_id: UUID, *, outcome: str, reason: str, now: datetime) -> UUID:
    reason = stripped(reason)
    if not 1 <= len(reason) <= MAX_REASON or "\0" in reason:
        raise Refusal("lists", "REASON")
    row = sql.row(
        "UPDATE analyse_aside SET ended_at = %s, outcome = %s, ended_by = %s, reason = %s"
        " WHERE item_id = %s AND ended_at IS NULL RETURNING list_id",
        [now, outcome, actor.person_id, reason, item_id],
    )
    if row is None:
        raise Refusal("lists", "NOT_ASIDE")
    return UUID(str(row[0]))


def _told(
    actor: Actor,
    action: str,
    list_id: UUID,
    item_id: UUID,
    now: datetime,
    *,
    detail: dict[str, str | int],
) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[
            ObjectRef(kind="list", id=list_id),
            ObjectRef(kind="list_item", id=item_id),
        ],
        detail=detail,
    )
