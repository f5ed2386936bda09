"""Web addresses and host names: as reported, in WHATWG form, and in the form for comparison.

`canonical` is the WHATWG serialisation of an address with its fragment. `key`, the form for comparison,
omits the fragment, the listed tracking parameters and the trailing root dot of the host, and decodes
percent-encoded unreserved characters (RFC 3986, 6.2.2.2), so that one page has one key. Defanged text (such
as `hxxp`) and missing schemes are corrected only if the text is not a valid address without the correction.

For a host, the module gives the canonical form and the registrable domain, and recognises onion services
and IP addresses.

The registrable domain follows both sections of the Public Suffix List (packaged copy, no network access).
The private section separates the customers of one hosting service: a link, and later a measure, against one
of them does not affect the others.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from ipaddress import IPv6Address
from socket import AF_INET6, inet_ntop, inet_pton

from ada_url import URL, SchemeType
from msgspec import Struct
from publicsuffixlist import PublicSuffixList

from fanal.harmonise.domain.datafiles import DataRecord, load
from fanal.harmonise.domain.records import HarmonisedUrl

# Reserved names of RFC 2606 and RFC 6761, and roots outside the public DNS that occur in reports.
_OTHER_ROOTS = frozenset({"test", "example", "invalid", "localhost", "local", "onion", "i2p"})
_ONION = re.compile(r"(?:^|\.)([a-z2-7]{56}|[a-z2-7]{16})\.onion$")
# Hosts that the WHATWG parser returns unchanged: plain labels, the last neither a number nor in IDNA form.
PLAIN_HOST = (
    r"(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}(?!xn--)[a-z][a-z-]{0,61}[a-z]"
)
_PLAIN_HOST = re.compile(PLAIN_HOST)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ZEROS = bytes(10)
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str | None:
    """Return the registrable domain of a canonical host: public suffix plus one label, as `example.co.uk`.

    None for a host without one, such as an IP address or a public suffix itself.
    """
    if not host or host[0] == "." or host[-1] == "." or ip_in_host(host) is not None:
        return None
    return _suffixes().privatesuffix(host.lower())


@lru_cache(maxsize=4096)
def has_known_root(host: str) -> bool:
    """Return whether the last label of `host` is a top-level domain, in the list or reserved."""
    root = host.rpartition(".")[2].lower()
    if root in _OTHER_ROOTS:
        return True
    return _suffixes().publicsuffix(root, accept_unknown=False) is not None


@cache
def _suffixes() -> PublicSuffixList:
    """Return the Public Suffix List, loaded at first use: most commands need no domain."""
    return PublicSuffixList()


# Top-level domains for which a bare name in a sentence is taken as a host; others need `www.`, a path or
# three labels, because "fini.Me voici" and "photo.zip" look like hosts too.
_PLAIN_ROOTS = frozenset(
    {
        "com",
        "net",
        "org",
        "info",
        "biz",
        "fr",
        "eu",
        "ru",
        "cc",
        "tv",
        "xyz",
        "onion",
        "test",
        "example",
    }
)


def is_plain_host(name: str, *, has_path: bool = False) -> bool:
    """Return whether a word with dots in a sentence, without a scheme, is the name of a host.

    `has_path`: a path follows the word, so that fewer top-level domains are doubted.
    """
    labels = name.split(".")
    if not has_known_root(name):
        return False
    if labels[-1][:1].isupper() and not labels[0][:1].isupper():
        return False  # a sentence that ends without a space before the next
    trusted = labels[-1].lower() in _PLAIN_ROOTS or len(labels) > 2
    return trusted or has_path or labels[0].lower() == "www"


def canonical_host(text: str) -> str | None:
    """Return `text` as a WHATWG host without its root dot (an IPv6 address in brackets), or None."""
    if _PLAIN_HOST.fullmatch(text) is not None:
        return text
    if not text or any(mark in text for mark in "/?#@\\") or _has_port(text):
        return None
    try:
        host = URL(f"http://{text}").hostname
    except ValueError:
        return None
    return without_root_dot(host) or None


def without_root_dot(host: str) -> str:
    """Return `host` without the trailing dot of the DNS root; `a..` stays, to show its empty label."""
    return host if host.endswith("..") else host.removesuffix(".")


def _has_port(text: str) -> bool:
    return ":" in text and not text.startswith("[")


def ip_in_host(host: str) -> str | None:
    """Return the canonical IP address that a WHATWG host consists of, or None for a name."""
    if host.startswith("["):
        return canonical_ip(host[1:-1])
    if host[-1:].isdigit():
        return canonical_ip(host)
    return None


def canonical_ip(text: str) -> str | None:
    """Return the RFC 5952 form of an IP address, an IPv4-mapped one as IPv4, or None if it is unreadable."""
    found = _parsed_ip(text)
    return None if found is None else found[1]


def packed_ip(text: str) -> bytes | None:
    """Return the IP address in `text` as 4 or 16 bytes, without zone id (RFC 4007); None if unreadable."""
    found = _parsed_ip(text)
    return None if found is None else found[0]


@lru_cache(maxsize=1024)
def _parsed_ip(text: str) -> tuple[bytes, str] | None:
    plain = text.partition("%")[0]
    if _IPV4.fullmatch(plain) is not None:
        return bytes(map(int, plain.split("."))), plain
    if ":" not in plain:
        return None
    return _parsed_hexadecimal(plain) or _parsed_ipv6(plain)


def _parsed_hexadecimal(plain: str) -> tuple[bytes, str] | None:
    """Parse an IPv6 address without dotted part to (packed bytes, canonical text), by `inet_pton`.

    This is five times faster than `ipaddress`. None: the caller uses `ipaddress`, as for addresses that some
    systems write with a dotted part.
    """
    try:
        packed = inet_pton(AF_INET6, plain)
    except (OSError, ValueError):
        return None
    written = inet_ntop(AF_INET6, packed)
    return None if "." in plain or "." in written or packed[:10] == _ZEROS else (packed, written)


def _parsed_ipv6(plain: str) -> tuple[bytes, str] | None:
    try:
        address = IPv6Address(plain)
    except ValueError:
        return None
    written = address.ipv4_mapped or address
    return written.packed, str(written)


def onion_service(host: str) -> str | None:
    """Return the onion service (16 or 56 characters and `.onion`) of which `host` is a name, or None."""
    match = _ONION.search(host) if ".onion" in host else None
    return None if match is None else f"{match.group(1)}.onion"


def onion_checksum_holds(onion: str) -> bool:
    """Return whether a version 3 onion address has a valid checksum (rend-spec-v3); True for version 2."""
    label = onion.removesuffix(".onion")
    if len(label) != 56:
        return True
    content = base64.b32decode(label.upper())
    key, checksum, version = content[:32], content[32:34], content[34:]
    expected = hashlib.sha3_256(b".onion checksum" + key + version).digest()[:2]
    return version == b"\x03" and checksum == expected


# Refanging: reversal of the notations that keep an address from being clicked (hxxp, [.], (dot), [at] …).
#
# Each pattern is bounded and starts on a fixed character, so reading time stays linear.

_HINT = re.compile(r"[\[({\\]|[hf]xx?p|h[tx]{2}p", re.IGNORECASE)
_SCHEME = re.compile(
    r"(?<![0-9A-Za-z])(?:hxxp|hxtp|htxp|h\*\*p|fxp)(s?)(?=\s?(?:\[:|\[?://|\(:|:\[))", re.IGNORECASE
)
_COLON = re.compile(r"\s?[\[({]:[\])}]\s?(?=//)|\s?[\[({]://[\])}]\s?|:\s?[\[({]//[\])}]\s?")
_DOT = re.compile(r"\s{0,2}[\[({]\s?(?:\.|dot|point)\s?[\])}]\s{0,2}", re.IGNORECASE)
_OPEN_DOT = re.compile(r"(?<=\w)(?:\[\.|\.\])(?=\w)")
_ESCAPED_DOT = re.compile(r"(?<=\w)\\\.(?=\w)")
_AT = re.compile(r"\s{0,2}[\[({]\s?(?:@|at|arobase)\s?[\])}]\s{0,2}", re.IGNORECASE)
_SLASH = re.compile(r"[\[({]/[\])}]")

DEFANGED_SCHEMES = frozenset({"hxxp", "hxxps", "hxtp", "hxtps", "htxp", "htxps", "fxp", "fxps"})


def refang(text: str) -> str:
    """Return `text` with defanged addresses (`hxxp://example[.]org`) in normal notation."""
    if not _may_be_defanged(text) or _HINT.search(text) is None:
        return text
    text = _SCHEME.sub(_scheme, text)
    text = _COLON.sub(_colon, text)
    text = _DOT.sub(".", text)
    text = _OPEN_DOT.sub(".", text)
    text = _ESCAPED_DOT.sub(".", text)
    text = _AT.sub("@", text)
    return _SLASH.sub("/", text)


def _may_be_defanged(text: str) -> bool:
    """Return whether a text may contain a defanged address; a cheap test that excludes most sentences."""
    if "[" in text or "(" in text or "{" in text or "\\" in text:
        return True
    lowered = text.lower()
    return "xp" in lowered or "tp" in lowered


def _scheme(match: re.Match[str]) -> str:
    first = "ftp" if match.group(0)[0] in "fF" else "http"
    return first + match.group(1).lower()


def _colon(match: re.Match[str]) -> str:
    return "://" if "//" in match.group(0) else ":"


# Schemes whose authority is a network host; elsewhere (`tg://resolve`) it is only a word.
_WEB = frozenset({"http", "https", "ws", "wss", "ftp", "ftps", "sftp"})
_STREAMS = frozenset({"rtmp", "rtmps", "rtsp", "mms", "irc", "ircs", "gopher", "gemini"})
NETWORK_SCHEMES = _WEB | _STREAMS
_URL_SCHEME = re.compile(r"^[\x00-\x20]*([A-Za-z][A-Za-z0-9+.\-]*):")
_MISSPELT = re.compile(r"^\s*(https?)\s?[;,.]?\s?(?:://|//|:\\\\)\s?", re.IGNORECASE)
_BARE = re.compile(
    r"^\s*(?://)?((?:[^\W_][\w\-]{0,62}\.){1,12}[^\W_][\w\-]{1,62})\.?(?::\d{1,5})?(?=[/?#\s]|$)"
)
# URLs that the WHATWG parser returns unchanged: no port, account, percent-encoding or dot segment.
_SEGMENT = r"[A-Za-z0-9_~\-][A-Za-z0-9_.~\-]*"
PLAIN_URL = (
    rf"(https?)://({PLAIN_HOST})/(?:{_SEGMENT}(?:/{_SEGMENT})*/?)?(?:\?[A-Za-z0-9_.~=&\-]+)?"
)
_PLAIN = re.compile(PLAIN_URL)
_PORT_AFTER = re.compile(r"\d{1,5}(?:[/?#]|$)")
_TRIPLET = re.compile(r"%([0-9A-Fa-f]{2})")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DEFANGED_HOST = re.compile(r"[(\[{]\s?(?:\.|dot|point)\s?[)\]}]|\w\\\.\w", re.IGNORECASE)
_CACHED_LENGTH = 2048


class Address(Struct, frozen=True, kw_only=True):
    """A parsed web address; if it could not be parsed, only `reported` and `warning` are set.

    `reported` is the text as reported, `canonical` its WHATWG form, `key` the form for comparison, without
    what does not distinguish pages. `scheme` and `port` are as stated, `host` is the host, and in addition:
    `registrable_domain`, the domain that its owner registered; `onion`, its onion service; `ip`, if it is an
    IP address. `warning` is the code of a correction made for reading, or of why it is unreadable.
    """

    reported: str
    canonical: str | None = None
    key: str | None = None
    scheme: str | None = None
    host: str | None = None
    registrable_domain: str | None = None
    onion: str | None = None
    ip: str | None = None
    port: int | None = None
    warning: str | None = None  # URL_UNREADABLE | URL_SCHEME_ASSUMED | URL_REFANGED

    def record(self) -> HarmonisedUrl:
        """Return this web address as the record (`HarmonisedUrl`) that a harmonised report holds."""
        return HarmonisedUrl(
            reported=self.reported,
            canonical=self.canonical,
            key=self.key,
            host=self.host,
            registrable_domain=self.registrable_domain,
        )


class _Parameter(DataRecord, frozen=True):
    why: str
    names: tuple[str, ...] = ()
    prefix: str | None = None
    hosts: tuple[str, ...] = ()


class _Tracking(DataRecord, frozen=True):
    version: str
    source: str
    parameter: tuple[_Parameter, ...]


_TRACKING = load("tracking.toml", _Tracking)
TRACKING_VERSION = _TRACKING.version
_PREFIXES = tuple(p.prefix for p in _TRACKING.parameter if p.prefix)
_ANYWHERE = frozenset(n for p in _TRACKING.parameter if not p.hosts for n in p.names)
_AT_HOST = {
    domain: frozenset(n for p in _TRACKING.parameter if domain in p.hosts for n in p.names)
    for domain in {h for p in _TRACKING.parameter for h in p.hosts}
}


def read_url(reported: str) -> Address:
    """Parse a reported web address; never raise. If it is no URL, only `reported` and `warning` are set."""
    return _read_cached(reported) if len(reported) <= _CACHED_LENGTH else _read(reported)


def _read(reported: str) -> Address:
    plain = _PLAIN.fullmatch(reported)
    if plain is not None:
        return _plain_address(reported, plain.group(1), plain.group(2))
    for text, warning in _readings(reported):
        parsed = _parse(text)
        if parsed is not None:
            return _address(reported, parsed, warning)
    return Address(reported=reported, warning="URL_UNREADABLE")


_read_cached = lru_cache(maxsize=1024)(_read)


def _readings(reported: str) -> Iterator[tuple[str, str | None]]:
    """Yield the texts to try as a URL for a reported address, in order, each with its warning code or None.

    The first is the address as reported, the others are corrected (defanged text, missing scheme).
    """
    if not _is_defanged(reported) and not _is_host_and_port(reported):
        yield reported, None
    mended = refang(reported)
    # A defanged scheme that remains (`hxxp:0[/]`) is no scheme: the address could not be parsed again.
    if mended != reported and not _is_host_and_port(mended) and not _has_defanged_scheme(mended):
        yield mended, "URL_REFANGED"
    spelt = _MISSPELT.sub(r"\1://", mended, count=1)
    if spelt != mended:
        yield spelt, "URL_REFANGED"
    bare = _BARE.match(mended)
    if (bare is not None and has_known_root(bare.group(1))) or _is_dotted_quad(mended):
        yield f"http://{mended.strip().removeprefix('//')}", "URL_SCHEME_ASSUMED"


def _is_defanged(text: str) -> bool:
    match = _URL_SCHEME.match(text)
    if match is None:
        return False
    if _has_defanged_scheme(text):
        return True
    authority = text[match.end() :].lstrip("/\\").partition("/")[0]
    return _DEFANGED_HOST.search(authority) is not None


def _has_defanged_scheme(text: str) -> bool:
    match = _URL_SCHEME.match(text)
    return match is not None and match.group(1).lower() in DEFANGED_SCHEMES


def _is_host_and_port(text: str) -> bool:
    """Return whether `text` is `example.org:8080/…`, which would parse as a URL of scheme `example.org`."""
    match = _URL_SCHEME.match(text)
    if match is None or "." not in match.group(1) or not has_known_root(match.group(1)):
        return False
    return _PORT_AFTER.match(text, match.end()) is not None


def _is_dotted_quad(text: str) -> bool:
    head = re.split(r"[:/?#]", text.strip(), maxsplit=1)[0]
    return head.count(".") == 3 and ip_in_host(head) is not None


def _parse(text: str) -> URL | None:
    try:
        return URL(text)
    except ValueError:
        return None


def _address(reported: str, url: URL, warning: str | None) -> Address:
    canonical = url.href
    scheme = url.protocol[:-1]
    host = url.hostname if scheme in NETWORK_SCHEMES and url.hostname else None
    if host is not None:
        host = _clean_host(host, url)
    ip = None if host is None else ip_in_host(host)
    return Address(
        reported=reported,
        canonical=canonical,
        key=_key(canonical, host),
        scheme=scheme,
        host=host,
        registrable_domain=None if host is None else registrable_domain(host),
        onion=None if host is None else onion_service(host),
        ip=ip,
        port=int(url.port) if url.port else None,
        warning=warning,
    )


def _plain_address(reported: str, scheme: str, host: str) -> Address:
    return Address(
        reported=reported,
        canonical=reported,
        key=_plain_key(reported, host),
        scheme=scheme,
        host=host,
        registrable_domain=registrable_domain(host),
        onion=onion_service(host),
    )


def _clean_host(host: str, url: URL) -> str:
    """Return the host without root dot, normalised even where the WHATWG parser leaves it as written.

    `url` is the parsed address, `host` the host in it.
    """
    if url.scheme_type == SchemeType.NOT_SPECIAL:
        return canonical_host(host) or host
    return without_root_dot(host) or host


def _plain_key(plain: str, host: str) -> str:
    """Return the form for comparison of an address without fragment, percent-encoding or root dot.

    A faster path than `_key`. `plain` is the address in WHATWG form, `host` its host.
    """
    base, mark, query = plain.partition("?")
    query = _without_tracking(query, host) if mark else ""
    return f"{base}?{query}" if query else base


def _key(canonical: str, host: str | None) -> str:
    whole = canonical.partition("#")[0]
    base, mark, query = whole.partition("?")
    if host is None:
        return whole
    base = _without_root_dot(base, host)
    base = _plain(base)
    if mark:
        query = _without_tracking(_plain(query), host)
    return f"{base}?{query}" if query else base


def _without_root_dot(base: str, host: str) -> str:
    start = base.find("//") + 2
    authority, slash, path = base[start:].partition("/")
    account, at, place = authority.rpartition("@")
    if not place.startswith(f"{host}."):
        return base
    return f"{base[:start]}{account}{at}{host}{place[len(host) + 1 :]}{slash}{path}"


def _plain(text: str) -> str:
    """Decode percent-encoded unreserved characters (RFC 3986), and write the other codes in capitals.

    Text with a `%` that begins no code stays as it is, since decoding could form a new code.
    """
    if "%" not in text or _LONE_PERCENT.search(text) is not None:
        return text
    return _TRIPLET.sub(_decode, text)


def _decode(match: re.Match[str]) -> str:
    value = int(match.group(1), 16)
    return chr(value) if value in _UNRESERVED else match.group(0).upper()


def _without_tracking(query: str, host: str) -> str:
    at_host = _AT_HOST.get(registrable_domain(host) or host, frozenset())
    kept = [part for part in query.split("&") if not _is_tracking(part, at_host)]
    return "&".join(kept)


def _is_tracking(part: str, at_host: frozenset[str]) -> bool:
    name = part.partition("=")[0].lower()
    return name in _ANYWHERE or name in at_host or name.startswith(_PREFIXES)
