"""XARF v4 reports of child sexual abuse material and exploitation (csam, csem): keys, reader and writer.

Keys and allowed codes are from specification 4.2.0: core, content base, csam and csem in one list, since a
report is a single object. Every value that is read becomes a node with its path. The reader is strict about
the required values and about dangerous content; other violations are kept as complaints.

The public validator (package `xarf` 1.0.0) accepts a picture as evidence of a csam report, and `javascript:`
as an address: additional checks refuse them, for reading and writing. It refuses every `domain` with
capitals, in punycode or under a top-level domain that is not all letters.

A written report has only facts about an address for a host or partner, none about a victim or a citizen. The
texts of a report, its victims, its reporter and its conversation are never sent.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

from msgspec import Struct

from fanal.formats.json_tree import TreeWalk, build_types, parse
from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.model import TypeModel
from fanal.formats.ncmec.read import Complaint, Document, Node
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.records import Channel, File, Person, PersonRole, Report

VERSION: Final = "4.2.0"

_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "xarf": {
        "xarf_version": "",
        "report_id": "",
        "timestamp": "",
        "reporter": "contact",
        "sender": "contact",
        "source_identifier": "",
        "source_port": "",
        "category": "",
        "type": "",
        "evidence_source": "",
        "evidence": "evidence",
        "tags": "",
        "confidence": "",
        "description": "",
        "legacy_version": "",
        "_internal": "",
        "url": "",
        "domain": "",
        "registrar": "",
        "nameservers": "",
        "dns_records": "records",
        "screenshot_url": "",
        "verified_at": "",
        "verification_method": "",
        "attack_vector": "",
        "target_brand": "",
        "hosting_provider": "",
        "asn": "",
        "country_code": "",
        "ssl_certificate": "certificate",
        "whois": "whois",
        "dns_response": "response",
        "classification": "",
        "media_type": "",
        "detection_method": "",
        "hash_values": "hashes",
        "ncmec_report_id": "",
        "content_removed": "",
        "account_suspended": "",
        "exploitation_type": "",
        "victim_age_range": "",
        "platform": "",
        "evidence_type": "",
        "perpetrator_indicators": "perpetrator",
        "reporting_obligations": "",
    },
    "contact": {"org": "", "contact": "", "domain": ""},
    "evidence": {"content_type": "", "description": "", "payload": "", "hash": "", "size": ""},
    "records": {"a": "", "aaaa": "", "mx": "", "txt": ""},
    "certificate": {
        "issuer": "",
        "subject": "",
        "valid_from": "",
        "valid_to": "",
        "fingerprint": "",
    },
    "whois": {
        "registrant": "",
        "created_date": "",
        "updated_date": "",
        "expiry_date": "",
        "registrar_abuse_contact": "",
    },
    "response": {"query_time": "", "authoritative": "", "response_code": ""},
    "hashes": {"md5": "", "sha1": "", "sha256": "", "photodna": ""},
    "perpetrator": {"account_id": "", "ip_addresses": "", "pattern_of_behavior": ""},
}

TYPES: Final[Mapping[str, TypeModel]] = build_types(_KEYS)

CLASSES: Final = frozenset({"baseline", "A1", "A2", "B1", "B2"})
EXPLOITATIONS: Final = frozenset(
    {
        *("grooming", "solicitation", "sextortion", "trafficking", "distribution"),
        *("production", "possession"),
    }
)
DETECTIONS: Final[Mapping[str, frozenset[str]]] = {
    "csam": frozenset(
        {"hash_match", "ai_detection", "manual_review", "user_report", "automated_scan"}
    ),
    "csem": frozenset(
        {
            *("behavioral_analysis", "keyword_detection", "user_report", "ai_detection"),
            *("manual_review", "law_enforcement_referral"),
        }
    ),
}
CODES: Final[Mapping[str, frozenset[str]]] = {
    "media_type": frozenset({"image", "video", "audio", "text", "mixed"}),
    "victim_age_range": frozenset({"infant", "toddler", "prepubescent", "pubescent", "unknown"}),
    "platform": frozenset(
        {
            *("social_media", "messaging_app", "gaming_platform", "forum", "email", "darkweb"),
            "other",
        }
    ),
    "evidence_type": frozenset({"chat_logs", "images", "videos", "user_profile", "metadata"}),
    "reporting_obligations": frozenset(
        {
            *("NCMEC", "IWF", "local_law_enforcement", "europol", "interpol"),
            *("platform_safety_team", "other"),
        }
    ),
    "verification_method": frozenset(
        {"manual", "automated_crawler", "user_report", "honeypot", "threat_intelligence"}
    ),
}
"""Known codes of keys that do not refuse a report: another code is kept, with a complaint."""


_TEXTS: Final = frozenset(
    {
        *("text/plain", "text/csv", "text/html", "text/markdown", "text/email"),
        *("application/json", "message/rfc822"),
    }
)
"""Media types of evidence that contain only text; a document or archive could contain a picture."""
_DOMAIN: Final = re.compile(r"([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}")
_BASE64_BLOCK: Final = re.compile(r"(?:[A-Za-z0-9+/=_-]\s?){2000,}")
_EMBEDDED: Final = re.compile(
    r"data:\s*(?:image|video|audio)/|content-type:\s*(?:image|video|audio)/", re.IGNORECASE
)
_MAX_HOST: Final = 253


def check_address(address: str, *, path: str) -> None:
    """Refuse an address that is not a web address; `path` is its place in the report, for the refusal.

    Raises:
        FormatRefused: another scheme than http and https, or no host.
    """
    try:
        parts = urlsplit(address.strip())
        host = parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise FormatRefused(DocumentFault.NOT_OF_THE_WEB, path)


def writable_domain(host: str | None) -> str | None:
    """Return a host in the form that XARF's field `domain` accepts; None if it accepts it in none.

    It accepts neither IP addresses nor internationalised names.
    """
    plain = (host or "").lower().rstrip(".")
    if len(plain) > _MAX_HOST or "xn--" in plain or _DOMAIN.fullmatch(plain) is None:
        return None
    return plain


def text_of_evidence(content_type: str, payload: str, *, path: str) -> str:
    """Return the decoded text of a piece of evidence, from its content type and base64 payload.

    `path` is its place in the report, which a refusal names.

    Raises:
        FormatRefused: it is, or may contain, image, video or audio; or it is not base64.
    """
    if content_type.partition(";")[0].strip().lower() not in _TEXTS:
        raise FormatRefused(DocumentFault.MEDIA_IN_EVIDENCE, path)
    try:
        words = base64.b64decode("".join(payload.split()), validate=True).decode("utf-8", "strict")
    except (binascii.Error, ValueError) as error:
        code = (
            DocumentFault.MEDIA_IN_EVIDENCE
            if isinstance(error, UnicodeError)
            else DocumentFault.WRONG_TYPE
        )
        raise FormatRefused(code, path) from error
    if "\0" in words or _EMBEDDED.search(words) or _BASE64_BLOCK.search(words):
        raise FormatRefused(DocumentFault.MEDIA_IN_EVIDENCE, path)
    return words


MAX_BYTES: Final = 2_000_000  # words only: media has no place in it
MAX_EVIDENCE: Final = 50
_VERSION: Final = re.compile(r"4\.[0-9]+\.[0-9]+")
_REQUIRED: Final = (
    *("xarf_version", "report_id", "timestamp", "reporter", "sender", "source_identifier"),
    *("category", "type", "url", "detection_method"),
)


def read_xarf(body: bytes) -> Document:
    """Parse one XARF report (JSON) to a document tree, with the violations for which it is not refused.

    Raises:
        FormatRefused: not a JSON object within the limits, not a csam or csem report of version 4, a missing
            or malformed required value, an address outside the web, or evidence that may contain media.
    """
    if len(body) > MAX_BYTES:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_BYTES})
    tree = parse(body)
    if not isinstance(tree, dict):
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "object"})
    walk = TreeWalk()
    entries = walk.entries("", tree, kind=TYPES["xarf"], depth=1)
    root = Node("xarf", "", None, None, (), entries)
    _check_report(root)
    _check_addresses(root)
    _check_evidence(root)
    return Document(root=root, complaints=(*walk.complaints, *_doubts(root)))


def _check_report(root: Node) -> None:
    for name in _REQUIRED:
        _require(root, name)
    kind = _text(root, "type")
    if _text(root, "category") != "content" or kind not in DETECTIONS:
        raise FormatRefused(DocumentFault.UNKNOWN_CODE, "type")
    own, codes = (
        ("classification", CLASSES) if kind == "csam" else ("exploitation_type", EXPLOITATIONS)
    )
    _require(root, own)
    for name, known in ((own, codes), ("detection_method", DETECTIONS[kind])):
        if _text(root, name) not in known:
            raise FormatRefused(DocumentFault.UNKNOWN_CODE, name)
    if _VERSION.fullmatch(_text(root, "xarf_version")) is None:
        raise FormatRefused(DocumentFault.UNKNOWN_CODE, "xarf_version")
    if earliest_instant(_text(root, "timestamp")) is None:
        raise FormatRefused(DocumentFault.BAD_DATE, "timestamp")


def _require(root: Node, name: str) -> None:
    node = root.child(name)
    if node is None or not (node.children or (node.text or "").strip()):
        raise FormatRefused(DocumentFault.MISSING_FIELD, name)


def _check_addresses(root: Node) -> None:
    for node in root.children:
        if node.name in {"url", "screenshot_url"}:
            check_address(node.text or "", path=node.path)


def _check_evidence(root: Node) -> None:
    pieces = [node for node in root.children if node.name == "evidence"]
    if len(pieces) > MAX_EVIDENCE:
        raise FormatRefused(
            DocumentFault.TOO_MANY_VALUES, "evidence", parameters={"limit": MAX_EVIDENCE}
        )
    for piece in pieces:
        text_of_evidence(_text(piece, "content_type"), _text(piece, "payload"), path=piece.path)


def _doubts(root: Node) -> list[Complaint]:
    """Return the violations of the specification for which a report is kept, not refused, as complaints."""
    found = [
        Complaint(node.path, "INVALID_VALUE", (node.text or "")[:200])
        for node in root.children
        if node.name in CODES and not node.children and (node.text or "") not in CODES[node.name]
    ]
    found += [
        Complaint(node.path, "NEVER_TRANSMITTED")
        for node in root.children
        if node.name == "_internal"
    ]
    return found


def _text(node: Node, name: str) -> str:
    child = node.child(name)
    return (child.text or "").strip() if child is not None else ""


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
    """Input of the XARF writer: the report, the sending desk, and the report's classes in XARF terms.

    `org` and `email` are those of the desk; `received_at` stands in for a missing or unreadable incident
    date. `urls` are the report's addresses in WHATWG form, `classes` the csam classes of its files in their
    order, empty for a file without class; `exploitation` is the csem type of its kind, or empty. `is_test`
    adds the tag of a test report. `ncmec_report_id` is the report's id at NCMEC, or empty.
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
    """Serialise a report (`sent`) as one XARF document for each web address, [] if there is none.

    The result is also [] if XARF has no type for the report. With a single address and several classified
    files, each file has its own document: a document holds only one set of hashes. With several addresses,
    each document states the worst class, and hashes only if a single file is classified.

    Raises:
        ValueError: neither the incident's nor the receipt's instant can be read.
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
    """Return the first user name of the suspects (`account_id`) and their IPv4 addresses (`ip_addresses`).

    A key without a value is absent. The format takes neither further names nor IPv6 addresses.
    """
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
