"""Proof of work (altcha): a second of a browser's time, no third party, nothing to click."""

import base64
import binascii
from datetime import UTC, datetime, timedelta

import altcha
import msgspec
from msgspec import Struct

_ALGORITHM = "PBKDF2/SHA-256"
_COST = 5_000
HEAVY = 4
"""Times the ordinary work, for whoever has sent very many reports within the hour."""
_PREFIX = "00"  # one byte of zeros: 256 tries on average, about one second on a phone of 2020
LIFE = timedelta(minutes=10)
_MOST = 4_000


class Proof(Struct, frozen=True, kw_only=True):
    """A solved challenge: its identity, to be spent once, and when it expires."""

    challenge: str
    expires_at: datetime


class _Parameters(Struct):
    nonce: str
    expires_at: int = msgspec.field(name="expiresAt")
    data: dict[str, str] = {}


class _Challenge(Struct):
    parameters: _Parameters


class _Payload(Struct):
    challenge: _Challenge


def new_challenge(
    *, secret: bytes, submission: str, now: datetime, weight: int = 1
) -> dict[str, object]:
    """Return a challenge bound to one submission, as the worker reads it; `weight` multiplies the work."""
    challenge = altcha.create_challenge(
        _ALGORITHM,
        _COST * weight,
        key_prefix=_PREFIX,
        expires_at=now + LIFE,
        data={"submission": submission, "weight": str(weight)},
        hmac_secret=secret,
    )
    return dict(challenge.to_dict())


def verify(
    text: str, *, secret: bytes, submission: str, now: datetime, weight: int = 1
) -> Proof | None:
    """Return the proof that a browser sent, or None when there is none, it is lighter or does not hold."""
    if not text or len(text) > _MOST:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
        parameters = msgspec.json.decode(raw, type=_Payload).challenge.parameters
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    expires_at = datetime.fromtimestamp(min(parameters.expires_at, 2**33), UTC)
    if parameters.data.get("submission") != submission or expires_at <= now:
        return None
    if parameters.data.get("weight") not in {str(weight), str(HEAVY)}:
        return None
    if not altcha.verify_solution(text, secret).verified:
        return None
    return Proof(challenge=parameters.nonce, expires_at=expires_at)
