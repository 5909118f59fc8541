"""The reading of values that take a block: tables, lists, fences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, cast

from handoff.blocks import Block, TableRow, items, rows
from handoff.inline import is_quoted
from handoff.json_text import loads
from handoff.layout import Bullets, Groups, Lines, Member, Rows, Shape, key
from handoff.preamble import block_kind
from handoff.reading import ABSENT, Place, ValueReader, listed
from schemas.base import JSON


class BlockReader(ValueReader):
    """Reads what stands below a label or heading."""

    def _blocks(self, member: Member, blocks: Sequence[Block], line: int, place: Place) -> Any:  # noqa: ANN401 (as above)
        """Return the value that the blocks under a label or heading hold."""
        here = place.member(member.name)
        wanted = block_kind(member.shape)
        if wanted == "list":
            return self._list(member.shape, blocks, here)
        fitting = [block for block in blocks if block.kind == wanted]
        others = [block for block in blocks if block.kind != wanted]
        if not fitting:
            if others or not member.empties:
                self._misplaced(member, others[0].start if others else line, "", place)
                return ABSENT
            return []
        self._stray(others, place)
        if isinstance(member.shape, Rows):
            return self._tables(member.shape, fitting, here)
        for extra in fitting[1:]:
            self._problem(place, extra.start, "a second fenced block", hint="One is expected here.")
        if isinstance(member.shape, Lines):
            return self._fence_lines(fitting[0], here)
        return self._json(fitting[0], here)

    def _fence_lines(self, block: Block, place: Place) -> list[JSON]:
        found: list[JSON] = []
        for number, line in enumerate(block.content.split("\n"), start=block.start + 1):
            text = line.strip()
            if text:
                here = place.item(len(found))
                self._note(here, number)
                found.append(self._text(f"`{text}`", number, here) if is_quoted(f"`{text}`") else text)
        return found

    def _json(self, block: Block, place: Place) -> Any:  # noqa: ANN401 (as above)
        try:
            return loads(block.content)
        except json.JSONDecodeError as error:
            self._failed(place, block.start + error.lineno, f"not valid JSON: {error.msg}", expected="JSON")
        except ValueError as error:
            self._failed(place, block.start, f"not valid JSON: {error}", expected="JSON")
        return ABSENT

    # ---- lists ---------------------------------------------------------------------------------------------------

    def _list(self, shape: Shape, blocks: Sequence[Block], place: Place) -> list[JSON]:
        entries: list[tuple[int, str]] = []
        for block in blocks:
            if block.kind == "list":
                entries.extend((item.line, item.text) for item in items(block, self.text))
            elif block.kind == "paragraph":
                entries.append((block.start, " ".join(block.content.split("\n"))))
            else:
                self._stray([block], place)
        if isinstance(shape, Groups):
            return self._groups(shape, entries, place)
        found: list[JSON] = []
        for line, text in entries:
            here = place.item(len(found))
            value = self._scalar(cast("Bullets", shape).item, text, line, here)
            self._note(here, line)
            found.append(None if value is ABSENT else cast("JSON", value))
        return found

    def _groups(self, shape: Groups, entries: Sequence[tuple[int, str]], place: Place) -> list[JSON]:
        members = {key(member.label): member for member in shape.members}
        groups: list[dict[str, JSON]] = []
        for line, text in entries:
            label, colon, value = text.partition(":")
            if label.startswith("**"):  # a person's `**Label:** value`
                label, value = label.removeprefix("**").removesuffix("**"), value.strip().removeprefix("**")
            member = members.get(key(label))
            if not colon or member is None:
                hint = listed("Labels here", [f"`{m.label}:`" for m in shape.members])
                self._problem(place, line, "unknown bullet", expected="`- Label: value`", got=text, hint=hint)
                continue
            if member is shape.members[0] or not groups:
                groups.append({})
                self._note(place.item(len(groups) - 1), line)
            here = place.item(len(groups) - 1)
            if member.name in groups[-1] or here.member(member.name).pointer in self.found.failed:
                self._problem(here, line, f"the bullet `{member.label}` stands here twice", hint="Keep one.")
            else:
                self._line(groups[-1], member, value.strip(), line, here)
        return cast("list[JSON]", groups)

    # ---- tables --------------------------------------------------------------------------------------------------

    def _tables(self, shape: Shape, blocks: Sequence[Block], place: Place) -> list[JSON]:
        found: list[JSON] = []
        for block in blocks:
            header, *body = rows(block, self.text.lines)
            columns, missing = self._columns(cast("Rows", shape), header, place)
            for row in body:
                here = place.item(len(found))
                self.found.failed.update(here.member(name).pointer for name in missing)
                found.append(self._row(columns, header, row, here))
        return found

    def _columns(self, shape: Rows, header: TableRow, place: Place) -> tuple[list[Member | None], list[str]]:
        """Return the member of each column, None where there is none, and the names of required members without one."""
        known = {key(column.label): column for column in shape.columns}
        columns: list[Member | None] = []
        explained: set[str] = set()
        for title in header.cells:
            column = known.get(key(title))
            if column is None:
                near = get_close_matches(key(title)[:200], known, n=1)
                explained.update(known[name].name for name in near)
                said = [known[name].label for name in near or known]
                hint = f"Did you mean `{said[0]}`?" if near else listed("Columns", [f"`{label}`" for label in said])
                self._problem(place, header.line, f"unknown column `{title}`", hint=hint)
            elif column in columns:
                self._problem(place, header.line, f"the column `{title}` stands here twice", hint="Keep one.")
                column = None
            columns.append(column)
        missing = [c for c in shape.columns if c.required and c not in columns and not c.empties]
        for column in missing:
            if column.name not in explained:
                self._problem(place, header.line, f"the column `{column.label}` is missing")
        return columns, [column.name for column in missing]

    def _row(self, columns: Sequence[Member | None], header: TableRow, row: TableRow, place: Place) -> JSON:
        self._note(place, row.line)
        if row.written > header.written:
            got, expected = f"{row.written} cells", f"{header.written} cells"
            hint = "Write a `|` inside a cell as `\\|`."
            self._problem(
                place,
                row.line,
                "the row has more cells than the table has columns",
                expected=expected,
                got=got,
                hint=hint,
            )
        data: dict[str, JSON] = {}
        for column, text in zip(columns, row.cells, strict=False):
            if column is not None:
                self._line(data, column, text, row.line, place)
        return data
