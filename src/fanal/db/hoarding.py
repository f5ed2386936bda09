"""Ends what keeps everybody out of PostgreSQL: sessions of public nodes that hoard locks.

Locks lie in memory that all sessions share, and no right bounds how many a session holds: nested savepoints,
each with a number of its own, fill it in seconds; then nobody connects, and no deposit is taken. The sessions
of nodes that hold more than their part, once nodes together hold a quarter, are ended; a deposit holds ten.
"""

import logging

from django.db import connection

log = logging.getLogger("fanal.db")


def end_hoarding() -> int:
    """End such sessions; return how many. It takes no lock of its own that needs a place in that memory.

    Raises:
        DatabaseError: among others, where the owner's role may end no sessions (`fanal doctor` says so).
        InterfaceError: the database is away.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT fanal_end_hoarding()")
        row = cursor.fetchone()
    if ended := int(row[0]):
        log.error("%d sessions of public nodes hoarded locks and were ended", ended)
    return ended
