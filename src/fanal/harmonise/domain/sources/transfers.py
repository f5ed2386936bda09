"""Conversion of payment operators' files and ISO 20022 messages to reports in common fields.

Payers get the role ASSOCIATED, payees RECIPIENT. A payment makes neither a suspect: such files also contain a
parent who sends money home, and a child who pays a blackmailer. Values without a field are in `extra` with
their column or path.
"""

import io
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct, field

from fanal.formats.iso20022.read import read_transfers as read_iso
from fanal.formats.report.records import Account, Handle, Payment, Person, PersonRole, ReportKind
from fanal.formats.transfer import Party, Transfer
from fanal.formats.transfers import Damaged, read_transfers as read_csv
from fanal.harmonise.domain.records import Extra, Warning as SourceWarning
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.values.times import read_time

PAYER: Final = "PAYER"
"""The `type` of the ASSOCIATED person who pays."""
PAYEE: Final = "PAYEE"
"""The `type` of the RECIPIENT who is paid, and not an intended recipient of messages."""


def read_transfers(body: bytes, *, reference: str) -> Draft:
    """Convert a payment operator's CSV file in one of the known layouts to a draft.

    `reference` becomes the report's reference.

    Raises:
        FormatRefused: no known layout, or a row that intake would have refused.
    """
    return _draft(_whole(read_csv(io.BytesIO(body))), reference=reference)


def read_pacs008(body: bytes, *, reference: str) -> Draft:
    """Convert an ISO 20022 pacs.008 message (customer credit transfers) to a `Draft` of a report.

    Payers have the role ASSOCIATED, payees RECIPIENT. `reference` becomes the report's reference.

    Raises:
        FormatRefused: the bytes are not a pacs.008 message, or exceed a limit.
    """
    return _draft(read_iso(io.BytesIO(body), kind="pacs.008"), reference=reference)


def read_camt053(body: bytes, *, reference: str) -> Draft:
    """Convert an ISO 20022 camt.053 message (bank account statement) to a `Draft` of a report.

    Payers have the role ASSOCIATED, payees RECIPIENT. `reference` becomes the report's reference.

    Raises:
        FormatRefused: the bytes are not a camt.053 message, or exceed a limit.
    """
    return _draft(read_iso(io.BytesIO(body), kind="camt.053"), reference=reference)


class _Side(Struct):
    """A payer or payee of a file, merged from all rows that name it.

    `operator` is the payment service of these rows, `party` their statements together.
    """

    role: PersonRole
    operator: str | None
    party: Party


class _People(Struct):
    """Builder of the persons of a report's draft, one for each payer or payee of a file.

    Rows that contradict each other stay separate persons.
    """

    sides: list[_Side] = field(default_factory=list)
    _places: dict[tuple[PersonRole, str, str | None], list[int]] = field(default_factory=dict)

    def place(self, party: Party, role: PersonRole, operator: str | None) -> int | None:
        """Return the index of a payer or payee among the persons, adding it if new; None for an empty one.

        A row about a known one is merged with it, unless they contradict each other. `operator` is the
        payment service, `party` the row's statements.
        """
        if party == Party():
            return None
        places = self._places.setdefault((role, party.key(), operator), [])
        for place in places:
            whole = _joined(self.sides[place].party, party)
            if whole is not None:
                self.sides[place].party = whole
                return place
        places.append(len(self.sides))
        self.sides.append(_Side(role=role, operator=operator, party=party))
        return places[-1]

    def persons(self) -> tuple[Person, ...]:
        """Return the payers and payees as persons of the report, in order of first occurrence."""
        return tuple(_person(side.party, side.role, side.operator) for side in self.sides)


def _joined(known: Party, other: Party) -> Party | None:
    """Merge two rows' statements about the same payer or payee; return None if they contradict each other."""
    told: dict[str, str | None] = {}
    for name in known.__struct_fields__:
        one, two = getattr(known, name), getattr(other, name)
        if one and two and one != two:
            return None
        told[name] = one or two
    return Party(**told)


def _whole(items: Iterable[Transfer | Damaged]) -> Iterator[Transfer]:
    for item in items:
        if isinstance(item, Damaged):
            raise item.refusal
        yield item


def _draft(transfers: Iterable[Transfer], *, reference: str) -> Draft:
    people = _People()
    payments: list[Payment] = []
    extra: list[Extra] = []
    warnings: list[SourceWarning] = []
    for number, transfer in enumerate(transfers, start=1):
        payments.append(_payment(transfer, people))
        where = f"transfer[{number}]"
        extra += [Extra(path=f"{where}/{path}", value=value) for path, value in transfer.extra]
        warnings += [
            SourceWarning(path=f"{where}/{p.path}", code=p.code, value=p.value)
            for p in transfer.problems
        ]
    read = {p.at: found for p in payments if p.at and (found := read_time(p.at)) is not None}
    times = sorted(read, key=lambda at: read[at].range.earliest)
    return Draft(
        reference=reference,
        kind=ReportKind.OTHER,
        occurred_at=times[0] if times else None,
        occurred_until=times[-1] if len(times) > 1 else None,
        persons=people.persons(),
        payments=tuple(payments),
        extra=tuple(extra),
        warnings=tuple(warnings),
    )


def _payment(transfer: Transfer, people: _People) -> Payment:
    sender, beneficiary = transfer.sender, transfer.beneficiary
    operator = transfer.operator
    return Payment(
        at=transfer.at,
        amount=transfer.amount,
        currency=transfer.currency,
        sender=_shown(sender),
        beneficiary=_shown(beneficiary),
        beneficiary_country=beneficiary.country,
        label=transfer.label,
        operator=operator,
        reference=transfer.reference,
        sender_person=people.place(sender, PersonRole.ASSOCIATED, operator),
        beneficiary_person=people.place(beneficiary, PersonRole.RECIPIENT, operator),
    )


def _shown(party: Party) -> str | None:
    return (
        party.name or party.iban or party.account or party.wallet or party.customer or party.phone
    )


def _person(party: Party, role: PersonRole, operator: str | None) -> Person:
    accounts = []
    if party.iban:
        accounts.append(Account(kind="IBAN", value=party.iban))
    if party.wallet:
        accounts.append(Account(kind="WALLET", value=party.wallet))
    handles = [
        Handle(value=value, platform=party.bank or operator)
        for value in (party.customer, party.account)
        if value
    ]
    return Person(
        role=role,
        type=PAYER if role is PersonRole.ASSOCIATED else PAYEE,
        name=party.name,
        birth_date=party.birth_date,
        country=party.country,
        postcode=party.postcode,
        handles=tuple(handles),
        emails=(party.email,) if party.email else (),
        phones=(party.phone,) if party.phone else (),
        accounts=tuple(accounts),
    )
