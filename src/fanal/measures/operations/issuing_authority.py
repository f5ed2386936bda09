"""The issuing authority of removal requests and notices, set by `config/wiring.py`."""

from fanal.measures.domain.letters import Issuer

_installed: list[Issuer] = []
_flagger: list[str] = []


def install(*, issuer: Issuer | None = None, flagger: str = "") -> None:
    """Set the issuing authority of this process, the national office (`Issuer()`) by default.

    `flagger` is the decision that made it a trusted flagger (article 22 of the DSA), "" without one.
    """
    _installed[:], _flagger[:] = [issuer or Issuer()], [flagger]


def current() -> Issuer:
    """Return the authority that removal requests and notices name as issuer: by default OFAC (`Issuer()`)."""
    return _installed[0] if _installed else Issuer()


def flagger() -> str:
    """Return the decision that made the issuing authority a trusted flagger; "" if none did."""
    return _flagger[0] if _flagger else ""
