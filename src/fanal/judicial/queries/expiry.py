"""Referrals and sheets whose words are due to expire, with the reports whose legal hold keeps them."""

from datetime import datetime
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id


class Due(Struct, frozen=True, kw_only=True):
    """An act that is due, and the reports that it rests on."""

    id: UUID
    report_ids: tuple[UUID, ...]


_REFERRALS = """
SELECT r.id, ARRAY[r.report_id] FROM judicial_referral r
WHERE r.id > %(after)s AND r.id < %(first)s
  AND NOT EXISTS (SELECT FROM judicial_step s WHERE s.referral_id = r.id AND s.recorded_at >= %(before)s)
  AND (EXISTS (SELECT FROM judicial_text t WHERE t.referral_id = r.id)
       OR EXISTS (SELECT FROM judicial_step s WHERE s.referral_id = r.id AND s.proof NOT IN ('', '[…]')))
ORDER BY r.id LIMIT %(limit)s
"""
_SHEETS = """
SELECT h.id, h.report_ids FROM judicial_sheet h
WHERE h.id > %(after)s AND h.id < %(first)s
  AND NOT EXISTS (SELECT FROM judicial_sheet_step s WHERE s.sheet_id = h.id AND s.recorded_at >= %(before)s)
  AND (EXISTS (SELECT FROM judicial_sheet_words w WHERE w.sheet_id = h.id)
       OR EXISTS (SELECT FROM judicial_sheet_step s WHERE s.sheet_id = h.id AND s.proof NOT IN ('', '[…]')))
ORDER BY h.id LIMIT %(limit)s
"""
_PAYERS = """
SELECT h.id, h.report_ids FROM judicial_sheet h
WHERE h.id > %(after)s AND h.id < %(first)s AND h.payer <> '00000000-0000-0000-0000-000000000000'
  AND NOT EXISTS (SELECT FROM judicial_sheet_step s WHERE s.sheet_id = h.id AND s.recorded_at >= %(before)s)
ORDER BY h.id LIMIT %(limit)s
"""


def list_due_referrals(
    *, actor: Actor, before: datetime, after: UUID | None = None, limit: int = 500
) -> list[Due]:
    """Return referrals (ids above `after`) that still hold words and had no step since `before`.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    return _due(_REFERRALS, _bounds(before, after) | {"limit": limit})


def list_due_sheets(
    *, actor: Actor, before: datetime, after: UUID | None = None, limit: int = 500
) -> list[Due]:
    """Return sheets as `list_due_referrals` does.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    return _due(_SHEETS, _bounds(before, after) | {"limit": limit})


def list_due_payers(
    *, actor: Actor, before: datetime, after: UUID | None = None, limit: int = 500
) -> list[Due]:
    """Return sheets that still name their payer's digest and had no step since `before`.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    return _due(_PAYERS, _bounds(before, after) | {"limit": limit})


def _bounds(before: datetime, after: UUID | None) -> dict[str, UUID | datetime | int]:
    return {"after": after or UUID(int=0), "first": lowest_id(before), "before": before}


def _due(statement: str, parameters: dict[str, UUID | datetime | int]) -> list[Due]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Due(id=row[0], report_ids=tuple(row[1])) for row in cursor.fetchall()]
