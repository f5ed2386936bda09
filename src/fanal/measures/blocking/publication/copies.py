"""Copies of the blocking list at DNS name servers, one for each access provider: settings, canaries. Pure.

The settings are `FANAL_HOME/blocklist.toml`. A canary is a name below a reserved domain of the desk, at which
nothing is served: only its provider's copy has it, so that it shows whose copy leaked.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from fanal.measures.blocking.blocklist import BlockList, closed, from_root
from fanal.measures.blocking.names import LONGEST, HostName, check_written

_KEY = re.compile(
    r'\s*key\s+"(?P<name>[A-Za-z0-9._-]{1,120})"\s*\{\s*'
    r"algorithm\s+(?P<algorithm>hmac-sha(?:224|256|384|512));\s*"
    r'secret\s+"(?P<secret>[A-Za-z0-9+/=]+)";\s*\};\s*'
)
_SERVER = re.compile(r"(?:(?P<ip4>[0-9.]+)|\[(?P<ip6>[0-9A-Fa-f:.]+)\]):(?P<port>[0-9]{1,5})")
_LEAST_SECRET = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_DIGEST = 20
"""Hexadecimal digits in the label of a canary, after `c`."""


class CopiesRefused(ValueError):
    """Error: the settings of access providers' copies, or a key file, are invalid; the message says why."""


class TsigKey(Struct, frozen=True, kw_only=True):
    """A TSIG key (RFC 8945), by which a name server authenticates requests: name, algorithm, secret bytes."""

    name: str
    algorithm: str
    secret: bytes


class NameServer(Struct, frozen=True, kw_only=True):
    """A name server: IP address and port."""

    address: str
    port: int

    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )


class Copy(Struct, frozen=True, kw_only=True):
    """The settings of one access provider's copy of the blocking list, a DNS zone.

    `isp` is the provider's name. The name server `primary` holds the copy; `update_key` may change it, and
    the provider transfers it with `transfer_key`. `canary` is a name only in this copy, for tracing leaks.
    The last three serve monitoring (None or () without): `secondary`, the provider's name server, is queried
    for its serial, and `resolver` is the server of its clients; at the addresses `outside`, nobody may read
    the zone.
    """

    isp: str
    primary: NameServer
    update_key: TsigKey
    transfer_key: TsigKey
    canary: HostName
    secondary: NameServer | None = None
    resolver: NameServer | None = None
    outside: tuple[NameServer, ...] = ()

    def names(self, block: BlockList) -> list[str]:
        """Return the sorted names in this copy of a list: the blocked ones, the canary, and those in between.

        See `blocklist.closed`.
        """
        return closed(sorted({*block.names, self.canary}, key=from_root))


class _CopyAsSet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    isp: str
    primary: str
    update_key: str
    transfer_key: str
    secondary: str = ""
    resolver: str = ""
    outside: tuple[str, ...] = ()


class _Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    canary: str
    copy: tuple[dict[str, object], ...] = ()


def key_files(content: bytes) -> list[str]:
    """Return the paths of the key files that the settings name, as written; sorted, each once.

    Raises:
        CopiesRefused: the settings cannot be read.
    """
    named = (one.get(key) for one in _read(content).copy for key in ("update_key", "transfer_key"))
    return sorted({path for path in named if isinstance(path, str)})


def read_copies(
    content: bytes, *, keys: Mapping[str, str], used: Sequence[Copy] = ()
) -> tuple[tuple[Copy, ...], dict[str, str]]:
    """Parse the settings of the copies; return the usable copies, and the fault of each other by provider.

    `content` are the settings (TOML), `keys` the contents of their key files, by path. A fault is also a key
    with two uses: of two copies with one transfer key none is usable; if a key updates one copy and transfers
    another, the one that it updates is not usable, or, if it updates several, the one that it transfers.
    `used` are the copies in use so far: one whose new settings are faulty is returned unchanged, and a new
    copy that conflicts with it is not usable.

    Raises:
        CopiesRefused: the settings as a whole cannot be read, or the canary domain is no host name, or has
            more than 219 characters, so that no canary fits below it.
    """
    settings = _read(content)
    base = _canary_domain(settings.canary)
    found: list[Copy] = []
    faults: dict[str, str] = {}
    for number, one in enumerate(settings.copy, start=1):
        isp = one.get("isp")
        name = isp if isinstance(isp, str) and isp else f"copy {number}"  # a space: no provider's
        try:
            found.append(_copy(msgspec.convert(one, _CopyAsSet), base, keys))
        except (CopiesRefused, msgspec.ValidationError) as error:
            faults[name] = str(error)
    for copy in found:
        others = [one for one in found if one is not copy]
        if fault := _clash(copy, others) or (copy.isp in faults and "it has two copies"):
            faults[copy.isp] = f"{copy.isp}: {fault}"
    return _with_used(found, used, faults)


def _canary_domain(text: str) -> HostName:
    try:
        (base,) = check_written([text])
    except ValueError:
        raise CopiesRefused(f"canary: {text!r} is no host name") from None
    if len(base) > LONGEST - _DIGEST - len("c."):
        raise CopiesRefused(f"canary: {text!r} is too long for names below it")
    return base


def _with_used(
    found: Sequence[Copy], used: Sequence[Copy], faults: dict[str, str]
) -> tuple[tuple[Copy, ...], dict[str, str]]:
    """Return the copies of `found` without fault, those of `used` that replace the others, and all faults."""
    kept = [one for one in used if one.isp in faults]
    good = [one for one in found if one.isp not in faults]
    further = {}
    for copy in good:
        backwards = (_clash(one, [copy]) for one in kept)
        if fault := _clash(copy, kept) or next(filter(None, backwards), ""):
            further[copy.isp] = f"{copy.isp}: {fault}"
    return _with_used(good, used, faults | further) if further else ((*good, *kept), faults)


def _clash(copy: Copy, others: Sequence[Copy]) -> str:
    """Return why a copy cannot be used with `others`, or ""."""
    if any(one.isp == copy.isp for one in others):
        return "it has two copies"
    transfers = {one.transfer_key.secret for one in others}
    if copy.transfer_key.secret in transfers:
        return "two copies have one transfer key: a leak would name neither"
    updates = [one.update_key.secret for one in (copy, *others)]
    updating, own = copy.update_key.secret, copy.transfer_key.secret
    if own == updating or updates.count(own) > 1:
        return "its transfer key may update: a provider could change a copy"
    if updating in transfers and updates.count(updating) == 1:
        return "its update key is the transfer key of another copy: a provider could change it"
    return ""


def canary_of(key: TsigKey, *, base: HostName) -> HostName:
    """Return the canary name of an access provider: a name below `base` derived from its transfer key.

    Raises:
        ValueError: `base` is too long for a name below it (22 characters more).
    """
    digest = hmac.new(key.secret, b"fanal/canary/1", hashlib.sha256).hexdigest()
    (name,) = check_written([f"c{digest[:_DIGEST]}.{base}"])
    return name


def read_key(text: str) -> TsigKey:
    """Parse a TSIG key from a key file in the form of BIND's `tsig-keygen`.

    Raises:
        CopiesRefused: it is no such file; the message never quotes it.
    """
    found = _KEY.fullmatch(text)
    if found is None:
        raise CopiesRefused("no key file as tsig-keygen writes it")
    try:
        secret = base64.b64decode(found["secret"], validate=True)
    except binascii.Error:
        raise CopiesRefused("the secret is no base64") from None
    if len(secret) < _LEAST_SECRET:
        raise CopiesRefused(f"the secret has less than {_LEAST_SECRET} bytes")
    return TsigKey(name=found["name"], algorithm=found["algorithm"], secret=secret)


def _read(content: bytes) -> _Settings:
    try:
        return msgspec.toml.decode(content, type=_Settings)
    except (msgspec.MsgspecError, ValueError) as error:
        raise CopiesRefused(str(error)) from None


def _copy(one: _CopyAsSet, base: HostName, keys: Mapping[str, str]) -> Copy:
    if not _NAME.fullmatch(one.isp):
        raise CopiesRefused(
            f"isp: {one.isp!r} is no name of lower-case letters, digits and hyphens"
        )
    update, transfer = (_key(path, keys) for path in (one.update_key, one.transfer_key))
    return Copy(
        isp=one.isp,
        primary=read_server(one.primary),
        update_key=update,
        transfer_key=transfer,
        canary=canary_of(transfer, base=base),
        secondary=read_server(one.secondary) if one.secondary else None,
        resolver=read_server(one.resolver) if one.resolver else None,
        outside=tuple(map(read_server, one.outside)),
    )


def read_server(text: str) -> NameServer:
    """Return the name server in a text such as `192.0.2.1:53` or `[2001:db8::1]:53`.

    Raises:
        CopiesRefused: it is no IP address with a port.
    """
    found = _SERVER.fullmatch(text)
    try:
        address = ipaddress.ip_address(found["ip4"] or found["ip6"]) if found else None
    except ValueError:
        address = None
    if found is None or address is None or not 0 < int(found["port"]) < 65536:
        raise CopiesRefused(f"{text!r} is no address with a port, such as 192.0.2.1:53")
    return NameServer(address=str(address), port=int(found["port"]))


def _key(path: str, keys: Mapping[str, str]) -> TsigKey:
    try:
        return read_key(keys[path])
    except KeyError:
        raise CopiesRefused(f"{path}: not there") from None
    except CopiesRefused as error:
        raise CopiesRefused(f"{path}: {error}") from None
