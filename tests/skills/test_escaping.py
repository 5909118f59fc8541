import ast
import io
import json
import re
import subprocess
import tokenize
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from schemas.base import JSON
from skills.codegen import escaping

HOSTILE = (
    '"""',
    '"',
    'ends with "',
    '""starts',
    "\\",
    "ends with \\",
    "'''",
    "it's",
    "'; DROP TABLE users; --",
    "{{ secret }}",
    "{% raw %}",
    "${process.env}",
    "`whoami`",
    "*/ evil() /*",
    "--> <script>",
    "</script><script>alert(1)</script>",
    "<!-- x",
    "a\nb\rc\r\nd\x0be\x0cf\x85g\u2028h\u2029i\x1cj\x1dk\x1el",
    "\x00",
    "\u202egnirts",
    "👩‍👩‍👧 مرحبا",
    "# heading",
    "- item",
    "1. item",
    "---",
    "===",
    "| a | b |",
    "[a](javascript:x) ![b](c) <http://x.y> https://x.y",
    "    code",
    "&amp; &#35;",
    "~~a~~ *b* __c__",
    ":bind ::cast \\:x",
    "%(a)s %s",
)
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from(HOSTILE) | st.text(st.sampled_from("\"'\\`{}%*/-<>!#|:\n\r\x85\u2028 ab"), max_size=6), max_size=5
).map("".join)
values: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@given(values)
def test_py_is_a_literal_of_the_value(value: JSON) -> None:
    written = escaping.py(value)
    assert ast.literal_eval(written) == value
    assert written.isprintable()


def test_py_says_decimals_and_refuses_what_it_cannot_say() -> None:
    assert escaping.py(Decimal("1.50")) == "Decimal('1.50')"
    with pytest.raises(ValueError, match="cannot say inf"):
        escaping.py(float("inf"))


@given(values)
def test_ts_is_json_that_no_script_element_reads_differently(value: JSON) -> None:
    written = escaping.ts(value)
    assert json.loads(written) == value
    assert "</" not in written
    assert "<!" not in written
    assert not re.search("[\u2028\u2029\x85]", written)


def test_ts_keeps_lone_surrogates_as_escapes() -> None:
    written = escaping.ts("\ud800")
    assert written.isascii()
    assert json.loads(written) == "\ud800"


@given(texts)
def test_jsx_is_one_expression_holding_the_text(text: str) -> None:
    written = escaping.jsx(text)
    assert (written[0], written[-1]) == ("{", "}")
    assert json.loads(written[1:-1]) == text


def test_javascript_reads_ts_literals_as_the_text(tmp_path: Path) -> None:
    script = tmp_path / "check.mjs"
    script.write_text(f"console.log(JSON.stringify([{', '.join(escaping.ts(text) for text in HOSTILE)}]))", "utf-8")
    try:
        ran = subprocess.run(["node", str(script)], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("no Node on this machine")
    assert json.loads(ran.stdout) == list(HOSTILE)


@given(texts.filter(lambda text: "\0" not in text))
def test_sql_ends_only_at_its_own_quote(text: str) -> None:
    written = escaping.sql(text)
    assert re.fullmatch(r"'(?:[^']|'')*'", written)
    assert written[1:-1].replace("''", "'") == text


@given(texts.filter(lambda text: "\0" not in text))
@example(":a::b \\:c \\\\:d")
def test_sql_text_has_no_parameters(text: str) -> None:
    """Both expressions are those that `sqlalchemy.text` itself uses."""
    written = escaping.sql_text(text)
    assert not re.search(r"(?<![:\w\x5c]):(\w+)(?!:)", written)
    assert re.sub(r"\x5c(:[\w\$]*)(?![:\w\$])", r"\1", written) == escaping.sql(text)


@pytest.mark.parametrize("write", [escaping.sql, escaping.sql_text])
def test_sql_refuses_nul(write: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        write("a\0b")


@given(texts)
def test_toml_reads_the_text_back(text: str) -> None:
    assert tomllib.loads(f"value = {escaping.toml(text)}\n") == {"value": text}


def test_toml_replaces_what_it_cannot_say() -> None:
    written = escaping.toml("a\ud800b")
    assert tomllib.loads(f"value = {written}") == {"value": "a\ufffdb"}


@given(texts)
def test_docstring_stays_inside_its_quotes(text: str) -> None:
    tree = ast.parse(f'def f() -> None:\n    """{escaping.docstring(text)}"""\n    return "after"\n')
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    assert (len(tree.body), len(function.body)) == (1, 2)
    assert ast.get_docstring(function, clean=False) == "\n".join(text.splitlines())


def test_docstring_leaves_plain_prose_alone() -> None:
    assert escaping.docstring('He said "no" and left.') == 'He said "no" and left.'


@given(texts)
def test_comment_is_one_python_comment(text: str) -> None:
    written = escaping.comment(text)
    tokens = list(tokenize.generate_tokens(io.StringIO(f"# {written}\nx = 1\n").readline))
    assert [token.string for token in tokens if token.type == tokenize.NAME] == ["x"]
    assert sum(token.type == tokenize.COMMENT for token in tokens) == 1
    assert len(written.splitlines()) <= 1


@given(texts)
def test_comment_ends_no_comment_and_opens_no_template(text: str) -> None:
    written = escaping.comment(text)
    for mark in ("*/", "/*", "-->", "--", "<!", "{{", "{%", "{#", "}}", "%}", "#}", "///"):
        assert mark not in written


@pytest.mark.parametrize(
    "text",
    [
        "type: ignore",
        "x # noqa",
        "NOQA",
        "ruff: noqa",
        "mypy: ignore-errors",
        "coding: rot13",
        "coding=rot13",
        "@ts-ignore",
        "@ts-nocheck",
        "eslint-disable-next-line",
        "pragma: no cover",
        "fmt: off",
        "isort: skip_file",
        "pyright: basic",
        "nosec",
    ],
)
def test_comment_gives_no_orders_to_tools(text: str) -> None:
    assert text.lower() not in escaping.comment(text).lower()


def test_comment_leaves_plain_prose_alone() -> None:
    prose = "Rooms, from 9:00 to 17:00 (see https://example.org)"
    assert escaping.comment(prose) == prose


def _inline(source: str, block: str) -> str:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    inline = [token for token in tokens if token.type == "inline"]
    assert [token.type for token in tokens if token.type.endswith("_open")][-1] == block
    children = inline[-1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children)


@given(texts)
def test_md_is_plain_text_wherever_one_line_fits(text: str) -> None:
    written = escaping.md(text)
    plain = " ".join("".join(char if char.isprintable() or char in "\u200c\u200d" else " " for char in text).split())
    assert "\n" not in written
    if not plain:
        assert not written
        return
    assert _inline(written, "paragraph_open") == plain
    assert _inline(f"# {written}", "heading_open") == plain
    assert _inline(f"- {written}", "paragraph_open") == plain
    assert _inline(f"| x | y |\n|---|---|\n| a | {written} |", "td_open") == plain


def test_md_keeps_plain_prose_readable() -> None:
    assert escaping.md("Staff reserve rooms. 2 at most - always!") == "Staff reserve rooms. 2 at most - always!"
