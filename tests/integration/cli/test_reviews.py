"""`fanal retention`: one person proposes that a report ends before its date, another agrees; each proves it is them."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.calling import Answer, Manner, call_all
from tests.integration.cli.factors import code, next_code, set_up_codes

pytestmark = pytest.mark.xdist_group("calls")
PASSWORD = "correct horse battery 71"


def test_the_end_of_a_report_takes_two_factors(home: Path, tmp_path: Path) -> None:
    def call(*calls: list[str]) -> list[Answer]:
        options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED}
        return call_all(calls, **options)  # type: ignore[arg-type]

    file = tmp_path / "one.jsonl"
    file.write_text('{"reference": "R-REVIEW", "kind": "OTHER"}\n')
    made = call(
        ["import", "jsonl", str(file)],
        *(
            each
            for login in ("rene", "romy")
            for each in (
                ["user", "add", login, "--name", login, "--password", PASSWORD],
                ["user", "grant", login, "SUPERVISOR", "--act", "a", "--desk", "1"],
            )
        ),
    )
    assert [a.err for a in made if a.status] == []
    set_up_codes(home, "rene", "romy")
    [shown] = call(["report", "show", "R-REVIEW", "--json", "--as", "rene"])
    report = json.loads(shown.out)["id"]
    end = ["retention", "review", report, "end", "--motive", "file 12", "--as", "rene"]
    bare, proposed = call(end, [*end, "--code", code])
    assert "asks for the second factor of rene" in bare.err, "a shell is no person"
    assert proposed.status == 0, proposed.err
    review = json.loads(proposed.out)["review"]
    agree = ["retention", "second", review, "agree", "--motive", "read", "--as"]
    shell, itself, wrong, agreed = call(
        [*agree, "romy"],
        [*agree, "rene", "--code", next_code],
        [*agree, "romy", "--code", "000000"],
        [*agree, "romy", "--code", code],
    )
    assert "asks for the second factor of romy" in shell.err
    assert [a.complaint(2) for a in (shell, wrong)] == [None] * 2
    assert itself.status != 0, "the proposer seconds nothing of theirs"
    assert json.loads(agreed.out)["review"] == review
