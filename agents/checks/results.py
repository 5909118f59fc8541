"""What checks measure for the handoffs, by whichever tool. `Work.result` finds it by its type.

Not here: what skills state (`Work.facts`), which is compared with it.
"""

from __future__ import annotations

from schemas.base import JSON, Document
from schemas.handoffs import Endpoint, Table, TestedEndpoint


class LiveSchema(Document):
    """The tables as the live database has them, with the plan's words for them."""

    tables: tuple[Table, ...]


class ServedApi(Document):
    """The API as the running app has it: its endpoints, and its OpenAPI document."""

    endpoints: tuple[Endpoint, ...]
    document: dict[str, JSON]


class SuiteResult(Document):
    """What the app's own suite showed. `coverage` of the app in whole percent, rounded down."""

    passed: int
    coverage: int
    endpoints: tuple[TestedEndpoint, ...]
