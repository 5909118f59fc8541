"""What the database refuses, in words for the client."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.core.exceptions import Conflict, ValidationFailed, conflict_from

INSERT, DELETE = "INSERT INTO users", "DELETE FROM users"


def refused(sqlstate: str, statement: str = INSERT, *, table: str = "users", constraint: str = "") -> IntegrityError:
    """Return the error of a statement that broke a constraint, as SQLAlchemy raises it."""
    cause = Exception("Key (email)=(ada@example.com) already exists.")
    cause.__dict__.update(sqlstate=sqlstate, table_name=table, constraint_name=constraint)
    translated = Exception()
    translated.__cause__ = cause
    return IntegrityError(statement, None, translated)


def test_a_taken_value_is_a_conflict_on_its_field() -> None:
    error = conflict_from(refused("23505", constraint="uq_users_email"))
    assert isinstance(error, Conflict)
    assert error.details == (("email", "is already taken"),)
    assert "ada@example.com" not in error.message


@pytest.mark.parametrize(("table", "constraint"), [("users", "uq_unknown"), ("unknown", "uq_users_email")])
def test_a_constraint_that_the_models_do_not_know_is_still_a_conflict(table: str, constraint: str) -> None:
    error = conflict_from(refused("23505", table=table, constraint=constraint))
    assert isinstance(error, Conflict)
    assert error.details == ()


@pytest.mark.parametrize("sqlstate", ["23001", "23503"])
def test_a_record_that_others_refer_to_cannot_be_deleted(sqlstate: str) -> None:
    error = conflict_from(refused(sqlstate, DELETE))
    assert isinstance(error, Conflict)
    assert "refer" in error.message


@pytest.mark.parametrize("sqlstate", ["23503", "23514"])
def test_a_reference_to_nothing_and_a_broken_check_are_the_clients_mistakes(sqlstate: str) -> None:
    assert isinstance(conflict_from(refused(sqlstate)), ValidationFailed)


def test_a_missing_value_is_the_apps_own_fault() -> None:
    assert conflict_from(refused("23502")) is None
