"""Hashing and checking passwords."""

import time

import pytest
from argon2 import PasswordHasher

from app.core import passwords
from app.core.passwords import hash_password, needs_rehash, verify_password

PASSWORD = "correct horse battery staple"


async def test_the_right_password_is_accepted_and_a_wrong_one_is_not() -> None:
    hashed = await hash_password(PASSWORD)
    assert await verify_password(PASSWORD, hashed)
    assert not await verify_password(PASSWORD + " ", hashed)


async def test_a_hash_is_salted_and_does_not_hold_the_password() -> None:
    first, second = await hash_password(PASSWORD), await hash_password(PASSWORD)
    assert first != second
    assert first.startswith("$argon2id$")
    assert PASSWORD not in first


@pytest.mark.parametrize("password", ["пароль-密码-🔑", "a" * 128, "tab\tand 'quotes'"])
async def test_any_text_can_be_a_password(password: str) -> None:
    assert await verify_password(password, await hash_password(password))


@pytest.mark.parametrize("stored", ["", "plain text", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$broken"])
async def test_a_stored_hash_that_is_none_matches_nothing(stored: str) -> None:
    assert not await verify_password(PASSWORD, stored)


async def test_an_account_that_does_not_exist_takes_as_long_as_a_wrong_password() -> None:
    hashed = await hash_password(PASSWORD)
    await verify_password(PASSWORD, None)  # makes the stand-in hash, once a process
    known = [await _seconds("wrong password", hashed) for _ in range(5)]
    unknown = [await _seconds("wrong password", None) for _ in range(5)]
    assert 0.2 < min(unknown) / min(known) < 5  # the shortest of each is the least disturbed by other processes


async def test_no_password_opens_an_account_that_does_not_exist() -> None:
    assert not await verify_password(PASSWORD, None)
    assert not await verify_password("", None)


async def test_a_hash_made_with_weaker_parameters_is_due_for_replacement() -> None:
    weaker = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)
    assert await verify_password(PASSWORD, weaker)
    assert needs_rehash(weaker)
    assert not needs_rehash(await hash_password(PASSWORD))


def test_the_parameters_are_at_least_what_owasp_recommends() -> None:
    hasher = passwords._hasher
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) >= (19_456, 2, 1)


async def _seconds(password: str, hashed: str | None) -> float:
    started = time.perf_counter()
    await verify_password(password, hashed)
    return time.perf_counter() - started
