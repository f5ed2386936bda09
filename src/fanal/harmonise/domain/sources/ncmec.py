"""Conversion of NCMEC reports to drafts: the XML with its files' details documents, and the JSON export.

Name, hashes and size of received files are compared with the sender's statements about them. The module
`ncmec_table` maps the elements of the XML to fields; the keys of the JSON export are mapped here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from fanal.formats.json_tree import ANY
from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.read import read_file_details, read_report
from fanal.formats.ncmec_json import read_export
from fanal.harmonise.domain.records import SourceFile
from fanal.harmonise.domain.sources.building import Draft, FileBuilding, ReportBuilding
from fanal.harmonise.domain.sources.ncmec_table import TABLE, ElementScope, Keep, Use, refined_kind
from fanal.harmonise.domain.sources.walk import Walk, steps_of

_HASHES = ("sha256", "sha1", "md5", "pdq")


def add_received(
    building: ReportBuilding, source: SourceFile, *, file: FileBuilding, path: str
) -> None:
    """Complete a file of the draft with the name, hashes and size of the received bytes (`source`).

    Where they differ from the sender's statement, both are kept; for a hash, with a warning. `building` is
    the report's builder, for warnings; `path` the file's place in the source.
    """
    if not file.name and not file.original_name:
        file.name = source.name or None
    elif source.name not in {"", file.name, file.original_name}:
        building.add_extra(f"{path}/name", value=source.name)
    for name in _HASHES:
        value: str | None = getattr(source, name)
        if value is None:
            continue
        computed = f"{path}/{name}"
        if not building.set_hash(file, name=name, value=value, path=computed):
            building.warn(computed, code="HASH_DIFFERS_FROM_REPORTED", value=value)
            building.add_extra(computed, value=value)
    if source.size is not None:
        building.add_extra(f"{path}/size", value=str(source.size))


def add_package(building: ReportBuilding, files: tuple[SourceFile, ...]) -> None:
    """Match the received files of a package with the files listed in its report: by hash, then by name.

    A file that is not listed is added to the report (`FILE_NOT_LISTED`); a listed file that is missing gets a
    warning (`FILE_NOT_RECEIVED`). Without any received file, nothing is compared. `building` is the report's
    builder, which lists its files.
    """
    if not files:
        return
    matched = _matched(building, files)
    for file in building.files:
        if not any(found is file for found in matched.values()):
            building.warn(file.path, code="FILE_NOT_RECEIVED", value=file.name or "")
    for place, source in enumerate(files):
        if place in matched:
            file, path = matched[place], f"{matched[place].path}/received"
        else:
            path = f"package/file[{place + 1}]"
            file = FileBuilding(path=path)
            building.files.append(file)
            building.warn(path, code="FILE_NOT_LISTED", value=source.name)
        add_received(building, source, file=file, path=path)


def _matched(building: ReportBuilding, files: tuple[SourceFile, ...]) -> dict[int, FileBuilding]:
    """Match received files to the files that a report lists: first by hash, then by name.

    Returns the listed files by the index of the received one in `files`; unmatched ones are absent.
    `building` is the report's builder, which lists its files.
    """
    ids = {
        item.path.removesuffix("/submittalId"): item.value
        for item in building.extra
        if item.path.endswith("/submittalId")
    }
    left, matched = list(building.files), dict[int, FileBuilding]()
    for agrees in (_same_hash, _same_name):
        for place, source in enumerate(files):
            if place in matched:
                continue
            found = next((f for f in left if agrees(f, source, ids.get(f.path, ""))), None)
            if found is not None:
                matched[place] = found
                left = [file for file in left if file is not found]
    return matched


def _same_hash(file: FileBuilding, source: SourceFile, _: str) -> bool:
    return any(
        value is not None and file.hashes.get(name) == value
        for name, value in ((name, getattr(source, name)) for name in _HASHES)
    )


def _same_name(file: FileBuilding, source: SourceFile, submittal_id: str) -> bool:
    own = _base(source.name)
    return bool(own) and own in {
        _base(name) for name in (file.name, file.original_name, submittal_id) if name
    }


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].casefold()


_STEPS: Final = steps_of(TABLE)
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


def read_ncmec(
    body: bytes, *, files: tuple[SourceFile, ...], reference: str, received_at: datetime
) -> Draft:
    """Convert an NCMEC XML report and the details of its files to a draft.

    `reference` becomes the report's reference. An incident date after `received_at` gives a warning
    (`FUTURE_DATE`).

    Raises:
        FormatRefused: the bytes are not such a document; never raised for a report that intake accepted.
    """
    document = read_report(body, now=_END_OF_TIME)
    building = ReportBuilding(reference=reference)
    walk = Walk(building, steps=_STEPS)
    walk.document(document.root, complaints=document.complaints, scope=ElementScope())
    if (earliest := earliest_instant(building.occurred_at or "")) and earliest > received_at:
        path = "report/incidentSummary/incidentDateTime"
        building.warn(path, code="FUTURE_DATE", value=building.occurred_at or "")
    for index, source in enumerate(files, start=1):
        _add_file(building, source, walk=walk, path=f"fileDetails[{index}]")
    building.kind = refined_kind(building.kind, annotations=building.annotations)
    return building.build()


def _add_file(building: ReportBuilding, source: SourceFile, *, walk: Walk, path: str) -> None:
    """Add a file to the report read: values of its last details document, then name and hashes.

    `path` is its path in the draft (`fileDetails[2]`). Values of earlier details documents go to `extra`
    only. `walk` reads the documents into the builder `building`; `source` is the received file.
    """
    file = FileBuilding(path=path)
    building.files.append(file)
    if source.details is None:
        building.add_extra(f"{path}/fileId", value=source.file_id)
    else:
        details = read_file_details(source.details, path=path)
        walk.document(details.root, complaints=details.complaints, scope=ElementScope(file=file))
    _keep_earlier(source, walk=walk, path=path)
    add_received(building, source, file=file, path=f"{path}/received")


def _keep_earlier(source: SourceFile, *, walk: Walk, path: str) -> None:
    replaced = (details for details in source.earlier if details != source.details)
    for number, earlier in enumerate(replaced, start=1):
        before = read_file_details(earlier, path=f"{path}/earlier[{number}]")
        walk.document(before.root, complaints=(), scope=ElementScope(closed=True))


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

JSON_TABLE: Final[Mapping[str, Use]] = {
    f"{type_name}/{name}": use for type_name, uses in _BY_TYPE.items() for name, use in uses.items()
}

_JSON_STEPS: Final = steps_of(JSON_TABLE)


def read_ncmec_json(body: bytes, *, files: tuple[SourceFile, ...], reference: str) -> Draft:
    """Convert an NCMEC JSON export, and the files that came with it in a package, to a draft.

    The export's own report id takes precedence over `reference`.

    Raises:
        FormatRefused: the bytes are not such an export, or exceed a limit.
    """
    document = read_export(body)
    building = ReportBuilding(reference=document.text("reportId") or reference)
    walk = Walk(building, steps=_JSON_STEPS)
    walk.document(document.root, complaints=document.complaints, scope=ElementScope())
    add_package(building, files)
    return building.build()
