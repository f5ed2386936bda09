"""The sign that another body works on it: on reports, dossiers and rows of the queue."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.http import HttpRequest

from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import Sign
from fanal.kernel.alphabet import alphabetical
from fanal.web.account.actors import actor_of
from fanal.web.reading import consult


def signs_on(request: HttpRequest, report_ids: Sequence[UUID]) -> Mapping[UUID, list[Sign]]:
    """Return the signs of reports that a page is about, by body, once their reading is journaled."""
    found = queries.signs_of(actor=actor_of(request), report_ids=report_ids)
    hits = {sign.hit_id for signs in found.values() for sign in signs}
    consult(request, "hit", sorted(hits), action="hit.read")
    return {report_id: by_body(signs) for report_id, signs in found.items()}


def by_body(signs: Iterable[Sign]) -> list[Sign]:
    """Return signs with those of one body beside each other: a page names it once."""
    return sorted(signs, key=lambda sign: (alphabetical(sign.counterpart), sign.state, sign.hit_id))
