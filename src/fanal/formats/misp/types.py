"""Mapping of MISP's core format: types that are values of a list, and why the others are ignored."""

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "md5": "MD5",
    "sha1": "SHA1",
    "sha256": "SHA256",
    "url": "URL",
    "hostname": "HOST",
    "domain": "DOMAIN",
    "onion-address": "HOST",
}
"""Attribute types with one value, and its kind in a list."""
COMPOSED: Final[Mapping[str, tuple[str, int]]] = {
    "filename|md5": ("MD5", 1),
    "filename|sha1": ("SHA1", 1),
    "filename|sha256": ("SHA256", 1),
    "domain|ip": ("DOMAIN", 0),
    "hostname|port": ("HOST", 0),
}
"""Composite types: kind and index of the value for the list; the other value is counted as ignored."""
OWN_OBJECT: Final = "fanal-media"
OWN_KINDS: Final[Mapping[str, str]] = {"pdq": "PDQ", "photodna": "PHOTODNA"}
"""Relations of our own object for values without a MISP type."""
FILE_OBJECTS: Final = frozenset({"file", OWN_OBJECT})
"""Objects whose hashes belong to one file, hence to one entry."""
PERSON_OBJECTS: Final = frozenset(
    {
        "person", "persnona", "personification", "identity", "victim", "legal-entity", "employee",
        "passport", "contact-list", "fbi-most-wanted", "interpol-notice", "ftm-Person", "facial-composite",
        "tattoo",
    }
)  # fmt: skip
"""Objects about people: an event that contains one is refused."""
PERSON_TYPES: Final = frozenset(
    {
        "first-name", "middle-name", "last-name", "full-name", "date-of-birth", "place-of-birth", "gender",
        "passport-number", "passport-country", "passport-expiration", "identity-card-number", "nationality",
        "primary-residence", "country-of-residence", "visa-number",
    }
)  # fmt: skip
EVENT_READ: Final = frozenset({"Attribute", "Object", "Tag"})
EVENT_IGNORED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("id", "org_id", "orgc_id", "event_creator_email", "attribute_count", "sharing_group_id"),
        "numbers and people of the sender's own system",
    ),
    **dict.fromkeys(("Org", "Orgc"), "whose the list is, its owner says"),
    **dict.fromkeys(
        ("uuid", "extends_uuid", "timestamp", "publish_timestamp", "date", "published"),
        "an entry's dates are those of the list",
    ),
    **dict.fromkeys(("threat_level_id", "analysis"), "a list has one confidence, which its keeper states"),
    **dict.fromkeys(("distribution", "SharingGroup"), "the marking of the Traffic Light Protocol is read"),
    **dict.fromkeys(
        ("locked", "proposal_email_lock", "disable_correlation", "protected", "CryptographicKey", "Feed"),
        "how the sender's system treats the event",
    ),
    **dict.fromkeys(("Galaxy", "RelatedEvent"), "leads elsewhere"),
    "ShadowAttribute": "a proposal is nobody's statement yet",
    "EventReport": "free text may name people",
    "info": "free text may name people",
}  # fmt: skip
"""Ignored keys of an event, with the reason; keys in neither table are counted as unknown."""
ATTRIBUTE_READ: Final = frozenset({"type", "value", "deleted", "to_ids", "Tag", "object_relation"})
ATTRIBUTE_IGNORED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("id", "event_id", "object_id", "uuid", "sharing_group_id", "SharingGroup", "distribution"),
        "numbers and reach in the sender's own system",
    ),
    **dict.fromkeys(
        ("timestamp", "first_seen", "last_seen"), "an entry's dates are those of the list"
    ),
    "category": "the type says what the value is",
    "comment": "free text may name people",
    "disable_correlation": "how the sender's system treats the value",
    "data": "no file enters a list",
    "ShadowAttribute": "a proposal is nobody's statement yet",
    "Galaxy": "leads elsewhere",
    "Sighting": "leads elsewhere",
    "RelatedAttribute": "leads elsewhere",
}
OBJECT_READ: Final = frozenset({"name", "Attribute", "deleted"})
OBJECT_IGNORED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("id", "event_id", "uuid", "sharing_group_id", "SharingGroup", "distribution"),
        "numbers and reach in the sender's own system",
    ),
    **dict.fromkeys(
        ("timestamp", "first_seen", "last_seen"), "an entry's dates are those of the list"
    ),
    **dict.fromkeys(
        ("meta-category", "template_uuid", "template_version", "description"),
        "the name of the object says what it is",
    ),
    "comment": "free text may name people",
    "ObjectReference": "leads elsewhere",
}
CLASS_TAG: Final = "fanal:class="
SCOPE_TAG: Final = "fanal:scope="
COPINE_TAG: Final = "copine-scale:level-"
TLP_TAG: Final = "tlp:"
WRITTEN: Final[Mapping[str, tuple[str, str]]] = {
    "MD5": ("md5", "Payload delivery"),
    "SHA1": ("sha1", "Payload delivery"),
    "SHA256": ("sha256", "Payload delivery"),
    "PDQ": ("other", "Other"),
    "PHOTODNA": ("other", "Other"),
    "URL": ("url", "Network activity"),
    "HOST": ("hostname", "Network activity"),
    "DOMAIN": ("domain", "Network activity"),
    "ONION": ("onion-address", "Network activity"),
    "IP": ("ip-src", "Network activity"),
    "EMAIL": ("email", "Social network"),
    "PHONE": ("phone-number", "Person"),
}
"""MISP type and category of each kind; user names, devices and accounts have none and are not written."""
