"""The embedding engine of this process: started when the first text is read, and its embeddings cached.

A start that fails is tried again later: a process may be ended from outside (memory), or start too slowly.
"""

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Protocol, TypeVar

import numpy as np

from fanal.analyse.signals.domain.meaning import Vectors
from fanal.analyse.signals.domain.text import Segment
from fanal.embedding.child import ENGINE
from fanal.embedding.engine import (
    START_SECONDS,
    EngineMissing,
    EngineProcess,
    EngineStarting,
    TextUnembedded,
)

log = logging.getLogger("fanal.reader")
_T = TypeVar("_T")
MOST_TOKENS = 2_700
"""Most tokens embedded of a text or report: some 1 ms of processor time each.

A segment of French has at most some 150, of a chat with dates and hours 220, of punctuation 590: twelve of
the second kind are read, and of the last kind those are left out that have most tokens.
"""
_MOST_ENDS = 2
"""Segments of a text on which the engine's child may end, each after seconds.

After so many no further one is begun; of those whose tokens were counted, one more may.
"""
_CACHED = 4096
_BLAMED = 600.0
"""Seconds in which a text that ended the engine's child is not given to it again, by any reader."""
_PATIENCE = 5.0
"""Most seconds that the stages wait for a start of the engine; the shipped one needs about one."""
_FIRST_WAIT, _LONGEST_WAIT = 10.0, 600.0
"""Seconds until the engine's child is started again after a failed start, and the most after several."""


def model_folder() -> Path | None:
    """Return the folder of a desk's own embedding model (`FANAL_TEXT_MODEL`), None for the shipped one.

    Its subfolder `reader` holds the text reader that was trained with it.
    """
    return Path(named) if (named := os.environ.get("FANAL_TEXT_MODEL", "")) else None


class Engine(Protocol):
    """Port of a sentence embedding engine; `name` identifies its version and weights."""

    name: str

    def start(self) -> None:
        """Make the embedding engine ready to read, if it is not ready.

        Raises:
            EngineMissing: the engine is not installed, or does not start now.
        """
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the embeddings of `texts` as a float32 matrix, a row for each text.

        Raises:
            TextUnembedded: the engine cannot read one of them.
        """
        ...

    def tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text.

        Raises:
            TextUnembedded: the engine cannot read a text.
        """
        ...


class CachedEngine:
    """An embedding engine with a cache in memory, keyed by digest of the text and shared by all readers.

    A text that ended the engine's child process, when it was the only one in the request, is refused for
    `_BLAMED` seconds without another try: otherwise each of two compared versions would wait for it.
    Thread-safe.
    """

    def __init__(self, engine: Engine) -> None:
        """Wrap the embedding engine `engine`. Thread-safe."""
        self.name, self.engine = engine.name, engine
        self._cache: OrderedDict[bytes, Vectors] = OrderedDict()
        self._blamed: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the embeddings of `texts` (not empty), a row each; those not cached come from the engine.

        Raises:
            TextUnembedded: the engine cannot read a text, or a text ended its child process lately.
        """
        keys = [_key(text) for text in texts]
        with self._lock:
            held: Mapping[bytes, Vectors] = {
                key: self._cache[key] for key in keys if key in self._cache
            }
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in held}
        fresh = dict(zip(new, self._asked(self.engine.embed, list(new.values())), strict=True))
        with self._lock:
            self._cache.update(fresh)
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return np.stack([held[key] if key in held else fresh[key] for key in keys])

    def tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, counted by the embedding engine.

        Raises:
            TextUnembedded: the engine cannot read a text, or a text ended its child process lately.
        """
        return list(self._asked(self.engine.tokens, texts))

    def _asked(
        self, answer: Callable[[Sequence[str]], Iterable[_T]], texts: Sequence[str]
    ) -> Iterable[_T]:
        if not texts:
            return ()
        keys = [_key(text) for text in texts]
        with self._lock:
            if any(monotonic() < self._blamed.get(key, 0.0) for key in keys):
                raise TextUnembedded("it ended the engine before")
        try:
            return answer(texts)
        except TextUnembedded:
            if len(texts) == 1:
                with self._lock:
                    self._blamed[keys[0]] = monotonic() + _BLAMED
                    while len(self._blamed) > _CACHED:
                        self._blamed.popitem(last=False)
            raise

    def start(self) -> None:
        """Start the embedding engine's child process if there is none; see `EngineProcess.start`."""
        self.engine.start()


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8", "replace")).digest()


class Turn:
    """The budget of one text or report in the embedding engine: tokens, and crashes of the child process.

    `embedded` spends it; segments over the budget are left out.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin with `MOST_TOKENS` tokens and no segment that ended the child of `engine`."""
        self._engine, self._left, self._ends = engine, MOST_TOKENS, 0

    def embedded(self, cut: Sequence[Segment]) -> list[tuple[Segment, Vectors]]:
        """Return the segments (pieces of the text) that fit the budget, in order, with their embeddings.

        Segments with the fewest tokens are embedded first, as long as tokens are left, so that text padded
        with symbols does not use up the budget before the words are read. A segment that the engine cannot
        read is left out, and logged. After `_MOST_ENDS` such segments, all others whose tokens were not
        counted yet are left out too.
        """
        sizes = [
            (self._asked(self._engine.tokens, segment), n)
            for n, segment in enumerate(cut)
            if self._ends < _MOST_ENDS
        ]
        read = dict[int, Vectors]()
        for tokens, n in sorted((tokens, n) for tokens, n in sizes if tokens is not None):
            if tokens > self._left or self._ends > _MOST_ENDS:
                continue
            vector: Vectors | None = self._asked(self._engine.embed, cut[n])
            if vector is not None:
                read[n], self._left = vector, self._left - tokens
        return [(cut[n], read[n]) for n in sorted(read)]

    def _asked(
        self, answer: Callable[[Sequence[str]], Iterable[_T]], segment: Segment
    ) -> _T | None:
        try:
            return next(iter(answer([segment.text])))
        except TextUnembedded as failure:
            self._ends += 1
            log.error(
                "the engine cannot read a segment of %d characters: %s", len(segment.text), failure
            )
            return None


class _Starts:
    """The embedding engine of this process, and when its child process may start again after a failure.

    `patience`: seconds that a caller waits for a start; by default for the whole of it.
    """

    def __init__(self, patience: float = START_SECONDS) -> None:
        self._lock = Lock()
        self._process: EngineProcess | None = None
        self._engine: CachedEngine | None = None
        self.patience = patience
        self._wait, self._next, self._reason = _FIRST_WAIT, 0.0, ""

    def engine(self) -> CachedEngine:
        """Return the embedding engine, its child process started.

        Raises:
            EngineMissing: see `engine_of_process`.
        """
        with self._lock:
            folder = model_folder()
            if folder is None and find_spec(ENGINE) is None:
                raise EngineMissing(ENGINE)
            if monotonic() < self._next:
                raise EngineMissing(self._reason)
            try:
                if self._process is None:
                    self._process = EngineProcess(folder, patience=self.patience)
                self._process.start()
            except EngineStarting as starting:
                if self._reason != str(starting):
                    self._reason = str(starting)
                    log.warning("the engine is starting: phrase lists read alone meanwhile")
                raise
            except (EngineMissing, OSError) as failure:  # OSError: no process, no descriptor
                self._reason, self._next = str(failure), monotonic() + self._wait
                log.error(
                    "the engine does not start (%s): phrase lists read alone; next try in %d s",
                    failure,
                    self._wait,
                )
                self._wait = min(2 * self._wait, _LONGEST_WAIT)
                raise EngineMissing(self._reason) from failure
            if self._reason:
                log.warning("the engine has started: texts are read by their meaning again")
            self._wait, self._next, self._reason = _FIRST_WAIT, 0.0, ""
            self._engine = self._engine or CachedEngine(self._process)
            return self._engine


_STARTS = _Starts()


def start_beside() -> None:
    """Limit the wait of this process for a start of the embedding engine to 5 s; the start then goes on.

    For the processing stages of the worker: they read by phrases alone until the engine has started. Other
    processes, such as `fanal signals`, wait for the whole start.
    """
    _STARTS.patience = _PATIENCE


def engine_of_process() -> CachedEngine:
    """Return the embedding engine of this process, its child process started.

    A start that fails is logged, and tried again by the first call after 10 s; each further failure doubles
    this wait, up to 10 minutes.

    Raises:
        EngineMissing: its package is not installed, or its child process does not start now, or is starting.
    """
    return _STARTS.engine()
