"""Answers to suggestions: a judgement, and what the pair rested on when it was made."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from fanal.crosscheck.domain.dossiers import Act, Judgement
from fanal.crosscheck.domain.encoding import unpack_reasons
from fanal.crosscheck.domain.suggestions import evidence_of
from fanal.crosscheck.queries.state import CURRENT


def remember(judgement: Judgement) -> None:
    """Write what each linked pair of a LINK or UNLINK rests on now; in the judgement's transaction."""
    accepted = judgement.act is Act.LINK
    rows = [
        (judgement.id, one, two, accepted, score, sorted(evidence_of(unpack_reasons(content))))
        for one, two, score, content in _between(judgement.left, judgement.right)
    ]
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
        "SELECT l.report_id, l.other_id, l.score, l.reasons FROM crosscheck_link l"  # noqa: S608
        f" WHERE l.report_id = ANY(%({one})s::uuid[]) AND l.other_id = ANY(%({two})s::uuid[])"
        f" AND{CURRENT}"
        for one, two in (("left", "right"), ("right", "left"))
    )
    with connection.cursor() as cursor:
        cursor.execute(ways, {"left": list(left), "right": list(right)})
        rows: list[tuple[UUID, UUID, float, memoryview]] = cursor.fetchall()
        return rows
