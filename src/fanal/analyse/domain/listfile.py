"""Items of a list of known material: from its CSV file, and from the formats that others exchange."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.formats.csv_hashes.read import read_csv
from fanal.formats.indicators import HASH_DIGITS, MAX_CLASSIFICATION, Indicator, hash_value
from fanal.formats.refusal import FormatRefused, Refusal
from fanal.harmonise.domain.hosts import canonical_host, registrable_domain
from fanal.harmonise.domain.urls import read_url

MAX_ADDRESS = 2000
ADDRESSES = frozenset({"URL", "HOST", "DOMAIN"})
HASHES = frozenset({*HASH_DIGITS, "PHOTODNA"})


class ListRefused(ValueError):
    """What came cannot be read as a list: line number and reason. Nothing of it is loaded.

    `refusal` is the format's own where there is one: its code has words in both languages.
    """

    def __init__(self, message: str, *, refusal: FormatRefused | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


class Item(Struct, frozen=True, kw_only=True):
    """One line: its hashes by kind (`PDQ`, `MD5`, `SHA1`, `SHA256`, `PHOTODNA`) or addresses, and its class.

    `item_id` is set by who knows the item by an id of their own (a partner's list that is fetched again).
    From `until` on its values hold no more, None where nobody said so.
    """

    values: dict[str, str]
    classification: str = ""
    item_id: UUID | None = None
    until: datetime | None = None


def read_list(lines: Iterable[str]) -> Iterator[Item]:
    """Yield the items of a CSV file; any column but one hash may be missing or empty.

    Raises:
        ListRefused: no header, an unknown column, a malformed hash, or a line without a hash.
    """
    try:
        for found in read_csv(lines):
            yield Item(values=found.values, classification=found.classification)
    except FormatRefused as refusal:
        said = f"{refusal.path}: {refusal.code}"
        raise ListRefused(said, refusal=refusal) from None


def item_of(found: Indicator) -> Item:
    """Return the item that an indicator of another format is, its addresses in the form that is compared.

    Others call every name of a host a domain: one below a registrable domain is a HOST here.

    Raises:
        FormatRefused: an address is none.
    """
    values: dict[str, str] = {}
    for kind, value in found.values.items():
        if kind not in ADDRESSES:
            values[kind] = value
            continue
        place, listed = _address(kind, value)
        if not listed or not _is_address(listed):
            path = f"{found.line}: {kind}"
            raise FormatRefused(Refusal.WRONG_TYPE, path, parameters={"expected": kind})
        values[place] = listed
    return Item(values=values, classification=found.classification, until=found.until)


def _address(kind: str, value: str) -> tuple[str, str | None]:
    if kind == "URL":
        return kind, read_url(value).key
    host = canonical_host(value)
    below = kind == "DOMAIN" and host is not None and registrable_domain(host) != host
    return ("HOST" if below else kind), host


def check_item(item: Item) -> Item:
    """Return an item that came from elsewhere than a file of ours.

    Raises:
        ListRefused: it has no value, one that is not of its kind, or too long a class.
    """
    if not item.values:
        raise ListRefused("an item has no value")
    for kind, value in item.values.items():
        fits = _is_address(value) if kind in ADDRESSES else _is_hash(kind, value)
        if not fits:
            raise ListRefused(f"{kind} does not hold {value[:80]!r}")
    if len(item.classification) > MAX_CLASSIFICATION or "\0" in item.classification:
        raise ListRefused(f"classification over {MAX_CLASSIFICATION} characters")
    return item


def _is_hash(kind: str, value: str) -> bool:
    return kind in HASHES and hash_value(kind, value) == value


def _is_address(value: str) -> bool:
    return 0 < len(value) <= MAX_ADDRESS and value.isprintable()
