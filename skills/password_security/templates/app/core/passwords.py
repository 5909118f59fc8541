"""Hash and check passwords with Argon2id.

Hashing is slow on purpose, so it runs in threads of its own and never on the event loop; few of them, because each
hash in progress holds its whole memory cost.
"""

import asyncio
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB of memory, 2 iterations, 1 degree of parallelism.
_hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
_threads = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="passwords")


async def hash_password(password: str) -> str:
    """Return a new salted hash of `password` in the PHC string format, about 100 characters."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password)


async def verify_password(password: str, hashed: str | None) -> bool:
    """Tell whether `password` is the one behind `hashed`.

    Args:
        password: As the client sent it.
        hashed: The stored hash, or None if there is no such account: the answer is then False and takes as long, so
            that the time says nothing about which accounts exist.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, _verify, password, hashed)


def needs_rehash(hashed: str) -> bool:
    """Tell whether `hashed` was made with other parameters than today's and should be replaced at the next sign-in."""
    return _hasher.check_needs_rehash(hashed)


def _verify(password: str, hashed: str | None) -> bool:
    try:
        _hasher.verify(_nobodys_hash() if hashed is None else hashed, password)
    except (VerificationError, InvalidHashError):
        return False
    else:
        return hashed is not None


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_hex())
