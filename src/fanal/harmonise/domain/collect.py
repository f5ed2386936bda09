"""Collection of a report's selectors (identifiers by which reports are compared) and warnings.

The reporter's values never become selectors.
"""

import re

from msgspec import Struct

from fanal.harmonise.domain.records import (
    Selector,
    SelectorKind as Kind,
    SelectorRole,
    Warning as Doubt,
)
from fanal.harmonise.domain.values.accounts import read_iban, read_wallet
from fanal.harmonise.domain.values.addresses import is_routable, read_email, read_ip, read_phone
from fanal.harmonise.domain.values.handles import (
    account_in_url,
    bare_name,
    game_in_url,
    read_device,
    read_game,
    read_handle,
)
from fanal.harmonise.domain.values.hashes import HASH_LENGTH, read_hash
from fanal.harmonise.domain.values.times import instant
from fanal.harmonise.domain.values.urls import (
    Address,
    canonical_host,
    onion_checksum_holds,
    onion_service,
    read_url,
    registrable_domain,
)

_NAME = re.compile(r"[a-z0-9.\-]*[a-z]")  # a host that is no address, whatever else it is
# URL schemes that contain a script or content instead of a location.
_NO_PLACE = frozenset({"javascript", "data", "about", "blob", "vbscript"})
_LONGEST_URL = 8192
_LAST_PORT = 65535
# Constants, because Python 3.11 looks up an enumeration member through a slow descriptor.
_URL, _IP, _HANDLE = Kind.URL, Kind.IP, Kind.HANDLE
_HOST, _DOMAIN, _ONION, _GAME = Kind.HOST, Kind.DOMAIN, Kind.ONION, Kind.GAME
_HOSTS = frozenset({_HOST, _DOMAIN, _ONION})
_READERS = {
    Kind.EMAIL: read_email,
    Kind.HANDLE: read_handle,
    Kind.DEVICE: read_device,
    Kind.GAME: read_game,
}


class Origin(Struct, frozen=True, kw_only=True, gc=False):
    """The place where an identifier was found in a report.

    `role` says whose value it is, `source` is the path in the report; `at` and `port` are the instant and the
    port of its use, as written, None if not stated. `weak`: found in free text rather than in a field.
    """

    role: SelectorRole
    source: str
    at: str | None = None
    port: int | None = None
    weak: bool = False


class Collector:
    """Builder of the selectors (identifiers to compare reports by) and the warnings of one report.

    First register the reporter's values with `withhold`; `add` then skips them wherever they occur, with a
    warning that does not repeat them.
    """

    def __init__(self, *, countries: tuple[str, ...] = ()) -> None:
        """Start empty; `countries` (ISO 3166-1 alpha-2) help to parse national telephone numbers."""
        self.countries = countries
        self._selectors: dict[tuple[Kind, str, SelectorRole], Selector] = {}
        self._warnings: dict[Doubt, None] = {}
        self._withheld: set[tuple[Kind, str]] = set()
        self._withheld_names: set[str] = set()

    def selectors(self) -> tuple[Selector, ...]:
        """Return the selectors (identifiers of the report) collected so far, in order of first occurrence."""
        return tuple(self._selectors.values())

    def warnings(self) -> tuple[Doubt, ...]:
        """Return the warnings (path, reason code, value as written) in order of occurrence, each once."""
        return tuple(self._warnings)

    def warn(self, path: str, code: str, value: str = "") -> None:
        """Add a warning that the value at `path` could not be read as intended, with a reason code."""
        self._warnings[Doubt(path=path, code=code, value=value)] = None

    def withhold(self, kind: Kind, value: str) -> None:
        """Exclude a value of the reporter, in canonical form, from the selectors; call it before any `add`.

        `kind` is the kind of the value. A user name is excluded on every service, not only on its own. A
        selector is an identifier by which reports are compared.
        """
        self._withheld.add((kind, value))
        if kind is _HANDLE:
            self._withheld_names.add(bare_name(value))

    def add(self, kind: Kind, value: str, origin: Origin) -> None:
        """Add a canonical value of `kind` as a selector, once per role; `origin` is where it was found.

        A value of the reporter, or one that PostgreSQL cannot store, only yields a warning. On repetition the
        first path is kept; instant and port of a value from a field replace those of one from free text
        (`weak`). A selector is an identifier by which reports are compared.
        """
        if (kind, value) in self._withheld or (
            kind is _HANDLE and bare_name(value) in self._withheld_names
        ):
            self.warn(origin.source, "REPORTER_VALUE_SKIPPED")
            return
        if ("\x00" in value or not value.isascii()) and not _is_storable(value):
            self.warn(origin.source, "VALUE_NOT_TEXT")
            return
        key = (kind, value, origin.role)
        known = self._selectors.get(key)
        if known is None or (known.weak and not origin.weak):
            self._selectors[key] = Selector(
                kind=kind,
                value=value,
                role=origin.role,
                at=origin.at,
                port=origin.port,
                source=origin.source if known is None else known.source,
                weak=origin.weak,
            )

    def add_raw(self, kind: Kind, raw: str, origin: Origin) -> None:
        """Parse a value of `kind` as its source wrote it (`raw`) and add its selectors, found at `origin`.

        If it is unreadable, or an IP address that is not routable, add a warning. A URL or host name may
        yield several selectors or none: see `add_url` and `add_host`. A selector is an identifier by which
        reports are compared.
        """
        if kind is _URL:
            self.add_url(read_url(raw), origin)
        elif kind is _IP:
            self.add_ip(raw, origin)
        elif kind in _HOSTS:
            host = canonical_host(raw.strip())
            if host is None:
                self.warn(origin.source, "HOST_UNREADABLE", raw)
            else:
                self.add_host(host, origin)
        else:
            value = read_value(kind, raw, self.countries)
            if value is None:
                self.warn(origin.source, f"{kind.value}_UNREADABLE", raw)
            else:
                self.add(kind, value, origin)

    def add_ip(self, raw: str, origin: Origin) -> None:
        """Parse an IP address and add it as a selector, with port and instant of `origin` (its place).

        If it is unreadable or unroutable, add a warning instead; a port out of range gives a warning too, and
        is left out. `raw` is the address as written. A selector is an identifier by which reports are
        compared.
        """
        read = read_ip(raw)
        if read is None:
            self.warn(origin.source, "IP_UNREADABLE", raw)
        elif not is_routable(read.value):
            self.warn(origin.source, "IP_NOT_ROUTABLE", read.value)
        else:
            port = origin.port if origin.port is not None else read.port
            if port is not None and not 0 <= port <= _LAST_PORT:
                self.warn(origin.source, "PORT_UNREADABLE", str(port))
                port = None
            found = Origin(
                role=origin.role,
                source=origin.source,
                at=None if origin.at is None else instant(origin.at),
                port=port,
                weak=origin.weak,
            )
            self.add(_IP, read.value, found)

    def add_url(self, address: Address, origin: Origin) -> None:
        """Add the selectors of a parsed web address: the URL itself, and those of its host.

        The host gives an IP, or HOST with DOMAIN, or ONION. The page of a listed game world also gives
        GAME, that of an account HANDLE. A `mailto:`, `tel:` or `sms:` address gives an EMAIL or PHONE only,
        a script or embedded content nothing. For a URL of more than 8192 characters a warning replaces the
        URL selector. `origin` is where the address was found. A selector is an identifier by which reports
        are compared.
        """
        if address.warning is not None:
            value = address.reported if address.warning == "URL_UNREADABLE" else ""
            self.warn(origin.source, address.warning, value)
        if address.key is None or address.scheme in _NO_PLACE:
            return
        if address.scheme in {"mailto", "tel", "sms"}:
            kind = Kind.EMAIL if address.scheme == "mailto" else Kind.PHONE
            self.add_raw(kind, address.key.partition(":")[2].partition("?")[0], origin)
            return
        if len(address.key) <= _LONGEST_URL:
            self.add(_URL, address.key, origin)
        else:
            self.warn(origin.source, "URL_TOO_LONG_TO_COMPARE")
        if address.ip is not None:
            port = Origin(
                role=origin.role, source=origin.source, port=address.port, weak=origin.weak
            )
            self.add_ip(address.ip, port)
        elif address.host is not None:
            self.add_host(address.host, origin)
            self._add_named(address.key, address.host, address.registrable_domain, origin)

    def _add_named(self, key: str, host: str, domain: str | None, origin: Origin) -> None:
        """Add the game world and the account of which a web address (`key`) is the page."""
        game, account = game_in_url(key, host, domain), account_in_url(key, domain)
        if game is not None:
            self.add(_GAME, game, origin)
        if account is not None:
            self.add(_HANDLE, account, origin)

    def add_host(self, host: str, origin: Origin) -> None:
        """Add a host name with its registrable domain, or its onion service; an IP address is added as IP.

        `origin` is where the name was found.
        """
        onion = onion_service(host)
        if onion is not None:
            if not onion_checksum_holds(onion):
                self.warn(origin.source, "ONION_CHECKSUM_WRONG", onion)
            self.add(_ONION, onion, origin)
            if host != onion:
                self.add(_HOST, host, origin)
            return
        if _NAME.fullmatch(host) is None and read_ip(host) is not None:
            self.add_ip(host, origin)
            return
        self.add(_HOST, host, origin)
        domain = registrable_domain(host)
        if domain is not None:
            self.add(_DOMAIN, domain, origin)


def _is_storable(value: str) -> bool:
    """Return whether a PostgreSQL text can store `value`: no NUL, no lone surrogate."""
    return "\x00" not in value and (value.isascii() or value.isprintable() or _encodes(value))


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_value(kind: Kind, raw: str, countries: tuple[str, ...] = ()) -> str | None:
    """Return the canonical form of a single value of `kind`, or None if it is unreadable.

    None also for web and IP addresses and host names, which `Collector.add_raw` parses. `countries` (ISO
    3166-1 alpha-2) help to parse national telephone numbers.
    """
    if kind in HASH_LENGTH:
        return read_hash(kind, raw)
    if kind is Kind.PHONE:
        number = read_phone(raw.strip(), countries)
        return None if number is None else number.value
    if kind is Kind.ACCOUNT:
        return read_iban(raw) or read_wallet(raw) or read_device(raw)
    reader = _READERS.get(kind)
    return None if reader is None else reader(raw)
