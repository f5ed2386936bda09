"""French postcodes and the département or overseas collectivity that they belong to."""

import re

_POSTCODE = re.compile(r"[0-9]{5}")
_OVERSEAS = ("97", "98")
_CORSICA = {"200": "2A", "201": "2A", "202": "2B", "206": "2B"}
_MONACO = "980"


def departement_of(postcode: str | None) -> str | None:
    """Return the code (`75`, `2A`, `974`) that a French postcode begins with, None where it is none.

    A few villages are served from the next département: their postcode tells that one.
    """
    if not postcode or not _POSTCODE.fullmatch(postcode) or postcode.startswith(("00", _MONACO)):
        return None
    if postcode.startswith(_OVERSEAS):
        return postcode[:3]
    return _CORSICA.get(postcode[:3], "2A") if postcode.startswith("20") else postcode[:2]
