"""Sandbox of a child before it reads hostile bytes. Linux only; a missing layer is reported.

| Layer | As root | As a plain user |
|---|---|---|
| network namespace without any interface | where it has the capability | where it may have a user namespace |
| the account `nobody`, no group | where it has the capabilities | stays the user's own |
| no file can be opened, to read or to write (Landlock) | where the kernel has it | where the kernel has it |
| system calls: only for reading, answering and memory | on the processors below | on the processors below |
| limits on memory and processor time, no file written, no core dump | always | always |

A child for videos may call `openat`, since FFmpeg does: Landlock then permits only its own anonymous memory.
Without Landlock in the kernel, videos are not decoded. The filter of system calls is seccomp, for x86-64 and
64-bit Arm; on other machines it is left out, and the pool reports that.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_PIECE: Final = 1 << 20
_NOBODY: Final = 65534
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_FILTER_MODE: Final = 2
_NEW_USER, _NEW_NETWORK, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EXECUTABLE: Final = 4
_THREAD: Final = 0x00010000

# Numbers of system calls: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
_ARCHITECTURES: Final[Mapping[str, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLS: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {
        "read": 0,
        "write": 1,
        "close": 3,
        "fstat": 5,
        "poll": 7,
        "lseek": 8,
        "munmap": 11,
        "brk": 12,
        "rt_sigaction": 13,
        "rt_sigprocmask": 14,
        "rt_sigreturn": 15,
        "sched_yield": 24,
        "mremap": 25,
        "madvise": 28,
        "setitimer": 38,
        "getpid": 39,
        "recvfrom": 45,
        "exit": 60,
        "sendto": 44,
        "gettid": 186,
        "futex": 202,
        "restart_syscall": 219,
        "clock_gettime": 228,
        "exit_group": 231,
        "getrandom": 318,
        "sigaltstack": 131,
        "getrusage": 98,
        "set_robust_list": 273,
        "rseq": 334,
    },
    "aarch64": {
        "read": 63,
        "write": 64,
        "close": 57,
        "fstat": 80,
        "ppoll": 73,
        "lseek": 62,
        "munmap": 215,
        "brk": 214,
        "rt_sigaction": 134,
        "rt_sigprocmask": 135,
        "rt_sigreturn": 139,
        "sched_yield": 124,
        "mremap": 216,
        "madvise": 233,
        "setitimer": 103,
        "getpid": 172,
        "recvfrom": 207,
        "sendto": 206,
        "exit": 93,
        "gettid": 178,
        "futex": 98,
        "sigaltstack": 132,
        "restart_syscall": 128,
        "clock_gettime": 113,
        "exit_group": 94,
        "getrandom": 278,
        "getrusage": 165,
        "set_robust_list": 99,
        "rseq": 293,
    },
}
_MEMORY_CALLS: Final = {
    "x86_64": (9, 10),
    "aarch64": (222, 226),
}  # mmap, mprotect: never executable
_FILE_CALLS: Final = {
    # Further calls of a video library: to read its anonymous file, and to start threads, never processes.
    "x86_64": (262, 17, 77, 89, 267, 72, 204, 203, 99, 4, 21),
    "aarch64": (79, 67, 46, 78, 25, 123, 122, 179, 48),
}
_OPEN: Final = {"x86_64": 257, "aarch64": 56}  # openat: never to write
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_CLONE3: Final = 435

# Landlock's system calls have one number on every architecture (include/uapi/linux/landlock.h).
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ABI_OF_LANDLOCK: Final = 1
_FILE_RIGHTS: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""Rights over files, with the Landlock version that introduced them; earlier versions refuse them."""


def leave_network() -> bool:
    """Move this process into a network namespace without interfaces; return whether the system allowed it.

    It also gets an IPC namespace of its own.
    """
    wanted = _NEW_NETWORK | _NEW_IPC
    if os.geteuid() != 0:
        wanted |= _NEW_USER
    return bool(_libc().unshare(wanted) == 0)


def drop_account() -> None:
    """Switch this process from root to the account `nobody`.

    A process of another user stays unchanged, and so does one of root that lacks the capability to switch (in
    a container without capabilities).
    """
    if os.geteuid() != 0:
        return
    with contextlib.suppress(PermissionError):
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def die_with_parent() -> None:
    """Have the kernel kill this process (SIGKILL) when its parent ends."""
    _libc().prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def received(source: socket.socket, size: int) -> bytes:
    """Return the next `size` bytes of a socket; end this process if the other end is closed."""
    pieces = bytearray()
    while len(pieces) < size:
        piece = source.recv(min(size - len(pieces), _PIECE))
        if not piece:
            os._exit(0)
        pieces += piece
    return bytes(pieces)


def cap(*, memory: int, seconds: float, held: int = 0) -> None:
    """Limit this process's memory, processor time and file size.

    `memory`: bytes in addition to what it has now. `seconds`: processor time until its end. `held` is the
    largest size of a file open for writing: only a video's anonymous memory, else 0.
    """
    pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    for kind, value in (
        (resource.RLIMIT_AS, pages * resource.getpagesize() + memory),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, held),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(kind, (value, value))


def close_files() -> bool:
    """Forbid this process to open any file by path (Landlock); return whether that took effect.

    Files already open stay usable, and so does anonymous memory, which is in no file system.
    """
    if sys.platform != "linux":
        return False
    libc = _libc()
    libc.syscall.restype = ctypes.c_long
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ABI_OF_LANDLOCK)
    if version < 1 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    handled = ctypes.c_uint64(sum(right for since, right in _FILE_RIGHTS if version >= since))
    size = ctypes.c_size_t(ctypes.sizeof(handled))
    rules = libc.syscall(_CREATE_RULESET, ctypes.byref(handled), size, 0)
    if rules < 0:
        return False
    try:
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def filter_calls(*, files: bool = False) -> bool:
    """Limit this process to system calls for reading, answering and memory (seccomp); others give EPERM.

    With `files`, calls of a video library are allowed too, among them `openat`; so call `close_files` first.
    Returns whether the filter is in force: The result is False on an unknown processor, or where the kernel
    refuses it.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ARCHITECTURES:
        return False
    prctl = _libc().prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    code = b"".join(_program(machine, files=files))
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    held = ctypes.create_string_buffer(program)
    if prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.addressof(held), 0, 0) == 0)


def _program(machine: str, *, files: bool) -> Iterable[bytes]:
    """Yield the instructions of the seccomp filter for a processor (`machine`), each as eight bytes of BPF.

    `files` also allows the calls of a video library.
    """
    load, equal, any_bit, answer = 0x20, 0x15, 0x45, 0x06

    def line(operation: int, value: int, yes: int = 0, *, no: int = 0) -> bytes:
        return struct.pack("HBBI", operation, yes, no, value)

    yield line(load, 4)  # seccomp_data.arch
    yield line(equal, _ARCHITECTURES[machine], 1)
    yield line(answer, _KILL)
    yield line(load, 0)  # seccomp_data.nr
    allowed = [*_CALLS[machine].values()]
    watched = dict.fromkeys(_MEMORY_CALLS[machine], _EXECUTABLE)
    if files:
        allowed += _FILE_CALLS[machine]
        watched[_OPEN[machine]] = _WRITING
    for call in allowed:
        yield line(equal, call, no=1)
        yield line(answer, _ALLOW)
    for call, refused in watched.items():
        yield line(equal, call, no=4)
        yield line(
            load, 32
        )  # low half of the third argument: the memory protection or the open flags
        yield line(any_bit, refused, 1)
        yield line(answer, _ALLOW)
        yield line(answer, _REFUSE | errno.EPERM)
    # Threads start by clone; clone3, whose flags the filter cannot read, "does not exist".
    yield line(equal, _CLONE3, no=1)
    yield line(answer, _REFUSE | errno.ENOSYS)
    yield line(equal, _CLONE[machine], no=3)
    yield line(load, 16)  # the first argument: the flags
    yield line(any_bit, _THREAD, no=1)
    yield line(answer, _ALLOW)
    yield line(answer, _REFUSE | errno.EPERM)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
