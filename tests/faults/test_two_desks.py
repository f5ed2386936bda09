"""Two whole installations de-conflict, by files and over the API, and send each other what they sign.

Each desk holds identifiers of its own, which are canaries at the other, and one that both hold. Afterwards
every byte that one desk wrote (files and dump of its database, logs, messages, what went over the wire) is
searched for the other's canaries, as they are, in hexadecimal, in base64 and as plain hashes. Packages come last:
what they hold is meant to be read at the other desk.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from fanal.distribution.domain import proof
from tests.faults.desks import ALONE, COMMON, Desk, Wire, forms_of, two_desks
from tests.live import wait_for

pytestmark = pytest.mark.serial
UNDER_WAY = "SELECT count(*) FROM deconfliction_round WHERE state <> 'CONCLUDED'"


@pytest.fixture(scope="module")
def desks() -> Iterator[tuple[Desk, Desk, Wire]]:
    """Two installations that know each other; the wire to the southern one is listened to."""
    with two_desks() as pair:
        yield pair


def test_without_an_instruction_nothing_leaves(
    desks: tuple[Desk, Desk, Wire], tmp_path: Path
) -> None:
    north, _, wire = desks
    refused = north.server.command(
        "deconflict", "offer", "south", "--out", str(tmp_path / "offer"), check=False
    )
    assert refused.returncode == 2
    assert not (tmp_path / "offer").exists()
    assert wire.heard == []
    north.instruct("south")


def test_by_files(desks: tuple[Desk, Desk, Wire], tmp_path: Path) -> None:
    """The worker may have begun a round over the wire by itself: the one by files is then the southern's."""
    north, south, _ = desks
    with north.left_alone(), south.left_alone():
        by_files(north, south, tmp_path)


def by_files(north: Desk, south: Desk, tmp_path: Path) -> None:
    """Carry a round to its end by files, every step killed twice and done again."""
    offer, answer, conclusion = (str(tmp_path / name) for name in ("offer", "answer", "conclusion"))
    south.killed_then_done("offer", "north", "--out", offer)
    north.killed_then_done("answer", offer, "--out", answer)
    first = Path(answer).read_bytes()
    north.command("answer", offer, "--out", answer)
    assert Path(answer).read_bytes() == first
    south.killed_then_done("conclude", answer, "--out", conclusion)
    assert north.killed_then_done("take", conclusion)["met"] == 2
    north.command("take", conclusion)
    for file in (offer, answer, conclusion):
        spoiled = Path(file).read_bytes().replace(b"north", b"nurth")
        Path(file + ".spoiled").write_bytes(spoiled)
        bad = south.command("take", file + ".spoiled", check=False)
        assert bad.returncode == 2
        assert "Traceback" not in bad.stderr
    assert [len(desk.hits()) for desk in (north, south)] == [2, 2]
    assert {h["contact"] for h in north.hits()} == {"duty of south"}
    keep(tmp_path, north)


def keep(folder: Path, desk: Desk) -> None:
    """Keep the messages for the search for canaries."""
    kept = desk.server.home.parent / "messages"
    kept.mkdir(exist_ok=True)
    for file in folder.iterdir():
        (kept / file.name).write_bytes(file.read_bytes())


def test_over_the_api(desks: tuple[Desk, Desk, Wire]) -> None:
    """The northern worker begins by itself; the command goes on with the same round, and the southern answers."""
    north, south, wire = desks
    north.work()
    begun = "SELECT count(*) FROM deconfliction_round WHERE side = 'OFFERING'"
    assert wait_for(lambda: north.count(begun)), north.server.told()

    def concluded() -> bool:
        south.work()
        return north.command("run", "south", check=False).returncode == 0

    assert wait_for(concluded, seconds=200, beat=1), north.rounds()
    south.work()
    assert wait_for(lambda: north.count(UNDER_WAY) == south.count(UNDER_WAY) == 0, seconds=150), (
        south.rounds()
    )
    for desk in (north, south):
        states = {(r["side"], r["state"]) for r in desk.rounds()}
        assert {state for _, state in states} == {"CONCLUDED"}, desk.rounds()
        assert len(desk.hits()) == 2
    assert wire.heard


def test_strangers_get_nothing(desks: tuple[Desk, Desk, Wire]) -> None:
    _, south, _ = desks
    stranger = south.server.add_partner("stranger")
    known = [r["id"] for r in south.rounds() if r["side"] == "ANSWERING"]
    assert known
    for headers in ({}, stranger.basic, stranger.bearer, {"Authorization": "Basic eDp5"}):
        for method, path in (
            ("POST", "rounds"),
            ("GET", f"rounds/{known[0]}"),
            ("GET", f"rounds/{known[0]}/answer"),
            ("POST", f"rounds/{known[0]}/conclusion"),
        ):
            answer = south.server.call(
                method,
                f"/api/deconfliction/{path}",
                headers=headers,
                body=b"{}" if method == "POST" else b"",
            )
            assert answer.status in {401, 403, 404, 422}, (path, answer)
    for body in (b"", b"{}", b"\xff" * 100, b"[" * 100_000, b'{"message":' + b"1" * 50_000):
        answer = south.server.call(
            "POST", "/api/deconfliction/rounds", headers=south.partner.basic, body=body
        )
        assert answer.status == 422, answer
        assert answer.json["code"] == "MALFORMED"
    large = south.server.call(
        "POST",
        "/api/deconfliction/rounds",
        headers=south.partner.basic,
        body=bytes(13 << 20),
        timeout=60,
    )
    assert large.status == 413
    assert (
        south.server.call("DELETE", "/api/deconfliction/rounds", headers=south.partner.basic).status
        == 405
    )


def test_no_byte_tells_what_one_desk_holds_alone(
    desks: tuple[Desk, Desk, Wire], tmp_path: Path
) -> None:
    north, south, wire = desks
    heard = b"\n".join(wire.heard).lower()
    assert len(heard) > 10_000
    everything = {desk.name: desk.written(tmp_path) for desk in (north, south)}
    assert any(
        needle in block for block in everything["north"] for needle in forms_of(ALONE["north"][0])
    ), "the search finds what is there"
    for desk, other in ((north, south), (south, north)):
        wanted = [form for value in ALONE[other.name] for form in forms_of(value)]
        found = [w for block in everything[desk.name] for w in wanted if w in block]
        assert found == [], f"{desk.name} holds what {other.name} alone has"
    on_the_way = [
        form for values in (*ALONE.values(), COMMON) for v in values for form in forms_of(v)
    ]
    assert [form for form in on_the_way if form in heard] == []
    for folder in (north.server.home.parent / "messages",):
        for file in folder.iterdir():
            content = file.read_bytes().lower()
            assert [form for form in on_the_way if form in content] == []


def test_log_and_ledger_hold_no_identifier(desks: tuple[Desk, Desk, Wire]) -> None:
    for desk in desks[:2]:
        dump = desk.dumped("--table=ledger_*")
        logs = b"".join(
            path.read_bytes() for path in [*(desk.server.home / "log").rglob("*"), desk.server.home / "out.txt"]
            if path.is_file()
        )  # fmt: skip
        for value in (*COMMON, *ALONE[desk.name]):
            for form in forms_of(value):
                assert form not in dump.lower(), desk.name
                assert form not in logs.lower(), desk.name


def package_of(north: Desk, folder: Path, key: pyrage.x25519.Recipient) -> Path:
    """Let the northern desk send what belongs to Belgium, and return the file."""
    ran = north.server.command
    ran("distribution", "add", "BE-DESK", "--name", "South", "--country", "BE", "--key", str(key))
    north.instruct("BE-DESK", "DISTRIBUTION")
    person = {"role": "SUSPECT", "country": "BE", "emails": ["abroad@mail.example"]}
    report = {"reference": "north-abroad", "kind": "GROOMING", "persons": [person]}
    assert north.server.json("POST", "/reports", north.partner, report).status == 201
    north.finish_stages()
    ran("distribution", "send", "--out", str(folder / "out"))
    [package] = (folder / "out" / "BE-DESK").iterdir()
    return package


def test_packages_are_believed_by_their_signature(
    desks: tuple[Desk, Desk, Wire], tmp_path: Path
) -> None:
    north, south, _ = desks
    ours, third = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    package = package_of(north, tmp_path, ours.to_public())
    for name, identity in (("ours", ours), ("third", third)):
        (tmp_path / name).write_text(f"# made for a test\n{identity}\n")
    where = ["--key", str(tmp_path / "ours"), "--out", str(tmp_path / "in")]

    def refused(*arguments: str) -> str:
        done = south.server.command("distribution", *arguments, "--lang", "en", check=False)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "in").exists()
        return done.stderr

    def forged(name: str, plain: bytes, to: pyrage.x25519.Identity = ours) -> str:
        (tmp_path / name).write_bytes(pyrage.encrypt(plain, [to.to_public()]))
        return str(tmp_path / name)

    told = json.loads(north.server.command("distribution", "key").stdout)
    assert told["key"] == north.key
    unknown = refused("open", str(package), *where)
    assert told["fingerprint"][:5] in unknown
    assert told["fingerprint"] not in unknown
    wrong = "0" + told["fingerprint"][1:] if told["fingerprint"][0] != "0" else "1" * 40
    known = ["sender", "add", "N-DESK", "--key", told["key"], "--fingerprint"]
    assert "call the desk again" in refused(*known, wrong)
    south.server.command("distribution", *known, told["fingerprint"])

    sealed = package.read_bytes()
    plain = pyrage.decrypt(sealed, [ours])
    cut, passed_on = tmp_path / "cut", forged("passed-on", plain, third)
    cut.write_bytes(sealed[:-100])
    assert "damaged" in refused("open", str(cut), *where)
    assert "does not fit" in refused(
        "open", forged("turned", plain[:-9] + b"x" + plain[-8:]), *where
    )
    nobodys = forged("nobodys", plain[proof.HEAD :])
    assert "signed by nobody" in refused("open", nobodys, *where)
    elsewhere = ["--key", str(tmp_path / "third"), "--out", str(tmp_path / "in")]
    assert "sealed again" in refused("open", passed_on, *elsewhere)

    opened = json.loads(south.server.command("distribution", "open", str(package), *where).stdout)
    assert (opened["sender"], opened["reports"]) == ("N-DESK", 1)
    lines, answer = sorted((tmp_path / "in").iterdir(), key=lambda path: len(path.name))
    again = south.server.command("distribution", "open", str(package), *where, check=False)
    assert (again.returncode, "déjà été ouvert" in again.stderr) == (2, True)
    assert b"abroad@mail.example" in lines.read_bytes()
    south.server.command("import", "jsonl", str(lines), "--partner", "N-DESK")

    told = json.loads(south.server.command("distribution", "key").stdout)
    north.server.command(
        "distribution", "sender", "add", "BE-DESK", "--key", told["key"], "--fingerprint",
        told["fingerprint"],
    )  # fmt: skip
    whole = answer.read_bytes()
    answer.write_bytes(whole.replace(b'"reports":1', b'"reports":2'))
    bad = north.server.command("distribution", "acknowledge", str(answer), check=False)
    assert (bad.returncode, "signature" in bad.stderr) == (2, True)
    answer.write_bytes(whole)
    done = json.loads(north.server.command("distribution", "acknowledge", str(answer)).stdout)
    assert done == {"package": opened["package"], "reports": 1}

    keys_change(north, south, json.loads(north.server.command("distribution", "key").stdout))
    stolen = south.server.command(
        "distribution", "open", str(package), *where, "--again", "--lang", "en", check=False
    )
    assert (stolen.returncode, "was revoked on" in stolen.stderr) == (2, True)
    asked = south.server.command("distribution", "open", nobodys, *where, "--unproven")
    assert json.loads(asked.stdout)["sender"] is None
    taken = south.server.lines("distribution", "taken")
    assert [(line["package"], line["sender"]) for line in taken] == [
        (opened["package"], None),
        (opened["package"], "N-DESK"),
    ]


def keys_change(north: Desk, south: Desk, before: dict[str, str]) -> None:
    """Let the northern desk sign with another key, and the southern one revoke the key before."""
    turned = json.loads(north.server.command("distribution", "key", "--rotate").stdout)
    assert turned["key"] != before["key"]
    south.server.command(
        "distribution", "sender", "rotate", "N-DESK", "--key", turned["key"],
        "--fingerprint", turned["fingerprint"], "--since", turned["since"],
    )  # fmt: skip
    south.server.command(
        "distribution", "sender", "revoke", "N-DESK", "--fingerprint", before["fingerprint"]
    )
    old, new = south.server.lines("distribution", "sender", "list")
    assert (old["key"], old["until"], new["key"]) == (before["key"], turned["since"], turned["key"])
    assert (old["revoked_at"] is None, new["revoked_at"], new["until"]) == (False, None, None)
