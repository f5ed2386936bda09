"""Real name servers on this machine, set up as the docs say: BIND and Unbound, each in its own folder."""

import contextlib
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.query
from dns.rdtypes.IN.A import A

ZONE = "rpz.fanal"
STOP_ADDRESS, OTHER_ADDRESS = "192.0.2.80", "192.0.2.10"
EMPTY = "$TTL 60\n@ SOA localhost. root.localhost. 1 60 10 86400 60\n@ NS localhost.\n"
"""A zone without records."""
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
_START_SECONDS = 600.0
_OPTIONS = """options {{
    directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    pid-file none; session-keyfile none; dnssec-validation no; empty-zones-enable no; notify explicit;
    notify-delay 0; {more}
}};
controls {{ }};
"""
_POLICY = f'response-policy {{ zone "{ZONE}" ede censored; }} min-update-interval 0;'
_UNBOUND = """server:
 interface: 127.0.0.1@{port}
 port: {port}
 do-daemonize: no
 use-syslog: no
 chroot: ""
 username: ""
 pidfile: ""
 directory: "{folder}"
 module-config: "respip iterator"
 do-not-query-localhost: no
 access-control: 127.0.0.0/8 allow
forward-zone:
 name: "."
 forward-addr: 127.0.0.1@{outside}
rpz:
 name: "{zone}"
{source}
"""
Process = subprocess.Popen[bytes]


def program(name: str) -> str | None:
    """Return the path of a server, None if it is not installed."""
    return shutil.which(name, path=_PATH)


def free_port() -> int:
    """Return a port of this machine that is free for both UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", tcp.getsockname()[1]))
                return int(tcp.getsockname()[1])


def key_text(name: str) -> str:
    """Return a key file as `tsig-keygen` writes it, with a secret that follows from the name."""
    secret = b64encode(name.encode().ljust(32, b".")).decode()
    return f'key "{name}" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n'


def resident(process: Process) -> int:
    """Return the resident memory of a server, in megabytes."""
    with Path(f"/proc/{process.pid}/status").open(encoding="ascii") as lines:
        line = next(line for line in lines if line.startswith("VmRSS:"))
    return int(line.split()[1]) // 1024


def resolve(port: int, name: str) -> tuple[str, ...]:
    """Return the addresses that a resolver answers for a name, then its extended errors as `EDE n`."""
    query = dns.message.make_query(name, "A", use_edns=0, payload=1232)
    answer = dns.query.udp(query, "127.0.0.1", timeout=5, port=port)
    found = [r.address for rrset in answer.answer for r in rrset if isinstance(r, A)]
    return (*sorted(found), *(f"EDE {int(e.code)}" for e in answer.extended_errors()))


@contextmanager
def world(folder: Path, port: int) -> Iterator[Process]:
    """Run a name server for the rest of the internet: each name under example and fanal.test has an address.

    Context manager: yields its process and ends it afterwards, like the others here. `folder` is for its
    files.
    """
    folder.mkdir()
    (folder / "example").write_text(f"{EMPTY}* A {OTHER_ADDRESS}\n")
    (folder / "stop").write_text(f"{EMPTY}* A {OTHER_ADDRESS}\nstop A {STOP_ADDRESS}\n")
    zones = "".join(
        f'zone "{zone}" {{ type primary; file "{file}"; }};\n'
        for zone, file in (("example", "example"), ("fanal.test", "stop"))
    )
    with _bind(folder, port, options="recursion no;", rest=zones) as process:
        yield process


@contextmanager
def hidden_primary(
    folder: Path, port: int, *, notify: Mapping[str, int], zone: str = EMPTY
) -> Iterator[Process]:
    """Run a BIND as hidden primary, from which access providers transfer the zone of blocked names.

    It has a view for each provider in `notify`, which it notifies of changes at the given port. Only this
    provider can transfer its copy, and only the publisher can change it; `zone` is the first content.
    """
    folder.mkdir()
    rest = ""
    for isp, told in notify.items():
        (folder / f"{isp}.zone").write_text(zone)
        for name in (isp, f"publish-{isp}"):
            (folder / f"{name}.key").write_text(key_text(name))
        rest += f"""include "{isp}.key"; include "publish-{isp}.key";
view "{isp}" {{
    match-clients {{ key {isp}; key publish-{isp}; }};
    zone "{ZONE}" {{
        type primary; file "{isp}.zone";
        allow-update {{ key publish-{isp}; }}; allow-transfer {{ key {isp}; key publish-{isp}; }};
        also-notify {{ 127.0.0.1 port {told} key {isp}; }};
    }};
}};
"""
    rest += 'view "nobody" { match-clients { any; }; allow-query { none; }; };\n'
    options = "recursion no; allow-query { any; };"
    with _bind(folder, port, options=options, rest=rest) as process:
        yield process


@contextmanager
def bind_resolver(
    folder: Path, port: int, *, isp: str, primary: int, outside: int
) -> Iterator[Process]:
    """Run the BIND resolver of the access provider `isp`, which blocks by response policy zone (with EDE 16).

    It transfers the zone from the primary at the port `primary` by IXFR with TSIG. `outside` is the port of
    the server for all other names.
    """
    options = f"recursion yes; forward only; forwarders {{ 127.0.0.1 port {outside}; }}; {_POLICY}"
    more = f"allow-query {{ key {isp}; }}; allow-transfer {{ none; }};"
    with _secondary(folder, port, options=options, isp=isp, primary=primary, more=more) as process:
        yield process


@contextmanager
def distributor(
    folder: Path, port: int, *, isp: str, primary: int, notify: int
) -> Iterator[Process]:
    """Run a BIND that resolves nothing: it passes the provider's copy of the zone on to its Unbound resolver.

    That resolver, at the port `notify`, cannot use TSIG. The copy comes from the port `primary`.
    """
    more = f"allow-transfer {{ 127.0.0.1; }}; also-notify {{ 127.0.0.1 port {notify}; }};"
    with _secondary(
        folder, port, options="recursion no;", isp=isp, primary=primary, more=more
    ) as process:
        yield process


@contextmanager
def unbound(folder: Path, port: int, *, primary: int, outside: int) -> Iterator[Process]:
    """Run an Unbound resolver, which transfers the zone of blocked names from the server at port `primary`.

    `outside` is the port of the server for all other names.
    """
    source = f' primary: 127.0.0.1@{primary}\n allow-notify: 127.0.0.1\n zonefile: "copy"'
    with _unbound(folder, port, source=source, outside=outside) as process:
        yield process


@contextmanager
def bind_of_file(folder: Path, port: int, *, zone: Path, outside: int) -> Iterator[Process]:
    """Run a BIND resolver that blocks by the zone file `zone`, which it reads again on SIGHUP."""
    folder.mkdir()
    options = f"recursion yes; forward only; forwarders {{ 127.0.0.1 port {outside}; }}; {_POLICY}"
    rest = f'zone "{ZONE}" {{ type primary; file "{zone}"; }};\n'
    with _bind(folder, port, options=options, rest=rest) as process:
        yield process


@contextmanager
def unbound_of_file(folder: Path, port: int, *, zone: Path, outside: int) -> Iterator[Process]:
    """Run an Unbound resolver that blocks by the zone file `zone`, which it reads again on SIGHUP."""
    with _unbound(folder, port, source=f' zonefile: "{zone}"', outside=outside) as process:
        yield process


@contextmanager
def _unbound(folder: Path, port: int, *, source: str, outside: int) -> Iterator[Process]:
    folder.mkdir()
    text = _UNBOUND.format(port=port, folder=folder, outside=outside, zone=ZONE, source=source)
    (folder / "unbound.conf").write_text(text)
    with _started(["unbound", "-d", "-c", str(folder / "unbound.conf")], folder, port) as process:
        yield process


@contextmanager
def _secondary(
    folder: Path, port: int, *, options: str, isp: str, primary: int, more: str
) -> Iterator[Process]:
    folder.mkdir()
    (folder / f"{isp}.key").write_text(key_text(isp))
    rest = f"""include "{isp}.key";
zone "{ZONE}" {{
    type secondary; file "copy"; primaries {{ 127.0.0.1 port {primary} key {isp}; }};
    {more}
}};
"""
    with _bind(folder, port, options=options, rest=rest) as process:
        yield process


@contextmanager
def _bind(folder: Path, port: int, *, options: str, rest: str) -> Iterator[Process]:
    text = _OPTIONS.format(folder=folder, port=port, more=options) + rest
    (folder / "named.conf").write_text(text)
    command = ["named", "-g", "-4", "-n", "2", "-c", str(folder / "named.conf")]
    with _started(command, folder, port) as process:
        yield process


@contextmanager
def _started(command: list[str], folder: Path, port: int) -> Iterator[Process]:
    """Run a server in the foreground until the block ends, from when its port takes connections.

    Raises:
        RuntimeError: it ended, or does not answer; with the end of its log.
    """
    log, server = folder / "log", program(command[0]) or command[0]
    with log.open("wb") as out:
        process = subprocess.Popen([server, *command[1:]], stdout=out, stderr=out, cwd=folder)  # noqa: S603
        try:
            ends = time.monotonic() + _START_SECONDS
            while not _takes(port):
                if process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(f"{server} does not run: {log.read_text()[-3000:]}")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _takes(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
