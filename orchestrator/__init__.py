"""From a PRD to a verified app: plan, run, resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.orchestrator import Orchestrator

__all__ = ["Orchestrator"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute may be anything
    """Import `Orchestrator` on first use, so that `baton --help` stays light."""
    if name == "Orchestrator":
        from orchestrator.orchestrator import Orchestrator  # noqa: PLC0415 - late on purpose

        return Orchestrator
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
