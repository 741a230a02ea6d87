"""Looking at files and uploading them."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.contract.clients import Client, fresh_color, solid


def png(color: str = "red", size: tuple[int, int] = (8, 6), mode: str = "RGB") -> bytes:
    """Return a small picture as a file."""
    buffer = BytesIO()
    Image.new(mode, size, color).save(buffer, "PNG")
    return buffer.getvalue()


def unique(stem: str = "picture") -> str:
    """Return a file name that no other test uses."""
    return f"{stem}{fresh_color()}.png"


def upload(client: Client, name: str, content: bytes, **form: str) -> dict[str, Any]:
    """Upload a picture that must be accepted and return the answer."""
    answer = client.http.post("/upload/image", files={"image": (name, content)}, data=form)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def view(client: Client, **query: str) -> bytes:
    """Return the content of a file that must exist."""
    answer = client.http.get("/view", params=query)
    assert answer.status_code == 200
    return answer.content


def test_an_output_is_seen_under_its_subfolder_and_type(client: Client) -> None:
    [reference] = client.run(solid("contract/deep/er"))["outputs"]["2"]["images"]
    assert reference["subfolder"] == "contract/deep"
    assert reference["type"] == "output"
    assert reference["filename"].startswith("er_0")
    answer = client.http.get("/view", params=reference)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert reference["filename"] in answer.headers["content-disposition"]
    assert client.http.get("/view", params=reference | {"subfolder": ""}).status_code == 404
    assert client.http.get("/view", params=reference | {"type": "temp"}).status_code == 404


def test_saved_pictures_carry_the_graph_and_the_workflow(client: Client) -> None:
    extra = {"extra_pnginfo": {"workflow": {"nodes": [1]}}}
    entry = client.run(solid(), extra_data=extra)
    picture = client.image(entry["outputs"]["2"]["images"][0])
    assert json.loads(picture.info["prompt"]) == entry["prompt"][2]
    assert json.loads(picture.info["workflow"]) == {"nodes": [1]}


def test_a_batch_is_saved_under_counted_names(client: Client) -> None:
    graph = solid(f"contract/batch{fresh_color()}")
    graph["1"]["inputs"]["batch_size"] = 3
    names = [each["filename"] for each in client.run(graph)["outputs"]["2"]["images"]]
    assert [name[-11:] for name in names] == ["_00001_.png", "_00002_.png", "_00003_.png"]


def test_previews_of_nodes_are_temporary_files(client: Client) -> None:
    graph = solid()
    graph["2"] = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    [reference] = client.run(graph)["outputs"]["2"]["images"]
    assert reference["type"] == "temp"
    assert client.image(reference).size == (64, 64)


def test_a_file_can_be_seen_as_a_smaller_preview(client: Client) -> None:
    name = unique()
    upload(client, name, png())
    for wanted, kind in (("jpeg", "jpeg"), ("webp;50", "webp"), ("bmp", "webp")):
        answer = client.http.get(
            "/view", params={"filename": name, "type": "input", "preview": wanted}
        )
        assert answer.headers["content-type"] == f"image/{kind}"
        assert Image.open(BytesIO(answer.content)).size == (8, 6)


def test_single_channels_can_be_seen(client: Client) -> None:
    name = unique()
    upload(client, name, png("#ff000040", mode="RGBA"))
    colors = Image.open(BytesIO(view(client, filename=name, type="input", channel="rgb")))
    assert colors.getpixel((0, 0)) == (255, 0, 0)
    alpha = Image.open(BytesIO(view(client, filename=name, type="input", channel="a")))
    assert alpha.getpixel((0, 0)) == (0, 0, 0, 64)


def test_a_mark_in_the_name_wins_over_the_type(client: Client) -> None:
    name = unique()
    upload(client, name, png())
    assert view(client, filename=f"{name} [input]", type="output") == png()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 404),
        ({"filename": ""}, 400),
        ({"filename": "/etc/passwd"}, 400),
        ({"filename": "../engine.log"}, 400),
        ({"filename": "x.png", "type": "home"}, 400),
        ({"filename": "engine.log", "subfolder": ".."}, 403),
        ({"filename": "passwd", "subfolder": "/etc"}, 403),
        ({"filename": "missing.png"}, 404),
        ({"filename": "contract"}, 404),
    ],
)
def test_only_files_inside_the_folders_are_seen(
    client: Client, query: dict[str, str], status: int
) -> None:
    assert client.http.get("/view", params=query).status_code == status


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "script.js"])
def test_files_that_a_browser_would_run_are_downloads(client: Client, name: str) -> None:
    upload(client, name, b"<script>1</script>", overwrite="true")
    answer = client.http.get("/view", params={"filename": name, "type": "input"})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_uploaded_picture_is_an_input(client: Client) -> None:
    name = unique()
    assert upload(client, name, png()) == {"name": name, "subfolder": "", "type": "input"}
    assert view(client, filename=name, type="input") == png()
    choices = client.http.get("/object_info/LoadImage").json()["LoadImage"]["input"]["required"]
    assert name in choices["image"][0]


def test_an_upload_can_go_to_a_subfolder_and_another_type(client: Client) -> None:
    name = unique()
    answer = upload(client, name, png(), subfolder="some/where", type="temp")
    assert answer == {"name": name, "subfolder": "some/where", "type": "temp"}
    assert view(client, filename=name, subfolder="some/where", type="temp") == png()


def test_an_uploaded_picture_in_a_subfolder_can_be_loaded(client: Client) -> None:
    name = unique()
    upload(client, name, png("blue"), subfolder="some")
    graph = solid()
    graph["1"] = {"class_type": "LoadImage", "inputs": {"image": f"some/{name}"}}
    picture = client.image(client.run(graph)["outputs"]["2"]["images"][0])
    assert picture.size == (8, 6)
    assert picture.getpixel((0, 0)) == (0, 0, 255)


def test_another_picture_of_the_same_name_gets_a_number(client: Client) -> None:
    name = unique()
    upload(client, name, png("red"))
    stem = name.removesuffix(".png")
    assert upload(client, name, png("blue"))["name"] == f"{stem} (1).png"
    assert upload(client, name, png("green"))["name"] == f"{stem} (2).png"
    assert upload(client, name, png("blue"))["name"] == f"{stem} (1).png"
    assert view(client, filename=name, type="input") == png("red")


def test_the_same_picture_again_is_not_stored_twice(client: Client) -> None:
    name = unique()
    upload(client, name, png())
    assert upload(client, name, png())["name"] == name


@pytest.mark.parametrize("value", ["true", "1"])
def test_an_upload_may_overwrite(client: Client, value: str) -> None:
    name = unique()
    upload(client, name, png("red"))
    assert upload(client, name, png("blue"), overwrite=value)["name"] == name
    assert view(client, filename=name, type="input") == png("blue")


@pytest.mark.parametrize(
    ("name", "subfolder"),
    [("x.png", ".."), ("x.png", "/etc"), ("../x.png", ""), ("a/../../x.png", "")],
)
def test_an_upload_stays_inside_its_folder(client: Client, name: str, subfolder: str) -> None:
    answer = client.http.post(
        "/upload/image", files={"image": (name, png())}, data={"subfolder": subfolder}
    )
    assert answer.status_code == 400


def test_an_upload_without_a_file_is_refused(client: Client) -> None:
    answer = client.http.post("/upload/image", files={"other": ("x.png", png())})
    assert answer.status_code == 400


def test_a_mask_becomes_the_alpha_of_its_picture(client: Client) -> None:
    name, masked = unique(), unique("masked")
    upload(client, name, png("red"))
    answer = client.http.post(
        "/upload/mask",
        files={"image": (masked, png("#00000080", mode="RGBA"))},
        data={"original_ref": json.dumps({"filename": name, "type": "input"})},
    )
    assert answer.json() == {"name": masked, "subfolder": "", "type": "input"}
    picture = Image.open(BytesIO(view(client, filename=masked, type="input")))
    assert picture.getpixel((0, 0)) == (255, 0, 0, 128)


def test_a_mask_of_a_picture_that_may_not_be_read_is_not_stored(client: Client) -> None:
    masked = unique("masked")
    for reference in ({"filename": "../engine.log"}, {"filename": "missing.png"}):
        client.http.post(
            "/upload/mask",
            files={"image": (masked, png())},
            data={"original_ref": json.dumps(reference)},
        )
        query = {"filename": masked, "type": "input"}
        assert client.http.get("/view", params=query).status_code == 404


def test_the_alpha_of_a_loaded_picture_is_the_mask_turned_round(client: Client) -> None:
    name = unique()
    upload(client, name, png("#ff000040", mode="RGBA"))
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {"class_type": "MaskToImage", "inputs": {"mask": ["1", 1]}},
        "3": {
            "class_type": "SaveImage",
            "inputs": {"images": ["2", 0], "filename_prefix": "contract/mask"},
        },
    }
    picture = client.image(client.run(graph)["outputs"]["3"]["images"][0])
    assert picture.getpixel((0, 0)) == pytest.approx((191, 191, 191), abs=1)


def test_an_animation_is_saved_as_one_file(client: Client) -> None:
    graph = solid()
    graph["1"]["inputs"]["batch_size"] = 2
    graph["3"] = {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}}
    graph["4"] = {"class_type": "ImageBatch", "inputs": {"image1": ["1", 0], "image2": ["3", 0]}}
    graph["2"] = {
        "class_type": "SaveAnimatedWEBP",
        "inputs": {
            "images": ["4", 0],
            "filename_prefix": "contract/moving",
            "fps": 6.0,
            "lossless": True,
            "quality": 80,
            "method": "default",
        },
    }
    shown = client.run(graph)["outputs"]["2"]
    assert shown["animated"] == [True]
    [reference] = shown["images"]
    picture = client.image(reference)
    assert picture.format == "WEBP"
    assert getattr(picture, "n_frames", 1) == 2
