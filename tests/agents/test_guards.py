"""Each guard fires on what it forbids, in its common disguises, and leaves good code alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agents.contracts import Guard, Proposal, Violation
from agents.guards.annotations import MissingTypeHints
from agents.guards.blocking import BlockingCalls
from agents.guards.columns import HandoffColumns
from agents.guards.ownership import Ownership
from agents.guards.paths import PathEscape, link_on_the_way, path_fault
from agents.guards.raw_sql import RawSql
from agents.guards.source import PythonSyntax
from agents.ownership import owns
from agents.toolchains.fastapi.responses import OrmResponses
from schemas.handoffs import Column, DatabaseAgentOutput, Table
from tests.support.bound_agents import PYTHON_BACKEND

GOOD_ROUTER = '''
"""Users."""
from typing import Annotated

from fastapi import APIRouter, Depends, Response, status
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.core.database import create_engine, get_db
from app.models.user import User
from app.schemas.user import UserPage, UserResponse
from app.services import search, user_service

router = APIRouter(prefix="/users", tags=["users"])
Db = Annotated[AsyncSession, Depends(get_db)]


@router.get("", response_model=UserPage)
async def list_users(db: Db, text: str = "", query: str | None = None) -> UserPage:
    rows = await db.execute(select(User).where(User.email == text).limit(20))
    found = search.query(text)
    return UserPage(items=[UserResponse.model_validate(row) for row in rows.scalars().all()])


@router.get("/{user_id}")
async def read_user(user_id: int, db: Db) -> UserResponse:
    user = await user_service.get(db, user_id)
    return UserResponse.model_validate(user)


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_user(user_id: int, db: Db) -> None:
    await db.execute(update(User).where(User.id == user_id).values(email=func.lower(User.email)))


@router.get("/raw")
async def raw() -> Response:
    return Response("text")


def helper(user: User) -> User:
    return user
'''

BAD_ROUTES = {
    "annotation": "@router.get('/x')\nasync def get_user(id: int) -> User:\n    return await user_service.get(id)\n",
    "list": "@router.get('/x')\nasync def f() -> list[User]:\n    ...\n",
    "optional": "@router.get('/x')\nasync def f() -> User | None:\n    ...\n",
    "quoted": "@router.get('/x')\nasync def f() -> \"list['User']\":\n    ...\n",
    "module": "import app.models.user as m\n@router.get('/x')\nasync def f() -> m.User:\n    ...\n",
    "relative": "from ..models.user import User as Person\n@router.get('/x')\nasync def f() -> Person:\n    ...\n",
    "response_model": "@router.post('/x', response_model=User)\nasync def f() -> UserResponse:\n    ...\n",
    "list response_model": "@router.post('/x', response_model=list[User])\nasync def f() -> object:\n    ...\n",
    "response_model None": "@router.get('/x', response_model=None)\nasync def f() -> User:\n    ...\n",
    "nothing said": "@router.get('/x')\nasync def f(db: AsyncSession):\n    return await db.get(User, 1)\n",
    "Any": "from typing import Any\n@router.get('/x')\nasync def f() -> Any:\n    ...\n",
    "app": "@app.put('/x')\nasync def f() -> User:\n    ...\n",
    "add_api_route": "router.add_api_route('/x', f, response_model=User)\n",
    "class here": "class Pet(Base):\n    __tablename__ = 'pets'\n@router.get('/x')\nasync def f() -> Pet:\n    ...\n",
}


def found(guard: Guard, files: Mapping[str, str], database: DatabaseAgentOutput | None = None) -> list[Violation]:
    handoffs = {"database": database} if database else {}
    return guard.violations(
        Proposal(agent=PYTHON_BACKEND.name, files=files, owned=lambda p: owns(PYTHON_BACKEND, p), handoffs=handoffs)
    )


def in_app(text: str) -> dict[str, str]:
    return {"app/routers/user.py": text}


@pytest.mark.parametrize(
    "guard",
    [
        MissingTypeHints("app/"),
        BlockingCalls("app/"),
        RawSql("app/"),
        OrmResponses("app/", models="app.models"),
        PythonSyntax(),
    ],
)
def test_good_code_is_left_alone(guard: Guard) -> None:
    assert found(guard, in_app(GOOD_ROUTER)) == []


@pytest.mark.parametrize(
    "guard", [each for each in PYTHON_BACKEND.guards if each.name != "python-syntax"], ids=lambda g: g.name
)
def test_a_file_that_does_not_parse_crashes_no_guard(guard: Guard) -> None:
    assert found(guard, {"app/models/a.py": "def (:\n", "app/b.py": "x = 1\0"}) == []


def test_a_file_that_does_not_parse_is_a_violation() -> None:
    violations = found(PythonSyntax(), {"app/a.py": "x = 1\ndef (:\n", "app/b.py": "x\0", "app/c.py": "(" * 5000})
    assert [(v.path, v.line) for v in violations] == [
        ("app/a.py", 2),
        ("app/b.py", 0),
        ("app/c.py", violations[2].line),
    ]
    assert str(violations[0]).startswith("app/a.py:2: not Python: invalid syntax [python-syntax]")


# ---- ownership and paths ----------------------------------------------------------------------------------------


def test_the_backend_agent_may_not_write_a_frontend_component_or_a_migration() -> None:
    files = {"app/main.py": "", "frontend/src/App.tsx": "", "alembic/versions/0002_x.py": "", "tests/test_api.py": ""}
    assert [v.path for v in found(Ownership(), files)] == [
        "alembic/versions/0002_x.py",
        "frontend/src/App.tsx",
        "tests/test_api.py",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../outside.py",
        "app/../../outside.py",
        "app/./x.py",
        "app//x.py",
        "app/",
        "C:/x.py",
        "c:x.py",
        "~/x.py",
        "app\\..\\x.py",
        "app/x\0.py",
        "app/x\n.py",
        "app/\u202ex.py",
        ".git/hooks/pre-commit",
        ".GIT/config",
        "app/.Git/config",
        ".git./config",
        ".git::$INDEX_ALLOCATION/config",
        ".claude/handoff/feature-prd.md",
        ".Claude/settings.json",
        ".cl\u0430ude\u200b/x",
        "app/e\u0301.py",
        "app/con.py",
        "app/x.py ",
        "app/x./y.py",
        "a" * 256,
        "/".join(["a" * 200] * 6),
    ],
)
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    assert [v.guard for v in found(PathEscape(), {path: ""})] == ["path-escape"]


@pytest.mark.parametrize(
    "path", ["app/main.py", ".env.example", ".gitignore", "app/models/日本.py", "Dockerfile", "a b.md"]
)
def test_a_plain_path_is_fine(path: str) -> None:
    assert path_fault(path) is None


def test_two_paths_that_differ_in_case_only_are_one_file_somewhere() -> None:
    violations = found(PathEscape(), {"app/Main.py": "", "app/main.py": ""})
    assert [v.path for v in violations] == ["app/main.py"]
    assert "`app/Main.py`" in violations[0].message


def test_a_path_cannot_be_file_and_folder() -> None:
    assert [v.path for v in found(PathEscape(), {"app/x": "", "app/x/y.py": ""})] == ["app/x"]


def test_a_link_on_the_way_is_found(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "app").symlink_to(tmp_path / "real")
    assert link_on_the_way(tmp_path, "app/main.py") == tmp_path / "app"
    assert link_on_the_way(tmp_path, "real/main.py") is None


# ---- type hints -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("def get_user(user_id, db):\n    return db", "parameter `user_id`, parameter `db`, return"),
        ("async def f(a: int): ...", "return"),
        ("def f(*args, **kwargs) -> None: ...", "parameter `args`, parameter `kwargs`"),
        ("def f(a: int, /, b, *, c) -> None: ...", "parameter `b`, parameter `c`"),
        ("class A:\n    def f(self, x) -> None: ...", "parameter `x`"),
        ("class A:\n    def __init__(self): ...", "return"),
        ("def f() -> None:\n    def inner(x) -> None: ...", "parameter `x`"),
    ],
)
def test_a_missing_type_hint_is_named(code: str, missing: str) -> None:
    violations = found(MissingTypeHints("app/"), in_app(code))
    assert [v.message.partition("lacks type hints: ")[2] for v in violations] == [missing]


def test_self_and_cls_need_no_type_hint() -> None:
    code = "class A:\n    def f(self) -> None: ...\n    @classmethod\n    def g(cls, x: int) -> None: ..."
    assert found(MissingTypeHints("app/"), in_app(code)) == []


# ---- blocking calls ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "async def get_users(db: Session):\n    return db.query(User).all()",
        "from sqlalchemy.orm import Session\nasync def f(db: Session = Depends(get_db)) -> None: ...",
        "from sqlalchemy.orm import Session as S\nasync def f(db: 'S | None') -> None: ...",
        "import sqlalchemy.orm\nasync def f(db: Annotated[sqlalchemy.orm.Session, Depends(get_db)]) -> None: ...",
        "def get_user(user_id, db):\n    return db.query(User).get(user_id)",
        "from sqlalchemy import create_engine\nengine = create_engine(url)",
        "import sqlalchemy as sa\nengine = sa.create_engine(url)",
        "from sqlalchemy.orm import sessionmaker\nfactory = sessionmaker(engine)",
        "from sqlmodel import Session\ndef f(db: Session) -> None: ...",
        "import psycopg2",
        "from sqlite3 import connect",
        "def f() -> None:\n    import pymysql",
        "import time\nasync def f() -> None:\n    time.sleep(1)",
        "from time import sleep as nap\nasync def f() -> None:\n    nap(1)",
        "import requests\nasync def f() -> None:\n    requests.get('http://x')",
        "import httpx\nasync def f() -> None:\n    httpx.get('http://x')",
        "import httpx\nasync def f() -> None:\n    with httpx.Client() as c: ...",
        "import subprocess\nasync def f() -> None:\n    if x:\n        subprocess.run(['ls'])",
        "import urllib.request\nasync def f() -> None:\n    urllib.request.urlopen('http://x')",
    ],
)
def test_a_blocking_call_is_found(code: str) -> None:
    assert found(BlockingCalls("app/"), in_app(code))


@pytest.mark.parametrize(
    "code",
    [
        "import time\ndef f() -> None:\n    time.sleep(1)",
        "import asyncio, time\nasync def f() -> None:\n    await asyncio.to_thread(time.sleep, 1)",
        "import time\nasync def f() -> None:\n    await asyncio.to_thread(lambda: time.sleep(1))",
        "import asyncio\nasync def f() -> None:\n    await asyncio.sleep(1)",
        "from sqlalchemy.orm import sessionmaker\nfactory = sessionmaker(engine, class_=AsyncSession)",
        "async def f(requests: list[str]) -> None:\n    requests.append('x')",
        "import httpx\nasync def f() -> None:\n    async with httpx.AsyncClient() as c:\n        await c.get('x')",
        "async def f(url: URL) -> str:\n    return url.query",
    ],
)
def test_code_that_does_not_block_is_left_alone(code: str) -> None:
    assert found(BlockingCalls("app/"), in_app(code)) == []


# ---- raw SQL ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "from sqlalchemy import text\nasync def f(db) -> None:\n    await db.execute(text('select 1'))",
        "import sqlalchemy as sa\nq = sa.text('select 1')",
        "from sqlalchemy.sql import text as t\nq = t('select 1')",
        "from sqlalchemy import literal_column\nq = literal_column('now()')",
        "async def f(db) -> None:\n    await db.execute('select 1')",
        "async def f(db, x) -> None:\n    await db.execute(f'select {x}')",
        "async def f(db, x) -> None:\n    await db.execute('select ' + x)",
        "async def f(db, x) -> None:\n    await db.execute('select %s' % x)",
        "async def f(db, x) -> None:\n    await db.scalars('select {}'.format(x))",
        "async def f(db, x) -> None:\n    await db.scalar(' '.join(x))",
        "async def f(c) -> None:\n    await c.exec_driver_sql('select 1')",
        "import asyncpg\nasync def f() -> None:\n    await asyncpg.connect('x')",
    ],
)
def test_sql_as_text_is_found(code: str) -> None:
    assert len(found(RawSql("app/"), in_app(code))) >= 1


@pytest.mark.parametrize(
    "code",
    [
        "from sqlalchemy import text\nx = mapped_column(server_default=text('now()'))",
        "import sqlalchemy as sa\nx = sa.CheckConstraint(sa.text('a > 1'), name='ck')",
        "from sqlalchemy import Index, text\nx = Index('ix', 'a', postgresql_where=text('a is not null'))",
        "def text(x: str) -> str:\n    return x\ny = text('hello')",
        "from app.words import text\ny = text('hello')",
        "async def f(runner, command) -> None:\n    await runner.execute(command)",
    ],
)
def test_schema_text_and_other_words_are_left_alone(code: str) -> None:
    assert found(RawSql("app/"), in_app(code)) == []


def test_migrations_may_speak_sql() -> None:
    assert found(RawSql("app/"), {"alembic/versions/1.py": "op.execute('select 1')"}) == []


# ---- ORM models from routes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", BAD_ROUTES.values(), ids=BAD_ROUTES.keys())
def test_a_route_that_returns_an_orm_model_is_found(code: str) -> None:
    text = f"from app.models.user import User\nfrom app.schemas.user import UserResponse\n{code}"
    assert found(OrmResponses("app/", models="app.models"), in_app(text))


# ---- columns ----------------------------------------------------------------------------------------------------

MODELS = {
    "app/models/base.py": (
        "class Base(DeclarativeBase):\n    pass\n\n\nclass Record:\n"
        "    id: Mapped[int] = mapped_column(primary_key=True)\n"
        "    created_at: Mapped[datetime] = mapped_column(server_default=func.now())\n"
    ),
    "app/models/user.py": (
        "from sqlalchemy import Column, Table\n\nclass User(Record, Base):\n    __tablename__ = 'users'\n"
        "    email: Mapped[str]\n    metadata_: Mapped[str] = mapped_column('metadata', String(20))\n"
        "    tags: Mapped[list['Tag']] = relationship()\n    role = Column(String(20))\n"
        "users_tags = Table('users_tags', Base.metadata, Column('user_id', ForeignKey('users.id')), Column('tag_id'))\n"
    ),
}


def handoff() -> DatabaseAgentOutput:
    def table(name: str, *columns: str) -> Table:
        return Table(
            name=name, entity=None, columns=tuple(Column(name=c, type="text", nullable=False) for c in columns)
        )

    tables = (
        table("users", "id", "created_at", "email", "metadata", "role"),
        table("users_tags", "user_id", "tag_id"),
    )
    return DatabaseAgentOutput(task="t", files=(), tables=tables, migrations=(), verification=())


def test_models_that_map_the_handoff_are_fine() -> None:
    assert found(HandoffColumns("app/models/"), MODELS, handoff()) == []


def test_a_guessed_column_is_found_with_the_nearest_name() -> None:
    guessed = MODELS["app/models/user.py"].replace("    email: Mapped[str]", "    emial: Mapped[str]")
    files = {**MODELS, "app/models/user.py": guessed}
    messages = [v.message for v in found(HandoffColumns("app/models/"), files, handoff())]
    assert messages == [
        "column `email` of `users` is not mapped",
        "`users` has no column `emial` in the database handoff (did you mean `email`?)",
    ]


def test_the_seed_s_discount_column_is_found() -> None:
    text = "class User(Base):\n    __tablename__ = 'users'\n    discount = Column(Numeric(10, 2))\n"
    messages = [v.message for v in found(HandoffColumns("app/models/"), {"app/models/user.py": text}, handoff())]
    assert any("no column `discount`" in message for message in messages)


def test_a_table_without_a_model_and_a_model_without_a_table_are_found() -> None:
    files = {"app/models/pet.py": "class Pet(Base):\n    __tablename__ = 'pets'\n    id: Mapped[int]\n"}
    messages = [v.message for v in found(HandoffColumns("app/models/"), files, handoff())]
    assert "table `pets` is not in the database handoff" in messages
    assert "the handoff's table `users` has no model" in messages


def test_a_column_of_a_mixin_is_looked_at_too() -> None:
    base = MODELS["app/models/base.py"] + "    deleted_at: Mapped[datetime]\n"
    violations = found(HandoffColumns("app/models/"), {**MODELS, "app/models/base.py": base}, handoff())
    assert [(v.path, v.line) for v in violations] == [("app/models/base.py", 8)]
