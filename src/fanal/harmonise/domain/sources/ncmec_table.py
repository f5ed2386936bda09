"""The mapping table of the NCMEC format: how each element and attribute is kept.

Keys are those of the format's model (`person/email`, `email/@type`). A test compares the table with the
schema, in both directions; another fills every field and checks that each value is where the table says.
Elements outside the schema go to `extra` with a warning. The context of an element, passed to field handlers
(takers) and element handlers (openers), is here too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import Struct

from fanal.formats.ncmec.read import Node
from fanal.formats.report.records import Channel, ReportKind
from fanal.harmonise.domain.sources.building import FileBuilding, PersonBuilding, ReportBuilding

# NCMEC's incident types and places of the incident, as kinds and channels of the common shape.

# The eight incident types; the last four have no kind of their own and are kept in `extra` and hints.
KINDS: Final[Mapping[str, ReportKind]] = {
    "Child Pornography (possession, manufacture, and distribution)": ReportKind.ABUSE_MATERIAL,
    "Child Sex Trafficking": ReportKind.TRAFFICKING,
    "Child Sex Tourism": ReportKind.SEX_TOURISM,
    "Online Enticement of Children for Sexual Acts": ReportKind.GROOMING,
    "Child Sexual Molestation": ReportKind.OTHER,
    "Misleading Domain Name": ReportKind.OTHER,
    "Misleading Words or Digital Images on the Internet": ReportKind.OTHER,
    "Unsolicited Obscene Material Sent to a Child": ReportKind.OTHER,
}

CHANNELS: Final[Mapping[str, Channel]] = {
    "webPageIncident": Channel.WEB,
    "webpageIncident": Channel.WEB,
    "emailIncident": Channel.EMAIL,
    "newsgroupIncident": Channel.OTHER,
    "chatImIncident": Channel.MESSAGING,
    "onlineGamingIncident": Channel.GAME,
    "cellPhoneIncident": Channel.PHONE,
    "nonInternetIncident": Channel.OTHER,
    "peer2peerIncident": Channel.P2P,
}


# Words in the incident types of other programs and years; the first match counts.
_WORDS: Final = (
    ("pornography", ReportKind.ABUSE_MATERIAL),
    ("trafficking", ReportKind.TRAFFICKING),
    ("tourism", ReportKind.SEX_TOURISM),
    ("enticement", ReportKind.GROOMING),
)


def kind_of_words(text: str) -> ReportKind:
    """Return the report kind for a freely worded incident type, or OTHER if no known word matches."""
    exact = KINDS.get(text.strip())
    if exact is not None:
        return exact
    lowered = text.lower()
    return next((kind for word, kind in _WORDS if word in lowered), ReportKind.OTHER)


def refined_kind(kind: ReportKind, *, annotations: Sequence[str]) -> ReportKind:
    """Return `kind`, with an enticement report narrowed to SEXTORTION or SOLICITATION by its annotations."""
    if kind is ReportKind.GROOMING:
        if "sextortion" in annotations:
            return ReportKind.SEXTORTION
        if "csamSolicitation" in annotations:
            return ReportKind.SOLICITATION
    return kind


class Keep(StrEnum):
    """Where a value of the source document is kept.

    FIELD: in a common field; in `extra` (values without a field) only if the field refuses it. BOTH: in a
    field and in `extra`. EXTRA: in `extra` only. PARTS: an element without a value of its own, whose parts
    are kept. IGNORED: nowhere.
    """

    FIELD = "FIELD"  # a field holds all of it; extra only when the field refuses the value
    BOTH = "BOTH"  # a field uses it, and extra keeps it with its path
    EXTRA = "EXTRA"  # no field: extra keeps it with its path
    PARTS = "PARTS"  # holds no value of its own: its parts have their own lines
    IGNORED = "IGNORED"  # not read, for the reason given


@dataclass(frozen=True, slots=True)
class Use:
    """A line of the mapping table: what happens with one element or attribute of the source document.

    `keep` says where its value is kept, `field` in which common field, "" for none. `reason` says why it is
    ignored, "" if it is not.
    """

    keep: Keep
    field: str = ""
    reason: str = ""


def _field(name: str) -> Use:
    return Use(Keep.FIELD, name)


def _both(name: str) -> Use:
    return Use(Keep.BOTH, name)


_EXTRA: Final = Use(Keep.EXTRA)
_PARTS: Final = Use(Keep.PARTS)


def _opens(name: str) -> Use:
    return Use(Keep.PARTS, name)


_DISABLED: Final = {"accountTemporarilyDisabled": _EXTRA, "accountPermanentlyDisabled": _EXTRA}

_SERVICE: Final = {
    "espIdentifier": _both("person.handle"),
    "espService": _both("person.service"),
    "compromisedAccount": _EXTRA,
    "screenName": _field("person.handle"),
    "displayName": _EXTRA,
    "profileUrl": _both("person.profile"),
    "profileBio": _EXTRA,
    "ipCaptureEvent": _opens("person.ip"),
    "deviceId": _opens("person.device"),
    **_DISABLED,
    "allEmailsReported": _EXTRA,
}

_SUBJECT: Final = {
    **_SERVICE,
    "priorCTReports": _EXTRA,
    "estimatedLocation": _PARTS,
    "associatedAccount": _opens("associated"),
    "additionalInfo": _both("description"),
}

_REPORTED: Final = {
    **_SUBJECT,
    "vehicleDescription": _EXTRA,
    "thirdPartyUserReported": _EXTRA,
    "groupIdentifier": _EXTRA,
}

_BY_TYPE: Final[Mapping[str, Mapping[str, Use]]] = {
    "report": {
        "batchedReport": _PARTS,
        "incidentSummary": _PARTS,
        "internetDetails": _PARTS,
        "lawEnforcement": _PARTS,
        "reporter": _PARTS,
        "personOrUserReported": _opens("suspect"),
        "intendedRecipient": _opens("recipient"),
        "victim": _opens("victim"),
        "additionalInfo": _field("description.first"),
    },
    "batchedReport": {"@reason": _both("annotation.value")},
    "incidentSummary": {
        "incidentType": _both("kind"),
        "platform": _both("platform"),
        "escalateToHighPriority": _field("escalation_reason"),
        "reportAnnotations": _PARTS,
        "incidentDateTime": _field("occurred_at"),
        "incidentDateTimeDescription": _both("description"),
    },
    "reportAnnotations": {
        "sextortion": _field("annotation"),
        "csamSolicitation": _field("annotation"),
        "minorToMinorInteraction": _field("annotation"),
        "spam": _field("annotation"),
        "sadisticOnlineExploitation": _field("annotation"),
        "informational": _field("annotation"),
    },
    "internetDetails": {
        "webPageIncident": _opens("channel"),
        "emailIncident": _opens("channel"),
        "newsgroupIncident": _opens("channel"),
        "chatImIncident": _opens("channel"),
        "onlineGamingIncident": _opens("channel"),
        "cellPhoneIncident": _opens("channel"),
        "nonInternetIncident": _opens("channel"),
        "peer2peerIncident": _opens("channel"),
    },
    "webPageIncident": {
        "@thirdPartyHostedContent": _EXTRA,
        "url": _field("urls"),
        "additionalInfo": _both("description"),
    },
    "emailIncident": {
        "emailAddress": _both("loose.email"),
        "content": _field("conversation"),
        "additionalInfo": _both("description"),
    },
    "newsgroupIncident": {
        "name": _both("platform.fallback"),
        "emailAddress": _both("loose.email"),
        "content": _field("conversation"),
        "additionalInfo": _both("description"),
    },
    "chatImIncident": {
        "chatClient": _both("platform.fallback"),
        "chatRoomName": _EXTRA,
        "content": _field("conversation"),
        "additionalInfo": _both("description"),
    },
    "onlineGamingIncident": {
        "gameName": _both("loose.game"),
        "console": _EXTRA,
        "content": _field("conversation"),
        "additionalInfo": _both("description"),
    },
    "cellPhoneIncident": {
        "phoneNumber": _both("loose.phone"),
        "latitude": _EXTRA,
        "longitude": _EXTRA,
        "additionalInfo": _both("description"),
    },
    "nonInternetIncident": {
        "locationName": _EXTRA,
        "incidentAddress": _opens("place"),
        "additionalInfo": _both("description"),
    },
    "peer2peerIncident": {
        "client": _both("platform.fallback"),
        "ipCaptureEvent": _opens("loose.ip"),
        "fileNames": _EXTRA,
        "additionalInfo": _both("description"),
    },
    "lawEnforcement": {
        "agencyName": _EXTRA,
        "caseNumber": _EXTRA,
        "officerContact": _opens("nobody"),
        "reportedToLe": _EXTRA,
        "servedLegalProcessDomestic": _EXTRA,
        "servedLegalProcessInternational": _EXTRA,
    },
    "servedLegalProcessInternational": {"@fleaCountry": _EXTRA},
    "reporter": {
        "reportingPerson": _opens("reporter"),
        "contactPerson": _opens("reporter"),
        "companyTemplate": _EXTRA,
        "termsOfService": _EXTRA,
        "legalURL": _EXTRA,
    },
    "personOrUserReported": {"personOrUserReportedPerson": _PARTS, **_REPORTED},
    "intendedRecipient": {"intendedRecipientPerson": _PARTS, **_REPORTED},
    "victim": {"victimPerson": _PARTS, **_SUBJECT, "schoolName": _EXTRA},
    "person": {
        "firstName": _field("person.first_name"),
        "lastName": _field("person.last_name"),
        "phone": _field("person.phone"),
        "email": _field("person.email"),
        "address": _PARTS,
        "age": _field("person.age"),
        "ageAssertionDiscrepancy": _EXTRA,
        "dateOfBirth": _field("person.birth_date"),
    },
    "email": {"@type": _EXTRA, "@verified": _EXTRA, "@verificationDate": _EXTRA},
    "phone": {
        "@type": _EXTRA,
        "@verified": _EXTRA,
        "@verificationDate": _EXTRA,
        "@countryCallingCode": _EXTRA,
        "@extension": _EXTRA,
    },
    "address": {
        "@type": _EXTRA,
        "address": _EXTRA,
        "city": _field("place.locality"),
        "zipCode": _field("place.postcode"),
        "state": _EXTRA,
        "nonUsaState": _EXTRA,
        "country": _both("place.country"),
    },
    "ipCaptureEvent": {
        "ipAddress": _EXTRA,
        "eventName": _EXTRA,
        "dateTime": _EXTRA,
        "possibleProxy": _EXTRA,
        "port": _EXTRA,
    },
    "deviceId": {
        "idType": _EXTRA,
        "idValue": _EXTRA,
        "eventName": _EXTRA,
        "dateTime": _EXTRA,
    },
    "estimatedLocation": {
        "@verified": _EXTRA,
        "@timestamp": _EXTRA,
        "city": _EXTRA,
        "region": _EXTRA,
        "countryCode": _both("person.country_estimate"),
    },
    "accountDisabled": {
        "@disabledDate": _EXTRA,
        "@userNotified": _EXTRA,
        "@userNotifiedDate": _EXTRA,
        "@reenabledDate": _EXTRA,
    },
    "associatedAccount": {
        **_SERVICE,
        "@type": _both("person.type"),
        "platform": _both("person.service"),
        "firstName": _field("person.first_name"),
        "middleName": _field("person.middle_name"),
        "lastName": _field("person.last_name"),
        "approximateAge": _field("person.age"),
        "dateOfBirth": _field("person.birth_date"),
        "phone": _field("person.phone"),
        "email": _field("person.email"),
        "address": _PARTS,
        "groupIdentifier": _EXTRA,
        "priorCTReport": _EXTRA,
        "additionalInfo": _both("description"),
    },
    "associatedPlatform": {"@thirdPartyUser": _EXTRA},
    "fileDetails": {
        "reportId": _EXTRA,
        "fileId": _EXTRA,
        "fileName": _field("file.name"),
        "originalFileName": _both("file.original_name"),
        "uploadedToEspTimestamp": _EXTRA,
        "locationOfFile": _both("urls"),
        "fileViewedByEsp": _field("file.seen_by_provider"),
        "exifViewedByEsp": _EXTRA,
        "publiclyAvailable": _field("file.publicly_available"),
        "fileRelevance": _EXTRA,
        "potentialMeme": _EXTRA,
        "fileAnnotations": _PARTS,
        "industryClassification": _field("file.classification"),
        "originalFileHash": _field("file.hash"),
        "ipCaptureEvent": _opens("loose.ip"),
        "deviceId": _opens("loose.device"),
        "details": _opens("file.details"),
        "additionalInfo": _both("description"),
    },
    "fileAnnotations": {
        "animeDrawingVirtualHentai": _both("file.annotation"),
        "potentialMeme": _both("file.annotation"),
        "viral": _both("file.annotation"),
        "possibleSelfProduction": _both("file.annotation"),
        "physicalHarm": _both("file.annotation"),
        "violenceGore": _both("file.annotation"),
        "bestiality": _both("file.annotation"),
        "liveStreaming": _both("file.annotation"),
        "infant": _both("file.annotation"),
        "generativeAi": _both("file.annotation"),
    },
    "originalFileHash": {"@hashType": _EXTRA},
    "details": {"@type": _EXTRA, "nameValuePair": _PARTS},
    "nameValuePair": {"name": _EXTRA, "value": _EXTRA},
}

TABLE: Final[Mapping[str, Use]] = {
    f"{type_name}/{name}": use for type_name, uses in _BY_TYPE.items() for name, use in uses.items()
}

_SCHEMA_HINT: Final = Use(
    Keep.IGNORED, reason="says where the sender's schema is; Fanal reads its own only"
)
IGNORED_ATTRIBUTES: Final[Mapping[str, Use]] = {
    "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation": _SCHEMA_HINT,
    "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation": _SCHEMA_HINT,
}


class ElementScope(Struct, frozen=True, gc=False):
    """The person or file to which the values of an element of the source belong (None: the report).

    `closed` sends every value to `extra`; `taken` holds the paths that were already read into a field, which
    are not kept again.
    """

    person: PersonBuilding | None = None
    file: FileBuilding | None = None
    closed: bool = False
    taken: frozenset[str] = frozenset()


class Spot(Struct, frozen=True, gc=False):
    """An element or attribute of the source document with its context: the argument of every handler.

    `building` is the report's builder, `scope` the person or file that the element belongs to. For an
    attribute, `node` is its element and `text` its value.
    """

    building: ReportBuilding
    scope: ElementScope
    node: Node
    text: str


Taker = Callable[[Spot], bool]
Opener = Callable[[Spot], ElementScope]
