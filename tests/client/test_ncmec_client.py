"""Done-when 3: the unchanged public NCMEC client reports to Fanal by changing one address.

Against a real `fanal run`; what it filed is read back with `fanal report show NUMBER --json`.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from lxml import etree

from tests.client.reading import show
from tests.live import Live, Partner

ncmec = pytest.importorskip("ncmec_cybertip", reason="needs Python 3.13", exc_type=ImportError)
pytestmark = [pytest.mark.client, pytest.mark.serial]


@dataclass(slots=True, kw_only=True)
class Filed:
    """A report that the client filed, and what is known of it."""

    number: int
    documents: list[bytes]
    md5: list[str | None]
    file_ids: list[str]
    finished: list[str]
    shown: dict[str, Any]


@pytest.fixture(scope="module")
def filed(server: Live, partner: Partner) -> Filed:
    from tests.client.fullreport import FILES, client_of, details, full_report

    async def file_it() -> Filed:
        async with client_of(server, partner) as client:
            report = full_report()
            documents = [report.to_xml(exclude_none=True)]
            opened = await client.submit(report)
            file_ids, md5 = [], []
            for number, content in enumerate(FILES):
                up = await client.upload(opened.report_id, content, filename=f"up-{number}.png")
                about = details(opened.report_id, up.file_id, content, number)
                documents.append(about.to_xml(exclude_none=True))
                await client.file_info(about)
                file_ids.append(up.file_id)
                md5.append(up.hash)
            done = await client.finish(opened.report_id)
            return Filed(
                number=opened.report_id,
                documents=documents,
                md5=md5,
                file_ids=file_ids,
                finished=done.file_ids,
                shown={},
            )

    filed = asyncio.run(file_it())
    filed.shown = show(server, filed.number)
    return filed


class TestPublicClient:
    def test_status_and_schema(self, server: Live, partner: Partner) -> None:
        from tests.client.fullreport import client_of

        async def ask() -> tuple[Any, str]:
            async with client_of(server, partner) as client:
                return await client.status(), await client.get_xsd()

        status, schema = asyncio.run(ask())
        assert status.response_code == 0
        assert etree.fromstring(schema.encode()).tag.endswith("schema")

    def test_uploads_are_acknowledged_with_their_digest(self, filed: Filed) -> None:
        from tests.client.fullreport import FILES

        assert filed.md5 == [hashlib.md5(content).hexdigest() for content in FILES]
        assert filed.finished == filed.file_ids

    def test_the_incident(self, filed: Filed) -> None:
        report = filed.shown["harmonised"]
        assert filed.shown["reference"] == str(filed.number)
        assert filed.shown["partner"] == "Polygon Talk"
        assert filed.shown["receipt"].startswith("FANAL RECEIPT 1\n")
        assert report["kind"] == "SEXTORTION"
        assert report["emergency"] is True
        assert report["escalation_reason"] == "A meeting is planned for Saturday at the square"
        assert report["annotations"] == ["sextortion", "minorToMinorInteraction"]
        assert report["occurred_at"] == "2026-11-20T21:14:05Z"
        assert report["channel"] == "WEB"
        assert report["platform"] == "Polygon Talk"
        assert report["conversation"] == [{"text": "A: which shape do you like? B: squares."}]
        for sentence in (
            "Notes of the provider on the whole report",
            "When the first message was sent",
            "Seen on the second page of the album",
            "Account closed by the provider",
            "Asked for help",
        ):
            assert sentence in report["description"]

    def test_the_web_page_in_its_three_values(self, filed: Filed) -> None:
        assert filed.shown["harmonised"]["urls"][:2] == [
            {
                "reported": "https://shapes.example/Album?id=7&utm_source=x#top",
                "canonical": "https://shapes.example/Album?id=7&utm_source=x#top",
                "key": "https://shapes.example/Album?id=7",
                "host": "shapes.example",
                "registrable_domain": "shapes.example",
            },
            {
                "reported": "https://a.test/%7Eb",
                "canonical": "https://a.test/%7Eb",
                "key": "https://a.test/~b",
                "host": "a.test",
                "registrable_domain": "a.test",
            },
        ]

    def test_the_suspect(self, filed: Filed) -> None:
        [suspect] = _persons(filed, "SUSPECT")
        assert suspect == {
            "role": "SUSPECT",
            "name": "Sam Suspect",
            "birth_date": "1985-03-02",
            "age": 41,
            "country": "FR",
            "postcode": "59000",
            "handles": [
                {"value": "esp-77812", "platform": "Polygon Talk"},
                {"value": "Square_Sam", "platform": "Polygon Talk"},
            ],
            "emails": ["sam.suspect@mail.example"],
            "phones": ["+33639980011"],
            "ips": [
                {"value": "203.0.113.7", "port": 40122, "at": "2026-11-20T20:59:01Z"},
                {"value": "2001:db8::17"},
            ],
            "devices": ["device-abc-1"],
        }

    def test_the_victim(self, filed: Filed) -> None:
        [victim] = _persons(filed, "VICTIM")
        assert victim["name"] == "Vic Young"
        assert victim["age"] == 12
        assert victim["country"] == "FR"
        assert victim["handles"] == [{"value": "VicVeryYoung", "platform": "Polygon Talk"}]
        assert victim["emails"] == ["vic@school.example"]
        assert victim["ips"] == [{"value": "203.0.113.88"}]
        assert _extra(filed)["report/victim[1]/schoolName"] == "Collège des Formes"

    def test_an_associated_account_is_nobodys_role_and_keeps_its_type(self, filed: Filed) -> None:
        [near] = _persons(filed, "ASSOCIATED")
        assert near["type"] == "Parent/Guardian"
        assert near["name"] == "Paul Quentin Parent"
        assert near["age"] == 70
        assert near["emails"] == ["paul.parent@mail.example"]
        assert {h["value"] for h in near["handles"]} == {"pay-55", "PaulPay"}

    def test_the_files_with_hashes_and_classes(self, filed: Filed) -> None:
        from tests.client.fullreport import FILES

        assert filed.shown["harmonised"]["files"] == [
            {
                "name": f"drawing-{number}.png",
                "sha256": hashlib.sha256(content).hexdigest(),
                "sha1": hashlib.sha1(content).hexdigest(),
                "md5": hashlib.md5(content).hexdigest(),
                "classification": {"scheme": "NCMEC", "code": ("A1", "B2")[number]},
                "seen_by_provider": number == 0,
                "publicly_available": number == 1,
            }
            for number, content in enumerate(FILES)
        ]

    def test_selectors_with_their_roles(self, filed: Filed) -> None:
        found = {(s["kind"], s["value"], s["role"]) for s in filed.shown["selectors"]}
        assert found >= {
            ("EMAIL", "sam.suspect@mail.example", "SUSPECT"),
            ("PHONE", "+33639980011", "SUSPECT"),
            ("IP", "203.0.113.7", "SUSPECT"),
            ("IP", "2001:db8::17", "SUSPECT"),
            ("HANDLE", "square_sam@polygontalk", "SUSPECT"),
            ("DEVICE", "device-abc-1", "SUSPECT"),
            ("URL", "https://talk.polygon.example/u/square_sam", "SUSPECT"),
            ("EMAIL", "paul.parent@mail.example", "ASSOCIATED"),
            ("HANDLE", "vicveryyoung@polygontalk", "VICTIM"),
            ("EMAIL", "vic@school.example", "VICTIM"),
            ("IP", "203.0.113.88", "VICTIM"),
            ("URL", "https://shapes.example/Album?id=7", "CONTENT"),
            ("DOMAIN", "shapes.example", "CONTENT"),
            ("IP", "198.51.100.11", "CONTENT"),
            ("DEVICE", "490154203237518", "CONTENT"),
        }
        for content_hash in ("sha256", "sha1", "md5"):
            for file in filed.shown["harmonised"]["files"]:
                assert (content_hash.upper(), file[content_hash], "CONTENT") in found

    def test_nothing_is_dropped(self, filed: Filed) -> None:
        """Every text and attribute of the documents sent is somewhere in what is shown."""
        shown = filed.shown["harmonised"]
        everything = set(_texts(shown)) | {s["value"] for s in filed.shown["selectors"]}
        joined = "\n".join(everything).lower()
        lost = [
            f"{path}={value}"
            for document in filed.documents
            for path, value in _leaves(etree.fromstring(document))
            if not _is_reporter(path) and not _is_kept(value, everything, joined)
        ]
        assert lost == []

    def test_flags_without_text_are_kept_by_their_path(self, filed: Filed) -> None:
        paths = _extra(filed)
        for number in (1, 2):
            for flag in ("viral", "generativeAi"):
                assert f"fileDetails[{number}]/fileAnnotations/{flag}" in paths

    def test_the_providers_own_people_are_shown_nowhere(self, filed: Filed) -> None:
        shown = json.dumps(filed.shown, ensure_ascii=False).lower()
        assert "rita" not in shown
        assert "carl" not in shown
        assert _persons(filed, "REPORTER") == [{"role": "REPORTER"}] * 2

    def test_escalation_is_first_in_the_queue_and_raises_the_alarm(
        self, server: Live, filed: Filed
    ) -> None:
        assert filed.shown["priority"]["score"] >= 95
        assert server.lines("report", "list", "--order", "priority")[0]["id"] == filed.shown["id"]

    def test_finished_cannot_change(self, server: Live, partner: Partner, filed: Filed) -> None:
        from tests.client.fullreport import FILES, client_of, details

        async def insist() -> list[int]:
            codes = []
            async with client_of(server, partner) as client:
                for attempt in (
                    lambda: client.finish(filed.number),
                    lambda: client.upload(filed.number, b"late"),
                    lambda: client.file_info(details(filed.number, filed.file_ids[0], FILES[0], 0)),
                ):
                    with pytest.raises(ncmec.ApiError) as refused:
                        await attempt()
                    codes.append(refused.value.response_code)
            return codes

        assert asyncio.run(insist()) == [5102, 5102, 5102]


def _persons(filed: Filed, role: str) -> list[dict[str, Any]]:
    return [p for p in filed.shown["harmonised"]["persons"] if p["role"] == role]


def _extra(filed: Filed) -> dict[str, str]:
    return {e["path"]: e["value"] for e in filed.shown["harmonised"]["extra"]}


def _leaves(root: etree._Element) -> Iterator[tuple[str, str]]:
    tree = root.getroottree()
    for node in root.iter():
        path = tree.getpath(node)
        for name, value in node.attrib.items():
            yield f"{path}/@{name}", value
        if len(node) == 0 and (node.text or "").strip():
            yield path, node.text


def _is_reporter(path: str) -> bool:
    """A provider's own people are sealed with the bytes; opening them is a named act."""
    return path.startswith(("/report/reporter/reportingPerson", "/report/reporter/contactPerson"))


def _is_kept(value: str, everything: set[str], joined: str) -> bool:
    digits = "".join(c for c in value if c.isdigit())
    return (
        value in everything
        or value.lower() in joined
        or (value.startswith("0") and f"+33{digits[1:]}" in everything)
        or value.lower() in {"true", "false"}
    )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif value is not None:
        yield str(value)
