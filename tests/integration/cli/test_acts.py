"""`fanal bench acts` as a person calls it, tiny: every kind of act was done beside the stages, and timed."""

import json
import os
import subprocess

from tests.live import FANAL
from tests.server import fast_folder


def test_a_person_acts_while_reports_come_in() -> None:
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    answer = subprocess.run(
        [*FANAL, "bench", "acts", "--json", "--reports", "100"],
        env=kept | {"TMPDIR": str(fast_folder())},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert answer.stdout, answer.stderr
    found = json.loads(answer.stdout)
    assert (found["bench"], found["reports"]) == ("acts", 100)
    for act in ("take", "decide", "give_back", "judge"):
        assert found[f"{act}_acts"] > 0
        assert 0 < found[f"{act}_p50_ms"] <= found[f"{act}_p99_ms"] <= found[f"{act}_max_ms"]
    # Whoever takes a report at each turn ends the one before: all but the last.
    assert found["take_acts"] == found["decide_acts"] + found["give_back_acts"] + 1
