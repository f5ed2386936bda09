"""The authority that signs removal requests and notices, handed down by `config/wiring.py`."""

from fanal.measures.domain.letters import Issuer

_installed: list[Issuer] = []
_flagger: list[str] = []


def install(issuer: Issuer | None = None, *, flagger: str = "") -> None:
    """Make `issuer` the authority of this process; `flagger` names its designation (DSA art. 22), if any."""
    _installed[:], _flagger[:] = [issuer or Issuer()], [flagger]


def current() -> Issuer:
    """Return the installed authority, or the national office under its own name."""
    return _installed[0] if _installed else Issuer()


def flagger() -> str:
    """Return the decision that made the authority a trusted flagger; empty: it is none."""
    return _flagger[0] if _flagger else ""
