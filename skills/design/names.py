"""The naming contract: how paths, operations and schemas of the API are called, under any framework.

| What | Rule | `TodoList` |
|---|---|---|
| collection | `/api/v1/<plural in kebab-case>` | `/api/v1/todo-lists` |
| record | collection and `/{<singular>_id}` | `/api/v1/todo-lists/{todo_list_id}` |
| operation | `list_<plural>`, `create_<singular>`, `read_`, `update_`, `delete_` | `list_todo_lists` |
| schema | class name and `Create`, `Update`, `Response`, `Page` | `TodoListCreate` |

Fields are called as `skills.codegen.naming.json_name` says, query parameters as `queries` says.

Source: `docs/prd-format.md`, "The API that follows from a PRD".
"""

from __future__ import annotations

from typing import Final, Literal

from schemas.feature import Entity, Operation
from skills.codegen.naming import class_name

BASE_PATH: Final = "/api/v1"
METHODS: Final[dict[Operation, str]] = {
    "list": "GET",
    "create": "POST",
    "read": "GET",
    "update": "PATCH",
    "delete": "DELETE",
}
ACCOUNT_OPERATIONS: Final = ("register", "login", "refresh", "logout", "read_me")
ACCOUNT_SCHEMAS: Final = ("UserResponse", "RegisterRequest", "LoginRequest", "TokenResponse", "ErrorResponse")

SchemaKind = Literal["Create", "Update", "Response", "Page"]


def collection_path(entity: Entity) -> str:
    """Return the path of an entity's records: `/api/v1/todo-lists`."""
    return f"{BASE_PATH}/{entity.collection}"


def item_path(entity: Entity) -> str:
    """Return the path of one record: `/api/v1/todo-lists/{todo_list_id}`."""
    return f"{collection_path(entity)}/{{{item_parameter(entity)}}}"


def item_parameter(entity: Entity) -> str:
    """Return the path parameter that says which record is meant: `todo_list_id`."""
    return f"{entity.singular}_id"


def operation_path(operation: Operation, entity: Entity) -> str:
    """Return the path at which an operation on an entity is called."""
    return collection_path(entity) if operation in ("list", "create") else item_path(entity)


def operation_id(operation: Operation, entity: Entity) -> str:
    """Return the OpenAPI `operationId`: `list_todo_lists`, `read_todo_list`."""
    return f"{operation}_{entity.table if operation == 'list' else entity.singular}"


def schema_name(entity: Entity, kind: SchemaKind) -> str:
    """Return the name of an entity's schema in the OpenAPI document: `TodoListResponse`."""
    return f"{class_name(entity.name)}{kind}"
