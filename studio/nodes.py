"""Node packs, built in order: the files, the registry, the service, the routes.

Apart from ``household.py`` as ``stock.py`` is from ``app.py``: one noun of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from boot.packs import WORK_FOLDER
from studio.clients.supervisor import Supervisor
from studio.clock import Clock
from studio.models import Record
from studio.net import Outbound
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.node_packs import NodePacks
from studio.services.node_registry import read_registry
from studio.services.pack_rescue import PackRescue
from studio.settings import Settings
from studio.store.catalog_files import CatalogFiles
from studio.store.node_packs import NodePackFiles

SHIPPED: Final = Path(__file__).resolve().parents[1] / "catalogs"
OVERLAY: Final = "catalogs"
RESCUE: Final = "pack-rescue.json"


def build_node_packs(
    *,
    settings: Settings,
    clock: Clock,
    engines: EngineService,
    health: HealthService,
    record: Record,
) -> NodePacks:
    """The service; what a killed run left is looked after by its task."""
    catalogs = CatalogFiles(shipped=SHIPPED, overlay=settings.studio_dir / OVERLAY)
    files = NodePackFiles(root=settings.custom_nodes_dir, work=settings.engine_dir / WORK_FOLDER)
    return NodePacks(
        files=files,
        rescue=PackRescue(files, settings.studio_dir / RESCUE),
        registry=read_registry(catalogs),
        engines=engines,
        health=health,
        supervisor=Supervisor.found(settings.run_dir),
        outbound=Outbound(settings.outbound_allow),
        clock=clock,
        record=record,
    )
