"""Records that go out to partners: written from what came in, read again by what partners use."""

import json
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

import fanal.formats
from fanal.cli.documents import require_in_force
from fanal.cli.failures import CommandRefused
from fanal.formats.com209 import read_provider_report
from fanal.formats.dsa18 import read_notification
from fanal.formats.xarf import read_xarf
from fanal.kernel import clock
from fanal.kernel.actors import system_actor

ROOT = Path(fanal.formats.__path__[0])
SYSTEM = system_actor("test")
SAMPLES = {
    "xarf": ROOT / "xarf/samples/csam.json",
    "dsa-18": ROOT / "dsa18/samples/notification.json",
    "com-2022-209": ROOT / "com209/samples/report.json",
}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


def brought(format_: str) -> UUID:
    """Bring a sample in and carry it through every stage."""
    from fanal.cli.import_files import FoundReport
    from fanal.cli.sources import read_sources
    from fanal.intake.operations.receive import receive_reports
    from fanal.worker.stages import StageLoop

    [item] = read_sources(format_, [SAMPLES[format_]], now=clock.now())
    assert isinstance(item, FoundReport)
    submission = item.submission(sender_id=uuid4())
    [answer] = receive_reports(actor=SYSTEM, submissions=[submission], now=clock.now())
    loop = StageLoop(actor=SYSTEM, clock=clock.now)
    while loop.run_once():
        pass
    assert answer.report_id is not None
    return answer.report_id


def documents(format_: str, report_id: UUID) -> list[bytes]:
    from fanal.cli.export_exchange import WRITERS, find

    found = find(report_id, actor=SYSTEM, now=clock.now())
    assert found is not None
    return WRITERS[format_](found)


def test_each_format_comes_in_and_goes_out_as_itself() -> None:
    sent = {name: json.loads(path.read_text()) for name, path in SAMPLES.items()}
    import xarf  # slow to load

    [data] = documents("xarf", brought("xarf"))
    assert xarf.parse(data.decode()).errors == []
    read_xarf(data)
    tree = json.loads(data)
    for name in ("xarf_version", "type", "url", "domain", "classification", "timestamp"):
        assert tree[name] == sent["xarf"][name], name
    assert tree["hash_values"] == {
        k: v for k, v in sent["xarf"]["hash_values"].items() if k != "photodna"
    }
    assert tree["ncmec_report_id"] == sent["xarf"]["ncmec_report_id"]
    assert tree["tags"] == []

    report_id = brought("dsa-18")
    found, report = read_notification(documents("dsa-18", report_id)[0])
    assert found.notification_id == sent["dsa-18"]["notification_id"]
    assert report.reference == sent["dsa-18"]["report"]["reference"]
    [crossed] = documents("xarf", report_id)
    assert xarf.parse(crossed.decode()).errors == []

    provided, _ = read_provider_report(documents("com-2022-209", brought("com-2022-209"))[0])
    assert provided.third_countries[0].body == "NCMEC"


def test_a_proposal_is_refused_with_its_reason_unless_it_is_tried(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now: datetime = clock.now()
    with pytest.raises(CommandRefused) as refused:
        require_in_force("com-2022-209", now=now, even_if_not=False)
    refused.value.show()
    said = capsys.readouterr().err
    assert "COM(2022)209 13" in said
    assert "EU_COM_2022_209_13@2022-05-11" in said
    assert "--even-if-not-in-force" in said
    require_in_force("com-2022-209", now=now, even_if_not=True)
    require_in_force("dsa-18", now=now, even_if_not=False)
    require_in_force("jsonl", now=now, even_if_not=False)
