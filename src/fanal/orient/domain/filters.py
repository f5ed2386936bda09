"""The filters of the queue and its order, as texts: in addresses, forms and saved views."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from enum import StrEnum

import msgspec

from fanal import reference
from fanal.formats.report.records import Channel, ReportKind
from fanal.kernel.calendar import read_day
from fanal.kernel.typed import identifier
from fanal.orient.domain.records import QueueFilter

NONE = "NONE"
"""Value of a filter: the report states nothing of it."""
PUBLIC = "PUBLIC"
"""Value of the filter `sender`: reports of the public."""
ME, NOBODY = "ME", "NOBODY"
"""Values of the filter `holder`: the reader has the report in charge; nobody has."""
LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")
AGES: Mapping[str, tuple[int, int]] = {
    "A0_5": (0, 5),
    "A6_12": (6, 12),
    "A13_14": (13, 14),
    "A15_17": (15, 17),
    "A18": (18, 200),
}
"""Ranges of the youngest victim's age in years, both ends included.

They end where the law draws a line: 15 years, 18 years; 13 is that of the priority rules.
"""
RECEIVED: Mapping[str, timedelta] = {
    "DAY": timedelta(hours=24),
    "WEEK": timedelta(days=7),
    "MONTH": timedelta(days=30),
}
"""Times before now, for the filter `received`."""


_EARLIEST, _LATEST = 2000, 2200
"""Years that a day may lie in: ids of reports hold no others."""


class Conversation(StrEnum):
    """Values of the filter `conversation`.

    WITH: the report quotes a conversation. ANSWER: the reporter has sent the desk an answer that is unread.
    """

    WITH = "WITH"
    ANSWER = "ANSWER"


class QueueSort(StrEnum):
    """Orders of the queue other than by priority, by the time of receipt.

    NEWEST: the report received last comes first. OLDEST: the report received first comes first.
    """

    NEWEST = "NEWEST"
    OLDEST = "OLDEST"


def _among(*codes: str) -> Callable[[str], str | None]:
    return lambda text: text if text in codes else None


def _labelled(kind: str, *more: str) -> Callable[[str], str | None]:
    return lambda text: text if text in more or text in reference.load().words.codes(kind) else None


def _identified(*codes: str) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        found = identifier(text)
        return text if text in codes else str(found) if found else None

    return read


def _country(text: str) -> str | None:
    code = text.upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def _day(text: str) -> date | None:
    day = read_day(text)
    return day if day is not None and _EARLIEST <= day.year <= _LATEST else None


_READERS: Mapping[str, Callable[[str], str | date | None]] = {
    "kind": _among(*ReportKind),
    "channel": _among(*Channel),
    "level": _among(*LEVELS),
    "country": _country,
    "departement": _labelled("departement"),
    "language": _labelled("language", NONE),
    "sender": _identified(PUBLIC),
    "age": _among(*AGES, NONE),
    "holder": _identified(ME, NOBODY),
    "conversation": _among(*Conversation),
    "received": _among(*RECEIVED),
    "since": _day,
    "until": _day,
    "sort": _among(*QueueSort),
}
NAMES = tuple(_READERS)
"""Names of the filters and of the order (`sort`), as parameters of an address."""


def filters_from(stated: Mapping[str, str]) -> QueueFilter:
    """Return the filters that an address, a form or a saved view states; invalid ones are ignored.

    Texts are trimmed; unknown names are ignored too.
    """
    read = {name: value(stated.get(name, "").strip()) for name, value in _READERS.items()}
    return msgspec.convert(read, QueueFilter)


def stated_by(filters: QueueFilter) -> dict[str, str]:
    """Return the filters that are set, as texts by name: the inverse of `filters_from`."""
    values = {name: getattr(filters, name) for name in NAMES}
    return {name: str(value) for name, value in values.items() if value}
