"""An application of which one page holds the interpreter without end, and another works for long without."""

import os
import re
import time
from collections.abc import Callable

from fanal.kernel.process import end_when_held

end_when_held(6.0)


def application(
    request: dict[str, str], start: Callable[[str, list[object]], object]
) -> list[bytes]:
    path = request["PATH_INFO"]
    if path == "/holds":
        re.match(r"(?:a+)+$", "a" * 60 + "b")
    end = time.monotonic() + (15 if path == "/works" else 0)
    while time.monotonic() < end:
        sum(range(1000))
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
