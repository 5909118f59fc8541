"""Registries fail in many ways: what may pass is told from what will not, and nothing half-made is ever used."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from agents.checks.environments.environments import Environments
from agents.checks.environments.node import Node, find_node
from agents.checks.errors import RegistryUnreachable, ScratchError
from orchestrator.storage.home import cache_folder, home
from tests.support.package_registry import Mood, Registry, registry

ROOT = Path(__file__).parents[2]
Kind = Literal["python", "node"]
KINDS: tuple[Kind, ...] = ("python", "node")
MOODS: tuple[Mood, ...] = ("reset", "hang", "cut", 500, 503, 429, 408)
TINY = {"python": "lib/python*/site-packages/tiny.py", "node": "node_modules/tiny/package.json"}


@pytest.fixture(scope="module")
def node() -> Node:
    """The machine's Node, or one from the real registry: what these tests are about comes after it."""
    return asyncio.run(find_node(cache_folder(home())))


@pytest.fixture
def registry_(tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry that uv and npm ask, with caches of their own, short of patience and without tries of their own."""
    with registry() as server:
        settings = {
            "PATH": f"{node.bin}:{os.environ['PATH']}",
            "UV_CACHE_DIR": str(tmp_path / "uv"),
            "UV_DEFAULT_INDEX": f"{server.url}/simple",
            "UV_HTTP_RETRIES": "0",
            "UV_HTTP_TIMEOUT": "1",
            "UV_NO_CONFIG": "1",
            "npm_config_cache": str(tmp_path / "npm"),
            "npm_config_fetch_retries": "0",
            "npm_config_fetch_timeout": "1000",
            "npm_config_registry": server.url,
            "npm_config_userconfig": str(tmp_path / "no-npmrc"),
            "NO_PROXY": "127.0.0.1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield server


async def install(kind: Kind, lock: bytes, folder: Path) -> Path:
    """Install what `lock` names, and return the file of the one package."""
    path = folder / f"{kind}.lock"
    path.write_bytes(lock)
    environments = Environments(folder / "cache")
    try:
        if kind == "python":
            root = (await environments.python(path)).root
        else:
            root = (await environments.node(path)).modules.parent
    finally:
        await environments.close()
    return next(root.glob(TINY[kind]))


def lock_of(kind: Kind, server: Registry, **changes: str) -> bytes:
    return server.python_lock(**changes) if kind == "python" else server.node_lock(**changes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mood", MOODS)
async def test_a_registry_that_fails_for_now_is_tried_again_and_works_when_it_does(
    kind: Kind, mood: Mood, registry_: Registry, tmp_path: Path
) -> None:
    registry_.mood = mood
    with pytest.raises(RegistryUnreachable) as caught:
        await install(kind, lock_of(kind, registry_), tmp_path)
    assert caught.value.transient
    text = str(caught.value)
    assert "packages cannot be installed: `" in text
    assert "See that the package registry can be reached from here" in text
    assert "HTTPS_PROXY" in text

    registry_.mood = "serve"
    assert (await install(kind, lock_of(kind, registry_), tmp_path)).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://registry.invalid"], ids=["refused", "no such host"])
async def test_a_registry_that_is_not_there_may_be_in_a_moment(
    kind: Kind, url: str, registry_: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/simple")
    monkeypatch.setenv("npm_config_registry", url)
    lock = lock_of(kind, registry_).replace(registry_.url.encode(), url.encode())
    with pytest.raises(RegistryUnreachable, match="See that the package registry can be reached"):
        await install(kind, lock, tmp_path)
    assert registry_.asked == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mood", "changes", "advice"),
    [
        ("serve", {"digest": "00" * 32}, "sent something else than the lock file names"),
        ("serve", {"name": "nothere"}, "The registry has no such package. See that uv"),
        (404, {}, "The registry has no such package. See that uv"),
        (401, {}, "The registry refuses the credentials"),
        (403, {}, "The registry refuses the credentials"),
        (407, {}, "The proxy wants a name and a password"),
    ],
    ids=["hash", "package", "404", "401", "403", "407"],
)
async def test_what_will_not_pass_is_not_transient_and_says_what_to_do(
    kind: Kind, mood: Mood, changes: dict[str, str], advice: str, registry_: Registry, tmp_path: Path
) -> None:
    registry_.mood = mood
    with pytest.raises(ScratchError) as caught:
        await install(kind, lock_of(kind, registry_, **changes), tmp_path)
    assert not caught.value.transient
    assert advice in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_in_place_of_packages_is_not_transient(kind: Kind, registry_: Registry, tmp_path: Path) -> None:
    """As the page that a hotel's network shows to whoever has not signed in."""
    registry_.mood = "garbage"
    with pytest.raises(ScratchError) as caught:
        await install(kind, lock_of(kind, registry_), tmp_path)
    assert not caught.value.transient


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_that_is_not_trusted_says_how_to_trust_it(
    kind: Kind, registry_: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry_.use_tls(tmp_path)
    url = registry_.url.replace("http:", "https:")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/simple")
    monkeypatch.setenv("npm_config_registry", url)
    lock = lock_of(kind, registry_).replace(b"http:", b"https:")
    with pytest.raises(ScratchError, match=r"certificate is not trusted here.*NODE_EXTRA_CA_CERTS") as caught:
        await install(kind, lock, tmp_path)
    assert not caught.value.transient


# ---- several processes, and one that dies ---------------------------------------------------------------------------

INSTALLS = """
import asyncio, sys
from pathlib import Path
from agents.checks.environments.environments import Environments

async def main(kind, lock, cache):
    environments = Environments(cache)
    await getattr(environments, kind)(lock)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
print("installed")
"""


def begin(kind: Kind, folder: Path) -> subprocess.Popen[str]:
    """Install in another process, from the lock that is in `folder`."""
    argv = [sys.executable, "-c", INSTALLS, kind, str(folder / f"{kind}.lock"), str(folder / "cache")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)


def eventually_asked(server: Registry) -> None:
    deadline = time.monotonic() + 600  # only what hangs takes so long
    while not server.asked:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_processes_that_want_the_same_packages_fetch_them_once(
    kind: Kind, registry_: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_NO_CACHE", "1")  # what is fetched twice is asked for twice
    (tmp_path / f"{kind}.lock").write_bytes(lock_of(kind, registry_))
    begun = [begin(kind, tmp_path) for _ in range(3)]
    assert [each.communicate(timeout=120)[0] for each in begun] == ["installed\n"] * 3
    assert registry_.asked == {"python": 2, "node": 1}[kind]  # the page of the package, and the package


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_an_installation_that_was_killed_is_begun_anew(kind: Kind, registry_: Registry, tmp_path: Path) -> None:
    """The installer outlives its Baton and goes on writing; nothing of it gets into what the next one makes."""
    registry_.mood = "hang"
    lock = lock_of(kind, registry_)
    (tmp_path / f"{kind}.lock").write_bytes(lock)
    with begin(kind, tmp_path) as killed:
        await asyncio.to_thread(eventually_asked, registry_)
        killed.send_signal(signal.SIGKILL)
    (left,) = (tmp_path / "cache").glob("*/.*.building")

    registry_.mood = "serve"
    made = await install(kind, lock, tmp_path)
    assert made.is_file()
    assert not made.is_relative_to(left)
    assert not left.exists()
    assert not list((tmp_path / "cache").glob("*/.*.building"))
