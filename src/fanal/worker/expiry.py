"""Expiry across the stages (decisions 24): what is due by its retention class and held by nobody is erased.

Due dates are pure functions of stored instants: a run that was missed is made up by the next one, and a
run after `fanal restore` erases again what a backup brought back.
"""

from datetime import datetime

from fanal import reference
from fanal.kernel.actors import Actor
from fanal.worker.erasers import ERASERS, check_erasers, horizon


def expire(*, actor: Actor, now: datetime) -> dict[str, int]:
    """Erase everything that is due at `now`, and return how much by eraser; legal holds beat expiry.

    Raises:
        LookupError: a retention class has no eraser, or is not in force.
    """
    check_erasers(reference.load())
    return {
        eraser.name: eraser.erase(actor, now, horizon(eraser, now))
        for eraser in ERASERS
        if eraser.erase is not None
    }
