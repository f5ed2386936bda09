"""A maximal report comes in by the wire and by an import, and goes out complete."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from lxml import etree

from fanal.formats.ncmec.model import SCHEMA_PATH
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role, system_actor
from tests.actors import desk_actor
from tests.formats.maximal import listed, maximal

MAXIMAL = maximal()
SCHEMA = etree.XMLSchema(file=str(SCHEMA_PATH))
SYSTEM = system_actor("test")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


def answered(client: Client, path: str, body: bytes | dict[str, object]) -> etree._Element:
    more = {"content_type": "text/xml; charset=utf-8"} if isinstance(body, bytes) else {}
    root = etree.fromstring(client.post(f"/ispws/{path}", body, **more).content)
    assert root.findtext("responseCode") == "0", etree.tostring(root)
    return root


def exported(report_id: UUID, folder: Path, actor: Actor | None = None) -> list[bytes]:
    """Return the report and its files as the command writes them, each valid."""
    from fanal.cli.export_exchange import write_folder
    from fanal.worker.stages import StageLoop

    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass
    actor = actor or person(Role.SUPERVISOR)
    assert write_folder(report_id, folder, actor=actor, motive="", now=clock.now())
    count = len(list(folder.iterdir())) - 1
    names = ["report.xml", *(f"file-{number}.xml" for number in range(1, count + 1))]
    documents = [(folder / name).read_bytes() for name in names]
    for document in documents:
        assert SCHEMA.validate(etree.fromstring(document)), SCHEMA.error_log
    return documents


def test_the_wire_gives_back_every_element_and_attribute(basic: Client, tmp_path: Path) -> None:
    from fanal.harmonise import queries as harmonised
    from fanal.intake.queries.envelopes import find_wire_number

    number = answered(basic, "submit", MAXIMAL.report).findtext("reportId", "")
    sent = []
    for place, details in enumerate(MAXIMAL.files):
        file = SimpleUploadedFile(f"up-{place}.bin", b"square" * (place + 1))
        file_id = answered(basic, "upload", {"id": number, "file": file}).findtext("fileId", "")
        root = etree.fromstring(details)
        root.find("reportId").text, root.find("fileId").text = number, file_id
        sent.append(etree.tostring(root))
        answered(basic, "fileinfo", sent[-1])
    bare = SimpleUploadedFile("bare.bin", b"no details")
    file_id = answered(basic, "upload", {"id": number, "file": bare}).findtext("fileId", "")
    answered(basic, "finish", {"id": number})

    found = find_wire_number(actor=SYSTEM, wire_id=int(number))
    assert found is not None
    report, *files, last = exported(found, tmp_path / "out")
    assert listed(report) == listed(MAXIMAL.report)
    assert [listed(file) for file in files] == [listed(file) for file in sent]
    told = dict(listed(last))
    assert told["fileDetails/reportId[1]"] == number
    assert told["fileDetails/fileId[1]"] == file_id
    assert told["fileDetails/fileName[1]"] == "bare.bin"

    record = harmonised.get_records(actor=SYSTEM, report_ids=[found])[found]
    assert "VIRAL_POTENTIAL_MEME" in record.annotations
    roles = [str(person.role) for person in record.persons]
    assert {roles.count(role) for role in ("SUSPECT", "VICTIM", "RECIPIENT")} == {2}
    assert roles.count("ASSOCIATED") == 12
    assert (len(record.conversation), len(record.files)) == (8, 4)


def imported(folder: Path) -> UUID:
    """Bring the maximal report in as `fanal import` does."""
    from fanal.cli.import_files import FoundReport
    from fanal.cli.sources import read_sources
    from fanal.intake.operations.receive import receive_reports

    own = folder / "whole"
    own.mkdir(parents=True)
    (own / "report.xml").write_bytes(MAXIMAL.report)
    for number, details in enumerate(MAXIMAL.files, start=1):
        (own / f"file-{number}.xml").write_bytes(details)
    [item] = read_sources("ncmec-xml", [folder], now=clock.now())
    assert isinstance(item, FoundReport)
    submission = item.submission(sender_id=uuid4())
    [answer] = receive_reports(actor=SYSTEM, submissions=[submission], now=clock.now())
    assert answer.report_id is not None
    return answer.report_id


def test_an_import_gives_back_every_element_and_attribute(tmp_path: Path) -> None:
    report, *files = exported(imported(tmp_path / "in"), tmp_path / "out")
    assert listed(report) == listed(MAXIMAL.report)
    assert [listed(file) for file in files] == [listed(file) for file in MAXIMAL.files]


def person(role: Role) -> Actor:
    return desk_actor(
        person_id=uuid4(), roles={role}, desks={1}, motive="test",
    )  # fmt: skip


def openings() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM harmonise_opening")
        return int(cursor.fetchone()[0])


def test_who_reported_is_opened_by_a_named_act_or_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report_id = imported(tmp_path / "in")
    report, *_ = exported(report_id, tmp_path / "one", person(Role.SUPERVISOR))
    assert listed(report) == listed(MAXIMAL.report)
    assert (openings(), capsys.readouterr().err) == (1, "")

    report, *_ = exported(report_id, tmp_path / "two", person(Role.ANALYST))
    assert openings() == 1
    assert "whole" in capsys.readouterr().err
    named = "report/reporter[1]/reportingPerson[1]"
    assert dict(listed(report))[f"{named}/firstName[1]"] == "Fanal"
    sent = dict(listed(MAXIMAL.report))
    assert (
        dict(listed(report))["report/victim[2]/schoolName[1]"]
        == sent["report/victim[2]/schoolName[1]"]
    )
    people = [value for path, value in sent.items() if path.startswith(named) and " n" in value]
    assert [value for value in people if value.encode() in report] == []

    report, *_ = exported(report_id, tmp_path / "three", person(Role.MEASURES_OFFICER))
    assert openings() == 1
    assert "whole" in capsys.readouterr().err
    assert [value for value in people if value.encode() in report] == []
