"""Opening what stands in a workspace: regular files alone, and nothing is waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from handoff.files import open_regular, read_regular
from skills.core.manifest import SkillInvalid, read_manifest


def test_a_regular_file_is_read_through_a_link_unless_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file") == read_regular(tmp_path / "link") == b"text"
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(tmp_path / "link", follow=False)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for place, said in (
            (tmp_path / "pipe", "it is a pipe"),
            (tmp_path / "socket", "it is a socket"),
            (Path("/dev/zero"), "it is a device"),
            (tmp_path, "Is a directory"),
            (tmp_path / "none", "No such file"),
        ):
            with pytest.raises(OSError, match=said):
                open_regular(place)


def test_a_skill_whose_text_is_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "SKILL.md")
    with pytest.raises(SkillInvalid, match="it is a pipe"):
        read_manifest(tmp_path)
