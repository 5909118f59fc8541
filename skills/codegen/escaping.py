"""Put text that a stranger wrote into code so that it stays text.

A PRD's words end up in Python, TypeScript, SQL, TOML and Markdown. Each function here embeds a text in one of these
so that the language's own parser gives the text back, whatever it holds: quotes, braces, comment ends, line breaks of
any kind, control and direction-changing characters. They are the filters of `skills.core.templates.Templates`.

Not here: HTML (Jinja2's own `e`), identifiers (`skills.codegen.naming`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from schemas.base import JSON

_JOINERS = "\u200c\u200d"  # not printable to Python, but part of emoji and of Persian and Indic words
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>&|~$#])")
_MARKDOWN_BLOCK_START = re.compile(r"^(\d+)([.)])|^([-+=])")
# Where a comment's text gets a space: inside whatever ends a comment, opens a template, or speaks to a tool.
_COMMENT_BREAKS = re.compile(
    r"(?<=\*)(?=/)|(?<=/)(?=\*)|(?<=//)(?=/)|(?<=-)(?=-)|(?<=<)(?=!)|(?<=\{)(?=[{%#])|(?<=[%}#])(?=\})"
    r"|(?:(?<=type)|(?<=ruff)|(?<=mypy)|(?<=isort)|(?<=fmt)|(?<=pylint)|(?<=pyright)|(?<=coding))(?=[:=])"
    r"|(?<=no)(?=qa|sec)|(?<=prag)(?=ma)|(?:(?<=eslint)|(?<=biome)|(?<=prettier))(?=-)|(?<=@)(?=\w)",
    re.IGNORECASE,
)


def py(value: JSON | Decimal | tuple[JSON, ...]) -> str:
    """Return a value as a Python expression: a literal, or `Decimal('1.50')`.

    Raises:
        ValueError: The value is an infinite float or not a number, which no literal can say.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a Python literal cannot say {value!r}")
    return repr(value)


def decimal_literal(value: Decimal) -> str:
    """Return a number as `Decimal(…)`, its places kept, in the way that linters accept: a whole one without quotes."""
    plain = f"{value:f}"
    return f"Decimal({py(plain)})" if "." in plain else f"Decimal({int(value)})"


def ts(value: JSON) -> str:
    """Return a value as a TypeScript literal that is JSON as well; inert inside a `<script>` element too.

    Raises:
        ValueError: The value is an infinite float or not a number.
    """
    literal = json.dumps(value, ensure_ascii=False, allow_nan=False)
    literal = literal.replace("</", "\\u003c/").replace("<!", "\\u003c!")
    return _map_unprintable(literal, _utf16_escape)


def sql(text: str) -> str:
    """Return a PostgreSQL string literal, for `standard_conforming_strings` as it is by default.

    Raises:
        ValueError: The text holds a NUL, which PostgreSQL cannot store.
    """
    if "\0" in text:
        raise ValueError("PostgreSQL text cannot hold a NUL character")
    return "'" + text.replace("'", "''") + "'"


def sql_text(text: str) -> str:
    r"""Return an SQL string literal for `sqlalchemy.text`, which takes `:name` for a parameter unless written `\:name`.

    Raises:
        ValueError: As `sql`.
    """
    return sql(text).replace(":", "\\:")


def toml(text: str) -> str:
    """Return a TOML basic string. Lone surrogates, which TOML cannot say, become U+FFFD."""
    scalar = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _map_unprintable(json.dumps(scalar, ensure_ascii=False), _utf32_escape)


def md(text: str) -> str:
    """Return text as Markdown that reads as that text: one line, for a paragraph, heading, list item or table cell."""
    line = _MARKDOWN_SPECIAL.sub(r"\\\1", _one_line(text))
    return _MARKDOWN_BLOCK_START.sub(lambda found: f"{found[1] or ''}\\{found[2] or found[3]}", line)


def docstring(text: str) -> str:
    r"""Return text for inside a three-quoted docstring. Every kind of line break becomes `\n`."""
    body = "\n".join(text.splitlines()).replace("\\", "\\\\")
    if '""' in body or body.startswith('"') or body.endswith('"'):
        body = body.replace('"', '\\"')
    return "\n".join(_map_unprintable(line, _utf32_escape) for line in body.split("\n"))


def comment(text: str) -> str:
    """Return text on one line for a comment of any language: it neither ends the comment nor speaks to a tool.

    Marks that could (`*/`, `-->`, `{%`, `noqa`, `type: ignore`) are broken up with a space.
    """
    return _COMMENT_BREAKS.sub(" ", _one_line(text))


def jsx(text: str) -> str:
    """Return text as a JSX child: `{"..."}`."""
    return "{" + ts(text) + "}"


FILTERS: Final[dict[str, Callable[..., str]]] = {
    "py": py,
    "ts": ts,
    "sql": sql,
    "sql_text": sql_text,
    "toml": toml,
    "md": md,
    "docstring": docstring,
    "comment": comment,
    "jsx": jsx,
}


def _one_line(text: str) -> str:
    return " ".join(_map_unprintable(text, lambda _: " ").split())


def _map_unprintable(text: str, replace: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in _JOINERS else replace(char) for char in text)


def _utf16_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _utf32_escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # the last code point of \uXXXX
