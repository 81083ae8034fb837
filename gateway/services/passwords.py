"""Hashes of account passwords (argon2id, RFC 9106): made by the console, compared by the SMTP side.

Blocking, and slow on purpose.
"""

import functools

import argon2

# About 30 ms and 19 MB a comparison: dear for who guesses, cheap enough for processes that are to stay small.
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """Give the hash to store."""
    return _hasher.hash(password)


def matches(stored: str | None, password: str | bytes) -> bool:
    """Whether the password fits the hash; without a hash it takes as long, and does not."""
    try:
        return _hasher.verify(stored or _nobody(), password) and stored is not None
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


@functools.cache
def _nobody() -> str:
    """Give a hash that stands for logins that do not exist, so that the time does not tell who does."""
    return hash_password("nobody has this password")
