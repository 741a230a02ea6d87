"""Which workflows name which model files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from studio.store.model_files import ModelFile
from studio.store.model_roots import ALIASES
from studio.store.workflow_rows import Workflow
from studio.store.workflows import WorkflowStore

Users = dict[tuple[str | None, str], list[tuple[str, str]]]


class ModelUsers:
    """Reads every user's workflows: a file that one of them needs is needed."""

    def __init__(self, workflows: WorkflowStore) -> None:
        self._workflows = workflows

    async def all(self) -> Users:
        """Workflows by (id, name), for each (folder, name) that they name.

        The folder is ``None`` where a workflow does not say it.
        """
        found: Users = defaultdict(list)
        for workflow in await self._workflows.visible(None, trashed=False):
            for place in _places(workflow):
                found[place].append((workflow.id, str(workflow.version.manifest["name"])))
        return dict(found)

    async def of(self, file: ModelFile) -> Sequence[tuple[str, str]]:
        """The workflows that name a file."""
        return users_of(file, await self.all())


def users_of(file: ModelFile, users: Users) -> list[tuple[str, str]]:
    """The workflows among ``users`` that name a file."""
    found = [*users.get((file.folder, file.name), ()), *users.get((None, file.name), ())]
    return list(dict.fromkeys(found))


def _places(workflow: Workflow) -> set[tuple[str | None, str]]:
    listed = [*workflow.version.manifest.get("models", ()), *workflow.version.needs["models"]]
    found = set()
    for model in listed:
        directory = model.get("directory")
        folder = str(directory).partition("/")[0] if directory else None
        known = None if folder is None else ALIASES.get(folder, folder)
        found.add((known, str(model["file"]).replace("\\", "/")))
    return found
