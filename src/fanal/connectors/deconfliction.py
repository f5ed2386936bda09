"""HTTPS client of another organisation's de-confliction service (the counterpart).

A round of private set intersection finds the suspects that both organisations have, without revealing any
others. This client posts our signed messages, and fetches the state of the round and the counterpart's
answer.
"""

import base64
from typing import Final
from uuid import UUID

import msgspec

from fanal.connectors.outside import Door, OutsideRefused
from fanal.deconfliction.domain.message import MAX_BYTES
from fanal.deconfliction.domain.records import Counterpart

_SMALL: Final = 4096


class RoundTold(msgspec.Struct, frozen=True, kw_only=True):
    """The response of another organisation's service about a round of private set intersection.

    `round` is the round's id, `state` the code of its state there.
    """

    round: UUID
    state: str


def send_offer(door: Door, *, counterpart: Counterpart, secret: str, body: bytes) -> RoundTold:
    """Post an offer, which opens a round of comparison at `counterpart`; repeating it changes nothing.

    A counterpart is another organisation. `body` is the signed message, `secret` the password for
    `counterpart.login`. Returns the round's state there.

    Raises:
        OutsideRefused: no usable response (codes of `Door.post`); PROTOCOL: not one of this protocol.
    """
    return _hand_in(door, counterpart, secret, way="rounds", body=body)


def send_conclusion(
    door: Door, *, counterpart: Counterpart, secret: str, round_id: UUID, body: bytes
) -> RoundTold:
    """Post the conclusion of a de-confliction round; return the round's state at the other organisation.

    A round is one run of private set intersection.

    `body` is the signed message, `secret` the password for `counterpart.login`.

    Raises:
        OutsideRefused: no usable response (codes of `Door.post`); PROTOCOL: not one of this protocol.
    """
    return _hand_in(door, counterpart, secret, way=f"rounds/{round_id}/conclusion", body=body)


def get_state(door: Door, *, counterpart: Counterpart, secret: str, round_id: UUID) -> RoundTold:
    """Return the state of a de-confliction round at the other organisation (`counterpart`).

    `secret` is the password for `counterpart.login`. A round is one run of private set intersection.

    Raises:
        OutsideRefused: no usable response (codes of `Door.get`); PROTOCOL: not one of this protocol.
    """
    url = f"{counterpart.url}/rounds/{round_id}"
    found = door.get(url, headers=_headers(counterpart, secret), limit=_SMALL)
    return _told(found.body)


def get_answer(door: Door, *, counterpart: Counterpart, secret: str, round_id: UUID) -> bytes:
    """Return another organisation's answer to our offer in a round of private set intersection.

    It is returned as received: the signed message is not yet checked. `secret` is the password for
    `counterpart.login`.

    Raises:
        OutsideRefused: no usable response (codes of `Door.get`).
    """
    url = f"{counterpart.url}/rounds/{round_id}/answer"
    return door.get(url, headers=_headers(counterpart, secret), limit=MAX_BYTES).body


def _hand_in(
    door: Door, counterpart: Counterpart, secret: str, *, way: str, body: bytes
) -> RoundTold:
    headers = _headers(counterpart, secret) | {"Content-Type": "application/json"}
    found = door.post(f"{counterpart.url}/{way}", headers=headers, body=body, limit=_SMALL)
    return _told(found.body)


def _told(body: bytes) -> RoundTold:
    try:
        return msgspec.json.decode(body, type=RoundTold)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise OutsideRefused("PROTOCOL") from None


def _headers(counterpart: Counterpart, secret: str) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if counterpart.login or secret:
        pair = base64.b64encode(f"{counterpart.login}:{secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    return headers
