"""The database engine, and one session a request."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from app.core.config import Settings

DRIVER = "postgresql+asyncpg"
POOL_TIMEOUT_SECONDS = 5
POOL_RECYCLE_SECONDS = 1800  # below what firewalls and poolers commonly let a connection live


def create_engine(settings: Settings) -> AsyncEngine:
    """Return an engine on `settings.database_url`. It connects when first used; dispose of it at shutdown."""
    return create_async_engine(
        _asyncpg_url(settings.database_url.get_secret_value()),
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        pool_recycle=POOL_RECYCLE_SECONDS,
        hide_parameters=True,  # errors are logged, and parameters hold what people wrote
        connect_args={"server_settings": {"statement_timeout": str(settings.db_statement_timeout_ms)}},
    )


def create_session_factory(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Return a maker of sessions whose records stay readable after a commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


async def get_db(request: Request) -> AsyncIterator[AsyncSession]:
    """Yield the request's session; what was not committed is rolled back."""
    session_factory: async_sessionmaker[AsyncSession] = request.app.state.session_factory
    async with session_factory() as session:
        yield session


DbSession = Annotated[AsyncSession, Depends(get_db)]


def _asyncpg_url(text: str) -> URL:
    url = make_url(text).set(drivername=DRIVER)
    if "sslmode" in url.query:  # libpq's word; asyncpg says `ssl`
        mode = url.query["sslmode"]
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url
