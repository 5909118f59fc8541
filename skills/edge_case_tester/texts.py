"""Values for fields that hold text (`string`, `text`, `email`, `url`): one on either side of each bound and rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.feature import FeatureField
from skills.design.patterns import matching, not_matching
from skills.edge_case_tester.value import Value

_STRING = 255  # characters of a string whose length the PRD does not bound
_LONGEST = {"email": 320, "url": 2048}  # what their columns hold, whatever the PRD says
_ROOMY = 80  # characters; more than the longest of the suite's hostile texts
_SERIAL_DIGITS = 6  # characters left for a serial number
_OFFERED = 40  # different texts of a pattern, for unique fields
_HOST = "https://example.com/"
_MAILBOX = "@example.com"


@dataclass(frozen=True, slots=True)
class Lengths:
    """In characters. `longest` is None where only the database's own limit holds."""

    shortest: int
    longest: int | None

    @property
    def bounded(self) -> int:
        return _STRING if self.longest is None else self.longest


def lengths(field: FeatureField) -> Lengths:
    """Return the lengths that a text field accepts."""
    bounds = (field.max_length, _LONGEST.get(field.type.kind))
    longest = min((bound for bound in bounds if bound is not None), default=None)
    if longest is None and field.type.kind == "string":
        longest = _STRING
    return Lengths(field.min_length or 0, longest)


def takes_any_text(field: FeatureField) -> bool:
    """Say whether the field takes any text of some length, quotes and emoji included."""
    limit = lengths(field)
    roomy = limit.shortest <= 1 and (limit.longest is None or limit.longest >= _ROOMY)
    return field.type.kind in {"string", "text"} and field.pattern is None and roomy


def accepted_text(field: FeatureField) -> Iterator[Value]:
    limit = lengths(field)
    for label, length in (("shortest", limit.shortest), ("longest", limit.longest)):
        text = None if length is None else _text_of(field, length)
        if text is not None:
            yield Value(label=label, sent=text)
    if field.pattern is not None:
        for example in matching(field.pattern, limit.shortest, limit.bounded, 1):
            yield Value(label="matching the pattern", sent=repr(example))


def refused_text(field: FeatureField) -> Iterator[Value]:
    limit = lengths(field)
    if limit.shortest:
        too_short = _text_of(field, limit.shortest - 1) or _repeat(limit.shortest - 1)
        yield Value(label="too short", sent=too_short)
    if limit.longest is not None:
        too_long = _text_of(field, limit.longest + 1) or _repeat(limit.longest + 1)
        yield Value(label="too long", sent=too_long)
    if field.pattern is not None:
        text = not_matching(field.pattern, limit.shortest, limit.bounded)
        if text is not None:
            yield Value(label="not matching the pattern", sent=repr(text))
    yield from _never_text(r'"a\x00b"')


def ordered_text(field: FeatureField) -> Iterator[str]:
    """Give three texts that sort the same under every collation."""
    limit = lengths(field)
    if field.pattern is not None:
        found = matching(field.pattern, limit.shortest, limit.bounded, _OFFERED)
        same_length = [text for text in found if len(text) == len(found[0])]
        plain = sorted(text for text in same_length if re.fullmatch("[a-z]+|[A-Z]+|[0-9]+", text))
        yield from (repr(text) for text in plain[:3])
    elif limit.longest != 0:
        size = max(limit.shortest, 1)
        yield from (f'"{letter}" * {size}' if size > 1 else f'"{letter}"' for letter in "abc")


def fresh_text(field: FeatureField) -> str:
    limit = lengths(field)
    if field.pattern is not None:
        return _fresh_match(field)
    word = field.name.replace("_", " ").capitalize()
    if len(word) + 1 + _SERIAL_DIGITS <= limit.bounded:
        missing = limit.shortest - len(word) - 1
        return f'f"{word} {{next(serial):0{missing}}}"' if missing > 1 else f'f"{word} {{next(serial)}}"'
    number = "next(serial)" if limit.bounded > _SERIAL_DIGITS else f"next(serial) % {10**limit.bounded}"
    return f'f"{{{number}:0{max(limit.shortest, 1)}}}"'


def accepted_email(_: FeatureField) -> Iterator[Value]:
    yield Value(label="with a tag", sent='"first.last+tag@example.com"')
    yield Value(label="capitals become small", sent='"Jo@Example.COM"', stored='"jo@example.com"')


def refused_email(field: FeatureField) -> Iterator[Value]:
    yield Value(label="no @", sent='"nobody"')
    yield Value(label="two @", sent='"a@b@example.com"')
    yield Value(label="no domain", sent='"nobody@"')
    yield Value(label="a space", sent='"no body@example.com"')
    yield Value(label="too long", sent=f'"a" * {lengths(field).bounded} + "{_MAILBOX}"')
    yield from _never_text(r'"a\x00b@example.com"')


def ordered_email(_: FeatureField) -> Iterator[str]:
    yield from (f'"{letter}{_MAILBOX}"' for letter in "abc")


def fresh_email(_: FeatureField) -> str:
    return f'f"user{{next(serial)}}{_MAILBOX}"'


def accepted_url(_: FeatureField) -> Iterator[Value]:
    yield Value(label="https", sent=f'"{_HOST}a?b=c#d"')
    yield Value(label="http", sent='"http://example.com/"')


def refused_url(field: FeatureField) -> Iterator[Value]:
    yield Value(label="no scheme", sent='"example.com"')
    yield Value(label="a script", sent='"javascript:alert(1)"')
    yield Value(label="another scheme", sent='"ftp://example.com/"')
    yield Value(label="no host", sent='"https://"')
    yield Value(label="too long", sent=f'"{_HOST}" + "a" * {lengths(field).bounded}')
    yield from _never_text(rf'"{_HOST}\x00"')


def ordered_url(_: FeatureField) -> Iterator[str]:
    yield from (f'"{_HOST}{letter}"' for letter in "abc")


def fresh_url(_: FeatureField) -> str:
    return f'f"{_HOST}{{next(serial)}}"'


def _never_text(with_nul: str) -> Iterator[Value]:
    yield Value(label="a NUL character", sent=with_nul)
    yield Value(label="a number", sent="5")
    yield Value(label="a list", sent="[]")


def _repeat(length: int) -> str:
    return f'"a" * {length}' if length > 1 else f'"{"a" * length}"'


def _text_of(field: FeatureField, length: int) -> str | None:
    """Return an expression for a text of this length that breaks no other rule, if there is one."""
    if field.pattern is None or re.search(field.pattern, "a" * length):
        return _repeat(length)
    found = matching(field.pattern, length, length, 1)
    return repr(found[0]) if found else None


def _fresh_match(field: FeatureField) -> str:
    """Number a text if the pattern allows it; otherwise take turns among texts that match."""
    limit = lengths(field)
    for stem in (field.name, field.name.replace("_", "-"), field.name.replace("_", ""), "a", "A", "A-", ""):
        for width in (1, limit.shortest - len(stem), _SERIAL_DIGITS):
            numbered = f"0{width}" if width > 1 else ""
            if all(fits(field, f"{stem}{number:{numbered}}") for number in (1, 20, 300, 4000)):
                return f'f"{stem}{{next(serial){":" * bool(numbered)}{numbered}}}"'
    texts = list(matching(field.pattern or "", limit.shortest, limit.bounded, _OFFERED))
    return f"{texts!r}[next(serial) % {len(texts)}]" if texts else repr("")


def fits(field: FeatureField, text: str) -> bool:
    """Say whether the field takes this text."""
    limit = lengths(field)
    return limit.shortest <= len(text) <= limit.bounded and re.search(field.pattern or "", text) is not None
