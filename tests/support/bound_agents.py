"""The built-in agents, bound to the toolchains of the default stack."""

from __future__ import annotations

from orchestrator.planning.choices import built_in
from orchestrator.planning.pipeline import full_stack

DATABASE, PYTHON_BACKEND, FRONTEND, TEST = full_stack().bound(built_in().stack())
