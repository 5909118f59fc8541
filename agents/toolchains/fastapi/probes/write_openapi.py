"""Import the app, ask it for its OpenAPI document, and write that to the path given."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, "")  # the staged tree, from where this runs

app = importlib.import_module("app.main").create_app()
document = json.dumps(app.openapi(), indent=2, ensure_ascii=False)
Path(sys.argv[1]).write_text(document + "\n", encoding="utf-8")
