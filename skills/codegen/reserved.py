"""Words that generated code cannot use as they are, by the place where they would stand.

Fixed sets rather than the running Python's: equal input gives equal bytes on every Python version.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYWORDS = _words(
    "and as assert async await break class continue def del elif else except finally for from global if import in is "
    "lambda nonlocal not or pass raise return try while with yield"
)
# `match`, `case` and `type` are only keywords in context, but `type` is a builtin as well.
_BUILTINS = _words(
    "abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex "
    "copyright credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals "
    "hasattr hash help hex id input int isinstance issubclass iter len license list locals map max memoryview min "
    "next object oct open ord pow print property quit range repr reversed round set setattr slice sorted staticmethod "
    "str sum super tuple type vars zip"
)

PYTHON = _KEYWORDS | _BUILTINS

# Attributes of SQLAlchemy's DeclarativeBase and Pydantic's BaseModel, and names that a class body uses: after
# `date: date`, the next annotation `date` would mean the attribute. Other builtins (`hash`, `filter`) do no harm there.
ATTRIBUTES = _KEYWORDS | _words(
    "metadata registry query awaitable_attrs construct copy dict from_orm json parse_file parse_obj parse_raw schema "
    "schema_json update_forward_refs validate bool bytes classmethod date datetime float frozenset func int list "
    "mapped_column object property relationship set staticmethod str text time tuple type uuid"
)
ATTRIBUTE_PREFIXES = ("model_",)
PROTECTED_PREFIXES = ("model_dump", "model_validate")  # Pydantic warns of any field that begins so

# Python's own modules that generated modules import, and modules that generated packages already hold.
MODULES = _KEYWORDS | _words(
    "abc ast asyncio base64 builtins collections concurrent contextlib copy csv dataclasses datetime decimal email "
    "enum functools hashlib hmac html http importlib inspect io ipaddress itertools json logging math operator os "
    "pathlib platform queue random re sched secrets select shutil signal site socket ssl statistics string struct sys "
    "tempfile test textwrap threading time token traceback types typing unicodedata urllib uuid warnings weakref "
    "zoneinfo alembic app argon2 asyncpg fastapi httpx jwt prometheus_client pydantic pytest sqlalchemy starlette "
    "structlog uvicorn tests access auth base common config conftest core database dependencies exceptions health "
    "main manage metrics middleware models passwords probes rate_limit routers schemas services system tokens"
)

_BUILTIN_CLASSES = _words(
    "ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError "
    "BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError "
    "ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception "
    "ExceptionGroup False FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError "
    "ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError "
    "KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError None NotADirectoryError NotImplemented "
    "NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError "
    "RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration StopIteration "
    "SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError True TypeError UnboundLocalError "
    "UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError "
    "Warning ZeroDivisionError"
)

# `Record` itself, so that `class_name` stays injective on names that end in it.
CLASSES = _BUILTIN_CLASSES | _words(
    # typing and the standard library
    "Annotated Any AsyncGenerator AsyncIterator Awaitable Callable ClassVar Coroutine Counter Decimal DefaultDict Dict "
    "Enum Final FrozenSet Generator Generic Hashable IntEnum Iterable Iterator List Literal Logger Mapping "
    "MutableMapping NamedTuple Never NewType NoReturn Optional OrderedDict ParamSpec Path Pattern Protocol Self "
    "Sequence Set StrEnum Tuple Type TypeAlias TypeGuard TypeVar TypedDict UUID Union Unpack "
    # SQLAlchemy
    "ARRAY AsyncAttrs AsyncConnection AsyncEngine AsyncSession BigInteger Boolean CheckConstraint Column ColumnElement "
    "Computed Connection Constraint Date DateTime DeclarativeBase Double Engine FetchedValue Float ForeignKey "
    "ForeignKeyConstraint Identity Index Integer IntegrityError Interval JSON JSONB LargeBinary Mapped MetaData "
    "Numeric PrimaryKeyConstraint Relationship Result Row ScalarResult Select Session SmallInteger String Subquery "
    "Table Text Time Timestamp UniqueConstraint Unicode Uuid "
    # Pydantic
    "AfterValidator AliasChoices AnyHttpUrl AnyUrl AwareDatetime BaseModel BaseSettings BeforeValidator ConfigDict "
    "EmailStr Field FieldInfo FiniteFloat HttpUrl Json JsonValue PlainSerializer PositiveInt SecretStr "
    "SettingsConfigDict StringConstraints TypeAdapter ValidationError ValidationInfo WrapValidator "
    # FastAPI and Starlette
    "APIRouter ASGIApp BackgroundTasks Body Cookie Depends FastAPI File Form HTTPException Header JSONResponse "
    "Middleware Query Receive Request RequestValidationError Response Scope Security Send State UploadFile "
    # modules every generated app has
    "AdminUser AppError Base Caller Conflict CurrentUser DbSession Error ErrorBody ErrorDetail ErrorResponse Forbidden "
    "Login LoginRequest NotFound OptionalUser Page PageParams RateLimited RateLimiter Record Register RegisterRequest "
    "Schema Settings Sort Token TokenResponse Tokens Unauthorized ValidationFailed"
)

QUERY_PARAMETERS = frozenset({"limit", "offset", "sort"})

TYPESCRIPT = _words(
    # reserved words, and words that strict mode or modules reserve
    "any arguments as async await boolean break case catch class const constructor continue debugger declare default "
    "delete do else enum eval export extends false finally for from function get if implements import in instanceof "
    "interface is keyof let module namespace never new null number object of package private protected public readonly "
    "require return set static string super switch symbol this throw true try type typeof undefined unknown var void "
    "while with yield "
    # values and types that generated modules use from the language, the browser and React
    "Array ArrayBuffer BigInt Boolean Date Error Function Infinity Intl JSON Map Math NaN Number Object Promise Proxy "
    "Reflect RegExp Set String Symbol TypeError URIError WeakMap WeakSet globalThis "
    "Awaited Exclude Extract NonNullable Omit Parameters Partial Pick Readonly Record Required ReturnType "
    "AbortController AbortSignal Blob Element Event File FormData HTMLElement Headers Node Request Response Storage "
    "URL URLSearchParams Window document fetch history localStorage location name navigator screen self "
    "sessionStorage status top window "
    "Form Fragment Link NavLink Navigate Outlet React ReactElement ReactNode Route Router Routes Suspense"
)
