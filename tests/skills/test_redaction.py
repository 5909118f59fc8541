"""Secrets do not get into what is told, and what is told stays readable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.redaction import redact, redact_fields, secrets_of

PLANTED = 'pl4nted/"s&cret+%\\ü\n-of-mine'
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n" + "MIIEpAIBAAKCAQEA7bq9\n" * 12
ROOT = Path(__file__).parents[2]


# ---- values of this process's environment -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled",
    [
        PLANTED,
        json.dumps(PLANTED)[1:-1],
        json.dumps(PLANTED, ensure_ascii=False),
        repr(PLANTED),
        quote(PLANTED, safe=""),
        quote(PLANTED),
        quote_plus(PLANTED),
        quote(PLANTED, safe="").lower(),
        f"glued{PLANTED}together",
    ],
)
def test_the_value_of_a_secret_variable_is_replaced_however_it_is_spelled(
    spelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_API_TOKEN", PLANTED)

    told = redact(f"it says {spelled} there")

    assert "[redacted]" in told
    for part in ("pl4nted", "cret", "of-mine"):
        assert part not in told


@pytest.mark.parametrize(
    "name",
    [
        "GITHUB_TOKEN", "PGPASSWORD", "MYSQL_PWD", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "DJANGO_SECRET_KEY",
        "npm_config__authToken", "SSH_PRIVATE_KEY", "UV_INDEX_CORP_PASSWORD", "CREDENTIALS", "DEPLOY_KEY", "ROOT_PASS",
        "RANDOM_LOOKING_KEY", "VAULT_SECRET_ID",
    ],
)  # fmt: skip
def test_names_that_say_secret_are_known(name: str) -> None:
    assert secrets_of({name: "a1b2c3d4e5f6g7h8"}) == {"a1b2c3d4e5f6g7h8"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TOKEN", "true"), ("API_TOKEN", "1"), ("SECRET_KEY", "dev"), ("DB_PASSWORD", "postgres"),
        ("DB_PASSWORD", "booking"), ("MAX_TOKENS", "4096-and-more-of-them"), ("TOKEN_TTL", "every-2-hours"),
        ("TOKENIZERS_PARALLELISM", "sometimes-4"), ("SECRET_PIN", "12345678"), ("PWD", "/home/me/project-1"),
        ("SSH_AUTH_SOCK", "/run/agent-1.sock"), ("TLS_PRIVATE_KEY_FILE", "key-1-of-mine.pem"),
        ("SECRETS", sys.executable), ("EXAMPLE", "postgresql://{user}:{password}@{host}/app"),
        ("TOKEN_URL", "https://login.example/oauth2/token"), ("SORT_KEY", "created_at"), ("LANG", "en_GB.UTF-8"),
        ("BATON_DATABASE_URL", "postgresql://app@localhost/shop"), ("EDITOR", "nvim-0.11.2-appimage"),
    ],
)  # fmt: skip
def test_short_trivial_and_open_values_are_no_secrets(name: str, value: str) -> None:
    assert secrets_of({name: value}) == set()


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        ("postgresql://app:hunter2-x@db:5432/shop", {"hunter2-x"}),
        ("postgresql://app:p%40ss-w0rd@db/shop", {"p%40ss-w0rd", "p@ss-w0rd"}),
        ("postgresql://app:p/ss#w?rd@db/shop", {"p/ss#w?rd"}),
        ("https://me:first-1@a.example/simple https://me:second-2@b.example/simple", {"first-1", "second-2"}),
        ("https://0123456789abcdef0123456789abcdef@o1.ingest.example/1", {"0123456789abcdef0123456789abcdef"}),
        ("host=db user=app password=keyw0rd-one dbname=shop", {"keyw0rd-one"}),
        ("https://files.example/a@b", set()),
    ],
)
def test_credentials_in_urls_and_connection_strings_are_secrets_whatever_the_variables_name(
    value: str, secrets: set[str]
) -> None:
    assert secrets_of({"ANY_SETTING": value}) == secrets
    assert secrets_of({"DATABASE_URL": value}) == secrets


def test_a_variable_that_is_set_later_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert redact("it is late-c0mer") == "it is late-c0mer"
    monkeypatch.setenv("LATE_TOKEN", "late-c0mer")
    assert redact("it is late-c0mer") == "it is [redacted]"
    monkeypatch.delenv("LATE_TOKEN")
    assert redact("it is late-c0mer") == "it is late-c0mer"


def test_a_short_secret_is_not_found_inside_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "abc123")
    assert redact("sha 00abc12345, password abc123.") == "sha 00abc12345, password [redacted]."


# ---- shapes -----------------------------------------------------------------------------------------------------

# Put together here, so that whoever scans this file for leaked keys finds none.
SHAPES = {
    "postgresql://app:s3cret@db/shop": "postgresql://app:[redacted]@db/shop",
    "postgresql://app:p@ss@db/shop?email=a@b": "postgresql://app:[redacted]@db/shop?email=a@b",
    "postgresql://app:p/ss@db/shop": "postgresql://app:[redacted]@db/shop",
    "https://:pw@host/": "https://:[redacted]@host/",
    "https://0123456789abcdef0123@host/": "https://[redacted]@host/",
    "https://x.example/?sslmode=on&password=hunter2": "https://x.example/?sslmode=on&password=[redacted]",
    f"Authorization: Bearer {JWT}": "Authorization: Bearer [redacted]",
    "{'authorization': 'Bearer abcdefgh'}": "{'authorization': 'Bearer [redacted]'}",
    "(b'Authorization', b'Basic dXNlcjpwYXNz')": "(b'Authorization', b'Basic [redacted]')",
    "sent bearer 0123456789abcdef0": "sent bearer [redacted]",
    '"x-api-key": "0123456789abcdef"': '"x-api-key": "[redacted]"',
    f"token {JWT}.": "token [redacted].",
    f"{PEM}-----END RSA PRIVATE KEY-----\nrest": "[redacted]\nrest",
    "-----BEGIN PRIVATE KEY-----\\n" + "A" * 64 + "\\nAbc=\nrest": "[redacted]\nrest",
    "key sk-ant-" + "api03-" + "a1B2" * 10: "key [redacted]",
    "key sk-proj-" + "a1B2" * 10: "key [redacted]",
    "AI" + "za" + "B" * 35: "[redacted]",
    "gh" + "p_" + "a1" * 18: "[redacted]",
    "github_" + "pat_" + "a1" * 15: "[redacted]",
    "xox" + "b-1234567890-abcdef": "[redacted]",
    "AK" + "IA" + "ABCDEFGH12345678": "[redacted]",
    "sk_" + "live_" + "a1" * 12: "[redacted]",
    "npm" + "_" + "a1" * 18: "[redacted]",
    "pypi-" + "AgEIcHlwaS5vcmc" * 4: "[redacted]",
    "hf_" + "aB" * 17: "[redacted]",
    "host=db user=app password=s3cret dbname=shop": "host=db user=app password=[redacted] dbname=shop",
    "host=db password='s3 cr\\'et' user=app": "host=db password=[redacted] user=app",
    "Server=db;User Id=app;Password=pw1;": "Server=db;User Id=app;Password=[redacted];",
    "AccountName=a;AccountKey=" + "Ab12" * 8 + "==": "AccountName=a;AccountKey=[redacted]",
    "//registry.example/:_authToken=0123456789abcdef": "//registry.example/:_authToken=[redacted]",
    "PATH=/bin\nDB_PASSWORD=s3cret-1\nHOME=/": "PATH=/bin\nDB_PASSWORD=[redacted]\nHOME=/",
    "environ({'STRIPE_SECRET': 'a b c d e'})": "environ({'STRIPE_SECRET': '[redacted]'})",
}


@pytest.mark.parametrize(("text", "told"), SHAPES.items(), ids=range(len(SHAPES)))
def test_what_is_shaped_like_a_secret_is_replaced(text: str, told: str) -> None:
    assert redact(text) == told
    assert redact(told) == told


@pytest.mark.parametrize(
    "text",
    [
        "def login(password: str, token: str | None = None) -> None: ...",
        "    user = await create_user(email='a@b.example', password='correct horse battery')",
        "connect(host='db', user=user, password=settings.password, database='shop')",
        "connect(host=host, password=password)",
        "see postgresql://user:password@host:port/database",
        "Settings(SECRET_KEY=settings.secret_key.get_secret_value())",
        'E   assert response.json() == {"detail": "invalid password", "token": "not-a-token"}',
        '{"email": "a@b.example", "password": "correct horse", "access_token": "abc"}',
        "FAILED tests/test_auth.py::test_a_wrong_password_is_refused - authorization: token expired",
        'WWW-Authenticate: Bearer error="invalid_token"',
        'f"postgresql://{user}:{password}@{host}/{name}"',
        "DATABASE_URL=postgresql+asyncpg://app:${DB_PASSWORD}@db/shop",
        "http://localhost:5173/@vite/client http://localhost:5173?next=a@b http://[::1]:8000/x@y",
        "git clone ssh://git@github.com/x/y postgresql://app@localhost:5432/shop",
        "git@github.com:x/y.git a@b.example:8080",
        "class='sk-folding-cube-with-a-long-name' task-sk-1234567890123456789012345",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 eyJ0eXAi",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301 (SECRET_KEY is not set; see TOKEN: in the docs)",
        '"-----BEGIN PRIVATE KEY-----" is expected, then more words of a sentence',
    ],
    ids=range(19),  # pytest puts a test's id into the environment
)
def test_code_and_data_of_tests_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


def test_the_projects_own_sources_stay_as_they_are() -> None:
    """Code in tracebacks and in the tools' outputs is evidence."""
    folders = [ROOT / "schemas", ROOT / "handoff", ROOT / "skills", ROOT / "orchestrator"]
    paths = [
        path
        for folder in folders
        for path in folder.rglob("*.py")
        if "templates" not in path.parts and path.name != "redaction.py"
    ]
    texts = {path: path.read_text(encoding="utf-8") for path in paths}

    changed = [
        (str(path.relative_to(ROOT)), line)
        for path, text in texts.items()
        for line in text.splitlines()
        if redact(line) != line
    ]

    assert changed == []


@settings(max_examples=200)
@given(st.text(alphabet="ab1:/@= \n'\"-_.,;?&%{}$()\\[]kKeyJsB", max_size=200), st.sampled_from([*SHAPES]))
def test_redacting_twice_changes_nothing_more(noise: str, secret: str) -> None:
    once = redact(f"{noise}\n{secret}\n{noise}")
    assert redact(once) == once
    assert SHAPES[secret] in once


HOSTILE = """
from skills.core.redaction import redact
for piece in ("://", "://a:b", "eyJ", "eyJa.", "sk-a-", "PASSWORD=", "password = '", "host= password=x ",
              "Bearer aaaa ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\\n" + "A" * 64 + "\\n",
              "A", "A" * 64 + "\\n",
              "-", "://?sig=a", "x-api-key:", "SG.aaaaaaaaaaaaaaaa.", "authorization: bearer ", "password='\\\\"):
    redact(piece * (1_000_000 // len(piece)))
"""


@pytest.mark.slow
def test_a_megabyte_of_hostile_text_does_not_hang() -> None:
    """Quadratic work would take hours."""
    subprocess.run([sys.executable, "-c", HOSTILE], cwd=ROOT, check=True, timeout=300)


# ---- records ----------------------------------------------------------------------------------------------------


def test_the_fields_of_a_record_are_redacted_at_every_depth() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "<Odd postgresql://a:pw0rd@h/>"

    record: dict[str, Any] = {
        "password": "anything at all",
        "token": "missing",
        "tokens": 3,
        "list": ["https://a:pw0rd@h/", {"api_key": "k3y-of-mine"}],
        "odd": Odd(),
        "none": None,
    }

    assert redact_fields(record) == {
        "password": "[redacted]",
        "token": "missing",
        "tokens": 3,
        "list": ["https://a:[redacted]@h/", {"api_key": "[redacted]"}],
        "odd": "<Odd postgresql://a:[redacted]@h/>",
        "none": None,
    }
