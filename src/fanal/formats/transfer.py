"""One transfer of money, as every format of payments has it, and files of transfers cut by who pays.

Values are the source's own words unless said otherwise. `at` is RFC 3339 (or a date alone) and `amount` a
plain decimal number wherever they could be read; what could not be read stays as written, with a problem.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from msgspec import Struct

T = TypeVar("T")

WINDOW: Final = 20_000
"""Transfers looked at together when a file is cut: memory stays that of one window."""
MOST: Final = 200
"""Transfers of one part at most: a part becomes a report."""
_GAPS: Final = re.compile(r"[\s .\-]+")


class Party(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who pays or is paid, as far as the source says. `customer` is the operator's own number of them."""

    name: str | None = None
    iban: str | None = None
    account: str | None = None
    wallet: str | None = None
    customer: str | None = None
    phone: str | None = None
    email: str | None = None
    birth_date: str | None = None
    country: str | None = None
    postcode: str | None = None
    bank: str | None = None

    def key(self) -> str:
        """Return what tells this party from another within one file, '' where nothing does.

        Used to cut a file only: persons are compared by their harmonised selectors.
        """
        for value in (self.iban, self.wallet, self.account, self.customer, self.phone, self.email):
            if value:
                return _GAPS.sub("", value).casefold()
        name = " ".join((self.name or "").casefold().split())
        return f"{name}|{self.birth_date or ''}" if name else ""


class TransferProblem(Struct, frozen=True, kw_only=True, gc=False):
    """A value that could not be read as meant: the column or element, the code, the value as written."""

    path: str
    code: str
    value: str


class Transfer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One transfer. `place` is where it stands in its document (`row 3`, `CdtTrfTxInf[3]`).

    `extra` holds every value that no field takes, with its column or path: nothing is dropped.
    """

    place: str
    sender: Party
    beneficiary: Party
    reference: str | None = None
    at: str | None = None
    amount: str | None = None
    currency: str | None = None
    label: str | None = None
    operator: str | None = None
    extra: tuple[tuple[str, str], ...] = ()
    problems: tuple[TransferProblem, ...] = ()


class PayerPart(Struct, frozen=True, kw_only=True):
    """Transfers of one payer: a document of the same format as the file, and where it was found.

    `reference` is drawn from the content alone, so that the same transfers are recognised under any
    file name.
    """

    reference: str
    place: str
    body: bytes
    count: int


def part_of(*, prefix: str, place: str, body: bytes, count: int) -> PayerPart:
    """Return a part under the reference that its bytes give it."""
    digest = hashlib.sha256(body).hexdigest()[:24]
    return PayerPart(reference=f"{prefix}-{digest}", place=place, body=body, count=count)


def by_payer(items: Iterable[tuple[str, T]]) -> Iterator[list[T]]:
    """Yield the items of each payer, in the order of the file, at most `MOST` together.

    `items` are (key of the payer, item). Within a window of `WINDOW` items a payer's stand together;
    a payer met again in a later window has another group.
    """
    rest = iter(items)
    while window := list(islice(rest, WINDOW)):
        groups: dict[str, list[T]] = {}
        for key, item in window:
            groups.setdefault(key, []).append(item)
        for group in groups.values():
            for start in range(0, len(group), MOST):
                yield group[start : start + MOST]
