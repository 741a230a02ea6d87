"""What all tests share: how several processes run them (``-n``), and whom clients trust."""

from __future__ import annotations

import functools
import os
import ssl
from typing import Any, Final

import httpx
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

BROWSER: Final = "tests/browser/"
LONG: Final = (
    BROWSER,
    "tests/api/test_fuzzed_",
    "tests/api/test_on_demand",
    "tests/api/test_private_models",
    "tests/cli/",
    "tests/faults/",
    "tests/security/test_comfy_port",
    "tests/security/test_hot_path",
    "tests/security/test_login_floods",
    "tests/security/test_users",
)
"""Beginnings of the files that together take longer than all others."""
_AHEAD: Final = 2
"""So many tests a process has before it: the one that it runs, and the next."""


@functools.cache
def trusting(_files: str | None, *arguments: Any, **options: Any) -> ssl.SSLContext:
    """Whom a client trusts: reading that takes a tenth of a second, and tests make thousands."""
    return httpx.create_ssl_context(*arguments, **options)


vars(httpx._transports.default)["create_ssl_context"] = lambda *arguments, **options: trusting(
    os.environ.get("SSL_CERT_FILE"), *arguments, **options
)


class ByFile(LoadScopeScheduling):
    """The tests of a file stay together and in order: they share its fixtures.

    All that drive a browser stay together as well: two browsers at a time only slow each other.
    (``--dist loadgroup`` would say so with marks, and silently does not under pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return BROWSER if path.startswith(BROWSER) else path

    def remove_node(self, node: WorkerController) -> str | None:
        """A test that hung has failed and is not run by the next process too (xdist would).

        Nor is anything left of what had ended: a process that is given nothing waits for ever.
        """
        left = {
            scope: [nodeid for nodeid, is_done in unit.items() if not is_done]
            for scope, unit in self.assigned_work[node].items()
        }
        hung = next((nodeid for nodeids in left.values() for nodeid in nodeids), None)
        self.assigned_work[node] = {
            scope: dict.fromkeys(waiting, False)
            for scope, nodeids in left.items()
            if (waiting := [nodeid for nodeid in nodeids if nodeid != hung])
        }
        super().remove_node(node)
        return hung

    def _reschedule(self, node: WorkerController) -> None:
        """A process runs a test once it knows the next one, or that there is none."""
        while (
            self.workqueue
            and not node.shutting_down
            and self._pending_of(self.assigned_work[node]) <= _AHEAD
        ):
            self._assign_work_unit(node)
        if not self.workqueue and not node.shutting_down:
            node.shutdown()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: the other process takes all the rest meanwhile, so both end together."""
    for item in items:
        if item.nodeid.startswith(LONG):
            item.add_marker("long")
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)
