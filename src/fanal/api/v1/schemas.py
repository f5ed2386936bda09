"""Response schemas of the partner API, as OpenAPI documents them."""

from datetime import datetime
from uuid import UUID

import msgspec
from ninja import Schema

from fanal.formats.report.records import Report
from fanal.intake.domain.states import ReportState


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


class Problem(Schema):
    """Why a request was refused: a stable code, the place in the body, and a sentence."""

    code: str
    path: str = ""
    message: str
    retry: bool = False
    """True when the same request may succeed later (409, 429, 503)."""


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
