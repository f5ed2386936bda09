"""Three reports of the same file about the same account, as one job at the desk."""

from tests.integration.desk.story import Desk, add_reports, hashed, suspect

BODY: dict[str, object] = {
    "kind": "ABUSE_MATERIAL",
    "channel": "SOCIAL",
    "platform": "Arcadia",
    "files": [{"name": "carre-rouge", **hashed("square"), "pdq": "5a" * 32}],
    "persons": [suspect("merle_9")],
    "description": "Un fichier signalé.",
}


def with_address(value: str, at: str) -> dict[str, object]:
    """The same report with an address of the account and other words."""
    ips = [{"value": value, "port": 40112, "at": at}]
    return BODY | {
        "persons": [suspect("merle_9") | {"ips": ips}],
        "description": f"Le même fichier, vu depuis {value}.",
    }


def add_folded(desk: Desk) -> None:
    """Receive the three: `first` is shown for `second` and `third`, each of which adds an address."""
    add_reports(
        desk,
        (
            ("first", 30, BODY),
            ("second", 20, with_address("198.51.100.4", "2026-11-20T10:00:00Z")),
            ("third", 10, with_address("203.0.113.77", "2026-11-21T10:00:00Z")),
        ),
    )
