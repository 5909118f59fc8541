"""A value to send, as the Python source that a test will hold: `"a" * 201`, not two hundred letters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """`label` says which rule it is about; `stored` is what comes back, where that differs from what was sent."""

    label: str
    sent: str
    stored: str | None = None

    @property
    def returned(self) -> str:
        return self.sent if self.stored is None else self.stored
