"""What there is to test about accounts: registration, with the fields that the PRD adds to `User`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from schemas.feature import Feature, FeatureField, FieldType
from skills.edge_case_tester import values
from skills.edge_case_tester.suite import EntitySuite, Row
from skills.edge_case_tester.value import Value

OPERATIONS = ("GET /health", "GET /ready", "GET /metrics")
_SESSIONS = (
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/logout",
    "GET /api/v1/auth/me",
)
_BUILT_IN = (
    FeatureField(name="email", type=FieldType(kind="email"), required=True),
    FeatureField(name="name", type=FieldType(kind="string"), required=True, min_length=1, max_length=120),
    FeatureField(name="password", type=FieldType(kind="string"), required=True, min_length=8, max_length=128),
)


@dataclass(frozen=True, eq=False)
class Account:
    """The accounts of a feature. `added` is `User` seen as an entity, with the PRD's own fields alone."""

    feature: Feature

    @cached_property
    def added(self) -> EntitySuite:
        return EntitySuite(self.feature, self.feature.user)

    @property
    def endpoints(self) -> tuple[str, ...]:
        return (*_SESSIONS, *OPERATIONS)

    @property
    def required(self) -> list[str]:
        return [field.name for field in (*_BUILT_IN, *self.added.required)]

    @property
    def invalid(self) -> list[Row]:
        built_in = [Row(field=field.name, value=value) for field in _BUILT_IN for value in values.refused(field)]
        return [*built_in, *self.added.invalid]

    @property
    def valid(self) -> list[Row]:
        shown = [field for field in _BUILT_IN if field.name != "password"]
        built_in = [Row(field=field.name, value=value) for field in shown for value in values.accepted(field)]
        return [*built_in, *self.added.valid]

    @property
    def unique(self) -> list[FeatureField]:
        """Return the added fields that no two accounts may share."""
        return [field for field in self.added.inputs if field.unique]

    @property
    def longest_password(self) -> Value:
        return values.accepted(_BUILT_IN[2])[-1]
