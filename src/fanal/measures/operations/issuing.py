"""The authority that signs removal requests, handed down by `config/wiring.py`."""

from fanal.measures.domain.letters import Issuer

_installed: list[Issuer] = []


def install(issuer: Issuer) -> None:
    """Make `issuer` the authority of this process, in place of any before."""
    _installed[:] = [issuer]


def current() -> Issuer:
    """Return the installed authority, or the national office under its own name."""
    return _installed[0] if _installed else Issuer()
