"""Receipt codes, and signed receipts: texts that anybody can verify offline with the root's public key.

A receipt states when a report was received and commits to its content without revealing it. A node signs with
its own key, which the offline root has certified for a period of days.
"""

import base64
import binascii
import errno
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fanal.vault.domain.envelope import EnvelopeRefused, open_box, raw_public, seal_box

# Receipt codes: the reporter's secret, and values derived from it.
#
# A code holds 90 random bits and a checksum of 10, in Crockford's base 32, five groups of four characters.
# HKDF derives from it a look-up id, of which only a hash is stored, and an X25519 key pair whose public half
# is stored: the desk seals its messages to it, so that only the holder of the code can read them.

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_BITS = 90
CODE_LENGTH = 20
_GROUP = 4
_CHECK_BITS = 10
_PRIME = 1021
"""The largest prime below 2^10: the checksum detects every wrong character and every swap of two."""

_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"} | dict.fromkeys("-–—‐.,_ \t\n\r\xa0\u202f"))
_LOOKUP = b"fanal/receipt/lookup/v1"
_BOX = b"fanal/receipt/box/v1"
_ANSWER = b"fanal/receipt/answer/v1"
_VOICE = b"fanal/receipt/voice/v1"
_LOOKUP_HASH = b"fanal/receipt/lookup-hash/v1\x00"


class CodeRefused(ValueError):
    """Error: a text is not a receipt code: wrong length, invalid character, or wrong checksum."""


class MessageClosed(ValueError):
    """The message cannot be decrypted with this receipt code: it belongs to another code, or was altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPart:
    """The part of a receipt code that is stored, from which the code cannot be computed.

    `lookup_hash` finds the report of a typed code; messages are encrypted to the X25519 key `public_key`. 32
    bytes each.
    """

    lookup_hash: bytes
    public_key: bytes


def new_code() -> str:
    """Generate a receipt code, in groups of four: the secret by which a reporter follows the report.

    The code itself is never stored.
    """
    return _code(secrets.randbits(RANDOM_BITS))


def code_from(secret: bytes) -> str:
    """Return the receipt code that follows from a secret of 32 random bytes, always the same one."""
    return _code(int.from_bytes(secret, "big") % (1 << RANDOM_BITS))


def _code(value: int) -> str:
    number = value << _CHECK_BITS | value % _PRIME
    digits = [ALPHABET[number >> 5 * place & 31] for place in reversed(range(CODE_LENGTH))]
    return "-".join(
        "".join(digits[start : start + _GROUP]) for start in range(0, CODE_LENGTH, _GROUP)
    )


def read_code(typed: str) -> str:
    """Normalise a typed receipt code to its standard form and verify its checksum.

    Case, white space, dashes, dots, commas and `_` are ignored; O is read as 0, I and L as 1.

    Raises:
        CodeRefused: the input is no valid code.
    """
    digits = typed[:200].upper().translate(_READ_AS)
    if len(digits) != CODE_LENGTH or any(digit not in ALPHABET for digit in digits):
        raise CodeRefused("a code has 20 letters and digits")
    value, check = divmod(_number(digits), 1 << _CHECK_BITS)
    if value % _PRIME != check:
        raise CodeRefused("a character of the code is wrong")
    return "-".join(digits[start : start + _GROUP] for start in range(0, CODE_LENGTH, _GROUP))


def public_part(code: str) -> PublicPart:
    """Derive what is stored of a receipt code: look-up hash and public key.

    Raises:
        CodeRefused: the input is no valid code.
    """
    return PublicPart(
        lookup_hash=lookup_hash(code), public_key=raw_public(_box_key(code).public_key())
    )


def lookup_hash(code: str) -> bytes:
    """Return the hash (32 bytes) by which the report of a receipt code is found in the database.

    A receipt code is the secret by which its reporter follows a report.

    Raises:
        CodeRefused: the input is no valid code.
    """
    return hashlib.sha256(_LOOKUP_HASH + _derive(code, _LOOKUP)).digest()


def answer_digest(*, code: str, after: str, text: str) -> bytes:
    """Return a digest (32 bytes) by which a reporter's answer that is sent twice is recognised.

    It is keyed with the receipt code, so that nobody without the code can test guesses of the `text`. `after`
    identifies the messages that its sender had seen.

    Raises:
        CodeRefused: the input is no valid code.
    """
    key, seen = _derive(code, _ANSWER), hashlib.sha256(after.encode()).digest()
    return hmac.digest(key, seen + text.encode(), "sha256")


def voice_digest(*, code: str, to_child: bool) -> bytes:
    """Return a digest (32 bytes) that encodes whether the holder of a receipt code is the child concerned.

    It is keyed with the code: only pages to which the code is given can tell the two values apart, and then
    address a child or an adult.

    Raises:
        CodeRefused: the input is no valid code.
    """
    return hmac.digest(_derive(code, _VOICE), b"\x01" if to_child else b"\x00", "sha256")


def seal_message(*, public_key: bytes, plaintext: bytes) -> bytes:
    """Encrypt a message to a receipt code's public key (sealed box): only the code's holder can read it.

    `public_key` has 32 bytes, `plaintext` is the message.

    Raises:
        ValueError: the public key has not 32 bytes.
    """
    public = X25519PublicKey.from_public_bytes(public_key)
    return seal_box(plaintext, public=public, context=_BOX)


def open_message(*, code: str, sealed: bytes) -> bytes:
    """Decrypt a message (`sealed`) that `seal_message` encrypted for the holder of `code`.

    Raises:
        CodeRefused: the input is no valid code.
        MessageClosed: the message belongs to another code, or was altered.
    """
    try:
        return open_box(sealed, private=_box_key(code), context=_BOX)
    except EnvelopeRefused:
        raise MessageClosed("the message does not open with this code") from None


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number << 5 | ALPHABET.index(digit)
    return number


def _derive(code: str, info: bytes) -> bytes:
    value = _number(read_code(code).replace("-", "")) >> _CHECK_BITS
    secret = value.to_bytes((RANDOM_BITS + 7) // 8, "big")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def _box_key(code: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_derive(code, _BOX))


_REPORT_TAG = b"fanal/receipt/report/v1\x00"
_CONTENT_TAG = b"fanal/receipt/content/v1\x00"
_NODE_TAG = b"fanal/receipt/node/v1\x00"
_HEAD = "FANAL RECEIPT 1"
_FIELDS = (
    "report",
    "received",
    "content",
    "node",
    "node-key",
    "node-valid",
    "node-proof",
    "signature",
)
_NODE_NAME = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MAX_TEXT = 4096


class ReceiptRefused(ValueError):
    """Error: a signed receipt is malformed, or a signature is invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCertificate:
    """The offline root's certificate of a node's signing key, valid from and until days in UTC (included).

    `node` is the node's name, `public` its key, `proof` the root's signature over `statement`.
    """

    node: str
    public: Ed25519PublicKey
    valid_from: date
    valid_until: date
    proof: bytes

    def statement(self) -> bytes:
        """Return the bytes that the root's signature (`proof`) covers."""
        return _statement(self.node, self.public, (self.valid_from, self.valid_until))

    def is_of(self, root: Ed25519PublicKey) -> bool:
        """Return whether `root` signed this certificate."""
        try:
            root.verify(self.proof, self.statement())
        except InvalidSignature:
            return False
        return True

    def covers(self, instant: datetime) -> bool:
        """Return whether an instant lies in the certificate's period of validity."""
        return self.valid_from <= instant.astimezone(UTC).date() <= self.valid_until


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedReceipt:
    """The content of a receipt whose signatures have been verified.

    `report_digest` covers the report's id, `content_digest` its id and content; `node` is the signing node.
    """

    report_digest: bytes
    content_digest: bytes
    received_at: datetime
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSigner:
    """The signing key of this node with its certificate: signs receipts."""

    key: Ed25519PrivateKey = field(repr=False)
    certificate: NodeCertificate
    _about_node: str = field(init=False, repr=False, compare=False)
    """The lines of every receipt that identify the signing node."""

    def __post_init__(self) -> None:
        cert = self.certificate
        values = (
            cert.node,
            _text(_raw(cert.public)),
            f"{cert.valid_from} {cert.valid_until}",
            _text(cert.proof),
        )
        lines = (f"{k}: {v}\n" for k, v in zip(_FIELDS[3:-1], values, strict=True))
        object.__setattr__(self, "_about_node", "".join(lines))

    def holds_key(self) -> bool:
        """Return whether the certificate was issued for the public key of this signing key."""
        return _raw(self.key.public_key()) == _raw(self.certificate.public)

    def signs_at(self, instant: datetime) -> bool:
        """Return whether the certificate covers this instant, so that a receipt of it can be verified."""
        return self.certificate.covers(instant)

    def sign_receipt(self, *, report_id: UUID, body: bytes, received_at: datetime) -> str:
        """Return the signed receipt of a report, a text of nine lines.

        `body` are the report's original bytes, to whose digest the receipt commits. The instant is truncated
        to whole seconds. The digest includes the report's id, so that nobody without the id can test guesses
        of the content.

        Raises:
            OSError: the node's certificate has expired, so that nobody could verify the receipt.
        """
        last = self.certificate.valid_until
        if received_at.astimezone(UTC).date() > last:
            raise OSError(errno.EKEYEXPIRED, f"the node's certificate ended on {last}")
        received = received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        signed = (
            f"{_HEAD}\nreport: {_text(report_digest(report_id))}\nreceived: {received}\n"
            f"content: {_text(content_digest(report_id=report_id, body=body))}\n{self._about_node}"
        )
        return f"{signed}signature: {_text(self.key.sign(signed.encode()))}\n"


def report_digest(report_id: UUID) -> bytes:
    """Return the digest (SHA-256) of a report's id, as stated in its receipt."""
    return hashlib.sha256(_REPORT_TAG + report_id.bytes).digest()


def content_digest(*, report_id: UUID, body: bytes) -> bytes:
    """Return the digest (SHA-256) of a report's id and original bytes (`body`), as stated in its receipt."""
    return hashlib.sha256(_CONTENT_TAG + report_id.bytes + hashlib.sha256(body).digest()).digest()


def is_node_name(text: str) -> bool:
    """Return whether the text is a valid name of a node, a machine that signs receipts.

    That is 1 to 64 letters, digits, dots and dashes.
    """
    return _NODE_NAME.fullmatch(text) is not None


def certify_node(
    *,
    root: Ed25519PrivateKey,
    node: str,
    public: Ed25519PublicKey,
    valid_from: date,
    valid_until: date,
) -> NodeCertificate:
    """Return the root's certificate of a node's public key; done offline, once per node and year.

    It is valid from `valid_from` to `valid_until`, both included.

    Raises:
        ValueError: `node` is no valid name (`is_node_name`), or the days are reversed.
    """
    if not is_node_name(node) or valid_until < valid_from:
        raise ValueError("no node name, or days in the wrong order")
    proof = root.sign(_statement(node, public, (valid_from, valid_until)))
    return NodeCertificate(
        node=node, public=public, valid_from=valid_from, valid_until=valid_until, proof=proof
    )


def encode_certificate(certificate: NodeCertificate) -> str:
    """Return a certificate as four lines of text, the form in which receipts and key files contain it."""
    return (
        f"node: {certificate.node}\nnode-key: {_text(_raw(certificate.public))}\n"
        f"node-valid: {certificate.valid_from} {certificate.valid_until}\n"
        f"node-proof: {_text(certificate.proof)}\n"
    )


def decode_certificate(text: str) -> NodeCertificate:
    """Parse the certificate written by `encode_certificate`; its `proof` is not verified here.

    Raises:
        ReceiptRefused: the text is malformed.
    """
    return _certificate(_read_fields(text.splitlines(), _FIELDS[3:7]))


def verify_receipt(text: str, *, root: Ed25519PublicKey) -> SignedReceipt:
    """Verify a receipt's signature and its node's certificate, and return its content.

    Space at the ends and Windows line ends are tolerated: receipts are copied by hand and by mail.

    Raises:
        ReceiptRefused: malformed, altered, certified by another root, or signed outside the certificate's
            days.
    """
    lines = [line.rstrip() for line in text[:_MAX_TEXT].strip().splitlines()]
    if not lines or lines[0] != _HEAD:
        raise ReceiptRefused("this is no receipt of version 1")
    fields = _read_fields(lines[1:], _FIELDS)
    certificate = _certificate(fields)
    if not certificate.is_of(root):
        raise ReceiptRefused("the node was not certified by this key")
    signed = "\n".join(lines[:-1]) + "\n"
    try:
        certificate.public.verify(_bytes(fields["signature"], 64), signed.encode())
    except InvalidSignature:
        raise ReceiptRefused("the receipt was changed after it was signed") from None
    received_at = _instant(fields["received"])
    if not certificate.covers(received_at):
        raise ReceiptRefused("the node's key was not valid at that time")
    return SignedReceipt(
        report_digest=_bytes(fields["report"], 32),
        content_digest=_bytes(fields["content"], 32),
        received_at=received_at,
        node=certificate.node,
    )


def is_receipt_of(receipt: SignedReceipt, *, report_id: UUID, body: bytes) -> bool:
    """Return whether a verified receipt was issued for this report with these original bytes (`body`)."""
    return hmac.compare_digest(
        receipt.report_digest + receipt.content_digest,
        report_digest(report_id) + content_digest(report_id=report_id, body=body),
    )


def _statement(node: str, public: Ed25519PublicKey, days: tuple[date, date]) -> bytes:
    return _NODE_TAG + f"{node}\n{days[0]}\n{days[1]}\n".encode() + _raw(public)


def _read_fields(lines: list[str], names: tuple[str, ...]) -> dict[str, str]:
    if len(lines) != len(names):
        raise ReceiptRefused(f"{len(lines)} lines where {len(names)} are due")
    fields: dict[str, str] = {}
    for line, name in zip(lines, names, strict=True):
        found, separator, value = line.partition(": ")
        if found != name or not separator:
            raise ReceiptRefused(f"the line '{name}' is missing")
        fields[name] = value
    return fields


def _certificate(fields: dict[str, str]) -> NodeCertificate:
    try:
        first, last = map(date.fromisoformat, fields["node-valid"].split(" "))
        public = Ed25519PublicKey.from_public_bytes(_bytes(fields["node-key"], 32))
    except ValueError:
        raise ReceiptRefused("the node's certificate is malformed") from None
    return NodeCertificate(
        node=fields["node"],
        public=public,
        valid_from=first,
        valid_until=last,
        proof=_bytes(fields["node-proof"], 64),
    )


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ReceiptRefused("no instant") from None


def _raw(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str, size: int) -> bytes:
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise ReceiptRefused("no base64") from None
    if len(value) != size or _text(value) != text:
        raise ReceiptRefused(f"a value has not {size} bytes")
    return value
