"""Known keys of XARF v4 reports of types csam and csem, and the codes allowed in some of them.

From specification 4.2.0: core, content base, csam and csem in one list, since a report is a single object.
"""

from collections.abc import Mapping
from typing import Final

from fanal.formats.json_tree import build_types
from fanal.formats.ncmec.model import TypeModel

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
