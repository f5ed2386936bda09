"""Badges on reports, dossiers and queue rows: another organisation works on the same identifiers."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.http import HttpRequest

from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import Sign
from fanal.kernel.alphabet import alphabetical
from fanal.web.account.actors import actor_of
from fanal.web.reading import consult


def signs_on(request: HttpRequest, report_ids: Sequence[UUID]) -> Mapping[UUID, list[Sign]]:
    """Return the de-confliction badges of each report, by organisation; record the reading in the ledger."""
    found = queries.signs_of(actor=actor_of(request), report_ids=report_ids)
    hits = {sign.hit_id for signs in found.values() for sign in signs}
    consult(request, "hit", sorted(hits), action="hit.read")
    return {report_id: by_body(signs) for report_id, signs in found.items()}


def by_body(signs: Iterable[Sign]) -> list[Sign]:
    """Return badges sorted by organisation, so that a page can name each organisation once."""
    return sorted(signs, key=lambda sign: (alphabetical(sign.counterpart), sign.state, sign.hit_id))
