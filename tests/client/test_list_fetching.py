"""Fanal fetches from a running Fanal, over both protocols: whole, again, and after it was killed.

The installation serves a list and, as its own partner, feeds another one from it: the commands, the wire and
the database are the real ones.
"""

import json
import os
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from fanal.connectors import hashsharing
from fanal.postgres import Cluster
from tests.client.sharing import COUNT, change, row
from tests.live import Live

pytestmark = pytest.mark.serial
KINDS = {"HASHSHARING": "/hashsharing", "TAXII": "/taxii2/lists"}
Ask = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def ask(server: Live) -> Iterator[Ask]:
    """Return a function that asks which values in force a list holds, and in how many rows ever."""
    url = Cluster.open(home=server.home, environ=os.environ).admin_url("fanal")
    query = (
        "SELECT e.kind, e.value FROM analyse_entry e JOIN analyse_list l ON l.id = e.list_id"
        " WHERE l.name = %s ORDER BY 1, 2"
    )
    with psycopg.connect(url, autocommit=True) as look:
        yield lambda name: look.execute(query, [name]).fetchall()


@pytest.fixture(scope="module")
def sources(server: Live, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A list of the installation's own, and one that each protocol feeds from it."""
    partner = server.add_partner("Fetches lists")
    secret = tmp_path_factory.mktemp("secret") / "secret"
    secret.write_text(partner.password + "\n")
    rows = [row(10_000 + number) for number in range(COUNT)]
    change(
        server,
        kinds=["LIST_SERVICE", "LIST_FETCH"],
        lists={"quay": rows},
        sources={
            kind: {
                "url": f"http://127.0.0.1:{server.port}{path}",
                "login": partner.user,
                "secret_file": str(secret),
                "collection": "quay" if kind == "TAXII" else "",
            }
            for kind, path in KINDS.items()
        },
    )
    time.sleep(hashsharing.MARGIN.total_seconds() + 1)  # what is newer belongs to the next range


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_fetch_that_is_killed_goes_on_where_it_was(
    server: Live, sources: None, ask: Ask, kind: str
) -> None:
    """Killed with a page written and not committed, then with one committed: nothing is lost or doubled."""
    for point in ("fetch.stored:2", "fetch.committed:1"):
        killed = Live(home=server.home, port=server.port, more={"FANAL_FAILPOINT": f"{point}:kill"})
        assert killed.command("lists", "fetch", kind, check=False).returncode == -9
    quay, name = ask("quay"), f"from {kind}"
    assert 0 < len(ask(name)) < len(quay)
    done = json.loads(server.command("lists", "fetch", kind).stdout)
    assert (done["error"], done["withdrawn"]) == ("", 0)
    assert [pair for pair in ask(name) if pair in set(quay)] == quay
    assert len(set(ask(name))) == len(ask(name))
