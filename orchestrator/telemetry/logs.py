"""Logs: what Baton does, as JSON lines for machines or key=value lines for people, on standard error.

Nothing is logged, and no logging is configured, before `configure_logging` is called: the command line does for
`--verbose` and `BATON_LOG`, a program that uses Baton if it wants to. structlog is imported then, not before.

Every record has `timestamp` (UTC, ISO 8601), `level` and `event`; those of a run have its `run`, and `agent` where
there is one, by `bind`: context variables, so what runs beside each other is not mixed up. Secrets are replaced in all
of a record, tracebacks included.

Not here: what a run tells (`orchestrator.records.events`), traces (`orchestrator.telemetry.tracing`).
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, TextIO, TypeAlias, cast, get_args

from orchestrator.records.events import (
    CheckFinished,
    Event,
    GuardFinished,
    RunFinished,
    StepFinished,
    StepRetried,
    WorkReturned,
)
from schemas.errors import InputError
from skills.core.redaction import redact, redact_fields

Form: TypeAlias = Literal["json", "text"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Record: TypeAlias = MutableMapping[str, Any]
Processor: TypeAlias = Callable[[Any, str, Record], Record]

FORM_VARIABLE, LEVEL_VARIABLE = "BATON_LOG", "BATON_LOG_LEVEL"
_FIRST = ("timestamp", "level", "event", "run", "agent")
_FRAMES = 30  # of a traceback

_bound: ContextVar[Mapping[str, str]] = ContextVar("baton_log", default=MappingProxyType({}))


class LogSettingUnknown(InputError):
    """An environment variable asks for logs of a form or a level that there is not."""

    code = "log_setting_unknown"


class _Logging:
    """What is configured: Baton's own logger, and the handler for what libraries log."""

    def __init__(self) -> None:
        self.logger: Any = None
        self.handler: logging.Handler | None = None


_configured = _Logging()


def configure_logging(form: Form = "json", *, level: Level = "info", stream: TextIO | None = None) -> None:
    """Log from now on what Baton does, and the warnings of libraries that log by `logging`.

    structlog's own configuration stays as it is; the root logger gets one handler. Calling it again replaces what it
    configured before.

    Args:
        form: `json`: one JSON object a line. `text`: one line of `key=value` a record.
        level: Records below it are left out. At `debug`, whatever libraries log is let through.
        stream: Where to write; standard error by default.
    """
    structlog = importlib.import_module("structlog")
    stdlib = importlib.import_module("structlog.stdlib")
    out = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    common, last = _common(structlog, form), _render(structlog, form)
    stop_logging()
    _configured.logger = structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=[*common, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setLevel(number if level == "debug" else max(number, logging.WARNING))
    handler.setFormatter(
        stdlib.ProcessorFormatter(
            foreign_pre_chain=[stdlib.add_logger_name, *common],
            processors=[stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.getLogger().addHandler(handler)
    _configured.handler = handler


def configure_from(environment: Mapping[str, str], *, verbose: bool = False) -> None:
    """Configure logging as `BATON_LOG` and `BATON_LOG_LEVEL` say, with `verbose` in any case.

    Raises:
        LogSettingUnknown: They say what there is not.
    """
    form = _choice(environment, FORM_VARIABLE, get_args(Form), "text" if verbose else "")
    level = _choice(environment, LEVEL_VARIABLE, get_args(Level), "info")
    if form:
        configure_logging(cast("Form", form), level=cast("Level", level))


def stop_logging() -> None:
    """Undo `configure_logging`."""
    if _configured.handler is not None:
        logging.getLogger().removeHandler(_configured.handler)
    _configured.logger = _configured.handler = None


class _RedactingFormatter(logging.Formatter):
    """Formats as `logging` does by default, then replaces secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's text, its traceback included."""
        return redact(super().format(record))


def redact_warnings() -> None:
    """Have no secret in the warnings that `logging` shows on standard error if nobody configured it."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_RedactingFormatter())


def bind(**names: str) -> None:
    """Have every record that this task logs from now on, and the tasks that it starts, carry `names`."""
    _bound.set({**_bound.get(), **names})


def log(
    event: str,
    *,
    level: Level = "info",
    at: datetime | None = None,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Log a record, if logging is configured.

    Args:
        event: What happened, `run_finished`.
        level: How bad it is.
        at: When it happened; now by default.
        error: Its traceback becomes part of the record.
        fields: What else to say.
    """
    if _configured.logger is not None:
        fields = {**fields, **({"timestamp": _iso(at)} if at else {}), **({"exc_info": error} if error else {})}
        getattr(_configured.logger, level)(event, **fields)


def log_event(run_id: str, event: Event) -> None:
    """Log what a run tells."""
    if _configured.logger is not None:
        fields = event.model_dump(mode="json", exclude={"type", "at"})
        log(event.type, level=_level(event), at=event.at, **{**fields, "run": run_id})


def _level(event: Event) -> Level:
    match event:
        case StepFinished(status="failed") | RunFinished(status="failed"):
            return "error"
        case CheckFinished(passed=False) | StepRetried() | WorkReturned():
            return "warning"
        case GuardFinished() if event.violations:
            return "warning"
        case _:
            return "info"


def _common(structlog: Any, form: Form) -> list[Processor]:  # noqa: ANN401 - a module that is imported when needed
    """Return what makes a record: what is bound, level, time, and the traceback."""
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=_FRAMES)
    return [
        structlog.contextvars.merge_contextvars,
        _merge_bound,
        structlog.processors.add_log_level,
        _stamp,
        structlog.processors.ExceptionRenderer(tracebacks) if form == "json" else structlog.processors.format_exc_info,
    ]


def _render(structlog: Any, form: Form) -> list[Processor]:  # noqa: ANN401
    """Return what makes a line of a record. Redaction is the last thing before, so nothing gets past it."""
    if form == "json":
        return [_redact_record, _first_things_first, structlog.processors.JSONRenderer()]
    return [_redact_record, structlog.processors.KeyValueRenderer(key_order=_FIRST, drop_missing=True)]


def _merge_bound(_: object, __: str, record: Record) -> Record:
    return {**_bound.get(), **record}


def _stamp(_: object, __: str, record: Record) -> Record:
    record.setdefault("timestamp", _iso(datetime.now(UTC)))
    return record


def _redact_record(_: object, __: str, record: Record) -> Record:
    return cast("Record", redact_fields(record))


def _first_things_first(_: object, __: str, record: Record) -> Record:
    return {name: record[name] for name in (*_FIRST, *record) if name in record}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _choice(environment: Mapping[str, str], variable: str, known: tuple[str, ...], default: str) -> str:
    value = environment.get(variable, "").strip().lower()
    if value and value not in known:
        listed = ", ".join(f"`{each}`" for each in known)
        raise LogSettingUnknown(f"`{variable}` is `{redact(value)}`; it may be one of {listed}.")
    return value or default
