"""Rights for the packages below `accounts`: they ask a callable that `accounts` hands in, and decide nothing.

Wiring installs the policy once for each process. Without one everything is refused.
"""

from collections.abc import Callable
from typing import Final

from fanal.kernel.actors import Actor

Question = Callable[[Actor, str], None]
"""Raises unless the policy opens an action to an actor on some object."""

_installed: Final[list[Question]] = []


class PolicyMissing(Exception):
    """Nobody installed a policy in this process."""


def install(question: Question) -> None:
    """Make `question` that of this process, in place of any before."""
    _installed[:] = [question]


def require(actor: Actor, action: str) -> None:
    """Refuse an actor to whom the policy opens `action` nowhere; callers above asked about the object.

    Raises:
        PolicyMissing: no policy is installed.
        Exception: the policy refuses (`accounts.domain.policy.Refused`).
    """
    if not _installed:
        raise PolicyMissing(action)
    _installed[0](actor, action)
