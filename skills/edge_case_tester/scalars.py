"""Values for fields that are not text: numbers, moments, enums and the rest, on either side of each rule."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from schemas.feature import FeatureField
from skills.edge_case_tester.value import Value

MAX_INTEGER = 2**53 - 1
_SERIAL_SPAN = 10**6  # wider than any suite counts


def _quoted(*texts: str) -> tuple[str, ...]:
    return tuple(f'"{text}"' for text in texts)


def _refusing(**values: str) -> Iterator[Value]:
    yield from (Value(label=label.replace("_", " "), sent=sent) for label, sent in values.items())


def counts_on(field: FeatureField) -> bool:
    """Say whether new numbers are counted upwards without end, from the lowest on, which is left out."""
    low, high = _whole_numbers(field)
    return high - low >= _SERIAL_SPAN


def _whole_numbers(field: FeatureField) -> tuple[int, int]:
    """Return the smallest and largest whole number that counting keeps to."""
    if field.type.kind == "integer":
        return integers(field)
    low, high = decimals(field) if field.type.kind == "decimal" else floats(field)
    return math.ceil(max(low, 0)), math.floor(min(high, MAX_INTEGER))


# ---- integer ------------------------------------------------------------------------------------------------------


def integers(field: FeatureField) -> tuple[int, int]:
    """Return the smallest and largest integer the field accepts."""
    low = -MAX_INTEGER if field.minimum is None else max(-(-field.minimum // 1), Decimal(-MAX_INTEGER))
    high = MAX_INTEGER if field.maximum is None else min(field.maximum // 1, Decimal(MAX_INTEGER))
    return int(low), int(high)


def accepted_integer(field: FeatureField) -> Iterator[Value]:
    low, high = integers(field)
    yield Value(label="smallest", sent=_integer(low))
    yield Value(label="largest", sent=_integer(high))


def refused_integer(field: FeatureField) -> Iterator[Value]:
    low, high = integers(field)
    yield Value(label="too small", sent=_integer(low - 1))
    yield Value(label="too large", sent=_integer(high + 1))
    yield from _refusing(a_fraction=f"{max(low, 0)}.5", a_numeral=f'"{max(low, 0)}"', a_word='"many"', a_list="[]")


def ordered_integer(field: FeatureField) -> Iterator[str]:
    low, high = integers(field)
    start = low if low > -MAX_INTEGER else min(0, high - 2)
    yield from (str(number) for number in range(start, min(start + 3, high + 1)))


def fresh_integer(field: FeatureField) -> str:
    return _counted(*integers(field))


def _integer(value: int) -> str:
    power, rest = divmod(abs(value), 2**53)
    if power == 1 and rest == 0:
        return "2**53" if value > 0 else "-(2**53)"
    if abs(value) == MAX_INTEGER:
        return "2**53 - 1" if value > 0 else "-(2**53) + 1"
    return str(value)


def _counted(low: int, high: int) -> str:
    """Return an expression that counts upwards inside the bounds."""
    start = low if low > -MAX_INTEGER else min(0, high - _SERIAL_SPAN)
    room = high - start + 1
    number = "next(serial)" if room > _SERIAL_SPAN else f"next(serial) % {room}"
    return f"{start} + {number}" if start else number


# ---- decimal and float --------------------------------------------------------------------------------------------


def decimals(field: FeatureField) -> tuple[Decimal, Decimal]:
    """Return the smallest and largest decimal the field accepts."""
    precision, scale = field.type.precision or 1, field.type.scale or 0
    most = (Decimal(10) ** precision - 1).scaleb(-scale)
    low = -most if field.minimum is None else max(field.minimum, -most)
    high = most if field.maximum is None else min(field.maximum, most)
    return low, high


def accepted_decimal(field: FeatureField) -> Iterator[Value]:
    low, high = decimals(field)
    yield Value(label="smallest", sent=_decimal(field, low))
    yield Value(label="largest", sent=_decimal(field, high))


def refused_decimal(field: FeatureField) -> Iterator[Value]:
    low, high = decimals(field)
    step = Decimal(1).scaleb(-(field.type.scale or 0))
    digits = f"{low if low > 0 else Decimal(0):f}"
    finer = f"{digits}1" if "." in digits else f"{digits}.{'0' * (field.type.scale or 0)}1"
    yield Value(label="too small", sent=f'"{low - step:f}"')
    yield Value(label="too large", sent=f'"{high + step:f}"')
    yield Value(label="too many decimals", sent=f'"{finer}"')
    yield from _refusing(not_a_number='"NaN"', infinite='"Infinity"', a_word='"many"', a_list="[]")


def ordered_decimal(field: FeatureField) -> Iterator[str]:
    low, high = decimals(field)
    step = Decimal(1).scaleb(-(field.type.scale or 0))
    start = max(low, min(Decimal(0), high - 2 * step))
    yield from (_decimal(field, value) for value in (start, start + step, start + 2 * step) if value <= high)


def fresh_decimal(field: FeatureField) -> str:
    places = "." + "0" * (field.type.scale or 0) if field.type.scale else ""
    number = _counted(*_whole_numbers(field))
    return f'f"{{{number}}}{places}"'


def _decimal(field: FeatureField, value: Decimal) -> str:
    return f'"{value:.{field.type.scale or 0}f}"'


def floats(field: FeatureField) -> tuple[float, float]:
    """Return the bounds of a float field, or a wide range where it has none."""
    low = -1e300 if field.minimum is None else float(field.minimum)
    high = 1e300 if field.maximum is None else float(field.maximum)
    return low, high


def accepted_float(field: FeatureField) -> Iterator[Value]:
    low, high = floats(field)
    yield Value(label="smallest", sent=repr(low))
    yield Value(label="largest", sent=repr(high))


def refused_float(field: FeatureField) -> Iterator[Value]:
    if field.minimum is not None:
        yield Value(label="too small", sent=repr(float(field.minimum) - 1))
    if field.maximum is not None:
        yield Value(label="too large", sent=repr(float(field.maximum) + 1))
    yield from _refusing(
        a_numeral=f'"{max(floats(field)[0], 1.0)}"', not_a_number='"NaN"', infinite='"Infinity"', a_list="[]"
    )


def ordered_float(field: FeatureField) -> Iterator[str]:
    low, high = floats(field)
    start, end = max(low, min(0.0, high - 3)), min(high, max(low, 0.0) + 3)
    yield from (repr(start + (end - start) * part / 4) for part in (1, 2, 3))


def fresh_float(field: FeatureField) -> str:
    return f"float({_counted(*_whole_numbers(field))})"


# ---- moments ------------------------------------------------------------------------------------------------------


def accepted_date(_: FeatureField) -> Iterator[Value]:
    yield Value(label="a leap day", sent='"2024-02-29"')


def refused_date(_: FeatureField) -> Iterator[Value]:
    yield from _refusing(no_such_day='"2023-02-29"', a_word='"tomorrow"', another_order='"31-12-2030"', a_list="[]")


def accepted_time(_: FeatureField) -> Iterator[Value]:
    yield Value(label="the last second", sent='"23:59:59"')
    yield Value(label="midnight", sent='"00:00:00"')


def refused_time(_: FeatureField) -> Iterator[Value]:
    yield from _refusing(no_such_hour='"24:30:00"', a_word='"noon"', a_list="[]")


def accepted_datetime(_: FeatureField) -> Iterator[Value]:
    yield Value(label="UTC", sent='"2030-01-31T12:30:00Z"')
    yield Value(label="an offset becomes UTC", sent='"2030-01-31T12:30:00+05:30"', stored='"2030-01-31T07:00:00Z"')
    yield Value(label="microseconds", sent='"2030-01-31T12:30:00.123456Z"')


def refused_datetime(_: FeatureField) -> Iterator[Value]:
    yield from _refusing(
        no_offset='"2030-01-31T12:30:00"', no_such_day='"2030-02-30T12:00:00Z"', a_word='"tomorrow"', a_list="[]"
    )


# ---- the rest -----------------------------------------------------------------------------------------------------


def accepted_boolean(_: FeatureField) -> Iterator[Value]:
    yield Value(label="yes", sent="True")
    yield Value(label="no", sent="False")


def refused_boolean(_: FeatureField) -> Iterator[Value]:
    yield from _refusing(a_word='"true"', a_number="1", a_list="[]")


def accepted_enum(field: FeatureField) -> Iterator[Value]:
    yield from (Value(label=value, sent=repr(value)) for value in field.type.values)


def refused_enum(field: FeatureField) -> Iterator[Value]:
    unknown = "unknown"
    while unknown in field.type.values:
        unknown += "?"
    yield from _refusing(another_value=repr(unknown), empty='""', a_number="1", a_list="[]")


def ordered_enum(field: FeatureField) -> Iterator[str]:
    plain = sorted(value for value in field.type.values if value.isascii() and value.isalpha() and value.islower())
    yield from (repr(value) for value in plain[:3])


def fresh_enum(field: FeatureField) -> str:
    values = list(field.type.values)
    return f"{values!r}[next(serial) % {len(values)}]" if field.unique else repr(values[0])


def accepted_uuid(_: FeatureField) -> Iterator[Value]:
    small = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"
    yield Value(label="small letters", sent=f'"{small}"')
    yield Value(label="capitals become small", sent=f'"{small.upper()}"', stored=f'"{small}"')


def refused_uuid(_: FeatureField) -> Iterator[Value]:
    yield from _refusing(a_word='"unknown"', too_short='"6f9619ff-8b86-4d01-b42d"', a_number="5", a_list="[]")


def accepted_json(_: FeatureField) -> Iterator[Value]:
    yield Value(label="nested", sent='{"a": [1, None, True, {"b": "c"}]}')
    yield Value(label="a text", sent='"text"')
    yield Value(label="a number", sent="0")
    yield Value(label="an empty list", sent="[]")


def refused_json(_: FeatureField) -> Iterator[Value]:
    yield Value(label="a NUL character inside", sent=r'{"a": ["b\x00"]}')


def refused_reference(_: FeatureField) -> Iterator[Value]:
    yield from _refusing(
        no_such_record="NO_SUCH_ID", zero="0", negative="-1", not_a_number='"first"', beyond_an_id="2**63", a_list="[]"
    )


def refused_references(_: FeatureField) -> Iterator[Value]:
    yield from _refusing(
        no_such_record="[NO_SUCH_ID]", zero="[0]", not_a_number='["first"]', beyond_an_id="[2**63]", not_a_list="1"
    )


ORDERED_DATES = _quoted("2030-01-01", "2030-01-02", "2030-01-03")
ORDERED_TIMES = _quoted("08:00:00", "12:00:00", "18:00:00")
ORDERED_DATETIMES = _quoted("2030-01-01T12:00:00Z", "2030-01-02T12:00:00Z", "2030-01-03T12:00:00Z")
ORDERED_UUIDS = _quoted(*(f"00000000-0000-4000-8000-00000000000{digit}" for digit in (1, 2, 3)))
FRESH_DATE = "(date(2030, 1, 1) + timedelta(days=next(serial))).isoformat()"
FRESH_TIME = "(datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=next(serial))).time().isoformat()"
FRESH_DATETIME = 'f"{datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=next(serial)):%Y-%m-%dT%H:%M:%SZ}"'
FRESH_UUID = "str(UUID(int=next(serial)))"
