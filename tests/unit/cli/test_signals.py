"""`fanal signals`: one answer a line in order, bad lines by number, measures on labelled texts."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fanal.cli import signals as program
from fanal.cli.signals import signals
from fanal.embedding.engine import EngineMissing, TextUnembedded

LABELLED = [
    {"id": "t-1", "lang": "en", "text": "He tells her to keep their talks secret from her parents.", "codes": ["GROOMING_SECRECY"], "nature": None, "plain": True, "voice": "parent"},
    {"id": "t-2", "lang": "fr", "text": "Bonjour, je cherche les horaires de la piscine.", "codes": [], "nature": "OFF_TOPIC", "plain": True, "voice": "parent"},
]  # fmt: skip


def run(*arguments: str, lines: bytes = b"") -> Result:
    return CliRunner().invoke(signals, list(arguments), input=lines)


def test_each_text_has_one_answer_in_order() -> None:
    lines = [
        {
            "id": "a",
            "text": "A stranger asks my son to keep their chat a secret from us.",
            "lang": "en",
        },
        {"id": 7, "text": "Elle le rejoint demain à 15 h.", "received_at": "2026-11-30T09:00:00Z"},
        {"id": "c", "text": ""},
    ]
    result = run("read", "--json", lines="\n".join(map(json.dumps, lines)).encode())
    assert result.exit_code == 0, result.output
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [list(a) for a in answers] == [["id", "signals", "hours_until", "nature"]] * 3
    assert [a["id"] for a in answers] == ["a", 7, "c"]
    secrecy = {s["code"]: s for s in answers[0]["signals"]}["GROOMING_SECRECY"]
    assert set(secrecy) == {"code", "score", "engine", "because"}
    assert secrecy["engine"].startswith("reader/")
    assert secrecy["because"]["fr"] != secrecy["because"]["en"]
    assert answers[1]["hours_until"] == [29.0, 30.0]
    assert (answers[2]["signals"], answers[2]["nature"]) == ([], None)


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'{"id": "x"}', b'{"id": "x", "text": 1}', b"\xff\xfe", b'{"id": null, "text": ""}',
     b'{"id": "x", "text": "", "received_at": "2026-11-30T09:00:00"}',
     b'{"id": "x", "text": "", "received_at": "soon"}'],
)  # fmt: skip
def test_a_bad_line_is_named_by_number_and_the_others_are_answered(line: bytes) -> None:
    good = b'{"id": "g", "text": ""}'
    result = run("read", "--json", lines=b"\n".join([good, line, good]) + b"\n")
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 2
    assert "ligne 2" in result.stderr


def test_a_labelled_file_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in LABELLED), "utf-8")
    result = run("evaluate", str(file), "--json")
    assert result.exit_code == 0, result.output
    rows = {row["group"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert rows["code GROOMING_SECRECY"]["recall"] == 1
    assert rows["plain"] == {"group": "plain", "texts": 1, "with_a_code": 0}
    assert any(group.startswith("calibration") for group in rows)
    phrases = run("evaluate", str(file), "--phrases")
    assert phrases.exit_code == 0
    assert "GROOMING_SECRECY" in phrases.stdout


@pytest.mark.parametrize("arguments", [("--as", "claire"), ("--out", "folder")])
@pytest.mark.parametrize("kind", [EngineMissing, TextUnembedded])
def test_a_training_whose_engine_ends_says_so(
    arguments: tuple[str, ...],
    kind: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def ends(*_given: object) -> object:
        raise kind("its process does not start")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "_train_version", ends)
    monkeypatch.setattr(program, "candidate", ends)
    result = run("train", *arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert "its process does not start" in result.stderr
