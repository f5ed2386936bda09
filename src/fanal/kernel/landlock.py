"""Files that a process and all its children can no longer read, whoever owns them (Landlock, Linux 5.13).

A process so bound looks into no other process either: neither its memory nor its environment.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

# One number on every architecture, and the rights over files: include/uapi/linux/landlock.h.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION: Final = 1
_READ_FILE: Final = 1 << 2
_PATH_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_PROCESSES: Final = Path("/proc")


def is_there() -> bool:
    """Return whether this kernel has Landlock, switched on."""
    return sys.platform == "linux" and _call(_CREATE_RULESET, None, 0, _VERSION) >= 1


def shut_out(files: Collection[Path]) -> bool:
    """Let this process, and those it starts, read none of `files`; return whether the kernel can.

    Everything else that lies there now stays readable. Of folders that hold one of `files`, or a folder on
    the way to one, what is made later is not: it is written to and never read. Of `/proc`, what tells of
    processes is shut too, this one's own.
    """
    if not is_there() or _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    handled = ctypes.c_uint64(_READ_FILE)
    rules = _call(_CREATE_RULESET, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    if rules < 0:
        return False
    try:
        for path in _beside({*(file.resolve() for file in files), _PROCESSES / "1"}, Path("/")):
            with suppress(OSError):  # gone, or closed to this account: not readable either way
                _allow(rules, path)
        return _call(_RESTRICT_SELF, rules, 0) == 0
    finally:
        os.close(rules)


def _beside(files: Collection[Path], folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder and holds none of `files`, down to where they lie."""
    with suppress(OSError):
        for entry in sorted(folder.iterdir()):
            if (
                entry.is_symlink()
                or entry in files
                or (folder == _PROCESSES and entry.name.isdigit())
            ):
                continue  # a link has no rights of its own: what it names has
            if any(file.is_relative_to(entry) for file in files):
                yield from _beside(files, entry)
            else:
                yield entry


def _allow(rules: int, path: Path) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", _READ_FILE, descriptor)
        _call(_ADD_RULE, rules, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(descriptor)


def _call(number: int, *values: object) -> int:
    arguments = [ctypes.c_long(v) if isinstance(v, int) else v for v in values]
    return int(_libc().syscall(ctypes.c_long(number), *arguments))


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc
