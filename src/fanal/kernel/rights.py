"""Access control for the packages below `accounts`, which cannot import the policy.

The policy is a function that `config` installs once in each process (dependency inversion). Until then
everything is refused.
"""

from collections.abc import Callable
from typing import Final

from fanal.kernel.actors import Actor

Question = Callable[[Actor, str], None]
"""A function that raises unless the policy permits the action to the actor on at least one object."""

_installed: Final[list[Question]] = []


class PolicyMissing(Exception):
    """Error: no policy of access control is installed in this process, so that nothing is permitted."""


def install(question: Question) -> None:
    """Install the policy of this process: `question(actor, action)` raises if the policy refuses."""
    _installed[:] = [question]


def require(actor: Actor, action: str) -> None:
    """Check that the actor may do `action` (a code such as `report.read`) on at least one object.

    Whether the actor may do it on a particular object is checked by the caller.

    Raises:
        PolicyMissing: no policy is installed.
        Exception: the policy refuses (`accounts.domain.policy.Refused`).
    """
    if not _installed:
        raise PolicyMissing(action)
    _installed[0](actor, action)
