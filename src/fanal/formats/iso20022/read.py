"""Reader of ISO 20022 credit transfers and account statements as transfers, one record for each.

A value without a field goes to `extra`, so nothing is lost. A document can also be split by payer.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import BinaryIO, Final

from lxml import etree
from msgspec import structs

from fanal.formats.iso20022.stream import (
    MAX_ELEMENTS,
    Head,
    StatementPiece,
    document_of,
    local,
    read_head,
    read_pieces,
    serialised,
)
from fanal.formats.transfer import Party, PayerPart, Transfer, TransferProblem, by_payer, part_of
from fanal.formats.xml import HARDENED

# Paths of a transfer's fields in `pacs.008` and `camt.053`; every other value is kept with its path.

# Paths below the party's prefix: the first with a value wins; a value that was taken is not kept in `extra`.
PARTY: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("{p}/Nm", "{p}/Pty/Nm"),
    "country": ("{p}/PstlAdr/Ctry", "{p}/Pty/PstlAdr/Ctry", "{p}/CtryOfRes", "{p}/Pty/CtryOfRes"),
    "postcode": ("{p}/PstlAdr/PstCd", "{p}/Pty/PstlAdr/PstCd"),
    "birth_date": (
        "{p}/Id/PrvtId/DtAndPlcOfBirth/BirthDt",
        "{p}/Pty/Id/PrvtId/DtAndPlcOfBirth/BirthDt",
    ),
    "customer": ("{p}/Id/PrvtId/Othr/Id", "{p}/Pty/Id/PrvtId/Othr/Id"),
    "phone": (
        "{p}/CtctDtls/MobNb", "{p}/Pty/CtctDtls/MobNb", "{p}/CtctDtls/PhneNb", "{p}/Pty/CtctDtls/PhneNb",
    ),
    "email": ("{p}/CtctDtls/EmailAdr", "{p}/Pty/CtctDtls/EmailAdr"),
    "iban": ("{p}Acct/Id/IBAN",),
    "account": ("{p}Acct/Id/Othr/Id",),
    "bank": ("{p}Agt/FinInstnId/BICFI", "{p}Agt/FinInstnId/BIC"),
}  # fmt: skip
"""Paths of each field of a party, below `Dbtr` and `Cdtr`; `Pty` since version 8."""
PACS: Final[Mapping[str, tuple[str, ...]]] = {
    "reference": ("PmtId/UETR", "PmtId/TxId", "PmtId/EndToEndId"),
    "at": ("AccptncDtTm", "IntrBkSttlmDt"),
    "amount": ("InstdAmt", "IntrBkSttlmAmt"),
}
CAMT: Final[Mapping[str, tuple[str, ...]]] = {
    "reference": ("Refs/UETR", "Refs/TxId", "Refs/EndToEndId", "Refs/AcctSvcrRef"),
    "at": ("RltdDts/AccptncDtTm", "RltdDts/TxDtTm"),
    "amount": ("Amt", "AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt"),
}
ENTRY_AT: Final = ("BookgDt/DtTm", "BookgDt/Dt", "ValDt/DtTm", "ValDt/Dt")
LABEL: Final = "RmtInf/Ustrd"


@cache
def party_paths(path: str, agents: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return where the fields of a payer or payee stand in the XML: pairs (field of `Party`, paths to try).

    `path` is that of the payer or payee; `agents` the path below which its agent (bank) is named, "" if it is
    named at the same level.
    """
    found = []
    for name, patterns in PARTY.items():
        prefix = agents + path.rpartition("/")[2] if name == "bank" and agents else path
        found.append((name, tuple(pattern.format(p=prefix) for pattern in patterns)))
    return tuple(found)


_AMOUNT: Final = re.compile(r"\d{1,15}(?:\.\d{1,5})?")
_LINES: Final = 20


class Leaves:
    """The texts and attributes of one XML element by path (`values`), each marked as read once it is taken.

    Of repeated elements, the second has the path `name[2]`.
    """

    def __init__(self, element: etree._Element) -> None:
        """Collect the texts and attributes of all elements below `element`."""
        self.values: dict[str, str] = {}
        self._taken: set[str] = set()
        for child in element:
            self._read(child, "", {})

    def _read(self, element: etree._Element, above: str, met: dict[str, int]) -> None:
        name = f"{above}{local(element)}"
        met[name] = met.get(name, 0) + 1
        path = name if met[name] == 1 else f"{name}[{met[name]}]"
        for key, value in element.attrib.items():
            self.values[f"{path}/@{key!s}"] = str(value)
        text = (element.text or "").strip()
        if text and len(self.values) < MAX_ELEMENTS:
            self.values[path] = text
        inner: dict[str, int] = {}
        for child in element:
            self._read(child, f"{path}/", inner)

    def take(self, *paths: str) -> str | None:
        """Return the first unread value at one of `paths` and mark it as read; None if there is none."""
        for path in paths:
            if path in self.values and path not in self._taken:
                self._taken.add(path)
                return self.values[path]
        return None

    def take_lines(self, path: str) -> str | None:
        """Return the first 20 values of a repeated `path` as lines of one text; None if absent.

        These values are marked as read.
        """
        found = [self.take(path if n == 1 else f"{path}[{n}]") for n in range(1, _LINES + 1)]
        return "\n".join(text for text in found if text) or None

    def rest(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield (path, value) for the values not read yet; `prefix` precedes each path."""
        for path, value in self.values.items():
            if path not in self._taken:
                yield f"{prefix}{path}", value


def read_transfers(stream: BinaryIO, *, kind: str) -> Iterator[Transfer]:
    """Yield every transfer of a document of `kind` (`pacs.008` or `camt.053`).

    In a statement the account holder is the payer of a debit and the beneficiary of a credit. The values of
    the head (message, statement, balances) are in the `extra` of the first transfer of each statement.

    The stream must be seekable: the head is read first.

    Raises:
        FormatRefused: not XML, a DOCTYPE, another root or namespace, over a limit.
    """
    head = read_head(stream, kind=kind)
    stream.seek(0)
    heads = [_head_leaves(head, number) for number in range(1, max(1, len(head.statements)) + 1)]
    told: set[int] = set()
    for piece in read_pieces(stream, kind=kind):
        leaves = heads[piece.statement - 1]
        for transfer in _READERS[kind](piece, leaves):
            if piece.statement in told:
                yield transfer
            else:
                told.add(piece.statement)
                yield _with_extra(transfer, tuple(leaves.rest("head/")))


def cut_parts(stream: BinaryIO, *, kind: str) -> Iterator[PayerPart]:
    """Split a document by payer; yield documents of the same kind with the transactions of one payer each.

    The stream must be seekable: the head is read first. A statement's entries stay with their statement; an
    entry with several payments goes by the payer of the first. A payer may have several documents, as in
    `transfer.by_payer`.

    Raises:
        FormatRefused: not XML, a DOCTYPE, another root or namespace, over a limit.
    """
    head = read_head(stream, kind=kind)
    stream.seek(0)
    heads = [_head_leaves(head, number) for number in range(1, max(1, len(head.statements)) + 1)]
    for group in by_payer(_keyed(stream, kind, heads)):
        body = document_of(head, statement=group[0][1], pieces=[element for _, _, element in group])
        place = f"{'CdtTrfTxInf' if kind == 'pacs.008' else 'Ntry'}[{group[0][0]}]"
        yield part_of(prefix=kind.replace(".", ""), place=place, body=body, count=len(group))


def _keyed(
    stream: BinaryIO, kind: str, heads: list[Leaves]
) -> Iterator[tuple[str, tuple[int, int, bytes]]]:
    for piece in read_pieces(stream, kind=kind):
        first = next(_READERS[kind](piece, heads[piece.statement - 1]))
        key = f"{piece.statement}/{first.sender.key()}"
        yield key, (piece.number, piece.statement, serialised(piece.element))


def _head_leaves(head: Head, statement: int) -> Leaves:
    root = etree.Element("head")
    own = head.statements[statement - 1] if head.statements else []
    parser = etree.XMLParser(**HARDENED)
    for body in (*head.common, *own):
        root.append(etree.fromstring(body, parser))
    return Leaves(root)


def _with_extra(transfer: Transfer, before: tuple[tuple[str, str], ...]) -> Transfer:
    return structs.replace(transfer, extra=(*before, *transfer.extra))


def _of_pacs(piece: StatementPiece, head: Leaves) -> Iterator[Transfer]:
    leaves = Leaves(piece.element)
    place = f"CdtTrfTxInf[{piece.number}]"
    at = leaves.take(*PACS["at"]) or head.values.get("GrpHdr/CreDtTm")
    yield _transfer(
        leaves,
        place=place,
        at=at,
        paths=PACS,
        sender=_party(leaves, "Dbtr"),
        beneficiary=_party(leaves, "Cdtr"),
    )


def _of_camt(piece: StatementPiece, head: Leaves) -> Iterator[Transfer]:
    entry = piece.element
    details = [d for d in entry.iter() if isinstance(d.tag, str) and local(d) == "TxDtls"]
    whole = Leaves(entry)
    place = f"Ntry[{piece.number}]"
    debit = whole.values.get("CdtDbtInd") == "DBIT"
    holder = _holder(head)
    at = next((whole.values[p] for p in ENTRY_AT if p in whole.values), None)
    if not details:
        yield _of_entry(whole, place=place, at=at, debit=debit, holder=holder)
        return
    common = tuple(
        (f"{place}/{path}", value)
        for path, value in whole.values.items()
        if not path.startswith("NtryDtls/TxDtls") and "/TxDtls" not in path
    )
    for number, element in enumerate(details, start=1):
        leaves = Leaves(element)
        own = leaves.take("CdtDbtInd")
        is_debit = own == "DBIT" if own else debit
        other = _party(
            leaves, "RltdPties/Cdtr" if is_debit else "RltdPties/Dbtr", agents="RltdAgts/"
        )
        found = _transfer(
            leaves,
            place=f"{place}/TxDtls[{number}]",
            at=leaves.take(*CAMT["at"]) or at,
            paths=CAMT,
            sender=holder if is_debit else other,
            beneficiary=other if is_debit else holder,
        )
        if found.amount is None:  # a single detail whose amount is that of the entry
            amount, currency = whole.values.get("Amt"), whole.values.get("Amt/@Ccy")
            found = structs.replace(found, amount=amount, currency=currency)
        yield _with_extra(found, common if number == 1 else ())


def _of_entry(
    leaves: Leaves, *, place: str, at: str | None, debit: bool, holder: Party
) -> Transfer:
    paths = {**CAMT, "reference": ("AcctSvcrRef", "NtryRef"), "at": ENTRY_AT}
    leaves.take(*ENTRY_AT)
    return _transfer(
        leaves,
        place=place,
        at=at,
        paths=paths,
        sender=holder if debit else Party(),
        beneficiary=Party() if debit else holder,
    )


def _holder(head: Leaves) -> Party:
    """Return the holder of a statement's account, from the values of the statement's head.

    The values are not marked as read, since every entry of the statement uses them.
    """
    get = head.values.get
    return Party(
        name=get("Acct/Ownr/Nm") or get("Acct/Nm"),
        iban=get("Acct/Id/IBAN"),
        account=get("Acct/Id/Othr/Id"),
        country=get("Acct/Ownr/PstlAdr/Ctry"),
        bank=get("Acct/Svcr/FinInstnId/BICFI") or get("Acct/Svcr/FinInstnId/BIC"),
    )


def _party(leaves: Leaves, path: str, *, agents: str = "") -> Party:
    return Party(**{name: leaves.take(*paths) for name, paths in party_paths(path, agents)})


def _transfer(
    leaves: Leaves,
    *,
    place: str,
    at: str | None,
    paths: Mapping[str, tuple[str, ...]],
    sender: Party,
    beneficiary: Party,
) -> Transfer:
    problems: list[TransferProblem] = []
    amount, currency = None, None
    for path in paths["amount"]:
        amount = leaves.take(path)
        if amount is not None:
            currency = leaves.take(f"{path}/@Ccy")
            if _AMOUNT.fullmatch(amount) is None:
                problems.append(TransferProblem(path=path, code="AMOUNT_UNREADABLE", value=amount))
            break
    if at is not None and not _is_time(at):
        problems.append(TransferProblem(path=place, code="TIME_UNREADABLE", value=at))
    return Transfer(
        place=place,
        reference=leaves.take(*paths["reference"]),
        at=at,
        amount=amount,
        currency=currency,
        label=leaves.take_lines(LABEL),
        sender=sender,
        beneficiary=beneficiary,
        operator=sender.bank,
        extra=tuple(leaves.rest(f"{place}/")),
        problems=tuple(problems),
    )


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_READERS: Final[Mapping[str, Callable[[StatementPiece, Leaves], Iterator[Transfer]]]] = {
    "pacs.008": _of_pacs,
    "camt.053": _of_camt,
}
