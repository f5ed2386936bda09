"""`fanal desk`: an operator names the desk and adds others, and the ledger shows it."""

import json

import pytest

from tests.integration.cli.installing import Installed

pytestmark = pytest.mark.xdist_group("calls")


def test_a_desk_is_named_and_others_are_added(installed: Installed) -> None:
    before = installed.count("SELECT count(*) FROM ledger_entry WHERE action = 'desk.change'")
    named, added, listed = installed.call(
        ["desk", "edit", "1", "--name", "Office central", "--contact", "+33 1 00 00 00 00"],
        ["desk", "add", "WEST", "--name", "Antenne Ouest"],
        ["desk", "list", "--json"],
    )
    assert (named.status, named.err) == (0, "")
    assert (added.status, added.err) == (0, "")
    desks = {d["id"]: d for d in map(json.loads, listed.out.splitlines())}
    assert desks[1]["name"] == "Office central"
    assert desks[1]["contact"] == "+33 1 00 00 00 00"
    assert desks[int(added.out)]["code"] == "WEST"
    assert (desks[1]["closed_at"], desks[1]["territory"]) == (None, "")
    after = installed.count("SELECT count(*) FROM ledger_entry WHERE action = 'desk.change'")
    assert after == before + 3


def test_a_desk_is_closed_and_opened_again(installed: Installed) -> None:
    [added] = installed.call(
        [
            "desk",
            "add",
            "SOUTH",
            "--name",
            "Antenne Sud",
            "--name-en",
            "South",
            "--territory",
            "Sud",
        ]
    )
    number = added.out.strip()
    closed, listed, reopened = installed.call(
        ["desk", "close", number], ["desk", "list", "--json"], ["desk", "reopen", number]
    )
    assert (closed.status, closed.err) == (0, "")
    (south,) = [d for d in map(json.loads, listed.out.splitlines()) if d["code"] == "SOUTH"]
    assert south["closed_at"]
    assert (south["name_en"], south["territory"]) == ("South", "Sud")
    assert (reopened.status, reopened.err) == (0, "")
    for action in ("desk.close", "desk.reopen"):
        asked = f"SELECT count(*) FROM ledger_entry WHERE action = '{action}'"
        assert installed.count(asked) == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["desk", "add", "NATIONAL", "--name", "n"], "'code'"),
        (["desk", "add", "west", "--name", "n"], "'code'"),
        (["desk", "add", "EAST", "--name", ""], "'name'"),
        (["desk", "edit", "1", "--contact", "a\nb"], "'contact'"),
        (["desk", "edit", "999", "--name", "n"], "no desk 999"),
        (["desk", "close", "999"], "no desk 999"),
        (["desk", "close", "1"], "does not close"),
        (["desk", "reopen", "1"], "open already"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    installed: Installed, call: list[str], said: str
) -> None:
    rows = installed.rows()
    [answer] = installed.call([*call, "--lang", "en"])
    assert answer.status == 2
    assert said in answer.err
    assert installed.rows() == rows
