"""Errors of the partner API: one exception, one JSON shape, messages in the caller's language."""

from ninja import Field, Schema

from fanal import reference
from fanal.api.credentials import ShouldWait
from fanal.formats.refusal import DocumentFault, FormatRefused

_STATUS = {
    DocumentFault.TOO_LARGE: 413,
    DocumentFault.BAD_ENCODING: 400,
    DocumentFault.MALFORMED: 400,
    DocumentFault.TOO_DEEP: 400,
    DocumentFault.TOO_MANY_VALUES: 400,
}


class Problem(Schema):
    """The body of the response to a refused request, of which nothing was stored."""

    code: str = Field(description="Stable error code, for programs.")
    path: str = Field(
        "",
        description="Path of the faulty field or parameter, for example `persons[0].age`; empty if there is"
        " none.",
    )
    message: str = Field(
        description="The error as a sentence, in French or English according to `Accept-Language`."
    )
    retry: bool = Field(
        False,
        description="True when the same request may succeed later (409, 429, 503); see the `Retry-After`"
        " header.",
    )


class ApiRefused(Exception):
    """A request that the partner API refuses, of which nothing was stored; becomes the response `Problem`.

    It has the HTTP status, the error code, and the `path` of the faulty field in the body. `retry`: the same
    request may succeed later, after `wait` seconds; `parameters` fill the message.
    """

    def __init__(self, status: int, code: str, *, path: str = "", retry: bool = False) -> None:
        super().__init__(code)
        self.status, self.code, self.path, self.retry = status, code, path, retry
        self.parameters: dict[str, str | int] = {}
        self.wait = 0


def should_wait(refusal: ShouldWait) -> ApiRefused:
    """Return the 429 error, with `Retry-After`, for a sender that must wait.

    `refusal` gives the reason and the seconds.
    """
    problem = ApiRefused(429, refusal.code, retry=True)
    problem.wait = refusal.wait
    return problem


def refused_format(refusal: FormatRefused) -> ApiRefused:
    """Return the error for a body refused by its format: 400 unreadable, 413 too large, 422 invalid."""
    problem = ApiRefused(_STATUS.get(refusal.code, 422), refusal.code.value, path=refusal.path)
    problem.parameters = dict(refusal.parameters)
    return problem


def render(problem: ApiRefused, *, language: str) -> dict[str, object]:
    """Return the JSON body of an error: code, path, message in `language`, and whether to retry."""
    parameters = {"path": problem.path, **problem.parameters}
    return {
        "code": problem.code,
        "path": problem.path,
        "message": reference.render(problem.code, parameters, language, kind="api"),
        "retry": problem.retry,
    }
