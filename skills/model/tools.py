"""What a model is told of its file tools: what holds here, and no more, since it is sent with every request.

The tools' own descriptions tell of pictures, of long results kept in files, and of a user, none of which there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DESCRIPTIONS: Final[Mapping[str, str]] = {
    "ls": "List a folder.",
    "read_file": (
        "Read a text file, 100 lines unless `limit` says otherwise. Below a line `@@ … @@`, which says which lines "
        "these are and where the next begin, every line is as it is in the file. Read several files in one reply."
    ),
    "write_file": "Create a file, or replace it as a whole; it need not be read first. Write several in one reply.",
    "edit_file": "Replace an exact text in a file that you have read or written, without the `@@` line of a reading.",
    "delete": "Delete a file, or a folder with all that is in it.",
    "glob": (
        "Find files by pattern: `*.py` at any depth, `src/**/*.py` from the top, `/*.py` at the top alone. Names that "
        "begin with a dot are found by patterns that do."
    ),
    "grep": "Find a literal text, not a pattern, in files.",
}
