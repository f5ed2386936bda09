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

__all__ = [
    "KnownRecipient",
    "SentPackage",
    "Transfer",
    "WaitingPlace",
    "get_package",
    "items_of",
    "list_packages",
    "list_planned",
    "list_recipients",
    "list_waiting",
    "planned",
    "reports_in",
]
