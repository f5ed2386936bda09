"""Two whole installations de-conflict, by files and over the API; kills in the middle; canaries everywhere.

Each desk holds identifiers of its own, which are canaries at the other, and one that both hold. Afterwards
every byte that one desk wrote (files and dump of its database, logs, messages, what went over the wire) is
searched for the other's canaries, as they are, in hexadecimal, in base64 and as plain hashes.
"""

import contextlib
import hashlib
import http.client
import http.server
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fanal.postgres import Cluster
from tests.canary.test_canary import blocks_of, needles
from tests.live import FANAL, Live, Partner, live, wait_for

pytestmark = pytest.mark.serial
COMMON = ("canary-common-5d1f@mail.example", "+33639980177")
ALONE = {
    "north": ("canary-north-77aa@mail.example", "canary-north-victim@mail.example", "+33639980111"),
    "south": ("canary-south-b1c2@mail.example", "canary-south-hidden@mail.example", "+33639980222"),
}


@dataclass
class Wire:
    """A relay before a desk that keeps every byte in both directions."""

    port: int = 0
    to: int = 0
    heard: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def listening(to: int) -> Iterator[Wire]:
    wire = Wire(to=to)

    class Relay(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.relay()

        def do_POST(self) -> None:
            self.relay()

        def relay(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            passed = {
                k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection"}
            }
            wire.heard.append(f"{self.command} {self.path} {passed}".encode() + body)
            with contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", wire.to, timeout=60)
            ) as on:
                on.request(self.command, self.path, body=body or None, headers=passed)
                answer = on.getresponse()
                came = answer.read()
                wire.heard.append(str(answer.getheaders()).encode() + came)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.getheader("Content-Type") or "text/plain")
                self.send_header("Content-Length", str(len(came)))
                self.end_headers()
                self.wfile.write(came)

        def log_message(self, *_args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
        wire.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield wire
        server.shutdown()
        thread.join()


@dataclass
class Desk:
    """An installation under its name, with the partner access that it gave the other one."""

    name: str
    server: Live
    partner: Partner
    key: str

    def command(
        self, *arguments: str, check: bool = True, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `fanal deconflict …` here."""
        done = subprocess.run(
            [*FANAL, "deconflict", *arguments],
            env=self.server.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done

    def file(self, person: dict[str, object], reference: str) -> None:
        """Hand in a report about a person, and wait until it has passed every stage."""
        answer = self.server.json(
            "POST",
            "/reports",
            self.partner,
            {"reference": reference, "kind": "GROOMING", "persons": [person]},
        )
        assert answer.status == 201, answer

    def hits(self) -> list[dict[str, object]]:
        return self.server.lines("deconflict", "hits")

    def rounds(self) -> list[dict[str, object]]:
        return self.server.lines("deconflict", "rounds")


def fill(desk: Desk) -> None:
    """Give a desk what it holds alone, and what both hold."""
    mail, hidden, phone = ALONE[desk.name]
    role = "VICTIM" if desk.name == "north" else "SUSPECT"
    desk.file({"role": "SUSPECT", "emails": [COMMON[0]], "phones": [COMMON[1]]}, f"{desk.name}-1")
    desk.file({"role": "SUSPECT", "emails": [mail], "phones": [phone]}, f"{desk.name}-2")
    desk.file({"role": role, "emails": [hidden]}, f"{desk.name}-3")
    assert wait_for(
        lambda: [r["stage"] for r in desk.server.lines("report", "list")] == ["DONE"] * 3, beat=1
    )


def instruct(desk: Desk, name: str) -> None:
    """Let two supervisors instruct rounds with the counterpart."""
    desk.server.command("demo", "accounts", "--json")
    second = desk.server.home.parent / "second.py"
    second.write_text(SECOND)
    made = desk.server.lines(
        "instructions", "propose", "DECONFLICTION", "--as", "claire", "--grounds", "Test.",
        "--basis", "BASIS 1", "--name", name, "--until", "2027-06-01",
    )  # fmt: skip
    done = subprocess.run(
        [FANAL[0], str(second)],
        env=desk.server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    desk.server.command("instructions", "second", str(made[0]["id"]), "--as", "second", "--json")


SECOND = """
from datetime import timedelta
from fanal.cli.boot import django_as
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.postgres import DatabaseRole

with django_as(DatabaseRole.APP):
    from fanal.accounts import operations
    from fanal.accounts.domain.records import NewAccount, NewHabilitation

    now, actor = clock.now(), system_actor("test")
    user = operations.create_account(
        actor=actor, account=NewAccount(username="second", name="Second"), now=now
    )
    operations.grant_habilitation(
        actor=actor,
        habilitation=NewHabilitation(
            person_id=user.person_id, role=Role.SUPERVISOR, desk_id=1, act_reference="TEST",
            valid_from=now, valid_until=now + timedelta(days=30),
        ),
        now=now,
    )
"""


@pytest.fixture(scope="module")
def desks() -> Iterator[tuple[Desk, Desk, Wire]]:
    """Two installations that know each other; the wire to the southern one is listened to."""
    with live() as north_server, live() as south_server, listening(south_server.port) as wire:
        pair = []
        for name, server in (("north", north_server), ("south", south_server)):
            [told] = [json.loads(server.command("deconflict", "key").stdout)]
            pair.append(Desk(name, server, server.add_partner(f"partner of {name}"), told["key"]))
        north, south = pair
        for desk, other in ((north, south), (south, north)):
            more = (
                ["--url", f"http://127.0.0.1:{wire.port}/api/deconfliction", "--login", other.partner.user, "--secret-stdin"]
                if desk is north
                else ["--partner", desk.partner.partner]
            )  # fmt: skip
            done = subprocess.run(
                [
                    *FANAL, "deconflict", "counterpart", "add", other.name, "--our-name", desk.name,
                    "--key", other.key, "--contact", f"duty of {other.name}", "--every", "744", *more,
                ],
                env=desk.server.environment(),
                input=other.partner.password + "\n",
                capture_output=True,
                text=True,
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            desk.server.command(
                "deconflict", "counterpart", "limit", other.name, "--kind", "EMAIL", "--kind", "PHONE",
                "--role", "SUSPECT", "--months", "12",
            )  # fmt: skip
            fill(desk)
        instruct(south, "north")
        yield north, south, wire


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
    instruct(north, "south")


def test_by_files(desks: tuple[Desk, Desk, Wire], tmp_path: Path) -> None:
    """The worker may have begun a round over the wire by itself: the one by files is then the southern's."""
    north, south, _ = desks
    offer, answer, conclusion = (str(tmp_path / name) for name in ("offer", "answer", "conclusion"))
    killed_then_done(south, "offer", "north", "--out", offer)
    killed_then_done(north, "answer", offer, "--out", answer)
    first = Path(answer).read_bytes()
    north.command("answer", offer, "--out", answer)
    assert Path(answer).read_bytes() == first
    killed_then_done(south, "conclude", answer, "--out", conclusion)
    assert killed_then_done(north, "take", conclusion)["met"] == 2
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


def killed_then_done(desk: Desk, *arguments: str) -> dict[str, object]:
    """Kill a step before and after its commit, then make it: nothing is lost, nothing is there twice."""
    for point in ("deconflict.stored", "deconflict.committed"):
        died = desk.command(*arguments, check=False, FANAL_FAILPOINT=f"{point}:1:kill")
        assert died.returncode == -signal.SIGKILL, (point, arguments, died)
    return json.loads(desk.command(*arguments).stdout)


def keep(folder: Path, desk: Desk) -> None:
    """Keep the messages for the search for canaries."""
    kept = desk.server.home.parent / "messages"
    kept.mkdir(exist_ok=True)
    for file in folder.iterdir():
        (kept / file.name).write_bytes(file.read_bytes())


def test_over_the_api(desks: tuple[Desk, Desk, Wire]) -> None:
    """The northern worker begins by itself; the command goes on with the same round, and the southern answers."""
    north, south, wire = desks

    def concluded() -> bool:
        return north.command("run", "south", check=False).returncode == 0

    assert wait_for(concluded, seconds=200, beat=5)
    assert wait_for(
        lambda: (
            not [
                r for r in south.rounds() if r["side"] == "ANSWERING" and r["state"] != "CONCLUDED"
            ]
        ),
        seconds=150,
        beat=5,
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


def forms_of(value: str) -> list[bytes]:
    """Return an identifier in every form that would tell it: as written, and under plain hashes."""
    kind = "PHONE" if value.startswith("+") else "EMAIL"
    texts = [value, f"{kind}|{value}"]
    digests = [
        new(text.encode()).digest()
        for text in texts
        for new in (hashlib.md5, hashlib.sha1, hashlib.sha256)
    ]
    found = [digest[:16] for digest in digests] + digests
    raw = set(found) | {d.hex().encode() for d in found}
    key = found[-1][:16].hex()
    raw.add(f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}".encode())
    words = tuple([value, value.removeprefix("+")] if kind == "PHONE" else [value])
    return [*needles(words), *{r.lower() for r in raw}]


def test_no_byte_tells_what_one_desk_holds_alone(
    desks: tuple[Desk, Desk, Wire], tmp_path: Path
) -> None:
    north, south, wire = desks
    heard = b"\n".join(wire.heard).lower()
    assert len(heard) > 10_000
    everything = {desk.name: written_by(desk, tmp_path) for desk in (north, south)}
    own = sum(
        needle in block for block in everything["north"] for needle in forms_of(ALONE["north"][0])
    )
    assert own > 0, "the search finds what is there"
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


def test_log_and_ledger_hold_no_identifier(desks: tuple[Desk, Desk, Wire], tmp_path: Path) -> None:
    for desk in desks[:2]:
        dump = dumped(desk, tmp_path, "--table=ledger_*")
        logs = b"".join(
            path.read_bytes() for path in [*(desk.server.home / "log").rglob("*"), desk.server.home / "out.txt"]
            if path.is_file()
        )  # fmt: skip
        for value in (*COMMON, *ALONE[desk.name]):
            for form in forms_of(value):
                assert form not in dump.lower(), desk.name
                assert form not in logs.lower(), desk.name


def dumped(desk: Desk, folder: Path, *options: str) -> bytes:
    cluster = Cluster.open(home=desk.server.home, environ=os.environ)
    done = subprocess.run(
        [
            cluster.binaries.program("pg_dump"),
            "--inserts",
            *options,
            "--dbname",
            cluster.admin_url("fanal"),
        ],
        capture_output=True,
        check=True,
    )
    return done.stdout


def written_by(desk: Desk, folder: Path) -> list[bytes]:
    """Return the blocks of everything that a desk wrote: its folder, its cluster, a dump, unpacked."""
    cluster = Cluster.open(home=desk.server.home, environ=os.environ)
    place = folder / f"{desk.name}.sql"
    place.write_bytes(dumped(desk, folder))
    blocks = list(blocks_of(place))
    roots = {desk.server.home, cluster.place.root}
    for path in set().union(*(root.rglob("*") for root in roots)):
        if path.is_file():
            with contextlib.suppress(OSError):
                blocks.append(path.read_bytes().lower())
    return blocks
