"""Slow down guessing: at most so many attempts to register or sign in, or refreshes with a wrong token, in a window of time.

Counts live in this process. Behind several processes each counts for itself, so the effective limit is their sum.
"""

import math
import time

from fastapi import Request
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from app.core.exceptions import RateLimited

# One address may try this many times the limit across all accounts: enough for an office, too few to try a list.
ACCOUNTS_PER_ADDRESS = 10


class RateLimiter:
    """Counts attempts."""

    def __init__(self, limit: str) -> None:
        """Allow `limit`, written as `10/minute`; an empty one or `off` allows everything.

        Raises:
            ValueError: `limit` is not written like that.
        """
        self._limit = None if limit.strip().lower() in {"", "off"} else _parsed(limit)
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    async def check(self, action: str, address: str, account: str = "") -> None:
        """Count one attempt at `action` from `address`, at `account` if that is known.

        Raises:
            RateLimited: It is one too many; its `Retry-After` says in how many seconds another is allowed.
        """
        if self._limit is None:
            return
        await self._hit(self._limit, action, address, account)
        if account:
            wider = type(self._limit)(self._limit.amount * ACCOUNTS_PER_ADDRESS, self._limit.multiples)
            await self._hit(wider, action, address)

    async def _hit(self, limit: RateLimitItem, *key: str) -> None:
        if not await self._windows.hit(limit, *key):
            window = await self._windows.get_window_stats(limit, *key)
            raise RateLimited(retry_after=max(1, math.ceil(window.reset_time - time.time())))


def _parsed(limit: str) -> RateLimitItem:
    try:
        return parse(limit)
    except ValueError as error:
        raise ValueError(f"AUTH_RATE_LIMIT is {limit!r}; write it like 10/minute, or off") from error


async def limit_attempts(request: Request) -> None:
    """Count this request against its caller's address. Also a dependency.

    Raises:
        RateLimited: Too many of them.
    """
    await limit_attempts_at(request, account="")


async def limit_attempts_at(request: Request, *, account: str) -> None:
    """Count this request against its caller's address and the account it is about.

    Raises:
        RateLimited: Too many of them.
    """
    limiter: RateLimiter = request.app.state.rate_limiter
    address = request.client.host if request.client else "unknown"
    await limiter.check(request.url.path, address, account)
