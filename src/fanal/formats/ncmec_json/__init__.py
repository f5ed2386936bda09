"""JSON that law enforcement receives from NCMEC: its reader, and packages of such documents with their files.

Every value becomes a node with its path; null means absent. Arrays become repeated nodes
(`…/reportedPersons[2]`); numbers and booleans are kept as text.
"""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Final

from msgspec import Struct

from fanal.formats.json_tree import ANY, TreeWalk, build_types, parse
from fanal.formats.ncmec.model import TypeModel
from fanal.formats.ncmec.read import Document, Node
from fanal.formats.packages import PackageFile, ZipPackage
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


_SUFFIX: Final = ".json"
_NAMES: Final = ("filename", "originalFilename", "submittalId")


class PackedReport(Struct, frozen=True, kw_only=True):
    """A report of a package: its name in it, its bytes (JSON), the parsed document, and its files."""

    name: str
    body: bytes
    document: Document
    files: tuple[PackageFile, ...]


class _Listed(Struct, frozen=True, kw_only=True):
    """A report of a package without its content: its file, and the names of the files that it lists."""

    member: PackageFile
    names: frozenset[str]


def count_reports(package: ZipPackage) -> int:
    """Return the number of JSON documents in a package, by their names: an upper bound of its reports."""
    return sum(member.name.lower().endswith(_SUFFIX) for member in package.members)


def read_package(package: ZipPackage) -> Iterator[PackedReport]:
    """Yield the reports of a package, one at a time in memory; each file belongs to one report.

    A file belongs to the report that lists its name; an unlisted file to a report in its folder or in the
    closest parent folder, else to the first report.

    Raises:
        FormatRefused: before the first report: a JSON document is no report and no report lists it, the
            package has no report, or it contains a package that no report lists.
    """
    listed, others = _listed(package)
    files = _assigned(listed, others)
    for report in listed:
        body = package.read(report.member, limit=MAX_BYTES)
        yield PackedReport(
            name=report.member.name,
            body=body,
            document=read_export(body),
            files=tuple(files.get(report.member.name, ())),
        )


def listed_names(document: Document) -> frozenset[str]:
    """Return the names of the uploaded files that a report lists, without their folders.

    A file may be listed by several names: its present and its original name, and its submittal id.
    """
    found: set[str] = set()
    waiting = [document.root]
    while waiting:
        node = waiting.pop()
        if node.name == "uploadedFiles":
            found |= _names_of(node)
        waiting += node.children
    return frozenset(found)


def _names_of(node: Node) -> set[str]:
    return {
        (child.text or "").replace("\\", "/").rpartition("/")[2]
        for child in node.children
        if child.name in _NAMES and (child.text or "").strip()
    }


def _listed(package: ZipPackage) -> tuple[list[_Listed], list[PackageFile]]:
    """Return the reports of a package, and its other files.

    Raises:
        FormatRefused: no report, or a file that may hide one: JSON that is no report, or a package inside.
    """
    reports: list[_Listed] = []
    refused: dict[str, FormatRefused] = {}
    for member in package.members:
        if not member.name.lower().endswith(_SUFFIX):
            continue
        try:
            document = read_export(package.read(member, limit=MAX_BYTES))
        except FormatRefused as refusal:
            refused[member.name] = refusal
        else:
            reports.append(_Listed(member=member, names=listed_names(document)))
    own = {report.member.name for report in reports}
    others = [member for member in package.members if member.name not in own]
    _check(others, names=frozenset[str]().union(*(r.names for r in reports)), refused=refused)
    if not reports:
        raise FormatRefused(DocumentFault.NO_REPORT_INSIDE)
    return reports, others


def _check(
    others: list[PackageFile], *, names: frozenset[str], refused: Mapping[str, FormatRefused]
) -> None:
    """Refuse files of a package that may hide reports: JSON that is no report, and packages in the package.

    `others` are the files that are no reports, `names` the names of files that a report lists (they are
    accepted), `refused` the refusals of JSON documents by name.

    Raises:
        FormatRefused: there is such a file, and no report lists it.
    """
    for member in others:
        if member.base_name in names:
            continue
        failure = refused.get(member.name)
        if failure is not None:
            raise FormatRefused(failure.code, member.name, parameters=failure.parameters)
        if member.is_package:
            raise FormatRefused(DocumentFault.NESTED_PACKAGE, member.name)


def _assigned(reports: list[_Listed], files: list[PackageFile]) -> Mapping[str, list[PackageFile]]:
    """Assign each file to the report that lists it, else that of the closest folder, else the first.

    Return the files by the name of their report.
    """
    by_name: dict[str, list[_Listed]] = {}
    by_folder: dict[str, _Listed] = {}
    for report in reports:
        by_folder.setdefault(report.member.folder, report)
        for name in report.names:
            by_name.setdefault(name, []).append(report)
    found: dict[str, list[PackageFile]] = {}
    for file in files:
        naming = by_name.get(file.base_name)
        if naming:
            owner = max(naming, key=lambda r: _shared(r.member.folder, file.folder))
        else:
            above = (by_folder[folder] for folder in _upwards(file.folder) if folder in by_folder)
            owner = next(above, reports[0])
        found.setdefault(owner.member.name, []).append(file)
    return found


def _shared(folder: str, other: str) -> int:
    """Return the number of leading folders that two folder paths of a package have in common."""
    pairs = zip(folder.split("/"), other.split("/"), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _upwards(folder: str) -> Iterator[str]:
    """Yield a folder and its parents, the top level ("") last."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""
