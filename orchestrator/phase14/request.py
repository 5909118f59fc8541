"""Read a Phase-14 request: a document of the `@python-specialist.input` contract, or a feature PRD.

A request becomes a PRD, because a PRD is what the pipeline reads and what people find in the workspace afterwards.
F08's document names models without fields: fields come from its `entities` part or from a PRD beside it. What the
document asks for and a PRD has no words for becomes a business rule, so that it ends up, word for word, under
`Not implemented` in every handoff unless somebody implements it.

Not here: deciding the specialist (`specialists`), running the pipeline (`phase`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from handoff.files import read_regular
from schemas.agents import ApiEndpoint, BackendLanguage, PythonSpecialistInput
from schemas.base import Document
from schemas.errors import InputError
from schemas.handoffs import ApiContract, ApiOperation, FeaturePrd, PrdChoice

MAX_BYTES = 1_000_000


class RequestInvalid(InputError):
    """The request is not a document of its contract; `problems` are `(JSON pointer, message)`."""

    code = "request_invalid"

    def __init__(self, path: str, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__(path, problems)
        self.path, self.problems = path, problems

    def __str__(self) -> str:
        listed = "\n".join(f"  {pointer or '/'}: {message}" for pointer, message in self.problems)
        return (
            f"`{self.path}` is not a Phase-14 request ({len(self.problems)} found):\n{listed}\n"
            "The contract is `schemas/agents/@python-specialist.input.schema.json`."
        )


class SpecialistRequest(Document):
    """A request understood. `prd` is what the pipeline will read; `missing` names models without fields.

    `expected` are the endpoints that the caller counts on.
    """

    language: BackendLanguage
    prd: FeaturePrd
    expected: tuple[ApiEndpoint, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What to ask about the models whose fields nobody gave."""
        names = ", ".join(f"`{name}`" for name in self.missing)
        return (
            f"Which fields do {names} have? The request names these models without fields. "
            "Give them in its `entities` part, or in a PRD (`--prd PRD.md`)."
        )


def read_document(path: Path) -> PythonSpecialistInput:
    """Return the request at `path`.

    Raises:
        RequestInvalid: Not JSON, too large, or not of the contract; with every problem.
    """
    try:
        raw = read_regular(path)
    except OSError as error:
        raise RequestInvalid(str(path), (("", f"cannot be read: {error.strerror}"),)) from error
    if len(raw) > MAX_BYTES:
        raise RequestInvalid(str(path), (("", f"is {len(raw):,} bytes long; at most {MAX_BYTES:,} are read"),))
    try:
        return PythonSpecialistInput.model_validate(json.loads(raw))
    except ValidationError as error:
        raise RequestInvalid(str(path), tuple(_problem(item["loc"], item["msg"]) for item in error.errors())) from error
    except (ValueError, RecursionError) as error:  # bad UTF-8, bad JSON, a number of thousands of digits, deep nesting
        raise RequestInvalid(str(path), (("", f"is not JSON: {error}"),)) from error


def understand(document: PythonSpecialistInput, prd: FeaturePrd | None) -> SpecialistRequest:
    """Return what `document` asks for; `prd`, if given, brings the fields.

    Raises:
        RequestInvalid: Both `entities` and a PRD are given: two sources of the same fields.
    """
    if prd is not None and document.entities:
        message = "fields are given here and in the PRD; leave one of them out"
        raise RequestInvalid("request", (("/entities", message),))
    entities = document.entities or (prd.entities if prd else ())
    known = {"User", *(entity.name for entity in entities)}
    return SpecialistRequest(
        language=document.backend_language,
        prd=FeaturePrd(
            title=prd.title if prd else document.title,
            slug=prd.slug if prd else document.slug,
            description=prd.description if prd else "",
            stack=_stack(document),
            entities=entities,
            business_rules=(*(prd.business_rules if prd else ()), *document.business_rules, *_wishes(document)),
        ),
        expected=document.api_endpoints,
        missing=tuple(name for name in document.database.models if name not in known),
    )


def endpoint_wishes(expected: Iterable[ApiEndpoint], contract: ApiContract) -> tuple[str, ...]:
    """Return a sentence for each expected endpoint that the API contract lacks, and for what it says otherwise."""
    known = {(each.method, _shape(each.path)): each for each in contract.endpoints}
    wishes: list[str] = []
    for endpoint in expected:
        designed = known.get((endpoint.method, _shape(endpoint.path)))
        wishes += _other_wishes(endpoint, designed) if designed else [_endpoint_wish(endpoint, contract)]
    return tuple(wishes)


def _endpoint_wish(endpoint: ApiEndpoint, contract: ApiContract) -> str:
    wish = f"The endpoint `{endpoint.method} {endpoint.path}` exists."
    tail = _tail(endpoint.path)
    near = [each.path for each in contract.endpoints if each.method == endpoint.method and _tail(each.path) == tail]
    return f"{wish} (Baton's own is `{endpoint.method} {near[0]}`.)" if near else wish


def _other_wishes(endpoint: ApiEndpoint, designed: ApiOperation) -> Iterator[str]:
    """Yield a sentence for each thing that an expected endpoint says and that is otherwise in the API contract."""
    name = f"The endpoint `{designed.method} {designed.path}`"
    if "auth_required" in endpoint.model_fields_set and endpoint.auth_required != designed.auth_required:
        yield f"{name} {'needs' if endpoint.auth_required else 'does not need'} a signed-in caller."
    if endpoint.request_model not in (None, designed.request):
        yield f"{name} takes `{endpoint.request_model}`. (Baton's own is {_schema(designed.request)}.)"
    if endpoint.response_model not in (None, designed.response):
        yield f"{name} answers `{endpoint.response_model}`. (Baton's own is {_schema(designed.response)}.)"


def _schema(name: str | None) -> str:
    return f"`{name}`" if name else "no JSON body"


def _tail(path: str) -> str:
    """The path from its last fixed segment on: `todos/{}` of `/api/todos/{id}`."""
    found = re.search(r"[^/{}]+(/\{\})*$", _shape(path))
    return found.group() if found else ""


def _shape(path: str) -> str:
    """The path with every parameter's name left out: `/todos/{id}` and `/todos/{todo_id}` are one."""
    return re.sub(r"\{[^}]*\}", "{}", path.rstrip("/"))


def _problem(location: tuple[int | str, ...], message: str) -> tuple[str, str]:
    return "".join(f"/{part}" for part in location), message


def _stack(document: PythonSpecialistInput) -> tuple[PrdChoice, ...]:
    tasks = document.background_tasks
    manager = document.backend_architecture.dependency_manager
    choices = {
        "Backend": document.backend_language,
        "Framework": document.backend_architecture.framework,
        "Database": document.database.type,
        "ORM": document.database.orm,
        "Authentication": document.authentication.method,
        "Background tasks": tasks.library if tasks else "none",
        "Dependency manager": manager if manager != "pipenv" else "uv",
    }
    return tuple(PrdChoice(part=part, choice=choice) for part, choice in choices.items())


def _wishes(document: PythonSpecialistInput) -> tuple[str, ...]:
    """What the document asks for and a PRD has no words for, one sentence each."""
    wishes = [f"People sign in with {name}." for name in document.authentication.providers if name != "local"]
    if not (document.backend_architecture.async_support and document.database.is_async):
        wishes.append("The service is synchronous.")
    if document.background_tasks and document.background_tasks.broker:
        wishes.append(f"Background tasks go through {document.background_tasks.broker}.")
    if document.backend_architecture.dependency_manager == "pipenv":
        wishes.append("Dependencies are managed with pipenv.")
    if document.testing_framework != "pytest":
        wishes.append(f"Tests are written with {document.testing_framework}.")
    return tuple(wishes)
