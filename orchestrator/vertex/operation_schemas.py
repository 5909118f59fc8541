"""Declare the app's methods to the platform, as it wants them: a name, a mode, and a JSON Schema of the input.

`class_methods.json` beside this module is what `python -m orchestrator.vertex.operation_schemas` prints. A deployment
sends it, and imports nothing of the app.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from orchestrator.vertex.app import BatonApp
from orchestrator.vertex.operations import Operation, operations_of

FILE = Path(__file__).with_name("class_methods.json")


def class_methods() -> list[dict[str, Any]]:
    """Return the declarations of all methods."""
    return [_declared(operation) for operation in operations_of(BatonApp)]


def as_text() -> str:
    """Return the text of `class_methods.json`."""
    return json.dumps(class_methods(), indent=2) + "\n"


def _declared(operation: Operation) -> dict[str, Any]:
    schema = operation.contract.model_json_schema()
    return {
        "name": operation.name,
        "description": operation.text,
        "api_mode": operation.mode,
        "parameters": {
            "type": "object",
            "properties": {name: _plain(each) for name, each in schema.get("properties", {}).items()},
            "required": schema.get("required", []),
        },
    }


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a property's schema with what the platform understands: no references, and null as `nullable`."""
    plain = {key: value for key, value in schema.items() if key in {"description", "type", "items", "default"}}
    if "$ref" in schema:
        plain = {"description": schema.get("description", ""), "type": "object"}
    some = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(some) == 1:
        plain |= {"type": some[0]["type"], "nullable": True}
        if "items" in some[0]:
            plain["items"] = some[0]["items"]
    return {key: value for key, value in plain.items() if key != "default" or isinstance(value, str | int | bool)}


if __name__ == "__main__":
    sys.stdout.write(as_text())
