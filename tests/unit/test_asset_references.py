from __future__ import annotations

import pytest

from studio.clock import new_id
from studio.errors import MissingAsset
from tests.fakes.asset_app import ANN, BEN, OWNER, Library
from tests.unit.asset_library import add_output, reference, upload
from tests.unit.asset_library import library as library


async def test_names_in_a_graph_mean_the_callers_newest_upload(library: Library) -> None:
    await upload(library, b"old", "photo.png")
    library.clock.advance(1)
    newest = await upload(library, b"new", "photo.png")
    library.clock.advance(1)
    await upload(library, b"foreign", "photo.png", BEN)
    await library.add_job("j1")
    output = await add_output(library, "j1", b"made")
    wanted = [
        reference("photo.png"),
        reference("out.txt", kind="output"),
        reference("out.txt", kind="temp", node="2"),
        reference(asset_id=newest.id, node="3"),
    ]
    found = await library.service.resolve(ANN, wanted)
    assert [found[one].id for one in wanted] == [newest.id, output.id, output.id, newest.id]


async def test_a_missing_and_a_foreign_file_look_the_same(library: Library) -> None:
    foreign = await upload(library, b"bens", "secret.png", BEN)
    unknown = new_id()
    messages = []
    for asset_id in (foreign.id, unknown):
        with pytest.raises(MissingAsset) as caught:
            await library.service.resolve(ANN, [reference(asset_id=asset_id)])
        messages.append(str(caught.value.details).replace(asset_id, "ID"))
    assert messages[0] == messages[1]
    with pytest.raises(MissingAsset) as caught:
        await library.service.resolve(
            ANN, [reference("secret.png"), reference("../x", node="7"), reference("", node="7")]
        )
    assert caught.value.details is not None
    errors = caught.value.details["node_errors"]
    assert set(errors) == {"1", "7"}
    assert len(errors["7"]) == 2
    assert errors["1"][0]["field"] == "image"
    assert errors["1"][0]["reason"] == "missing_asset"


async def test_the_owner_uses_other_peoples_files_by_id_but_never_by_name(
    library: Library,
) -> None:
    asset = await upload(library, b"anns", "photo.png")
    found = await library.service.resolve(OWNER, [reference(asset_id=asset.id)])
    assert list(found.values()) == [asset]
    with pytest.raises(MissingAsset):
        await library.service.resolve(OWNER, [reference("photo.png")])
