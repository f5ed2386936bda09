"""TAXII 2.1 server: discovery, one API root, and each shareable list as a read-only collection.

An object is the STIX indicator of one entry, in its present version. The feed lists it again at each change;
it is revoked when the entry is withdrawn, or when a list closes to the organisation that reads it. Views
receive the authenticated organisation as `identity`.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt
from msgspec import Struct, structs

from fanal.accounts.domain.records import PartnerIdentity
from fanal.accounts.routes import for_programs
from fanal.api.members import ListService, ServiceRefused
from fanal.exchange import queries
from fanal.exchange.domain.feed import Cursor
from fanal.exchange.domain.records import Service, SharedItem, SharedList, SharedPage
from fanal.exchange.operations.serving import items_of, note_response, serve_page, told_lists
from fanal.exchange.queries import DESK
from fanal.formats import taxii as resources
from fanal.formats.indicators import Indicator, written_instant
from fanal.formats.stix.patterns import indicator_id, item_ids
from fanal.formats.stix.write import Marks, write_indicator
from fanal.formats.taxii import (
    MEDIA_TYPE,
    TaxiiProblem,
    encode,
    read_timestamp,
    timestamp,
    write_envelope,
)
from fanal.kernel.typed import whole_number

# HTTP side of the TAXII server: media types, and problems in the standard's shape.

_ANY = frozenset({"*/*", "application/*"})
_TYPE = "application/taxii+json"


def taxii(body: bytes, *, status: int = 200, items: Sequence[SharedItem] = ()) -> HttpResponse:
    """Return a response in the TAXII media type with the given body and status.

    `items` are the objects of a page in the order of addition: the first and last give the headers
    `X-TAXII-Date-Added-First` and `-Last`, which are absent without `items`.
    """
    answer = HttpResponse(body, content_type=MEDIA_TYPE, status=status)
    answer["Cache-Control"] = "no-store"
    if items:
        answer["X-TAXII-Date-Added-First"] = timestamp(items[0].row.at)
        answer["X-TAXII-Date-Added-Last"] = timestamp(items[-1].row.at)
    return answer


def is_acceptable(accept: str) -> bool:
    """Return whether an `Accept` header admits the TAXII 2.1 media type; an empty one admits all."""
    return not accept.strip() or any(map(_takes, accept.lower().split(",")))


def _takes(part: str) -> bool:
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    said = {name.strip(): value.strip(' "') for name, _, value in pairs}
    if said.get("q") in {"0", "0.0"}:
        return False
    return kind in _ANY or (kind == _TYPE and said.get("version", "2.1") == "2.1")


def _refusal(status: int, code: str, text: str) -> HttpResponse:
    problem = TaxiiProblem(title=text, http_status=str(status), error_code=code)
    return taxii(encode(problem), status=status)


def _speaks_taxii(request: HttpRequest) -> bool:
    return is_acceptable(request.headers.get("Accept", ""))


WIRE = ListService(service=Service.TAXII, write=_refusal, takes=_speaks_taxii)


# The filters of TAXII 2.1 (section 3.4): `added_after`, `limit`, `next` and `match[…]`.

LIMIT: Final = 1000
_MOST_MATCHES: Final = 100
_NEXT: Final = re.compile(r"([0-9]{1,18})(?:_([0-9]{1,18}))?\.([0-9]{1,18})")
_SOME: Final = frozenset({"first", "last", "all"})


class AskedPage(Struct, frozen=True, kw_only=True):
    """The page of a collection that a TAXII request asks for, after its filters.

    It holds at most `limit` objects at feed positions after `after` up to `last`; a feed position numbers a
    change of the lists. The rows of a list granted or revoked at `after` all have that position: `row` is the
    last one already sent. `ids` are the requested items, None for all; `versions` the requested modification
    times, None for the present one; `nothing` is set when the filters exclude every object of this server.
    """

    after: int
    last: int
    limit: int
    row: int | None = None
    ids: tuple[UUID, ...] | None = None
    versions: frozenset[str] | None = None
    nothing: bool = False

    @property
    def cursor(self) -> Cursor:
        """Position in the change feed where the page begins."""
        return Cursor(place=self.after, row=self.after if self.row is None else self.row)


def read_filters(query: QueryDict) -> AskedPage:
    """Return the page that a query asks for (filters of TAXII 2.1, section 3.4).

    Objects added after the first page of the traversal are left out.

    Raises:
        ServiceRefused: 400, an invalid filter.
    """
    newest = queries.newest_place()
    after, last, row = _added_after(query), newest, None
    if text := query.get("next", ""):
        found = _NEXT.fullmatch(text)
        if found is None:
            raise ServiceRefused(400, "BAD_NEXT", "Parameter next is none of this server")
        row = int(found[2]) if found[2] and after <= int(found[1]) else None
        after, last = max(after, int(found[1])), min(int(found[3]), newest)
    types, specs = _match(query, "type"), _match(query, "spec_version")
    ids, versions = _match(query, "id"), _match(query, "version")
    return AskedPage(
        after=after,
        last=last,
        row=row,
        limit=_limit(query),
        ids=None if ids is None else tuple(i for text in ids for i in item_ids(text)),
        versions=None if versions is None or _SOME & set(versions) else frozenset(versions),
        nothing=(types is not None and "indicator" not in types)
        or (specs is not None and "2.1" not in specs),
    )


def following(asked: AskedPage, cursor: Cursor | None) -> str:
    """Return the `next` parameter of the page at `cursor`, its position in the feed; "" if `cursor` is None.

    `asked` is the present page; the next one ends at the same position of the feed (`asked.last`).
    """
    if cursor is None:
        return ""
    row = "" if cursor.row == cursor.place else f"_{cursor.row}"
    return f"{cursor.place}{row}.{asked.last}"


def _added_after(query: QueryDict) -> int:
    text = query.get("added_after", "")
    if not text:
        return 0
    try:
        return queries.place_at(instant=read_timestamp(text.replace(" ", "+")))
    except ValueError:
        raise ServiceRefused(400, "BAD_DATE", "Parameter added_after is no timestamp") from None


def _limit(query: QueryDict) -> int:
    text = query.get("limit", "")
    if not text:
        return LIMIT
    number = whole_number(text)
    if not number:
        raise ServiceRefused(400, "BAD_LIMIT", "Parameter limit is no number from 1")
    return min(number, LIMIT)


def _match(query: QueryDict, name: str) -> list[str] | None:
    text = query.get(f"match[{name}]")
    if text is None:
        return None
    found = [piece.strip() for piece in text.split(",")]
    if len(found) > _MOST_MATCHES:
        raise ServiceRefused(
            400, "BAD_MATCH", f"match[{name}] has more than {_MOST_MATCHES} values"
        )
    return found


_TITLE = "Fanal: lists of known material"
_NOT_WRITTEN = 1024
_CLOSED = "Closed to this member: every object is revoked."


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def discovery(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return the discovery document: the address of the single API root."""
    root_path = reverse("taxii:root")
    found = resources.Discovery(title=_TITLE, api_roots=(root_path,), default=root_path)
    return taxii(resources.encode(found))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def root(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return the description of the API root: title, TAXII version, largest accepted body."""
    found = resources.ApiRoot(
        title=_TITLE, versions=(resources.MEDIA_TYPE,), max_content_length=_NOT_WRITTEN
    )
    return taxii(resources.encode(found))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def status(request: HttpRequest, identity: PartnerIdentity, status: str) -> HttpResponse:
    """Refuse every status request with 404: nothing can be written, so there is no status."""
    raise ServiceRefused(404, "NOT_FOUND", "No such status")


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def collections(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return the lists that the caller may read, and the closed ones whose objects are all revoked."""
    found = resources.Collections(collections=tuple(map(_described, _told(request))))
    return taxii(resources.encode(found))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def collection(request: HttpRequest, identity: PartnerIdentity, collection: str) -> HttpResponse:
    """Return the description of one list (`collection` is its id)."""
    return taxii(resources.encode(_described(_open(request, collection))))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET", "POST")
def objects(request: HttpRequest, identity: PartnerIdentity, collection: str) -> HttpResponse:
    """Return a page of the indicators of a list (`collection` is its id) that the query selects.

    They are in order of their addition, oldest first. Writing (POST) is refused with 403.
    """
    shared = _open(request, collection)
    _refuse_writing(request)
    asked = read_filters(request.GET)
    page = _page(request, shared, asked)
    shown = [item for item in page.items if _is_asked(item, asked)]
    way = following(asked, page.next)
    return taxii(write_envelope(map(_stix, shown), more=bool(way), following=way), items=page.items)


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def manifest(request: HttpRequest, identity: PartnerIdentity, collection: str) -> HttpResponse:
    """Return a page of the manifest of a list (`collection` is its id): id, version and date of each object.

    The date is that of its addition.
    """
    shared = _open(request, collection)
    asked = read_filters(request.GET)
    page = _page(request, shared, asked)
    way = following(asked, page.next)
    found = resources.TaxiiManifest(
        more=bool(way),
        next=way,
        objects=tuple(_manifested(item) for item in page.items if _is_asked(item, asked)),
    )
    return taxii(resources.encode(found), items=page.items)


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET", "DELETE")
def one_object(
    request: HttpRequest, identity: PartnerIdentity, *, collection: str, object_id: str
) -> HttpResponse:
    """Return one indicator of a list by its STIX id (`object_id`), in a TAXII envelope.

    `collection` is the id of the list in the request. Deletion is refused with 403, an unknown id with 404.
    """
    shared = _open(request, collection)
    _refuse_writing(request)
    asked = read_filters(request.GET)
    page = _page_of_one(request, shared, asked, object_id=object_id)
    shown = [item for item in page.items if not asked.nothing and _is_asked(item, asked)]
    return taxii(write_envelope(map(_stix, shown), more=False, following=""), items=page.items)


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def versions(
    request: HttpRequest, identity: PartnerIdentity, *, collection: str, object_id: str
) -> HttpResponse:
    """Return the stored versions of one indicator (`object_id`) of a list: only the present one exists.

    `collection` is the id of the list in the request.
    """
    shared = _open(request, collection)
    page = _page_of_one(request, shared, read_filters(request.GET), object_id=object_id)
    found = resources.Versions(versions=tuple(_version(item) for item in page.items))
    return taxii(resources.encode(found), items=page.items)


def _page(request: HttpRequest, shared: SharedList, asked: AskedPage) -> SharedPage:
    if asked.nothing:
        return SharedPage(items=(), last=asked.last, next=None)
    if asked.ids is not None:
        return _page_of(request, shared, asked)
    return serve_page(
        actor=_member(request).actor,
        service=Service.TAXII,
        lists=[shared],
        cursor=asked.cursor,
        last=asked.last,
        limit=asked.limit,
        now=_now(request),
    )


def _page_of(request: HttpRequest, shared: SharedList, asked: AskedPage) -> SharedPage:
    """Return the page of the list items in `asked.ids`, and record that the organisation received it.

    `shared` is the list; items of other lists are left out.
    """
    rows = queries.rows_of_items(
        opened=shared.open, item_ids=asked.ids or (), after=asked.after, last=asked.last
    )
    more = len(rows) > asked.limit
    rows = rows[: asked.limit]
    page = SharedPage(
        items=items_of(rows=rows, lists=[shared]),
        last=asked.last,
        next=Cursor(place=rows[-1].place, row=rows[-1].row) if more else None,
    )
    note_response(
        actor=_member(request).actor,
        service=Service.TAXII,
        page=page,
        list_id=shared.id,
        partial=True,
        now=_now(request),
    )
    return page


def _page_of_one(
    request: HttpRequest, shared: SharedList, asked: AskedPage, *, object_id: str
) -> SharedPage:
    wanted = structs.replace(asked, ids=tuple(item_ids(object_id)), after=0)
    page = _page_of(request, shared, wanted)
    if not page.items:
        raise ServiceRefused(404, "NOT_FOUND", "No such object in this collection")
    return page


def _member(request: HttpRequest) -> PartnerIdentity:
    return request.member  # type: ignore[attr-defined,no-any-return]


def _open(request: HttpRequest, collection: str) -> SharedList:
    """Return the list with this collection id, if the caller may read it or could read it formerly.

    In the second case all its objects are revoked.

    Raises:
        ServiceRefused: 404, no such collection for this organisation.
    """
    for shared in _told(request):
        if str(shared.id) == collection:
            return shared
    raise ServiceRefused(404, "NOT_FOUND", "No such collection is open to this member")


def _told(request: HttpRequest) -> list[SharedList]:
    return told_lists(actor=_member(request).actor, service=Service.TAXII, now=_now(request))


def _refuse_writing(request: HttpRequest) -> None:
    if request.method not in {"GET", "HEAD"}:
        raise ServiceRefused(403, "READ_ONLY", "This collection is read, never written")


def _is_asked(item: SharedItem, asked: AskedPage) -> bool:
    return asked.versions is None or _version(item) in asked.versions


def _described(shared: SharedList) -> resources.Collection:
    return resources.Collection(
        id=str(shared.id),
        title=shared.facts.name,
        description=_CLOSED if shared.open.gone else shared.facts.attributes.description,
        can_read=True,
        can_write=False,
        media_types=(resources.STIX_MEDIA_TYPE,),
    )


def _manifested(item: SharedItem) -> resources.ManifestRecord:
    return resources.ManifestRecord(
        id=indicator_id(_indicator(item)),
        date_added=resources.timestamp(item.row.at),
        version=_version(item),
        media_type=resources.STIX_MEDIA_TYPE,
    )


def _version(item: SharedItem) -> str:
    return str(_stix(item)["modified"])


def _stix(item: SharedItem) -> dict[str, object]:
    attributes = item.shared.facts.attributes
    return write_indicator(
        _indicator(item),
        Marks(confidence=attributes.confidence, owner=item.shared.facts.owner or DESK),
    )


def _indicator(item: SharedItem) -> Indicator:
    return Indicator(
        id=item.item.item_id,
        values=item.hashes,
        classification=item.item.classification or item.shared.facts.attributes.category,
        added_at=written_instant(item.item.added_at),
        changed_at=written_instant(item.row.at),
        withdrawn=item.is_gone,
    )


def _now(request: HttpRequest) -> datetime:
    return request.now  # type: ignore[attr-defined,no-any-return]


app_name = "taxii"
_ROOT = "lists/"
_ONE = f"{_ROOT}collections/<str:collection>/"
urlpatterns = [
    path("", discovery, name="discovery"),
    path(_ROOT, root, name="root"),
    path(f"{_ROOT}collections/", collections, name="collections"),
    path(f"{_ROOT}status/<str:status>/", status, name="status"),
    path(_ONE, collection, name="collection"),
    path(f"{_ONE}manifest/", manifest, name="manifest"),
    path(f"{_ONE}objects/", objects, name="objects"),
    path(f"{_ONE}objects/<str:object_id>/", one_object, name="object"),
    path(f"{_ONE}objects/<str:object_id>/versions/", versions, name="versions"),
]
