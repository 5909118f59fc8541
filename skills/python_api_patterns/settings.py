"""How an environment variable appears in the app: as a field of `Settings`, in `.env.example`, in the README."""

from __future__ import annotations

from typing import NamedTuple

from skills.python_app.parts import Setting

# What the frame itself reads. `app/core/config.py.j2` writes these fields by hand, for their stricter types.
FRAME = (
    Setting(
        name="ENVIRONMENT",
        type="str",
        default="development",
        description="development, test or production; production refuses to start with unsafe defaults.",
    ),
    Setting(
        name="LOG_LEVEL",
        type="str",
        default="INFO",
        description="What is logged: DEBUG, INFO, WARNING or ERROR, and above.",
    ),
    Setting(
        name="CORS_ORIGINS",
        type="str",
        default="http://localhost:5173,http://127.0.0.1:5173",
        description="Origins of frontends that may call the API, separated by commas; in production none unless set.",
    ),
    Setting(
        name="REQUEST_TIMEOUT_SECONDS",
        type="float",
        default="30",
        description="A request that takes longer is answered with 504.",
    ),
    Setting(
        name="MAX_BODY_BYTES",
        type="int",
        default="1048576",
        description="A request with a longer body is answered with 413.",
    ),
)
# How the app reaches its database.
DATABASE = (
    Setting(
        name="DATABASE_URL",
        type="SecretStr",
        default=None,
        description="The PostgreSQL database: postgresql://user:password@host:5432/name, or ?host=/folder for sockets.",
    ),
    Setting(name="DB_POOL_SIZE", type="int", default="5", description="Connections that each process keeps open."),
    Setting(name="DB_MAX_OVERFLOW", type="int", default="15", description="Connections beyond those, while needed."),
    Setting(
        name="DB_STATEMENT_TIMEOUT_MS",
        type="int",
        default="10000",
        description="A statement that takes longer, in milliseconds, is cancelled; 0 lets it run.",
    ),
)


class Development(NamedTuple):
    """What a developer's machine has: a local server with the database `database`."""

    database: str

    @property
    def url(self) -> str:
        """The database's address, for the user's own role over TCP."""
        return f"postgresql://localhost:5432/{self.database}"


class Field(NamedTuple):
    """One line of `Settings`: `{name}: {annotation} = {default}`, all Python source."""

    name: str
    annotation: str
    default: str


class Described(NamedTuple):
    """A setting for people. `example` is None where no value can be given, `shown` says the default in words."""

    name: str
    description: str
    required: bool
    example: str | None
    shown: str


def is_secret(setting: Setting) -> bool:
    """Tell whether the app may invent the value outside production: something that only this process must know."""
    return setting.type == "SecretStr" and setting.default is None and not setting.name.endswith("_URL")


def field(setting: Setting, development: Development) -> Field:
    """Return the line of `Settings` for a contributed setting."""
    name, text = setting.name.lower(), setting.default
    if is_secret(setting):
        return Field(name, "SecretStr", "Field(default_factory=_invented_secret)")
    if text is None:
        text = development.url if setting.name.endswith("_URL") else ""
    match setting.type:
        case "int":
            return Field(name, "int", f"Field(default={int(text or 0)}, ge=0)")
        case "float":
            return Field(name, "float", f"Field(default={float(text or 0)}, ge=0)")
        case "bool":
            return Field(name, "bool", repr(text.lower() in {"1", "true", "yes", "on"}))
        case "SecretStr":
            return Field(name, "SecretStr", f"SecretStr({text!r})")
        case "str":
            return Field(name, "str", repr(text))


def stand_in(setting: Setting, development: Development) -> str:
    """Return a value that production accepts for a setting without a default, for tests."""
    return f"a {setting.name} only for tests, long enough" if is_secret(setting) else development.url


def described(setting: Setting, development: Development) -> Described:
    """Return the setting as `.env.example` and the README show it."""
    required = setting.default is None
    if is_secret(setting):
        example, shown = None, "invented at each start; required in production"
    elif required:
        example = development.url if setting.name.endswith("_URL") else None
        shown = f"{example or 'empty'}; required in production"
    else:
        example, shown = setting.default, setting.default or "empty"
    return Described(setting.name, setting.description, required, example, shown)
