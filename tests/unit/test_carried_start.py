"""A whole Studio over a folder whose small outputs were still in the database."""

from __future__ import annotations

from pathlib import Path

from blake3 import blake3

from studio.clock import new_id
from studio.models import OWNER_ID, Asset
from studio.store.assets import AssetStore
from studio.store.blobs import BlobStore
from studio.store.db import Database
from tests.api.house import open_house

DATA = b"a small picture"


async def left(db: Database) -> int:
    """How many rows still carry bytes."""
    return await db.read(
        lambda connection: int(
            connection.execute("SELECT count(*) FROM carried_blobs").fetchone()[0]
        )
    )


async def test_a_studio_restores_small_outputs_before_it_looks_for_lost_ones(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        database = house.db.path
    blobs = BlobStore(house.folder / "assets")
    db = Database(database)
    await db.open()
    store = AssetStore(db, blobs, house.clock)
    outputs = []
    for index, data in enumerate((b"gone", DATA, b"nobody's")):
        staged = blobs.keep(data)
        asset = Asset(
            id=new_id(),
            user_id=OWNER_ID,
            hash=staged.hash,
            size_bytes=staged.size_bytes,
            content_type="text/plain",
            file_path="out.txt",
            created_at=1,
            job_id=f"j{index}",
            node_id="9",
            output_index=0,
        )
        outputs.append((asset, staged))
    await db.write(
        lambda connection: [
            connection.execute(
                "INSERT INTO jobs (id, user_id, status, created_at, completed_at, rank, graph_key,"
                " affinity_key, classes, models, paid, origin, metadata, extra, graph)"
                " VALUES (?, ?, 'succeeded', 1, 2, 0, '', '', '[]', '[]', 0, 'api', '{}', '{}',"
                " '{}')",
                (asset.job_id, OWNER_ID),
            )
            for asset, _ in outputs
        ]
    )
    await db.write(lambda connection: [store.add_output(connection, *output) for output in outputs])
    await db.write(lambda connection: connection.execute("DELETE FROM jobs WHERE id = 'j2'"))
    await db.close()
    gone, torn, nobodys = (blobs.path(staged.hash) for _, staged in outputs)
    gone.unlink()
    torn.write_bytes(bytes(len(DATA)))
    async with open_house(tmp_path) as house:
        assert (gone.read_bytes(), torn.read_bytes()) == (b"gone", DATA)
        assert not nobodys.exists()
        assert await left(house.db) == 3
        async with house.client() as owner:
            assert "missing" not in (await owner.get("/ready")).text
            answer = await owner.get(f"/api/v2/assets/{outputs[1][0].id}/content")
            assert f"blake3:{blake3(answer.content).hexdigest()}" == outputs[1][0].hash
