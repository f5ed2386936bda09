"""Who holds the values of a batch: of a value that very many hold, as many as its links depend on."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.crosscheck.domain.cards import Card, Evidence, signed
from fanal.crosscheck.domain.weights import Mark, Weights
from fanal.crosscheck.operations.crowds import Crowd, crowd_of
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import Selector
from fanal.harmonise.queries import SharedRow
from fanal.kernel.actors import Actor

KEY = 0xFFFFFFFFFFFFFFFF
MOST_READ = 1000
"""Rows of one value read at once: far above `most_holders`, since some are of reports not linked yet."""


class Held(Struct, frozen=True, kw_only=True):
    """A value of the batch that others hold: its mark, how many reports hold it, some of them.

    `read` are ids, ascending. Up to `sure` they are all there are, so that their places among the holders
    are known; what comes after stands behind more than `most_holders`.
    """

    selector: Selector
    mark: Mark
    holders: int
    read: tuple[UUID, ...]
    sure: UUID | None


def holders_of(
    cards: Mapping[UUID, Card], evidence: Mapping[int, Evidence], weights: Weights, *, actor: Actor
) -> tuple[dict[int, Held], dict[UUID, int]]:
    """Return who holds each value, by key as cards name it; and the desks of all of them.

    `cards` are those of the batch, `evidence` all its values.
    """
    # As their index has them: the server walks from one to the next by pages that it has just read.
    wanted = sorted(evidence.values(), key=attrgetter("whole"))
    keys = [one.whole for one in wanted]
    found = {rows[0][0]: rows for rows in harmonised.get_shared_rows(
        actor=actor, keys=keys, limit=weights.most_holders)}  # fmt: skip
    many = [place for place, rows in found.items() if len(rows) > weights.most_holders]
    settled = _settled([wanted[place] for place in many], weights)
    more = [place for place in many if wanted[place].key not in settled]
    again = harmonised.get_shared_rows(actor=actor, keys=[keys[p] for p in more], limit=MOST_READ)
    found |= {more[rows[0][0]]: rows for rows in again}
    cut = {place for place in more if len(found[place]) > MOST_READ}
    crowds = _crowds(cards, {p: (wanted[p], found[p]) for p in cut}, weights, actor=actor)
    desks: dict[UUID, int] = {}
    held: dict[int, Held] = {}
    octets = {row[1] for place in found.keys() - crowds.keys() for row in found[place]}
    ids = {each: UUID(bytes=each) for each in octets.union(*(c.desks for c in crowds.values()))}
    for place, rows in found.items():
        one, crowd = wanted[place], crowds.get(place)
        if one.key in settled:
            enough = weights.most_holders + 1
            held[one.key] = Held(
                selector=one.selector, mark=one.mark, holders=enough, read=(), sure=None
            )
            continue
        told = crowd.desks.items() if crowd else ((report, desk) for _, report, desk in rows)
        theirs = {ids[report]: desk for report, desk in told}
        if len(theirs) < 2:
            continue
        desks |= theirs
        read = tuple(sorted(theirs))
        # Of a value that more hold than were read it is enough to know that it is so.
        beyond = weights.most_holders if place in cut else 0
        held[one.key] = Held(
            selector=one.selector,
            mark=one.mark,
            holders=len(read) + beyond,
            read=read,
            sure=read[-1] if not beyond else ids[crowd.sure] if crowd and crowd.sure else None,
        )
    return held, desks


def _crowds(
    cards: Mapping[UUID, Card],
    cut: Mapping[int, tuple[Evidence, Sequence[SharedRow]]],
    weights: Weights,
    *,
    actor: Actor,
) -> dict[int, Crowd]:
    """Return the crowds behind persons' values that were not read whole, by the places of the values."""
    persons = {one.key: place for place, (one, _) in cut.items() if weights.mark[one.mark].person}
    batch: dict[int, list[bytes]] = {}
    for report_id, card in cards.items() if persons else ():
        for value in card.values:
            if value.key in persons:
                batch.setdefault(persons[value.key], []).append(report_id.bytes)
    return {
        place: crowd_of(
            cut[place][0].whole, cut[place][1], reports, actor=actor, most=weights.most_holders
        )
        for place, reports in batch.items()
    }


def _settled(many: Sequence[Evidence], weights: Weights) -> set[int]:
    """Return the keys of those values that very many hold by which nobody meets any more.

    A person's value brings its neighbours together whoever holds it; another joins nobody, and once that is
    remembered there is nothing more to know of it: its holders are not read, nor their cards.
    """
    asked = [one for one in many if not weights.mark[one.mark].person]
    if not asked:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, step FROM crosscheck_value WHERE key = ANY(%s::bigint[])",
            [[signed(one.key) for one in asked]],
        )
        steps = {key & KEY: step for key, step in cursor.fetchall()}
    return {one.key for one in asked if steps.get(one.key, 0) > len(weights.mark[one.mark].steps)}
