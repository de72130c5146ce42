"""Invite tokens, session credentials, and signed addresses of pictures (pure functions).

A token is 256 random bits, so its plain SHA-256 is all the store needs to keep: it cannot be guessed back,
and needs no key that could be lost. An address of a picture is signed with the study's secret: it names one
presentation and one picture, and lapses.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

TOKEN_BYTES = 32
TOKEN_CHARACTERS = 43
CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters of completion codes: none that is mistaken for another."""


def new_token() -> str:
    """A fresh token of 256 random bits, 43 characters that are safe in an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_id() -> str:
    """A fresh opaque name of 128 random bits, 32 hex digits."""
    return secrets.token_hex(16)


def new_code() -> str:
    """A completion code of 40 random bits in two groups, to be typed into a recruiting site."""
    letters = [secrets.choice(CODE_LETTERS) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def token_hash(token: str, purpose: str) -> str:
    """What the store keeps of a token: 64 hex digits. `purpose` keeps one kind from passing for another."""
    return hashlib.sha256(f"{purpose}:{token}".encode("utf-8", "surrogatepass")).hexdigest()


def picture_signature(secret: bytes, presentation_id: str, picture_id: str, expires: int) -> str:
    """HMAC-SHA256 (64 hex digits) over a presentation, one of its pictures, and a time in seconds."""
    message = f"picture\n{presentation_id}\n{picture_id}\n{expires}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def picture_address(secret: bytes, presentation_id: str, picture_id: str, expires: int) -> str:
    """The address `/img/{presentation}/{picture}?e=EXPIRES&s=SIGNATURE`; `expires` in seconds since 1970."""
    signature = picture_signature(secret, presentation_id, picture_id, expires)
    return f"/img/{presentation_id}/{picture_id}?e={expires}&s={signature}"


def picture_allowed(
    secret: bytes, presentation_id: str, picture_id: str, expires: str, signature: str, now: float
) -> bool:
    """Whether an address is ours and has not lapsed at `now` (seconds since 1970). Takes any text."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and signature.isascii()):
        return False
    try:
        expected = picture_signature(secret, presentation_id, picture_id, int(expires))
    except UnicodeEncodeError:
        return False
    return hmac.compare_digest(expected, signature) and now < int(expires)
