"""Commands that list print while they read, and end well when their reader has seen enough."""

import json
import os
import subprocess

import pytest

from tests.integration.cli.installing import CHIEF, Installed
from tests.live import FANAL

pytestmark = pytest.mark.xdist_group("installed")
COUNT = 400


@pytest.fixture
def listing(installed: Installed) -> subprocess.Popen[bytes]:
    """`fanal report list` over more lines than a pipe holds."""
    reports = [{"reference": f"many-{n}", "kind": "OTHER"} for n in range(COUNT)]
    [brought] = installed.call(["import", "jsonl", installed.write("many.jsonl", *reports)])
    assert brought.status == 0, brought.err
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return subprocess.Popen(
        [*FANAL, "report", "list", "--json", *CHIEF],
        env=kept | {"FANAL_HOME": str(installed.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_list_ends_well_when_its_reader_closes_the_pipe(
    listing: subprocess.Popen[bytes],
) -> None:
    assert listing.stdout is not None
    assert listing.stderr is not None
    assert json.loads(listing.stdout.readline())["reference"]
    listing.stdout.close()
    told = listing.stderr.read()
    assert (listing.wait(timeout=120), told) == (0, b"")


def test_every_line_is_an_object_and_every_report_has_one(
    listing: subprocess.Popen[bytes],
) -> None:
    out, told = listing.communicate(timeout=120)
    assert (listing.returncode, told) == (0, b"")
    references = {json.loads(line)["reference"] for line in out.splitlines()}
    assert {f"many-{n}" for n in range(COUNT)} <= references
