"""Signatures of traces by a key that a team shares: HMAC-SHA256.

The key is in an environment variable, never in a file of the project and never in a message.
"""
from __future__ import annotations

import hashlib
import hmac
from typing import Mapping, Optional

from ..errors import ConfigError

_SHORTEST = 16
_DOMAIN = b"deepwatch trace 1\n"


class Signer:
    """Signs and checks with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        """Return the signature of some bytes."""
        return hmac.new(self._key, _DOMAIN + payload, hashlib.sha256).hexdigest()

    def fits(self, payload: bytes, signature: str) -> bool:
        """Tell whether a signature is of these bytes and this key."""
        return hmac.compare_digest(self.sign(payload).encode(), signature.encode("utf-8", "replace"))


def signer_of(sign_with: Optional[str], environ: Mapping[str, str]) -> Optional[Signer]:
    """Return the signer that a setting ``env:NAME`` asks for, None where the variable is not set.

    Raises ConfigError for a key that can be guessed.
    """
    if sign_with is None:
        return None
    name = sign_with.partition(":")[2]
    key = environ.get(name, "").strip()
    if not key:
        return None
    if len(key) < _SHORTEST:
        raise ConfigError(f"the key in the environment variable {name} has fewer than {_SHORTEST} characters",
                          hint="make one: python -c 'import secrets; print(secrets.token_hex(32))'")
    return Signer(key.encode("utf-8", "surrogateescape"))
