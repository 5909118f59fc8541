"""Read a field's rules: `1..80 chars; unique per owner; default grey`.

Each rule is one `_Form`: its words, the types it applies to, what it sets.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast, get_args

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from handoff.prd_report import Cursor, words
from handoff.prd_values import MAX_LENGTH, STRING_LENGTH, NotAValue, largest, read_default, read_number
from schemas.base import JSON
from schemas.feature import FieldType, Kind, OnDelete

TEXTS: Final[tuple[Kind, ...]] = ("string", "text")
NUMBERS: Final[tuple[Kind, ...]] = ("integer", "decimal", "float")
ALL: Final[tuple[Kind, ...]] = get_args(Kind)
COMPARABLE: Final = tuple(kind for kind in ALL if kind not in ("json", "references"))

_DEFAULT_QUOTED = re.compile(r'\s*default\s+(?=["\[{])', re.IGNORECASE)
_RULE_END = re.compile(r"\s*(;|\Z)")
_RULE = re.compile(r"(?:[^;\\]|\\.|\\\Z)*", re.DOTALL)  # a regular expression may hold `\;`
_NOT_IN_EVERY_DIALECT = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<bad>\(\?(?!:)|[*+?}]\+)", re.DOTALL)
_ANCHORS = re.compile(r"\\\\|(?P<bad>\\[AZz])")


@dataclass(slots=True)
class Rules:
    """What a field's rules say, named as in `FeatureField`."""

    min_length: int | None = None
    max_length: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    unique: bool = False
    unique_per: tuple[str, ...] = ()
    has_default: bool = False
    default: JSON = None
    pattern: str | None = None
    read_only: bool = False
    write_only: bool = False
    slug_of: str | None = None
    indexed: bool = False
    on_delete: OnDelete = "restrict"


@dataclass(frozen=True, slots=True)
class _Form:
    shape: str  # as a person writes it
    pattern: re.Pattern[str]
    kinds: tuple[Kind, ...]
    sets: tuple[str, ...]  # attributes of `Rules`; two rules may not set the same
    read: Callable[[re.Match[str], Rules, FieldType], None]


def read_rules(text: str, type_: FieldType, *, required: bool, spot: Cursor) -> Rules:
    """Return what `text` says for a field of `type_`; report each rule that is unknown, misplaced or contradictory."""
    rules, said = Rules(), set[str]()
    for rule in _split(text):
        form, match = _form(rule)
        if form is None or match is None:
            _unknown(rule, spot)
        elif type_.kind not in form.kinds:
            spot.problem(
                f"the rule `{form.shape}` does not apply to the type `{type_.kind}`", got=rule, expected=_applies(form)
            )
        elif said.intersection(form.sets):
            spot.problem("two rules say the same thing, or contradict each other", got=text, hint=f"drop `{rule}`")
        else:
            said.update(form.sets)
            try:
                form.read(match, rules, type_)
            except NotAValue as error:
                spot.problem(f"the rule `{form.shape}` has a bad value", got=rule, expected=str(error))
    _check(rules, type_, required=required, spot=spot)
    return rules


def check_rule_words(text: str, spot: Cursor) -> None:
    """Report each rule that is unknown whatever the type, for a field whose type could not be read."""
    for rule in _split(text):
        if _form(rule)[0] is None:
            _unknown(rule, spot)


def _unknown(rule: str, spot: Cursor) -> None:
    spot.unknown("rule", rule, [form.shape for form in _FORMS])


def _split(text: str) -> Iterator[str]:
    """Yield the rules of `text`, separated by `;`, except inside a quoted default or after a backslash."""
    at = 0
    while at < len(text):
        end = _quoted_end(text, at)
        if end is None:
            end = cast("re.Match[str]", _RULE.match(text, at)).end()
        rule = text[at:end].strip()
        if rule:
            yield rule
        at = end + 1


def _quoted_end(text: str, at: int) -> int | None:
    quoted = _DEFAULT_QUOTED.match(text, at)
    if quoted is None:
        return None
    try:
        _, end = json.JSONDecoder().raw_decode(text, quoted.end())
    except (ValueError, RecursionError):
        return None
    after = _RULE_END.match(text, end)
    return after.start(1) if after else None


def _form(rule: str) -> tuple[_Form | None, re.Match[str] | None]:
    for form in _FORMS:
        match = form.pattern.fullmatch(rule)
        if match:
            return form, match
    return None, None


def _applies(form: _Form) -> str:
    return f"one of the types {', '.join(f'`{kind}`' for kind in form.kinds)}"


def _range(match: re.Match[str], rules: Rules, type_: FieldType) -> None:
    _min(match, rules, type_)
    rules.max_length = _length(match[2], least=1)


def _length(text: str, *, least: int = 0) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= MAX_LENGTH:
        raise NotAValue(f"a number of characters, from {least} to {MAX_LENGTH}")
    return int(text)


def _min(match: re.Match[str], rules: Rules, type_: FieldType) -> None:
    if type_.kind in TEXTS:
        rules.min_length = _length(match[1])
    else:
        rules.minimum = read_number(match[1], type_.kind)


def _max(match: re.Match[str], rules: Rules, type_: FieldType) -> None:
    if type_.kind in TEXTS:
        rules.max_length = _length(match[1], least=1)
    else:
        rules.maximum = read_number(match[1], type_.kind)


def _unique(_: re.Match[str], rules: Rules, __: FieldType) -> None:
    rules.unique = True


def _unique_per(match: re.Match[str], rules: Rules, _: FieldType) -> None:
    rules.unique_per = tuple(words(match[1]))


def _default(match: re.Match[str], rules: Rules, type_: FieldType) -> None:
    rules.default = read_default(match[1].strip(), type_)
    rules.has_default = True


def _matches(match: re.Match[str], rules: Rules, _: FieldType) -> None:
    pattern = match[1].strip()
    _compile(pattern)
    rules.pattern = pattern


def _read_only(_: re.Match[str], rules: Rules, __: FieldType) -> None:
    rules.read_only = True


def _write_only(_: re.Match[str], rules: Rules, __: FieldType) -> None:
    rules.write_only = True


def _slug_of(match: re.Match[str], rules: Rules, _: FieldType) -> None:
    rules.slug_of = match[1]


def _indexed(_: re.Match[str], rules: Rules, __: FieldType) -> None:
    rules.indexed = True


def _on_delete(match: re.Match[str], rules: Rules, _: FieldType) -> None:
    action = " ".join(match[1].casefold().split())
    if action not in get_args(OnDelete):
        raise NotAValue("`on delete cascade`, `on delete restrict` or `on delete set null`")
    rules.on_delete = cast("OnDelete", action)


def _compile(pattern: str) -> SchemaValidator:
    """Return a matcher that takes linear time whatever the text.

    Raises:
        NotAValue: The expression does not mean the same in Python, in JavaScript (whose dialect an OpenAPI document
            speaks) and to a matcher without backtracking.
    """
    for doubtful in (_NOT_IN_EVERY_DIALECT, _ANCHORS):
        if any(found["bad"] for found in doubtful.finditer(pattern)):
            raise NotAValue(
                "a regular expression without flags, named groups, look-around, possessive quantifiers, `\\A` or `\\Z`"
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern)
        return SchemaValidator(core_schema.str_schema(pattern=pattern))
    except (re.error, SchemaError, Warning, OverflowError, RecursionError) as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise NotAValue(f"a regular expression without back-references ({first})") from error


def _check(rules: Rules, type_: FieldType, *, required: bool, spot: Cursor) -> None:
    """Report rules that contradict one another."""
    lower, upper = _bounds(rules, type_)
    if lower is not None and upper is not None and lower > upper:
        spot.problem("the smallest allowed is larger than the largest", got=f"{lower} to {upper}")
    elif rules.has_default:
        _check_default(rules, type_, spot)
    if rules.on_delete == "set null" and required:
        spot.problem("`on delete set null` on a required field", hint="make it optional, or cascade or restrict")
    if rules.read_only and rules.write_only:
        spot.problem("a field cannot be `read-only` and `write-only`: nobody would ever see it")
    if rules.slug_of and (rules.has_default or rules.pattern):
        spot.problem("a `slug of` another field has neither `default` nor `matches`", hint="it is made from that field")
    if rules.read_only and required and not rules.has_default and not rules.slug_of:
        spot.problem(
            "a required `read-only` field that nothing fills", hint="give it a default, or make it `slug of` a field"
        )


def _bounds(rules: Rules, type_: FieldType) -> tuple[Decimal | None, Decimal | None]:
    if type_.kind in TEXTS:
        longest = rules.max_length
        if longest is None and type_.kind == "string" and not rules.slug_of:
            longest = STRING_LENGTH
        shortest = rules.min_length
        return None if shortest is None else Decimal(shortest), None if longest is None else Decimal(longest)
    lower, upper = rules.minimum, rules.maximum
    if type_.kind == "decimal":
        most = largest(type_)
        lower = -most if lower is None else lower
        upper = most if upper is None else min(upper, most)
    return lower, upper


def _check_default(rules: Rules, type_: FieldType, spot: Cursor) -> None:
    lower, upper = _bounds(rules, type_)
    value = rules.default
    size = Decimal(len(str(value))) if type_.kind in TEXTS else Decimal(str(value)) if type_.kind in NUMBERS else None
    if size is not None and ((lower is not None and size < lower) or (upper is not None and size > upper)):
        spot.problem("the default breaks the field's own rules", got=str(value), expected=_limits(lower, upper))
    if rules.pattern is not None and isinstance(value, str):
        try:
            _compile(rules.pattern).validate_python(value)
        except ValidationError:
            spot.problem("the default does not match the field's expression", got=value, expected=rules.pattern)


def _limits(lower: Decimal | None, upper: Decimal | None) -> str:
    return " and ".join(
        text
        for text in (
            "" if lower is None else f"at least {lower}",
            "" if upper is None else f"at most {upper}",
        )
        if text
    )


def _form_of(
    shape: str,
    pattern: str,
    kinds: tuple[Kind, ...],
    sets: tuple[str, ...],
    read: Callable[[re.Match[str], Rules, FieldType], None],
) -> _Form:
    return _Form(shape, re.compile(pattern, re.IGNORECASE | re.DOTALL), kinds, sets, read)


_FORMS: Final = (
    _form_of("a..b chars", r"(\S+?)\s*\.\.\s*(\S+)\s+char(?:acter)?s?", TEXTS, ("lower", "upper"), _range),
    _form_of("min n", r"min\s+(\S+)(?:\s+char(?:acter)?s?)?", TEXTS + NUMBERS, ("lower",), _min),
    _form_of("max n", r"max\s+(\S+)(?:\s+char(?:acter)?s?)?", TEXTS + NUMBERS, ("upper",), _max),
    _form_of("unique", r"unique", COMPARABLE, ("unique",), _unique),
    _form_of("unique per field", r"unique\s+per\s+(.+)", COMPARABLE, ("unique",), _unique_per),
    _form_of("default value", r"default\s+(.+)", ALL, ("default",), _default),
    _form_of("matches regex", r"matches\s+(.+)", TEXTS, ("pattern",), _matches),
    _form_of("read-only", r"read[- ]only", ALL, ("read-only",), _read_only),
    _form_of("write-only", r"write[- ]only", ALL, ("write-only",), _write_only),
    _form_of("slug of field", r"slug\s+of\s+(\S+)", ("string",), ("slug",), _slug_of),
    _form_of("indexed", r"indexed", COMPARABLE, ("indexed",), _indexed),
    _form_of("on delete action", r"on\s+delete\s+(.+)", ("reference",), ("on delete",), _on_delete),
)
