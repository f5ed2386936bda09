"""The settings from environment variables as one typed record, validated at start-up."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from fanal.kernel.typed import is_sheltered

REPOSITORY = Path(__file__).resolve().parents[3]
_DEMO_DUTY = "duty@fanal.test"
_DATABASE = ("postgresql", "postgres")
_PIECES = re.compile(r'(?:[^",;\r\n]|"[^"]*"|")+')
"""Pieces of a list: a comma within quotes separates nothing (RFC 5322, 3.4)."""
_ADDRESS = (
    r'(?:"[^"\x00-\x1f\x7f]+"|[^\s"(),:;<>@\[\]\x00-\x1f\x7f]+)'
    r"@(?:\[[^\s\[\]@]+\]|[^\s\"'(),.:;<>@\[\]\x00-\x1f\x7f]+(?:\.[^\s\"'(),.:;<>@\[\]\x00-\x1f\x7f]+)*)"
)
_MAILBOX = re.compile(rf'(?P<bare>{_ADDRESS})|(?:[^"<>@]|"[^"]*")*<(?P<named>{_ADDRESS})>')

_LABEL = r"(?!rpz-)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$|0x[0-9a-f]*$){_LABEL}")
_LONGEST_HOST = 241
"""Most characters of a name that a zone file may name (`measures.blocking.names`)."""

WEB_TIMEOUTS = {
    "statement_timeout": "30s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "60s",
}
"""PostgreSQL timeouts of a process that serves pages: short, because people wait for it and for its locks."""
_COMMAND = {
    "statement_timeout": "1h",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "1h",
}
TIMEOUTS: Mapping[str, Mapping[str, str]] = {
    "app": _COMMAND,
    "auditor": _COMMAND,
    "intake": _COMMAND,
    "worker": {
        "statement_timeout": "15min",
        "lock_timeout": "60s",
        "idle_in_transaction_session_timeout": "10min",
    },
    "owner": {"idle_in_transaction_session_timeout": "1h"},
}
"""PostgreSQL timeouts of all other processes, by role. The owner runs migrations: no statement limit."""


class SettingRefused(Exception):
    """Error: a setting is invalid, or requires another setting; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings of an installation that come from environment variables, validated by `read_environment`.

    `docs/reference/settings.md` is generated from here.
    """

    home: Path
    """`FANAL_HOME`: data folder (default `var/` in the clone)."""
    vault: Path
    """`FANAL_VAULT`: folder of sealed bytes, shared by desk and public nodes (default `FANAL_HOME/vault`)."""
    database_url: str
    """`DATABASE_URL`: PostgreSQL of this process's role; empty with the embedded one."""
    database_role: str
    """`FANAL_DB_ROLE`: owner, app, worker, auditor or intake."""
    web: bool
    """`FANAL_WEB`: set by the process that serves pages, for itself: short timeouts in the database."""
    demo: bool
    """`FANAL_DEMO`: synthetic demo database, loopback only."""
    public_node: bool
    """`FANAL_PUBLIC_NODE`: serve only public pages and APIs for reports, without the vault's private keys."""
    secret_key: str
    """`FANAL_SECRET_KEY`: signs cookies; `fanal run` creates it in `keys/` if it is not set."""
    hosts: list[str]
    """`FANAL_HOSTS`: host names served, separated by commas (default loopback names)."""
    ledger_origin: str
    """`FANAL_LEDGER_ORIGIN`: name of the log in its checkpoints, fixed when the first key is made."""
    node: str
    """`FANAL_NODE`: name of this machine in the receipts it signs, fixed in its key's certificate."""
    proxy_hops: int | None
    """`FANAL_PROXY_HOPS`: reverse proxies on this machine before the web server (default 0: none)."""
    keep_address: bool
    """`FANAL_KEEP_REPORTER_ADDRESS`: keep the reporter's address, sealed, two years; said on the form."""
    smtp_url: str
    """`FANAL_SMTP_URL`: `smtp[s]://user:password@host:port`; empty: mail is left in `mail/`."""
    mail_from: str
    """`FANAL_MAIL_FROM`: sender of the desk's mail."""
    duty_addresses: list[str]
    """`FANAL_DUTY`: addresses called for a child in danger; commas or semicolons separate them."""
    flagger: str
    """`FANAL_TRUSTED_FLAGGER`: decision that made the desk a trusted flagger (DSA art. 22), for notices."""
    stop_host: str
    """`FANAL_STOP_HOST`: host of the page shown instead of blocked names (default `stop.fanal.test`)."""
    step_up_minutes: int
    """`FANAL_STEP_UP_MINUTES`: minutes for which a second factor allows sensitive actions (default 10)."""
    backlog_limit: int
    """`FANAL_BACKLOG_LIMIT`: waiting reports from which programs must wait (default 100000; 0: never)."""
    disk_reserve_mb: int
    """`FANAL_DISK_RESERVE_MB`: megabytes of the vault's disk that programs leave free (default 512)."""
    max_file_mb: int
    """`FANAL_MAX_FILE_MB`: megabytes of the largest file that the provider API accepts (default 500)."""
    oidc_url: str
    """`FANAL_OIDC_URL`: discovery address of the single sign-on provider, by https; empty for none."""
    oidc_client_id: str
    """`FANAL_OIDC_CLIENT_ID`: identifier that the provider gave to this installation."""
    oidc_client_secret: str
    """`FANAL_OIDC_CLIENT_SECRET`: its secret."""
    oidc_name: str
    """`FANAL_OIDC_NAME`: what the button of the sign-in page says (default `ProConnect`)."""
    text_model: Path | None
    """`FANAL_TEXT_MODEL`: folder of an ONNX embedding model of the desk's own (default: the shipped one)."""


def read_environment(values: Mapping[str, str]) -> Environment:
    """Return the validated settings in `values` (usually `os.environ`).

    Raises:
        SettingRefused: `FANAL_KEEP_REPORTER_ADDRESS` without `FANAL_PROXY_HOPS`; a limit, a number of minutes
            or of proxies that is not a valid number; a `DATABASE_URL` that is no address, or whose login is
            not the role's; a `FANAL_SMTP_URL`, a piece of `FANAL_DUTY` or a `FANAL_MAIL_FROM` that is no
            address; a `FANAL_STOP_HOST` that is no host name; a single sign-on URL without https or client
            identifier.
    """
    hosts = [h for h in values.get("FANAL_HOSTS", "127.0.0.1,localhost,[::1]").split(",") if h]
    keep_address = values.get("FANAL_KEEP_REPORTER_ADDRESS") == "1"
    proxy_hops = _read_hops(values.get("FANAL_PROXY_HOPS", ""))
    if keep_address and proxy_hops is None:
        raise SettingRefused(
            "FANAL_KEEP_REPORTER_ADDRESS=1 needs FANAL_PROXY_HOPS (0 without a reverse proxy): else the "
            "proxy's address would be kept as the reporter's"
        )
    _check_database(values.get("DATABASE_URL", ""))
    if values.get("DATABASE_URL") and values.get("FANAL_DB_ROLE"):
        require_own_login(values["DATABASE_URL"], values["FANAL_DB_ROLE"])
    home = Path(values.get("FANAL_HOME") or REPOSITORY / "var")
    demo = values.get("FANAL_DEMO") == "1"
    return Environment(
        home=home,
        vault=Path(values.get("FANAL_VAULT") or home / "vault").absolute(),
        database_url=values.get("DATABASE_URL", ""),
        database_role=values.get("FANAL_DB_ROLE", "app"),
        web=values.get("FANAL_WEB") == "1",
        demo=demo,
        public_node=values.get("FANAL_PUBLIC_NODE") == "1",
        secret_key=values.get("FANAL_SECRET_KEY", ""),
        hosts=hosts,
        ledger_origin=values.get("FANAL_LEDGER_ORIGIN") or "fanal.test/ledger",
        node=values.get("FANAL_NODE") or "node-1",
        proxy_hops=proxy_hops,
        keep_address=keep_address,
        smtp_url=_read_server(values.get("FANAL_SMTP_URL", "")),
        mail_from=_read_sender(values.get("FANAL_MAIL_FROM") or "desk@fanal.test"),
        flagger=values.get("FANAL_TRUSTED_FLAGGER", "").strip(),
        stop_host=_read_host(values.get("FANAL_STOP_HOST", "")),
        duty_addresses=_read_addresses(
            values.get("FANAL_DUTY", _DEMO_DUTY if demo else ""), "FANAL_DUTY"
        ),
        step_up_minutes=max(
            1, _read_number(values.get("FANAL_STEP_UP_MINUTES"), "FANAL_STEP_UP_MINUTES", 10)
        ),
        backlog_limit=_read_number(
            values.get("FANAL_BACKLOG_LIMIT"), "FANAL_BACKLOG_LIMIT", 100_000
        ),
        disk_reserve_mb=_read_number(
            values.get("FANAL_DISK_RESERVE_MB"), "FANAL_DISK_RESERVE_MB", 512
        ),
        max_file_mb=_read_number(values.get("FANAL_MAX_FILE_MB"), "FANAL_MAX_FILE_MB", 500),
        oidc_url=_read_provider(values),
        oidc_client_id=values.get("FANAL_OIDC_CLIENT_ID", ""),
        oidc_client_secret=values.get("FANAL_OIDC_CLIENT_SECRET", ""),
        oidc_name=values.get("FANAL_OIDC_NAME", "ProConnect"),
        text_model=Path(values["FANAL_TEXT_MODEL"]) if values.get("FANAL_TEXT_MODEL") else None,
    )


def _check_database(address: str) -> None:
    """Refuse a database URL that this program or libpq cannot read; their messages may quote the password.

    Raises:
        SettingRefused: it is no such URL, or its password has a special character.
    """
    if not address:
        return
    try:
        parts = urlsplit(address)
        _ = parts.port, conninfo_to_dict(address)
        # libpq ends the password at the first "@", urlsplit at the last one; only urlsplit ends it at "#".
        readable = parts.scheme in _DATABASE and parts.netloc.count("@") < 2 and not parts.fragment
    except (ValueError, psycopg.Error):
        readable = False
    if not readable:
        raise SettingRefused(
            "DATABASE_URL is no address: postgresql://login:password@host:port/database, with special "
            "characters of a password as %XX"
        )


def _read_host(text: str) -> str:
    """Return the host of the stop page in `text`, a host name as A-labels; the default for an empty text.

    Raises:
        SettingRefused: it is no such name.
    """
    host = text.strip().lower().removesuffix(".")
    if not host:
        return "stop.fanal.test"
    if len(host) > _LONGEST_HOST or _HOST.fullmatch(host) is None:
        raise SettingRefused(f"FANAL_STOP_HOST: {text!r} is no host name, such as stop.example.fr")
    return host


def _read_server(address: str) -> str:
    """Return the URL of the mail server, refused if it cannot be read: the message might quote the password.

    Raises:
        SettingRefused: no such URL, or a user name or password that is not ASCII (`smtplib` takes no other).
    """
    try:
        parts = urlsplit(address)
        _ = parts.port
        login = unquote(parts.netloc.rpartition("@")[0])
        readable = login.isascii() and not (parts.query or parts.fragment)
    except ValueError:
        readable = False
    if not readable:
        raise SettingRefused(
            "FANAL_SMTP_URL is no address: smtp[s]://user:password@host:port, with special characters of a "
            "password as %XX, and none but ASCII"
        )
    return address


def _read_addresses(text: str, name: str) -> list[str]:
    """Return the distinct mail addresses in `text`, separated by commas, semicolons or line ends.

    Names with the addresses (`Anne <anne@desk.example>`) are dropped.

    Raises:
        SettingRefused: a piece is not one address: it could not be called. `name` is the setting.
    """
    found = []
    for piece in filter(None, (piece.strip() for piece in _PIECES.findall(text))):
        address = _MAILBOX.fullmatch(piece)
        if address is None:
            raise SettingRefused(f"{name}: {piece!r} is no address of the form name@host.example")
        found.append(address["named"] or address["bare"])
    return list(dict.fromkeys(found))


def _read_sender(text: str) -> str:
    addresses = _read_addresses(text, "FANAL_MAIL_FROM")
    if len(addresses) != 1:
        raise SettingRefused("FANAL_MAIL_FROM is one address")
    return addresses[0]


def _read_provider(values: Mapping[str, str]) -> str:
    address = values.get("FANAL_OIDC_URL", "")
    if address and not is_sheltered(address):
        raise SettingRefused(
            "FANAL_OIDC_URL is an https address (http on this machine alone): whoever stands between could "
            "sign in as anybody"
        )
    if address and not values.get("FANAL_OIDC_CLIENT_ID"):
        raise SettingRefused(
            "FANAL_OIDC_URL needs FANAL_OIDC_CLIENT_ID: tokens name whom they are for"
        )
    return address


def require_own_login(address: str, role: str) -> None:
    """Refuse a database URL with a login other than that of `role` (`fanal_<role>`).

    The guards in the database depend on the login's name. Under another name a public node could skip the
    partner's secret, and row-level security would not restrict the desk.

    Raises:
        SettingRefused: the login has another name, or is missing.
    """
    url = urlsplit(address)
    login = unquote(url.username or "") or dict(parse_qsl(url.query)).get("user", "")
    if login != f"fanal_{role}":
        raise SettingRefused(
            f"FANAL_DB_ROLE={role} signs in as fanal_{role}, and DATABASE_URL as {login or 'nobody'}: what "
            "each role may do goes by the name of its login"
        )


def _read_hops(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise SettingRefused(f"FANAL_PROXY_HOPS is a number from 0 to 9, not {text!r}")
    return int(text)


def _read_number(text: str | None, name: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise SettingRefused(f"{name} is a whole number, not {text!r}")
    return int(text)


_CONNECT_SECONDS = "10"
"""Seconds to wait for a connection, so that an unresponsive server does not block a thread for ever."""
_NETWORK = {
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Connection settings: a connection lost without an error is closed after half a minute, not after hours."""


def database_settings(env: Environment) -> dict[str, object]:
    """Return Django's `DATABASES` entry for the database URL of `env`, with the timeouts of its role.

    A URL may name a socket folder: `postgresql://user:password@/fanal?host=/path`. Timeouts in the URL's own
    `options` take precedence. Keys are those of Django: `ENGINE`, `NAME`, `USER`, `HOST`, `OPTIONS` and so
    on.
    """
    url = urlsplit(env.database_url or "postgresql:///fanal")
    options = _NETWORK | dict(parse_qsl(url.query))
    limits = WEB_TIMEOUTS if env.web else TIMEOUTS.get(env.database_role, {})
    bounds = [f"-c {name}={value}" for name, value in limits.items()]
    options["options"] = " ".join([*bounds, options.get("options", "")]).strip()
    if not options["options"]:
        del options["options"]
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": options.pop("host", "") or url.hostname or "",
        "PORT": str(url.port or options.pop("port", "")),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
