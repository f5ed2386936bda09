"""The reading door of distribution."""

from fanal.distribution.queries.items import (
    Transfer,
    WaitingPlace,
    items_of,
    list_planned,
    list_waiting,
    planned,
)
from fanal.distribution.queries.packages import (
    KnownRecipient,
    SentPackage,
    get_package,
    list_packages,
    list_recipients,
    reports_in,
)
from fanal.distribution.queries.senders import (
    TakenPackage,
    find_key,
    has_key,
    list_senders,
    list_taken,
)

__all__ = [
    "KnownRecipient",
    "SentPackage",
    "TakenPackage",
    "Transfer",
    "WaitingPlace",
    "find_key",
    "get_package",
    "has_key",
    "items_of",
    "list_packages",
    "list_planned",
    "list_recipients",
    "list_senders",
    "list_taken",
    "list_waiting",
    "planned",
    "reports_in",
]
