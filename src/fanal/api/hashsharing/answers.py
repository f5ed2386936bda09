"""HTTP side of the service: XML, one sentence with each refusal."""

from django.http import HttpResponse

from fanal.api.members import Wire
from fanal.exchange.domain.records import Service
from fanal.formats.hashsharing.write import error_document


def xml(body: bytes, *, status: int = 200) -> HttpResponse:
    """Return an XML answer that no cache keeps."""
    answer = HttpResponse(body, content_type="application/xml; charset=utf-8", status=status)
    answer["Cache-Control"] = "no-store"
    return answer


def _refusal(status: int, code: str, text: str) -> HttpResponse:
    del code
    return xml(error_document(text), status=status)


WIRE = Wire(service=Service.HASHSHARING, write=_refusal)
