"""Two videos, or two sounds, are compared in step, and one of them is heard."""

from __future__ import annotations

import io
import wave

import av
import httpx
import numpy
from playwright.sync_api import Locator, Page, expect

from tests.api.graphs import wait_for_library
from tests.browser.conftest import AssertAccessible
from tests.browser.library import cell

RATE = 20


def clip(color: int, seconds: int) -> bytes:
    """A video of one grey."""
    out = io.BytesIO()
    with av.open(out, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        pixels = numpy.full((64, 128, 3), color, dtype=numpy.uint8)
        for _ in range(RATE * seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def tone(level: int, seconds: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes([level]) * 8000 * seconds)
    return out.getvalue()


def upload(client: httpx.Client, name: str, content_type: str, data: bytes) -> None:
    """Put a file into the library."""
    fields = {"content_type": content_type, "file_path": name}
    files = {"file": (name, data, content_type)}
    answer = client.post("/api/v2/assets", files=files, data=fields)
    assert answer.status_code in (200, 201), answer.text
    wait_for_library(client, answer.json()["id"])


def compare(page: Page, *names: str) -> Locator:
    """The dialog with two files of the library, chosen in this order."""
    page.evaluate("location.hash = '#/library/source%3Dupload'")
    for name in names:
        cell(page, name).click(modifiers=["Control"])
    page.get_by_role("toolbar").get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog", name="Compare")
    expect(dialog).to_be_visible()
    return dialog


def test_two_videos_play_stop_and_move_together_under_one_slider(
    page: Page, owner: httpx.Client, assert_accessible: AssertAccessible
) -> None:
    upload(owner, "short.webm", "video/webm", clip(40, 2))
    upload(owner, "long.webm", "video/webm", clip(200, 3))
    dialog = compare(page, "short.webm", "long.webm")
    first, second = dialog.get_by_label("The first").first, dialog.get_by_label("The second").first
    expect(dialog.get_by_role("button", name="Play")).to_be_focused()
    position = dialog.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", "0:00 of 0:03")
    page.keyboard.press("Space")
    for video in (first, second):
        expect(video).to_have_js_property("paused", False)
    dialog.get_by_role("button", name="Pause").click()
    for video in (first, second):
        expect(video).to_have_js_property("paused", True)
    position.fill("1.5")
    for video in (first, second):
        expect(video).to_have_js_property("currentTime", 1.5)
    position.fill("2.5")
    expect(second).to_have_js_property("currentTime", 2.5)
    expect(first).to_have_js_property("ended", True)
    expect(first).to_have_js_property("muted", False)
    expect(second).to_have_js_property("muted", True)
    dialog.get_by_role("radio", name="The second").check()
    expect(first).to_have_js_property("muted", True)
    expect(second).to_have_js_property("muted", False)
    dialog.get_by_role("slider", name="How much of the first is seen").press("Home")
    assert first.evaluate("each => getComputedStyle(each).clipPath") == "inset(0px 100% 0px 0px)"
    assert_accessible(page)
    # From the end it begins anew, both of them.
    position.fill("3")
    dialog.get_by_role("button", name="Play").click()
    for video in (first, second):
        expect(video).to_have_js_property("paused", False)
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_two_sounds_are_one_player_that_switches_in_place(page: Page, owner: httpx.Client) -> None:
    upload(owner, "low.wav", "audio/wav", tone(100, 2))
    upload(owner, "high.wav", "audio/wav", tone(150, 2))
    dialog = compare(page, "low.wav", "high.wav")
    sounds = dialog.locator("audio")
    dialog.get_by_role("button", name="Play").click()
    for place in (0, 1):
        expect(sounds.nth(place)).to_have_js_property("paused", False)
    dialog.get_by_role("button", name="Pause").click()
    dialog.get_by_role("slider", name="Position").fill("1")
    for name, heard in (("The second", [True, False]), ("The first", [False, True])):
        dialog.get_by_role("radio", name=name).check()
        # The second one stands first.
        for place, is_muted in enumerate(reversed(heard)):
            expect(sounds.nth(place)).to_have_js_property("muted", is_muted)
            expect(sounds.nth(place)).to_have_js_property("currentTime", 1)
