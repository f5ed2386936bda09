"""The requests that may have a large body (above `gate.WHOLE`): programs, and proofs of a step of an act."""

import re
from collections.abc import Mapping

MOST_OF_A_PROOF = 64 * 1024 * 1024
"""Maximum bytes of a form with a proof's file: far above the page's own limit, which the page explains."""
_PROGRAMS = ("/api/", "/ispws/", "/hashsharing/", "/taxii2/")
_PROOFS = re.compile(r"/[^/]+/desk/[a-z]+/[0-9a-f-]{36}/(?:move|step)/")


def takes_large(request: Mapping[str, object], *, size: int, browser: str) -> bool:
    """Return whether the page or program at the path of `request` (WSGI) accepts a large body.

    `size` is the stated length in bytes, 0 for a chunked body; `browser` names a browser on which
    somebody signed in before, "" for another.
    """
    path = str(request.get("PATH_INFO", ""))
    if path.startswith(_PROGRAMS):
        return True
    return bool(browser) and 0 < size <= MOST_OF_A_PROOF and _PROOFS.fullmatch(path) is not None
