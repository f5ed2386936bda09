"""Records of the directory of addressees: facts with their sources, entries, proposals for a measure."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Field(StrEnum):
    """The fields of an addressee, in the order of its page.

    CONTACT_POINT is that for authorities (DSA, article 11), USER_POINT that for users (article 12). AS_NUMBER
    and PREFIX are its networks, DOMAIN the domain names for which it is responsible.
    """

    KIND = "KIND"
    NAME = "NAME"
    OTHER_NAME = "OTHER_NAME"
    CONTACT_POINT = "CONTACT_POINT"
    EMAIL = "EMAIL"
    POSTAL = "POSTAL"
    USER_POINT = "USER_POINT"
    LANGUAGE = "LANGUAGE"
    TERRITORY = "TERRITORY"
    AS_NUMBER = "AS_NUMBER"
    PREFIX = "PREFIX"
    DOMAIN = "DOMAIN"


ADDRESSES = (Field.CONTACT_POINT, Field.EMAIL, Field.POSTAL)
"""The addresses to which measures are sent."""
DIRECTING = (Field.KIND, Field.NAME, *ADDRESSES, Field.AS_NUMBER, Field.PREFIX, Field.DOMAIN)
"""What leads a measure to an addressee's address: a second person confirms all of it together."""
_AS_CONFIRMED = frozenset({Field.NAME, *ADDRESSES})


class Kind(StrEnum):
    """The activity of an addressee, which may have several. OVERSEER is the qualified person (LCEN 6-1)."""

    HOST = "HOST"
    EDITOR = "EDITOR"
    ISP = "ISP"
    SEARCH_ENGINE = "SEARCH_ENGINE"
    DIRECTORY = "DIRECTORY"
    REGISTRAR = "REGISTRAR"
    OVERSEER = "OVERSEER"


class EntryState(StrEnum):
    """The state of an addressee's newest version, which says whether measures may be sent to it.

    NO_ADDRESS: it has no address. WAITING: it awaits confirmation by a second person. CONFIRMED: measures may
    be sent to its address. CLOSED: no longer.
    """

    NO_ADDRESS = "NO_ADDRESS"
    WAITING = "WAITING"
    CONFIRMED = "CONFIRMED"
    CLOSED = "CLOSED"


class Fact(Struct, frozen=True, kw_only=True):
    """One value of a field, with its `source`, the day of that source (`dated_on`), and `checked`.

    `checked`: a person compared the value with the source.
    """

    field: Field
    value: str
    source: str
    dated_on: date
    checked: bool = False


class NewEntry(Struct, frozen=True, kw_only=True):
    """The statements of a person or a file on an addressee: `values` by field, all from one source.

    `restates`: the source states the unchanged values too. `closed`: measures are no longer sent to it.
    """

    values: Mapping[Field, tuple[str, ...]]
    source: str
    dated_on: date
    checked: bool = False
    restates: bool = False
    closed: bool = False


class Version(Struct, frozen=True, kw_only=True):
    """A stored version of an addressee's entry, with all its facts.

    `second_id` is the person who confirmed it, at `seconded_at`; both are None if nobody has.
    """

    addressee_id: UUID
    version: int
    closed: bool
    facts: tuple[Fact, ...]
    author_id: UUID
    written_at: datetime
    second_id: UUID | None = None
    seconded_at: datetime | None = None

    def values(self, field: Field) -> tuple[str, ...]:
        """Return the addressee's values of a field in their order; () without any."""
        return tuple(fact.value for fact in self.facts if fact.field is field)

    def value(self, field: Field) -> str:
        """Return the addressee's first value of a field; "" without any."""
        return next(iter(self.values(field)), "")

    @property
    def addresses(self) -> dict[Field, tuple[str, ...]]:
        """The addresses to which measures are sent, by field; fields without any are left out."""
        return {field: found for field in ADDRESSES if (found := self.values(field))}

    @property
    def directing(self) -> dict[Field, tuple[str, ...]]:
        """The values that a second person confirms (`DIRECTING`), by field; empty fields are left out."""
        return {field: found for field in DIRECTING if (found := self.values(field))}

    @property
    def is_open(self) -> bool:
        """Whether this version of an addressee has an address and is not closed."""
        return bool(self.addresses) and not self.closed


class Entry(Struct, frozen=True, kw_only=True):
    """An addressee: its `newest` version, and the `confirmed` one, which is in use, None without one.

    A version that is closed or has no address ends the use of those before it. `authors` are the people who
    wrote the versions since the last confirmation: none of them may confirm.
    """

    newest: Version
    confirmed: Version | None = None
    authors: frozenset[UUID] = frozenset()

    @property
    def id(self) -> UUID:
        """The addressee's id, the same in all versions."""
        return self.newest.addressee_id

    @property
    def name(self) -> str:
        """The addressee's name in the newest version."""
        return self.newest.value(Field.NAME)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The codes of the addressee's activities (`Kind`), in the newest version."""
        return self.newest.values(Field.KIND)

    @property
    def state(self) -> EntryState:
        """Whether measures may be sent to the address in the addressee's newest version."""
        if self.newest.closed:
            return EntryState.CLOSED
        if not self.newest.addresses:
            return EntryState.NO_ADDRESS
        settled = self.confirmed.directing if self.confirmed else {}
        return EntryState.CONFIRMED if self.newest.directing == settled else EntryState.WAITING

    def in_use(self) -> tuple[Fact, ...]:
        """Return the facts that direct measures to it now; () if it is not proposed.

        Name and addresses are those of the confirmed version; kinds, networks and domain names those of it
        that the newest version keeps.
        """
        if self.confirmed is None or not self.newest.is_open:
            return ()
        kept = {(fact.field, fact.value) for fact in self.newest.facts}
        return tuple(
            fact
            for fact in self.confirmed.facts
            if fact.field in DIRECTING
            and (fact.field in _AS_CONFIRMED or (fact.field, fact.value) in kept)
        )

    @property
    def unchecked(self) -> int:
        """The number of facts of the newest version that nobody compared with their source."""
        return sum(not fact.checked for fact in self.newest.facts)


class Proposal(Struct, frozen=True, kw_only=True):
    """An addressee that fits a measure: its name, confirmed `contact`, and the `language` of letters to it.

    `because` are the domain names or networks by which it fits; empty for one that fits by its kind alone.
    """

    addressee_id: UUID
    name: str
    contact: str
    language: str
    kinds: tuple[str, ...]
    because: tuple[str, ...] = ()
