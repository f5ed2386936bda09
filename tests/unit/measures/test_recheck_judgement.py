"""What real answers of a real server on this machine are judged to mean. The fault to fear is a wrong "gone"."""

import re
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from hypothesis import given, strategies as st

from fanal import reference
from fanal.connectors.looking import look
from fanal.connectors.outside import Door
from fanal.measures.recheck import judgement
from fanal.measures.recheck.judgement import HOPS, Before, Judgement, Outcome, follow, judge
from fanal.measures.recheck.page import Page, read_page, similarity, sketch
from fanal.measures.recheck.sight import Sight

HERE = Door(loopback=True, seconds=5)
OWN = ("fanal.test", "stop.fanal.test")
WORDS = " ".join(f"word{n} of the holiday album shown to visitors" for n in range(60))
PAGE = f"<html><head><title>Holiday album</title></head><body><h1>Album</h1><p>{WORDS}</p></body></html>"
NONE_FOUND = "<html><title>404 Not Found</title><body><h1>Not Found</h1><p>nothing at this address</p></body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}


class Pages(BaseHTTPRequestHandler):
    """Answers each path with a status, headers and a body; everything else is a real 404."""

    answers: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers, body = self.answers.get(self.path, (404, HTML, NONE_FOUND.encode()))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


Answer = tuple[int, dict[str, str], str]


def judged(
    server: str, *answers: Answer, at: str = "/album/7", before: Before | None = None
) -> Judgement:
    """Return the judgement of `at`; the first answer is its own, the next those of /1, /2, …"""
    Pages.asked.clear()
    places = (at.partition("#")[0], *(f"/{n}" for n in range(1, len(answers))))
    Pages.answers = {
        place: (status, HTML | headers, body.encode())
        for place, (status, headers, body) in zip(places, answers, strict=True)
    }
    sights = follow(lambda url: look(HERE, url), server + at, own=OWN)
    return judge(sights, before=before or Before(), own=OWN)


def page(heading: str, text: str, more: str = "") -> str:
    return f"<html><head><title>{heading}</title>{more}</head><body><h1>{heading}</h1><p>{text}</p></body></html>"


LONG = page("Album", WORDS * 2)
LOGIN_FORM = '<form><input name="u"><input type="PassWord" name="p"></form>'
GONE = [
    (404, {}, NONE_FOUND),
    (410, {}, page("Gone", "This content has been removed.")),
    (404, {}, ""),
    (404, {"Content-Type": "text/plain"}, "not found"),
    (
        404,
        {},
        page("Page introuvable", "Cette page n’existe plus.", "<script src=/a.js></script>") * 1,
    ),
]
NOT_GONE = [
    pytest.param((200, {}, PAGE), Outcome.UP, "PAGE", id="page"),
    pytest.param((200, {"Content-Type": "image/jpeg"}, "x"), Outcome.UP, "OTHER_TYPE", id="picture"),
    pytest.param((200, {}, '<img src="/a.jpg">'), Outcome.UP, "PAGE", id="picture alone"),
    pytest.param((200, {}, page("Oops", "The page was not found.")), Outcome.SOFT_404, "GONE_TEXT", id="soft 404"),
    pytest.param((200, {}, page("404", WORDS * 2)), Outcome.SOFT_404, "GONE_TEXT", id="soft 404 by heading"),
    pytest.param((200, {}, page("Site", "Ce compte a été supprimé.")), Outcome.SOFT_404, "GONE_TEXT", id="soft 404 fr"),
    pytest.param((200, {}, page("Sign in", LOGIN_FORM)), Outcome.LOGIN, "LOGIN_PAGE", id="sign-in page"),
    pytest.param((200, {}, page("Espace réservé aux membres", "x")), Outcome.LOGIN, "LOGIN_PAGE", id="members"),
    pytest.param((404, {}, page("Not found", LOGIN_FORM)), Outcome.LOGIN, "GONE_LOGIN", id="404 with sign-in"),
    pytest.param((401, {}, ""), Outcome.LOGIN, "STATUS_LOGIN", id="401"),
    pytest.param((403, {}, NONE_FOUND), Outcome.BARRED, "STATUS_403", id="403"),
    pytest.param((451, {}, NONE_FOUND), Outcome.BARRED, "STATUS_451", id="451"),
    pytest.param((200, {}, page("x.example", "This domain is for sale")), Outcome.PARKED, "PARKING_TEXT", id="parked"),
    pytest.param((404, {}, page("x.example", "Buy this domain")), Outcome.PARKED, "PARKING_TEXT", id="404 parked"),
    pytest.param(
        (200, {}, page("x", "words", "<script src='//img.sedoparking.com/a.js'></script>")),
        Outcome.PARKED, "PARKING_TEXT", id="parking script",
    ),
    pytest.param((302, {"Location": "https://www.hugedomains.com/x"}, ""), Outcome.PARKED, "PARKING_HOST", id="to parking"),
    pytest.param((302, {"Location": "/login?next=/album/7"}, ""), Outcome.LOGIN, "REDIRECT_LOGIN", id="to sign-in"),
    pytest.param((302, {"Location": "https://accounts.other.example/"}, ""), Outcome.LOGIN, "REDIRECT_LOGIN", id="to sso"),
    pytest.param((302, {"Location": "/"}, ""), Outcome.SOFT_404, "REDIRECT_HOME", id="to home"),
    pytest.param((301, {"Location": "https://other.example/a"}, ""), Outcome.UNSURE, "REDIRECT_ELSEWHERE", id="moved"),
    pytest.param((302, {"Location": "http://stop.fanal.test/"}, ""), Outcome.UNSURE, "STOP_PAGE", id="to our stop page"),
    pytest.param((302, {"Location": "javascript:x"}, ""), Outcome.UNSURE, "REDIRECT_UNREADABLE", id="to no address"),
    pytest.param((302, {}, ""), Outcome.UNSURE, "REDIRECT_UNREADABLE", id="to nowhere"),
    pytest.param((302, {"Location": "/album/7"}, ""), Outcome.UNSURE, "REDIRECT_LOOP", id="loop"),
    pytest.param(
        (200, {}, page("This site is blocked", "x", '<meta name="fanal-stop-page" content="1">')),
        Outcome.UNSURE, "STOP_PAGE", id="our stop page",
    ),
    pytest.param(
        (404, {}, page("This site is blocked", "x", '<meta name="fanal-stop-page" content="1">')),
        Outcome.UNSURE, "STOP_PAGE", id="our stop page as 404",
    ),
    pytest.param((500, {}, NONE_FOUND), Outcome.AWAY, "STATUS_BUSY", id="500"),
    pytest.param((503, {}, NONE_FOUND), Outcome.AWAY, "STATUS_BUSY", id="503"),
    pytest.param((521, {}, NONE_FOUND), Outcome.AWAY, "STATUS_BUSY", id="521"),
    pytest.param((429, {}, NONE_FOUND), Outcome.AWAY, "STATUS_BUSY", id="429"),
    pytest.param((400, {}, NONE_FOUND), Outcome.UNSURE, "STATUS_OTHER", id="400"),
    pytest.param((405, {}, NONE_FOUND), Outcome.UNSURE, "STATUS_OTHER", id="405"),
    pytest.param((406, {}, NONE_FOUND), Outcome.UNSURE, "STATUS_OTHER", id="406"),
    pytest.param((204, {}, ""), Outcome.UNSURE, "STATUS_OTHER", id="204"),
    pytest.param((404, {"cf-mitigated": "challenge"}, NONE_FOUND), Outcome.UNSURE, "CHALLENGE", id="challenge header"),
    pytest.param((404, {}, page("Just a moment...", "x")), Outcome.UNSURE, "CHALLENGE", id="challenge as 404"),
    pytest.param((200, {}, page("Attention required", "x")), Outcome.UNSURE, "CHALLENGE", id="challenge"),
    pytest.param((404, {"Content-Type": "image/png"}, "x"), Outcome.UNSURE, "GONE_UNREAD", id="picture as 404"),
    pytest.param((404, {"Content-Encoding": "br"}, "x"), Outcome.UNSURE, "GONE_UNREAD", id="404 compressed"),
    pytest.param((404, {}, "\x00\x01\x02\x03\x04\x05"), Outcome.UNSURE, "GONE_UNREAD", id="bytes as 404"),
    pytest.param((404, {}, LONG), Outcome.UNSURE, "GONE_LONG_PAGE", id="a long page as 404"),
    pytest.param((404, {}, page("Not found", "<video src=a>")), Outcome.UNSURE, "GONE_WITH_MEDIA", id="video as 404"),
    pytest.param((404, {}, "<script src=/a.js></script>"), Outcome.UNSURE, "SCRIPT_ONLY", id="a program as 404"),
    pytest.param(
        (404, {}, '<meta http-equiv="Refresh" content="0; url=/real">'), Outcome.UNSURE, "REFRESH", id="404 goes on"
    ),
    pytest.param(
        (200, {}, '<meta http-equiv=refresh content="0;URL=\'/real\'">'), Outcome.UNSURE, "REFRESH", id="goes on"
    ),
    pytest.param((200, {}, "<script src=/a.js></script>"), Outcome.UNSURE, "EMPTY", id="a program alone"),
    pytest.param((200, {}, ""), Outcome.UNSURE, "EMPTY", id="nothing"),
]  # fmt: skip


@pytest.mark.parametrize(
    "answer", GONE, ids=["404", "410", "404 empty", "404 plain text", "404 with a script"]
)
def test_gone(server: str, answer: Answer) -> None:
    found = judged(server, answer)
    assert (found.outcome, found.reason) == (Outcome.GONE, f"STATUS_{answer[0]}")


@pytest.mark.parametrize(("answer", "outcome", "reason"), NOT_GONE)
def test_not_gone(server: str, answer: Answer, outcome: Outcome, reason: str) -> None:
    found = judged(server, answer)
    assert (found.outcome, found.reason) == (outcome, reason)
    assert len(Pages.asked) == 1


def test_an_incomplete_404_is_not_gone(server: str) -> None:
    found = judged(server, (404, {"Content-Length": "9000", "Connection": "close"}, "Not found"))
    assert (found.outcome, found.reason) == (Outcome.UNSURE, "GONE_UNREAD")


def test_a_redirect_within_the_site_is_followed_and_each_hop_is_kept(server: str) -> None:
    found = judged(
        server, (301, {"Location": "/1"}, ""), (302, {"Location": "/2"}, ""), (200, {}, PAGE)
    )
    assert (found.outcome, Pages.asked) == (Outcome.UP, ["/album/7", "/1", "/2"])


def test_a_404_behind_a_redirect_is_left_to_a_person(server: str) -> None:
    found = judged(server, (301, {"Location": "/1"}, ""), (404, {}, NONE_FOUND))
    assert (found.outcome, found.reason) == (Outcome.UNSURE, "GONE_REDIRECTED")


def test_redirects_end(server: str) -> None:
    hops = [(302, {"Location": f"/{n}"}, "") for n in range(1, 9)]
    found = judged(server, *hops)
    assert (found.reason, len(Pages.asked)) == ("REDIRECT_LOOP", HOPS)


def test_a_redirect_to_an_internal_network_is_never_asked(server: str) -> None:
    found = judged(server, (302, {"Location": "http://169.254.169.254/latest"}, ""))
    assert (found.outcome, found.reason) == (Outcome.UNSURE, "REDIRECT_ELSEWHERE")


@pytest.mark.parametrize("status", [404, 410])
def test_the_page_seen_before_is_not_gone_because_a_status_says_so(
    server: str, status: int
) -> None:
    short = page(
        "Album", "twelve lighthouses of the coast in summer, and more of them on the next page"
    )
    seen = judged(server, (200, {}, short)).seen
    found = judged(server, (status, {}, short.replace("summer", "july")), before=Before(page=seen))
    assert (found.outcome, found.reason) == (Outcome.UNSURE, "GONE_SAME_PAGE")


def test_the_page_seen_before_is_up_although_it_speaks_of_what_is_not_found(server: str) -> None:
    seen = judged(server, (200, {}, PAGE)).seen
    found = judged(
        server, (200, {}, PAGE.replace("Album</h1>", "404</h1>")), before=Before(page=seen)
    )
    assert (found.outcome, found.reason) == (Outcome.UP, "SAME_PAGE")


@pytest.mark.parametrize("fragment", ["#/album/7", "#!/album"])
def test_a_place_that_only_a_program_in_the_page_knows_is_not_gone(
    server: str, fragment: str
) -> None:
    found = judged(server, (404, {}, NONE_FOUND), at=f"/app{fragment}")
    assert (found.outcome, found.reason) == (Outcome.UNSURE, "GONE_IN_FRAGMENT")


def test_what_was_gone_and_is_there_is_back(server: str) -> None:
    gone = Before(gone=True)
    assert judged(server, (200, {}, PAGE), before=gone).back
    assert not judged(server, (404, {}, NONE_FOUND), before=gone).back
    assert not judged(server, (200, {}, PAGE)).back


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("AWAY", Outcome.AWAY), ("TIMEOUT", Outcome.AWAY), ("PROTOCOL", Outcome.AWAY), ("ADDRESS", Outcome.AWAY),
     ("TLS", Outcome.UNSURE), ("ONION", Outcome.UNSURE)],
)  # fmt: skip
def test_what_is_not_reached_is_never_gone(fault: str, outcome: Outcome) -> None:
    sight = Sight(url="https://pictures.example/a", fault=fault)
    assert judge([sight], before=Before(gone=True), own=OWN).outcome is outcome


@given(
    status=st.integers(100, 999),
    source=st.text(max_size=300) | st.sampled_from([PAGE, LONG, NONE_FOUND]),
    headers=st.lists(st.tuples(st.sampled_from(["location", "content-type", "x"]), st.text(max_size=40)), max_size=3),
    unread=st.sampled_from(["", "NOT_TEXT", "ENCODED", "TRUNCATED", "INCOMPLETE"]),
)  # fmt: skip
def test_whatever_comes_only_a_complete_404_or_410_is_gone(
    status: int, source: str, headers: list[tuple[str, str]], unread: str
) -> None:
    sight = Sight(
        url="https://pictures.example/a",
        status=status,
        headers=tuple(headers),
        source=source,
        unread=unread,
    )
    found = judge([sight], before=Before(), own=OWN)
    assert found.outcome is not Outcome.GONE or (status in {404, 410} and not unread)


@given(st.text(max_size=400))
def test_any_source_is_read(source: str) -> None:
    found = read_page(source)
    assert 0 <= similarity(sketch(found), sketch(found)) <= 1


def test_similar_pages_have_similar_sketches() -> None:
    words = tuple(WORDS.split())
    one, other = sketch(Page(words=words)), sketch(Page(words=(*words[:-20], *("else",) * 20)))
    assert similarity(one, other) > 0.7
    assert similarity(one, sketch(Page(words=tuple(f"x{n}" for n in range(200))))) == 0
    assert similarity(b"", one) == similarity(b"", b"") == 0
    assert len(one) <= 64 * 8


def test_each_code_has_words() -> None:
    source = Path(judgement.__file__).read_text()
    codes = set(re.findall(r'Outcome\.[A-Z_0-9]+,\s+f?"([A-Z_0-9]+)"', source))
    faults = {f"FAULT_{one}" for one in ("ADDRESS", "AWAY", "TLS", "TIMEOUT", "PROTOCOL", "ONION")}
    statuses = {f"STATUS_{one}" for one in (403, 404, 410, 451)}
    labels = tomllib.loads(
        (Path(reference.__file__).parent / "data/labels/measures.toml").read_text()
    )["labels"]
    assert set(labels["recheck_reason"]) == codes | faults | statuses
    assert set(labels["recheck_outcome"]) == set(Outcome)
