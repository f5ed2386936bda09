"""Matches (identifiers that another organisation also holds): recording, contact, closure, reopening."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import Resource, allows, require
from fanal.db import sql
from fanal.deconfliction.domain.records import HIT, HitState, Round
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.sightings import selector_key
from fanal.intake.domain.records import ReportFacts, ReportState
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

MOST_WORDS: Final = 2000
_MOST_REPORTS: Final = 1000
_MACHINE: Final = system_actor("reports of an identifier that another body holds")
_BY_PEOPLE: Final = frozenset({"contact", "close"})


def write_hits(*, actor: Actor, round_: Round, keys: Sequence[UUID], now: datetime) -> None:
    """Record the identifiers that both sides hold as matches; a known match only gets a new date.

    `round_` is the round of private set intersection that found them; `keys` are selector keys, each derived
    from an identifier's kind and value. Call this in the transaction of the round. The reports of a match are
    found in this desk's own data: the other organisation sends none.
    """
    if not keys:
        return
    given = sql.rows(
        "INSERT INTO deconfliction_hit"
        " (id, counterpart_id, key, round_id, state, met_at, last_met_at, changed_at)"
        " SELECT n.id, %(counterpart)s, n.key, %(round)s, 'NEW', %(now)s, %(now)s, %(now)s"
        " FROM unnest(%(ids)s::uuid[], %(keys)s::uuid[]) AS n (id, key)"
        " ON CONFLICT ON CONSTRAINT deconfliction_hit_once"
        " DO UPDATE SET last_met_at = EXCLUDED.last_met_at RETURNING id, key",
        {
            "counterpart": round_.counterpart_id,
            "round": round_.id,
            "now": now,
            "ids": [new_id(now) for _ in keys],
            "keys": list(keys),
        },
    )
    hits = {key: hit_id for hit_id, key in given}
    found = harmonised.get_sightings(actor=_MACHINE, keys=keys, limit=_MOST_REPORTS)
    facts = get_reports(
        actor=_MACHINE, report_ids=[s.report_id for held in found.values() for s in held.newest]
    )
    pairs = {
        (hits[key], sighting.report_id): sighting.desk_id
        for key, sightings in found.items()
        for sighting in sightings.newest
        if _counts(facts.get(sighting.report_id))
    }
    _add_reports(actor, pairs, now)
    ledger.record_batch(
        actor=actor,
        action="hit.find",
        at=now,
        kind="hit",
        items=[(hit_id, b"") for hit_id in hits.values()],
        detail={"round": str(round_.id), "count": len(hits)},
    )


def note_reports(*, actor: Actor, reports: Sequence[HarmonisedReport], now: datetime) -> int:
    """Add new reports to the matches whose identifier they contain; return the number of pairs added.

    A match is an identifier that another organisation also holds; a pair is a match and a report. A closed
    match is reopened. Priorities of reports do not change.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM deconfliction_hit WHERE key IS NOT NULL)")
        if not reports or cursor.fetchone() == (False,):
            return 0
        held = {
            selector_key(selector.kind, selector.value): None
            for report in reports
            for selector in report.selectors
        }
        cursor.execute(
            "SELECT id, key FROM deconfliction_hit WHERE key = ANY(%s::uuid[])", [list(held)]
        )
        hits: dict[UUID, list[UUID]] = {}
        for hit_id, key in cursor.fetchall():
            hits.setdefault(key, []).append(hit_id)
    met = [
        (hit_id, report.report_id)
        for report in reports
        for selector in report.selectors
        for hit_id in hits.get(selector_key(selector.kind, selector.value), ())
    ]
    desks = harmonised.get_desks(actor=actor, report_ids=[report_id for _, report_id in met])
    pairs = {pair: desks[pair[1]] for pair in met if pair[1] in desks}
    with transaction.atomic():
        return _add_reports(actor, pairs, now)


def move_hit(*, actor: Actor, hit_id: UUID, move: str, words: str, now: datetime) -> None:
    """Record that the other organisation of a match was contacted, or that the match is settled.

    `move` is "contact" or "close". A match is an identifier that both hold. `words` is the person's note; it
    expires.

    Raises:
        Refused: the actor may not do so at any desk with reports in the match.
        Refusal: NOT_FOUND, no such match that the actor may read; WORDS, empty, too long or
            with a NUL character; MOVE, the state allows no such transition.
    """
    text = stripped(words)
    with transaction.atomic():
        row = sql.row(
            "SELECT h.state FROM deconfliction_hit h WHERE h.id = %s FOR UPDATE", [hit_id]
        )
        found = sql.rows(
            "SELECT DISTINCT desk_id FROM deconfliction_hit_report WHERE hit_id = %s", [hit_id]
        )
        desks = [desk_id for (desk_id,) in found]
        if row is None or not any(
            allows(actor, "hit.read", Resource(desk_id=desk_id)).allowed for desk_id in desks
        ):
            raise Refusal("deconfliction", "NOT_FOUND")
        desk = next(
            (d for d in desks if allows(actor, "hit.move", Resource(desk_id=d)).allowed), desks[0]
        )
        require(actor, "hit.move", Resource(desk_id=desk))
        if not 0 < len(text) <= MOST_WORDS or "\x00" in text:
            raise Refusal("deconfliction", "WORDS")
        try:
            state = HIT.apply(HitState(row[0]), move if move in _BY_PEOPLE else "")
        except TransitionRefused:
            raise Refusal("deconfliction", "MOVE") from None
        sql.run(
            "UPDATE deconfliction_hit SET state = %s, changed_at = %s WHERE id = %s",
            [state, now, hit_id],
        )
        _step(actor, hit_id, move, state, now=now, words=text)


def _counts(facts: ReportFacts | None) -> bool:
    """Return whether a report can belong to matches with other organisations: it is complete, and no test.

    `facts` are those of the report; None (unknown report) gives False.
    """
    return facts is not None and facts.state is ReportState.FINISHED and not facts.is_test


def _add_reports(actor: Actor, pairs: Mapping[tuple[UUID, UUID], int], now: datetime) -> int:
    """Add reports to matches (identifiers that both sides hold) and reopen closed ones.

    Return the number of pairs added. `pairs` maps (match id, report id) to the desk of the report.
    """
    if not pairs:
        return 0
    found = sql.rows(
        "INSERT INTO deconfliction_hit_report (hit_id, report_id, desk_id, since)"
        " SELECT n.hit_id, n.report_id, n.desk_id, %s"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS n (hit_id, report_id, desk_id)"
        " ON CONFLICT DO NOTHING RETURNING hit_id",
        [now, [hit for hit, _ in pairs], [report for _, report in pairs], list(pairs.values())],
    )
    added = [hit_id for (hit_id,) in found]
    found = sql.rows(
        "UPDATE deconfliction_hit SET state = %s, changed_at = %s"
        " WHERE id = ANY(%s::uuid[]) AND state = 'CLOSED' RETURNING id",
        [HIT.apply(HitState.CLOSED, "reopen"), now, list(set(added))],
    )
    for (hit_id,) in found:
        _step(actor, hit_id, "reopen", HitState.REOPENED, now=now)
    return len(added)


def _step(
    actor: Actor, hit_id: UUID, move: str, state: HitState, *, now: datetime, words: str = ""
) -> None:
    """Write an event in the life of a match (an identifier that both sides hold), with its ledger entry.

    `move` is the transition, `state` the state after it. The row is permanent; the note (`words`) is stored
    apart from it, because it expires.
    """
    step_id = new_id(now)
    digest = ledger.keyed_digest(kind="step", object_id=step_id, content=words.encode())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO deconfliction_step (id, hit_id, move, state, author_id, at, words_digest)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [step_id, hit_id, move, state, actor.person_id, now, digest if words else None],
        )
        if words:
            cursor.execute(
                "INSERT INTO deconfliction_step_words (step_id, words) VALUES (%s, %s)",
                [step_id, words],
            )
    ledger.record(
        actor=actor,
        action="hit.reopen" if move == "reopen" else "hit.move",
        at=now,
        objects=[ObjectRef(kind="hit", id=hit_id)],
        detail={"state": state.value},
    )
