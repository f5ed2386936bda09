"""`/ispws`: NCMEC-compatible reporting service, to which a provider switches by changing one address.

Steps: status, xsd, submit, upload, fileinfo, finish, retract. Refusals are answer codes at HTTP 200, except
for bad credentials (401). Accepted documents are stored byte for byte. Views receive the authenticated
provider as `identity`.
"""

from collections.abc import Sequence

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import StopUpload
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import path
from django.utils.datastructures import MultiValueDict
from django.views.decorators.csrf import csrf_exempt

from fanal.accounts.domain.records import PartnerIdentity
from fanal.accounts.routes import for_programs
from fanal.api import retraction
from fanal.api.body import FORM_LIMIT, BodyTooLarge, accept_chunked, form_headers, read_body
from fanal.api.credentials import ShouldWait, basic_partner, make_room, make_room_for_file, spend
from fanal.api.ispws.answers import coded, partner_only, refused, should_wait, simple, xml
from fanal.api.ispws.uploads import CountedBody, Spool, SpoolHandler, most_of_a_body
from fanal.formats.ncmec.answers import AnswerCode, done_response, report_response
from fanal.formats.ncmec.model import schema_bytes
from fanal.formats.ncmec.read import MAX_BYTES, Document, read_file_details, read_report
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.intake.domain.records import Arrival, Format, ReportFacts, Submission
from fanal.intake.operations.files import MOST_FILES, describe_file, upload_file
from fanal.intake.operations.lifecycle import finish_report
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import get_by_wire_id
from fanal.intake.queries.files import list_file_ids
from fanal.kernel import clock
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.kernel.typed import whole_number

# The few fields that this service reads itself; the rest is sealed, and parsed by harmonise.

UNREADABLE = (
    MultiPartParserError,
    BadRequest,
    SuspiciousOperation,
    StopUpload,
    UnreadablePostError,
)
"""Exceptions raised while reading a form that is incomplete, too large or wrongly encoded."""


def is_urgent(document: Document) -> bool:
    """Return whether the provider's report (its parsed XML) asks for high priority.

    It is then accepted whatever the backlog.
    """
    summary = document.root.child("incidentSummary")
    return summary is not None and summary.child("escalateToHighPriority") is not None


def file_reference(document: Document) -> tuple[int, str]:
    """Return the report number and file id that a file-details document names.

    The file id is "" if the document has none.

    Raises:
        FormatRefused: the report number is missing or not a number.
    """
    number = whole_number(document.text("reportId"))
    if number is None:
        raise FormatRefused(DocumentFault.WRONG_TYPE, "fileDetails/reportId")
    return number, document.text("fileId")


def reference_of(request: HttpRequest) -> int | None:
    """Return the report number in the form field `id`; None if it is missing or the form is unreadable.

    The form may be url-encoded, or multipart as old clients send it.
    """
    accept_chunked(request, limit=FORM_LIMIT)
    request.META = form_headers(request, limit=FORM_LIMIT)
    try:
        return number_of(request.POST.get("id"))
    except UNREADABLE:
        return None


def number_of(text: str | None) -> int | None:
    """Return the report number in a form field; None when it is missing or not a number."""
    return whole_number((text or "").strip())


_TOO_LARGE = "The file is larger than allowed"
_MANY_FILES = (
    f"The report has {MOST_FILES} files, the most it may have: finish it, and send the others in"
    " another report"
)
_CUT = "Upload incomplete: the body ended before the length that its headers state"
_NO_FORM = "Upload incomplete: the body is no whole multipart form"
_NO_FILE = (
    "Upload incomplete: no part 'file' with a usable file name ('.', '..' and '/' are none), or more than one"
    " file"
)
_STATE_CODES = {
    "OPEN": AnswerCode.INVALID_REQUEST,
    "FINISHED": AnswerCode.ALREADY_FINISHED,
    "RETRACTED": AnswerCode.ALREADY_RETRACTED,
    "EXPIRED": AnswerCode.NO_SUCH_REPORT,
    "NO_REPORT": AnswerCode.NO_SUCH_REPORT,
    "NO_FILE": AnswerCode.NO_SUCH_FILE,
}


def _refuse_finish(code: AnswerCode) -> bytes:
    """Return the XML body of an error in the shape of the step `finish`, whose clients parse no other.

    `code` is the answer code in it.
    """
    return done_response(code, report_id=0)


@csrf_exempt
@for_programs("report.status")
@partner_only("GET")
def status(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return success with the partner's name: the service is available and the credentials are valid."""
    return simple(AnswerCode.SUCCESS, description="Remote User : " + identity.partner)


@csrf_exempt
@for_programs("report.status")
@partner_only("GET")
def xsd(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return the XML schema (XSD) that submitted documents must follow."""
    return xml(schema_bytes())


@csrf_exempt
@for_programs("report.deposit")
@partner_only("POST")
def submit(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Open a report: seal the XML document in the request's body, and return the report's number as XML."""
    now = request.now  # type: ignore[attr-defined]
    try:
        spend(identity, now=now)
        body = read_body(request, limit=MAX_BYTES)
        document = read_report(body, now=now)
        make_room(now=now, needed=len(body), urgent=is_urgent(document))
    except BodyTooLarge:
        return refused(FormatRefused(DocumentFault.TOO_LARGE))
    except FormatRefused as refusal:
        return refused(refusal)
    except ShouldWait as refusal:
        return should_wait(refusal)
    [answer_] = receive_reports(
        actor=identity.actor,
        submissions=[
            Submission(
                arrival=Arrival.WIRE,
                format=Format.NCMEC_XML,
                body=body,
                canonical=body,
                sender_id=identity.partner_id,
                urgent=is_urgent(document),
                finish=False,
            )
        ],
        now=now,
    )
    return simple(AnswerCode.SUCCESS, report_id=answer_.wire_id)


@csrf_exempt
@for_programs("report.deposit")
@partner_only("POST")
def upload(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Seal one file of an open report (multipart fields `id` and `file`); return its file id and MD5."""
    stream = CountedBody(request)
    try:
        make_room_for_file(now=request.now, needed=stream.stated)  # type: ignore[attr-defined]
    except ShouldWait as refusal:
        stream.drop()
        return should_wait(refusal)
    return _take_form(request, identity, stream)


def _take_form(
    request: HttpRequest, identity: PartnerIdentity, stream: CountedBody
) -> HttpResponse:
    handler = SpoolHandler(request)
    request.upload_handlers = [handler]
    headers = form_headers(request, limit=most_of_a_body())
    try:
        fields, files = request.parse_file_upload(headers, stream)  # type: ignore[arg-type]
        request.now = clock.now()  # type: ignore[attr-defined]  # a large file may take hours
    except BodyTooLarge:
        handler.upload_interrupted()
        return simple(AnswerCode.UPLOAD_FAILED, description=_TOO_LARGE)
    except UNREADABLE:
        handler.upload_interrupted()
        return simple(AnswerCode.UPLOAD_INCOMPLETE, description=_NO_FORM)
    if handler.is_too_large:
        return simple(AnswerCode.UPLOAD_FAILED, description=_TOO_LARGE)
    number, spool = number_of(fields.get("id")), _only_file(files)
    if spool is None:
        handler.upload_interrupted()
        return simple(AnswerCode.UPLOAD_INCOMPLETE, description=_CUT if stream.is_cut else _NO_FILE)
    with spool:
        if stream.is_cut:
            return simple(AnswerCode.UPLOAD_INCOMPLETE, description=_CUT)
        return _take_file(request, identity, number=number, spool=spool)


def _only_file(files: "MultiValueDict[str, UploadedFile[bytes]]") -> Spool | None:
    """Return the single file of the form, its part `file`; None when it is missing or not alone.

    No file is silently ignored: without such a file all are deleted, and the caller refuses the upload.
    """
    found = [(name, one) for name, each in files.lists() for one in each]
    if len(found) == 1 and found[0][0] == "file" and isinstance(found[0][1], Spool):
        return found[0][1]
    for _name, one in found:
        one.close()
    return None


def _take_file(
    request: HttpRequest, identity: PartnerIdentity, *, number: int | None, spool: Spool
) -> HttpResponse:
    if basic_partner(request, now=request.now) is None:  # type: ignore[attr-defined] # ended meanwhile
        return xml(report_response(AnswerCode.AUTHENTICATION_REQUIRED), status=401)
    facts = _own(identity, number)
    if facts is None:
        return simple(AnswerCode.NO_SUCH_REPORT)
    try:
        stored = upload_file(
            actor=identity.actor,
            report_id=facts.report_id,
            name=spool.name or "",
            chunks=spool.blocks(),
            now=request.now,  # type: ignore[attr-defined]
        )
    except Refusal as refusal:
        if refusal.code == "MANY_FILES":
            return simple(AnswerCode.UPLOAD_FAILED, description=_MANY_FILES)
        return simple(_STATE_CODES[refusal.code])
    return simple(AnswerCode.SUCCESS, report_id=number, file_id=stored.file_id, md5=stored.md5)


@csrf_exempt
@for_programs("report.deposit")
@partner_only("POST")
def fileinfo(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Seal the file-details document of an uploaded file, and return success with the report's number."""
    try:
        body = read_body(request, limit=MAX_BYTES)
        number, file_id = file_reference(read_file_details(body))
    except BodyTooLarge:
        return refused(FormatRefused(DocumentFault.TOO_LARGE))
    except FormatRefused as refusal:
        return refused(refusal)
    facts = _own(identity, number)
    if facts is None:
        return simple(AnswerCode.NO_SUCH_REPORT)
    try:
        describe_file(
            actor=identity.actor,
            report_id=facts.report_id,
            file_id=file_id,
            details=body,
            now=request.now,  # type: ignore[attr-defined]
        )
    except Refusal as refusal:
        return simple(_STATE_CODES[refusal.code])
    return simple(AnswerCode.SUCCESS, report_id=number)


@csrf_exempt
@for_programs("report.deposit")
@partner_only("POST", refuse=_refuse_finish)
def finish(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Finish a report (form field `id`), so that the desk receives it.

    Return an XML document with its number and the ids of its files; a refusal has the same form.
    """
    number = reference_of(request)
    facts = _own(identity, number)
    if facts is None:
        return _done(AnswerCode.NO_SUCH_REPORT, number)
    try:
        finish_report(
            actor=identity.actor,
            report_id=facts.report_id,
            now=request.now,  # type: ignore[attr-defined]
        )
    except TransitionRefused as moved:
        return _done(_STATE_CODES[moved.state], number)
    files = list_file_ids(actor=identity.actor, report_id=facts.report_id)
    return _done(AnswerCode.SUCCESS, number, files)


@csrf_exempt
@for_programs("report.retract")
@partner_only("POST")
def retract(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Retract a report of the caller (form field `id`), before the desk has taken any decision on it."""
    number = reference_of(request)
    facts = _own(identity, number)
    if facts is None:
        return simple(AnswerCode.NO_SUCH_REPORT)
    try:
        retraction.retract(
            identity=identity,
            report_id=facts.report_id,
            urgent=facts.urgent,
            now=request.now,  # type: ignore[attr-defined]
        )
    except retraction.AlreadyDecided:
        return simple(AnswerCode.NOT_AUTHORIZED_FOR_ACTION, report_id=number)
    except TransitionRefused as moved:
        return simple(_STATE_CODES[moved.state], report_id=number)
    return simple(AnswerCode.SUCCESS, report_id=number)


def _done(code: AnswerCode, number: int | None, files: Sequence[str] = ()) -> HttpResponse:
    return coded(code, done_response(code, report_id=number or 0, file_ids=files))


def _own(identity: PartnerIdentity, number: int | None) -> ReportFacts | None:
    if number is None:
        return None
    return get_by_wire_id(actor=identity.actor, wire_id=number)


app_name = "ispws"
urlpatterns = [
    path("status", status, name="status"),
    path("xsd", xsd, name="xsd"),
    path("submit", submit, name="submit"),
    path("upload", upload, name="upload"),
    path("fileinfo", fileinfo, name="fileinfo"),
    path("finish", finish, name="finish"),
    path("retract", retract, name="retract"),
]
