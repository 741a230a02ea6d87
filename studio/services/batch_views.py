"""A batch as it is looked at: its cells, and what became of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from studio.models import Asset
from studio.store.batches import Batch


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of a batch; ``outputs`` are those not trashed, ``is_trashed`` when all are."""

    index: int
    coordinates: tuple[int, ...]
    labels: tuple[str, ...]
    job_id: str | None
    status: str
    outputs: tuple[Asset, ...]
    is_trashed: bool = False


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch as it stands."""

    batch: Batch
    cells: list[Cell]

    def counts(self) -> dict[str, int]:
        return dict(Counter(cell.status for cell in self.cells))
