"""Render a skill's Jinja2 templates.

An undefined name is an error, and nothing is escaped unless a template asks for it: `{{ text | py }}`, with the
filters of `skills.codegen.escaping`. The functions of `skills.codegen.naming` are globals and filters, so that a
template can say `{{ entity.name | class_name }}`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError

from handoff.files import read_regular
from schemas.errors import RunError
from skills.codegen import naming
from skills.codegen.escaping import FILTERS
from skills.design.aspects import Aspects, built_in

_NAMING = (
    naming.class_name,
    naming.module_name,
    naming.attribute,
    naming.variable,
    naming.query_name,
    naming.ts_identifier,
    naming.column,
    naming.json_name,
    naming.join_table,
    naming.join_columns,
    naming.database_name,
    naming.title,
    naming.titles,
)


class TemplateFailed(RunError):
    """A template cannot be rendered: a fault of the skill it belongs to."""

    code = "template_failed"

    def __init__(self, template: str, reason: str) -> None:
        super().__init__(template, reason)
        self.template, self.reason = template, reason

    def __str__(self) -> str:
        return f"template `{self.template}`: {self.reason}"


class Templates:
    """The templates of one folder, and the aspects that they loop over."""

    def __init__(self, folder: Path, aspects: Aspects | None = None) -> None:
        """Use the templates below `folder`; a template is compiled once a process, however often it is rendered."""
        self.aspects = aspects or built_in()
        self._folder = folder
        self._environment = _environment(folder)

    def render(self, name: str, /, **context: object) -> str:
        """Return a template rendered, `name` relative to the folder: `models/entity.py.j2`.

        Raises:
            TemplateFailed: No such template, a syntax error, an undefined name, or a value a filter refuses.
        """
        try:
            return self._environment.get_template(name).render(**context)
        except TemplateSyntaxError as error:
            raise TemplateFailed(name, f"line {error.lineno}: {error.message}") from error
        except TemplateError as error:
            raise TemplateFailed(name, f"{type(error).__name__}: {error.message}{_line(error, name)}") from error
        except (ValueError, TypeError) as error:
            raise TemplateFailed(name, f"{error}{_line(error, name)}") from error

    def read(self, name: str, /) -> str:
        """Return a file as it is, `name` relative to the folder.

        Raises:
            TemplateFailed: No such file, or it is not UTF-8 text.
        """
        path = self._folder / name
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise TemplateFailed(name, "is outside the skill's templates")
        try:
            return read_regular(path).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateFailed(name, str(error)) from error


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        autoescape=False,  # noqa: S701  # the output is code; each value names its filter
    )
    environment.filters.update(FILTERS)
    for function in _NAMING:
        environment.globals[function.__name__] = function
        # `title` replaces Jinja2's own, which capitalises every word.
        environment.filters[function.__name__] = function
    return environment


def _line(error: BaseException, name: str) -> str:
    """Return ` (line n)` of the innermost template frame, Jinja2 having rewritten the traceback to template lines."""
    number, traceback = 0, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename.endswith(name):
            number = traceback.tb_lineno
        traceback = traceback.tb_next
    return f" (line {number})" if number else ""
