"""Understand a feature PRD: from the document's words to a `Feature`.

Layout was the codec's affair; here it is meaning, and nothing is guessed: an unknown type, rule, label, entity or field
is a problem with its line and the nearest match, and all problems are reported at once.

Source: `docs/prd-format.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType

from handoff.catalogue import Catalogue
from handoff.codec import Parsed
from handoff.labels.access import default_access
from handoff.labels.owner import has_owner
from handoff.prd_entities import (
    USER,
    check_entity_names,
    check_field_clashes,
    check_field_name,
    check_join_tables,
    check_limits,
    entity_spot,
    names_of,
)
from handoff.prd_labels import Known, PrdLabels, Said
from handoff.prd_names import slug_of
from handoff.prd_references import check_account_references, check_circles, check_named_fields
from handoff.prd_report import PROSE_RULE, Cursor, Diagnostics
from handoff.prd_rules import check_rule_words, read_rules
from handoff.prd_stack import read_stack
from handoff.prd_types import read_type
from handoff.problems import HandoffInvalid, Problem
from schemas.errors import InputError
from schemas.feature import BUSINESS_RULE, Access, Entity, Feature, FeatureField
from schemas.handoffs import FeaturePrd, PrdEntity, PrdField

CONTRACT = "feature-prd"
MAX_SLUG = 50

FROM_PROSE = (
    "From prose, `baton draft FILE --model provider:name` drafts a structured PRD, and `baton run FILE --model "
    "provider:name` builds what it drafted; by hand, begin with what `baton init DIR` writes (docs/prd-format.md)."
)

_ENTITIES = "`## Entities` with at least one `### Name` and its table of fields (docs/prd-format.md shows the shape)"
_NO_LINES: Mapping[str, int] = MappingProxyType({})


class FeatureIncomplete(InputError):
    """The PRD is valid, but says too little for template skills. `missing` names what; nothing is guessed."""

    code = "feature_incomplete"

    def __init__(self, file: str, missing: tuple[str, ...]) -> None:
        super().__init__(file, missing)
        self.file, self.missing = file, missing

    @property
    def question(self) -> str:
        """Return what to ask the person who wrote the PRD."""
        return f"What is missing: {'; '.join(self.missing)}. Add it to the PRD, then go on."

    def __str__(self) -> str:
        return f"{self.file or 'the PRD'}: says too little to build from. {self.question} {FROM_PROSE}"


def without_entities(file: str) -> Problem:
    """Return the problem of a PRD that has no entities, beside whatever else is wrong with it."""
    return Problem(
        file=file,
        message="no entities are written down: this is prose, and only a model reads it",
        expected=_ENTITIES,
        hint=FROM_PROSE,
    )


def read_feature(parsed: Parsed, catalogue: Catalogue, file: str = "") -> Feature:
    """Return what a parsed `feature-prd` document means.

    Args:
        parsed: Read under the contract `feature-prd`, so that it satisfies it.
        catalogue: What a stack can be, and which labels entities can have.
        file: Named in problems.

    Raises:
        HandoffInvalid: With every problem, in document order.
        FeatureIncomplete: It has no entities.
    """
    prd = FeaturePrd.model_validate(parsed.data)
    return feature_of(prd, catalogue, file=file, lines=parsed.lines)


def feature_of(
    prd: FeaturePrd,
    catalogue: Catalogue,
    *,
    file: str = "",
    lines: Mapping[str, int] = _NO_LINES,
) -> Feature:
    """Return what a PRD means; `lines` maps JSON pointers to lines of `file`, counted from 1.

    `catalogue` says what its stack can be.

    Raises:
        HandoffInvalid: With every problem, in document order.
        FeatureIncomplete: It has no entities.
    """
    root = Cursor(Diagnostics(file, lines))
    stack = read_stack(prd.stack, catalogue, root)
    slug = _slug(prd, root)
    user, entities = _entities(prd, catalogue.labels, root)
    for rule in prd.business_rules:
        root.gap(BUSINESS_RULE, rule, PROSE_RULE)
    problems = root.report.problems
    if problems and not entities:
        problems.append(without_entities(file))
    if problems:
        raise HandoffInvalid(CONTRACT, file, sorted(problems, key=lambda problem: problem.line))
    if not entities:
        raise FeatureIncomplete(file, (_ENTITIES,))
    return Feature(
        title=prd.title,
        slug=slug,
        description=prd.description,
        stack=stack,
        user=user,
        entities=entities,
        gaps=tuple(root.report.gaps),
    )


def _slug(prd: FeaturePrd, root: Cursor) -> str:
    if prd.slug is None:
        slug = slug_of(prd.title)[:MAX_SLUG].strip("-")
        if not slug:
            root.at("title").problem(
                "no slug can be made from the title", got=prd.title, hint="write one, as `**Slug:** room-bookings`"
            )
        return slug
    slug = prd.slug.strip()
    if slug != slug_of(slug) or not slug or len(slug) > MAX_SLUG:
        made = slug_of(slug)[:MAX_SLUG].strip("-")
        root.at("slug").problem(
            f"the slug `{slug}` cannot name files and packages",
            expected=f"lower-case ASCII letters and digits, joined by single hyphens, at most {MAX_SLUG} characters",
            hint=f"did you mean `{made}`?" if made else "",
        )
    return slug


def _entities(prd: FeaturePrd, labels: PrdLabels, root: Cursor) -> tuple[Entity, tuple[Entity, ...]]:
    """Return `User` and the others."""
    check_entity_names(prd.entities, root)
    known = {entity.name: None for entity in prd.entities} | {USER: None}
    spots = {entity.name: entity_spot(root, index, entity.name) for index, entity in enumerate(prd.entities)}
    read = [
        _entity(entity, known, labels, entity_spot(root, index, entity.name))
        for index, entity in enumerate(prd.entities)
    ]
    user = next((entity for entity in read if entity.name == USER), None) or _user(())
    everyone = (*(entity for entity in read if entity.name != USER), user)
    check_join_tables(everyone, spots)
    check_circles(everyone, spots)
    check_account_references(user, everyone, spots.get(USER, root))
    return user, everyone[:-1]


def _entity(entity: PrdEntity, known: Mapping[str, None], labels: PrdLabels, spot: Cursor) -> Entity:
    owner = has_owner(entity.labels)
    fields, spots = _fields(entity, known, spot)
    there = {name: field for name, field in fields.items() if field is not None}
    if not entity.fields:
        spot.problem(f"`{entity.name}` has no fields", expected="a table `| Field | Type | Required | Rules |`")
    check_field_clashes(there, entity.name, spots, owner=owner)
    check_limits(there, entity.name, spots, owner=owner)
    if entity.name == USER:
        for index, label in enumerate(entity.labels):
            spot.at("labels", index).problem(f"`User` takes fields only, no label `{label.label}`")
        check_named_fields(there, spots, owner=False)
        return _user(tuple(there.values()), entity.description)
    said = labels.read(entity.labels, Known(entity=entity.name, fields=fields, spots=spots, owner=owner), spot)
    check_named_fields(there, spots, owner=owner)
    return _built(entity, tuple(there.values()), said, owner=owner)


def _built(entity: PrdEntity, fields: tuple[FeatureField, ...], said: Said, *, owner: bool) -> Entity:
    names = asdict(names_of(entity.name))
    own: dict[str, object] = {
        "description": entity.description,
        "fields": fields,
        "access": default_access(owner=owner),
    }
    return Entity.model_validate({**names, **own, **said.attributes, "labels": said.labels})


def _user(fields: tuple[FeatureField, ...], description: str = "") -> Entity:
    own = Access(read="owner", write="owner")
    return Entity(
        name=USER,
        singular="user",
        table="users",
        collection="users",
        description=description,
        fields=fields,
        access=own,
    )


def _fields(
    entity: PrdEntity, known: Mapping[str, None], spot: Cursor
) -> tuple[dict[str, FeatureField | None], dict[str, Cursor]]:
    """Return the fields by name, None where a type could not be read, and where each stands."""
    fields: dict[str, FeatureField | None] = {}
    spots: dict[str, Cursor] = {}
    cased: dict[str, str] = {}
    for index, row in enumerate(entity.fields):
        at = spot.at("fields", index)
        earlier = cased.get(row.name.casefold())
        if earlier is not None:
            at.problem(f"the field `{row.name}` is there twice", got=f"also `{earlier}`", hint="drop one of the rows")
            continue
        cased[row.name.casefold()] = row.name
        field = _field(row, known, at)
        fields[row.name], spots[row.name] = field, at
    return fields, spots


def _field(row: PrdField, known: Mapping[str, None], spot: Cursor) -> FeatureField | None:
    named = check_field_name(row.name, spot.at("name"))
    type_ = read_type(row.type, known, spot.at("type"))
    if type_ is None:
        check_rule_words(row.rules, spot.at("rules"))
        return None
    rules = read_rules(row.rules, type_, required=row.required, spot=spot.at("rules"))
    return FeatureField(name=row.name, type=type_, required=row.required, **asdict(rules)) if named else None
