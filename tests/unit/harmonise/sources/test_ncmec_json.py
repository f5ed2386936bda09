"""The law-enforcement JSON: no absence anywhere loses another value; files of a package find their place."""

import copy
import json
from typing import Any
from uuid import UUID

from hypothesis import given, settings, strategies as st

from fanal.formats.ncmec.model import TypeModel
from fanal.formats.ncmec_json import TYPES
from fanal.formats.report.records import Channel, PersonRole
from fanal.harmonise.domain.records import SelectorKind, SelectorRole, Source, SourceFile
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.read import read_source
from tests.formats.ncmec_documents import NOW

ID = UUID("01993000-0000-7000-8000-000000000001")
# The keys that working programs read, written here by hand: a model of ours that forgets one is found out.
PEOPLE = (
    "firstName middleName lastName preferredName gender dateOfBirth approximateAge physicalDescription"
    " vehicleDescription vehicleTagNumber occupation espService espUserId ipAddress screenName emails phones"
    " addresses languages races disabilities relationshipToReporter relationshipToChildVictim"
    " accessToChildVictim accessToChildren accessToFirearms convictedSexOffender awareOfReport"
    " gangAffiliation sourceInformation preferredPronouns additionalContactInformation"
    " additionalDisabilityInformation additionalInformations"
)
KNOWN_KEYS = {
    "export": "reportId dateReceived reportedInformation",
    "information": "reportingEsp incidentSummary incidentDetails reportedPeople intendedRecipients"
    " uploadedFiles additionalInformations",
    "esp": "espName lastName",
    "summary": "incidentType incidentDateTime incidentDateTimeDescription",
    "incidents": "webpageIncident emailIncident",
    "web": "url type sourceInformation additionalInformations",
    "mail": "contents",
    "person": PEOPLE,
    "address": "street1 street2 city state postalCode country",
    "file": "filename originalFilename submittalId verificationHash viewedByEsp industryClassification ncmecTags"
    " additionalInformations espMetadata sourceInformation",
    "tags": "groups",
    "tag_group": "tags",
    "capture": "captureType value port dateTime eventName",
    "pair": "name value",
}
SEVERAL = {
    *("webpageIncident", "emailIncident", "contents", "additionalInformations", "reportedPersons"),
    *("sourceCaptures", "groups", "tags", "metadatas"),
}


def whole(kind: TypeModel, marks: list[str]) -> dict[str, Any]:
    """Return an object with every known key, several of each list, a value of its own in each leaf."""
    tree: dict[str, Any] = {}
    for name, element in kind.elements.items():
        if element.type is None:
            marks.append(f"mark-{len(marks)}-é")
            tree[name] = marks[-1]
        elif name in SEVERAL or (name == kind.name or kind.name in {"uploads", "recipients"}):
            tree[name] = [whole(element.type, marks) for _ in range(2)]
        else:
            tree[name] = whole(element.type, marks)
    return tree


def read(tree: object, *files: SourceFile) -> Draft:
    body = b"\xef\xbb\xbf" + json.dumps(tree, ensure_ascii=False).encode()
    source = Source(report_id=ID, format="ncmec-json", body=body, files=files)
    return read_source(source, received_at=NOW)


def scalars(tree: object) -> list[str]:
    if isinstance(tree, dict):
        return [value for item in tree.values() for value in scalars(item)]
    if isinstance(tree, list):
        return [value for item in tree for value in scalars(item)]
    return [] if tree is None else [str(tree)]


def places(tree: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    return [place for key, item in inner for place in ((*path, key), *places(item, (*path, key)))]


MAXIMAL = whole(TYPES["export"], [])
PLACES = places(MAXIMAL)


def test_every_key_that_working_programs_read_is_known() -> None:
    for name, keys in KNOWN_KEYS.items():
        assert set(keys.split()) <= set(TYPES[name].elements), name


def test_a_maximal_export_loses_nothing() -> None:
    found = read(MAXIMAL)
    kept = repr(found)
    assert [value for value in scalars(MAXIMAL) if value not in kept] == []
    roles = [person.role for person in found.persons]
    assert [roles.count(r) for r in (PersonRole.SUSPECT, PersonRole.RECIPIENT)] == [2, 2]
    assert len(found.files) == 2
    assert len([hint for hint in found.hints if hint.scheme == "NCMEC_TAG"]) == 8


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.booleans()), min_size=1, max_size=40))
def test_nothing_that_is_null_or_absent_loses_another_value(
    gone: list[tuple[tuple[str | int, ...], bool]],
) -> None:
    tree = copy.deepcopy(MAXIMAL)
    for place, deleted in gone:
        at: Any = tree
        for key in place[:-1]:
            at = at[key] if isinstance(at, dict | list) and _has(at, key) else None
        if at is None or not _has(at, place[-1]):
            continue
        if deleted and isinstance(at, dict):
            del at[place[-1]]
        else:
            at[place[-1]] = None
    if tree.get("reportId") is None and tree.get("reportedInformation") is None:
        tree["reportId"] = "r"
    kept = repr(read(tree))
    assert [value for value in scalars(tree) if value not in kept] == []


def _has(at: Any, key: str | int) -> bool:
    return key in at if isinstance(at, dict) else isinstance(key, int) and key < len(at)


class TestCaptures:
    """What a capture holds is said by its type, in the words of each program and year."""

    def test_the_pages_of_an_incident_are_its_addresses(self) -> None:
        pages = [captured(("URL", f"https://pages.example/{n}")) for n in (1, 2)]
        found = read(information(incidentDetails={"webpageIncident": pages}))
        assert found.urls == ("https://pages.example/1", "https://pages.example/2")
        assert found.warnings == ()

    def test_a_profile_is_its_persons(self) -> None:
        person = captured(("Profile URL", "https://x.example/sam"), ("IP_ADDRESS", "203.0.113.9"))
        found = read(information(reportedPeople={"reportedPersons": [person]}))
        assert [(s.kind, s.value, s.role) for s in found.loose] == [
            (SelectorKind.URL, "https://x.example/sam", SelectorRole.SUSPECT)
        ]
        assert [ip.value for ip in found.persons[0].ips] == ["203.0.113.9"]
        assert (found.urls, found.warnings) == ((), ())

    def test_another_type_and_an_empty_value_say_nothing_more(self) -> None:
        person = captured(("Shipping Method", "203.0.113.9"), ("URL", " "), ("IP Address", ""))
        found = read(information(reportedPeople={"reportedPersons": [person]}))
        assert (found.loose, found.persons[0].ips, found.warnings) == ((), (), ())
        assert "203.0.113.9" in {e.value for e in found.extra}


def test_the_words_of_an_incident_of_another_kind_are_a_conversation() -> None:
    chats = [
        {"chatClient": "Voxroom", "contents": [{"value": "neutral words"}, {"value": None}]},
        {"contents": [{"value": "other words"}], "additionalInformations": [{"value": "a note"}]},
        "plain",
    ]
    found = read(information(incidentDetails={"chatImIncident": chats, "novelIncident": None}))
    assert [message.text for message in found.conversation] == ["neutral words", "other words"]
    assert (found.channel, found.description) == (Channel.MESSAGING, "a note")
    kept = {e.path.rpartition("/")[2]: e.value for e in found.extra}
    assert (kept["chatClient"], kept["chatImIncident[3]"]) == ("Voxroom", "plain")
    codes = {(w.path.rpartition("/")[2], w.code) for w in found.warnings}
    assert codes == {("chatImIncident", "UNKNOWN_ELEMENT"), ("chatClient", "UNKNOWN_ELEMENT")}


def test_a_home_is_read_with_its_street_and_postcode() -> None:
    home = {"street1": "1 rue Neuve", "city": "Lille", "postalCode": "59000", "country": "FR"}
    people = {"reportedPersons": [{"addresses": {"addresses": [home]}}]}
    found = read(information(reportedPeople=people))
    assert (found.persons[0].postcode, found.persons[0].country) == ("59000", "FR")
    assert "1 rue Neuve" in {e.value for e in found.extra}
    assert found.warnings == ()


def information(**parts: object) -> dict[str, object]:
    return {"reportId": 7, "reportedInformation": parts}


def captured(*captures: tuple[str, str]) -> dict[str, object]:
    taken = [{"captureType": kind, "value": value} for kind, value in captures]
    return {"sourceInformation": {"sourceCaptures": taken}}


def listing(*files: dict[str, object]) -> dict[str, object]:
    uploads = {"uploadedFiles": list(files)}
    return {"reportId": 7, "reportedInformation": {"uploadedFiles": uploads}}


def received(name: str, digit: str) -> SourceFile:
    hashes = {"md5": digit * 32, "sha1": digit * 40, "sha256": digit * 64}
    return SourceFile(file_id=name, name=name, size=9, **hashes)


class TestFilesOfAPackage:
    def test_they_are_found_by_hash_then_by_any_of_their_names(self) -> None:
        found = read(
            listing(
                {"filename": "renamed.bin", "verificationHash": "1" * 32},
                {"filename": "x", "originalFilename": "B.bin"},
                {"filename": "y", "submittalId": "s-3"},
            ),
            received("in/b.bin", "2"),
            received("s-3", "3"),
            received("other.bin", "1"),
        )
        assert [file.sha256 for file in found.files] == ["1" * 64, "2" * 64, "3" * 64]
        assert [file.name for file in found.files] == ["renamed.bin", "x", "y"]
        assert found.warnings == ()
        names = {e.value for e in found.extra if e.path.endswith("/received/name")}
        assert names == {"in/b.bin", "s-3", "other.bin"}

    def test_a_hash_that_differs_is_noted_and_both_are_kept(self) -> None:
        found = read(listing({"filename": "a", "verificationHash": "1" * 32}), received("a", "2"))
        assert [(w.code, w.value) for w in found.warnings] == [
            ("HASH_DIFFERS_FROM_REPORTED", "2" * 32)
        ]
        [file] = found.files
        assert (file.md5, file.sha256) == ("1" * 32, "2" * 64)
        assert "2" * 32 in {e.value for e in found.extra}

    def test_what_nobody_lists_is_kept_and_what_did_not_come_is_noted(self) -> None:
        found = read(listing({"filename": "gone"}), received("extra.bin", "4"))
        assert [(w.code, w.value) for w in found.warnings] == [
            ("FILE_NOT_RECEIVED", "gone"),
            ("FILE_NOT_LISTED", "extra.bin"),
        ]
        assert [(f.name, f.sha256) for f in found.files] == [
            ("gone", None),
            ("extra.bin", "4" * 64),
        ]

    def test_a_report_alone_says_nothing_of_its_files(self) -> None:
        assert read(listing({"filename": "stayed"})).warnings == ()
