"""Videos and sounds are looked at by a process that may fail without harm."""

from __future__ import annotations

import io
import os
import wave
from pathlib import Path

import av
import pytest

from studio.clients import video_process
from studio.clients.video import Extent, VideoReader
from tests.api.test_thumbnails import video


def sound() -> bytes:
    """A quarter of a second of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(4000))
    return out.getvalue()


async def test_the_headers_say_how_large_and_how_long(tmp_path: Path) -> None:
    clip, tone = tmp_path / "clip", tmp_path / "tone"
    clip.write_bytes(video("mp4", "libx264"))
    tone.write_bytes(sound())
    reader = VideoReader()
    assert await reader.probe(clip, "video/mp4") == Extent(512, 256, 2000)
    assert await reader.probe(tone, "audio/wav") == Extent(None, None, 250)


async def test_what_is_not_what_it_seems_is_not_looked_at_with_another_decoder(
    tmp_path: Path,
) -> None:
    clip = tmp_path / "clip"
    clip.write_bytes(video("mp4", "libx264"))
    reader = VideoReader()
    for content_type in ("video/webm", "video/x-flv", "text/plain"):
        assert await reader.probe(clip, content_type) == Extent()
        assert await reader.frame(clip, content_type, 64) is None


async def test_a_list_of_other_files_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(video("mp4", "libx264"))
    playlist = tmp_path / "list"
    playlist.write_text("#EXTM3U\n#EXTINF:2,\nsecret.mp4\n#EXT-X-ENDLIST\n")
    for content_type in ("video/mp4", "video/webm", "application/x-mpegurl"):
        assert await VideoReader().frame(playlist, content_type, 64) is None


async def test_a_process_that_hangs_is_ended_and_the_next_has_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "pid"
    stuck = tmp_path / "stuck.py"
    stuck.write_text(
        f"import os, pathlib, time\npathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    clip = tmp_path / "clip"
    clip.write_bytes(video("mp4", "libx264"))
    reader = VideoReader()
    with monkeypatch.context() as patched:
        patched.setattr("studio.clients.video._PROCESS", stuck)
        patched.setattr("studio.clients.video.TIMEOUT_S", 2.0)
        assert await reader.frame(clip, "video/mp4", 64) is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert await reader.frame(clip, "video/mp4", 64) is not None


def test_a_picture_beyond_all_bounds_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_process, "MAX_PIXELS", 1000)
    with (
        av.open(io.BytesIO(video("mp4", "libx264"))) as container,
        pytest.raises(ValueError, match="too many pixels"),
    ):
        video_process.frame(container, 64)
