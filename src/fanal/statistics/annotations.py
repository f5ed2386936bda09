"""Annotations of charts: outages, changes of rules, and notes that a supervisor writes about a period.

The worker records outages: no sign of a part of the installation (`Part`) for ten minutes. Changes of rules
are read from the ledger, where their activation is an entry.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import may, require
from fanal.db import sql
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.calendar import paris_day, start_of_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger, queries as entries

LONGEST: Final = 200
OUTAGE_FROM: Final = timedelta(minutes=10)
"""Minimum time without a sign of life of a part (`Part`) that counts as an outage."""
_MOST: Final = 100
_ACTIONS: Final = ("rule.activate", "reader.activate")
_WRITTEN: Final = """
SELECT a.id, a.kind, a.first, a.last, a.words, coalesce(p.name, '') FROM statistics_annotation a
LEFT JOIN accounts_person p ON p.id = a.by_id
WHERE a.first < %s AND a.last >= %s AND a.words <> '[…]'
    AND NOT EXISTS (SELECT FROM statistics_annotation_end e WHERE e.annotation_id = a.id)
ORDER BY a.first, a.id LIMIT %s
"""
_OUTAGES: Final = """
SELECT part, since, until FROM statistics_outage WHERE since < %s AND until >= %s
ORDER BY since LIMIT %s
"""
_SAME: Final = """
SELECT a.id FROM statistics_annotation a
WHERE (a.kind, a.first, a.last, a.words) = (%s, %s, %s, %s)
    AND NOT EXISTS (SELECT FROM statistics_annotation_end e WHERE e.annotation_id = a.id)
"""


class AnnotationKind(StrEnum):
    """What an annotation is about: an outage, a change of rules, or something else (NOTE)."""

    OUTAGE = "OUTAGE"
    RULES = "RULES"
    NOTE = "NOTE"


class Part(StrEnum):
    """A part of the installation whose outages are recorded: the worker, and the process of alarm calls."""

    WORKER = "WORKER"
    CALLS = "CALLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """An annotation of the days from `first` to `last` (both included, Europe/Paris).

    An annotation written by a person has the text `words`, the author's name `by` ("" if hidden) and the `id`
    of its row. Any other has empty `words` and a `code`: the `Part` that failed, or the ledger's action for a
    change of rules; `since` and `until` are then the instants of its beginning and end, where known.
    """

    kind: AnnotationKind
    first: date
    last: date
    words: str = ""
    by: str = ""
    id: UUID | None = None
    code: str = ""
    since: datetime | None = None
    until: datetime | None = None


def annotations(*, actor: Actor, since: date, until: date) -> list[Annotation]:
    """Return the annotations of the days from `since` to `until` (excluded), by their first day.

    There are at most a hundred of each kind (written, outage, change of rules). Authors' names are returned
    only to an actor who may write annotations: for all others, statistics name no person.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    begin, end = start_of_day(since), start_of_day(until)
    named = may(actor, "statistics.annotate")
    found = [
        Annotation(
            kind=AnnotationKind(row[1]),
            first=row[2],
            last=row[3],
            words=row[4],
            by=row[5] if named else "",
            id=row[0],
        )
        for row in sql.rows(_WRITTEN, [until, since, _MOST])
    ]
    found += [
        Annotation(
            kind=AnnotationKind.OUTAGE, first=paris_day(row[1]), last=paris_day(row[2]),
            code=row[0], since=row[1], until=row[2],
        )
        for row in sql.rows(_OUTAGES, [end, begin, _MOST])
    ]  # fmt: skip
    acts = entries.acts_since(
        actor=system_actor("statistics"), actions=_ACTIONS, since=begin, until=end, limit=_MOST
    )
    found += [
        Annotation(
            kind=AnnotationKind.RULES, first=paris_day(act.at), last=paris_day(act.at),
            code=act.action, since=act.at,
        )
        for act in acts
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.first, one.last, one.kind))


def write_annotation(
    *, actor: Actor, kind: AnnotationKind, first: date, last: date, words: str, now: datetime
) -> UUID:
    """Write an annotation of the days from `first` to `last` (both included) and return its id.

    If an equal annotation exists, its id is returned and nothing is written.

    Raises:
        Refused: the actor may not annotate statistics.
        Refusal: of kind `annotation`: WORDS (no text, more than 200 characters, or not printable); DAYS
            (the last day is before the first, or in the future).
    """
    require(actor, "statistics.annotate")
    if not words or len(words) > LONGEST or not words.isprintable():
        raise Refusal("annotation", "WORDS")
    if not first <= last <= paris_day(now):
        raise Refusal("annotation", "DAYS")
    with transaction.atomic():
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended('statistics_annotation', 0))")
        same = sql.row(_SAME, [kind.value, first, last, words])
        if same:
            return UUID(str(same[0]))
        annotation_id = new_id(now)
        sql.run(
            "INSERT INTO statistics_annotation (id, kind, first, last, words, by_id, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [annotation_id, kind.value, first, last, words, actor.person_id, now],
        )
        detail = {"annotation": str(annotation_id), "kind": kind.value}
        ledger.record(actor=actor, action="annotation.write", at=now, detail=detail)
    return annotation_id


def end_annotation(*, actor: Actor, annotation_id: UUID, now: datetime) -> None:
    """Remove a written annotation from the charts.

    Raises:
        Refused: the actor may not annotate statistics.
        Refusal: of kind `annotation`: GONE (it does not exist, or is removed already).
    """
    require(actor, "statistics.annotate")
    with transaction.atomic():
        ended = sql.run(
            "INSERT INTO statistics_annotation_end (annotation_id, by_id, at)"
            " SELECT id, %s, %s FROM statistics_annotation WHERE id = %s ON CONFLICT DO NOTHING",
            [actor.person_id, now, annotation_id],
        )
        if not ended:
            raise Refusal("annotation", "GONE")
        detail = {"annotation": str(annotation_id)}
        ledger.record(actor=actor, action="annotation.end", at=now, detail=detail)


def forget_annotations(*, actor: Actor, before: datetime) -> int:
    """Erase the texts of annotations that ended before `before`; return how many.

    The charts no longer show these annotations. An annotation ends when it is removed, or else after its last
    day, but never before the day on which it was written.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    return int(sql.one("SELECT statistics_erase_words(%s)", [before])[0])


def note_alive(*, actor: Actor, parts: Collection[Part], now: datetime) -> int:
    """Record that parts of the installation work at `now`; return how many outages ended by this.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    ended = 0
    with transaction.atomic():
        for part in sorted(parts):
            ended += sql.run(
                "INSERT INTO statistics_outage (part, since, until)"
                " SELECT part, at, %s FROM statistics_alive WHERE part = %s AND at < %s FOR UPDATE"
                " ON CONFLICT DO NOTHING",
                [now, part.value, now - OUTAGE_FROM],
            )
            sql.run(
                "INSERT INTO statistics_alive (part, at) VALUES (%s, %s)"
                " ON CONFLICT (part) DO UPDATE SET at = greatest(statistics_alive.at, excluded.at)",
                [part.value, now],
            )
    return ended
