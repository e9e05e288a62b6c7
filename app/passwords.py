"""Passwords as Argon2 hashes. A hash takes a fifth of a second: nothing here is called within a transaction."""

import secrets
from functools import cache
from typing import NewType

from pwdlib import PasswordHash

from app.errors import PasswordTooShort

MIN_LENGTH = 10  # characters
HashedPassword = NewType("HashedPassword", str)


def hash_password(password: str) -> HashedPassword:
    """What is stored of a password.

    Raises:
        PasswordTooShort
    """
    if len(password) < MIN_LENGTH:
        raise PasswordTooShort(f"The password has {len(password)} characters; take {MIN_LENGTH} or more.")
    return HashedPassword(_hasher().hash(password))


def is_right(password: str, stored: str | None) -> bool:
    """Whether this is the stored password. Without a stored one the answer takes as long."""
    return _hasher().verify(password, stored or _decoy_hash()) and stored is not None


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _decoy_hash() -> str:
    return _hasher().hash(secrets.token_hex(16))
