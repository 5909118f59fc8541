"""Where the app keeps its state: read from the environment when it is set up, never before.

    BATON_DATABASE_URL   PostgreSQL; or
    BATON_CLOUD_SQL      project:region:instance, reached through Google's connector; or
    BATON_LOCAL=1        the embedded PostgreSQL: this machine alone, and lost with it
    BATON_ARTIFACTS      gs://bucket/prefix or a folder: archives of what runs made
    BATON_WORKSPACES     folder of the runs' workspaces, the same path on every instance
    BATON_HOME           folder of caches and of what runs are at, a temporary one by default

Without a database that outlives an instance there would be nothing to go on from, so its absence is refused.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from orchestrator.storage.home import home
from schemas.base import Document
from schemas.errors import InputError

LOCAL = "BATON_LOCAL"
_YES = frozenset({"1", "true", "yes"})


class NotConfigured(InputError):
    """The environment does not say where the app keeps its state, or says two things."""

    code = "not_configured"


class Settings(Document):
    """`database` says which variable names the database; `artifacts` is a `gs://` URL or the path of a folder."""

    database: str
    cloud_sql: str | None
    artifacts: str
    home: Path
    workspaces: Path


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of an environment.

    Raises:
        NotConfigured: No database is named, or more than one.
    """
    named = [name for name in ("BATON_DATABASE_URL", "BATON_CLOUD_SQL") if environment.get(name)]
    if environment.get(LOCAL, "").lower() in _YES:
        named.append(LOCAL)
    if not named:
        raise NotConfigured(
            "no database is named: runs would be lost with this instance. Set BATON_DATABASE_URL to a PostgreSQL that"
            " all instances reach, or BATON_CLOUD_SQL to project:region:instance; or, to try it on one machine,"
            f" {LOCAL}=1."
        )
    if len(named) > 1:
        raise NotConfigured(f"{' and '.join(named)} are set, and each names another database. Set one of them.")
    temporary = Path(tempfile.gettempdir())
    # What is local is kept where the user keeps it; in the cloud, the home of the user may not be written to.
    own = home() if named == [LOCAL] or environment.get("BATON_HOME") else temporary / "baton"
    workspaces = environment.get("BATON_WORKSPACES")
    return Settings(
        database=named[0],
        cloud_sql=environment.get("BATON_CLOUD_SQL") or None,
        artifacts=environment.get("BATON_ARTIFACTS") or str(own / "artifacts"),
        home=own,
        workspaces=(Path(workspaces).expanduser() if workspaces else temporary / "baton-workspaces").resolve(),
    )
