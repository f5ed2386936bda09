"""Sources that feed the list `mirror`, servers that answer for them, and what the list then holds."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from fanal.analyse.material.domain.lists import Sharing
from fanal.analyse.material.queries.lists import find_list
from fanal.exchange import queries
from fanal.exchange.domain.records import ListSource, Service
from fanal.exchange.operations.sources import add_source
from fanal.kernel import clock
from fanal.kernel.ids import new_id
from fanal.worker import list_jobs
from tests.integration.exchange.sharing import SYSTEM, make_list, md5

XML, JSON = "application/xml", "application/taxii+json;version=2.1"
GOOD = f"<image><member id='1'>a</member><id>x</id><fingerprints><md5>{md5(1)}</md5></fingerprints></image>"
PAGE = "<queryResult><images>{}</images><paging><next>{}</next></paging></queryResult>"
INDICATOR = {
    "type": "indicator", "id": "indicator--1", "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
    "pattern_type": "stix", "pattern": f"[file:hashes.MD5 = '{md5(1)}']",
}  # fmt: skip


def add(
    kind: Service, url: str, *, collection: str = "", secret: str = "", login: str = ""
) -> ListSource:
    """Add a source that feeds the list `mirror`."""
    now = clock.now()
    source = ListSource(
        id=new_id(now),
        name=f"source {kind}",
        kind=kind,
        url=url,
        list_id=make_list("mirror", sharing=Sharing.DESK, legal_basis=""),
        collection=collection,
        login=login,
        added_at=now,
    )
    add_source(actor=SYSTEM, source=source, secret=secret, loopback=True, now=now)
    found = queries.find_source(actor=SYSTEM, name=source.name)
    assert found is not None
    return found


def held(name: str) -> dict[str, str]:
    """Return value and class of what a list holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.value, e.classification FROM analyse_entry e JOIN analyse_list l ON l.id = e.list_id"
            " WHERE l.name = %s AND e.withdrawn_at IS NULL",
            [name],
        )
        rows = cursor.fetchall()
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def other(url: str, name: str) -> ListSource:
    """Add a source that feeds the same list."""
    now = clock.now()
    list_id = find_list(name="mirror").id
    made = ListSource(
        id=new_id(now), name=name, kind=Service.HASHSHARING, url=url, list_id=list_id, added_at=now
    )
    add_source(actor=SYSTEM, source=made, loopback=True, now=now)
    return made


@contextmanager
def serving(
    body: bytes | Callable[[str], bytes], kind: str, status: int = 200, *, added: str = ""
) -> Iterator[str]:
    """Serve the same answer to everything, or what `body` makes of a path: 404 where that is empty."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = body(self.path) if callable(body) else body
            self.send_response(404 if callable(body) and not said else status)
            self.send_header("Content-Type", kind)
            if added:
                self.send_header("X-TAXII-Date-Added-Last", added)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def fetch_due() -> int:
    """Give each source that is due its turn, one after the other; return how many."""
    due = list_jobs.due_sources(actor=SYSTEM)
    for source in due:
        list_jobs.fetch_turn(actor=SYSTEM, source=source, quick=False)
    return len(due)
