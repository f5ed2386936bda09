"""`/api/v1/reports`: endpoints to submit, finish, look up and retract reports."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema
from ninja.params.functions import Header, Query
from ninja.responses import Status

from fanal.accounts.domain.records import PartnerIdentity
from fanal.api import retraction
from fanal.api.body import BodyTooLarge, read_body
from fanal.api.credentials import ShouldWait, make_room, spend
from fanal.api.v1.problems import ApiRefused, Problem, refused_format, should_wait
from fanal.formats.refusal import FormatRefused
from fanal.formats.report.read import MAX_BYTES, canonical_bytes, read_report
from fanal.formats.report.records import Report
from fanal.intake.domain.records import (
    Acknowledgement,
    Arrival,
    Format,
    KeyKind,
    Outcome,
    ReportFacts,
    ReportState,
    Submission,
)
from fanal.intake.operations.lifecycle import finish_report
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import get_by_key, get_reports
from fanal.kernel.states import TransitionRefused

# Response schemas of the partner API, as OpenAPI documents them.


class ReportReceived(Schema):
    """Acknowledgement of a report that is stored. Its signed receipt can be verified offline."""

    id: UUID = Field(
        description="Identifier of the report at the desk (UUID), used in the paths of this API."
    )
    reference: str = Field(description="Your own reference, as sent.")
    receipt: str = Field(
        description="Signed receipt of the exact body and its time of receipt, as text."
    )
    state: ReportState = Field(
        description="OPEN: not finished yet, the desk does not see it. FINISHED: acknowledged."
    )


class ReportStatus(Schema):
    """Status of one of your own reports, without its content."""

    id: UUID = Field(description="Identifier of the report at the desk (UUID).")
    reference: str = Field(description="Your own reference, as sent.")
    state: ReportState = Field(
        description="OPEN, FINISHED, RETRACTED (by you) or EXPIRED (never finished)."
    )
    received_at: datetime = Field(description="Time of receipt (RFC 3339, UTC).")
    changed_at: datetime = Field(description="Time of the last change of state (RFC 3339, UTC).")
    in_progress: bool = Field(description="True while the automatic stages process the report.")
    test: bool = Field(description="True for a test report (`lifecycle=test`), which no desk sees.")
    correlation_id: str = Field(
        description="The `X-Correlation-Id` header of the submission; empty if there was none."
    )


_FIELDS = {
    "Report": {
        "reference": "Your own identifier of the report, unique among yours: 1 to 200 visible characters.",
        "kind": "Kind of incident.",
        "emergency": "True when a child is in danger now: the duty people of the desk are called at once.",
        "occurred_at": "Start of the facts: RFC 3339 date-time with its offset, or a date (YYYY-MM-DD).",
        "occurred_until": "End of the facts, in the same form.",
        "language": "Language of the texts (BCP 47 tag, such as `fr`).",
        "channel": "Medium or place of the incident.",
        "platform": "Name of the service, game or virtual world, as people call it.",
        "place": "Place of the facts.",
        "urls": "Addresses of the content, exactly as seen.",
        "description": "Account of the facts, as free text; at most 200 kB.",
        "conversation": "Messages, in order.",
        "persons": "Persons of the report, with their roles.",
        "files": "Descriptions of files. The files themselves are never sent here.",
        "payments": "Payments that are part of the facts.",
        "places": "Where the child is, where the other person is, where and when they are to meet.",
    },
    "Place": {
        "country": "Country (ISO 3166-1 alpha-2).",
        "locality": "Town or other locality.",
        "postcode": "Postcode.",
    },
    "StatedPlace": {
        "role": "Whose place it is. With `MEETING` alone, a meeting is planned and nothing more is known.",
        "country": "Country (ISO 3166-1 alpha-2).",
        "locality": "Town or other locality.",
        "postcode": "Postcode.",
        "at": "Time of the meeting: RFC 3339 date-time with its offset, or a date. Only with `MEETING`.",
    },
    "Message": {
        "speaker": "Author of the message: a name, a handle, or a letter that distinguishes the speakers.",
        "at": "Time of the message (RFC 3339).",
        "text": "Text of the message; at most 200 kB.",
    },
    "Person": {
        "role": "Role of the person in the facts. `ASSOCIATED` is used in output only and refused here.",
        "name": "Name, as known.",
        "birth_date": "Date of birth (YYYY-MM-DD).",
        "age": "Age in years.",
        "country": "Country of residence (ISO 3166-1 alpha-2).",
        "postcode": "Postcode of residence.",
        "handles": "User names on services.",
        "emails": "E-mail addresses.",
        "phones": "Telephone numbers, with their country code if it is known.",
        "accounts": "Payment accounts.",
        "ips": "IP addresses that the person used.",
        "devices": "Identifiers of devices.",
        "type": "Used in output only.",
    },
    "Handle": {"value": "User name, exactly as written.", "platform": "Name of the service."},
    "Account": {"value": "Number or address of the account.", "kind": "Type of the account."},
    "IpSighting": {
        "value": "IPv4 or IPv6 address.",
        "port": "Source port (0 to 65535), which operators need to identify a subscriber.",
        "at": "Time of use (RFC 3339).",
    },
    "File": {
        "name": "Name of the file.",
        "sha256": "SHA-256 digest, in hexadecimal.",
        "sha1": "SHA-1 digest, in hexadecimal.",
        "md5": "MD5 digest, in hexadecimal.",
        "pdq": "PDQ perceptual hash: 64 hexadecimal digits.",
        "classification": "Class of the content.",
        "seen_by_provider": "Whether a person at the provider viewed the file.",
        "publicly_available": "Whether the file was accessible to the public.",
    },
    "Classification": {
        "scheme": "Classification scheme.",
        "code": "Class in this scheme, such as `A1`.",
    },
    "Payment": {
        "at": "Time of the payment (RFC 3339).",
        "amount": "Amount in `currency`: a decimal number as text, such as `45.00`.",
        "currency": "Currency (ISO 4217).",
        "sender": "Name of the payer.",
        "beneficiary": "Name of the payee.",
        "beneficiary_country": "Country of the payee (ISO 3166-1 alpha-2).",
        "label": "Label of the payment.",
        "operator": "Name of the payment service.",
        "reference": "Used in output only.",
        "sender_person": "Used in output only.",
        "beneficiary_person": "Used in output only.",
    },
}
"""Meaning and unit of each field of a report, by record and field."""


def _inlined(node: object, definitions: dict[str, dict[str, object]]) -> object:
    """Return a JSON schema (`node`) with each `$ref` replaced by its definition (`definitions`, by name).

    OpenAPI would resolve the references at the root of its own document.
    """
    if isinstance(node, list):
        return [_inlined(part, definitions) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        own = {key: value for key, value in node.items() if key != "$ref"}
        return _inlined(definitions[str(node["$ref"]).rpartition("/")[2]] | own, definitions)
    return {key: _inlined(value, definitions) for key, value in node.items() if key != "$defs"}


def _report_body() -> dict[str, object]:
    schema = msgspec.json.schema(Report)
    for record, fields in _FIELDS.items():
        for name, meaning in fields.items():
            schema["$defs"][record]["properties"][name]["description"] = meaning
    content = {"application/json": {"schema": _inlined(schema, schema["$defs"])}}
    return {"requestBody": {"required": True, "content": content}}


REPORT_BODY = _report_body()
"""Request body of a report for OpenAPI; validation itself is the strict parser's (`formats.report`)."""


router = Router(tags=["reports"])
_STATE = Query(
    "finished",
    description="`open` keeps the report open until it is finished; the desk does not see it before.",
)
_LIFECYCLE = Query(
    "live",
    description="`test`: the report is checked and acknowledged, and no desk receives it.",
)
_IDEMPOTENCY = Header(
    "",
    alias="Idempotency-Key",
    max_length=200,
    description="Your key of this submission, at most 200 characters; without it `reference` is the key.",
)
_CORRELATION = Header(
    "",
    alias="X-Correlation-Id",
    max_length=128,
    pattern=r"^[!-~]*$",
    description="Your identifier for correlation: at most 128 visible ASCII characters, returned as sent.",
)
_REFUSALS = {
    400: Problem,
    401: Problem,
    409: Problem,
    413: Problem,
    422: Problem,
    429: Problem,
    503: Problem,
}


@router.post(
    "/reports",
    response={200: ReportReceived, 201: ReportReceived, **_REFUSALS},
    openapi_extra=REPORT_BODY,
    summary="Submit a report",
)
def hand_in(  # noqa: PLR0917 - the API library reads the parameters by name
    request: HttpRequest,
    response: HttpResponse,
    state: Literal["finished", "open"] = _STATE,
    lifecycle: Literal["live", "test"] = _LIFECYCLE,
    idempotency_key: str = _IDEMPOTENCY,
    correlation_id: str = _CORRELATION,
) -> Status[ReportReceived]:
    """Store one report, seal its body as evidence, and acknowledge it.

    The answer is 201 for a new report, and 200 with the id of the first one when the same body is sent
    again under the same `reference` or `Idempotency-Key`; another body under either is refused (422).
    `reference` is unique for each partner; both keys are remembered as long as the report exists.
    """
    identity, now = _caller(request)
    try:
        spend(identity, now=now)
        body = read_body(request, limit=MAX_BYTES)
        report = read_report(body)
        make_room(now=now, needed=len(body), urgent=report.emergency)
    except BodyTooLarge:
        raise ApiRefused(413, "TOO_LARGE") from None
    except FormatRefused as refusal:
        raise refused_format(refusal) from None
    except ShouldWait as refusal:
        raise should_wait(refusal) from None
    submission = _submission(
        body, report, identity=identity, finish=state == "finished", test=lifecycle == "test",
        key=idempotency_key, correlation_id=correlation_id,
    )  # fmt: skip
    [answer] = receive_reports(actor=identity.actor, submissions=[submission], now=now)
    _echo(response, correlation_id)
    return _acknowledged(answer)


@router.post(
    "/reports/{uuid:report_id}/finish",
    response={200: ReportStatus, 404: Problem, **_REFUSALS},
    summary="Finish an open report",
)
def finish(request: HttpRequest, report_id: UUID) -> ReportStatus:
    """Finish a report submitted with `state=open`, so that the desk receives it; repeating it is no error."""
    identity, now = _caller(request)
    facts = _own(identity, report_id)
    if facts.state != "FINISHED":
        try:
            finish_report(actor=identity.actor, report_id=report_id, now=now)
        except TransitionRefused:
            raise ApiRefused(409, f"STATE_{_own(identity, report_id).state}") from None
    return _status(_own(identity, report_id))


@router.get(
    "/reports/by-key/{path:key}",
    response={200: ReportStatus, 404: Problem, **_REFUSALS},
    summary="Find a report by its idempotency key or reference",
)
def by_key(request: HttpRequest, key: str) -> ReportStatus:
    """Return the status of the report with this idempotency key or reference, if you got no answer.

    404 when no report was received under it.
    """
    identity, _ = _caller(request)
    facts = get_by_key(actor=identity.actor, kind=KeyKind.IDEMPOTENCY, key=key)
    if facts is None:
        facts = get_by_key(actor=identity.actor, kind=KeyKind.REFERENCE, key=key)
    if facts is None:
        raise ApiRefused(404, "NOT_FOUND")
    return _status(facts)


@router.get(
    "/reports/{uuid:report_id}",
    response={200: ReportStatus, 404: Problem, **_REFUSALS},
    summary="Read the status of a report",
)
def status(request: HttpRequest, report_id: UUID) -> ReportStatus:
    """Return the status of one of your own reports, without its content."""
    identity, _ = _caller(request)
    return _status(_own(identity, report_id))


@router.delete(
    "/reports/{uuid:report_id}",
    response={200: ReportStatus, 404: Problem, **_REFUSALS},
    summary="Retract a report",
)
def retract(request: HttpRequest, report_id: UUID) -> ReportStatus:
    """Retract one of your own reports, before the desk has decided on it. Repeating it is no error."""
    identity, now = _caller(request)
    facts = _own(identity, report_id)
    if facts.state != "RETRACTED":
        try:
            retraction.retract(identity=identity, report_id=report_id, urgent=facts.urgent, now=now)
        except retraction.AlreadyDecided:
            raise ApiRefused(409, "DECIDED") from None
        except TransitionRefused:
            raise ApiRefused(409, f"STATE_{facts.state}") from None
    return _status(_own(identity, report_id))


def _caller(request: HttpRequest) -> tuple[PartnerIdentity, datetime]:
    return request.auth, request.now  # type: ignore[attr-defined]


def _submission(
    body: bytes,
    report: Report,
    *,
    identity: PartnerIdentity,
    finish: bool,
    test: bool,
    key: str,
    correlation_id: str,
) -> Submission:
    keys = [(KeyKind.REFERENCE, report.reference)]
    if key:
        keys.insert(0, (KeyKind.IDEMPOTENCY, key))
    return Submission(
        arrival=Arrival.API,
        format=Format.REPORT,
        body=body,
        canonical=canonical_bytes(report),
        keys=tuple(keys),
        sender_id=identity.partner_id,
        reference=report.reference,
        language=report.language or "",
        urgent=report.emergency,
        is_test=test,
        finish=finish,
        correlation_id=correlation_id,
    )


def _acknowledged(answer: Acknowledgement) -> Status[ReportReceived]:
    if answer.outcome is Outcome.CONFLICT:
        raise ApiRefused(422, "OTHER_BODY")
    if answer.report_id is None or answer.state is None:
        raise ApiRefused(409, "IN_PROGRESS", retry=True)
    body = ReportReceived(
        id=answer.report_id,
        reference=answer.reference,
        receipt=answer.receipt,
        state=answer.state,
    )
    return Status(201 if answer.outcome is Outcome.CREATED else 200, body)


def _own(identity: PartnerIdentity, report_id: UUID) -> ReportFacts:
    found = get_reports(actor=identity.actor, report_ids=[report_id])
    if report_id not in found:
        raise ApiRefused(404, "NOT_FOUND")
    return found[report_id]


def _status(facts: ReportFacts) -> ReportStatus:
    return ReportStatus(
        id=facts.report_id,
        reference=facts.reference,
        state=facts.state,
        received_at=facts.received_at,
        changed_at=facts.changed_at,
        in_progress=facts.stage is not None,
        test=facts.is_test,
        correlation_id=facts.correlation_id,
    )


def _echo(response: HttpResponse, correlation_id: str) -> None:
    if correlation_id:
        response["X-Correlation-Id"] = correlation_id
