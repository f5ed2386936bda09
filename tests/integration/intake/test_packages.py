"""Reports that come with their files in one package: all of it is stored, or nothing."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.cli.imports import _batches, _receive
from fanal.cli.sources import read_sources
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role, system_actor
from tests.formats.maximal import maximal
from tests.formats.zips import damaged, export, linked, zipped

LARGE, SMALL, EXTRA = b"circle " * 60_000, b"square", b"nobody lists it"
MD5 = hashlib.md5(LARGE).hexdigest()
FILES = {
    "7/7.json": export(
        7,
        {"filename": "a.bin", "verificationHash": MD5},
        {"originalFilename": "b.bin", "verificationHash": "0" * 32},
    ),
    "7/files/a.bin": LARGE,
    "7/files/b.bin": SMALL,
    "7/notes.txt": EXTRA,
}
SYSTEM = system_actor("test")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The worker opens what was sealed."""


def bring(*paths: Path, partner: Actor, format_: str = "ncmec-json") -> dict[str, int]:
    totals = {"received": 0, "repeated": 0, "conflicts": 0, "refused": 0}
    for batch in _batches(read_sources(format_, paths, now=clock.now())):
        _receive(batch, actor=partner, totals=totals)
    return totals


def partner() -> Actor:
    return Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=uuid4())


def rows() -> dict[str, int]:
    tables = ("intake_report", "intake_upload", "intake_key", "intake_work", "vault_object")
    with connection.cursor() as cursor:
        found = {}
        for table in (*tables, "ledger_entry"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
    return found


def packed(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_files_are_sealed_with_their_report_and_found_in_its_record(tmp_path: Path) -> None:
    from fanal.harmonise import queries as harmonised
    from fanal.intake.queries.envelopes import find_references
    from fanal.intake.queries.files import list_uploads
    from fanal.vault.operations.opening import open_object
    from fanal.worker.stages import StageLoop

    sender, path = partner(), packed(tmp_path / "p.zip", zipped(FILES))
    assert bring(path, partner=sender)["received"] == 1
    [report_id] = find_references(actor=SYSTEM, reference="7", sender_id=sender.partner_id)
    uploads = list_uploads(actor=SYSTEM, report_ids=[report_id])[report_id]
    assert [u.name for u in uploads] == ["7/files/a.bin", "7/files/b.bin", "7/notes.txt"]
    opened = [
        open_object(actor=SYSTEM, object_id=u.object_id, now=clock.now(), purpose="test")
        for u in uploads
        if u.object_id
    ]
    assert opened == [LARGE, SMALL, EXTRA]

    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass
    record = harmonised.get_records(actor=SYSTEM, report_ids=[report_id])[report_id]
    assert [f.sha256 for f in record.files] == [
        hashlib.sha256(content).hexdigest() for content in (LARGE, SMALL, EXTRA)
    ]
    codes = [warning.code for warning in record.warnings]
    assert (codes.count("HASH_DIFFERS_FROM_REPORTED"), codes.count("FILE_NOT_LISTED")) == (1, 1)

    before = rows()
    assert bring(path, partner=sender) == {
        "received": 0, "repeated": 1, "conflicts": 0, "refused": 0,
    }  # fmt: skip
    assert rows() == before


def test_a_document_named_alone_says_so_and_its_folder_adds_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fanal.intake.queries.envelopes import find_references
    from fanal.intake.queries.files import list_uploads

    sender = partner()
    document = tmp_path / "7.json"
    document.write_bytes(export(7, {"filename": "a.bin"}, {"filename": "gone.bin"}))
    (tmp_path / "a.bin").write_bytes(b"a")
    assert bring(document, partner=sender)["received"] == 1
    [sentence] = capsys.readouterr().err.split("\n")[-2:-1]
    assert sentence.startswith(f"fanal: {document}")
    assert " 1" in sentence
    assert bring(tmp_path, partner=sender)["repeated"] == 1
    assert "ajoutés" in capsys.readouterr().err
    [report_id] = find_references(actor=SYSTEM, reference="7", sender_id=sender.partner_id)
    uploads = list_uploads(actor=SYSTEM, report_ids=[report_id])[report_id]
    assert [u.name for u in uploads] == ["a.bin"]


def test_unpacked_they_are_what_they_were_packed(tmp_path: Path) -> None:
    from fanal.intake.queries.envelopes import find_references
    from fanal.intake.queries.files import list_uploads

    sender, listed = partner(), {name: body for name, body in FILES.items() if body != EXTRA}
    for name, content in listed.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert bring(tmp_path / "folder", partner=sender)["received"] == 1
    [report_id] = find_references(actor=SYSTEM, reference="7", sender_id=sender.partner_id)
    uploads = list_uploads(actor=SYSTEM, report_ids=[report_id])[report_id]
    assert [u.name for u in uploads] == ["files/a.bin", "files/b.bin"]
    before = rows()
    for path in (tmp_path / "folder", packed(tmp_path / "p.zip", zipped(listed))):
        assert bring(path, partner=sender)["repeated"] == 1
    assert rows() == before


@pytest.mark.parametrize(
    "data",
    [
        damaged(zipped(FILES, method=zipfile.ZIP_STORED), LARGE),
        damaged(zipped(FILES | {"8/8.json": export(8)}, method=zipfile.ZIP_STORED), EXTRA),
        zipped(FILES | {"../up": b"x"}),
        zipped(FILES | {"inner.zip": b"PK"}),
        linked(),
        b"PK\x03\x04 no package",
    ],
    ids=range(6),
)
def test_a_package_that_is_refused_leaves_nothing(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sender, before = partner(), rows()
    path = packed(tmp_path / "p.zip", data)
    assert bring(path, partner=sender) == {
        "received": 0, "repeated": 0, "conflicts": 0, "refused": 1,
    }  # fmt: skip
    assert rows() == before
    [sentence] = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"fanal: {path}")
    assert "Traceback" not in sentence


def test_packages_stay_open_for_their_files_whatever_stands_beside_them(tmp_path: Path) -> None:
    sender = partner()
    for number in range(3):
        listed = {"filename": f"{number}.bin"}
        files = {f"{number}.json": export(100 + number, listed), f"{number}.bin": b"x" * 100_000}
        packed(tmp_path / f"{number}.zip", zipped(files))
        packed(tmp_path / f"{number}.json", export(200 + number))
    assert bring(tmp_path, partner=sender)["received"] == 6
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT report_id), count(*) FROM intake_upload")
        assert cursor.fetchone() == (3, 3)


def _alone(folder: Path) -> None:
    packed(folder / "9.json", DOCUMENT)


def _zip(**files: bytes) -> Callable[[Path], None]:
    return lambda folder: packed(folder / "p.zip", zipped({"9.json": DOCUMENT, **files})) and None


def _among_others(folder: Path) -> None:
    files = {"x/9.json": DOCUMENT, "x/a.bin": LARGE, "y/10.json": export(10)}
    packed(folder / "two.zip", zipped(files))


def _xml(*details: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        own = folder / "n-1"
        own.mkdir()
        (own / "report.xml").write_bytes(maximal().report)
        for number, document in enumerate(details, start=1):
            (own / f"file-{number}.xml").write_bytes(document)

    return write


def _lines(*reports: dict[str, object]) -> Callable[[Path], None]:
    text = "".join(f"{json.dumps(report)}\n" for report in reports)
    return lambda folder: (folder / "r.jsonl").write_text(text) and None


DOCUMENT = export(9, {"filename": "a.bin", "verificationHash": MD5})
ONE = {"reference": "l-1", "kind": "OTHER", "description": "Un jeu."}
WAYS: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "json alone": ("ncmec-json", _alone),
    "zip without files": ("ncmec-json", _zip()),
    "zip": ("ncmec-json", _zip(**{"a.bin": LARGE})),
    "zip with folders": ("ncmec-json", _zip(**{"files/a.bin": LARGE})),
    "zip among others": ("ncmec-json", _among_others),
    "xml alone": ("ncmec-xml", _xml()),
    "xml with details": ("ncmec-xml", _xml(*maximal().files)),
    "line": ("jsonl", _lines(ONE)),
    "line of many": ("jsonl", _lines({"reference": "l-0", "kind": "OTHER"}, ONE)),
    "line in another order": ("jsonl", _lines(dict(reversed(ONE.items())))),
}
"""Ways in which one and the same report comes: its format, and who writes it into a folder."""
PAIRS = [(a, b) for a in WAYS for b in WAYS if WAYS[a][0] == WAYS[b][0]]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_same_report_in_any_two_ways_is_one_and_only_missing_files_change_it(
    first: str, second: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = partner()
    for name in dict.fromkeys((first, second)):
        (tmp_path / name).mkdir()
        WAYS[name][1](tmp_path / name)
    format_ = WAYS[first][0]
    bring(tmp_path / first, partner=sender, format_=format_)
    others = {"zip among others", "line of many"}  # they bring a report of their own along
    if second in others and first != second:
        more = bring(tmp_path / second, partner=sender, format_=format_)
        assert (more["received"], more["repeated"], more["conflicts"]) == (1, 1, 0)
    bare = {"json alone", "zip without files", "xml alone"}
    adds = first in bare and second not in bare
    if second in others and first != second:
        assert ("ils y ont été ajoutés" in capsys.readouterr().err) is adds
    elif adds:
        capsys.readouterr()
        before = rows()
        more = bring(tmp_path / second, partner=sender, format_=format_)
        assert more == {"received": 0, "repeated": 1, "conflicts": 0, "refused": 0}
        assert "ils y ont été ajoutés" in capsys.readouterr().err
        added = 1 if format_ == "ncmec-json" else len(maximal().files)
        assert rows() == before | {
            "intake_upload": before["intake_upload"] + added,
            "vault_object": before["vault_object"] + added,
            "ledger_entry": before["ledger_entry"] + 1,
        }
    before = rows()
    capsys.readouterr()
    again = bring(tmp_path / second, partner=sender, format_=format_)
    assert again == {
        "received": 0, "repeated": 2 if second in others else 1, "conflicts": 0, "refused": 0,
    }  # fmt: skip
    assert rows() == before
    assert "importé sans ces fichiers" not in capsys.readouterr().err
    assert bring(tmp_path / first, partner=sender, format_=format_)["conflicts"] == 0
    assert rows() == before


def _first_alone(folder: Path, sender: Actor) -> UUID:
    """Bring the document alone and let the stages end; the package with its files then lies in `p.zip`."""
    from fanal.intake.queries.envelopes import find_references

    alone = packed(folder / "9.json", DOCUMENT)
    assert bring(alone, partner=sender)["received"] == 1
    run()
    packed(folder / "p.zip", zipped({"9.json": DOCUMENT, "a.bin": LARGE, "n.txt": EXTRA}))
    [found] = find_references(actor=SYSTEM, reference="9", sender_id=sender.partner_id)
    return found


def run() -> None:
    from fanal.worker.stages import StageLoop

    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass


def test_files_that_come_later_are_evidence_of_the_same_report(tmp_path: Path) -> None:
    from fanal.harmonise import queries as harmonised
    from fanal.intake.queries.files import get_receipts, list_uploads
    from fanal.ledger import queries as ledger
    from fanal.orient import queries as oriented
    from fanal.vault.operations.opening import open_object

    sender = partner()
    report_id = _first_alone(tmp_path, sender)
    receipts = get_receipts(actor=SYSTEM, report_ids=[report_id])
    record = harmonised.get_records(actor=SYSTEM, report_ids=[report_id])[report_id]
    assert not any(f.sha256 for f in record.files), "known by the document alone"
    assert bring(tmp_path / "p.zip", partner=sender)["repeated"] == 1
    uploads = list_uploads(actor=SYSTEM, report_ids=[report_id])[report_id]
    assert [(u.name, u.sha256) for u in uploads] == [
        ("a.bin", hashlib.sha256(LARGE).hexdigest()),
        ("n.txt", hashlib.sha256(EXTRA).hexdigest()),
    ]
    opened = [
        open_object(actor=SYSTEM, object_id=u.object_id, now=clock.now(), purpose="test")
        for u in uploads
        if u.object_id
    ]
    assert opened == [LARGE, EXTRA]
    run()
    record = harmonised.get_records(actor=SYSTEM, report_ids=[report_id])[report_id]
    assert [f.sha256 for f in record.files] == [u.sha256 for u in uploads]
    case = oriented.get_case(actor=SYSTEM, report_id=report_id)
    assert case is not None
    assert case.proposal_revision == 2
    assert get_receipts(actor=SYSTEM, report_ids=[report_id]) == receipts
    actions = [(e.action, e.detail) for e in ledger.entries_of(actor=SYSTEM, object_id=report_id)]
    assert [detail for action, detail in actions if action == "report.upload"] == [
        {"files": 2, "arrival": "IMPORT"}
    ]
    before = rows()
    for name in ("p.zip", "9.json"):
        assert bring(tmp_path / name, partner=sender)["repeated"] == 1
    packed(tmp_path / "other.zip", zipped({"9.json": DOCUMENT, "a.bin": SMALL}))
    assert bring(tmp_path / "other.zip", partner=sender)["conflicts"] == 1
    assert rows() == before


@pytest.mark.role("app")
def test_the_command_adds_files_with_the_rights_it_has(tmp_path: Path) -> None:
    sender = partner()
    packed(tmp_path / "9.json", DOCUMENT)
    packed(tmp_path / "p.zip", zipped({"9.json": DOCUMENT, "a.bin": LARGE}))
    for name, uploads in (("9.json", 0), ("p.zip", 1), ("p.zip", 1)):
        bring(tmp_path / name, partner=sender)
        assert rows()["intake_upload"] == uploads


def test_files_that_come_while_a_worker_reads_make_it_read_again(tmp_path: Path) -> None:
    from fanal.intake.domain.records import Stage
    from fanal.intake.operations.queue import LeaseLost, advance_claims, claim_batch

    sender = partner()
    assert bring(packed(tmp_path / "9.json", DOCUMENT), partner=sender)["received"] == 1
    token, lease = uuid4(), timedelta(minutes=5)
    [claim] = claim_batch(actor=SYSTEM, stage=Stage.HARMONISE, size=10, token=token, lease=lease)
    packed(tmp_path / "p.zip", zipped({"9.json": DOCUMENT, "a.bin": LARGE}))
    assert bring(tmp_path / "p.zip", partner=sender)["repeated"] == 1
    with pytest.raises(LeaseLost):
        advance_claims(
            actor=SYSTEM, token=token, report_ids=[claim.report_id], to=Stage.ANALYSE, lease=lease
        )
    assert len(
        claim_batch(
            actor=SYSTEM, stage=Stage.HARMONISE, size=10, token=uuid4(), lease=lease
        )
    ) == 1  # fmt: skip


def test_a_damaged_package_adds_nothing_and_the_next_one_all(tmp_path: Path) -> None:
    sender = partner()
    _first_alone(tmp_path, sender)
    whole = zipped({"9.json": DOCUMENT, "a.bin": LARGE}, method=zipfile.ZIP_STORED)
    before = rows()
    packed(tmp_path / "p.zip", damaged(whole, LARGE))
    assert bring(tmp_path / "p.zip", partner=sender)["refused"] == 1
    assert rows() == before
    packed(tmp_path / "p.zip", whole)
    assert bring(tmp_path / "p.zip", partner=sender)["repeated"] == 1
    assert rows()["intake_upload"] == before["intake_upload"] + 1


def test_what_was_taken_back_takes_no_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fanal.intake.operations.lifecycle import retract_report

    sender = partner()
    report_id = _first_alone(tmp_path, sender)
    retract_report(actor=sender, report_id=report_id, now=clock.now())
    before = rows()
    capsys.readouterr()
    assert bring(tmp_path / "p.zip", partner=sender)["repeated"] == 1
    assert "n’en accepte plus" in capsys.readouterr().err
    assert rows() == before


def test_other_files_under_the_same_document_are_another_content(tmp_path: Path) -> None:
    sender = partner()
    for name, content in (("one", LARGE), ("two", SMALL)):
        (tmp_path / name).mkdir()
        _zip(**{"a.bin": content})(tmp_path / name)
    assert bring(tmp_path / "one", partner=sender)["received"] == 1
    assert bring(tmp_path / "two", partner=sender)["conflicts"] == 1
