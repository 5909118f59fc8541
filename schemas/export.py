"""The contracts as JSON Schema files, for readers that are not Python.

    schemas/handoff/<id>.schema.json     the handoff files
    schemas/agents/<id>.schema.json      what each agent takes and returns
    schemas/skills/<id>.schema.json      what each skill takes and returns: `<skill>.input`, `<skill>.output`

The files ship with the package; a test fails when one of them has drifted from its model.

Not here: which skills there are. Skills stand above this layer, so their contracts are handed in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from schemas.base import Document
from schemas.contract import AGENT_MODELS, HANDOFF_MODELS, Contract, contract_of

ROOT = Path(__file__).parent


def exported_files(skills: Iterable[Contract] = ()) -> dict[str, str]:
    """Return the text of every schema file, by its path relative to the folder `schemas`."""
    files = {f"handoff/{name}.schema.json": as_text(contract_of(name)) for name in HANDOFF_MODELS}
    files |= {f"agents/{name}.schema.json": as_text(contract_of(name)) for name in AGENT_MODELS}
    return files | {f"skills/{contract.id}.schema.json": as_text(contract) for contract in skills}


def skill_contracts(
    models: Mapping[str, tuple[type[Document], type[Document]]], versions: Mapping[str, str] | None = None
) -> list[Contract]:
    """Return the contracts of skills.

    Args:
        models: Input and output model by skill name.
        versions: By skill name; `1` where there is none.
    """
    known = versions or {}
    return [
        Contract.from_model(model, id=f"{name}.{role}", version=known.get(name, "1"))
        for name, pair in sorted(models.items())
        for role, model in zip(("input", "output"), pair, strict=True)
    ]


def as_text(contract: Contract) -> str:
    """Return a contract's schema file: JSON with two spaces of indentation, ending in one newline."""
    return json.dumps(dict(contract.schema), indent=2, ensure_ascii=False) + "\n"


def write(skills: Iterable[Contract] = (), root: Path = ROOT) -> list[str]:
    """Write every schema file below `root`, remove those of contracts that are gone, and return what changed."""
    contracts = tuple(skills)
    files, changed = exported_files(contracts), drift(contracts, root)
    for name in changed:
        path = root / name
        if name in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def drift(skills: Iterable[Contract] = (), root: Path = ROOT) -> list[str]:
    """Return the paths of schema files that are missing, differ from their model, or have no contract any more.

    Without `skills`, files of skills are not looked at.
    """
    contracts = tuple(skills)
    files = exported_files(contracts)
    folders = ("handoff", "agents", "skills") if contracts else ("handoff", "agents")
    present = {f"{folder}/{path.name}" for folder in folders for path in (root / folder).glob("*.schema.json")}
    differing = {name for name in present & set(files) if (root / name).read_text(encoding="utf-8") != files[name]}
    return sorted((present ^ set(files)) | differing)
