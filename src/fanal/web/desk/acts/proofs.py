"""Download of the file that proves a step of an official act, of any kind."""

from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal.accounts.domain.policy import Resource
from fanal.accounts.routes import needs
from fanal.casework import queries
from fanal.casework.domain.proofs import UNKNOWN_TYPE
from fanal.casework.operations.proofs import ProofUnknown, open_proof
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.keyring import KeyMissing
from fanal.vault.packs import BlobDamaged, BlobMissing
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.acts import pages as acts


def route_of(pages: acts.ActPages, *, place: str) -> URLPattern:
    """Return the URL route of the proofs (files) of an act's steps under the path `place`, for readers."""

    @never_cache
    @require_GET
    @needs(pages.lifecycle.reads)
    def view(request: HttpRequest, proof_id: UUID, **named: UUID) -> HttpResponse:
        (act_id,) = named.values()
        return _download(pages, request, act_id, proof_id)

    name = pages.route.partition(":")[2]
    address = f"{place}/<uuid:{pages.lifecycle.kind}_id>/proof/<uuid:proof_id>/"
    return path(address, view, name=f"{name}-proof")


def _download(
    pages: acts.ActPages, request: HttpRequest, act_id: UUID, proof_id: UUID
) -> HttpResponse:
    """Send the verified bytes of a step's proof, as an attachment that no browser displays.

    If there is no such file, or it has expired, show the act's page with a message.

    Raises:
        Http404: no such act.
        Refused: the person may not read it.
    """
    actor, lifecycle = actor_of(request), pages.lifecycle
    found = queries.get_act(actor=actor, lifecycle=lifecycle, act_id=act_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    try:
        step, content = open_proof(
            actor=actor, lifecycle=lifecycle, act_id=act_id, object_id=proof_id, now=now_of(request)
        )
    except ProofUnknown:
        said = _("This act has no such file, or the file has expired.")
        return acts.refused(pages, request, act_id, said, status=HTTPStatus.GONE)
    except (EnvelopeRefused, BlobDamaged, BlobMissing):
        said = _("The sealed file is not the one recorded with the step. Tell the operator.")
        return acts.refused(pages, request, act_id, said)
    except KeyMissing:
        said = _("This machine holds no key that opens the file.")
        return acts.refused(pages, request, act_id, said)
    answer = HttpResponse(content, content_type=UNKNOWN_TYPE)
    name = step.file.name if step.file else ""
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
