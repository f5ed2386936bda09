"""What `fanal doctor` says of the calls for a child in danger, and of the process that sends them."""

from collections.abc import Iterator

import psycopg

from fanal.cli.finding import Finding, fine, note, problem

_SILENCE = 30
_LATE = 30
_ALIVE = """
SELECT (SELECT extract(epoch FROM now() - max(seen_at))::integer FROM orient_caller),
    EXISTS (SELECT FROM procrastinate_workers WHERE last_heartbeat > now() - interval '60 seconds')
"""
_WAITING = """
SELECT count(*) FILTER (WHERE outcome IS NULL AND queued_at < now() - make_interval(secs => %(late)s)),
    count(*) FILTER (WHERE outcome = 'GIVEN_UP'), count(*) FILTER (WHERE outcome = 'LEFT'),
    max(failure) FILTER (WHERE outcome IS NULL)
FROM orient_call c
WHERE EXISTS (SELECT FROM orient_alarm a WHERE a.id = c.alarm_id AND a.acknowledged_at IS NULL)
"""


def look_at_outbox(
    connection: psycopg.Connection[tuple[object, ...]], *, demo: bool
) -> Iterator[Finding]:
    """Yield what keeps calls from going out; `connection` is one that sees the alarms of every desk.

    In a demo no mail leaves the machine: what lies in the folder is no fault there.
    """
    row = connection.execute(_WAITING, {"late": _LATE}).fetchone()
    late, given_up, left, failure = row or (0, 0, 0, None)
    if late:
        why = f" (last failure: {failure})" if failure else ""
        yield problem(f"{late} calls for a child in danger were not delivered yet{why}")
    if given_up:
        yield problem(
            f"{given_up} calls for a child in danger were given up: their alarms wait at the desk"
        )
    if left and not demo:
        yield problem(
            f"{left} calls for a child in danger were left in FANAL_HOME/mail: nobody was called"
        )
    if not (late or given_up or left):
        yield fine("no call for a child in danger waits")


def look_at_caller(connection: psycopg.Connection[tuple[object, ...]]) -> Finding:
    """Return whether the process that calls is alive: a fault where the worker runs, else a note."""
    seen, running = connection.execute(_ALIVE).fetchone() or (None, False)
    if isinstance(seen, int) and seen <= _SILENCE:
        return fine("the process that calls for a child in danger is alive")
    last = f"; it was last seen {seen} s ago" if isinstance(seen, int) else ""
    text = f"nothing calls for a child in danger{last}: 'fanal run' and 'fanal calls' start it"
    return problem(text) if running else note(text)
