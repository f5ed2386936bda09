"""Layouts of operators' files as dated data: which column is which field, and how values are written.

A layout is recognised by its header; a column that no layout names is kept under its own name.
"""

import tomllib
from datetime import date
from functools import cache
from importlib import resources
from typing import Final
from unicodedata import normalize
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

PARTY_FIELDS: Final = frozenset(
    {
        "name", "first_name", "last_name", "iban", "account", "wallet", "customer", "phone", "email",
        "birth_date", "country", "postcode",
    }
)  # fmt: skip
FIELDS: Final = frozenset(
    {"reference", "date", "time", "offset", "amount", "currency", "label", "operator", "kept"}
    | {f"{side}.{name}" for side in ("sender", "beneficiary") for name in PARTY_FIELDS}
)
"""What a column may mean; `kept` is a column that is known and has no field: it goes to `extra`."""


class LayoutRefused(ValueError):
    """A layout file breaks its format."""


class Layout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way of writing transfers.

    `columns` maps names of columns (compared without case, accents and marks) to fields; `required` are
    the fields without which a file is not of this layout. `dates` are formats of `datetime.strptime`,
    tried in order; `zone` is that of times without an offset. `decimal` is the mark before cents.
    """

    schema: int
    id: str
    in_force_from: date
    source: str
    checked_by: str
    separators: str
    decimal: str
    dates: tuple[str, ...]
    zone: str
    fallback_encoding: str
    required: tuple[str, ...]
    columns: dict[str, str]
    currency: str | None = None
    operator: str | None = None

    def fields_of(self, header: list[str]) -> list[str] | None:
        """Return the field of each column of a header, None where it is not of this layout.

        An unknown column is `kept`.
        """
        known = {plain_name(name): field for name, field in self.columns.items()}
        found = [known.get(plain_name(name), "kept") for name in header]
        named = [field for field in found if field != "kept"]
        if len(named) != len(set(named)) or not set(self.required) <= set(named):
            return None
        return found


def plain_name(name: str) -> str:
    """Return the name of a column as it is compared."""
    flat = normalize("NFKD", name).casefold()
    return "".join(c for c in flat if c.isalnum())


def read_layout(text: str) -> Layout:
    """Return the layout of a TOML text.

    Raises:
        LayoutRefused: unknown key or field, a name that stands twice, no such zone or encoding.
    """
    try:
        layout = msgspec.convert(tomllib.loads(text), Layout)
        ZoneInfo(layout.zone)
        "".encode(layout.fallback_encoding)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, LookupError, ValueError) as error:
        raise LayoutRefused(str(error)) from error
    plain = [plain_name(name) for name in layout.columns]
    fields = set(layout.columns.values())
    if len(plain) != len(set(plain)) or fields - FIELDS or set(layout.required) - fields:
        raise LayoutRefused(f"layout {layout.id}: columns")
    if layout.decimal not in {".", ","} or not layout.separators:
        raise LayoutRefused(f"layout {layout.id}: marks")
    return layout


@cache
def shipped_layouts() -> tuple[Layout, ...]:
    """Return every layout of the package, the one with most columns first."""
    folder = resources.files("fanal.formats.transfers").joinpath("layouts")
    texts = [p.read_text("utf-8") for p in folder.iterdir() if p.name.endswith(".toml")]
    found = [read_layout(text) for text in texts]
    return tuple(sorted(found, key=lambda layout: (-len(layout.columns), layout.id)))
