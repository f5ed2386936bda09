"""`fanal recipients`: a file of addressees is imported whole or not at all, in a person's name, and listed."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.calling import Answer, Manner, Word, call_all
from tests.integration.cli.factors import code, next_code, set_up_codes

pytestmark = pytest.mark.xdist_group("calls")
PASSWORD = "correct horse battery 71"
HEAD = "kind;name;contact_point;domains;source;source_date;checked\n"
GOOD = "HOST|REGISTRAR;Example Host, Ltd;orders@host.example;host.example;Legal notice;2026-11-20;yes\n"
BAD = "HOST;Nowhere;not a contact;;Legal notice;2026-11-20;\nBANK;Till;;;Legal notice;2026-11-20;\n"


def test_a_file_is_imported_whole_or_not_at_all(home: Path, tmp_path: Path) -> None:
    def call(*calls: list[Word]) -> list[Answer]:
        options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED}
        return call_all(calls, **options)  # type: ignore[arg-type]

    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(HEAD + GOOD, "utf-8")
    bad.write_text(HEAD + GOOD + BAD, "utf-8")
    made = call(
        *[
            each
            for login, role in (("remi", "MEASURES_OFFICER"), ("ruben", "ANALYST"))
            for each in (
                ["user", "add", login, "--name", login, "--password", PASSWORD],
                ["user", "grant", login, role, "--act", "a", "--desk", "1"],
            )
        ]
    )
    assert [a.err for a in made if a.status] == []
    set_up_codes(home, "remi", "ruben")
    refused, empty, shell, other, done, listed, plain, again = call(
        ["recipients", "import", str(bad), "--as", "remi", "--code", code, "--lang", "en"],
        ["recipients", "list", "--json"],
        ["recipients", "import", str(good), "--as", "remi"],
        ["recipients", "import", str(good), "--as", "ruben", "--code", code],
        ["recipients", "import", str(good), "--as", "remi", "--code", next_code],
        ["recipients", "list", "--json"],
        ["recipients", "list", "--lang", "en"],
        ["recipients", "import", str(good), "--as", "remi"],
    )
    assert refused.status == 2
    assert [a.complaint(2) for a in (shell, other, again)] == [None] * 3
    assert "line 3: The contact point" in refused.err
    assert "line 4: A kind is unknown." in refused.err
    assert empty.out == "", "nothing half imported"
    assert json.loads(done.out) == {"added": 1, "changed": 0, "unchanged": 0}
    (one,) = map(json.loads, listed.out.splitlines())
    assert (one["name"], one["state"], one["kinds"]) == (
        "Example Host, Ltd", "WAITING", ["HOST", "REGISTRAR"],
    )  # fmt: skip
    assert {fact["source"] for fact in one["facts"]} == {"Legal notice"}
    assert one["confirmed"] == {}
    assert f"{one['id']}  To confirm" in plain.out
