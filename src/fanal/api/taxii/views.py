"""TAXII 2.1: discovery, one API root, and each shareable list as a collection to read from.

An object is an indicator of one entry, in its present version; it is added again each time it changes, and is
revoked when it is withdrawn, or when the list closes to a member that reads it. Nothing can be written.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from msgspec import structs

from fanal.accounts.domain.records import PartnerIdentity
from fanal.accounts.routes import for_programs
from fanal.api.members import ServiceRefused
from fanal.api.taxii.answers import WIRE, taxii
from fanal.api.taxii.filters import Asked, following, read_filters
from fanal.exchange import operations, queries
from fanal.exchange.domain.feed import Cursor
from fanal.exchange.domain.records import Service, SharedItem, SharedList, SharedPage
from fanal.exchange.queries import DESK
from fanal.formats.indicators import Indicator, written_instant
from fanal.formats.stix.vocabulary import indicator_id, item_ids
from fanal.formats.stix.write import Marks, write_indicator
from fanal.formats.taxii import resources
from fanal.formats.taxii.indicators import write_envelope

_TITLE = "Fanal: lists of known material"
_NOT_WRITTEN = 1024
_CLOSED = "Closed to this member: every object is revoked."


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def discovery(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Tell where the one API root is."""
    root_path = reverse("taxii:root")
    found = resources.Discovery(title=_TITLE, api_roots=(root_path,), default=root_path)
    return taxii(resources.encode(found))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def root(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Describe the API root."""
    found = resources.ApiRoot(
        title=_TITLE, versions=(resources.MEDIA_TYPE,), max_content_length=_NOT_WRITTEN
    )
    return taxii(resources.encode(found))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def status(request: HttpRequest, identity: PartnerIdentity, status: str) -> HttpResponse:
    """Know of no status: nothing is written here."""
    raise ServiceRefused(404, "NOT_FOUND", "No such status")


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def collections(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Name the lists that the caller may read now, and those of which it is to forget all."""
    found = resources.Collections(collections=tuple(map(_described, _told(request))))
    return taxii(resources.encode(found))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def collection(request: HttpRequest, identity: PartnerIdentity, collection: str) -> HttpResponse:
    """Describe one list."""
    return taxii(resources.encode(_described(_open(request, collection))))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET", "POST")
def objects(request: HttpRequest, identity: PartnerIdentity, collection: str) -> HttpResponse:
    """Return a page of a list's indicators, the first added first."""
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
    """Return a page of what a list holds: ids, versions, when each was added."""
    shared = _open(request, collection)
    asked = read_filters(request.GET)
    page = _page(request, shared, asked)
    way = following(asked, page.next)
    found = resources.Manifest(
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
    """Return one indicator."""
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
    """Return the versions of one indicator that are kept: its present one."""
    shared = _open(request, collection)
    page = _page_of_one(request, shared, read_filters(request.GET), object_id=object_id)
    found = resources.Versions(versions=tuple(_version(item) for item in page.items))
    return taxii(resources.encode(found), items=page.items)


def _page(request: HttpRequest, shared: SharedList, asked: Asked) -> SharedPage:
    if asked.nothing:
        return SharedPage(items=(), last=asked.last, next=None)
    if asked.ids is not None:
        return _page_of(request, shared, asked)
    return operations.serve_page(
        actor=_member(request).actor,
        service=Service.TAXII,
        lists=[shared],
        cursor=asked.cursor,
        last=asked.last,
        limit=asked.limit,
        now=_now(request),
    )


def _page_of(request: HttpRequest, shared: SharedList, asked: Asked) -> SharedPage:
    """Return the page of the items that were asked for by their ids."""
    rows = queries.rows_of_items(
        opened=shared.open, item_ids=asked.ids or (), after=asked.after, last=asked.last
    )
    more = len(rows) > asked.limit
    rows = rows[: asked.limit]
    page = SharedPage(
        items=operations.items_of(rows=rows, lists=[shared]),
        last=asked.last,
        next=Cursor(place=rows[-1].place, row=rows[-1].row) if more else None,
    )
    operations.note_response(
        actor=_member(request).actor,
        service=Service.TAXII,
        page=page,
        list_id=shared.id,
        partial=True,
        now=_now(request),
    )
    return page


def _page_of_one(
    request: HttpRequest, shared: SharedList, asked: Asked, *, object_id: str
) -> SharedPage:
    wanted = structs.replace(asked, ids=tuple(item_ids(object_id)), after=0)
    page = _page_of(request, shared, wanted)
    if not page.items:
        raise ServiceRefused(404, "NOT_FOUND", "No such object in this collection")
    return page


def _member(request: HttpRequest) -> PartnerIdentity:
    return request.member  # type: ignore[attr-defined,no-any-return]


def _open(request: HttpRequest, collection: str) -> SharedList:
    """Return the list of a collection; one that closed to the member has every object revoked."""
    for shared in _told(request):
        if str(shared.id) == collection:
            return shared
    raise ServiceRefused(404, "NOT_FOUND", "No such collection is open to this member")


def _told(request: HttpRequest) -> list[SharedList]:
    return operations.told_lists(
        actor=_member(request).actor, service=Service.TAXII, now=_now(request)
    )


def _refuse_writing(request: HttpRequest) -> None:
    if request.method not in {"GET", "HEAD"}:
        raise ServiceRefused(403, "READ_ONLY", "This collection is read, never written")


def _is_asked(item: SharedItem, asked: Asked) -> bool:
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
