"""Response documents (XML) of the CyberTipline protocol.

They have no namespace, since clients look for the root element by its plain name. `reportDoneResponse`
answers /finish; `reportResponse` answers all else, also requests that Django refuses before any view.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final

from lxml import etree

from fanal.formats.refusal import FormatRefused


class AnswerCode(IntEnum):
    """Response codes of the CyberTipline protocol, by which NCMEC receives reports; 0 is success."""

    SUCCESS = 0
    SERVER_ERROR = 1000
    SAVE_FAILED = 1100
    UPLOAD_FAILED = 1110
    UPLOAD_INCOMPLETE = 1111
    NOT_FOUND = 1210
    UPDATE_FAILED = 1300
    AUTHENTICATION_REQUIRED = 2000
    NOT_AUTHORIZED = 3000
    NOT_AUTHORIZED_FOR_REPORT = 3100
    NOT_AUTHORIZED_FOR_ACTION = 3300
    INVALID_REQUEST = 4000
    VALIDATION_FAILED = 4100
    MALFORMED_XML = 4110
    MALFORMED_FILE = 4200
    NO_SUCH_REPORT = 5001
    NO_SUCH_FILE = 5002
    ALREADY_RETRACTED = 5101
    ALREADY_FINISHED = 5102


# Protocol texts in English for programs, not messages for people.
DESCRIPTIONS: Final[Mapping[AnswerCode, str]] = {
    AnswerCode.SUCCESS: "Success",
    AnswerCode.SERVER_ERROR: "Server error",
    AnswerCode.SAVE_FAILED: "Save failed",
    AnswerCode.UPLOAD_FAILED: "Upload failed",
    AnswerCode.UPLOAD_INCOMPLETE: "Upload incomplete",
    AnswerCode.NOT_FOUND: "Not found",
    AnswerCode.UPDATE_FAILED: "Update failed",
    AnswerCode.AUTHENTICATION_REQUIRED: "Authentication required",
    AnswerCode.NOT_AUTHORIZED: "Not authorized",
    AnswerCode.NOT_AUTHORIZED_FOR_REPORT: "Not authorized for this report",
    AnswerCode.NOT_AUTHORIZED_FOR_ACTION: "Not authorized for this action",
    AnswerCode.INVALID_REQUEST: "Invalid request",
    AnswerCode.VALIDATION_FAILED: "Validation failed",
    AnswerCode.MALFORMED_XML: "Malformed XML",
    AnswerCode.MALFORMED_FILE: "Malformed file",
    AnswerCode.NO_SUCH_REPORT: "Report does not exist",
    AnswerCode.NO_SUCH_FILE: "File does not exist",
    AnswerCode.ALREADY_RETRACTED: "Report already retracted",
    AnswerCode.ALREADY_FINISHED: "Report already finished",
}


def code_of(refusal: FormatRefused) -> AnswerCode:
    """Return the protocol's response code for a refused document: malformed XML, or invalid content."""
    return AnswerCode.MALFORMED_XML if refusal.malformed else AnswerCode.VALIDATION_FAILED


def report_response(
    code: AnswerCode,
    *,
    description: str | None = None,
    report_id: int | None = None,
    file_id: str | None = None,
    md5: str | None = None,
) -> bytes:
    """Serialise a `reportResponse`, the answer to every request of the protocol except /finish.

    `description` defaults to that of the code; ids that are None are left out. `md5` is that of an uploaded
    file.
    """
    root = etree.Element("reportResponse")
    _add(root, "responseCode", text=str(code.value))
    _add(root, "responseDescription", text=description or DESCRIPTIONS[code])
    for name, value in (("reportId", report_id), ("fileId", file_id), ("hash", md5)):
        if value is not None:
            _add(root, name, text=str(value))
    return _serialized(root)


def done_response(code: AnswerCode, *, report_id: int, file_ids: Sequence[str] = ()) -> bytes:
    """Serialise a `reportDoneResponse`: response code, report id and the ids of the received files."""
    root = etree.Element("reportDoneResponse")
    _add(root, "responseCode", text=str(code.value))
    _add(root, "reportId", text=str(report_id))
    files = etree.SubElement(root, "files")
    for file_id in file_ids:
        _add(files, "fileId", text=file_id)
    return _serialized(root)


def refusal_response(refusal: FormatRefused) -> bytes:
    """Serialise the CyberTipline protocol's `reportResponse` for a refused document: code, reason, path."""
    code = code_of(refusal)
    where = f" at {refusal.path}" if refusal.path else ""
    return report_response(code, description=f"{DESCRIPTIONS[code]}: {refusal.code.value}{where}")


def _add(parent: etree._Element, name: str, *, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _serialized(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
