"""The reading door of intake: envelopes, statuses, and opened bytes for those who hold the key."""

from fanal.intake.queries.conversation import follow, is_reachable, list_messages
from fanal.intake.queries.envelopes import (
    find_desk_number,
    find_key,
    find_references,
    find_wire_number,
    get_by_key,
    get_by_wire_id,
    get_reports,
    list_reports,
)
from fanal.intake.queries.files import (
    get_receipts,
    list_file_ids,
    list_unhashed,
    list_uploads,
    open_submissions,
)
from fanal.intake.queries.pressure import current_limits, get_pressure, install_limits
from fanal.intake.queries.providers import (
    count_by_sender,
    count_states,
    count_weeks,
    list_refusals,
    newest_of,
)
from fanal.intake.queries.reviews import (
    list_ended,
    list_reviews,
    list_unerased,
    review_before,
    review_months,
)
from fanal.intake.queries.senders import count_sent, list_sent
from fanal.intake.queries.statuses import sender_of
from fanal.intake.queries.work import (
    count_received,
    count_withdrawn,
    count_work,
    first_received,
    list_aside,
    list_expired,
    list_held,
    list_quarantine,
    list_silent,
)

__all__ = [
    "count_by_sender",
    "count_received",
    "count_sent",
    "count_states",
    "count_weeks",
    "count_withdrawn",
    "count_work",
    "current_limits",
    "find_desk_number",
    "find_key",
    "find_references",
    "find_wire_number",
    "first_received",
    "follow",
    "get_by_key",
    "get_by_wire_id",
    "get_pressure",
    "get_receipts",
    "get_reports",
    "install_limits",
    "is_reachable",
    "list_aside",
    "list_ended",
    "list_expired",
    "list_file_ids",
    "list_held",
    "list_messages",
    "list_quarantine",
    "list_refusals",
    "list_reports",
    "list_reviews",
    "list_sent",
    "list_silent",
    "list_unerased",
    "list_unhashed",
    "list_uploads",
    "newest_of",
    "open_submissions",
    "review_before",
    "review_months",
    "sender_of",
]
