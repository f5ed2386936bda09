"""A simulated person in a separate process, whose acts are timed; run by `fanal bench acts`.

An act is a form of the desk, posted through all middleware by a signed-in demo analyst, until the response:
session, permission, locks, rows, ledger entry and commit. Queries that find what to post are not timed. Some
report is always claimed from the first act on, as at a desk where several people work.
"""

import json
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import django

from fanal.kernel import clock

if TYPE_CHECKING:
    from django.test import Client

    from fanal.kernel.actors import Actor

TAKE, DECIDE, RETURN, JUDGE = "take", "decide", "give_back", "judge"
_PAUSE = 0.05
"""Seconds between two acts: with the acts themselves, several a second."""
_WORDS = "Bench: nothing to be done here."


class Person:
    """A signed-in test client, and the milliseconds of its acts by kind (`took`)."""

    def __init__(self, client: "Client", actor: "Actor") -> None:
        self._client, self._actor = client, actor
        self._endings = cycle((DECIDE, RETURN))
        self._answers = cycle(("REJECT", "ACCEPT"))
        self._given_back: set[UUID] = set()
        self._held: UUID | None = None
        self.took: dict[str, list[float]] = defaultdict(list)

    def work(self) -> bool:
        """Claim a report, judge one of its links, then decide or release the report claimed before.

        Returns False, without any act, if no report waits.
        """
        before, taken = self._held, self._next()
        if taken is None:
            return False
        self._post(TAKE, f"reports/{taken}/claim/", {})
        self._held = taken
        self._judge(taken)
        if before is not None:
            self._end(before)
        return True

    def _next(self) -> UUID | None:
        """Return the first report of the queue that this person neither holds nor has released.

        None if there is none.
        """
        from fanal.orient.domain.records import QueueFilter, QueueView
        from fanal.orient.queue.queries import list_queue

        page = list_queue(
            actor=self._actor,
            view=QueueView.OPEN,
            filters=QueueFilter(),
            now=clock.now(),
            limit=20 + len(self._given_back),
        )
        passed = {*self._given_back, self._held}
        return next((c.report_id for c in page.cases if c.report_id not in passed), None)

    def _judge(self, report_id: UUID) -> None:
        """Accept or reject, in turn, the strongest link of the claimed report; do nothing without a link."""
        from fanal.crosscheck.links.queries import links_of

        for link in links_of(actor=self._actor, report_id=report_id)[:1]:
            form = {"other": str(link.other_id), "answer": next(self._answers), "motive": _WORDS}
            self._post(JUDGE, f"reports/{report_id}/suggestion/", form)

    def _end(self, report_id: UUID) -> None:
        from fanal.orient import queries as oriented

        case = oriented.get_case(actor=self._actor, report_id=report_id)
        if case is None:
            raise RuntimeError(f"{report_id} is gone")
        form = {"token": str(case.claim_token)}
        if next(self._endings) == DECIDE:
            self._post(
                DECIDE, f"reports/{report_id}/decide/", form | {"way": "NONE", "reason": _WORDS}
            )
        else:
            self._post(RETURN, f"reports/{report_id}/release/", form)
            self._given_back.add(report_id)

    def _post(self, act: str, path: str, form: Mapping[str, str]) -> None:
        """Post a form to a path of the desk and record the response time under `act`.

        Raises:
            RuntimeError: the response is no redirect, or carries an error message.
        """
        from django.contrib.messages import SUCCESS, get_messages

        started = time.perf_counter()
        answer = self._client.post(f"/en/desk/{path}", form)
        self.took[act].append((time.perf_counter() - started) * 1000)
        said = list(get_messages(answer.wsgi_request))
        self._client.cookies.pop("messages", None)  # a page would have shown them
        if answer.status_code != 302 or any(message.level > SUCCESS for message in said):
            raise RuntimeError(f"{act}: {answer.status_code}, {[str(message) for message in said]}")
        time.sleep(_PAUSE)


def main(output: Path) -> None:
    """Act until SIGTERM, then write the times of each kind of act to `output` as JSON.

    The file exists from the sign-in on.
    """
    django.setup()
    from benchmarks.views import sign_in
    from fanal.accounts import row_scope
    from fanal.web.account.actors import actor_of

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    client, _ = sign_in()
    actor = actor_of(client.get("/en/desk/").wsgi_request)
    row_scope.show_to(actor)
    person = Person(client, actor)
    output.write_text("{}")
    while not stop.is_set():
        if not person.work():
            stop.wait(_PAUSE)
    output.write_text(json.dumps(person.took))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
