"""The built-in agents, bound to the toolchains of the default stack."""

from __future__ import annotations

from orchestrator.planning.pipeline import full_stack

DATABASE, PYTHON_BACKEND, FRONTEND, TEST = full_stack().agents
