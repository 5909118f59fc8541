"""A PRD whose every free text tries to be code in the language that it ends up in."""

from __future__ import annotations

BREAKERS = (
    '"""', "'''", '"', "'", "{{ 7*7 }}", "{% raw %}", "{# c #}", "\\", "\\N{BULLET}", "\\x00", "\\ud800",
    "'; DROP TABLE users; --", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "${process.exit(1)}", "`id`", "$(touch pwned)", "*/ /*", "-->", "]]>", "%s %(x)s :bind", "\u200b\ufeff",
    "\u2028\u2029", "👩‍👩‍👧", "مرحبا", '"""+__import__("os").system("touch pwned")+"""',
    "'+__import__('os').system('touch pwned')+'", "# noqa", "~~~", "[x](javascript:alert(1))", "{unclosed",
    "}}", "$1 \\1 \\g<0>", "E'\\''", "#!/bin/sh", "[[tables]]", '= "a"',
)  # fmt: skip
TEXT = " ".join(BREAKERS)
LONG = "x" * 100_000
INVISIBLE = ("\u200b\ufeff", "\u2028\u2029")  # no enum has such values


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


ENUM = ", ".join(_quoted(value) for value in BREAKERS if value not in INVISIBLE)
PRD = f"""# Feature PRD: Hostile {TEXT}

**Slug:** hostile

\u202e{TEXT}\u202c

{LONG}

## Entities

### Thing

{TEXT}

{LONG}

**Owner:** yes
**Access:** public read, owner write
**Unique:** (name, owner)
**Filter:** name, kind, amount
**Sort:** name, amount

| Field | Type | Required | Rules |
|---|---|---|---|
| name | string | yes | 1..400 chars; default {_quoted(" ".join(BREAKERS[:12]))} |
| kind | enum({ENUM}) | yes | default {{{{ 7*7 }}}} |
| code | string | no | max 40; matches ^["'`\\\\{{}}$<>/*#%,-]*$ |
| note | text | no | default {_quoted(BREAKERS[11])} |
| data | json | no | default {{"a\\"b'c": "{{{{ x }}}} </script> \\\\", "__proto__": {{"x": 1}}}} |
| amount | decimal(6,2) | no | min -5; max 5; default 1.50 |
| self | Thing | no | on delete set null |
| constructor | string | no | max 10 |
| return | integer | no | |
| key | string | no | |
| children | text | no | |
| ref | string | no | |
| await | string | no | |

### Exception

**Access:** public read, signed-in write

| Field | Type | Required | Rules |
|---|---|---|---|
| args | string | yes | 1..20 chars |
| things | Thing[] | no | |

### Promise

| Field | Type | Required | Rules |
|---|---|---|---|
| then | string | yes | |
| length | integer | no | |

## Business Rules

- {TEXT}
- {LONG[:5000]}
"""
