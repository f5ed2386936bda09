"""Journal of readings: a ledger row is committed before personal data leave the server.

A view that shows personal data first calls `consult`, which writes and commits one row (who, what, purpose,
when: Loi 78-17, art. 101), or fails closed. The tag `{% person %}` registers the report whose person it
prints, `{% selector %}` the identifier; `ReadingJournal` refuses a response that prints either without a row.
A search writes its row whether or not it finds anything (`journal_search`).
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import selector_key
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.web.account.actors import actor_of, now_of

log = logging.getLogger(__name__)

_CONSULTED = "fanal_consulted"
_RENDERED = "rendered_persons"
_SEARCHED = "fanal_searched"
_IDENTIFIERS = "rendered_selectors"
_HOLDS = "fanal_read_holders"
_HOLDERS = frozenset(
    {
        "report",
        "dossier",
        "payer",
        "sheet",
        "hit",
        "measure",
        "referral",
        "notice",
        "blocking",
        "mirror",
        "dereferencing",
        "appeal",
        "emergency_call",
    }
)
"""Kinds of object whose reading covers their identifiers."""

ACTIONS: Mapping[str, str] = {
    "report": "report.read",
    "dossier": "dossier.read",
    "measure": "measure.read",
    "referral": "referral.read",
    "notice": "notice.read",
    "blocking": "blocking.read",
    "mirror": "mirror.read",
    "dereferencing": "dereferencing.read",
    "appeal": "appeal.read",
    "emergency_call": "emergency_call.read",
    "payer": "payer.read",
    "sheet": "sheet.read",
    "object": "object.open",
    "identity": "identity.open",
    "person": "account.read",
}
"""Default ledger action of a reading, by kind of object."""


_FETCHED_AHEAD = frozenset({"Sec-Purpose", "Purpose", "X-Moz"})
"""Headers of a browser that fetches a page ahead, before anybody opens it."""


def is_fetched_ahead(request: HttpRequest) -> bool:
    """Return whether a browser prefetches the page before the person opens it: then nobody has read it."""
    return not _FETCHED_AHEAD.isdisjoint(request.headers)


class ReadNotJournalled(Exception):
    """Error: a page would show persons or identifiers without a ledger row in this request."""


def consult(
    request: HttpRequest,
    kind: str,
    ids: Iterable[UUID],
    motive: str = "",
    *,
    action: str | None = None,
    reports: Iterable[UUID] = (),
    aside: bool = False,
) -> None:
    """Write and commit a ledger row for the reading of `ids`, objects of `kind`, before the page is made.

    `kind`: a key of `ACTIONS`, such as report or dossier. `action`: the ledger's name of the reading, by
    default that of the kind. `reports` are further reports whose persons the page shows (those of a dossier
    or of a measure). The purpose ("motive") is the argument, else the one stated in this session, else the
    page's name (`page:desk:report`). `aside`: the objects are not the subject of the page (alarms), so that
    the row covers nothing else on it. Without objects nothing is written. A search is refused here: without
    findings its query would not be recorded, so `journal_search` records it.

    Raises:
        RuntimeError: a transaction is open, in which the row could be rolled back.
        UnknownAction, ValueRefused: from the ledger.
        ValueError: the action is a search.
    """
    if (action or "").partition(".")[2] in {"search", "run"}:
        raise ValueError("journal_search journals a search")
    shown = [ObjectRef(kind=kind, id=object_id) for object_id in dict.fromkeys(ids)]
    beside = [ObjectRef(kind="report", id=report_id) for report_id in dict.fromkeys(reports)]
    objects = [*shown, *(ref for ref in beside if ref not in shown)]
    if not objects:
        return
    actor = actor_of(request)
    with transaction.atomic(durable=True):
        ledger.record(
            actor=actor,
            action=action or ACTIONS[kind],
            at=now_of(request),
            objects=objects,
            motive=motive.strip() or actor.motive or _page_motive(request),
        )
    if aside:
        return
    consulted_ids(request).update(str(ref.id) for ref in objects)
    if not _HOLDERS.isdisjoint(ref.kind for ref in objects):
        request.__dict__[_HOLDS] = True


def journal_search(
    request: HttpRequest,
    *,
    kind: str,
    text: str,
    reports: Iterable[UUID] = (),
    selectors: Iterable[tuple[str, str]] = (),
    elsewhere: int = 0,
) -> None:
    """Write and commit a ledger row for a search: keyed digest of the query, and what the page shows.

    `kind`: the kind of identifier searched, "" for any. `selectors`: the identifiers that the page prints, as
    (kind, value). `reports`: ids of the reports that the page shows. `elsewhere`: number of other desks that
    hold the value. `text` is the query, of which only the keyed digest is stored.

    Raises:
        RuntimeError: a transaction is open, in which the row could be rolled back.
    """
    actor, found, pairs = actor_of(request), list(reports), list(selectors)
    motive = actor.motive or _page_motive(request)
    with transaction.atomic(durable=True):
        ledger.record_search(
            actor=replace(actor, motive=motive),
            at=now_of(request),
            kind=kind or "ANY",
            text=text,
            reports=found,
            selectors=[selector_key(SelectorKind(k), value) for k, value in pairs],
            elsewhere=elsewhere,
        )
    consulted_ids(request).update(map(str, found))
    request.__dict__.setdefault(_SEARCHED, set()).update(pairs)


def journal_ledger_search(
    request: HttpRequest, *, text: str, about: Iterable[ObjectRef], shown: Iterable[UUID]
) -> None:
    """Write and commit a ledger row for a search of the ledger itself, whether or not it finds anything.

    `text`: all criteria, of which only the keyed digest is stored; `about`: the person and objects that they
    name; `shown`: ids of the entries that the page shows.

    Raises:
        RuntimeError: a transaction is open, in which the row could be rolled back.
    """
    actor = actor_of(request)
    with transaction.atomic(durable=True):
        ledger.record_ledger_search(
            actor=replace(actor, motive=actor.motive or _page_motive(request)),
            at=now_of(request),
            text=text,
            about=about,
            shown=shown,
        )


def consulted_ids(request: HttpRequest) -> set[str]:
    """Return the ids (as texts) of the objects for whose reading this request has committed a ledger row.

    The set is the request's own: adding to it counts as a reading.
    """
    known: set[str] = request.__dict__.setdefault(_CONSULTED, set())
    return known


def rendered_ids(request: HttpRequest) -> set[str]:
    """Return the ids (as texts) of the reports whose persons this request has printed on a page.

    Each needs a ledger entry of its reading, or the response is refused (`ReadingJournal`). The set is the
    request's own: the template tags add to it.
    """
    known: set[str] = request.__dict__.setdefault(_RENDERED, set())
    return known


def unread_selectors(request: HttpRequest) -> set[tuple[str, str]]:
    """Return the identifiers that this request has printed without a ledger row, as (kind, value).

    The reading of a report, dossier and so on covers its identifiers; a search names each printed identifier
    in its own row. Empty if the request recorded such a reading.
    """
    if request.__dict__.get(_HOLDS):
        return set()
    printed: set[tuple[str, str]] = request.__dict__.get(_IDENTIFIERS, set())
    searched: set[tuple[str, str]] = request.__dict__.get(_SEARCHED, set())
    return printed - searched


class ReadingJournal:
    """Middleware that refuses responses with persons or identifiers that have no committed ledger row."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the view's response once every printed person and identifier has its row.

        Raises:
            ReadNotJournalled: a row is missing; the error page is sent instead.
        """
        response = self.get_response(request)
        self._check(request)
        return response

    def process_template_response(
        self, request: HttpRequest, response: TemplateResponse
    ) -> TemplateResponse:
        """Run the check also when a template response is rendered, which happens after its view has returned.

        The check: every person and identifier that the page prints has a committed ledger row.
        """
        response.add_post_render_callback(lambda _: self._check(request))
        return response

    @staticmethod
    def _check(request: HttpRequest) -> None:
        missing = rendered_ids(request) - consulted_ids(request)
        if missing:
            log.critical("page with %d person(s) and no ledger row: refused", len(missing))
            raise ReadNotJournalled(f"{request.path}: {len(missing)} without a row")
        if unread := unread_selectors(request):
            log.critical("page with %d identifier(s) and no ledger row: refused", len(unread))
            raise ReadNotJournalled(f"{request.path}: {len(unread)} identifiers without a row")


def _page_motive(request: HttpRequest) -> str:
    match = request.resolver_match
    name = (match.view_name or match.route) if match else request.path
    return f"page:{name}"
