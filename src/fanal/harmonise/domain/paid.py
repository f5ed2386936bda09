"""What payments name: who pays and who is paid, each in a role of its own, and the texts around them.

A report that comes as JSON names both in a text. An account, a wallet, an e-mail or a number is read as such;
a word with a digit is a name at the operator (`customer-204@transfers example`); a person's name is none,
since many people bear it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fanal.formats.report.records import Payment
from fanal.harmonise.domain.accounts import read_iban, read_wallet
from fanal.harmonise.domain.addresses import read_email
from fanal.harmonise.domain.collect import Collector, Origin
from fanal.harmonise.domain.handles import read_handle
from fanal.harmonise.domain.records import SelectorKind as Kind, SelectorRole

_NUMBERED: Final = re.compile(r"(?=\S*\d)[^\s@]{3,64}")
_SIDES: Final = (("sender", SelectorRole.ASSOCIATED), ("beneficiary", SelectorRole.RECIPIENT))


def collect_payments(payments: Sequence[Payment], collector: Collector) -> None:
    """Add who pays (ASSOCIATED) and who is paid (RECIPIENT), where they are no persons of the report."""
    for place, payment in enumerate(payments):
        for side, role in _SIDES:
            text = _loose(payment, side)
            found = identifier(text, operator=payment.operator) if text else None
            if found is not None:
                origin = Origin(role=role, source=f"payments[{place}].{side}", at=payment.at)
                collector.add(found[0], found[1], origin)


def identifier(text: str, *, operator: str | None) -> tuple[Kind, str] | None:
    """Return the kind and canonical value of what names a party of a payment, None for a mere name."""
    account = read_iban(text) or read_wallet(text)
    if account is not None:
        return Kind.ACCOUNT, account
    email = read_email(text) if "@" in text else None
    if email is not None:
        return Kind.EMAIL, email
    plain = text.strip()
    if operator and _NUMBERED.fullmatch(plain):
        handle = read_handle(plain, operator)
        return None if handle is None else (Kind.HANDLE, handle)
    return None


def texts_of(payments: Sequence[Payment]) -> Iterator[tuple[str, str]]:
    """Yield the texts of payments with their paths: parties that are no persons, and labels."""
    for place, payment in enumerate(payments):
        for side, _ in _SIDES:
            text = _loose(payment, side)
            if text and identifier(text, operator=payment.operator) is None:
                yield f"payments[{place}].{side}", text
        if payment.label:
            yield f"payments[{place}].label", payment.label


def _loose(payment: Payment, side: str) -> str | None:
    if side == "sender":
        return payment.sender if payment.sender_person is None else None
    return payment.beneficiary if payment.beneficiary_person is None else None
