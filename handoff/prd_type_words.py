"""What people mean by type words of other languages: `varchar(50)`, `timestamp`, `number`, `image`.

The nearest spelling would often lose data (`time` for `timestamp`), so what keeps the meaning is named instead.
"""

from __future__ import annotations

import re
from typing import Final

_WORD = re.compile(r"([a-z][a-z0-9 _/-]*?)\s*(?:\(\s*([0-9]{1,9})\s*(?:,\s*([0-9]{1,4})\s*)?\))?(\s*\[\s*\])?")
_JOINERS = re.compile(r"[ _/-]+")

_FILE = "a `url` that leads to it: files and images are not stored"
_MONEY = "`decimal(12,2)`: exact, 12 digits, 2 of them after the point"
_NUMBER = "`integer` for whole numbers, `decimal(12,2)` for exact fractions as money, `float` for measurements"
_LIST = "an entity of its own and `Entity[]`, or `json`: a field holds no list of values"
_DURATION = "`integer` with the unit in the field's name, as `duration_minutes`"
_MANY = "the entity's name and `[]`, as `Tag[]`"
_ID = "nothing: every entity has an `id`, so leave the row out"

_MEANINGS: Final = (
    ("`string`", "varchar nvarchar varchar2 character characters charactervarying str shorttext tinytext charfield"),
    ("`text`", "longtext mediumtext clob ntext richtext textarea multiline longstring markdown html textfield"),
    ("`integer`", "int int2 int4 int8 int16 int32 int64 bigint smallint mediumint tinyint long short count"),
    (_NUMBER, "number num numeral"),
    ("`decimal(p,s)`, as `decimal(12,2)`", "numeric dec bigdecimal"),
    (_MONEY, "money currency price amount"),
    ("`decimal(5,2)`", "percent percentage"),
    ("`float`", "double doubleprecision real float4 float8 float32 float64"),
    ("`boolean`", "bool bit flag yesno truefalse checkbox"),
    ("`datetime`", "timestamp timestamptz timestampwithtimezone timestampwithouttimezone datetimeoffset moment"),
    ("`date`", "day dateonly localdate datefield birthday"),
    ("`time`", "timetz timeonly localtime timeofday"),
    (_DURATION, "interval duration timedelta timespan"),
    ("`integer`, with `min` and `max`", "year rating stars"),
    ("`uuid`", "uuid4 uuid7 uuidv4 uuidv7 guid uniqueidentifier"),
    ("`json`", "jsonb object dict dictionary map hash struct record any"),
    ("`email`", "mail emailaddress emailfield"),
    ("`url`", "uri link website homepage href webaddress urlfield"),
    ("`string` with a rule, as `matches ^\\+?[0-9 ]{3,20}$`", "phone phonenumber tel telephone mobile"),
    ("`string` with the rule `slug of <field>`", "slug slugfield"),
    ("`string` with the rule `write-only`; `User` has a password already", "password secret"),
    ("two fields of type `float`", "point geo geopoint latlng coordinates location gps"),
    (_FILE, "file files image images photo picture avatar blob bytea binary bytes attachment upload video pdf media"),
    ("`enum(a, b, c)` with the values that there are", "choice choices select dropdown radio option options status"),
    (_LIST, "array list set multiselect tags"),
    ("the entity's name, as `Room`", "foreignkey fk reference ref relation belongsto manytoone onetoone lookup"),
    (_MANY, "manytomany m2m hasmany onetomany relations references"),
    (_ID, "id pk primarykey serial bigserial autoincrement identity autofield"),
)  # fmt: skip
_BY_WORD: Final = {word: meaning for meaning, words in _MEANINGS for word in words.split()}
_PLAIN: Final = frozenset({"string", "text", "integer", "decimal", "float", "boolean", "date", "time", "datetime"})
_FIXED: Final = frozenset({"char", "nchar", "bpchar"})
_TEXTS: Final = ("`string`", "`text`")


def meant_by(text: str) -> str:
    """Return what to write for a type word of another language, or nothing if it is none."""
    found = _WORD.fullmatch(text.casefold())
    if not found:
        return ""
    word, size, scale, many = found.groups()
    word = _JOINERS.sub("", word)
    if many:
        return _LIST if word in _PLAIN or word in _BY_WORD or word in _FIXED else ""
    if word in _FIXED:
        return f"`string` with the rule `{size or 1}..{size or 1} chars`"
    if word == "tinyint" and size == "1":
        return "`boolean`"
    return _sized(word, size, scale)


def _sized(word: str, size: str | None, scale: str | None) -> str:
    meaning = f"`{word}`" if size and word in _PLAIN else _BY_WORD.get(word, "")
    if size and meaning in _TEXTS:
        return f"{meaning} with the rule `max {size}`"
    if size and word in ("numeric", "dec", "number", "decimal"):
        return f"`decimal({size},{scale})`" if scale else f"`decimal({size},0)` or `integer`"
    return meaning
