"""Archives in a folder and in a bucket, through Google's own client: the same behaviour."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from orchestrator.vertex import artifacts
from orchestrator.vertex.app import BatonApp
from orchestrator.vertex.archives import pack
from orchestrator.vertex.artifacts import ArtifactStore, ArtifactsUnavailable, open_artifacts
from orchestrator.vertex.settings import NotConfigured
from tests.orchestrator.vertex.gcs import Storage, cloud_storage
from tests.support.small_agents import PRD


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setattr(artifacts, "PATIENCE", 0.1)
    with cloud_storage() as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        yield storage


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "archives")
    request.getfixturevalue("storage")
    return "gs://bucket/some/prefix"


@pytest.fixture
def kept(place: str) -> ArtifactStore:
    return open_artifacts(place)


async def test_parts_of_what_is_stored_come_back(kept: ArtifactStore, place: str) -> None:
    assert await kept.put("run/a.tar.gz", b"0123456789") == f"{place}/run/a.tar.gz"
    assert await kept.put("run/a.tar.gz", b"0123456789") == f"{place}/run/a.tar.gz"  # it is there

    assert await kept.part("run/a.tar.gz", 0, 4) == (b"0123", 10)
    assert await kept.part("run/a.tar.gz", 8, 4) == (b"89", 10)
    assert await kept.part("run/a.tar.gz", 10, 4) == (b"", 10)
    assert await kept.part("run/b.tar.gz", 0, 4) is None


async def test_a_bucket_that_refuses_says_which_role_is_needed(storage: Storage) -> None:
    storage.refuses = HTTPStatus.FORBIDDEN
    with pytest.raises(ArtifactsUnavailable, match=r"gs://bucket/run/a.tar.gz` cannot be stored: .*objectUser"):
        await open_artifacts("gs://bucket").put("run/a.tar.gz", b"0")


async def test_a_folder_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactsUnavailable, match="BATON_ARTIFACTS"):
        await open_artifacts(str(tmp_path / "file")).put("run/a.tar.gz", b"0")


@pytest.mark.parametrize("place", ["gs://", "s3://bucket"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(NotConfigured, match="gs://bucket/prefix"):
        open_artifacts(place)


def test_the_same_files_make_the_same_archive() -> None:
    assert pack({"b": b"2", "a/c": b"1"}) == pack({"a/c": b"1", "b": b"2"})


def test_a_run_leaves_an_archive_after_each_step_that_publishes(
    app: BatonApp, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_ARTIFACTS", "gs://bucket/apps")
    run = str(app.start(prd=PRD)["run"])
    *_, last = app.events(run=run)
    assert last["status"] == "completed"
    whole: Any = app.download(run=run)

    assert storage.objects[f"bucket/apps/{run}/{whole['archive']}.tar.gz"] == base64.b64decode(whole["data"])
    storage.asked.clear()
    part: Any = app.download(run=run, archive=whole["archive"], offset=10, size=5)
    assert base64.b64decode(part["data"]) == base64.b64decode(whole["data"])[10:15]
    assert any(asked.startswith("GET /download/storage/v1/b/bucket/o/") for asked in storage.asked)


def test_a_run_does_not_fail_for_its_archives(
    app: BatonApp, storage: Storage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BATON_ARTIFACTS", "gs://bucket/apps")
    storage.refuses = HTTPStatus.FORBIDDEN
    with caplog.at_level(logging.WARNING, "baton.vertex"):
        run = str(app.start(prd=PRD)["run"])
        *_, last = app.events(run=run)
        whole: Any = app.download(run=run)
        app.close()

    assert (last["status"], whole["done"]) == ("completed", True)
    assert f"no archive of run {run} is stored" in caplog.text
