"""Writer of XARF v4: only facts about an address for a host or partner, none about a victim or a citizen.

The texts of a report, its victims, its reporter and its conversation are never sent.
"""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

from msgspec import Struct

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.refusal import FormatRefused
from fanal.formats.report.records import Channel, File, Person, PersonRole, Report
from fanal.formats.xarf.checks import check_address, writable_domain
from fanal.formats.xarf.model import CLASSES, VERSION

_WORST_FIRST: Final = ("A1", "A2", "B1", "B2", "baseline")
_PLATFORMS: Final = {
    Channel.SOCIAL: "social_media",
    Channel.MESSAGING: "messaging_app",
    Channel.GAME: "gaming_platform",
    Channel.METAVERSE: "gaming_platform",
    Channel.EMAIL: "email",
    Channel.DARKWEB: "darkweb",
}


_OF_AN_ADDRESS: Final = ":/?#[]@!$&'()*+,;=%-._~"
"""Characters that stay in an address (RFC 3986, 2.2 and 2.3); all others are percent-encoded."""


class XarfSent(Struct, frozen=True, kw_only=True):
    """Input of the writer: the report, the sending desk, and the report's classes in XARF terms.

    `org` and `email` are those of the desk. `urls` are the report's addresses in WHATWG form, `classes` the
    csam classes of its files in their order, empty for a file without class; `exploitation` is the csem type
    of its kind, or empty.
    """

    report_id: UUID
    report: Report
    received_at: str
    org: str
    email: str
    urls: Sequence[str] = ()
    classes: Sequence[str] = ()
    exploitation: str = ""
    ncmec_report_id: str = ""
    is_test: bool = False


def write_xarf(sent: XarfSent) -> list[bytes]:
    """Serialise one XARF document for each web address; return [] if XARF has no type for the report.

    With a single address and several classified files, each file has its own document: a document holds only
    one set of hashes.
    """
    addresses = [
        quote(u, safe=_OF_AN_ADDRESS) for u in dict.fromkeys(sent.urls) if _is_of_the_web(u)
    ]
    material = [
        (file, name)
        for file, name in zip(sent.report.files, sent.classes, strict=False)
        if name in CLASSES
    ]
    if not material and not sent.exploitation:
        return []
    found: list[dict[str, object]] = []
    for url in addresses:
        if material and len(addresses) == 1:
            found += [_csam(sent, url, name=name, file=file) for file, name in material]
        elif material:
            worst = min((name for _, name in material), key=_WORST_FIRST.index)
            alone = material[0][0] if len(material) == 1 else None
            found.append(_csam(sent, url, name=worst, file=alone))
        else:
            found.append(_csem(sent, url))
    return [
        json.dumps(
            {**tree, "report_id": str(uuid5(sent.report_id, f"xarf/{number}"))},
            ensure_ascii=False,
            indent=2,
        ).encode()
        for number, tree in enumerate(found)
    ]


def _csam(sent: XarfSent, url: str, *, name: str, file: File | None) -> dict[str, object]:
    seen = any(item.seen_by_provider for item in sent.report.files)
    tree = _common(sent, url, kind="csam") | {
        "classification": name,
        "detection_method": "manual_review" if seen else "user_report",
    }
    if file is not None:
        hashes = {part: getattr(file, part) for part in ("md5", "sha1", "sha256")}
        tree["hash_values"] = {part: value for part, value in hashes.items() if value}
    if sent.ncmec_report_id:
        tree["ncmec_report_id"] = sent.ncmec_report_id
    return tree


def _csem(sent: XarfSent, url: str) -> dict[str, object]:
    suspects = [p for p in sent.report.persons if p.role is PersonRole.SUSPECT]
    tree = _common(sent, url, kind="csem") | {
        "exploitation_type": sent.exploitation,
        "detection_method": "user_report",
    }
    if sent.report.channel in _PLATFORMS:
        tree["platform"] = _PLATFORMS[sent.report.channel]
    indicators = _indicators(suspects)
    if indicators:
        tree["perpetrator_indicators"] = indicators
    return tree


def _indicators(suspects: Sequence[Person]) -> dict[str, object]:
    """Return the first user name and the IPv4 addresses of the suspects: the format takes no others."""
    names = [handle.value for person in suspects for handle in person.handles]
    addresses = [seen.value for person in suspects for seen in person.ips if ":" not in seen.value]
    found: dict[str, object] = {}
    if names:
        found["account_id"] = names[0]
    if addresses:
        found["ip_addresses"] = list(dict.fromkeys(addresses))
    return found


def _common(sent: XarfSent, url: str, *, kind: str) -> dict[str, object]:
    desk = {"org": sent.org, "contact": sent.email, "domain": sent.email.rpartition("@")[2]}
    host = urlsplit(url).hostname or ""
    tree: dict[str, object] = {
        "xarf_version": VERSION,
        "timestamp": _timestamp(sent),
        "reporter": desk,
        "sender": desk,
        "source_identifier": host,
        "category": "content",
        "type": kind,
        "evidence_source": "user_report",
        "url": url,
        "tags": ["lifecycle:test"] if sent.is_test else [],
    }
    domain = writable_domain(host)
    if domain is not None:
        tree["domain"] = domain
    return tree


def _timestamp(sent: XarfSent) -> str:
    written = earliest_instant(sent.report.occurred_at or "") or earliest_instant(sent.received_at)
    if written is None:
        raise ValueError("a report has an instant of receipt")
    return written.isoformat(timespec="seconds").replace("+00:00", "Z")


def _is_of_the_web(url: str) -> bool:
    try:
        check_address(url, path="")
    except FormatRefused:
        return False
    return True
