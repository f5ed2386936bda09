"""Bad input, no database, no key, no right: one sentence in the user's language, never a traceback.

`CALLS` is the one place: every command of the tree stands in it, with a call that is rightly formed and
calls that are not. A new command without a line here fails the test.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest

from fanal.cli.failures import words
from fanal.cli.main import fanal
from fanal.kernel import clock
from fanal.postgres import Cluster
from tests.integration.cli.calling import Manner, call_all

pytestmark = pytest.mark.xdist_group("calls")
NOBODY = "00000000-0000-7000-8000-000000000000"
UNREADABLE = os.fsdecode(b"\xff\xfe")
UNTIL = f"{clock.now() + timedelta(days=30):%Y-%m-%d}"
INSTRUCTION = ["FEEDBACK", "--grounds", "g", "--basis", "B 1", "--until", UNTIL]
CALLS: dict[str, tuple[list[str], list[list[str]]]] = {
    "backup": (["/proc/none/b"], [[], ["a", "b"], ["/etc"], ["/etc/passwd"]]),
    "bench acts": ([], [["--reports", "0"], ["--workers", "x"], ["more"]]),
    "bench blocklist": ([], [["--size", "0"], ["--size"], ["more"]]),
    "bench bulk": ([], [["--size", "0"], ["--kills", "-1"], ["--minutes", "x"], ["more"]]),
    "bench crosscheck": (
        [],
        [["--size", "0"], ["--seed", "x"], ["--engine", "x"], ["--truth", "--only", "rebuild"], ["--world", "second"]],
    ),
    "bench deconflict": ([], [["--size", "0"], ["--size"], ["more"]]),
    "bench desk": ([], [["--reports", "0"], ["--views", "x"], ["more"]]),
    "bench hash": ([], [["--size", "0"], ["--size"], ["more"]]),
    "bench match": ([], [["--size", "0"], ["--size"], ["more"]]),
    "bench pipeline": ([], [["--size", "0"], ["--workers", "-1"], ["--size"]]),
    "bench portal": ([], [["--size", "1"], ["--size", "1e9"]]),
    "bench selection": ([], [["--size", "0"], ["--size", "1001"], ["more"]]),
    "bench triage": ([], [["--size", "0"], ["--earlier", "-1"], ["--known", "0"], ["x"]]),
    "bench triage-rank": ([], [["--size", "99"], ["--seed", "x"], ["--size"], ["more"]]),
    "blocklist page": (
        ["--out", "/proc/none/p", "--contact", "a@b.example"],
        [[], ["--out", "/tmp/p"], ["--out", "/proc/none/p", "--contact", "a"]],
    ),
    "blocklist probe": (["nobody"], [[], ["a", "b"]]),
    "blocklist publish": (["--out", "/proc/none/l"], [["x"], ["--out", "/etc/passwd"]]),
    "blocklist status": (["--out", "/proc/none/l"], [["x"], ["--out", "/etc/passwd"]]),
    "blocklist verify": (["/proc/none/l"], [["a", "b"], ["/etc/passwd"], ["--key", "x"], ["--after", "x"]]),
    "crosscheck activate": (["--shipped"], [[], ["/no"], ["/etc/hostname", "--shipped"]]),
    "crosscheck dossiers": ([], [["x"]]),
    "crosscheck links": ([], [["x"]]),
    "crosscheck model": ([], [["/no"], ["a", "b"]]),
    "crosscheck rebuild": ([], [["x"], ["--engine", "abacus"]]),
    "crosscheck train": (["--out", "/proc/none/m"], [[], ["--out", "/tmp/m", "--seed", "x"]]),
    "deconflict answer": (["/etc/hostname", "--out", "/proc/none/a"], [[], ["/etc/hostname"], ["/no", "--out", "/x"]]),
    "deconflict conclude": (["/etc/hostname", "--out", "/proc/none/a"], [[], ["/etc/hostname"], ["/no", "--out", "/x"]]),
    "deconflict counterpart add": (["n", "--our-name", "o", "--key", "k", "--contact", "c"], [[], ["n"], ["n", "--our-name", "o", "--key", "k", "--contact", "c", "--every", "0"]]),
    "deconflict counterpart key": (["n", "--key", "k"], [[], ["n"], ["a", "b"]]),
    "deconflict counterpart close": (["n"], [[], ["a", "b"]]),
    "deconflict counterpart limit": (["n", "--kind", "EMAIL", "--role", "SUSPECT", "--months", "1"], [[], ["n"], ["n", "--kind", "EMAIL", "--role", "SUSPECT", "--months", "x"]]),
    "deconflict counterpart list": ([], [["x"]]),
    "deconflict hits": ([], [["x"]]),
    "deconflict key": ([], [["x"]]),
    "deconflict offer": (["n", "--out", "/proc/none/o"], [[], ["n"], ["a", "b", "--out", "/x"]]),
    "deconflict rounds": ([], [["x"]]),
    "deconflict run": (["n"], [[], ["a", "b"]]),
    "deconflict take": (["/etc/hostname"], [[], ["/no"]]),
    "demo accounts": ([], [["x"], ["--lang", "de"]]),
    "demo block": (["a.example"], [[]]),
    "demo lift": (["a.example"], [[]]),
    "demo load": ([], [["x"]]),
    "demo story": ([], [["x"], ["--json=1"]]),
    "distribution acknowledge": (["/etc/hostname"], [[], ["/no"]]),
    "distribution key": ([], [["x"]]),
    "distribution sender add": (["X-1", "--key", "00", "--fingerprint", "0"], [[], ["X-1", "--key", "00"]]),
    "distribution sender list": ([], [["x"]]),
    "distribution sender revoke": (["X-1", "--fingerprint", "0"], [[], ["X-1"]]),
    "distribution sender rotate": (["X-1", "--key", "00", "--fingerprint", "0", "--since", "2026-11-27T18:00:00Z"], [[], ["X-1", "--key", "00", "--fingerprint", "0"]]),
    "distribution taken": ([], [["x"]]),
    "distribution add": (["X-1", "--name", "n", "--country", "BE", "--key", "k"], [[], ["X-1", "--name", "n"]]),
    "distribution close": (["X-1"], [[]]),
    "distribution open": (["/etc/hostname", "--key", "/etc/hostname", "--out", "/tmp/fanal-none-of-it"], [[], ["/no", "--key", "/no", "--out", "/x"]]),
    "distribution packages": ([], [["x"]]),
    "distribution recipients": ([], [["x"]]),
    "distribution send": (["--out", "/tmp/fanal-none-of-it"], [[], ["--out", "/etc/hostname"]]),
    "desk add": (["WEST", "--name", "n"], [[], ["WEST"], ["WEST", "--name"]]),
    "desk close": (["9"], [[], ["x"], ["9", "9"]]),
    "desk edit": (["1", "--name", "n"], [[], ["x"], ["1", "--name"]]),
    "desk reopen": (["9"], [[], ["x"], ["9", "9"]]),
    "desk list": ([], [["x"]]),
    "doctor": ([], [["--port", "http"], ["x"]]),
    "export blocking-csv": (["--out", "/proc/none/e"], [[], ["x"], ["--out", "/etc/passwd"]]),
    "export blocking-json": (["--out", "/proc/none/e"], [[], ["x"], ["--out", "/etc/passwd"]]),
    "export com-2022-209": (["x", "--out", "/proc/none/e"], [[], ["x"], ["--out", "/tmp"], ["x", "--out", "/etc/passwd"]]),
    "export csv-hashes": (["--list", "l", "--out", "/proc/none/e"], [[], ["--list", "l"], ["--out", "/tmp"], ["x", "--list", "l", "--out", "/proc/none/e"]]),
    "export dsa-18": (["x", "--out", "/proc/none/e"], [[], ["x"], ["--out", "/tmp"], ["x", "--out", "/etc/passwd"]]),
    "export misp": (["--list", "l", "--out", "/proc/none/e"], [[], ["--list", "l"], ["--list", "l", "--out", "/proc/none/e", "--tlp", "blue"]]),
    "export ncmec-xml": (["x", "--out", "/proc/none/e"], [[], ["x"], ["--out", "/tmp"], ["x", "--out", "/etc/passwd"]]),
    "export rpz": (["--out", "/proc/none/e"], [[], ["x"], ["--out", "/etc/passwd"]]),
    "export stix": (["--list", "l", "--out", "/proc/none/e"], [[], ["--list", "l"], ["--list", "l", "--out", "/proc/none/e", "--tlp", "blue"]]),
    "export vics": (["--list", "l", "--out", "/proc/none/e"], [[], ["--list", "l"], ["--list", "l", "--out", "/proc/none/e", "--version", "9"]]),
    "export xarf": (["x", "--out", "/proc/none/e"], [[], ["x"], ["--out", "/tmp"], ["x", "--out", "/etc/passwd"]]),
    "fsck": ([], [["--grace", "soon"], ["--grace", "-1"], ["--grace", "9" * 30], ["x"]]),
    "import": (["jsonl", "/etc/hostname"], [[], ["jsonl"], ["zip", "/etc"], ["jsonl", "/no/such"]]),
    "instructions list": ([], [["x"]]),
    "instructions propose": ([*INSTRUCTION, "--as", "l"], [[], ["EVERYTHING"], ["FEEDBACK"], [*INSTRUCTION, "--as", "l", "--until", "soon"]]),
    "instructions revoke": ([NOBODY, "--as", "l", "--reason", "r"], [[], ["x"], [NOBODY, "--as", "l"]]),
    "instructions second": ([NOBODY, "--as", "l"], [[], ["x"], [NOBODY]]),
    "keys accept": (["secret"], [[], ["everything"], ["secret", "x"]]),
    "keys node": (["/proc/none/n", "--name", "x"], [[], ["a"], ["/proc/none/n", "--name", "../x"], ["/proc/none/n", "--name", "x" * 65], ["/etc", "--name", "x"], ["/etc/passwd", "--name", "x"]]),
    "keys rotate": ([], [["x"], ["--only-rewrap=1"]]),
    "ledger checkpoint": ([], [["x"]]),
    "ledger export": (["/proc/none/l"], [[], ["/etc"], ["a", "b"]]),
    "ledger verify": ([], [["--checkpoints", "/no/such"], ["--checkpoints", "/etc"], ["x"]]),
    "lists aside": ([], [["x"]]),
    "lists create": (["l"], [[], ["a", "b"], ["l", "--confidence", "101"], ["l", "--scope", "x"]]),
    "lists describe": (["l"], [[], ["a", "b"], ["l", "--sharing", "x"]]),
    "lists fetch": (["s"], [[], ["a", "b"]]),
    "lists load": (["l", "/etc/hostname"], [[], ["l"], ["l", "/no/such"], ["l", "/etc"]]),
    "lists release": ([NOBODY, "--reason", "r"], [[], [NOBODY], ["x", "--reason", "r"]]),
    "lists show": ([], [["a", "b"]]),
    "lists source add": (
        ["s", "--kind", "TAXII", "--url", "u", "--list", "l"],
        [[], ["s"], ["s", "--kind", "x", "--url", "u", "--list", "l"]],
    ),
    "lists source list": ([], [["x"]]),
    "lists source off": (["s"], [[], ["a", "b"]]),
    "lists source on": (["s"], [[], ["a", "b"]]),
    "lists vote": ([NOBODY, "UP", "CONFIRMED"], [[], [NOBODY], [NOBODY, "x", "y"], ["x", "UP", "y"]]),
    "lists withdraw": (["l", NOBODY], [[], ["l"], ["l", "x"]]),
    "mail test": ([], [["x"], ["--to"]]),
    "migrate": ([], [["--verbosity", "9"], ["x"]]),
    "payments score": (["/etc/hostname"], [[], ["/no"], ["/etc/hostname", "x"]]),
    "partner add": (["Shapes"], [[], ["a", "b"], ["a", "--quota", "0"], ["a", "--quota", "x"]]),
    "partner revoke": (["x"], [[], ["a", "b"]]),
    "recipients import": (["/etc/hostname", "--as", "l"], [[], ["/etc/hostname"], ["/no", "--as", "l"], ["/etc", "--as", "l"]]),
    "recipients list": ([], [["x"]]),
    "provision": ([], [["x"]]),
    "receipt verify": (["/etc/hostname", "--key", "/etc/hostname"], [[], ["/etc/hostname"], ["/no", "--key", "/no"]]),
    "replay": (["ANALYSE"], [[], ["EVERYTHING"], ["ANALYSE", "x"]]),
    "report list": ([], [["--order", "size"], ["x"], ["--as"]]),
    "report show": (["x"], [[], ["--json"], ["x", "--order"]]),
    "restore": (["/tmp"], [[], ["/no/such"], ["/etc/passwd"], ["/tmp"]]),
    "retention holds": (["--as", "u"], [["x"], ["--due", "x"]]),
    "retention keep": ([NOBODY, NOBODY, "--motive", "m", "--review-on", "2027-01-31"], [[], [NOBODY, NOBODY], [NOBODY, NOBODY, "--motive", "m"], [NOBODY, NOBODY, "--motive", "m", "--review-on", "x"], ["x", NOBODY, "--motive", "m", "--review-on", "2027-01-31"]]),
    "retention hold": ([NOBODY, "--motive", "m"], [[], [NOBODY], ["x", "--motive", "m"]]),
    "retention review": ([NOBODY, "keep", "--motive", "m", "--as", "u"], [[], [NOBODY, "keep"], [NOBODY, "burn", "--motive", "m", "--as", "u"]]),
    "retention reviews": (["--as", "u"], [[], ["x"]]),
    "retention second": ([NOBODY, "agree", "--motive", "m", "--as", "u"], [[], [NOBODY], ["x", "agree", "--motive", "m", "--as", "u"]]),
    "retention lift": ([NOBODY, "--motive", "m"], [[], [NOBODY], ["x", "--motive", "m"]]),
    "retention run": ([], [["x"]]),
    "rules activate": ([NOBODY, "--as", "l"], [[], ["a", "b"]]),
    "rules draft": (["/etc/hostname", "--as", "l"], [[], ["/no/such"]]),
    "rules dry-run": ([NOBODY, "--as", "l"], [[], ["a", "b"]]),
    "rules facts": (["--out", "/tmp/fanal-none-of-it", "--as", "l"], [[], ["--out", "/etc/hostname", "--as", "l"]]),
    "rules list": ([], [["x"]]),
    "rules retriage": (["/etc/hostname", "--facts", "/tmp", "--out", "/tmp/fanal-none-of-it"], [[], ["/no", "--facts", "/tmp", "--out", "/x"], ["/etc/hostname", "--facts", "/tmp", "--out", "/x", "--engine", "x"]]),
    "run": ([], [["--port", "0"], ["--workers", "0"], ["--port", "99999"], ["--demo", "--host", "192.0.2.1"], ["x"]]),
    "signals evaluate": (["/etc/hostname"], [[], ["/no"], ["/etc/hostname", "x"]]),
    "signals read": ([], [["x"], ["--json", "x"]]),
    "signals train": (["--out", "/proc/none/m"], [[], ["--out"], ["x"], ["--out", "/proc/none/m", "--as", "x"]]),
    "transparency open": ([NOBODY], [[], ["a", "b"], [NOBODY, "--as"]]),
    "transparency publish": ([], [["x"], ["--out", "/etc/passwd"]]),
    "transparency verify": (["/proc/none/l"], [[], ["a", "b"], ["/etc/passwd"]]),
    "user add": (["l", "--name", "n"], [[], ["l"], ["l", "--name"]]),
    "user close": (["l"], [[]]),
    "user grant": (["l", "ANALYST", "--act", "a"], [[], ["l"], ["l", "KING", "--act", "a"], ["l", "ANALYST", "--act", "a", "--until", "tomorrow"], ["l", "ANALYST", "--act", "a", "--desk", "x"]]),
    "user link": (["l", "s"], [[], ["l"]]),
    "user reset": (["l", "--factors", "--second", "m"], [[], ["l"], ["l", "--factors"]]),
    "witness run": (["/proc/none/w", "--name", "w.example", "--log", "k"], [[], ["/proc/none/w"], ["/proc/none/w", "--name", "w.example", "--log", "k", "--port", "x"]]),
    "worker": ([], [["x"]]),
    "calls": ([], [["x"]]),
}  # fmt: skip
WITHOUT_DATABASE = {
    "receipt verify",
    "doctor",
    "keys node",
    "blocklist probe",
    "blocklist verify",
    "mail test",
    "rules retriage",
    "payments score",
    "signals evaluate",
    "signals read",
    "signals train",
    "transparency verify",
    "witness run",
    "bench acts",
    "bench blocklist",
    "bench bulk",
    "bench crosscheck",
    "bench deconflict",
    "crosscheck activate",
    "crosscheck model",
    "bench desk",
    "bench hash",
    "bench match",
    "bench pipeline",
    "bench portal",
    "bench selection",
    "bench triage",
    "bench triage-rank",
}


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield " ".join((*path, name))


def call(name: str, arguments: list[str]) -> list[str]:
    return [*name.split(), *arguments]


def complaints(calls: list[list[str]], statuses: tuple[int, ...], **options: object) -> list[str]:
    answers = call_all(calls, **options)  # type: ignore[arg-type]
    return [c for c in (answer.complaint(*statuses) for answer in answers) if c]


def test_every_command_stands_in_the_table() -> None:
    assert set(CALLS) == set(leaves(fanal))


def test_bad_arguments_are_told_before_anything_is_opened(tmp_path: Path) -> None:
    calls = [call(name, bad) for name, (_, all_bad) in CALLS.items() for bad in all_bad]
    for name, (good, _) in CALLS.items():
        calls += [call(name, [*good, "--no-such-option"]), call(name, [*good, UNREADABLE])]
        calls += [call(name, [*good, "--lang", "tlh"])]
    calls += [["nothing"], ["report", "nothing"], ["--nothing"], [UNREADABLE]]
    options = {"home": tmp_path / "home", "folder": tmp_path / "out", "lang": "fr"}
    options |= {"manner": Manner.HERE}
    assert complaints(calls, (2,), **options) == []
    assert not (tmp_path / "home" / "postgres").exists()


def test_the_sentence_is_in_the_users_language(tmp_path: Path) -> None:
    def said(lang: str) -> list[str]:
        calls = [["report", "show"], ["replay", "NEVER"], ["nothing"]]
        options = {"home": tmp_path / "home", "folder": tmp_path / "out", "lang": lang}
        options |= {"manner": Manner.HERE}
        return [answer.err for answer in call_all(calls, **options)]  # type: ignore[arg-type]

    french, english = said("fr"), said("en")
    assert [line[:12] for line in french] == ["fanal: il ma", "fanal: STAGE", "fanal: la co"]
    assert "la commande nothing" in french[2]
    assert "there is no command nothing" in english[2]
    assert all(f != e for f, e in zip(french, english, strict=True))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://fanal_app@127.0.0.1:1/none?connect_timeout=2",
        "http://x",
    ],
)
def test_a_database_that_is_away_is_told(tmp_path: Path, url: str) -> None:
    calls = [
        call(n, good)
        for n, (good, _) in CALLS.items()
        if n not in {*WITHOUT_DATABASE, "provision", "restore"}
    ]
    options = {"home": tmp_path / "home", "folder": tmp_path / "out", "DATABASE_URL": url}
    assert complaints(calls, (1,), **options) == []
    (seen,) = call_all([["doctor"]], **options)  # type: ignore[arg-type]
    assert (seen.status, seen.err) == (1, "")
    assert "PROBLEM" in seen.out


def test_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    del tmp_path
    folder = Path(tempfile.mkdtemp(prefix="fanal-empty-"))
    folder.chmod(0o755)
    try:
        names = {"report list", "fsck", "demo story", "ledger verify", "worker", "user close"}
        calls = [call(name, CALLS[name][0]) for name in sorted(names)]
        options = {"home": folder / "var", "folder": folder / "out", "manner": Manner.HELD}
        answers = call_all(calls, **options)  # type: ignore[arg-type]
        assert [a.complaint(1) for a in answers] == [None] * len(calls)
        assert all("fanal migrate" in a.err for a in answers)
    finally:
        Cluster.open(home=folder / "var", environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_what_the_installation_refuses_is_told(home: Path, tmp_path: Path) -> None:
    """Outside a demo, and with names that nobody has."""
    password = {"FANAL_USER_PASSWORD": "correct horse battery 71"}
    bad_input = [
        ["report", "show", "x"],
        ["report", "list"],
        ["report", "show", "x", "--as", "nobody"],
        ["report", "show", "x", "--reveal-reporter", "--motive", "m" * 20],
        ["export", "ncmec-xml", "x", "--out", str(tmp_path / "e")],
        ["export", "ncmec-xml", "x", "--out", str(tmp_path / "e"), "--as", "nobody"],
        ["retention", "hold", NOBODY, "--motive", "m"],
        ["retention", "lift", NOBODY, "--as", "nobody"],
        ["partner", "add", ""],
        ["partner", "add", "a:b"],
        ["partner", "add", "x" * 5000],
        ["partner", "add", "a\nb"],
        ["partner", "revoke", "nobody"],
        ["import", "jsonl", "/etc/hostname", "--partner", ""],
        ["rules", "draft", "/etc/hostname", "--as", "nobody"],
        ["instructions", "second", NOBODY, "--as", "nobody"],
        ["user", "grant", "nobody", "ANALYST", "--act", "a"],
        ["user", "close", "nobody"],
        ["user", "link", "nobody", "s"],
        ["user", "add", "", "--name", "n"],
        ["user", "add", "x" * 999, "--name", "n"],
        ["user", "add", "sp ace", "--name", "n"],
        ["user", "add", "long", "--name", "n" * 100_000],
        ["user", "add", "short", "--name", "n", "--password", "123"],
        ["ledger", "verify", "--checkpoints", "/proc/self/mem"],
    ]
    failures = [
        ["demo", "accounts"],
        ["demo", "block", "a.example"],
        ["demo", "lift", "a.example"],
        ["demo", "load"],
        ["demo", "story"],
        ["ledger", "export", "/no/such/folder/file"],
        ["ledger", "export", "/proc/none"],
        ["backup", "/proc/none/backup"],
        ["migrate", "--demo"],
        ["receipt", "verify", "/etc/hostname", "--key", str(home / "keys" / "receipt-root.pub")],
    ]
    options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED, **password}
    answers = call_all([*bad_input, *failures], **options)  # type: ignore[arg-type]
    statuses = [(1, 2)] * len(bad_input) + [(1,)] * len(failures)
    found = [a.complaint(*meant) for a, meant in zip(answers, statuses, strict=True)]
    assert [c for c in found if c] == []


def test_grants_are_refused_for_a_reason(home: Path, tmp_path: Path) -> None:
    options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED}
    add = ["user", "add", "person", "--name", "P", "--password", "correct horse battery 71"]
    grant = ["user", "grant", "person"]
    calls = [
        add,
        [*grant, "ANALYST", "--act", "a"],
        [*grant, "ANALYST", "--act", "a", "--desk", "999999"],
        [*grant, "ANALYST", "--act", "", "--desk", "1"],
        [*grant, "ANALYST", "--act", "a", "--desk", "1", "--until", "1999-01-01"],
        [*grant, "ANALYST", "--act", "a", "--desk", "1", "--until", "2999-01-01"],
        [*grant, "ANALYST", "--act", "a", "--desk", "1", "--until", "9999-12-31"],
        [*grant, "ANALYST", "--act", "a", "--desk", "1", "--until", "0001-01-01"],
        [*grant, "ANALYST", "--act", "a", "--desk", "9" * 40],
        [*grant, "LABORATORY", "--act", "a", "--organisation", "no such"],
    ]
    added, *refused = call_all([add, *calls], **options)  # type: ignore[arg-type]
    assert added.status == 0, added.err
    assert [c for c in (a.complaint(2) for a in refused) if c] == []


def test_rule_sets_are_refused_in_both_languages(home: Path, tmp_path: Path) -> None:
    options = {"home": home, "folder": tmp_path / "out", "manner": Manner.STARTED}
    password = ["--password", "correct horse battery 71"]
    before = [
        ["user", "add", "chief", "--name", "C", *password],
        ["user", "grant", "chief", "SUPERVISOR", "--act", "a", "--desk", "1"],
    ]
    calls = [
        ["rules", "draft", "/etc/hostname", "--as", "chief"],
        ["rules", "dry-run", NOBODY, "--as", "chief"],
        ["rules", "activate", NOBODY, "--as", "chief"],
    ]
    *made, draft, dry_run, activate = call_all([*before, *calls], **options)  # type: ignore[arg-type]
    assert [(a.status, a.err) for a in made] == [(0, "")] * 2
    french = call_all(calls, lang="fr", **options)  # type: ignore[arg-type]
    refused = [draft, dry_run, activate, *french]
    assert [c for c in (a.complaint(2) for a in refused) if c] == []
    assert "contains no valid rule set" in draft.err
    assert all("has no one-time codes" in answer.err for answer in (dry_run, activate))
    assert "ne contient pas un jeu de règles valable" in french[0].err
    assert "n’a pas de codes à usage unique" in french[1].err


def test_a_missing_key_is_told(home: Path, tmp_path: Path) -> None:
    keys, aside = home / "keys", home / "aside"
    add = ["user", "add", "person", "--name", "P", "--password", "correct horse battery 71"]
    # Where another test made this person, the command says so.
    call_all([add], home=home, folder=tmp_path / "out")
    shutil.copytree(keys, aside)
    for pattern in ("content-*", "identity-*", "digest*", "ledger-*"):
        for key in keys.glob(pattern):
            key.unlink()
    try:
        calls = [
            ["fsck"], ["ledger", "verify"], ["ledger", "checkpoint"],
            ["backup", str(tmp_path / "b")], ["import", "jsonl", "/etc/hostname"], ["worker"],
            ["user", "close", "person"], ["keys", "rotate", "--only-rewrap"],
        ]  # fmt: skip
        options = {"home": home, "folder": tmp_path / "out", "manner": Manner.HELD}
        answers = call_all(calls, **options)  # type: ignore[arg-type]
        assert [c for c in (a.complaint(1, 2) for a in answers) if c] == []
        assert [a.err for a in answers if "key" not in a.err] == []
    finally:
        shutil.rmtree(keys)
        aside.rename(keys)


def test_values_cannot_break_the_line_or_the_terminal() -> None:
    line = words("NO_REPORT", reference="a\nb\x1b[31m" + "c" * 9999)
    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) < 600
