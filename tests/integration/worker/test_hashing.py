"""Files uploaded on the wire: hashed once, before harmonise, and matched as a provider's own hashes are."""

import base64
import io
import time
from collections.abc import Callable
from datetime import timedelta
from xml.etree import ElementTree as ET

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from PIL import Image

from fanal.accounts.operations.partners import add_partner
from fanal.analyse.material.operations.index import MATERIAL
from fanal.analyse.material.operations.lists import load_list
from fanal.cli.report_view import views
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.harmonise.operations import batch
from fanal.hashing.domain.records import FileFacts
from fanal.hashing.pool import FileToHash, HasherAway
from fanal.intake.domain.records import Stage
from fanal.intake.operations.queue import replay_stage
from fanal.intake.queries.work import count_work
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.worker import stages
from fanal.worker.stages import StageLoop
from tests.live import wait_for
from tests.unit.hashing.pictures import draw, encoded

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
SYSTEM = system_actor("test")
[(REPORT, _)] = synthetic_reports(seed=11, count=1)
PICTURE = draw("shapes", 300, 400)


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    return


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MATERIAL, "folder", tmp_path / "index")


class Provider:
    """A provider's program on the wire."""

    def __init__(self, name: str = "Cube Messenger") -> None:
        made = add_partner(actor=SYSTEM, name=name, quota=None, now=clock.now())
        pair = base64.b64encode(f"{made.user}:{made.password}".encode()).decode()
        self.client = Client(headers={"Authorization": f"Basic {pair}"})

    def _post(self, path: str, **fields: object) -> ET.Element:
        root = ET.fromstring(self.client.post(f"/ispws/{path}", fields).content)
        assert root.findtext("responseCode") == "0", ET.tostring(root)
        return root

    def file(self, *contents: bytes, details: str = "") -> str:
        """Send a report with files, finish it, and return its number."""
        answer = self.client.post("/ispws/submit", REPORT, content_type="text/xml; charset=utf-8")
        number = ET.fromstring(answer.content).findtext("reportId", "")
        for content in contents:
            sent = SimpleUploadedFile("shapes.bin", content)
            file_id = self._post("upload", id=number, file=sent).findtext("fileId", "")
            if details:
                body = (
                    f"<fileDetails><reportId>{number}</reportId><fileId>{file_id}</fileId>"
                    f"{details}</fileDetails>"
                )
                told = self.client.post(
                    "/ispws/fileinfo", body, content_type="text/xml; charset=utf-8"
                )
                assert ET.fromstring(told.content).findtext("responseCode") == "0"
        self._post("finish", id=number)
        return number


def work() -> None:
    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass


def shown(number: str) -> dict:
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id FROM intake_wire WHERE wire_id = %s", [int(number)])
        [(report_id,)] = cursor.fetchall()
    [view] = views(actor=SYSTEM, report_ids=[report_id])
    return msgspec.json.decode(msgspec.json.encode(view)) | {"report_id": report_id}


def near(picture) -> str:
    """Return the PDQ of the picture made smaller and coarser: near, and not the same."""
    from fanal.hashing.domain.pdq import pdq

    image = Image.fromarray(picture).resize((220, 160))
    with Image.open(io.BytesIO(encoded(image, "JPEG", quality=30))) as again:
        import numpy as np

        return pdq(np.asarray(again.convert("RGB")))[0]


def test_a_known_picture_is_found_by_the_hash_of_its_near_duplicate() -> None:
    listed = near(PICTURE)
    load_list(actor=SYSTEM, name="shapes", lines=["pdq", listed], now=clock.now())
    number = Provider().file(encoded(PICTURE, "PNG"))
    work()

    view = shown(number)
    [computed] = view["harmonised"]["computed"]
    assert (computed["media_type"], computed["width"], computed["height"]) == (
        "image/png",
        400,
        300,
    )
    assert computed["quality"] >= 50
    [finding] = [f for f in view["findings"] if f["code"] == "KNOWN_HASH"]
    distance = (int(computed["pdq"], 16) ^ int(listed, 16)).bit_count()
    assert finding["because"]["parameters"]["distance"] == distance
    assert 0 < distance <= 31
    assert {"kind": "PDQ", "value": computed["pdq"]}.items() <= next(
        s for s in view["selectors"] if s["kind"] == "PDQ"
    ).items()
    assert {"SHA256", "SHA1", "MD5"} <= {s["kind"] for s in view["selectors"]}


def test_what_the_provider_says_stands_beside_what_we_found() -> None:
    stated = "ab" * 32
    listed = near(PICTURE)
    load_list(actor=SYSTEM, name="shapes", lines=["pdq", listed], now=clock.now())
    details = f'<originalFileHash hashType="PDQ">{stated}</originalFileHash>'
    number = Provider().file(encoded(PICTURE, "PNG"), details=details)
    work()

    view = shown(number)
    [file], [computed] = view["harmonised"]["files"], view["harmonised"]["computed"]
    assert file["pdq"] == stated != computed["pdq"]
    assert {stated, computed["pdq"]} == {
        s["value"] for s in view["selectors"] if s["kind"] == "PDQ"
    }
    assert [w["value"] for w in view["harmonised"]["warnings"] if w["path"] == "files[0].pdq"] == [
        computed["pdq"]
    ]
    [finding] = [f for f in view["findings"] if f["code"] == "KNOWN_HASH"]
    assert finding["source"] == "files[0].computed.pdq"


def test_a_picture_without_detail_links_nothing() -> None:
    flat = encoded(draw("flat", 200, 200), "PNG")
    provider = Provider()
    first = provider.file(flat)
    work()
    [computed] = shown(first)["harmonised"]["computed"]
    load_list(actor=SYSTEM, name="flat", lines=["pdq", computed["pdq"]], now=clock.now())
    details = f'<originalFileHash hashType="PDQ">{computed["pdq"]}</originalFileHash>'
    second = provider.file(encoded(draw("flat", 200, 200), "GIF"), details=details)
    work()
    for number in (first, second):
        view = shown(number)
        assert "PDQ" not in {s["kind"] for s in view["selectors"]}
        assert "KNOWN_HASH" not in {f["code"] for f in view["findings"]}
    assert "PDQ_LOW_QUALITY" in {w["code"] for w in shown(first)["harmonised"]["warnings"]}


def test_hostile_files_cost_only_themselves() -> None:
    hostile = encoded(PICTURE, "JPEG")[:3000]
    provider = Provider()
    numbers = [provider.file(hostile, b"words", b""), provider.file(encoded(PICTURE, "WEBP"))]
    work()
    bad, good = map(shown, numbers)
    assert (bad["stage"], good["stage"]) == ("DONE", "DONE")
    reasons = [c.get("unhashed") for c in bad["harmonised"]["computed"]]
    assert reasons == ["DAMAGED", "NO_PICTURE", "EMPTY"]
    told = [w for w in bad["harmonised"]["warnings"] if w["code"] == "FILE_NOT_HASHED"]
    assert [(w["path"], w["value"]) for w in told] == [("files[0]", "DAMAGED")]
    assert good["harmonised"]["computed"][0]["pdq"]


@pytest.mark.parametrize(("size", "turns"), [(1, 3), (1000, 2)])
def test_a_report_with_many_files_takes_turns_with_those_that_come_later(
    monkeypatch: pytest.MonkeyPatch, size: int, turns: int
) -> None:
    monkeypatch.setattr(stages, "TURN", 0.0)
    monkeypatch.setattr(stages, "_BEHIND_OTHERS", timedelta(milliseconds=1))
    many = Provider().file(*[encoded(PICTURE, "PNG") for _ in range(3 * batch._AT_ONCE)])
    few = Provider().file(encoded(PICTURE, "PNG"))
    none = Provider().file()
    loop = StageLoop(actor=SYSTEM, clock=clock.now, size=size)
    for _ in range(turns):
        loop.run_once()
        time.sleep(0.01)
    assert [shown(one)["stage"] for one in (many, few, none)] == ["HARMONISE", "DONE", "DONE"]
    assert wait_for(lambda: (loop.run_once(), shown(many)["stage"])[1] == "DONE", seconds=60)
    assert len(shown(many)["harmonised"]["computed"]) == 3 * batch._AT_ONCE


def test_many_reports_with_files_keep_none_waiting_that_comes_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stages, "TURN", 0.0)
    crowd = [
        Provider(f"Messenger {n}").file(encoded(PICTURE, "PNG"), encoded(PICTURE, "JPEG"))
        for n in range(2 * batch._AT_ONCE)
    ]
    last = Provider("Last").file(encoded(PICTURE, "PNG"))
    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    loop.run_once()
    assert shown(last)["stage"] == "DONE"
    assert wait_for(
        lambda: (loop.run_once(), {shown(one)["stage"] for one in crowd})[1] == {"DONE"},
        seconds=120,
    )


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of files that children were given, call by call."""
    calls: list[int] = []
    real = batch.POOL.hash_files

    def hash_files(files: list[FileToHash]) -> list[FileFacts | BaseException]:
        calls.append(len(files))
        return real(files)

    monkeypatch.setattr(batch.POOL, "hash_files", hash_files)
    return calls


def test_a_replay_hashes_nothing_again(counted: list[int]) -> None:
    number = Provider().file(encoded(PICTURE, "PNG"))
    work()
    report_id = shown(number)["report_id"]
    before = shown(number)["harmonised"]["computed"]
    replay_stage(actor=SYSTEM, stage=Stage.HARMONISE, report_ids=[report_id], now=clock.now())
    work()
    assert sum(counted) == 1
    assert shown(number)["harmonised"]["computed"] == before


def failing_at(point: str) -> Callable[[str], None]:
    left = [1]

    def pass_through(here: str) -> None:
        if here == point and left:
            left.clear()
            raise KeyboardInterrupt  # what no handler of the loop catches, as a kill

    return pass_through


@pytest.mark.parametrize(("point", "hashed"), [("hash.taken", 2), ("hash.committed", 1)])
def test_a_worker_that_ends_in_the_middle_loses_and_doubles_nothing(
    counted: list[int], monkeypatch: pytest.MonkeyPatch, point: str, hashed: int
) -> None:
    number = Provider().file(encoded(PICTURE, "PNG"))
    monkeypatch.setattr(batch, "failpoint", failing_at(point))
    with pytest.raises(KeyboardInterrupt):
        work()
    with connection.cursor() as cursor:  # the lease of a dead worker runs out
        cursor.execute("UPDATE intake_work SET lease_until = now() - interval '1 second'")
    work()
    assert sum(counted) == hashed
    view = shown(number)
    assert view["stage"] == "DONE"
    assert len(view["harmonised"]["computed"]) == 1
    assert count_work() == {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = 'report.hash'")
        assert cursor.fetchone() == (1,)


def test_without_a_hasher_reports_go_on_and_are_hashed_by_a_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(_files: object) -> None:
        raise HasherAway("none here")

    number = Provider().file(encoded(PICTURE, "PNG"))
    with monkeypatch.context() as patched:
        patched.setattr(batch.POOL, "hash_files", away)
        work()
    view = shown(number)
    assert view["stage"] == "DONE"
    assert "computed" not in view["harmonised"]
    replay_stage(
        actor=SYSTEM, stage=Stage.HARMONISE, report_ids=[view["report_id"]], now=clock.now()
    )
    work()
    assert shown(number)["harmonised"]["computed"][0]["pdq"]


def test_a_file_that_the_vault_cannot_give_back_whole_is_told(monkeypatch) -> None:
    from fanal.vault import keyring

    number = Provider().file(encoded(PICTURE, "PNG"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT object_id FROM intake_upload")
        [(object_id,)] = cursor.fetchall()
    [blob] = (keyring.current().vault_folder / "files").glob(f"*/{object_id}")
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    work()
    [computed] = shown(number)["harmonised"]["computed"]
    assert computed["unhashed"] == "SEALED_DAMAGED"
