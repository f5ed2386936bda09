"""`fanal instructions`: proposed by one supervisor, seconded by another, listed, revoked."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.cli.calling import Answer, Manner, Word, call_all
from tests.integration.cli.factors import code, next_code, set_up_codes

pytestmark = pytest.mark.xdist_group("calls")
LAST = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
PROPOSE = ["instructions", "propose", "LIST_SERVICE", "--grounds", "because", "--basis", "B 1"]
PROPOSE += ["--member", "Quay Line"]
PASSWORD = "correct horse battery 71"


def test_two_people_make_an_instruction(home: Path, tmp_path: Path) -> None:
    def call(*calls: list[Word]) -> list[Answer]:
        options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED}
        return call_all(calls, **options)  # type: ignore[arg-type]

    def grant(login: str, role: str) -> list[list[str]]:
        return [
            ["user", "add", login, "--name", login, "--password", PASSWORD],
            ["user", "grant", login, role, "--act", "a", "--desk", "1"],
        ]

    asked = [*PROPOSE, "--name", "by-two", "--until", LAST, "--as", "ines", "--json"]
    *made, bare = call(
        ["partner", "add", "Quay Line"],
        *grant("ines", "SUPERVISOR"),
        *grant("igor", "SUPERVISOR"),
        *grant("ivan", "SUPERVISOR"),
        *grant("iris", "ANALYST"),
        ["lists", "create", "by-two"],
        asked,
    )
    assert [a.err for a in made if a.status] == []
    assert "has no one-time codes" in bare.err
    set_up_codes(home, "ines", "igor", "ivan")
    proposed, shell = call([*asked, "--code", code], asked)
    assert "asks for the second factor of ines" in shell.err, "a shell is no person"
    one = json.loads(proposed.out)
    assert (one["state"], one["names"]) == ("WAITING", ["by-two"])
    assert one["members"] == ["Quay Line"]
    name, end = one["id"], ["--reason", "over", "--json"]
    itself, outside, past, never, seconded, listed, plain, shell, revoked, again = call(
        ["instructions", "second", name, "--as", "ines", "--code", next_code],
        ["instructions", "second", name, "--as", "iris"],
        [*PROPOSE, "--until", "2020-01-01", "--as", "ivan", "--code", code],
        [*PROPOSE, "--until", "9999-12-31", "--as", "ivan", "--code", next_code],
        ["instructions", "second", name, "--as", "igor", "--json", "--code", code],
        ["instructions", "list", "--json"],
        ["instructions", "list"],
        ["instructions", "revoke", name, "--as", "ivan", *end],
        ["instructions", "revoke", name, "--as", "ivan", "--code", next_code, *end],
        ["instructions", "second", name, "--as", "igor", "--code", next_code],
    )
    assert [a.complaint(2) for a in (itself, outside, past, never, again)] == [None] * 5
    assert never.err == past.err
    assert "a person other than its proposer" in itself.err
    assert json.loads(seconded.out)["state"] == "IN_FORCE"
    assert name in {json.loads(line)["id"] for line in listed.out.splitlines()}
    assert f"{name}  In force" in plain.out
    assert "asks for the second factor of ivan" in shell.err
    ended = json.loads(revoked.out)
    assert (ended["state"], ended["revocation_reason"]) == ("REVOKED", "over")


def test_the_code_is_that_person_s_own_and_serves_once(home: Path, tmp_path: Path) -> None:
    options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED}

    def grant(login: str) -> list[list[str]]:
        return [
            ["user", "add", login, "--name", login, "--password", PASSWORD],
            ["user", "grant", login, "SUPERVISOR", "--act", "a", "--desk", "1"],
        ]

    call_all([*grant("nora"), *grant("nils"), ["lists", "create", "by-code"]], **options)  # type: ignore[arg-type]
    set_up_codes(home, "nora", "nils")
    asked = [*PROPOSE, "--name", "by-code", "--until", LAST, "--as", "nora", "--json", "--code"]
    used = code()
    proposed, again, wrong = call_all(
        [[*asked, used], [*asked, used], [*asked, "000000"]],
        **options,  # type: ignore[arg-type]
    )
    assert proposed.status == 0, proposed.err
    assert [a.complaint(2) for a in (again, wrong)] == [None] * 2
    name = json.loads(proposed.out)["id"]
    second = ["instructions", "second", name, "--as", "nils", "--code"]
    *wrong_six, limited = call_all([*[[*second, "111111"]] * 6, [*second, code()]], **options)  # type: ignore[arg-type]
    assert [a.status for a in wrong_six] == [2] * 6
    assert limited.status == 2, "no seventh try is looked at"


def test_a_reset_keeps_the_person_and_takes_two(home: Path, tmp_path: Path) -> None:
    options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED}
    people = [
        call
        for login, role in (("rosa", "ANALYST"), ("remy", "SUPERVISOR"), ("rita", "ANALYST"))
        for call in (
            ["user", "add", login, "--name", login, "--password", PASSWORD],
            ["user", "grant", login, role, "--act", "a", "--desk", "1"],
        )
    ]
    call_all(people, **options)  # type: ignore[arg-type]
    set_up_codes(home, "rosa", "remy", "rita")
    reset = ["user", "reset", "rosa"]
    nothing, bare, itself, analyst, done, again = call_all(
        [
            [*reset, "--second", "remy", "--code", code],
            [*reset, "--factors", "--second", "remy"],
            ["user", "reset", "remy", "--factors", "--second", "remy", "--code", code],
            [*reset, "--factors", "--second", "rita", "--code", code],
            [*reset, "--factors", "--second", "remy", "--code", next_code],
            ["user", "add", "rosa", "--name", "rosa", "--password", PASSWORD],
        ],
        **options,  # type: ignore[arg-type]
    )
    assert [a.complaint(2) for a in (nothing, bare, itself, analyst, again)] == [None] * 5
    assert done.status == 0, done.err
    assert len(done.out.strip()) == 14, "half of the new password"
    assert "account/resets/" in done.err
    with_code = ["instructions", "second", str(UUID(int=0)), "--as", "rosa", "--code", next_code]
    (after,) = call_all([with_code], **options)  # type: ignore[arg-type]
    assert after.complaint(2) is None
