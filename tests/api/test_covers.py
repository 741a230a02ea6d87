"""What stands for workflows and presets: a picture, or a video's poster."""

from __future__ import annotations

from pathlib import Path

from tests.api.house import open_house
from tests.api.pictures import act, indexed, shelf
from tests.api.presets import good, save
from tests.api.test_thumbnails import video


async def test_a_video_can_stand_for_its_workflow_and_for_a_preset(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [picture] = await stores.add("a fox", workflow_id="contact-sheet", days_ago=2)
        [clip] = await stores.add(
            "a fox that runs",
            workflow_id="contact-sheet",
            data=video("mp4", "libx264"),
            content_type="video/mp4",
            days_ago=1,
        )
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 2)
        seen = good(await owner.get("/api/workflows/contact-sheet"))
        assert (seen["cover"], seen["cover_kind"]) == (clip, "video")
        assert (await owner.get(f"/api/assets/{clip}/poster")).status_code == 200
        saved = await save(owner, cover=clip)
        poster = await owner.get(f"/api/presets/{saved['id']}/cover")
        assert (poster.status_code, poster.headers["content-type"]) == (200, "image/webp")
        await act(owner, [clip], "trash")
        seen = good(await owner.get("/api/workflows/contact-sheet"))
        assert (seen["cover"], seen["cover_kind"]) == (picture, "image")
