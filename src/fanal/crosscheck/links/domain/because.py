"""Codes that explain the weight of a reason of a link; their texts are labels of the kind `link_because`.

Separate from the module that builds links, so that pages load no compiled loops.
"""

from fanal.crosscheck.domain.records import CROSS, SAME, SIMILAR, LinkReason
from fanal.crosscheck.domain.weights import load_weights

FILES = frozenset({"SHA256", "SHA1", "MD5", "PDQ"})
"""Kinds of the values of a file."""
_PAGES = frozenset({"URL", "ONION"})


def because_of(reason: LinkReason) -> str:
    """Return the code that explains why a reason of a link has its weight, e.g. `FILE_FREQUENT`."""
    if reason.kind == "LIKE":
        return f"LIKE_{reason.value}"
    if reason.kind in SIMILAR or reason.kind == "APART":
        return reason.kind
    if reason.kind == "CONFLICT":
        return f"CONFLICT_{reason.value}"
    if reason.kind in {"NAME", "BIRTH", "IP"}:
        return f"{reason.kind}_DIFFERS" if reason.weight < 0 else f"{reason.kind}_SAME"
    if reason.kind in FILES or reason.kind in _PAGES:
        found = "FILE" if reason.kind in FILES else "PAGE"
        return f"{found}_SHARED" if reason.kept == 1 else f"{found}_FREQUENT"
    return _of_person(reason)


def _of_person(reason: LinkReason) -> str:
    if reason.kept == load_weights().hub_share:
        return "HUB"
    if reason.side == SAME:
        return "SUSPECT_AND_ASSOCIATED" if "ASSOCIATED" in reason.roles else "SUSPECT_BOTH"
    if reason.side == CROSS:
        return "SUSPECT_AND_TEXT"
    return "ROLE_SWAP" if set(reason.roles) == {"SUSPECT", "VICTIM"} else "OTHER_ROLES"
