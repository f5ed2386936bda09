"""A counterpart that shares no line with Fanal's: slow arithmetic from RFC 7748, JSON and signatures by hand.

It is the yardstick of the curve, and plays the other desk in tests of the operations.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

P = 2**255 - 19
A = 486662


def square_root(number: int) -> int | None:
    """Return a square root modulo P (P = 5 mod 8), None where there is none."""
    root = pow(number, (P + 3) // 8, P)
    if root * root % P != number % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    return root if root * root % P == number % P else None


def times(scalar: bytes, point: bytes) -> bytes:
    """Multiply a point by a clamped scalar: the ladder of RFC 7748, section 5, without its constant time."""
    clamped = bytearray(scalar)
    clamped[0] &= 248
    clamped[31] = clamped[31] & 127 | 64
    number, x1 = int.from_bytes(clamped, "little"), int.from_bytes(point, "little")
    assert square_root(x1 * x1 * x1 + A * x1 * x1 + x1) is not None, "not on the curve"
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in range(254, -1, -1):
        swap = number >> bit & 1
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        plus, minus = (x2 + z2) ** 2 % P, (x2 - z2) ** 2 % P
        cross = (x3 - z3) * (x2 + z2) % P, (x3 + z3) * (x2 - z2) % P
        x3, z3 = (cross[0] + cross[1]) ** 2 % P, x1 * (cross[0] - cross[1]) ** 2 % P
        x2, z2 = plus * minus % P, (plus - minus) * (plus + 121665 * (plus - minus)) % P
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, P) % P).to_bytes(32, "little")


def point_of(pair: bytes, kind: str, value: str) -> bytes:
    """Hash an identifier to a point: README of the package, in words of one's own."""
    key = hashlib.sha256(f"{kind}|{value}".encode()).digest()[:16]
    counter = 0
    while True:
        text = b"fanal-deconflict/1 point\0" + pair + key + counter.to_bytes(2, "big")
        digest = bytearray(hashlib.sha256(text).digest())
        digest[31] &= 0x7F
        u = int.from_bytes(digest, "little")
        if u < P and u != 0 and square_root(u * u * u + A * u * u + u) is not None:
            return bytes(digest)
        counter += 1


def base64_of(points: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(points)).decode()


def points_of(text: object) -> list[bytes]:
    packed = base64.b64decode(str(text))
    return [packed[at : at + 32] for at in range(0, len(packed), 32)]


def stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Peer:
    """The other desk: its names, its key, its identifiers as (kind, value)."""

    name: str
    fanal_name: str
    fanal_key: bytes
    held: list[tuple[str, str]]
    now: datetime
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    shown: list[tuple[bytes, tuple[str, str] | None]] = field(default_factory=list)
    sent: bytes = b""

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def pair(self) -> bytes:
        return hashlib.sha256(b"".join(sorted([self.public, self.fanal_key]))).digest()

    def lay_out(self) -> list[bytes]:
        """Multiply what is held, fill up to a power of two, and show it in ascending order."""
        shown = [(times(self.secret, point_of(self.pair, *one)), one) for one in self.held]
        size = 64
        while size < len(shown):
            size *= 2
        base = (9).to_bytes(32, "little")
        fill = [(times(secrets.token_bytes(32), base), None) for _ in range(size - len(shown))]
        self.shown = sorted(shown + fill, key=lambda pair: pair[0])
        return [point for point, _ in self.shown]

    def write(self, message: Mapping[str, object]) -> bytes:
        """Write a message as JSON without blanks, and sign it."""
        text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        signature = self.key.sign(b"fanal-deconflict/1 message\0" + text.encode())
        self.sent = b'{"message":%b,"signature":"%b"}\n' % (
            text.encode(),
            base64.b64encode(signature),
        )
        return self.sent

    def head(self, kind: str, round_id: object, **more: object) -> dict[str, object]:
        """Return the fields that every message has, in the order of their bytes."""
        return {
            "kind": kind,
            "round": str(round_id),
            "sender": self.name,
            "recipient": self.fanal_name,
            "at": stamp(self.now),
            "expires": stamp(self.now + timedelta(days=7)),
            "protocol": "fanal-deconflict/1",
        } | more

    def offer(self, round_id: UUID, **change: object) -> bytes:
        """Begin a round."""
        points = base64_of(self.lay_out())
        return self.write(self.head("OFFER", round_id, points=points, previous="") | change)

    def answer(self, offer: bytes, **change: object) -> bytes:
        """Answer Fanal's offer."""
        asked = json.loads(offer)["message"]
        twice = [times(self.secret, point) for point in points_of(asked["points"])]
        said = {
            "expires": asked["expires"],
            "twice": base64_of(twice),
            "points": base64_of(self.lay_out()),
            "previous": hashlib.sha256(offer).hexdigest(),
        }
        return self.write(self.head("ANSWER", asked["round"], **said) | change)

    def conclude(self, answer: bytes, **change: object) -> bytes:
        """Conclude a round that Fanal answered; `met` holds what both have."""
        told = json.loads(answer)["message"]
        twice = {point: place for place, point in enumerate(points_of(told["twice"]))}
        both = [times(self.secret, point) for point in points_of(told["points"])]
        places = [place for place, point in enumerate(both) if point in twice]
        self.met = [self.shown[twice[both[place]]][1] for place in places]
        said = {
            "expires": told["expires"],
            "met": places,
            "previous": hashlib.sha256(answer).hexdigest(),
        }
        return self.write(self.head("CONCLUSION", told["round"], **said) | change)

    def concluded(self, conclusion: bytes) -> list[tuple[str, str] | None]:
        """Return what Fanal's conclusion says that both hold."""
        return [self.shown[place][1] for place in json.loads(conclusion)["message"]["met"]]
