"""Withholding of a dossier from other organisations: its state on the dossier's page, and its form.

The reports of a withheld dossier do not enter rounds of private set intersection.
"""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fanal.accounts.domain.policy import Refused, may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.crosscheck.domain.records import DossierView
from fanal.deconfliction import queries
from fanal.deconfliction.operations import counterparts as operations
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.deconfliction.hits import by_body, signs_on
from fanal.web.failures import page_of, reason_of
from fanal.web.forms import Parsed, PostedForm


class _WithholdingForm(PostedForm):
    """Form to withhold a dossier from an organisation (none given: from all), or to lift that.

    `shown`: the ids of the withholdings in force that its page showed.
    """

    counterpart_id = Parsed(UUID, posted="counterpart", required=False)
    withheld = Parsed("WITHHOLD".__eq__, posted="act")
    words = Parsed()
    shown = Parsed(lambda typed: frozenset(map(UUID, typed.split())), otherwise=frozenset())


@require_POST
@needs("dossier.withhold")
def withhold(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Withhold a dossier from one or all counterparts (other organisations), or lift that, with a reason.

    A refusal gives an error page (status 409).

    Raises:
        Http404: no such dossier or counterpart for the person, or a malformed field.
    """
    try:
        operations.withhold(
            actor=actor_of(request),
            dossier_id=dossier_id,
            now=now_of(request),
            **_WithholdingForm(request).checked().cleaned_data,
        )
    except (Refused, ValueError):
        raise Http404 from None
    except Refusal as refused:
        if refused.code == "NOT_FOUND":
            raise Http404 from None
        said = reason_of(refused)
        return page_of(request, "refused.html", status=HTTPStatus.CONFLICT, refused=said)
    messages.success(request, _("Recorded. It applies from the next comparison on."))
    return redirect("desk:dossier", dossier_id=dossier_id)


def shown(request: HttpRequest, view: DossierView) -> dict[str, object]:
    """Return the template context of a dossier (`view`) regarding de-confliction, for its page.

    Keys: `signs` (badges: matches with other organisations), `withheld` (withholdings in force: record,
    author, counterpart), `counterparts` (open ones; empty for a reader without the right to de-confliction),
    `may_withhold`.
    """
    actor = actor_of(request)
    own = [node.report_id for node in view.nodes if node.report_id]
    signs = {sign.hit_id: sign for found in signs_on(request, own).values() for sign in found}
    said = queries.withholdings_of(actor=actor, dossier_ids=[view.id])
    current = queries.in_force(said=said)
    bodies = queries.list_counterparts(actor=actor) if may(actor, "deconfliction.read") else []
    names = person_names(person_ids={one.author_id for one in said})
    known = {body.id: body.name for body in bodies}
    return {
        "signs": by_body(signs.values()),
        "withheld": [
            {
                "record": one,
                "author": names.get(one.author_id, ""),
                "counterpart": known.get(one.counterpart_id, "") if one.counterpart_id else "",
            }
            for one in current
        ],
        "counterparts": [body for body in bodies if body.closed_at is None],
        "may_withhold": may(actor, "dossier.withhold"),
    }
