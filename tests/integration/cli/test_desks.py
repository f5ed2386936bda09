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
    after = installed.count("SELECT count(*) FROM ledger_entry WHERE action = 'desk.change'")
    assert after == before + 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["desk", "add", "NATIONAL", "--name", "n"], "'code'"),
        (["desk", "add", "west", "--name", "n"], "'code'"),
        (["desk", "add", "EAST", "--name", ""], "'name'"),
        (["desk", "edit", "1", "--contact", "a\nb"], "'contact'"),
        (["desk", "edit", "999", "--name", "n"], "no desk 999"),
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
