"""Commands that list print while they read, and end well when their reader has seen enough."""

import json
import os
import subprocess

import pytest

from tests.integration.cli.installing import CHIEF, Installed
from tests.live import FANAL

pytestmark = pytest.mark.xdist_group("installed")
COUNT = 400


def _list(installed: Installed) -> subprocess.Popen[bytes]:
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_", "PG")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return subprocess.Popen(
        [*FANAL, "report", "list", "--json", *CHIEF],
        env=kept | {"FANAL_HOME": str(installed.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_list_is_whole_and_ends_well_when_its_reader_closes_the_pipe(
    installed: Installed,
) -> None:
    reports = [{"reference": f"many-{n}", "kind": "OTHER"} for n in range(COUNT)]
    [brought] = installed.call(["import", "jsonl", installed.write("many.jsonl", *reports)])
    assert brought.status == 0, brought.err
    with _list(installed) as whole:
        out, told = whole.communicate(timeout=300)
        assert (whole.returncode, told) == (0, b"")
    references = {json.loads(line)["reference"] for line in out.splitlines()}
    assert {f"many-{n}" for n in range(COUNT)} <= references
    with _list(installed) as left:
        assert left.stdout is not None
        assert left.stderr is not None
        assert json.loads(left.stdout.readline())["reference"]
        left.stdout.close()
        told = left.stderr.read()
        assert (left.wait(timeout=300), told) == (0, b"")
