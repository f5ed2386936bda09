"""Why a reason counts as it does, as a code; the words are labels of the kind `link_because`."""

from fanal.crosscheck.domain.meeting import CROSS, SAME
from fanal.crosscheck.domain.near.pairs import KINDS
from fanal.crosscheck.domain.records import Reason
from fanal.crosscheck.domain.weights import load_weights

_FILES = frozenset({"SHA256", "SHA1", "MD5", "PDQ"})
_PAGES = frozenset({"URL", "ONION"})


def because_of(reason: Reason) -> str:
    """Return the code of why a reason counts as it does."""
    if reason.kind == "LIKE":
        return f"LIKE_{reason.value}"
    if reason.kind in KINDS:
        return reason.kind
    if reason.kind == "CONFLICT":
        return f"CONFLICT_{reason.value}"
    if reason.kind in {"NAME", "BIRTH", "IP"}:
        return f"{reason.kind}_DIFFERS" if reason.weight < 0 else f"{reason.kind}_SAME"
    if reason.kind in _FILES or reason.kind in _PAGES:
        found = "FILE" if reason.kind in _FILES else "PAGE"
        return f"{found}_SHARED" if reason.kept == 1 else f"{found}_FREQUENT"
    return _of_person(reason)


def _of_person(reason: Reason) -> str:
    if reason.kept == load_weights().hub_share:
        return "HUB"
    if reason.side == SAME:
        return "SUSPECT_AND_ASSOCIATED" if "ASSOCIATED" in reason.roles else "SUSPECT_BOTH"
    if reason.side == CROSS:
        return "SUSPECT_AND_TEXT"
    return "ROLE_SWAP" if set(reason.roles) == {"SUSPECT", "VICTIM"} else "OTHER_ROLES"
