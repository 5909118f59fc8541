"""Run `uv` and `npm`, and tell a registry that may be back in a moment from a lock file that will never install.

The words looked for are those that uv and npm print when a registry refuses, resets, hangs, is overrun or cuts its
answer short; a test makes one do each.

Not here: which packages (`agents.checks.environments.environments`, `agents.checks.environments.node`).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from agents.checks.diagnostics import why
from agents.checks.errors import RegistryUnreachable, ScratchError
from agents.checks.process import Finished, installer_environment, run_process
from agents.checks.time_limit import TimeLimit

_LIMIT = TimeLimit(idle=900.0)  # uv and npm print nothing meanwhile, and a slow line costs hardly any processor time
_SHOWN = 3000  # characters of an installer's output in an error

# What stays so until someone acts, and what to do. The first that fits is meant: causes come before what they cause.
_LASTING = {
    r"Hash mismatch|\bEINTEGRITY\b": "The registry, or a proxy before it, sent something else than the lock file names."
    " Find out which of the two is right before you trust either",
    r"invalid peer certificate|SELF_SIGNED_CERT|\bCERT_[A-Z]|\bUNABLE_TO_[A-Z_]*(CERT|SIGNATURE)": "The registry's"
    " certificate is not trusted here. If it is your own, name it in SSL_CERT_FILE (uv) and NODE_EXTRA_CA_CERTS (npm)",
    r"\b407\b|\bE407\b": "The proxy wants a name and a password. Set them in HTTP_PROXY and HTTPS_PROXY",
    r"\b40[13] (Unauthorized|Forbidden)|\bE40[13]\b": "The registry refuses the credentials."
    " See the settings of uv (UV_INDEX_…) and npm (.npmrc)",
    r"not found in the package registry|there (is no version|are no versions) of|\bE404\b|\bETARGET\b": "The registry"
    " has no such package. See that uv (UV_DEFAULT_INDEX) and npm (registry in .npmrc) ask the right one",
}
_PASSING = re.compile(
    r"error sending request|operation timed out|dns error|error decoding response body"
    r"|end of file before message length|HTTP status (server error \(5|client error \(4(08|29))"  # uv
    r"|npm error (network|code (ECONN[A-Z]+|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|E(NET|HOST)UNREACH|EPIPE|FETCH_ERROR"
    r"|E[A-Z]*TIMEOUT|ERR_SOCKET_TIMEOUT|ERR_STREAM_PREMATURE_CLOSE|E5\d\d|E408|E429))"
)
_REACH = (
    "See that the package registry can be reached from here: the settings of uv and npm are used, and HTTP_PROXY,"
    " HTTPS_PROXY and NO_PROXY. Then run again"
)


async def install(argv: Sequence[str], folder: Path, what: str, extra: Mapping[str, str] | None = None) -> None:
    """Run an installer in `folder`.

    Args:
        argv: Program and arguments.
        folder: Where it works; it exists.
        what: Whose installation this is, for the error: "the app's Python packages".
        extra: Added to the environment of an installer.

    Raises:
        RegistryUnreachable: For a reason that may pass.
        ScratchError: For a reason that will not.
    """
    with tempfile.TemporaryDirectory(prefix="baton-install-") as home:
        env = installer_environment(Path(home), extra)
        finished = await run_process(argv, cwd=folder, env=env, limit=_LIMIT)
        if finished.exit_code:
            raise _failure(argv, what, finished, (folder, Path(home)))


def _failure(argv: Sequence[str], what: str, finished: Finished, folders: Sequence[Path]) -> ScratchError:
    program = Path(argv[0]).name
    told = (
        f"{what} cannot be installed: `{program} {' '.join(argv[1:4])} …` ended with {finished.exit_code}:\n"
        f"{finished.output[-_SHOWN:].strip()}\n"
    )
    if finished.overdue:
        return RegistryUnreachable(f"{told}{_REACH}")
    reason = why(finished, program, folders)
    if reason:
        return ScratchError(f"{told}{reason}")
    for sign, advice in _LASTING.items():
        if re.search(sign, finished.output):
            return ScratchError(f"{told}{advice}; then run again")
    if _PASSING.search(finished.output):
        return RegistryUnreachable(f"{told}{_REACH}")
    return ScratchError(f"{told}Put right what it says, then run again")
