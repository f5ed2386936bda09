"""HTTP side of the TAXII server: media types, and problems in the standard's shape."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse

from fanal.api.members import Wire
from fanal.exchange.domain.records import Service, SharedItem
from fanal.formats.taxii.resources import MEDIA_TYPE, Problem, encode, timestamp

_ANY = frozenset({"*/*", "application/*"})
_TYPE = "application/taxii+json"


def taxii(body: bytes, *, status: int = 200, items: Sequence[SharedItem] = ()) -> HttpResponse:
    """Return an answer in the standard's media type; `items` are what it holds, first added first."""
    answer = HttpResponse(body, content_type=MEDIA_TYPE, status=status)
    answer["Cache-Control"] = "no-store"
    if items:
        answer["X-TAXII-Date-Added-First"] = timestamp(items[0].row.at)
        answer["X-TAXII-Date-Added-Last"] = timestamp(items[-1].row.at)
    return answer


def is_acceptable(accept: str) -> bool:
    """Return whether a header `Accept` takes TAXII 2.1; an absent one takes anything."""
    return not accept.strip() or any(map(_takes, accept.lower().split(",")))


def _takes(part: str) -> bool:
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    said = {name.strip(): value.strip(' "') for name, _, value in pairs}
    if said.get("q") in {"0", "0.0"}:
        return False
    return kind in _ANY or (kind == _TYPE and said.get("version", "2.1") == "2.1")


def _refusal(status: int, code: str, text: str) -> HttpResponse:
    problem = Problem(title=text, http_status=str(status), error_code=code)
    return taxii(encode(problem), status=status)


def _speaks_taxii(request: HttpRequest) -> bool:
    return is_acceptable(request.headers.get("Accept", ""))


WIRE = Wire(service=Service.TAXII, write=_refusal, takes=_speaks_taxii)
