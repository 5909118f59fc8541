"""What secrets look like, whoever they belong to: keys with known prefixes, credentials in URLs and headers, PEM keys.

Every pattern begins with a literal that is looked for first, and no pattern reads a character more than a bounded
number of times, so text of megabytes costs milliseconds and hostile text costs no more than a constant times that.
Where text could as well be code or data of a test (`password="…"` in a call, a JSON body), it is left alone.

Not here: the values that this process itself knows to be secret (`skills.core.redaction`).
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

REDACTED = "[redacted]"


@dataclass(frozen=True, slots=True)
class _Shape:
    """`pattern` is tried if the text has one of `markers`; its last named group is replaced, or all that it matches."""

    markers: Sequence[str]
    pattern: re.Pattern[str]
    is_secret: Callable[[re.Match[str]], bool] = lambda _: True

    def redact(self, text: str) -> str:
        for marker in self.markers:
            if marker in text:
                return self.pattern.sub(self._replace, text)
        return text

    def _replace(self, match: re.Match[str]) -> str:
        whole = match.group()
        if not self.is_secret(match):
            return whole
        if match.lastgroup is None:
            return REDACTED
        start, end = (place - match.start() for place in match.span(match.lastgroup))
        return f"{whole[:start]}{REDACTED}{whole[end:]}"


def _key(prefix: str, rest: str, *markers: str, digit: bool = False) -> _Shape:
    """Return the shape of a key: `prefix` where no word goes on, then `rest`; with `digit`, words are none.

    `prefix` is a pattern of a fixed width, and what is looked for first unless there are `markers`.
    """
    needs_digit = "(?=[A-Za-z_-]*[0-9])" if digit else ""
    pattern = re.compile(rf"{prefix}(?<![A-Za-z0-9_-]{prefix}){needs_digit}{rest}")
    return _Shape(markers or (prefix.replace("\\", ""),), pattern)


_KEYS = (
    _key("sk-", r"[A-Za-z0-9_-]{20,}", digit=True),  # OpenAI, Anthropic, DeepSeek, OpenRouter
    _key("AIza", r"[A-Za-z0-9_-]{35}"),  # Google
    _key(r"ya29\.", r"[A-Za-z0-9_-]{20,}"),
    _key("GOCSPX-", r"[A-Za-z0-9_-]{20,}"),
    _key("gh[pousr]_", r"[A-Za-z0-9]{36,}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),  # GitHub
    _key("github_pat_", r"[A-Za-z0-9_]{22,}"),
    _key("glpat-", r"[A-Za-z0-9_-]{20,}"),
    _key("xox[a-z]-", r"[A-Za-z0-9-]{10,}", "xox"),  # Slack
    _key("xapp-", r"[A-Za-z0-9-]{20,}", digit=True),
    _Shape(("hooks.slack.com/",), re.compile(r"hooks\.slack\.com/services/(?P<secret>[A-Za-z0-9/]{20,})")),
    _key("A[KS]IA", r"[A-Z0-9]{16}(?![A-Za-z0-9])", "AKIA", "ASIA"),  # AWS
    _key("[rs]k_(?:live|test)_", r"[A-Za-z0-9]{16,}", "k_live_", "k_test_"),  # Stripe
    _key("whsec_", r"[A-Za-z0-9+/=]{24,}"),
    _key("npm_", r"[A-Za-z0-9]{36}(?![A-Za-z0-9_])"),
    _key("pypi-", r"[A-Za-z0-9_-]{40,}"),
    _key("hf_", r"[A-Za-z0-9]{30,}"),
    _key("gsk_", r"[A-Za-z0-9]{40,}"),  # Groq
    _key("xai-", r"[A-Za-z0-9]{40,}"),
    _key("lsv2_", r"(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),  # LangSmith
    _key(r"SG\.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),  # SendGrid
    _key("dop_v1_", r"[a-f0-9]{64}"),  # DigitalOcean
    _key("eyJ", r"[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),  # JWT
)

# `-----BEGIN … KEY-----` to its end; of one that is cut off, the lines of base64 that follow.
_PEM = _Shape(
    ("PRIVATE KEY",),
    re.compile(
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[^-]++|-(?!----))*+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"|(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{20,})+(?:\s|\\[nr])*[A-Za-z0-9+/=]*)"
    ),
)

_PLACEHOLDER = r"(?![{<*]|\$[{A-Z]|%\(|(?i:password)@)"  # what stands for a secret in code and in instructions
_AUTHORITY = _Shape(
    ("://",),
    re.compile(
        rf"://[^\s/:@\[\"'<>`]{{0,200}}:(?!\d{{1,5}}[/?#]){_PLACEHOLDER}"
        r"(?P<secret>[^\s/\"'<>`]{1,200}|[^\s@\"'<>`]{1,100})@"
    ),
)
# A user name alone is a secret if it looks like a key: `https://<key>@host/…`.
_KEY_AS_USER = _Shape(
    ("://",), re.compile(r"://(?=[A-Za-z_-]{0,100}[0-9])(?P<secret>[A-Za-z0-9_-]{20,100})@(?=[A-Za-z0-9\[])")
)
_QUERY = _Shape(
    ("://",),
    re.compile(
        r"[?&](?i:(?:ssl)?password|passwd|pwd|api_?key|access_token|refresh_token|client_secret|x-amz-signature"
        r"|x-amz-security-token|x-goog-signature|sig)="
        rf"{_PLACEHOLDER}(?P<secret>[^\s&#\"'<>`]{{6,2000}})"
    ),
)


def _is_credential(match: re.Match[str]) -> bool:
    """Return whether what follows the scheme is a credential; any word may follow `token` in a sentence."""
    scheme, secret = match["scheme"].lower(), match["secret"]
    return scheme == "bearer" or any(each.isdigit() or each.isupper() for each in secret)


_AUTHORIZATION = _Shape(
    ("uthorization", "UTHORIZATION"),
    re.compile(
        r"(?i:uthorization)(?:[\"']?\s{0,3}[:=]\s{0,3}b?[\"']?|[\"'],\s{0,3}b?[\"'])"
        rf"(?P<scheme>(?i:bearer|basic|token|bot))\s{{1,3}}{_PLACEHOLDER}(?P<secret>[^\s\"',;<>\\]{{8,4000}})"
    ),
    _is_credential,
)
_BEARER = _Shape(
    ("earer ", "EARER "),
    re.compile(r"(?i:earer) {1,3}(?=[A-Za-z_.~+/=-]{0,200}[0-9])(?P<secret>[A-Za-z0-9._~+/=-]{16,4000})"),
)
_API_KEY_HEADER = _Shape(
    ("pi-key", "PI-KEY", "pi-Key", "PI-Key"),
    re.compile(r"(?i:pi-key)[\"']?\s{0,3}[:=,]\s{0,3}b?[\"']?(?P<secret>[A-Za-z0-9._~+/=-]{12,500})(?=[\s\"',;)]|$)"),
)

_NAMES = "PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_KEY|ACCESS_KEY|SECRET_KEY|CREDENTIALS?"


def _is_whole(match: re.Match[str]) -> bool:
    """Return whether a value without quotes ends with its line or word; an expression of code goes on otherwise."""
    return match["bare"] is None or match.string[match.end() : match.end() + 1] in {"", ";"} | set(string.whitespace)


# An environment or a `.env` file that was printed: names in capitals, nothing around the `=`.
_VARIABLE = _Shape(
    ("PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL"),
    re.compile(
        rf"(?:{_NAMES})(?:=|[\"']\s?[:=]\s?)"
        rf"(?:\"{_PLACEHOLDER}(?P<in_double>[^\"\n]{{6,2000}})\"|'{_PLACEHOLDER}(?P<in_single>[^'\n]{{6,2000}})'"
        rf"|{_PLACEHOLDER}(?P<bare>[^\s\"'(){{}},;&]{{6,2000}}))"
    ),
    _is_whole,
)

_CONNECTION_WORD = re.compile(
    r"(?i)(?<![a-z0-9_])(?:host|hostaddr|dbname|server|data source|database|initial catalog|user|user id|uid|port"
    r"|sslmode|accountname|endpoint)\s?="
)
_CONTEXT = 200  # characters on each side of a password in which a connection string shows as one


def _in_connection_string(match: re.Match[str]) -> bool:
    """Return whether the assignment stands among those of a connection string, not among a call's arguments."""
    secret, following = match["secret"], match.string[match.end() : match.end() + 1]
    if secret.endswith((",", ")")) or (following and following in ",)"):
        return False
    text, (start, end) = match.string, match.span()
    before = text[max(0, start - _CONTEXT) : start].rpartition("\n")[2]
    after = text[end : end + _CONTEXT].partition("\n")[0]
    return bool(_CONNECTION_WORD.search(before) or _CONNECTION_WORD.search(after))


_CONNECTION = _Shape(
    ("assword", "ASSWORD", "wd=", "WD="),
    re.compile(
        r"(?i:(?<![a-z0-9_.])(?:ssl)?(?:password|pwd)\s?=\s?)"
        rf"{_PLACEHOLDER}(?P<secret>'(?:[^'\\\n]|\\.){{1,200}}'|[^\s;'\"&]{{1,300}})"
    ),
    _in_connection_string,
)
_ACCOUNT_KEY = _Shape(
    ("Key=", "uthToken="),
    re.compile(r"(?:AccountKey|SharedAccessKey|_authToken)=(?P<secret>[A-Za-z0-9+/=_.-]{12,500})"),
)

SHAPES: tuple[_Shape, ...] = (
    _PEM,
    _AUTHORIZATION,
    _AUTHORITY,
    _KEY_AS_USER,
    _QUERY,
    *_KEYS,
    _BEARER,
    _API_KEY_HEADER,
    _CONNECTION,
    _ACCOUNT_KEY,
    _VARIABLE,
)


def redact_shapes(text: str) -> str:
    """Return `text` with everything that is shaped like a secret replaced by `[redacted]`."""
    for shape in SHAPES:
        text = shape.redact(text)
    return text
