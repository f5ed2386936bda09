"""`fanal lists` from the command line: load, load again, withdraw, a file that is none."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.cli.calling import Answer, Manner, call_all, caller

pytestmark = pytest.mark.xdist_group("calls")
Call = Callable[..., Answer]


@pytest.fixture(scope="module")
def call(home: Path) -> Iterator[Call]:
    """Return a function that calls `fanal lists` with its arguments."""
    with caller(home=home, folder=home.parent / "out", manner=Manner.STARTED) as kept:
        yield lambda *arguments: kept.call([["lists", *arguments]])[0]


def _shown(call: Call, name: str) -> dict[str, object]:
    """Return the list `name` as `show` prints it; other tests have lists in this installation too."""
    shown = map(json.loads, call("show", "--json").out.splitlines())
    [found] = [each for each in shown if each["name"] == name]
    return found


def test_a_list_is_loaded_shown_and_an_item_withdrawn(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"pdq,md5,classification\n{'f' * 64},,A1\n,{'b' * 32},\n")
    loaded = call("load", "alpha", str(file))
    assert loaded.status == 0, loaded.err
    first, _ = (UUID(json.loads(line)["id"]) for line in loaded.out.splitlines())
    assert call("load", "alpha", str(file)).out == loaded.out
    assert _shown(call, "alpha")["entries"] == 2
    assert call("withdraw", "alpha", str(first)).status == 0
    again = call("withdraw", "alpha", str(first))
    assert (again.status, again.out) == (2, "")
    assert "alpha" in again.err
    assert _shown(call, "alpha")["entries"] == 1


def test_a_list_is_made_described_and_voted_on(call: Call, tmp_path: Path) -> None:
    made = call("create", "beta", "--scheme", "NCMEC", "--confidence", "70")
    assert made.status == 0, made.err
    shown = json.loads(made.out)
    assert (shown["scheme"], shown["confidence"], shown["sharing"]) == ("NCMEC", 70, "PARTNERS")
    file = tmp_path / "list.csv"
    file.write_text(f"md5\n{'c' * 32}\n")
    item = json.loads(call("load", "beta", str(file)).out)["id"]
    described = json.loads(call("describe", "beta", "--sharing", "DESK").out)
    assert (described["scheme"], described["sharing"], described["entries"]) == ("NCMEC", "DESK", 1)
    assert call("vote", item, "DOWN", "COMMON_IMAGE", "WRONG_HASH").status == 0
    assert call("vote", item, "TAKEN_BACK").status == 0
    assert call("vote", item, "DOWN", "COMMON_IMAGE").status == 0
    assert call("vote", item, "TAKEN_BACK").status == 0
    for refused in (
        ["vote", item, "TAKEN_BACK"],
        ["vote", item, "TAKEN_BACK", "COMMON_IMAGE"],
        ["vote", item, "DOWN"],
        ["vote", item, "DOWN", "COMMON_IMAGE", "CONFIRMED"],
        ["vote", str(UUID(int=5)), "TAKEN_BACK"],
        ["create", "beta"],
        ["create", "gamma", "--legal-basis", "NO_SUCH"],
        ["create", "gamma", "--owner", "nobody of that name"],
        ["describe", "gamma", "--category", "A1"],
        ["show", "gamma"],
        ["vote", item, "UP", "COMMON_IMAGE"],
        ["release", item, "--reason", "it is right"],
    ):
        answer = call(*refused)
        assert (answer.status, answer.out) == (2, ""), refused
        assert len(answer.err.splitlines()) == 1
    assert call("aside", "--json").out == ""


def test_a_bad_line_loads_nothing(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(f"pdq\n{'f' * 64}\nzz\n")
    answer = call("load", "bad", str(file))
    assert (answer.status, answer.out) == (2, "")
    assert "line 3" in answer.err
    assert '"bad"' not in call("show", "--json").out


def test_a_file_of_another_encoding_or_without_columns_is_refused_in_words_that_help(
    home: Path, tmp_path: Path
) -> None:
    saved, bare = tmp_path / "saved.csv", tmp_path / "bare.csv"
    saved.write_bytes(f"md5;catégorie\n{'b' * 32};é\n".encode("cp1252"))
    bare.write_text(f"{'b' * 32}\n{'c' * 32}\n")
    calls = [["lists", "load", "other", str(file)] for file in (saved, bare)]
    in_french, in_english = (
        call_all(calls, home=home, folder=tmp_path / lang, lang=lang) for lang in ("fr", "en")
    )
    assert {(a.status, a.out) for a in (*in_french, *in_english)} == {(2, "")}
    assert "enregistrez-le au format" in in_french[0].err
    assert "save it as “CSV UTF-8”" in in_english[0].err
    assert "la première ligne doit nommer les colonnes" in in_french[1].err
    assert "pdq, md5, sha1, sha256, photodna, classification" in in_english[1].err
