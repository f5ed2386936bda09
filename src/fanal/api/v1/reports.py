"""`/api/v1/reports`: endpoints to submit, finish, look up and retract reports."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
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
from fanal.intake import operations, queries
from fanal.intake.domain.records import (
    Acknowledgement,
    Arrival,
    Format,
    KeyKind,
    Outcome,
    ReportFacts,
    Submission,
)
from fanal.intake.domain.states import ReportState
from fanal.kernel.states import TransitionRefused

# Response schemas of the partner API, as OpenAPI documents them.


class ReportReceived(Schema):
    """Acknowledgement: true from the moment it is sent. `receipt` can be verified offline."""

    id: UUID
    reference: str
    receipt: str
    state: ReportState


class ReportStatus(Schema):
    """What became of a report of one's own."""

    id: UUID
    reference: str
    state: ReportState
    received_at: datetime
    changed_at: datetime
    in_progress: bool
    test: bool
    correlation_id: str


def _inlined(node: object, definitions: dict[str, object]) -> object:
    """Return a JSON schema with each `$ref` replaced by its definition (`definitions`, by name).

    OpenAPI would resolve the references at the root of its own document.
    """
    if isinstance(node, list):
        return [_inlined(part, definitions) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[str(node["$ref"]).rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in node.items() if key != "$defs"}


def _report_body() -> dict[str, object]:
    schema = msgspec.json.schema(Report)
    content = {"application/json": {"schema": _inlined(schema, schema["$defs"])}}
    return {"requestBody": {"required": True, "content": content}}


REPORT_BODY = _report_body()
"""Request body of a report for OpenAPI; validation itself is the strict parser's (`formats.report`)."""


router = Router(tags=["reports"])
_MAX_KEY = 200
_CORRELATION = Header("", alias="X-Correlation-Id", max_length=128, pattern=r"^[!-~]*$")
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
    summary="Hand in a report",
)
def hand_in(  # noqa: PLR0917 - the API library reads the parameters by name
    request: HttpRequest,
    response: HttpResponse,
    state: Literal["finished", "open"] = Query("finished"),
    lifecycle: Literal["live", "test"] = Query("live"),
    idempotency_key: str = Header("", alias="Idempotency-Key", max_length=_MAX_KEY),
    correlation_id: str = _CORRELATION,
) -> Status[ReportReceived]:
    """Seal and acknowledge one report. A repeat answers 200 with the first report's id.

    `reference` is unique for each partner; `Idempotency-Key` is valid as long as the report lives. With
    `lifecycle=test` the report is checked and acknowledged and reaches no desk.
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
    [answer] = operations.receive_reports(actor=identity.actor, submissions=[submission], now=now)
    _echo(response, correlation_id)
    return _acknowledged(answer)


@router.post(
    "/reports/{uuid:report_id}/finish",
    response={200: ReportStatus, 404: Problem, **_REFUSALS},
    summary="Finish an open report",
)
def finish(request: HttpRequest, report_id: UUID) -> ReportStatus:
    """Finish a report handed in with `state=open`; finishing twice is no error."""
    identity, now = _caller(request)
    facts = _own(identity, report_id)
    if facts.state != "FINISHED":
        try:
            operations.finish_report(actor=identity.actor, report_id=report_id, now=now)
        except TransitionRefused:
            raise ApiRefused(409, f"STATE_{_own(identity, report_id).state}") from None
    return _status(_own(identity, report_id))


@router.get(
    "/reports/by-key/{path:key}",
    response={200: ReportStatus, 404: Problem, **_REFUSALS},
    summary="What became of an idempotency key",
)
def by_key(request: HttpRequest, key: str) -> ReportStatus:
    """Tell whether a report landed: for whoever lost the answer. 404 if nothing did."""
    identity, _ = _caller(request)
    facts = queries.get_by_key(actor=identity.actor, kind=KeyKind.IDEMPOTENCY, key=key)
    if facts is None:
        facts = queries.get_by_key(actor=identity.actor, kind=KeyKind.REFERENCE, key=key)
    if facts is None:
        raise ApiRefused(404, "NOT_FOUND")
    return _status(facts)


@router.get(
    "/reports/{uuid:report_id}",
    response={200: ReportStatus, 404: Problem, **_REFUSALS},
    summary="The status of a report",
)
def status(request: HttpRequest, report_id: UUID) -> ReportStatus:
    """Return the state of a report of one's own; nothing of its content."""
    identity, _ = _caller(request)
    return _status(_own(identity, report_id))


@router.delete(
    "/reports/{uuid:report_id}",
    response={200: ReportStatus, 404: Problem, **_REFUSALS},
    summary="Retract a report",
)
def retract(request: HttpRequest, report_id: UUID) -> ReportStatus:
    """Retract a report of one's own before a decision; retracting twice is no error."""
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
    found = queries.get_reports(actor=identity.actor, report_ids=[report_id])
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
