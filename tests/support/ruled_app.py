"""A PRD with a business rule, and a scripted model that implements it as a good model would."""

from __future__ import annotations

from typing import Final

from skills.model.scripted import Script, submit, write

RULE: Final = "A booking lasts at most 8 hours."
OTHER: Final = "Every Monday, all bookings of the week are sent to the office by mail."
PRD: Final = f"""# Feature PRD: Bookings

**Slug:** bookings

## Stack

| Part | Choice |
|---|---|
| Frontend | none |

## Entities

### Booking

**Owner:** yes
**Sort:** starts_at

| Field | Type | Required | Rules |
|---|---|---|---|
| title | string | yes | 1..80 chars |
| starts_at | datetime | yes | |
| ends_at | datetime | yes | |

## Business Rules

- {RULE}
- {OTHER}
"""
RULES_FILE: Final = "app/services/rules/booking_rules.py"
TESTS_FILE: Final = "tests/unit/rules/test_booking_rules.py"
RULES: Final = '''"""Business rules of bookings. The service asks them before anything of a change is stored."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.exceptions import ValidationFailed
from app.models.booking import Booking
from app.models.user import User
from app.schemas.booking import BookingCreate

LONGEST = timedelta(hours=8)


async def before_create(db: AsyncSession, caller: User, data: BookingCreate) -> None:
    """Refuse a booking that lasts too long."""
    _refuse_long(data.starts_at, data.ends_at)


async def before_update(db: AsyncSession, caller: User, record: Booking, changes: Mapping[str, Any]) -> None:
    """Refuse a change after which a booking would last too long."""
    _refuse_long(changes.get("starts_at", record.starts_at), changes.get("ends_at", record.ends_at))


async def before_delete(db: AsyncSession, caller: User, record: Booking) -> None:
    """Refuse to have `record`, which is locked, deleted."""


def _refuse_long(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at - starts_at > LONGEST:
        raise ValidationFailed(details=[("ends_at", "must be at most 8 hours after the start")])
'''
TESTS: Final = '''"""Bookings last at most 8 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from app.core.exceptions import ValidationFailed
from app.models.user import User
from app.schemas.booking import BookingCreate, BookingUpdate
from app.services import booking_service
from sqlalchemy.ext.asyncio import AsyncSession

START = datetime(2030, 1, 1, 9, tzinfo=UTC)


async def _someone(db: AsyncSession) -> User:
    user = User(email="ada@example.com", name="Ada", hashed_password="x", role="user")
    db.add(user)
    await db.flush()
    return user


def _lasting(hours: int, seconds: int = 0) -> BookingCreate:
    ends_at = START + timedelta(hours=hours, seconds=seconds)
    sent = {"title": "Review", "starts_at": START.isoformat(), "ends_at": ends_at.isoformat()}
    return BookingCreate.model_validate(sent)


async def test_a_booking_of_8_hours_is_made(db: AsyncSession) -> None:
    booking = await booking_service.create(db, await _someone(db), _lasting(8))
    assert booking.ends_at - booking.starts_at == timedelta(hours=8)


async def test_a_longer_booking_is_refused(db: AsyncSession) -> None:
    caller = await _someone(db)
    with pytest.raises(ValidationFailed):
        await booking_service.create(db, caller, _lasting(8, 1))


async def test_a_booking_cannot_be_made_longer(db: AsyncSession) -> None:
    caller = await _someone(db)
    booking = await booking_service.create(db, caller, _lasting(8))
    earlier = BookingUpdate.model_validate({"starts_at": (START - timedelta(seconds=1)).isoformat()})
    with pytest.raises(ValidationFailed):
        await booking_service.update(db, caller, booking.id, earlier)
'''
ALSO: Final = '''"""What business rules ask of the records that the suite makes and changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

_ENDS = {"starts_at": "ends_at", "ends_at": "starts_at"}


def also(path: str, sent: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be sent besides, so that the record keeps the business rules.

    Args:
        path: Of the collection, such as `/api/v1/todo-lists`.
        sent: What a test chose to send, right or wrong; it stays as it is.
        stored: The record as it is, or the body made for a new one.
    """
    if path != "/api/v1/bookings" or len(sent.keys() & _ENDS.keys()) != 1:
        return {}
    (name,) = sent.keys() & _ENDS.keys()
    return {_ENDS[name]: sent[name]} if _is_moment(sent[name]) else {}


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
'''
KEPT: Final = {
    "gap": 1,
    "implemented": True,
    "files": [f"/{RULES_FILE}"],
    "tests": [
        f"{TESTS_FILE}::{name}" for name in ("test_a_longer_booking_is_refused", "test_a_booking_cannot_be_made_longer")
    ],
}
LEFT: Final = {"gap": 2, "implemented": False, "why_not": "It needs a scheduler and a mail server."}
BACKEND: Final[Script] = (write({RULES_FILE: RULES, TESTS_FILE: TESTS}), submit(gaps=[KEPT, LEFT]))
SUITE: Final[Script] = (write({"tests/rules.py": ALSO}), submit(why="One end of a booking is set without the other."))
