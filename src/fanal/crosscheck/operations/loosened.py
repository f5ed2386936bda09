"""Which dossiers are derived anew when links are certain no more: those that other certain links do not hold.

Most pairs that part stay in one dossier, since whoever came between them is linked to both. To derive a
dossier of hundreds anew for each of them would cost more than all the rest of a batch.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection

from fanal.crosscheck.domain.dossiers import Strong, still_apart
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.operations.sightings import Gathered
from fanal.crosscheck.queries import state
from fanal.kernel.arrays import uuid_array

Pair = tuple[UUID, UUID]


def loosened(lost: Sequence[Pair], strong: Sequence[Strong], gathered: Gathered) -> set[UUID]:
    """Return the reports whose dossiers are to be derived anew, of pairs that are certain no more.

    `strong` are the certain links of the batch. Where judgements speak, each link may matter.
    """
    if not lost:
        return set()
    joins = [(found.one, found.two) for found in strong]
    apart = still_apart(lost, joins)
    if apart:
        apart = still_apart(apart, [*joins, *_certain_among(_holders(apart, gathered))])
    return _ends(apart) | _judged(_ends(lost))


def _holders(pairs: Iterable[Pair], gathered: Gathered) -> set[UUID]:
    """Return who holds the values by which these pairs met, as far as they were read."""
    parted = (gathered.parted[pair].values for pair in pairs if pair in gathered.parted)
    values = frozenset[tuple[str, str]]().union(*parted)
    return {
        report_id
        for key, one in gathered.held.items()
        if key in gathered.moved or (one.selector.kind.value, one.selector.value) in values
        for report_id in one.read
    }


def _certain_among(reports: set[UUID]) -> list[Pair]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, other_id FROM crosscheck_link WHERE report_id = ANY(%(ids)s::uuid[])"
            " AND other_id = ANY(%(ids)s::uuid[]) AND rule_version = %(version)s"
            " AND score >= %(strong)s",
            {
                "ids": uuid_array(sorted(reports)),
                "version": load_weights().version,
                "strong": load_weights().strong - 1e-6,
            },
        )
        pairs: list[Pair] = cursor.fetchall()
        return pairs


def _judged(ends: set[UUID]) -> set[UUID]:
    """Return those of `ends` in whose dossiers a judgement speaks."""
    standing = state.standing_of(ends)
    judged = state.judged_among(ends, standing.sizes)
    return {end for end in ends if end in judged or standing.anchors.get(end) in judged}


def _ends(pairs: Iterable[Pair]) -> set[UUID]:
    return {end for pair in pairs for end in pair}
