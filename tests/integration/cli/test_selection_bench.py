"""`fanal bench selection` as a person calls it, tiny: each act went through all reports, in portions."""

import json
import os
import subprocess

from tests.live import FANAL
from tests.server import fast_folder


def test_each_act_goes_through_the_whole_selection() -> None:
    ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    answer = subprocess.run(
        [*FANAL, "bench", "selection", "--json", "--size", "70"],
        env=kept | {"TMPDIR": str(fast_folder())},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert answer.stdout, answer.stderr
    found = json.loads(answer.stdout)
    assert 50 < found["reports"] <= 70
    for act in ("feedback", "close"):
        assert found[f"{act}_portions"] == 2
        assert 0 < found[f"{act}_longest_portion_s"] <= found[f"{act}_s"]
