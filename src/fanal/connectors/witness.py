"""Connection to the overseer's witnesses of the transparency log, whose addresses and keys an operator sets.

The settings are `FANAL_HOME/witness.toml`:

    wait = 10                                  # seconds in which a witness must have answered, 1 to 300

    [[witness]]
    url = "https://witness.example"
    key = "witness.example+…"                  # its public key

A single witness may stand without the table, as `url` and `key`.
"""

import http.client
import socket
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from fanal.connectors.outside import PinnedConnection
from fanal.ledger.domain.checkpoint import NoteKey
from fanal.measures.transparency.cosignature import CosignatureRefused, WitnessKey
from fanal.measures.transparency.cosigned import WitnessSilent, obtain
from fanal.measures.transparency.log import LogKeys, bring_up_to_date, is_begun

SETTINGS = "witness.toml"
WAIT = 10.0
"""Seconds in which a witness must have answered, where the settings do not say."""
_LONGEST = 16_384


class WitnessSetting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one witness: its address and its public key."""

    url: str
    key: str

    def public(self) -> WitnessKey:
        """Return the public key.

        Raises:
            CosignatureRefused: it is malformed.
        """
        return WitnessKey.decode(self.key)


class WitnessSettings(Struct, frozen=True, kw_only=True):
    """The settings of the witnesses, each of which must cosign; `wait`: seconds in which each must answer."""

    witnesses: tuple[WitnessSetting, ...]
    wait: float


class _Written(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str = ""
    key: str = ""
    wait: Annotated[float, Meta(ge=1, le=300)] = WAIT
    witness: tuple[WitnessSetting, ...] = ()


def read_settings(home: Path) -> WitnessSettings | None:
    """Return the settings of the witnesses in the data folder `home`; None if there is no settings file.

    Raises:
        CosignatureRefused: the file exists, but is unreadable or names no witness.
    """
    path = home / SETTINGS
    if not path.exists() and not path.is_symlink():
        return None
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_Written)
        single = bool(found.url or found.key)
        named = (WitnessSetting(url=found.url, key=found.key),) if single else found.witness
        if not named or (single and found.witness):
            raise ValueError("either url and key, or a table [[witness]] for each")
        for one in named:
            _check(one)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise CosignatureRefused(f"{SETTINGS}: {error}") from None
    return WitnessSettings(witnesses=named, wait=found.wait)


def ask(setting: WitnessSetting, body: bytes, *, seconds: float = WAIT) -> tuple[int, str]:
    """Send a request `add-checkpoint` to a witness; return status and body of the answer.

    The connection is cut after `seconds`, however slowly bytes arrive; only the resolution of the host's name
    has limits of its own.

    Raises:
        WitnessSilent: it cannot be reached, does not answer as HTTP, or not in time.
    """
    ends = time.monotonic() + seconds
    address = urlsplit(setting.url)
    host, secure = address.hostname or "", address.scheme == "https"
    port = address.port or (443 if secure else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        places = [str(one[4][0]) for one in found]
        pinned = PinnedConnection(host, port, places, secure=secure, ends=ends)
        with closing(pinned) as connection, connection.cut_at(ends):
            connection.request("POST", address.path.rstrip("/") + "/add-checkpoint", body)
            answer = connection.getresponse()
            status, content = answer.status, answer.read(_LONGEST).decode()
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = f"no answer in {seconds:g} s" if time.monotonic() >= ends else str(error)
        raise WitnessSilent(f"{setting.url}: {why}") from None
    if time.monotonic() >= ends:
        raise WitnessSilent(f"{setting.url}: no answer in {seconds:g} s")
    return status, content


def cosign_checkpoint(home: Path, folder: Path, *, keys: tuple[NoteKey, ...]) -> None:
    """Have the witnesses of the data folder `home` cosign the log in a folder, if there are any.

    `keys` are the public keys of the log. Every witness is asked, whatever the others answer.

    Raises:
        WitnessSilent: one did not cosign, or the settings cannot be read.
        LogRefused: the folder has no usable checkpoint or tiles.
        OSError: the checkpoint cannot be written.
    """
    try:
        settings = read_settings(home)
    except CosignatureRefused as error:
        raise WitnessSilent(str(error)) from None
    if settings is None:
        return
    silent: list[str] = []
    for one in settings.witnesses:
        try:
            how = partial(ask, one, seconds=settings.wait)
            obtain(folder, keys=keys, witness=one.public(), ask=how)
        except WitnessSilent as error:
            silent.append(str(error))
    if silent:
        raise WitnessSilent("; ".join(silent))


class PublicLog(Struct, frozen=True, kw_only=True):
    """The transparency log of this machine: data folder, folder of the log, and the keys of the log.

    `keys(make)` returns the keys, made if they are missing and `make` says so; None without any.
    """

    home: Path
    folder: Path
    keys: Callable[[bool], LogKeys | None]


_installed: list[PublicLog] = []


def install(log: PublicLog) -> None:
    """Set the log that `publish_log` writes in this process."""
    _installed[:] = [log]


def publish_log() -> None:
    """Bring the log of this machine up to date and have it cosigned; nothing on a machine without its key.

    The key is made where the installation has no log at all: two machines of one installation would else
    publish two.

    Raises:
        WitnessSilent: a witness did not cosign; the log is published all the same.
        LogRefused: the folder's log is damaged, or is not that of the database.
        OSError: the folder cannot be written.
    """
    (log,) = _installed
    keys = log.keys(not is_begun())
    if keys is None:
        return
    bring_up_to_date(log.folder, keys=keys)
    cosign_checkpoint(log.home, log.folder, keys=keys.known)


def _check(one: WitnessSetting) -> None:
    """Check the address and key of a witness.

    Raises:
        ValueError: one of the two is malformed.
    """
    one.public()
    address = urlsplit(one.url)
    if address.scheme not in {"http", "https"} or not address.hostname or address.port == 0:
        raise ValueError(f"{one.url!r} is no http address")
