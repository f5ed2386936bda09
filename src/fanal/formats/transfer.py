"""A money transfer in the common form of all payment formats, and the grouping of transfers by payer.

Values are as in the source unless stated otherwise. `at` is RFC 3339 (or a date alone) and `amount` a
plain decimal number if readable; an unreadable value stays as written, with a problem.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from msgspec import Struct

T = TypeVar("T")

WINDOW: Final = 20_000
"""Transfers grouped at a time when a file is split, which bounds memory."""
MOST: Final = 200
"""Maximum transfers of one part; each part becomes a report."""
_GAPS: Final = re.compile(r"[\s .\-]+")


class Party(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payer or payee with the values that the source states, None if not stated.

    `account` is an account number other than an IBAN, `wallet` a cryptocurrency address, `customer` the
    number of the person at the operator, `bank` the bank of the account.
    """

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
        """Return a key that identifies this party within one file, or "" without any identifying value.

        Used only to split a file by payer: elsewhere, persons are compared by their harmonised selectors.
        """
        for value in (self.iban, self.wallet, self.account, self.customer, self.phone, self.email):
            if value:
                return _GAPS.sub("", value).casefold()
        name = " ".join((self.name or "").casefold().split())
        return f"{name}|{self.birth_date or ''}" if name else ""


class TransferProblem(Struct, frozen=True, kw_only=True, gc=False):
    """A value of a transfer that could not be read as intended: its column or element, the code, its text."""

    path: str
    code: str
    value: str


class Transfer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A money transfer from `sender` (payer) to `beneficiary` (payee), with the values of its source.

    `place` is its position in the document (`row 3`, `CdtTrfTxInf[3]`). `at` is RFC 3339 (or a date alone)
    and `amount` a plain decimal number, if readable. `currency` is an ISO 4217 code, `label` is the text that
    came with it, `operator` the payment service, `reference` its id there. `extra` holds the values without a
    field as pairs (column or path, value): nothing is lost. `problems` are the values that could not be read.
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
    """The transfers of one payer as a document of its own in the file's format, and its place in the file.

    `body` is that document, `count` the number of transfers. `reference` is a digest of the content, so
    that the same transfers are recognised under any file name.
    """

    reference: str
    place: str
    body: bytes
    count: int


def part_of(*, prefix: str, place: str, body: bytes, count: int) -> PayerPart:
    """Return the transfers of one payer, cut from a file, as a `PayerPart` with its reference.

    The reference is `prefix` and the first 24 hexadecimal digits of the SHA-256 of `body`, the part's
    document; `place` is its place in the file, `count` the number of transfers.
    """
    digest = hashlib.sha256(body).hexdigest()[:24]
    return PayerPart(reference=f"{prefix}-{digest}", place=place, body=body, count=count)


def by_payer(items: Iterable[tuple[str, T]]) -> Iterator[list[T]]:
    """Yield the items of each payer in groups of at most `MOST`; payers, and the items of one, in file order.

    `items` are pairs (key of the payer, item). Each window of `WINDOW` items is grouped separately, so a
    payer that occurs in several windows has several groups.
    """
    rest = iter(items)
    while window := list(islice(rest, WINDOW)):
        groups: dict[str, list[T]] = {}
        for key, item in window:
            groups.setdefault(key, []).append(item)
        for group in groups.values():
            for start in range(0, len(group), MOST):
                yield group[start : start + MOST]
