"""What the desk shows of a report that a client filed."""

from typing import Any

from tests.live import Live, wait_for


def show(server: Live, number: int) -> dict[str, Any]:
    """Return the report once it went through every stage."""
    found: list[dict[str, Any]] = []

    def done() -> bool:
        found[:] = server.lines("report", "show", str(number))
        return found[0]["stage"] == "DONE"

    assert wait_for(done, seconds=180, beat=1), found
    return found[0]
