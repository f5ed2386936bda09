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
    """Count the reports that are not erased in intervals of their receipt, without those under a legal
    hold.

    `edges` are ascending instants. The result has as many numbers: first that of reports received before
    the first edge, then for each following edge those received since the edge before it. With `identities`,
    only reports whose reporter's identity is still stored count. Otherwise early erasures that two people
    agreed on are added to the first number. The caller has checked the right.
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
    """Count the reports with messages in intervals of their last message, without those under a legal hold.

    `edges` and the result are those of `count_reports_due`. A conversation may be kept longer than counted
    here, while the desk has something to decide on its report. The caller has checked the right.
    """
    return sql.by_slot(_CONVERSATIONS, {"edges": list(edges), "last": edges[-1]}, slots=len(edges))
