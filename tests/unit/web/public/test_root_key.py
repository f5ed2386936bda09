"""The public key on the public pages: a file that holds no key gives none, and no fingerprint."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fanal.web.public.setup import RootKey


def _written(key: Ed25519PrivateKey | X25519PrivateKey, encoding: serialization.Encoding) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form)


def test_the_fingerprint_is_that_of_the_der_bytes(tmp_path: Path) -> None:
    key, path = Ed25519PrivateKey.generate(), tmp_path / "receipt-root.pub"
    pem = _written(key, serialization.Encoding.PEM)
    path.write_bytes(pem)
    root = RootKey.read(path)
    assert root is not None
    assert root.pem.encode() == pem
    digest = hashlib.sha256(_written(key, serialization.Encoding.DER)).hexdigest()
    assert root.fingerprint.replace(" ", "") == digest


@pytest.mark.parametrize("kept", [0, 30, 60, 100])
def test_a_torn_file_is_no_key(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "receipt-root.pub"
    path.write_bytes(_written(Ed25519PrivateKey.generate(), serialization.Encoding.PEM)[:kept])
    assert RootKey.read(path) is None


@pytest.mark.parametrize("content", [b"no key", b"\xff\xfe", b"-----BEGIN PUBLIC KEY-----\nA\n"])
def test_other_content_is_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "receipt-root.pub"
    path.write_bytes(content)
    assert RootKey.read(path) is None


def test_a_key_that_signs_no_receipt_is_none(tmp_path: Path) -> None:
    path = tmp_path / "receipt-root.pub"
    path.write_bytes(_written(X25519PrivateKey.generate(), serialization.Encoding.PEM))
    assert RootKey.read(path) is None


def test_a_missing_file_is_no_key(tmp_path: Path) -> None:
    assert RootKey.read(tmp_path / "receipt-root.pub") is None
