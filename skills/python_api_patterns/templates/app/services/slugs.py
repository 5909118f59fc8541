"""Slugs: short names for paths, made from a text and unique where they must be."""

import re
import unicodedata
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

SUFFIX_LENGTH = 8  # room for `-2` to `-9999999`


def slugify(text: str, *, longest: int, otherwise: str) -> str:
    """Return `text` in ASCII lower case with hyphens, `Ça va?` as `ca-va`, or `otherwise` if nothing is left of it.

    It leaves room for a suffix within `longest` characters.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")
    return (slug or otherwise)[: max(longest - SUFFIX_LENGTH, longest // 2)].rstrip("-")


async def free_slug(
    db: AsyncSession, column: InstrumentedAttribute[Any], slug: str, *scopes: ColumnElement[bool]
) -> str:
    """Return `slug`, or with the first free of the suffixes -2, -3 and so on, if it is taken.

    Whoever wants a slug that could clash with this one waits until the transaction ends, so two never get the same.

    Args:
        db: The request's session.
        column: Where slugs are stored.
        slug: The wish, made by `slugify`.
        scopes: The records among which it must be unique, if not all; in each of several.
    """
    stem = re.sub(r"(-\d+)+$", "", slug)
    await db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{column}:{stem}", 0))))
    similar = select(column).where(or_(column == slug, column.startswith(f"{slug}-")))
    taken = set(await db.scalars(similar.where(or_(*scopes)) if scopes else similar))
    if slug not in taken:
        return slug
    return next(suffixed for number in count(2) if (suffixed := f"{slug}-{number}") not in taken)
