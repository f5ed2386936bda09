"""What the public pages need of this node, handed down once by `config/wiring.py`."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

from fanal.web.public.keys import DraftKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """The public key under which every receipt can be verified: PEM text and its SHA-256, in groups.

    The digest is that of the DER bytes, as `openssl pkey -pubin -outform DER | sha256sum` prints it.
    """

    pem: str
    fingerprint: str

    @classmethod
    def read(cls, path: Path) -> "RootKey | None":
        """Return the key of a file, None when there is none."""
        try:
            pem = path.read_text().strip() + "\n"
        except OSError:
            return None
        der = base64.b64decode("".join(pem.splitlines()[1:-1]))
        digest = hashlib.sha256(der).hexdigest()
        return cls(pem=pem, fingerprint=" ".join(digest[i : i + 8] for i in range(0, 64, 8)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicNode:
    """The keys of this node and the desk's choice about the reporter's address.

    `proof_secret` signs challenges; every process of the node has the same.
    """

    draft_keys: DraftKeys
    proof_secret: bytes = field(repr=False)
    keep_address: bool = False
    root: "RootKey | None" = None

    @classmethod
    def under(cls, home: Path, *, secret: str, keep_address: bool) -> "PublicNode":
        """Return the node of the data folder `home`; `secret` is the node's own secret key.

        Draft keys have a folder of their own: no process that serves writes among the lasting ones.
        """
        return cls(
            draft_keys=DraftKeys(home / "drafts" / "keys.json"),
            proof_secret=hmac.digest(secret.encode(), b"fanal/public/proof/v1", "sha256"),
            keep_address=keep_address,
            root=RootKey.read(home / "keys" / "receipt-root.pub"),
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
