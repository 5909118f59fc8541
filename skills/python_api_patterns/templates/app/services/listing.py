"""Lists: which records match a query, and one page of them in a stable order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import Record
from app.schemas.common import PageParams

RecordT = TypeVar("RecordT", bound=Record)

Filter = Callable[[Any], ColumnElement[bool]]
Order = Sequence[ColumnElement[Any]]


def conditions(filters: Mapping[str, Filter], query: PageParams) -> list[ColumnElement[bool]]:
    """Return a condition for each filter that `query` uses; a record must meet all of them."""
    used = query.model_dump(include=set(filters), exclude_none=True)
    return [filters[name](value) for name, value in used.items()]


async def fetch_page(
    db: AsyncSession, records: Select[RecordT], order: Order, page: PageParams
) -> tuple[Sequence[RecordT], int]:
    """Return one page of `records`, and how many there are in all. `order` must tell any two records apart."""
    total = await db.scalar(select(func.count()).select_from(records.order_by(None).subquery()))
    found = await db.scalars(records.order_by(*order).limit(page.limit).offset(page.offset))
    return found.all(), total or 0
