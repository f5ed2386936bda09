"""Process-wide settings of official acts: the authority that issues them, and host names never blocked.

Set by `config/wiring.py`.
"""

from collections.abc import Collection

from fanal.measures.domain.letters import Issuer

STOP_HOST = "stop.fanal.test"
"""Host of the stop page where no other is set."""
_installed: list[Issuer] = []
_flagger: list[str] = []
_hosts: list[str] = []


def install(
    *,
    issuer: Issuer | None = None,
    flagger: str = "",
    stop_host: str = STOP_HOST,
    hosts: Collection[str] = (),
) -> None:
    """Set the issuing authority of this process, the national office (`Issuer()`) by default.

    `flagger` is the decision that made it a trusted flagger (article 22 of the DSA), "" without one.
    `stop_host` is the host of the page shown instead of a blocked name, `hosts` those that the desk serves.
    """
    _installed[:], _flagger[:] = [issuer or Issuer()], [flagger]
    _hosts[:] = [stop_host, *hosts]


def current() -> Issuer:
    """Return the authority that removal requests and notices name as issuer: by default OFAC (`Issuer()`)."""
    return _installed[0] if _installed else Issuer()


def flagger() -> str:
    """Return the decision that made the issuing authority a trusted flagger; "" if none did."""
    return _flagger[0] if _flagger else ""


def stop_host() -> str:
    """Return the host of the page shown instead of a blocked site (stop page), as A-labels."""
    return _hosts[0] if _hosts else STOP_HOST


def own_names() -> frozenset[str]:
    """Return the host names that no measure may block: the desk's, and that of the stop page.

    The stop page is shown instead of a blocked site.
    """
    return frozenset(_hosts or [STOP_HOST])
