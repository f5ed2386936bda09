"""French territories; French postcodes and their département or overseas collectivity."""

import re
from typing import Final

_POSTCODE = re.compile(r"[0-9]{5}")
_OVERSEAS = ("97", "98")
_CORSICA = {"200": "2A", "201": "2A", "202": "2B", "206": "2B"}
_MONACO = "980"
FRENCH_TERRITORIES: Final = frozenset(
    {"FR", "GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF", "WF", "PF", "NC", "TF"}
)
"""Codes of ISO 3166-1 (alpha-2) of France and of its overseas territories."""


def departement_of(postcode: str | None) -> str | None:
    """Return the département code (`75`, `2A`, `974`) of a French postcode, None if it is not one.

    A few villages are served from the neighbouring département: their postcode gives the latter.
    """
    if not postcode or not _POSTCODE.fullmatch(postcode) or postcode.startswith(("00", _MONACO)):
        return None
    if postcode.startswith(_OVERSEAS):
        return postcode[:3]
    return _CORSICA.get(postcode[:3], "2A") if postcode.startswith("20") else postcode[:2]
