"""The requests that may have a body larger than `gate.WHOLE`: uploads of programs, and files of proofs.

A file of proof is uploaded by a person, with the form of a step of an official act.
"""

import re
from collections.abc import Mapping

MOST_OF_A_PROOF = 64 * 1024 * 1024
"""Maximum bytes of a form with a proof's file: far above the page's own limit, which the page explains."""
_PROGRAMS = ("/api/", "/ispws/", "/hashsharing/", "/taxii2/")
_PROOFS = re.compile(r"/[^/]+/desk/[a-z]+/[0-9a-f-]{36}/(?:move|step)/")


def takes_large(request: Mapping[str, object], *, size: int, browser: str) -> bool:
    """Return whether a request may have a large body.

    Programs (the APIs) may. So may a form with the file of a proof, at most 64 MiB with a stated length, from
    a browser on which somebody has signed in before. `request` is the WSGI environment, `size` the stated
    length in bytes, 0 for a chunked body; `browser` identifies such a browser, "" for another.
    """
    path = str(request.get("PATH_INFO", ""))
    if path.startswith(_PROGRAMS):
        return True
    return bool(browser) and 0 < size <= MOST_OF_A_PROOF and _PROOFS.fullmatch(path) is not None
