"""Refusal of documents: one exception for every format, with code, path and parameters only.

Messages for the codes are in `reference/data/labels`. Paths are written as each format does:
`persons[0].age` in Fanal's report format and TAXII, `line 3` in lists, elsewhere with indices from 1
(`report/victim[1]/victimPerson`).
"""

from collections.abc import Mapping
from enum import StrEnum


class DocumentFault(StrEnum):
    """Codes of the faults for which a document of any format is refused; labels give their messages.

    Codes that are not explained here are self-explanatory. DOCTYPE: XML with a document type, which could
    define entities. WRONG_ROOT: another kind of document than expected. FALSE_ANNOTATION: an NCMEC
    annotation, which can only be true, has another value. BAD_REFERENCE: the sender's reference is empty, too
    long or not printable. UNSAFE_NAME, DUPLICATE_NAME, ENCRYPTED, LINK (a special file), BOMB (it expands
    beyond the limits), UNKNOWN_COMPRESSION, NESTED_PACKAGE (a package inside): a file in a package. PERSON: a
    list of indicators that describes people. MEDIA_IN_EVIDENCE: evidence that holds other content than text.
    NOT_OF_THE_WEB: an address that is not http or https.
    """

    # syntax errors: malformed document (protocol code 4110)
    TOO_LARGE = "TOO_LARGE"
    BAD_ENCODING = "BAD_ENCODING"
    MALFORMED = "MALFORMED"
    DOCTYPE = "DOCTYPE"
    TOO_DEEP = "TOO_DEEP"
    TOO_MANY_VALUES = "TOO_MANY_VALUES"
    TOO_MANY_ATTRIBUTES = "TOO_MANY_ATTRIBUTES"
    # content errors: not a valid report (protocol code 4100)
    WRONG_ROOT = "WRONG_ROOT"
    MISSING_FIELD = "MISSING_FIELD"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    DUPLICATE_FIELD = "DUPLICATE_FIELD"
    UNKNOWN_CODE = "UNKNOWN_CODE"
    WRONG_TYPE = "WRONG_TYPE"
    BAD_DATE = "BAD_DATE"
    FUTURE_DATE = "FUTURE_DATE"
    FALSE_ANNOTATION = "FALSE_ANNOTATION"
    BAD_REFERENCE = "BAD_REFERENCE"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    FORBIDDEN_CHARACTER = "FORBIDDEN_CHARACTER"
    NUMBER_TOO_LARGE = "NUMBER_TOO_LARGE"
    # the package is dangerous, or contains no report
    UNSAFE_NAME = "UNSAFE_NAME"
    DUPLICATE_NAME = "DUPLICATE_NAME"
    ENCRYPTED = "ENCRYPTED"
    LINK = "LINK"
    BOMB = "BOMB"
    TOO_MANY_FILES = "TOO_MANY_FILES"
    UNKNOWN_COMPRESSION = "UNKNOWN_COMPRESSION"
    NESTED_PACKAGE = "NESTED_PACKAGE"
    NO_REPORT_INSIDE = "NO_REPORT_INSIDE"
    PERSON = "PERSON"  # a list of indicators that describes people
    # content that a report must not contain, or an address outside the web
    MEDIA_IN_EVIDENCE = "MEDIA_IN_EVIDENCE"
    NOT_OF_THE_WEB = "NOT_OF_THE_WEB"


_SYNTAX = frozenset(
    {
        DocumentFault.TOO_LARGE,
        DocumentFault.BAD_ENCODING,
        DocumentFault.MALFORMED,
        DocumentFault.DOCTYPE,
        DocumentFault.TOO_DEEP,
        DocumentFault.TOO_MANY_VALUES,
        DocumentFault.TOO_MANY_ATTRIBUTES,
    }
)


class FormatRefused(Exception):
    """Error: a document was refused; `code`, `path` in the document, `parameters` for the message."""

    __slots__ = ("code", "parameters", "path")

    def __init__(
        self,
        code: DocumentFault,
        path: str = "",
        *,
        parameters: Mapping[str, str | int] | None = None,
    ) -> None:
        """Store code, path and parameters; none of them is a message text."""
        super().__init__(code, path)
        self.code = code
        self.path = path
        self.parameters: Mapping[str, str | int] = dict(parameters or {})

    @property
    def malformed(self) -> bool:
        """Whether the document is refused for its syntax (True) or for its content (False)."""
        return self.code in _SYNTAX
