"""A bulk import with importer, worker and database killed in the middle, then compared: small here.

`make soak` runs it larger, `make bulk` with a million. What is compared, and how, is `fanal bench bulk` itself.
"""

import json
import os
import subprocess
from collections.abc import Mapping

import pytest

from tests.live import FANAL
from tests.server import fast_folder

pytestmark = pytest.mark.serial
SIZE = int(os.environ.get("FANAL_BULK_SIZE", "200"))
DELIVERY = SIZE // 2


@pytest.fixture(scope="module")
def outcome() -> Mapping[str, object]:
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    answer = subprocess.run(
        [*FANAL, "bench", "bulk", "--json", "--size", str(SIZE), "--delivery", str(DELIVERY),
         "--kills", "1", "--views", "20"],
        env=kept | {"TMPDIR": str(fast_folder())},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )  # fmt: skip
    assert answer.stdout, answer.stderr
    found = json.loads(answer.stdout)
    print(f"\n{answer.stderr}{answer.stdout}")
    assert isinstance(found, dict)
    return found


def test_everything_planned_was_killed(outcome: Mapping[str, object]) -> None:
    assert outcome["kills"] == {"importer": 1, "worker": 1, "postgresql": 1}
    assert int(str(outcome["imports_run_again"])) >= 1


def test_each_report_is_there_once_as_it_was_delivered(outcome: Mapping[str, object]) -> None:
    assert outcome["acknowledged"] == outcome["size"] == SIZE
    assert [outcome[name] for name in ("missing", "doubled", "changed", "strangers")] == [0] * 4
    assert outcome["documents_missing"] == 0


def test_each_went_through_every_stage_once(outcome: Mapping[str, object]) -> None:
    assert outcome["not_once"] == {}
    assert outcome["left_in_queue"] == 0


def test_the_same_command_again_changes_nothing(outcome: Mapping[str, object]) -> None:
    again = outcome["imported_again"]
    assert again == {"received": 0, "repeated": DELIVERY, "conflicts": 0, "refused": 0}


def test_evidence_and_ledger_are_whole(outcome: Mapping[str, object]) -> None:
    evidence, ledger = outcome["evidence"], outcome["ledger"]
    assert isinstance(evidence, dict)
    assert isinstance(ledger, dict)
    assert evidence["objects"] == evidence["opened"] == outcome["documents"]
    assert (evidence["losses"], evidence["orphans_left"], evidence["clean"]) == ([], 0, True)
    assert (ledger["whole"], ledger["problems"]) == (True, [])
    assert outcome["whole"] is True


def test_memory_of_every_process_is_watched(outcome: Mapping[str, object]) -> None:
    memory = outcome["memory"]
    assert isinstance(memory, dict)
    assert {"importer", "worker", "web", "postgresql", "supervisor"} <= set(memory)
    assert all(part["most_bytes"] > 10_000_000 for part in memory.values())
