"""A round over a counterpart's service that is slow, away, or refuses; the other side shares no code."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from fanal.connectors import outside
from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import Counterpart, NewCounterpart, RoundState
from fanal.deconfliction.operations.counterparts import add_counterpart
from fanal.kernel import clock
from fanal.worker import deconfliction_rounds
from tests.deconfliction_peer import Peer
from tests.integration.deconfliction.world import SYSTEM, holding, peer, rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
BOTH = "both@mail.example"


@dataclass
class Service:
    """What the other side's service was asked, and how it is to answer."""

    other: Peer
    state: str = "RECEIVED"
    fails: int = 0
    asked: list[str] = field(default_factory=list)
    authorization: set[str] = field(default_factory=set)
    offer: bytes = b""
    conclusion: bytes = b""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the service of the server's `service` does now."""

    def do_GET(self) -> None:
        service = self.server.service
        service.asked.append(f"GET {self.path.rpartition('/')[2]}")
        service.authorization.add(self.headers["Authorization"])
        if not service.offer:
            self.say(404, b"{}")
        elif self.path.endswith("/answer"):
            self.say(200, service.other.answer(service.offer))
        else:
            self.told()

    def do_POST(self) -> None:
        service = self.server.service
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service.asked.append(f"POST {self.path.rpartition('/')[2]}")
        if service.fails:
            service.fails -= 1
            self.say(503, b"{}")
            return
        if self.path.endswith("/conclusion"):
            service.conclusion = body
        else:
            service.offer = body
        self.told()

    def told(self) -> None:
        number = json.loads(self.server.service.offer)["message"]["round"]
        self.say(200, json.dumps({"round": number, "state": self.server.service.state}).encode())

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        return


@contextlib.contextmanager
def serving(service: Service) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.service = service
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/deconfliction"
        server.shutdown()
        thread.join()


@pytest.fixture
def service() -> Iterator[tuple[Service, Counterpart]]:
    """A counterpart with a service on this machine, and a report that holds what it holds."""
    from fanal.accounts.domain.instructions import InstructionKind
    from tests.integration.exchange.sharing import instruct

    holding("r-1", BOTH)
    found = Service(peer(BOTH))
    with serving(found) as url:
        add_counterpart(
            actor=SYSTEM,
            counterpart=NewCounterpart(
                name=found.other.name, our_name=found.other.fanal_name, contact="Duty", url=url,
                public_key=found.other.public, login="north",
            ),
            secret="canary-secret",
            loopback=True,
            now=clock.now(),
        )  # fmt: skip
        instruct(InstructionKind.DECONFLICTION)
        known = queries.find_counterpart(name=found.other.name)
        assert known is not None
        outside.install(outside.Door(loopback=True, seconds=20))
        yield found, known
    outside.install(outside.Door())


def stopped(counterpart: Counterpart) -> str:
    with pytest.raises(deconfliction_rounds.RoundStopped) as caught:
        deconfliction_rounds.run(actor=SYSTEM, counterpart=counterpart)
    return caught.value.code


def test_an_answer_is_waited_for_and_nothing_is_sent_twice(
    service: tuple[Service, Counterpart],
) -> None:
    there, counterpart = service
    assert [stopped(counterpart) for _ in range(3)] == ["WAITING"] * 3
    assert there.asked.count("POST rounds") == 1
    assert deconfliction_rounds.run_due(actor=SYSTEM) == 1
    there.state, there.fails = "ANSWERED", 1
    assert stopped(counterpart) == "BUSY"  # the conclusion did not arrive
    assert len(queries.list_hits(actor=SYSTEM)) == 1
    round_id = deconfliction_rounds.run(actor=SYSTEM, counterpart=counterpart)
    assert [value for _, value in there.other.concluded(there.conclusion)] == [BOTH]
    assert (there.asked.count("POST rounds"), there.asked.count("GET answer")) == (1, 1)
    found = queries.get_round(actor=SYSTEM, round_id=round_id)
    assert found is not None
    assert found.state is RoundState.CONCLUDED
    assert deconfliction_rounds.run_due(actor=SYSTEM) == 0  # the next is due in a day
    assert len(there.authorization) == 1
    assert there.authorization.pop().startswith("Basic ")
    assert "canary-secret" not in str(rows("SELECT c::text FROM deconfliction_counterpart c"))


@pytest.mark.parametrize("state", ["REFUSED", "EXPIRED"])
def test_a_round_that_the_other_side_ended_is_ended_here(
    service: tuple[Service, Counterpart], state: str
) -> None:
    there, counterpart = service
    assert stopped(counterpart) == "WAITING"
    there.state = state
    assert stopped(counterpart) == "THEIRS"
    [found] = queries.list_rounds(actor=SYSTEM)
    assert (found.state, found.error) == (RoundState.REFUSED, "THEIRS")
    there.state, there.offer = "ANSWERED", b""
    assert deconfliction_rounds.run(actor=SYSTEM, counterpart=counterpart) != found.id


def test_a_service_that_is_none_changes_nothing(service: tuple[Service, Counterpart]) -> None:
    there, counterpart = service
    there.fails = 1
    assert stopped(counterpart) == "BUSY"
    outside.install(outside.Door())
    assert stopped(counterpart) == "NOT_HTTPS"
    [found] = queries.list_rounds(actor=SYSTEM)
    assert found.state is RoundState.OFFERED


def test_nothing_is_asked_without_an_instruction(service: tuple[Service, Counterpart]) -> None:
    from tests.integration.deconfliction.rounds import revoke_all

    there, counterpart = service
    revoke_all()
    assert stopped(counterpart) == "NO_INSTRUCTION"
    assert deconfliction_rounds.run_due(actor=SYSTEM) == 0
    assert there.asked == []
