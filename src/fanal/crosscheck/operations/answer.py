"""Answers to suggestions: a judgement, and what the pair rested on when it was made."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from fanal.crosscheck.domain.dossiers import Act, Judgement
from fanal.crosscheck.domain.encoding import unpack_reasons
from fanal.crosscheck.domain.suggestions import evidence_of
from fanal.crosscheck.operations.near_store import let_wait
from fanal.crosscheck.queries.state import CURRENT


def remember(judgement: Judgement) -> None:
    """Write what each linked pair of a LINK or UNLINK rests on now; in the judgement's transaction."""
    accepted = judgement.act is Act.LINK
    found: dict[tuple[UUID, UUID], tuple[float, frozenset[int]]] = {}
    for one, two, score, content in _between(judgement.left, judgement.right):
        known = found.get((one, two), (0.0, frozenset[int]()))
        evidence = known[1] | evidence_of(unpack_reasons(content))
        found[one, two] = max(known[0], score), evidence
    rows = [
        (judgement.id, one, two, accepted, score, sorted(evidence))
        for (one, two), (score, evidence) in found.items()
    ]
    if not accepted:  # what was rejected twice is suggested no more
        let_wait({end for pair in found for end in pair})
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crosscheck_answer"
            " (judgement_id, report_id, other_id, accepted, score, evidence)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            rows,
        )


def _between(
    left: Sequence[UUID], right: Sequence[UUID]
) -> list[tuple[UUID, UUID, float, memoryview]]:
    ways = " UNION ALL ".join(
        f"SELECT l.report_id, l.other_id, l.score, l.reasons FROM crosscheck_{table} l"  # noqa: S608
        f" WHERE l.report_id = ANY(%({one})s::uuid[]) AND l.other_id = ANY(%({two})s::uuid[]){current}"
        for table, current in (("link", f" AND{CURRENT}"), ("resemblance", ""), ("near", ""))
        for one, two in (("left", "right"), ("right", "left"))
    )
    with connection.cursor() as cursor:
        cursor.execute(ways, {"left": list(left), "right": list(right)})
        rows: list[tuple[UUID, UUID, float, memoryview]] = cursor.fetchall()
        return rows
