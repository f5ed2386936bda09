"""Conversion of NCMEC's JSON export for law enforcement to common fields, by table-driven traversal (`Walk`).

This module holds the mapping table of the format: which key of the export goes to which field.
"""

from collections.abc import Mapping
from typing import Final

from fanal.formats.json_tree import ANY
from fanal.formats.ncmec_json import read_export
from fanal.harmonise.domain.records import SourceFile
from fanal.harmonise.domain.sources.building import Draft, ReportBuilding
from fanal.harmonise.domain.sources.ncmec import add_package
from fanal.harmonise.domain.sources.ncmec_table import ElementScope, Keep, Use
from fanal.harmonise.domain.sources.walk import Walk, steps_of

_EXTRA: Final = Use(Keep.EXTRA)
_PARTS: Final = Use(Keep.PARTS)
_DESCRIPTION: Final = Use(Keep.BOTH, "description")

_BY_TYPE: Final[Mapping[str, Mapping[str, Use]]] = {
    "export": {"reportId": _EXTRA, "dateReceived": _EXTRA, "reportedInformation": _PARTS},
    "information": {
        "reportingEsp": Use(Keep.PARTS, "reporter"),
        "incidentSummary": _PARTS,
        "incidentDetails": _PARTS,
        "reportedPeople": _PARTS,
        "intendedRecipients": _PARTS,
        "uploadedFiles": _PARTS,
        "additionalInformations": _PARTS,
    },
    "esp": {
        "espName": Use(Keep.BOTH, "platform.fallback"),
        "firstName": Use(Keep.FIELD, "person.first_name"),
        "lastName": Use(Keep.FIELD, "person.last_name"),
        "emails": _PARTS,
        "phones": _PARTS,
    },
    "summary": {
        "incidentType": Use(Keep.BOTH, "kind.words"),
        "incidentDateTime": Use(Keep.FIELD, "occurred_at"),
        "incidentDateTimeDescription": _DESCRIPTION,
    },
    "incidents": {
        "webpageIncident": Use(Keep.PARTS, "channel"),
        "emailIncident": Use(Keep.PARTS, "channel"),
        ANY: Use(Keep.PARTS, "channel"),
    },
    "web": {
        "url": Use(Keep.FIELD, "urls"),
        "type": _EXTRA,
        "sourceInformation": _PARTS,
        "additionalInformations": _PARTS,
    },
    "mail": {"contents": _PARTS, "sourceInformation": _PARTS, "additionalInformations": _PARTS},
    "content": {"value": Use(Keep.FIELD, "conversation")},
    "note": {"value": _DESCRIPTION},
    "people": {"reportedPersons": Use(Keep.PARTS, "suspect")},
    "recipients": {"intendedRecipients": Use(Keep.PARTS, "recipient")},
    "person": {
        "preferredName": _EXTRA,
        "preferredPronouns": _EXTRA,
        "gender": _EXTRA,
        "physicalDescription": _EXTRA,
        "vehicleDescription": _EXTRA,
        "vehicleTagNumber": _EXTRA,
        "occupation": _EXTRA,
        "languages": _EXTRA,
        "races": _EXTRA,
        "disabilities": _EXTRA,
        "additionalDisabilityInformation": _EXTRA,
        "additionalContactInformation": _DESCRIPTION,
        "relationshipToReporter": _EXTRA,
        "relationshipToChildVictim": _EXTRA,
        "accessToChildVictim": _EXTRA,
        "accessToChildren": _EXTRA,
        "accessToFirearms": _EXTRA,
        "convictedSexOffender": _EXTRA,
        "awareOfReport": _EXTRA,
        "gangAffiliation": _EXTRA,
        "firstName": Use(Keep.FIELD, "person.first_name"),
        "middleName": Use(Keep.FIELD, "person.middle_name"),
        "lastName": Use(Keep.FIELD, "person.last_name"),
        "dateOfBirth": Use(Keep.FIELD, "person.birth_date"),
        "approximateAge": Use(Keep.FIELD, "person.age"),
        "espService": Use(Keep.BOTH, "person.service"),
        "espUserId": Use(Keep.FIELD, "person.handle"),
        "ipAddress": Use(Keep.FIELD, "person.ip_address"),
        "screenName": Use(Keep.FIELD, "person.handle"),
        "emails": _PARTS,
        "phones": _PARTS,
        "addresses": _PARTS,
        "sourceInformation": _PARTS,
        "additionalInformations": _PARTS,
    },
    "screen_name": {"value": Use(Keep.FIELD, "person.handle")},
    "emails": {"emails": Use(Keep.FIELD, "person.email")},
    "email": {"value": Use(Keep.FIELD, "person.email"), "verified": _EXTRA},
    "phones": {"phones": Use(Keep.FIELD, "person.phone")},
    "phone": {"value": Use(Keep.FIELD, "person.phone"), "verified": _EXTRA},
    "addresses": {"addresses": _PARTS},
    "address": {
        "street1": _EXTRA,
        "street2": _EXTRA,
        "address": _EXTRA,
        "city": Use(Keep.FIELD, "place.locality"),
        "state": _EXTRA,
        "postalCode": Use(Keep.FIELD, "place.postcode"),
        "zipCode": Use(Keep.FIELD, "place.postcode"),
        "country": Use(Keep.FIELD, "place.country"),
    },
    "captures": {"sourceCaptures": Use(Keep.PARTS, "capture")},
    "capture": dict.fromkeys(("captureType", "value", "port", "dateTime", "eventName"), _EXTRA),
    "uploads": {"uploadedFiles": Use(Keep.PARTS, "file")},
    "file": {
        "filename": Use(Keep.FIELD, "file.name"),
        "originalFilename": Use(Keep.BOTH, "file.original_name"),
        "submittalId": _EXTRA,
        "verificationHash": Use(Keep.FIELD, "file.hash_by_length"),
        "viewedByEsp": Use(Keep.FIELD, "file.seen_by_provider"),
        "industryClassification": Use(Keep.FIELD, "file.classification"),
        "ncmecTags": _PARTS,
        "additionalInformations": _PARTS,
        "espMetadata": _PARTS,
        "sourceInformation": _PARTS,
    },
    "tags": {"groups": _PARTS},
    "tag_group": {"tags": _PARTS},
    "tag": {"value": Use(Keep.BOTH, "file.tag")},
    "metadata": {"metadatas": Use(Keep.PARTS, "file.metadata")},
    "pair": {"name": _EXTRA, "value": _EXTRA},
}

TABLE: Final[Mapping[str, Use]] = {
    f"{type_name}/{name}": use for type_name, uses in _BY_TYPE.items() for name, use in uses.items()
}

_STEPS: Final = steps_of(TABLE)


def read_ncmec_json(body: bytes, *, files: tuple[SourceFile, ...], reference: str) -> Draft:
    """Convert an NCMEC JSON export, and the files that came with it in a package, to a draft.

    The export's own report id takes precedence over `reference`.

    Raises:
        FormatRefused: the bytes are not such an export, or exceed a limit.
    """
    document = read_export(body)
    building = ReportBuilding(reference=document.text("reportId") or reference)
    walk = Walk(building, steps=_STEPS)
    walk.document(document.root, complaints=document.complaints, scope=ElementScope())
    add_package(building, files)
    return building.build()
