"""`fanal bench crosscheck` as a person calls it: a rebuild and one new report, each with its installation."""

import json
import os
import subprocess

from tests.live import FANAL
from tests.server import fast_folder


def test_one_command_measures_both_parts() -> None:
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    answer = subprocess.run(
        [*FANAL, "bench", "crosscheck", "--json", "--size", "200"],
        env=kept | {"TMPDIR": str(fast_folder())},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert answer.stdout, answer.stderr
    found = json.loads(answer.stdout)
    assert found["mode"] == "cost"
    rebuilt = found["rebuild"]
    assert rebuilt["edges"] > rebuilt["reports"] > 100
    assert min(rebuilt["links"], rebuilt["stored"]["links"]) >= rebuilt["dossiers"] > 0
    assert found["incremental"]["at_1000"]["p99_ms"] >= found["incremental"]["at_1000"]["p50_ms"]
