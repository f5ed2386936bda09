"""What the public pages need of this node, handed down once by `config/wiring.py`."""

import hmac
from dataclasses import dataclass, field
from pathlib import Path

from fanal.web.public.keys import DraftKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicNode:
    """The keys of this node and the desk's choice about the reporter's address.

    `proof_secret` signs challenges; every process of the node has the same.
    """

    draft_keys: DraftKeys
    proof_secret: bytes = field(repr=False)
    keep_address: bool = False

    @classmethod
    def under(cls, folder: Path, *, secret: str, keep_address: bool) -> "PublicNode":
        """Return the node whose draft keys live in `folder`; `secret` is the node's own secret key."""
        return cls(
            draft_keys=DraftKeys(folder / "drafts.json"),
            proof_secret=hmac.digest(secret.encode(), b"fanal/public/proof/v1", "sha256"),
            keep_address=keep_address,
        )


_installed: list[PublicNode] = []


class NotInstalled(RuntimeError):
    """The public pages were reached before wiring."""


def install(node: PublicNode) -> None:
    """Make `node` that of this process, in place of any before."""
    _installed[:] = [node]


def current() -> PublicNode:
    """Return what wiring installed.

    Raises:
        NotInstalled: nothing yet.
    """
    if not _installed:
        raise NotInstalled("wiring has not set up the public pages")
    return _installed[0]
