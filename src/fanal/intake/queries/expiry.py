"""Numbers of reports, identities and conversations that reach the end of their retention, by interval."""

from collections.abc import Sequence
from datetime import datetime

from fanal.db import sql
from fanal.kernel.ids import lowest_id

_HELD = "EXISTS (SELECT FROM intake_hold h WHERE h.report_id = {0} AND h.lifted_at IS NULL)"
_REPORTS = f"""
SELECT width_bucket(r.id, %(ids)s::uuid[]), count(*) FROM intake_report r
WHERE r.id < %(last)s AND {{wanted}} AND NOT {_HELD.format("r.id")} GROUP BY 1
"""  # noqa: S608 - constants
_ENDED = f"""
SELECT count(*) FROM intake_review v
JOIN intake_review_second s ON s.review_id = v.id AND s.agreed
JOIN intake_report r ON r.id = v.report_id AND r.erased_at IS NULL
WHERE NOT {_HELD.format("r.id")}
  AND NOT EXISTS (SELECT FROM intake_review n WHERE n.report_id = v.report_id AND n.id > v.id)
  AND r.id >= %s
"""  # noqa: S608 - constants
_CONVERSATIONS = f"""
SELECT width_bucket(c.newest, %(edges)s::timestamptz[]), count(*) FROM (
    SELECT m.report_id, max(m.created_at) AS newest FROM intake_message m GROUP BY m.report_id
) c WHERE c.newest < %(last)s AND NOT {_HELD.format("c.report_id")} GROUP BY 1
"""  # noqa: S608 - constants


def count_reports_due(*, edges: Sequence[datetime], identities: bool = False) -> list[int]:
    """Count the reports that are not erased by their time of receipt, without those under a legal hold.

    The first number is of those received before the first of `edges` (ascending), each other one of those
    between an edge and the next. With `identities`, the reports count whose reporter's identity is stored.
    Early erasures that two people agreed on are in the first number. The caller has checked the right.
    """
    wanted = "r.identity_id IS NOT NULL" if identities else "r.erased_at IS NULL"
    ids = [lowest_id(edge) for edge in edges]
    found = sql.by_slot(
        _REPORTS.format(wanted=wanted), {"ids": ids, "last": ids[-1]}, slots=len(edges)
    )
    if not identities:
        found[0] += int(sql.one(_ENDED, [ids[0]])[0])
    return found


def count_conversations_due(*, edges: Sequence[datetime]) -> list[int]:
    """Count the reports with messages by the time of the last one, without those under a legal hold.

    By intervals as `count_reports_due`. A conversation is kept longer while the desk has something to decide
    on its report. The caller has checked the right.
    """
    return sql.by_slot(_CONVERSATIONS, {"edges": list(edges), "last": edges[-1]}, slots=len(edges))
