"""`fanal instructions`: proposed by one supervisor, seconded by another, listed, revoked."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.cli.calling import Answer, Manner, call_all

pytestmark = pytest.mark.xdist_group("calls")
LAST = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
PROPOSE = ["instructions", "propose", "LIST_SERVICE", "--grounds", "because", "--basis", "B 1"]
PROPOSE += ["--member", "Quay Line"]
PASSWORD = "correct horse battery 71"


def test_two_people_make_an_instruction(home: Path, tmp_path: Path) -> None:
    def call(*calls: list[str]) -> list[Answer]:
        options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED}
        return call_all(calls, **options)  # type: ignore[arg-type]

    def grant(login: str, role: str) -> list[list[str]]:
        return [
            ["user", "add", login, "--name", login, "--password", PASSWORD],
            ["user", "grant", login, role, "--act", "a", "--desk", "1"],
        ]

    *made, proposed = call(
        ["partner", "add", "Quay Line"],
        *grant("ines", "SUPERVISOR"),
        *grant("igor", "SUPERVISOR"),
        *grant("iris", "ANALYST"),
        [*PROPOSE, "--name", "alpha", "--until", LAST, "--as", "ines", "--json"],
    )
    assert [a.err for a in made if a.status] == []
    one = json.loads(proposed.out)
    assert (one["state"], one["names"]) == ("WAITING", ["alpha"])
    assert one["members"] == ["Quay Line"]
    name, end = one["id"], ["--reason", "over", "--json"]
    itself, outside, past, seconded, listed, plain, revoked, again = call(
        ["instructions", "second", name, "--as", "ines"],
        ["instructions", "second", name, "--as", "iris"],
        [*PROPOSE, "--until", "2020-01-01", "--as", "ines"],
        ["instructions", "second", name, "--as", "igor", "--json"],
        ["instructions", "list", "--json"],
        ["instructions", "list"],
        ["instructions", "revoke", name, "--as", "ines", *end],
        ["instructions", "second", name, "--as", "igor"],
    )
    assert [a.complaint(2) for a in (itself, outside, past, again)] == [None] * 4
    assert "Another person" in itself.err
    assert json.loads(seconded.out)["state"] == "IN_FORCE"
    assert name in {json.loads(line)["id"] for line in listed.out.splitlines()}
    assert f"{name}  In force" in plain.out
    ended = json.loads(revoked.out)
    assert (ended["state"], ended["revocation_reason"]) == ("REVOKED", "over")
