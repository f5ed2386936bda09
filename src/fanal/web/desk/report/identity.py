"""Page that opens a reporter's sealed identity for a written purpose, and shows it once."""

from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from fanal import reference
from fanal.accounts.domain.policy import Resource
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.harmonise.domain.redaction.reporter import LONGEST_MOTIVE, SHORTEST_MOTIVE, Fact
from fanal.harmonise.openings import openings_of_report
from fanal.harmonise.operations.identity import IdentityUnknown, open_identity
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.refusal import Refusal
from fanal.vault import keyring
from fanal.vault.operations.opening import ObjectUnknown
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.reading import consult, consulted_ids


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("identity.open")
def identity(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show the form that asks for the purpose (GET), or open the sealed identity and show it once (POST).

    A purpose that is too short, a missing key, or an expired identity gives the form again with the reason.

    Raises:
        Http404: no such report, or it has no identity.
        Refused: the person may not open identities at its desk.
    """
    report = get_reports(actor=actor_of(request), report_ids=[report_id]).get(report_id)
    if report is None:
        raise Http404
    require_declared(request, Resource(desk_id=report.desk_id, sealed=True))
    if request.method != "POST":
        return _page(request, report_id)
    motive = request.POST.get("motive", "")
    try:
        opened = open_identity(
            actor=actor_of(request), report_id=report_id, motive=motive, now=now_of(request)
        )
    except IdentityUnknown:
        raise Http404 from None
    except Refusal:
        words = _(
            "Write the purpose in %(n)s characters at least, %(most)s at most: who asks, for which act,"
            " and why."
        )
        bounds = {"n": SHORTEST_MOTIVE, "most": LONGEST_MOTIVE}
        return _page(request, report_id, motive=motive, refused=words % bounds)
    except keyring.KeyMissing:
        words = _(
            "This machine holds no key that opens identities. The act is recorded all the same."
        )
        return _page(request, report_id, motive=motive, refused=words)
    except ObjectUnknown:
        words = _("The identity has expired: its key is erased. The act is recorded all the same.")
        return _page(request, report_id, motive=motive, refused=words)
    # The opening just committed serves as the ledger row of this reading.
    consulted_ids(request).add(str(report_id))
    return _page(request, report_id, motive=motive, facts=opened.facts)


def _page(
    request: HttpRequest,
    report_id: UUID,
    *,
    motive: str = "",
    refused: str = "",
    facts: tuple[Fact, ...] | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    report = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    # The right is checked at the report's desk: the form appears only to people who may open the identity.
    if report is None:
        raise Http404
    earlier = openings_of_report(actor=actor, report_id=report_id)
    consult(request, "report", [report_id])
    consult(request, "opening", [o.id for o in earlier], action="identity.oversee")
    people = {o.person_id for o in earlier} | {p for o in earlier for p, _at in o.seen}
    context = {
        "report": report,
        "motive": motive,
        "refused": refused,
        "opened": facts is not None,
        "facts": [(_name(code), value) for code, value in facts or ()],
        "earlier": earlier,
        "names": person_names(person_ids=people),
        "shortest": SHORTEST_MOTIVE,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "desk/identity.html", context, status=status)


def _name(code: str) -> str:
    """Return the label of an identity fact's code; a path in the sender's document is returned unchanged."""
    if not code.isupper():
        return code
    return reference.label("identity_fact", code, get_language() or "fr")
