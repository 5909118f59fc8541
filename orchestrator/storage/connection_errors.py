"""Why a PostgreSQL cannot be used, in words that help, and never with a password in them.

Not here: trying again (`orchestrator.storage.database`).
"""

from __future__ import annotations

import os
import ssl
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from orchestrator.storage.errors import PostgresUnavailable
from orchestrator.storage.postgres import Server

_SHAPE = "postgresql://user:password@host:port/database"
_HIDDEN = "…"


def check_url(server: Server, url: str) -> None:
    """Refuse what asyncpg could not read as the URL of a PostgreSQL, one of `server`'s.

    Raises:
        PostgresUnavailable: Its text holds nothing of the URL but its scheme.
    """
    setting = _setting(server, url)
    if not url.strip():
        raise _unusable(setting, "is set, but empty")
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise _unusable(setting, "is not a URL")
    if scheme not in {"postgresql", "postgres"}:
        raise _unusable(setting, f"has the scheme `{scheme}`, but Baton keeps its runs in PostgreSQL only")
    if not _is_readable(url):  # what could not be read may be a piece of the password
        raise _unusable(
            setting,
            "cannot be read: the port is not a number, or the password holds one of `@ : / ? # [ ]`,"
            " which must be written in percent-encoding",
        )
    if not _where(url):
        raise _unusable(setting, "names no host to connect to")


def refused(server: Server, url: str, error: BaseException) -> PostgresUnavailable:
    """Return `error`, met while connecting to `url`, one of `server`'s, as one that says what to do."""
    said = _without_secrets(server, _said(error))
    if server.embedded:
        return PostgresUnavailable(
            f"the embedded PostgreSQL does not accept connections: {said}.\n"
            f"Its log is `{server.embedded.log}`. `baton doctor` tries to start it."
        )
    return PostgresUnavailable(
        f"cannot connect to the PostgreSQL at `{_where(url)}` that {_setting(server, url)} names: {said}.\n"
        f"{_way_out(error)} Or unset BATON_DATABASE_URL to use the embedded server."
    )


def undeclared_pooler(error: Exception) -> PostgresUnavailable:
    """Return the error of a prepared statement that is not where it was prepared."""
    return PostgresUnavailable(
        f"BATON_DATABASE_URL seems to lead through a transaction pooler ({_said(error).partition('. ')[0]}).\n"
        "Set BATON_DATABASE_DIRECT_URL as well, to the address of the server behind it, and Baton works with both."
    )


def said(server: Server, error: BaseException | None) -> str:
    """Return what `error` says, on one line, without the server's password."""
    return _without_secrets(server, _said(error)) if error else "no answer"


def _setting(server: Server, url: str) -> str:
    if server.dial is not None:
        return "BATON_CLOUD_SQL"
    return "BATON_DATABASE_DIRECT_URL" if server.pooled and url == server.admin else "BATON_DATABASE_URL"


def _is_readable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        ports = [urlsplit(f"//{host}").port for host in parts.netloc.rpartition("@")[2].split(",")]
    except ValueError:
        return False
    rest = [parts.path, parts.fragment, *(each for each in parts.query.split("&") if "=" not in each)]
    password_taken_for_host = "@" not in parts.netloc and "@" in "".join(rest)
    return 0 not in ports and not password_taken_for_host


def _where(url: str) -> str:
    """Return the host and port, or the folder of the socket, of a URL that was checked."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or ",".join(parse_qs(parts.query).get("host", ()))


def _said(error: BaseException) -> str:
    match error:
        case TimeoutError():
            return "it does not answer"
        case ssl.SSLError() | asyncpg.ClientConfigurationError():
            text = str(error)
        case OSError(errno=int(number)) if number > 0:  # asyncio's own text is "Connect call failed"
            text = os.strerror(number)
        case OSError():
            text = error.strerror or str(error)
        case ValueError():  # may quote any piece of the URL
            return "the URL cannot be read"
        case _:
            text = str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def _way_out(error: BaseException) -> str:
    match error:
        case asyncpg.InvalidPasswordError():
            return "Correct the user or the password in the URL."
        case asyncpg.InvalidCatalogNameError():
            return "Make the database (`createdb NAME`), or correct the last part of the URL."
        case asyncpg.InvalidAuthorizationSpecificationError():
            return "Correct the user in the URL, or let the server accept this machine (`pg_hba.conf`, `sslmode`)."
        case asyncpg.TooManyConnectionsError():
            return "Raise the server's `max_connections`, or put a pooler in front of it."
        case OSError() | asyncpg.PostgresError():
            return "Check that it runs and that host, port and `sslmode` in the URL are right."
        case _:
            return f"Correct the URL ({_SHAPE})."


def _without_secrets(server: Server, text: str) -> str:
    for secret in _secrets(server.database) | _secrets(server.admin):
        text = text.replace(secret, _HIDDEN)
    return text


def _secrets(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
        passwords = [parts.password or "", *parse_qs(parts.query).get("password", ())]
    except ValueError:
        passwords = []
    return {each for password in passwords for each in (password, unquote(password)) if each} | {url}


def _unusable(setting: str, what: str) -> PostgresUnavailable:
    return PostgresUnavailable(
        f"{setting} {what}.\nSet it to the URL of a PostgreSQL ({_SHAPE}), or unset it to use the embedded server."
    )
