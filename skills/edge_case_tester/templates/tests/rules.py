"""What business rules ask of the records that the suite makes and changes.

The suite chooses values field by field. Where a rule ties fields together, the others have to follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def also(path: str, sent: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be sent besides, so that the record keeps the business rules.

    Args:
        path: Of the collection, such as `/api/v1/todo-lists`.
        sent: What a test chose to send, right or wrong; it stays as it is.
        stored: The record as it is, or the body made for a new one.
    """
    return {}
