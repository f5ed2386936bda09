"""Whether what was seen at an address means that the content is gone. Pure.

The fault to fear is a wrong "gone": a page that answers otherwise to us than to its visitors, a server that
is down, a wall in front of the page. So only a plain 404 or 410 of the address itself, completely read,
without a trace of the page, is GONE; whatever else may mean it is left to a person.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from fanal.harmonise.domain.values.urls import Address, read_url
from fanal.measures.recheck.page import Page, read_page, similarity, sketch
from fanal.measures.recheck.sight import Sight, is_text_type

HOPS: Final = 5
"""Most requests for one recheck: the address and the redirects that are followed."""
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_SAME_PAGE: Final = 0.3
"""Similarity from which a page that is called gone still is the page seen before."""
_FEW_WORDS: Final = 8
_SHORT: Final = 250
"""Most words of a page whose text, not its heading alone, is read for phrases."""
_LOGIN_PATH: Final = re.compile(
    r"(?:^|[/_.-])(?:log-?in|sign-?in|auth|sso|connexion|account|age-?(?:check|gate|verif\w*))(?:[/_.?-]|$)"
)
_LOGIN: Final = re.compile(
    r"\b(?:log ?in|sign in|members? only|private (?:profile|content|page)|connectez vous|se connecter"
    r"|identifiez vous|r[eé]serv[eé]e? aux membres|you must be (?:logged|signed) in|age verification"
    r"|v[eé]rification de l âge)\b"
)
_PARKED: Final = re.compile(
    r"\b(?:domain (?:name )?(?:is|may be) for sale|buy this domain|domain (?:is )?parked"
    r"|parked (?:free|domain)|this domain has expired|domaine (?:est )?(?:à|a) vendre"
    r"|nom de domaine a expir[eé]|future home of)\b"
)
_PARKING_HOST: Final = re.compile(
    r"(?:^|[/.])(?:sedoparking|parkingcrew|bodis|afternic|hugedomains|parklogic|above|dan)\.com(?:[/:\"'?]|$)"
)
_GONE_TEXT: Final = re.compile(
    r"\b(?:404|not found|page (?:does not|doesn t) exist|no longer (?:available|exists?)"
    r"|(?:has been|was) (?:removed|deleted)|(?:account|site|page) (?:has been )?(?:suspended|disabled)"
    r"|introuvable|n existe (?:plus|pas)"
    r"|n est plus disponible|a [eé]t[eé] (?:supprim[eé]e?|retir[eé]e?)|(?:compte|site) suspendu)\b"
)
_CHALLENGE: Final = re.compile(
    r"\b(?:just a moment|checking your browser|verify (?:that )?you are (?:a )?human|attention required"
    r"|captcha|access denied|ddos protection)\b"
)


class Outcome(StrEnum):
    """What a recheck shows: UP (still there), GONE, AWAY (not reachable, which says nothing of the content),
    LOGIN (behind a sign-in), PARKED (the name leads to a parking page), BARRED (refused to us: 403, 451),
    SOFT_404 (says that it is gone with a status that does not), UNSURE (a person must look).
    """

    UP = "UP"
    GONE = "GONE"
    AWAY = "AWAY"
    LOGIN = "LOGIN"
    PARKED = "PARKED"
    BARRED = "BARRED"
    SOFT_404 = "SOFT_404"
    UNSURE = "UNSURE"


ASKED: Final = frozenset(set(Outcome) - {Outcome.UP, Outcome.GONE, Outcome.AWAY})
"""The outcomes that a person must judge."""


class Judgement(Struct, frozen=True, kw_only=True):
    """What a recheck shows, the reason as a code (label kind `recheck_reason`), and whether the content is
    back: there, after it was last judged gone. `seen` is the sketch of the page, b"" without a text.
    """

    outcome: Outcome
    reason: str
    back: bool = False
    seen: bytes = b""


class Before(Struct, frozen=True, kw_only=True):
    """What earlier rechecks of an address showed: the sketch of the page when it was last there, b"" for
    none, and whether the last clear outcome (UP or GONE, a person's included) was GONE.
    """

    page: bytes = b""
    gone: bool = False


def follow(look: Callable[[str], Sight], url: str, *, own: Collection[str]) -> tuple[Sight, ...]:
    """Return what requests for `url`, and for each redirect that `next_hop` lets pass, show.

    `look` makes one request; `own` are the host names of the desk and of its stop page.
    """
    sights = [look(url)]
    while (target := next_hop(sights, own=own)) is not None:
        sights.append(look(target))
    return tuple(sights)


def next_hop(sights: Sequence[Sight], *, own: Collection[str]) -> str | None:
    """Return the address to which the last of `sights` redirects, if it may be asked next.

    It is on the same registrable domain, not yet asked, neither a sign-in nor the home page in place of
    another, and not one of the hosts `own` of the desk. None otherwise, and after `HOPS` requests.
    """
    target, asked = _target(sights[-1]), read_url(sights[0].url)
    seen = {read_url(one.url).canonical for one in sights}
    if target is None or target.canonical in seen or len(sights) >= HOPS:
        return None
    stays = _is_same_site(asked, target) and target.host not in own
    return (
        target.canonical if stays and not (_is_login(target) or _is_home(asked, target)) else None
    )


def judge(sights: Sequence[Sight], *, before: Before, own: Collection[str]) -> Judgement:
    """Return what the requests of one recheck show: the address, then the redirects that were followed.

    `own` are the host names of the desk and of its stop page.
    """
    last = sights[-1]
    page = read_page(last.source)
    seen = sketch(page) if page.words else b""
    view = _View(
        asked=read_url(sights[0].url),
        last=last,
        hops=len(sights),
        target=_target(last),
        page=page,
        spoken=" ".join((page.heading, *page.words[:_SHORT])),
        alike=similarity(seen, before.page) >= _SAME_PAGE,
        own=frozenset(own),
    )
    outcome, reason = next((o, r) for holds, o, r in _rules_for(last.status) if holds(view))
    reason = reason.format(fault=last.fault, status=last.status)
    back = before.gone and outcome is Outcome.UP
    return Judgement(outcome=outcome, reason=reason, back=back, seen=seen)


class _View(Struct, frozen=True, kw_only=True):
    """What the rules read: the address asked for, the last response, to where it redirects, its page."""

    asked: Address
    last: Sight
    hops: int
    target: Address | None
    page: Page
    spoken: str
    alike: bool
    own: frozenset[str]

    @property
    def is_short(self) -> bool:
        return len(self.page.words) <= _SHORT

    @property
    def is_other_type(self) -> bool:
        stated = self.last.header("content-type")
        return self.last.unread == "NOT_TEXT" or bool(stated and not is_text_type(stated))


_Rule = tuple[Callable[[_View], bool], Outcome, str]


def _is_challenge(view: _View) -> bool:
    return bool(view.last.header("cf-mitigated")) or (
        view.is_short and _CHALLENGE.search(view.page.heading) is not None
    )


def _is_parked(view: _View) -> bool:
    said = view.is_short and _PARKED.search(view.spoken) is not None
    return said or _PARKING_HOST.search(view.last.source) is not None


def _has_text_of_gone(view: _View) -> bool:
    return _GONE_TEXT.search(view.spoken if view.is_short else view.page.heading) is not None


def _is_wordless(view: _View) -> bool:
    return len(view.page.words) < _FEW_WORDS


def _otherwise(_: _View) -> bool:
    return True


_FAULTS: Final[tuple[_Rule, ...]] = (
    (lambda v: v.hops > 1 or v.last.fault in {"TLS", "ONION"}, Outcome.UNSURE, "FAULT_{fault}"),
    (_otherwise, Outcome.AWAY, "FAULT_{fault}"),
)
_REDIRECTED: Final[tuple[_Rule, ...]] = (
    (lambda v: v.target is None, Outcome.UNSURE, "REDIRECT_UNREADABLE"),
    (lambda v: (v.target or v.asked).host in v.own, Outcome.UNSURE, "STOP_PAGE"),
    (lambda v: _is_login(v.target or v.asked), Outcome.LOGIN, "REDIRECT_LOGIN"),
    (
        lambda v: _PARKING_HOST.search((v.target or v.asked).host or "") is not None,
        Outcome.PARKED,
        "PARKING_HOST",
    ),
    (
        lambda v: not _is_same_site(v.asked, v.target or v.asked),
        Outcome.UNSURE,
        "REDIRECT_ELSEWHERE",
    ),
    (lambda v: _is_home(v.asked, v.target or v.asked), Outcome.SOFT_404, "REDIRECT_HOME"),
    (_otherwise, Outcome.UNSURE, "REDIRECT_LOOP"),
)
_CALLED_GONE: Final[tuple[_Rule, ...]] = (
    (lambda v: bool(v.last.unread) or v.is_other_type, Outcome.UNSURE, "GONE_UNREAD"),
    (lambda v: v.page.is_stop_page, Outcome.UNSURE, "STOP_PAGE"),
    (lambda v: v.hops > 1, Outcome.UNSURE, "GONE_REDIRECTED"),
    (_is_challenge, Outcome.UNSURE, "CHALLENGE"),
    (
        lambda v: v.page.asks_password or _LOGIN.search(v.page.heading) is not None,
        Outcome.LOGIN,
        "GONE_LOGIN",
    ),
    (_is_parked, Outcome.PARKED, "PARKING_TEXT"),
    (lambda v: bool(v.page.refresh), Outcome.UNSURE, "REFRESH"),
    (lambda v: v.alike, Outcome.UNSURE, "GONE_SAME_PAGE"),
    (
        lambda v: urlsplit(v.asked.canonical or "").fragment[:1] in {"/", "!"},
        Outcome.UNSURE,
        "GONE_IN_FRAGMENT",
    ),
    (lambda v: _is_wordless(v) and v.page.scripts > 0, Outcome.UNSURE, "SCRIPT_ONLY"),
    (lambda v: v.page.players > 0, Outcome.UNSURE, "GONE_WITH_MEDIA"),
    (lambda v: not v.is_short and not _has_text_of_gone(v), Outcome.UNSURE, "GONE_LONG_PAGE"),
    (_otherwise, Outcome.GONE, "STATUS_{status}"),
)
_ANSWERED: Final[tuple[_Rule, ...]] = (
    (lambda v: v.page.is_stop_page, Outcome.UNSURE, "STOP_PAGE"),
    (lambda v: v.last.unread == "NOT_TEXT", Outcome.UP, "OTHER_TYPE"),
    (lambda v: v.last.unread in {"ENCODED", "INCOMPLETE"}, Outcome.UNSURE, "INCOMPLETE"),
    (_is_challenge, Outcome.UNSURE, "CHALLENGE"),
    (_is_parked, Outcome.PARKED, "PARKING_TEXT"),
    (lambda v: v.alike, Outcome.UP, "SAME_PAGE"),
    (lambda v: bool(v.page.refresh), Outcome.UNSURE, "REFRESH"),
    (
        lambda v: (
            (v.page.asks_password and v.is_short) or _LOGIN.search(v.page.heading) is not None
        ),
        Outcome.LOGIN,
        "LOGIN_PAGE",
    ),
    (_has_text_of_gone, Outcome.SOFT_404, "GONE_TEXT"),
    (lambda v: _is_wordless(v) and v.page.media == 0, Outcome.UNSURE, "EMPTY"),
    (_otherwise, Outcome.UP, "PAGE"),
)
_BY_STATUS: Final[Mapping[int, tuple[_Rule, ...]]] = {
    0: _FAULTS,
    200: _ANSWERED,
    404: _CALLED_GONE,
    410: _CALLED_GONE,
    **dict.fromkeys(_MOVED, _REDIRECTED),
    **dict.fromkeys((401, 407, 511), ((_otherwise, Outcome.LOGIN, "STATUS_LOGIN"),)),
    **dict.fromkeys((403, 451), ((_otherwise, Outcome.BARRED, "STATUS_{status}"),)),
    429: ((_otherwise, Outcome.AWAY, "STATUS_BUSY"),),
}


def _rules_for(status: int) -> tuple[_Rule, ...]:
    """Return the rules for a status: the first that holds decides, and the last always holds."""
    found = _BY_STATUS.get(status)
    if found is None and status >= 500:
        return ((_otherwise, Outcome.AWAY, "STATUS_BUSY"),)
    return found or ((_otherwise, Outcome.UNSURE, "STATUS_OTHER"),)


def _target(sight: Sight) -> Address | None:
    """Return the address to which a response redirects; None if it does not, or to no web address."""
    location = sight.header("location").strip()
    if sight.status not in _MOVED or not location:
        return None
    try:
        found = read_url(urljoin(read_url(sight.url).canonical or "", location))
    except ValueError:
        return None
    return found if found.host and found.scheme in {"http", "https"} else None


def _is_same_site(first: Address, target: Address) -> bool:
    """Return whether a redirect stays on the registrable domain, or on the host where there is none."""
    if first.host == target.host:
        return True
    return (
        first.registrable_domain is not None
        and first.registrable_domain == target.registrable_domain
    )


def _is_login(target: Address) -> bool:
    parts = urlsplit((target.canonical or "").lower())
    return _LOGIN_PATH.search(parts.path) is not None or (target.host or "").startswith(
        ("login.", "signin.", "auth.", "accounts.", "sso.")
    )


def _is_home(asked: Address, target: Address) -> bool:
    """Return whether a redirect leads from an inner page to the home page."""
    first, to = urlsplit(asked.canonical or ""), urlsplit(target.canonical or "")
    return (
        (first.path.strip("/") != "" or first.query != "")
        and to.path.strip("/") == ""
        and not to.query
    )
