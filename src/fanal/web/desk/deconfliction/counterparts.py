"""Pages on counterparts of de-confliction: sharing limits, rounds of comparison, withheld dossiers.

A counterpart is an organisation whose cases are compared with the desk's by private set intersection; a round
is one comparison, shown by counts only. The reports of a dossier that is withheld, from one counterpart or
from all, do not enter rounds; the dossier's page says so.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from uuid import UUID

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal.accounts.domain.policy import Refused, may, reach
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.crosscheck.domain.records import DossierView
from fanal.deconfliction import queries
from fanal.deconfliction.domain import limits
from fanal.deconfliction.domain.records import Counterpart, NewCounterpart, Round
from fanal.deconfliction.operations import counterparts as operations
from fanal.deconfliction.sharing import operations as sharing_operations, queries as sharing
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import whole_number
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history
from fanal.web.desk.deconfliction.hits import by_body, signs_on
from fanal.web.failures import page_of, reason_of
from fanal.web.forms import Parsed, PostedForm, Several, text
from fanal.web.reading import consult

_SHOWN = 50


def _known_of(typed: str) -> UUID | str:
    return "NO" if typed == "NO" else UUID(typed)


class _CounterpartForm(PostedForm):
    """Form of a new counterpart (organisation for de-confliction).

    Fields: its name, our name with it, its contact, its public key in hexadecimal.
    """

    refuses = "deconfliction"
    name = text()
    our_name = text()
    contact = Parsed()
    public_key = Parsed(lambda typed: bytes.fromhex("".join(typed.split())), "KEY", posted="key")


class _NewCounterpartForm(_CounterpartForm):
    """Form of a counterpart to register; `known`: which registered one it is, or "NO": it is another."""

    known = Parsed(_known_of, "FORMER", required=False)


class _KeyForm(_CounterpartForm):
    """Form of a counterpart's new key and names; `before` is the key that its page showed, in hexadecimal."""

    before = Parsed()


class _LimitsForm(PostedForm):
    """Form of the limits of the data that may be compared with a counterpart (another organisation).

    Unreadable desks are left out.
    """

    kinds = Several(posted="kind")
    roles = Several(posted="role")
    desk_ids = Several(partial(whole_number, digits=5), posted="desk", otherwise=-1)
    months = Parsed(partial(whole_number, digits=5), otherwise=0)

    def clean_desk_ids(self) -> list[int]:
        """Return the ids of the desks chosen in the form, without the unreadable ones; empty: all desks."""
        return [desk_id for desk_id in self.cleaned_data["desk_ids"] if desk_id >= 0]


@never_cache
@require_GET
@needs("deconfliction.read")
def home(request: HttpRequest) -> HttpResponse:
    """Show the other organisations of de-confliction (counterparts) and the newest rounds.

    With each comes the standing instruction that covers it.
    """
    actor = actor_of(request)
    found = queries.list_counterparts(actor=actor)
    consult(request, "counterpart", [one.id for one in found], action="counterpart.read")
    key = queries.public_key()
    context = {
        "counterparts": [_line(request, one, found) for one in found],
        "rounds": _rounds(queries.list_rounds(actor=actor, limit=_SHOWN), found),
        "own_key": key.hex() if key else "",
        "may_keep": may(actor, "deconfliction.keep"),
        "may_see_hits": may(actor, "hit.read"),
    }
    return render(request, "deconfliction/home.html", context)


@never_cache
@require_GET
@needs("deconfliction.read")
def show(request: HttpRequest, counterpart_id: UUID) -> HttpResponse:
    """Show one counterpart (organisation for de-confliction): contact, sharing limits, rounds of comparison.

    Raises:
        Http404: no such counterpart.
    """
    return _page(request, _found(request, counterpart_id))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("deconfliction.keep")
def add(request: HttpRequest) -> HttpResponse:
    """Show the form of a new counterpart for de-confliction (GET), or register it (POST).

    A counterpart is another organisation; the redirect is to its page. If the person says that it was
    registered before, that one gets the new key and names instead. A refused form is shown again (status
    422). The URL of its service is set on the command line.
    """
    if request.method != "POST":
        return _form(request)
    try:
        typed = _NewCounterpartForm(request).checked().cleaned_data
        known = typed.pop("known")
        if isinstance(known, UUID):
            return _renewed(request, known, typed)
        made = operations.add_counterpart(
            actor=actor_of(request),
            counterpart=NewCounterpart(**typed),
            another=known == "NO",
            now=now_of(request),
        )
    except Refusal as refused:
        return _form(request, refused=refused)
    messages.success(
        request,
        _("Registered. Comparisons start once a standing instruction covers this counterpart."),
    )
    return redirect("desk:counterpart", made)


@require_POST
@needs("deconfliction.keep")
def renew(request: HttpRequest, counterpart_id: UUID) -> HttpResponse:
    """Register the new key and names of a counterpart (another organisation); a closed one is open again.

    A refusal is shown on the counterpart's page (status 422).

    Raises:
        Http404: no such counterpart.
    """
    found = _found(request, counterpart_id)
    try:
        typed = _KeyForm(request).checked().cleaned_data
        if typed.pop("before") != found.public_key.hex():
            raise Refusal("deconfliction", "CHANGED")
        return _renewed(request, found.id, typed)
    except Refusal as refused:
        return _page(request, found, refused=refused)


def _renewed(
    request: HttpRequest, counterpart_id: UUID, typed: Mapping[str, object]
) -> HttpResponse:
    """Give a counterpart the key and names of a form (`typed`); return the redirect to its page.

    Raises:
        Refusal: as `operations.renew_counterpart`.
    """
    operations.renew_counterpart(
        actor=actor_of(request),
        counterpart_id=counterpart_id,
        now=now_of(request),
        **typed,  # type: ignore[arg-type]
    )
    messages.success(
        request,
        _(
            "Its key is registered. Its limits stay, and so does what is withheld from it. Comparisons start"
            " once a standing instruction, approved from now on, covers it."
        ),
    )
    return redirect("desk:counterpart", counterpart_id)


@require_POST
@needs("deconfliction.keep")
def limit(request: HttpRequest, counterpart_id: UUID) -> HttpResponse:
    """Replace the limits of the data that are compared with a counterpart (another organisation).

    They are the kinds and roles of identifiers, the desks, and the months of reports. A refusal is shown on
    the counterpart's page (status 422).

    Raises:
        Http404: no such counterpart.
    """
    found = _found(request, counterpart_id)
    try:
        if request.POST.get("limits") != _digest(found):
            raise Refusal("deconfliction", "CHANGED")
        operations.set_limits(
            actor=actor_of(request),
            counterpart_id=found.id,
            limits=limits.checked(**_LimitsForm(request).checked().cleaned_data),
            now=now_of(request),
        )
    except Refusal as refused:
        return _page(request, found, refused=refused)
    messages.success(
        request,
        _(
            "The limits apply from now on. Comparisons under way leave out what they no longer allow."
        ),
    )
    return redirect("desk:counterpart", found.id)


@require_POST
@needs("deconfliction.keep")
def close(request: HttpRequest, counterpart_id: UUID) -> HttpResponse:
    """Close a counterpart (an organisation for de-confliction): no messages are sent or accepted any more.

    A refusal is shown on the counterpart's page (status 422).

    Raises:
        Http404: no such counterpart.
    """
    found = _found(request, counterpart_id)
    try:
        operations.close_counterpart(
            actor=actor_of(request), counterpart_id=found.id, now=now_of(request)
        )
    except Refusal as refused:
        return _page(request, found, refused=refused)
    messages.success(request, _("Closed: no further comparison is started or answered."))
    return redirect("desk:counterpart", found.id)


def _found(request: HttpRequest, counterpart_id: UUID) -> Counterpart:
    found = queries.get_counterpart(actor=actor_of(request), counterpart_id=counterpart_id)
    if found is None:
        raise Http404
    return found


def _line(
    request: HttpRequest, one: Counterpart, found: Iterable[Counterpart]
) -> dict[str, object]:
    now = now_of(request)
    asked = queries.asked_on(counterpart_ids=[c.id for c in found], now=now)
    under = queries.standing_with(counterpart=one, now=now)
    last = queries.list_rounds(actor=actor_of(request), counterpart_id=one.id, limit=1)
    return {
        "record": one,
        "instruction": under,
        "asked": asked.get(one.id, 0),
        "last": last[0] if last else None,
    }


def _digest(found: Counterpart) -> str:
    """Return a digest of the limits of a counterpart, which a form posts to show that they have not changed.

    It has 32 hexadecimal digits.
    """
    return sha256(msgspec.json.encode(found.limits)).hexdigest()[:32]


def _rounds(rounds: Iterable[Round], found: Iterable[Counterpart]) -> list[dict[str, object]]:
    names = {one.id: one.name for one in found}
    return [{"record": one, "name": names.get(one.counterpart_id, "")} for one in rounds]


def _page(
    request: HttpRequest, found: Counterpart, *, refused: Refusal | None = None
) -> HttpResponse:
    actor = actor_of(request)
    consult(request, "counterpart", [found.id], action="counterpart.read")
    desks = desk_names(desk_ids=reach(actor, "report.list").desk_ids | set(found.limits.desk_ids))
    context = {
        **_line(request, found, [found]),
        "rounds": _rounds(
            queries.list_rounds(actor=actor, counterpart_id=found.id, limit=_SHOWN), [found]
        ),
        "key": found.public_key.hex(),
        "kinds": limits.KINDS,
        "roles": limits.ROLES,
        "desks": sorted(desks.items()),
        "limited_to": [desks.get(d, str(d)) for d in found.limits.desk_ids],
        "months": limits.MOST_MONTHS,
        "limits": _digest(found),
        "may_keep": found.closed_at is None and may(actor, "deconfliction.keep"),
        "may_renew": may(actor, "deconfliction.keep"),
        "history": history.lines_of(found.id, actor=actor),
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "deconfliction/counterpart.html", context, status=status)


def _form(request: HttpRequest, *, refused: Refusal | None = None) -> HttpResponse:
    key = queries.public_key()
    context = {
        "typed": _NewCounterpartForm(request).typed,
        "known": queries.list_counterparts(actor=actor_of(request)),
        "own_key": key.hex() if key else "",
        "refused": reason_of(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "deconfliction/add.html", context, status=status)


class _WithholdingForm(PostedForm):
    """Form to withhold a dossier from an organisation (none given: from all), or to lift that.

    `shown`: the ids of the withholdings in force that its page showed.
    """

    counterpart_id = Parsed(UUID, posted="counterpart", required=False)
    withheld = Parsed("WITHHOLD".__eq__, posted="act")
    words = Parsed()
    shown = Parsed(lambda typed: frozenset(map(UUID, typed.split())), otherwise=frozenset())


@require_POST
@needs("dossier.withhold")
def withhold(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Withhold a dossier from one or all counterparts (other organisations), or lift that, with a reason.

    A refusal gives an error page (status 409).

    Raises:
        Http404: no such dossier or counterpart for the person, or a malformed field.
    """
    try:
        typed = _WithholdingForm(request).checked().cleaned_data
        sharing_operations.withhold(
            actor=actor_of(request), dossier_id=dossier_id, now=now_of(request), **typed
        )
    except (Refused, ValueError):
        raise Http404 from None
    except Refusal as refused:
        if refused.code == "NOT_FOUND":
            raise Http404 from None
        said = reason_of(refused)
        return page_of(request, "refused.html", status=HTTPStatus.CONFLICT, refused=said)
    messages.success(
        request,
        _("Recorded. It applies from now on.")
        if typed["withheld"]
        else _("Recorded. It applies from the next comparison on."),
    )
    return redirect("desk:dossier", dossier_id=dossier_id)


def shown(request: HttpRequest, view: DossierView) -> dict[str, object]:
    """Return the template context of a dossier (`view`) regarding de-confliction, for its page.

    Keys: `signs` (badges: matches with other organisations), `withheld` (withholdings in force, each a dict:
    `record`, `author`, `counterpart` (names), `closed`, and `out`, the answers fetched before the withholding
    in rounds that still run: counterpart, end), `counterparts` (open ones and closed ones from which the
    dossier is withheld; empty for a reader without the right to de-confliction), `may_withhold`.
    """
    actor = actor_of(request)
    own = [node.report_id for node in view.nodes if node.report_id]
    signs = {sign.hit_id: sign for found in signs_on(request, own).values() for sign in found}
    said = sharing.withholdings_of(actor=actor, dossier_ids=[view.id])
    current = sharing.in_force(said=said)
    reads = may(actor, "deconfliction.read")
    bodies = queries.list_counterparts(actor=actor) if reads else []
    out = sharing.answers_out(actor=actor, now=now_of(request)) if reads else []
    closed = {body.id for body in bodies if body.closed_at is not None}
    names = person_names(person_ids={one.author_id for one in said})
    known = {body.id: body.name for body in bodies}
    return {
        "signs": by_body(signs.values()),
        "withheld": [
            {
                "record": one,
                "author": names.get(one.author_id, ""),
                "counterpart": known.get(one.counterpart_id, "") if one.counterpart_id else "",
                "closed": one.counterpart_id in closed,
                "out": [
                    {"counterpart": known.get(whose, ""), "end": end}
                    for whose, fetched_at, end in out
                    if fetched_at < one.made_at and one.counterpart_id in {None, whose}
                ],
            }
            for one in current
        ],
        "counterparts": [
            body
            for body in bodies
            if body.id not in closed or body.id in {one.counterpart_id for one in current}
        ],
        "may_withhold": may(actor, "dossier.withhold"),
    }
