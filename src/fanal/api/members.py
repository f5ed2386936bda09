"""Shared code of the list services TAXII and hash sharing: authentication, methods, error answers."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import PartnerIdentity
from fanal.api.credentials import basic_partner
from fanal.exchange.domain.records import Service
from fanal.exchange.operations.serving import note_refusal, reading

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


class ServiceRefused(Exception):
    """A request that a list service (TAXII or hash sharing) refuses.

    It has the HTTP `status`, an error code, and an English text for the caller. The code is recorded for the
    pages of the caller (an organisation) and of the desk.
    """

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text


def _takes_all(_request: HttpRequest) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ListService:
    """The common behaviour of a list service, TAXII or hash sharing: authentication, methods, errors.

    `service` names the service in the records of refusals. `write` turns HTTP status, error code and text
    into a response; `takes` returns whether the service can answer in a format that the request accepts (else
    406).
    """

    service: Service
    write: Callable[[int, str, str], HttpResponse]
    takes: Callable[[HttpRequest], bool] = _takes_all

    def refuse(self, status: int, code: str, text: str) -> HttpResponse:
        """Return an error response of this service with status, error code and English text.

        401 has `WWW-Authenticate`, 503 has `Retry-After`.
        """
        answer = self.write(status, code, text)
        if status == 401:
            answer["WWW-Authenticate"] = f'Basic realm="{self.service.lower()}", charset="UTF-8"'
        if status == 503:
            answer["Retry-After"] = "5"
        return answer

    def member_only(self, *methods: str) -> Callable[[View], View]:
        """Return a view decorator that requires HTTP Basic credentials and one of the HTTP `methods`.

        The view receives the partner's identity as its second argument, and raises ServiceRefused to refuse;
        that is recorded for the pages of that partner and of the desk. 503 means that the database is
        unavailable or that a list is being changed at the moment: nothing was stored, and the client may
        repeat the request.
        """

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(request: HttpRequest, **arguments: object) -> HttpResponse:
                try:
                    return self._admit(request, methods) or self._run(view, request, arguments)
                except (SuspiciousOperation, BadRequest):
                    return self.refuse(400, "INVALID", "Invalid request")
                except (OperationalError, InterfaceError, OSError) as failure:
                    log.error("%s: %s", self.service, type(failure).__name__)
                    return self.refuse(503, "AWAY", "Try again later")

            return guarded

        return decorate

    def _admit(self, request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse | None:
        """Return an error response, or None after setting `request.member` to the authenticated partner.

        Checks credentials (401), `Accept` header (406) and HTTP method (405).
        """
        identity = basic_partner(request, now=request.now)  # type: ignore[attr-defined]
        if identity is None:
            return self.refuse(401, "UNAUTHENTICATED", "Authentication required")
        if not self.takes(request):
            return self.refuse(406, "NOT_ACCEPTABLE", "No such representation is served here")
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            answer = self.refuse(405, "BAD_METHOD", f"Use {' or '.join(methods)}")
            answer["Allow"] = ", ".join(methods)
            return answer
        request.member = identity  # type: ignore[attr-defined]
        return None

    def _run(self, view: View, request: HttpRequest, arguments: dict[str, object]) -> HttpResponse:
        identity: PartnerIdentity = request.member  # type: ignore[attr-defined]
        try:
            with reading():
                try:
                    return view(request, identity, **arguments)
                except ServiceRefused as refused:
                    # Inside the transaction: it commits the state of the lists, of which one may have closed.
                    note_refusal(
                        actor=identity.actor,
                        service=self.service,
                        code=refused.code,
                        now=request.now,  # type: ignore[attr-defined]
                    )
                    return self.refuse(refused.status, refused.code, refused.text)
        except Refused:
            return self.refuse(403, "NO_MEMBER", "Not a member of this service")
