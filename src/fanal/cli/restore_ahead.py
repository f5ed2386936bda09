"""What a restore does about the time since its backup: counters pass what was given, and sessions end.

Other parties hold numbers that the lost database gave after the backup. Given a second time, a report's
number would lead a provider's file to another report, and members of the exchange of lists, which read on
from the last place they know, would never learn of the changes at the repeated places, withdrawals of false
alarms among them. The numbers that people say (`R-2026-0042`) are given again: a decision of ADR 0080.
"""

from datetime import UTC, datetime
from typing import Final

from fanal.cli.restore_place import Owner

_LEAST: Final = 10_000
"""Numbers passed over even if the backup was made just now."""
_REPORTS: Final = 1
"""Report numbers of the NCMEC-compatible API that are passed over a second since the backup."""
_PLACES: Final = 1_000
"""Places of the feed of lists that are passed over a second since the backup: files of entries are large."""
_MOST_SECONDS: Final = 90_000_000
"""Seconds (near three years) that count: report numbers are 32-bit integers, and a clock may be wrong."""


def pass_given(owner: Owner) -> datetime:
    """Advance the counters past all that was given since the backup, and end all sessions of the web.

    Return the instant of the backup, in UTC: that of its last entry in the ledger. To be called by the owner
    of the database, once its tables are loaded; a second call advances further.

    Raises:
        LookupError: the ledger knows of no backup.
    """
    row = owner.execute(
        "SELECT max(at), least(greatest(extract(epoch FROM now() - max(at)), 0), %s)::bigint"
        " FROM ledger_entry WHERE action = 'backup.make'",
        (_MOST_SECONDS,),
    ).fetchone()
    made_at, seconds = row or (None, None)
    if not isinstance(made_at, datetime) or not isinstance(seconds, int):
        raise LookupError("the restored ledger has no entry of a backup")
    with owner.transaction():
        owner.execute(
            "SELECT setval('intake_wire_id_seq', greatest(s.last_value,"
            " (SELECT coalesce(max(wire_id), 1000000) FROM intake_wire) + %s)) FROM intake_wire_id_seq s",
            (_LEAST + _REPORTS * seconds,),
        )
        owner.execute("UPDATE exchange_clock SET seq = seq + %s", (_PLACES * (_LEAST + seconds),))
        # Some were ended since, and their cookies would open them again.
        owner.execute("DELETE FROM django_session")
    return made_at.astimezone(UTC)
