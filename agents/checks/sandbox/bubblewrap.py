"""The command that shows a program little more than the folders it works in, by bubblewrap (`bwrap`).

Its world: the system's programs and libraries and what else is named, read-only; its own folders, writable; `/tmp` and
`/dev/shm` of its own; no home, no other processes, no network but a loopback of its own. When it ends, or Baton does,
everything in that world ends.

Not here: whether it works on this machine (`agents.checks.sandbox.isolation`), limits (`agents.checks.sandbox.limits`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
# Of /etc what programs need to start, to name users and hosts, and to know certificates; nothing that is secret.
SETTINGS = tuple(
    f"/etc/{name}"
    for name in (
        "alternatives",
        "ca-certificates",
        "fonts",
        "group",
        "host.conf",
        "hosts",
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "localtime",
        "mime.types",
        "nsswitch.conf",
        "passwd",
        "pki",
        "protocols",
        "services",
        "ssl",
    )
)
_NAMESPACES = ("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts")


def bubblewrap_argv(
    bwrap: Sequence[str],
    argv: Sequence[str],
    *,
    cwd: Path,
    read: Sequence[Path],
    write: Sequence[Path],
    private: Path,
) -> list[str]:
    """Return the command that runs `argv` in a world of its own.

    Args:
        bwrap: The program, with options that not every version has.
        argv: Program and arguments, as they are called in that world, where every path is what it is outside.
        cwd: Within `write`.
        read: What may be read besides the system; what does not exist is left out.
        write: Existing folders.
        private: An existing folder that becomes `/tmp` and `/dev/shm`; its contents count as used disk.
    """
    for name in ("tmp", "shm"):
        (private / name).mkdir(exist_ok=True)
    words = [*bwrap, *_NAMESPACES, "--die-with-parent", "--cap-drop", "ALL", "--hostname", "check"]
    words += _system()
    words += ["--proc", "/proc", "--dev", "/dev", "--bind", str(private / "tmp"), "/tmp"]  # noqa: S108  # its own
    words += ["--bind", str(private / "shm"), "/dev/shm"]  # noqa: S108  # its own
    for path in read:
        words += ["--ro-bind-try", str(path), str(path)]
    for path in write:
        words += ["--bind", str(path), str(path)]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(cwd), "--", *argv]


def _system() -> Iterator[str]:
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        else:
            yield from ("--ro-bind-try", name, name)
    for name in SETTINGS:
        yield from ("--ro-bind-try", name, name)
