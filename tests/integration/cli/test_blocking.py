"""`fanal demo block`, `fanal export rpz|blocking-csv|blocking-json` and `fanal demo lift`, read back."""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fanal.config.keys import load_keys
from fanal.measures.blocking.blocklist import ListManifest, check_file, open_manifest
from fanal.measures.blocking.formats import read_zone
from fanal.postgres import Cluster
from tests.integration.cli.calling import Answer, Manner, caller
from tests.prepared import prepare
from tests.server import fast_folder

pytestmark = pytest.mark.xdist_group("blocking")
Call = Callable[..., Answer]
FILES = {"rpz": "rpz.fanal.zone", "blocking-csv": "blocking.csv", "blocking-json": "blocking.json"}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A demo installation without reports."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-blocking-", dir=fast_folder()))
    folder.chmod(0o755)
    try:
        prepare(folder / "var", demo=True)
        yield folder / "var"
    finally:
        Cluster.open(home=folder / "var", environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def call(home: Path) -> Iterator[Call]:
    """Return a function that calls `fanal` with its arguments."""
    with caller(home=home, folder=home.parent / "out", manner=Manner.STARTED) as kept:
        yield lambda *arguments: kept.call([list(arguments)])[0]


def exported(call: Call, home: Path, form: str, out: Path) -> tuple[bytes, ListManifest]:
    """Export the list in a format; return its bytes and its manifest, verified by the installation's key."""
    answer = call("export", form, "--out", str(out))
    assert answer.status == 0, answer.err
    content = (out / FILES[form]).read_bytes()
    document = (out / f"{FILES[form]}.manifest.json").read_bytes()
    manifest = open_manifest(document, keys=load_keys(home, public_node=True).ledger_known)
    check_file(manifest, file=FILES[form], content=content, now=datetime.now(UTC), loaded=())
    return content, manifest


def test_names_are_blocked_listed_in_every_format_and_lifted(
    call: Call, home: Path, tmp_path: Path
) -> None:
    names = {"one.blocked.example", "two.blocked.example", "photos.gouv.fr"}
    blocked = call("demo", "block", *sorted(names))
    assert blocked.status == 0, blocked.err
    assert call("demo", "block", "One.Blocked.example.").status == 0
    zone, first = exported(call, home, "rpz", tmp_path)
    read = read_zone(zone)
    assert (read.names, read.target, read.serial) == (names, "stop.fanal.test", first.serial)
    lines = list(csv.DictReader(exported(call, home, "blocking-csv", tmp_path)[0].decode().split()))
    assert {line["name"] for line in lines} == names
    content, third = exported(call, home, "blocking-json", tmp_path)
    listed = json.loads(content)
    assert {entry["name"] for entry in listed["entries"]} == names
    assert all(entry["since"] < entry["expires"] for entry in listed["entries"])
    assert third.serial > first.serial
    assert third.entries == 3
    lifted = call("demo", "lift", "one.blocked.example", "photos.gouv.fr")
    assert lifted.status == 0, lifted.err
    zone, last = exported(call, home, "rpz", tmp_path)
    assert read_zone(zone).names == {"two.blocked.example"}
    assert last.serial > third.serial
    assert call("demo", "lift", "two.blocked.example").status == 0
    zone, _ = exported(call, home, "rpz", tmp_path)
    assert read_zone(zone).names == frozenset()


def test_a_name_that_nobody_may_block_is_refused_in_words(call: Call) -> None:
    for name in ("github.io", "192.0.2.1", "stop.fanal.test", "https://a.example/"):
        answer = call("demo", "block", "fine.example", name)
        assert answer.status == 2
        assert answer.err.startswith("fanal: the name cannot be blocked: ")
