"""Two whole installations that know each other, a relay that keeps what passes, and what each wrote."""

import contextlib
import hashlib
import http.client
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg

from fanal.kernel import clock
from fanal.postgres import Cluster
from tests.canary.test_canary import blocks_of, needles
from tests.live import FANAL, Live, Partner, live, wait_for

COMMON = ("canary-common-5d1f@mail.example", "+33639980177")
ALONE = {
    "north": ("canary-north-77aa@mail.example", "canary-north-victim@mail.example", "+33639980111"),
    "south": ("canary-south-b1c2@mail.example", "canary-south-hidden@mail.example", "+33639980222"),
}
SCHEDULE = "fanal.worker.jobs.deconflict"


@dataclass
class Wire:
    """A relay before a desk that keeps every byte in both directions."""

    port: int = 0
    to: int = 0
    heard: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def listening(to: int) -> Iterator[Wire]:
    """Relay what comes on a port of our own to another one."""
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
        self, *arguments: str, check: bool = True, given: str = "", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `fanal deconflict …` here."""
        return self._run(*FANAL, "deconflict", *arguments, check=check, given=given, **more)

    def killed_then_done(self, *arguments: str) -> dict[str, object]:
        """Kill a step before and after its commit, then make it: nothing is lost, nothing is there twice."""
        for point in ("deconflict.stored", "deconflict.committed"):
            died = self.command(*arguments, check=False, FANAL_FAILPOINT=f"{point}:1:kill")
            assert died.returncode == -signal.SIGKILL, (point, arguments, died)
        done = json.loads(self.command(*arguments).stdout)
        assert isinstance(done, dict)
        return done

    def hits(self) -> list[dict[str, object]]:
        return self.server.lines("deconflict", "hits")

    def rounds(self) -> list[dict[str, object]]:
        return self.server.lines("deconflict", "rounds")

    def count(self, query: str) -> int:
        """Return one number of the database."""
        url = Cluster.open(home=self.server.home, environ=os.environ).admin_url("fanal")
        with psycopg.connect(url) as admin:
            [(found,)] = admin.execute(query.encode()).fetchall()
        return int(found)

    def work(self) -> None:
        """Let the worker look now at the rounds on their way: its minute is not waited for."""
        self.server.queue(SCHEDULE)

    @contextlib.contextmanager
    def left_alone(self) -> Iterator[None]:
        """Keep the worker from the rounds: what a killed command stored would be answered before it is done."""
        url = Cluster.open(home=self.server.home, environ=os.environ).admin_url("fanal")
        name = SCHEDULE.rpartition(".")[2]
        with psycopg.connect(url, autocommit=True) as admin:
            # one that is queued for later stands in the way of every minute's
            admin.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, scheduled_at)"
                " VALUES ('default', %s, %s, '{\"timestamp\": 0}', now() + interval '1 day')"
                " ON CONFLICT (queueing_lock) WHERE status = 'todo'"
                " DO UPDATE SET scheduled_at = EXCLUDED.scheduled_at",
                [SCHEDULE, name],
            )
            doing = (
                "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s AND status = 'doing'"
            )
            assert wait_for(lambda: admin.execute(doing, [SCHEDULE]).fetchone() == (0,))
            yield
            admin.execute(
                "DELETE FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'",
                [name],
            )

    def fill(self) -> None:
        """Give the desk what it holds alone, and what both hold; wait until all has passed every stage."""
        mail, hidden, phone = ALONE[self.name]
        role = "VICTIM" if self.name == "north" else "SUSPECT"
        for number, person in enumerate(
            (
                {"role": "SUSPECT", "emails": [COMMON[0]], "phones": [COMMON[1]]},
                {"role": "SUSPECT", "emails": [mail], "phones": [phone]},
                {"role": role, "emails": [hidden]},
            )
        ):
            report = {"reference": f"{self.name}-{number}", "kind": "GROOMING", "persons": [person]}
            answer = self.server.json("POST", "/reports", self.partner, report)
            assert answer.status == 201, answer
        self.finish_stages()
        assert self.count("SELECT count(*) FROM intake_report") == 3

    def finish_stages(self) -> None:
        """Wait until every report has passed every stage."""
        left = "SELECT count(*) FROM intake_work WHERE stage <> 'DONE'"
        assert wait_for(lambda: self.count(left) == 0)

    def add_people(self) -> None:
        """Give the desk two supervisors, `first` and `second`."""
        self._run(sys.executable, "-m", "tests.faults.add_people", PYTHONPATH="src:.")

    def instruct(self, name: str, kind: str = "DECONFLICTION") -> None:
        """Let two supervisors instruct rounds with the counterpart, or what else leaves for it."""
        [made] = self.server.lines(
            "instructions", "propose", kind, "--as", "first", "--grounds", "Test.",
            "--basis", "BASIS 1", "--name", name, "--until", f"{clock.now() + timedelta(days=90):%Y-%m-%d}",
        )  # fmt: skip
        self.server.command("instructions", "second", str(made["id"]), "--as", "second", "--json")

    def meet(self, other: "Desk", *more: str) -> None:
        """Take the other desk in as a counterpart, for what suspects write and call with."""
        self.command(
            "counterpart", "add", other.name, "--our-name", self.name, "--key", other.key,
            "--contact", f"duty of {other.name}", "--every", "744", *more,
            given=other.partner.password + "\n",
        )  # fmt: skip
        self.command(
            "counterpart", "limit", other.name, "--kind", "EMAIL", "--kind", "PHONE",
            "--role", "SUSPECT", "--months", "12",
        )  # fmt: skip

    def dumped(self, *options: str) -> bytes:
        """Return a dump of the database in statements."""
        cluster = Cluster.open(home=self.server.home, environ=os.environ)
        program = cluster.binaries.program("pg_dump")
        return subprocess.run(
            [program, "--inserts", *options, "--dbname", cluster.admin_url("fanal")],
            capture_output=True,
            check=True,
        ).stdout

    def written(self, folder: Path) -> list[bytes]:
        """Return the blocks of everything that was written: folder, cluster, a dump, unpacked."""
        cluster = Cluster.open(home=self.server.home, environ=os.environ)
        place = folder / f"{self.name}.sql"
        place.write_bytes(self.dumped())
        blocks = list(blocks_of(place))
        roots = {self.server.home, cluster.place.root}
        for path in set().union(*(root.rglob("*") for root in roots)):
            if path.is_file():
                with contextlib.suppress(OSError):
                    blocks.append(path.read_bytes().rstrip(b"\0").lower())
        return blocks

    def _run(
        self, *command: str, check: bool = True, given: str = "", **more: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env=self.server.environment(**more),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done


@contextlib.contextmanager
def two_desks() -> Iterator[tuple[Desk, Desk, Wire]]:
    """Serve a northern and a southern desk that know each other; the wire to the southern is listened to.

    The southern one's rounds are instructed, the northern one's are not.
    """
    with (
        live() as north_server,
        live(own_keys=True) as south_server,
        listening(south_server.port) as wire,
    ):
        pair = []
        for name, server in (("north", north_server), ("south", south_server)):
            told = json.loads(server.command("deconflict", "key").stdout)
            pair.append(Desk(name, server, server.add_partner(f"partner of {name}"), told["key"]))
        north, south = pair
        url = f"http://127.0.0.1:{wire.port}/api/deconfliction"
        north.meet(south, "--url", url, "--login", south.partner.user, "--secret-stdin")
        south.meet(north, "--partner", south.partner.partner)
        for desk in (north, south):
            desk.fill()
            desk.add_people()
        south.instruct("north")
        yield north, south, wire


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
