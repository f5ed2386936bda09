"""Clients that file reports through every door and write down what they were told.

A history line is an act's outcome: `ok` (acknowledged), `refused` (told that nothing was stored) or
`unknown` (no answer in time). Only what is `ok` must survive; what is unknown may have landed, once.
"""

import json
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TextIO
from xml.etree import ElementTree as ET

from tests.live import Answer, Live, Partner, draft_of

CODE = re.compile(r"<code>((?:[0-9A-Z]{4}-){4}[0-9A-Z]{4})</code>")
WAIT_OF_THE_FORM = 10.2
_PATIENCE = 60.0
_BREATH = 0.25
_STEPS = (
    {"step": "danger", "go": "next", "danger": "NO"},
    {"step": "what", "go": "where", "kind": "OTHER"},
)


@dataclass(slots=True, kw_only=True)
class Filed:
    """One report as its client knows it; `mark` is in the report, `key` is what a retry repeats."""

    door: str
    mark: str
    outcome: str
    tries: int
    report: str = ""
    receipt: str = ""
    files: int = 0


@dataclass(slots=True)
class History:
    """What all clients were told, in the order in which they wrote it; kept in a file."""

    file: TextIO
    entries: list[Filed] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, filed: Filed) -> None:
        """Note an outcome."""
        with self.lock:
            self.entries.append(filed)
            names = ("door", "mark", "outcome", "tries", "report", "files")
            self.file.write(json.dumps({n: getattr(filed, n) for n in names}) + "\n")
            self.file.flush()

    def note(self, **what: object) -> None:
        """Note something that happened to the server."""
        with self.lock:
            self.file.write(json.dumps({"fault": what}) + "\n")
            self.file.flush()

    @property
    def acknowledged(self) -> int:
        """How many reports are acknowledged by now."""
        with self.lock:
            return sum(entry.outcome == "ok" for entry in self.entries)

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many of each door and outcome."""
        with self.lock:
            return Counter((entry.door, entry.outcome) for entry in self.entries)


def open_history(folder: Path, *, seed: int) -> History:
    """Return an empty history in a file that outlives the test."""
    path = folder / f"fanal-history-{seed}.jsonl"
    return History(path.open("w"))


class _Patience:
    """Tries again until an answer is final or the time is over; counts the tries."""

    def __init__(self) -> None:
        self._end = time.monotonic() + _PATIENCE
        self.tries = 0

    def again(self) -> bool:
        self.tries += 1
        if self.tries > 1:
            time.sleep(_BREATH)
        return time.monotonic() < self._end


class JsonClient:
    """Files through `/api/v1/reports` and repeats its key until it knows."""

    door = "json"

    def __init__(self, server: Live, partner: Partner) -> None:
        self.server, self.partner = server, partner

    def file(self, mark: str, random: Random) -> Filed:
        body = {
            "reference": mark,
            "kind": "OTHER",
            "platform": mark,
            "emergency": random.random() < 0.05,
            "urls": [f"https://{random.randrange(200)}.shapes.example/{mark}"],
            "description": "x" * random.choice((10, 400, 90_000)),
        }
        patience = _Patience()
        while patience.again():
            answer = self.server.json(
                "POST", "/reports", self.partner, body, Idempotency_Key=f"key-{mark}"
            )
            if answer.status in {200, 201}:
                told = answer.json
                return self._filed(mark, "ok", patience, str(told["id"]), str(told["receipt"]))
            if 400 <= answer.status < 500 and answer.status != 409:
                return self._filed(mark, "refused", patience)
        return self._filed(mark, "unknown", patience)

    def _filed(
        self, mark: str, outcome: str, patience: _Patience, report: str = "", receipt: str = ""
    ) -> Filed:
        return Filed(
            door=self.door,
            mark=mark,
            outcome=outcome,
            tries=patience.tries,
            report=report,
            receipt=receipt,
        )


class WireClient:
    """Files through `/ispws`: submit, sometimes files, finish.

    The wire has no key for a submit: a lost answer means a new submit, and the first stays open until
    it expires. It is finished under one number only, so that one report counts.
    """

    door = "wire"

    def __init__(self, server: Live, partner: Partner) -> None:
        self.server, self.partner = server, partner

    def file(self, mark: str, random: Random) -> Filed:
        patience = _Patience()
        number, files = "", 0
        while not number and patience.again():
            number = _number(self.server.wire("submit", self.partner, _document(mark)))
        if number and random.random() < 0.4:
            content = random.randbytes(random.choice((3_000, 200_000)))
            while patience.again():
                answer = self._upload(number, content)
                if _code(answer) == 0:
                    files = 1
                    break
        while number and patience.again():
            answer = self.server.wire_form("finish", self.partner, id=number)
            if _code(answer) in {0, 5102}:
                return self._filed(mark, "ok", patience, number, files)
        return self._filed(mark, "unknown", patience, number, files)

    def _upload(self, number: str, content: bytes) -> Answer:
        edge = "-----------------------fault"
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="id"\r\n\r\n{number}\r\n'
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="shape.bin"\r\n\r\n'
        )
        body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}"} | self.partner.basic
        return self.server.call("POST", "/ispws/upload", body=body, headers=headers)

    def _filed(
        self, mark: str, outcome: str, patience: _Patience, number: str, files: int
    ) -> Filed:
        return Filed(
            door=self.door,
            mark=mark,
            outcome=outcome,
            tries=patience.tries,
            report=number,
            files=files,
        )


class FormClient:
    """Files through the public form without a proof of work: ten drafts at a time, then the wait.

    The draft carries the submission id and the receipt code: sending it again is the same report.
    """

    door = "form"

    def __init__(self, server: Live) -> None:
        self.server = server

    def prepare(self, mark: str) -> tuple[str, str, float] | None:
        """Answer every page up to the check page; return mark, draft and when it may be sent."""
        patience = _Patience()
        while patience.again():
            page = self.server.call("GET", "/en/report/")
            steps = [
                *_STEPS,
                {"step": "where", "go": "you", "channel": "WEB", "service": mark},
                {"step": "you", "go": "check", "contact": "ANONYMOUS"},
            ]
            for step in steps:
                if page.status != 200:
                    break
                page = self.server.page("/en/report/", draft=draft_of(page), **step)
            if page.status == 200:
                return mark, draft_of(page), time.monotonic() + WAIT_OF_THE_FORM
        return None

    def send(self, mark: str, draft: str) -> Filed:
        """Press “Send” until the answer is final."""
        patience = _Patience()
        filed = Filed(door=self.door, mark=mark, outcome="unknown", tries=0)
        while patience.again():
            filed.tries = patience.tries
            answer = self.server.page("/en/report/", draft=draft, step="check", go="send")
            if answer.status in {200, 201}:
                found = CODE.search(answer.body.decode())
                if found is not None:
                    filed.receipt, filed.outcome = found.group(1), "ok"
                    return filed
            if answer.status == 425:
                draft = draft_of(answer)
            elif 400 <= answer.status < 500 and answer.status != 409:
                filed.outcome = "refused"
                return filed
        return filed


def _document(mark: str) -> bytes:
    return (
        "<report><incidentSummary><incidentType>Child Sex Trafficking</incidentType>"
        f"<platform>{mark}</platform><incidentDateTime>2026-11-20T10:00:00Z</incidentDateTime>"
        "</incidentSummary><reporter><reportingPerson><firstName>N</firstName></reportingPerson>"
        f"</reporter><personOrUserReported><screenName>n-{mark}</screenName></personOrUserReported>"
        "</report>"
    ).encode()


def _number(answer: Answer) -> str:
    if _code(answer) != 0:
        return ""
    return ET.fromstring(answer.body).findtext("reportId", "")


def _code(answer: Answer) -> int:
    """Return the code of a wire's answer, -1 where none came."""
    if answer.status != 200:
        return -1
    return int(ET.fromstring(answer.body).findtext("responseCode", "-1"))
