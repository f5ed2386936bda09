"""Payments in the form that the rules use: payer, beneficiary, time and amount, identified by a digest."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from msgspec import Struct, structs

from fanal.analyse.signals.domain.text import normalize_word
from fanal.formats.report.records import Payment, Person
from fanal.harmonise.domain.people import identifier
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.values.accounts import read_iban, read_wallet
from fanal.harmonise.domain.values.handles import fold, read_handle
from fanal.kernel.calendar import PARIS, read_instant

_MOST_EUROS = 10**9


class PayingParty(Struct, frozen=True, kw_only=True, gc=False):
    """The payer or the beneficiary of a transfer.

    `key` identifies it for comparison (`KIND|value`, such as an account number; '' if unknown), `shown` is
    its text for display. `born` is the birth date, `country` a country code; None if unknown.
    """

    key: str
    shown: str
    country: str | None = None
    born: date | None = None

    def told(self) -> int:
        """Return how many details of the party are known, to choose the most complete of equal records."""
        return (self.born is not None) + (self.country is not None) + (" " in self.shown)

    def id(self) -> UUID:
        """Return the id of a payer or payee: the first 16 bytes of the SHA-256 of its `key`.

        For a party known by a selector (an identifier such as an e-mail address), it is that selector's id in
        harmonise.
        """
        return UUID(bytes=hashlib.sha256(self.key.encode()).digest()[:16])


class Paid(Struct, frozen=True, kw_only=True):
    """A payment transfer from `sender` (the payer) to `beneficiary`.

    `id` is equal for a duplicate, in any report or file. `at` is UTC, None if unreadable; `exact`: whether it
    has a time of day. `label` is the payer's text, `words` the same in normal form; `reference` is that of
    the `operator` (the payment service). `amount` and `currency` are as reported, `euros` the amount in euros
    (a missing currency counts as euros), None for an unknown currency or an unreadable or excessive amount.
    """

    id: UUID
    sender: PayingParty
    beneficiary: PayingParty
    at: datetime | None = None
    exact: bool = False
    amount: str = ""
    currency: str = ""
    euros: float | None = None
    label: str = ""
    words: str = ""
    operator: str = ""
    reference: str = ""


def paid_in(report: HarmonisedReport, rates: Mapping[str, float]) -> list[Paid]:
    """Return the payments of a report, in its order; `rates` are the euros for a unit of each currency."""
    return [_paid(payment, report.persons, rates) for payment in report.payments]


def _paid(payment: Payment, persons: tuple[Person, ...], rates: Mapping[str, float]) -> Paid:
    operator = payment.operator or ""
    sender = _party(payment.sender, _at(persons, payment.sender_person), operator=operator)
    paid_to = _at(persons, payment.beneficiary_person)
    beneficiary = _party(payment.beneficiary, paid_to, operator=operator)
    country = (payment.beneficiary_country or beneficiary.country or "").upper() or None
    at = _instant(payment.at)
    label = payment.label or ""
    whole = Paid(
        id=UUID(int=0),
        sender=sender,
        beneficiary=structs.replace(beneficiary, country=country),
        at=at,
        exact=at is not None and "T" in (payment.at or ""),
        amount=payment.amount or "",
        currency=(payment.currency or "").upper(),
        euros=_euros(payment, rates),
        label=label,
        words=" ".join(normalize_word(word) for word in label.split()),
        operator=operator,
        reference=payment.reference or "",
    )
    return _with_id(whole)


def _with_id(paid: Paid) -> Paid:
    """Return the transfer with its id: a digest of the operator's reference, or of all its data."""
    if paid.operator and paid.reference:
        told = f"R\0{fold(paid.operator)}\0{paid.reference}"
    else:
        at = paid.at.isoformat() if paid.at else ""
        sides = f"{paid.sender.key}\0{paid.beneficiary.key}"
        told = f"V\0{sides}\0{at}\0{paid.amount}\0{paid.currency}\0{paid.label}"
    digest = hashlib.sha256(told.encode()).digest()[:16]
    return structs.replace(paid, id=UUID(bytes=digest))


def _at(persons: tuple[Person, ...], place: int | None) -> Person | None:
    return persons[place] if place is not None and 0 <= place < len(persons) else None


def _party(text: str | None, person: Person | None, *, operator: str) -> PayingParty:
    """Return a side of a payment: `person`, or without a person the party that `text` names.

    `text` is the party as reported; `operator`, the payment service, is part of the key of a mere name.
    """
    if person is None:
        found = identifier(text, operator=operator) if text else None
        key = f"{found[0]}|{found[1]}" if found else _name_key(text or "", operator)
        return PayingParty(key=key, shown=(text or "").strip())
    key = next(_keys(person), "") or _name_key(person.name or "", operator, person.birth_date or "")
    return PayingParty(
        key=key,
        shown=person.name or (text or "").strip(),
        country=person.country,
        born=_day(person.birth_date),
    )


def _keys(person: Person) -> Iterator[str]:
    """Yield the selectors of a person (identifiers such as e-mail) as `KIND|value`, most reliable first."""
    for account in person.accounts:
        value = read_iban(account.value) or read_wallet(account.value) or account.value
        yield f"ACCOUNT|{value}"
    for handle in person.handles:
        if (name := read_handle(handle.value, handle.platform)) is not None:
            yield f"HANDLE|{name}"
    yield from (f"PHONE|{phone}" for phone in person.phones)
    yield from (f"EMAIL|{email}" for email in person.emails)


def _name_key(name: str, operator: str, born: str = "") -> str:
    """Return the comparison key of a person known by name only: name, birth date, operator; "" if no name."""
    plain = fold(name)
    return f"NAME|{plain}|{born}|{fold(operator)}" if plain else ""


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _instant(value: str | None) -> datetime | None:
    instant = read_instant(value)
    return instant.replace(tzinfo=instant.tzinfo or PARIS).astimezone(UTC) if instant else None


def _euros(payment: Payment, rates: Mapping[str, float]) -> float | None:
    try:
        amount = Decimal(payment.amount or "")
    except InvalidOperation:
        return None
    rate = rates.get((payment.currency or "EUR").upper())
    if not rate or not amount.is_finite() or not 0 < amount < _MOST_EUROS:
        return None
    return round(float(amount) * rate, 2)
