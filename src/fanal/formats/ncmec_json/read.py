"""Reader of NCMEC's JSON for law enforcement: every value becomes a node with its path; null means absent.

Arrays become repeated nodes (`…/reportedPersons[2]`); numbers and booleans are kept as text.
"""

from collections.abc import Mapping
from typing import Final

from fanal.formats.json_tree import ANY, TreeWalk, build_types, parse
from fanal.formats.ncmec.model import TypeModel
from fanal.formats.ncmec.read import Document, Node
from fanal.formats.refusal import DocumentFault, FormatRefused

# Known keys of the law-enforcement JSON, which has no public documentation and no schema.
#
# Any value may be null or absent; an unknown key is kept with its path.

# type of object → key → type of what the key holds, "" for a value
_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "export": {"reportId": "", "dateReceived": "", "reportedInformation": "information"},
    "information": {
        "reportingEsp": "esp",
        "incidentSummary": "summary",
        "incidentDetails": "incidents",
        "reportedPeople": "people",
        "intendedRecipients": "recipients",
        "uploadedFiles": "uploads",
        "additionalInformations": "note",
    },
    "esp": {"espName": "", "firstName": "", "lastName": "", "emails": "emails", "phones": "phones"},
    "summary": {"incidentType": "", "incidentDateTime": "", "incidentDateTimeDescription": ""},
    # Other programs read two kinds of incidents; the others (chats, games) are read like e-mails, and
    # their unknown keys are kept.
    "incidents": {"webpageIncident": "web", "emailIncident": "mail", ANY: "mail"},
    "web": {
        "url": "",
        "type": "",
        "sourceInformation": "captures",
        "additionalInformations": "note",
    },
    "mail": {
        "contents": "content",
        "sourceInformation": "captures",
        "additionalInformations": "note",
    },
    "content": {"value": ""},
    "note": {"value": ""},
    "people": {"reportedPersons": "person"},
    "recipients": {"intendedRecipients": "person"},
    "person": dict.fromkeys(
        (
            "preferredName",
            "preferredPronouns",
            "gender",
            "physicalDescription",
            "vehicleDescription",
            "vehicleTagNumber",
            "occupation",
            "languages",
            "races",
            "disabilities",
            "additionalDisabilityInformation",
            "additionalContactInformation",
            "relationshipToReporter",
            "relationshipToChildVictim",
            "accessToChildVictim",
            "accessToChildren",
            "accessToFirearms",
            "convictedSexOffender",
            "awareOfReport",
            "gangAffiliation",
            "firstName",
            "middleName",
            "lastName",
            "dateOfBirth",
            "approximateAge",
            "espService",
            "espUserId",
            "ipAddress",
        ),
        "",
    )
    | {
        "screenName": "screen_name",
        "emails": "emails",
        "phones": "phones",
        "addresses": "addresses",
        "sourceInformation": "captures",
        "additionalInformations": "note",
    },
    "screen_name": {"value": ""},
    "emails": {"emails": "email"},
    "email": {"value": "", "verified": ""},
    "phones": {"phones": "phone"},
    "phone": {"value": "", "verified": ""},
    "addresses": {"addresses": "address"},
    "address": dict.fromkeys(
        ("street1", "street2", "address", "city", "state", "postalCode", "zipCode", "country"), ""
    ),
    "captures": {"sourceCaptures": "capture"},
    "capture": {"captureType": "", "value": "", "port": "", "dateTime": "", "eventName": ""},
    "uploads": {"uploadedFiles": "file"},
    "file": {
        "filename": "",
        "originalFilename": "",
        "submittalId": "",
        "verificationHash": "",
        "viewedByEsp": "",
        "industryClassification": "",
        "ncmecTags": "tags",
        "additionalInformations": "note",
        "espMetadata": "metadata",
        "sourceInformation": "captures",
    },
    "tags": {"groups": "tag_group"},
    "tag_group": {"tags": "tag"},
    "tag": {"value": ""},
    "metadata": {"metadatas": "pair"},
    "pair": {"name": "", "value": ""},
}


TYPES: Final[Mapping[str, TypeModel]] = build_types(_KEYS)


MAX_BYTES: Final = 16_000_000  # one export lists every file of a report


def read_export(body: bytes) -> Document:
    """Parse the export of one report; a byte order mark, as usual there, is dropped.

    Raises:
        FormatRefused: the bytes are not a JSON object within the limits, or contain neither an id nor
            any reported information.
    """
    if len(body) > MAX_BYTES:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_BYTES})
    tree = parse(body)
    if not isinstance(tree, dict):
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "object"})
    if tree.get("reportId") is None and tree.get("reportedInformation") is None:
        raise FormatRefused(DocumentFault.MISSING_FIELD, "reportId")
    walk = TreeWalk()
    entries = walk.entries("", tree, kind=TYPES["export"], depth=1)
    root = Node("export", "", None, None, (), entries)
    return Document(root=root, complaints=tuple(walk.complaints))
