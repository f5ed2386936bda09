"""Access control for the packages below `accounts`, by an injected function (dependency inversion).

`wiring` installs the policy once in each process. Without a policy everything is refused.
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
    """Check that the actor may do `action` (a code such as `report.read`), at one desk at least.

    The caller checks the right to the object itself.

    Raises:
        PolicyMissing: no policy is installed.
        Exception: the policy refuses (`accounts.domain.policy.Refused`).
    """
    if not _installed:
        raise PolicyMissing(action)
    _installed[0](actor, action)
