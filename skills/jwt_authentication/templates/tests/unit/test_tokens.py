"""Tokens: what is issued is read back, and nothing else is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from app.core.config import Settings
from app.core.tokens import Claims, InvalidToken, Kind, issue_token, lifetime, read_token

SECRET = "a secret for tests, long enough to sign with"
SETTINGS = Settings(environment="test", jwt_secret=SecretStr(SECRET))
CLAIMS = Claims(user_id=7, version=3)


def forged(key: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """Return an access token signed like a real one but with `changes`; a claim that is None is left out."""
    now = datetime.now(UTC)
    payload = {"sub": "7", "ver": 3, "type": "access", "jti": "1", "iat": now, "exp": now + timedelta(minutes=1)}
    kept = {name: value for name, value in (payload | changes).items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm)


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_is_read_back(kind: Kind) -> None:
    assert read_token(kind, issue_token(kind, CLAIMS, SETTINGS), SETTINGS) == CLAIMS


@pytest.mark.parametrize(("issued", "wanted"), [("access", "refresh"), ("refresh", "access")])
def test_a_token_of_one_kind_is_refused_in_the_others_place(issued: Kind, wanted: Kind) -> None:
    with pytest.raises(InvalidToken):
        read_token(wanted, issue_token(issued, CLAIMS, SETTINGS), SETTINGS)


def test_two_tokens_are_never_the_same() -> None:
    assert issue_token("access", CLAIMS, SETTINGS) != issue_token("access", CLAIMS, SETTINGS)


def test_a_token_lives_as_long_as_the_settings_say() -> None:
    for kind in ("access", "refresh"):
        payload = jwt.decode(issue_token(kind, CLAIMS, SETTINGS), SECRET, algorithms=["HS256"])
        assert payload["exp"] - payload["iat"] == lifetime(kind, SETTINGS).total_seconds()


def test_the_helper_of_these_tests_makes_tokens_that_are_accepted() -> None:
    assert read_token("access", forged(), SETTINGS) == CLAIMS


@pytest.mark.parametrize("claim", ["exp", "iat", "sub", "type", "jti", "ver"])
def test_a_token_without_one_of_its_claims_is_refused(claim: str) -> None:
    changes: dict[str, Any] = {claim: None}
    with pytest.raises(InvalidToken):
        read_token("access", forged(**changes), SETTINGS)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"iat": datetime(2200, 1, 1, tzinfo=UTC)},
        {"sub": "seven"},
        {"sub": "0"},
        {"sub": "9" * 30},
        {"ver": "three"},
        {"ver": [3]},
        {"type": "admin"},
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        read_token("access", forged(**changes), SETTINGS)


def test_a_token_signed_with_another_secret_is_refused() -> None:
    with pytest.raises(InvalidToken):
        read_token("access", forged(key="another secret, just as long as the first"), SETTINGS)


def test_a_token_that_names_another_algorithm_is_refused() -> None:
    long_enough = "a secret that is long enough for any of the algorithms of this family, SHA-512 included"
    settings = Settings(environment="test", jwt_secret=SecretStr(long_enough))
    with pytest.raises(InvalidToken):
        read_token("access", forged(key=long_enough, algorithm="HS512"), settings)
    with pytest.raises(InvalidToken):
        read_token("access", forged(key="", algorithm="none"), settings)


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "é.é.é", "." * 10_000])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        read_token("access", text, SETTINGS)
