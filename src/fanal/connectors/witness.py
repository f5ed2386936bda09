"""Connection to the overseer's witness, a server that cosigns checkpoints of the transparency log.

An operator sets its address and key in `FANAL_HOME/witness.toml`: `url`, such as `https://witness.example`,
and `key`, the witness's public key.
"""

import http.client
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from fanal.measures.transparency.cosignature import CosignatureRefused, WitnessKey
from fanal.measures.transparency.cosigned import WitnessSilent

SETTINGS = "witness.toml"
_SECONDS = 5.0
_LONGEST = 16_384


class WitnessSetting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of the witness: its address and its public key."""

    url: str
    key: str

    def public(self) -> WitnessKey:
        """Return the public key.

        Raises:
            CosignatureRefused: it is malformed.
        """
        return WitnessKey.decode(self.key)


def read_setting(home: Path) -> WitnessSetting | None:
    """Return the settings of the witness in the data folder `home`; None if there is no settings file.

    Raises:
        CosignatureRefused: the file exists, but is unreadable or invalid; it never counts as missing.
    """
    try:
        found = msgspec.toml.decode((home / SETTINGS).read_bytes(), type=WitnessSetting)
        found.public()
        address = urlsplit(found.url)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise CosignatureRefused(f"{SETTINGS}: {error}") from None
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise CosignatureRefused(f"{SETTINGS}: {found.url!r} is no http address")
    return found


def ask(setting: WitnessSetting, body: bytes) -> tuple[int, str]:
    """Send a request `add-checkpoint` to the witness; return status and body of the answer.

    Raises:
        WitnessSilent: it cannot be reached, or does not answer as HTTP.
    """
    address = urlsplit(setting.url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    try:
        with closing(kind(address.hostname or "", address.port, timeout=_SECONDS)) as connection:
            connection.request("POST", address.path.rstrip("/") + "/add-checkpoint", body)
            answer = connection.getresponse()
            return answer.status, answer.read(_LONGEST).decode()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WitnessSilent(f"{setting.url}: {error}") from None
