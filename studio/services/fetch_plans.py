"""What has to be fetched for a graph: judged before its job is accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio.errors import Forbidden, NotFound, PickleRefused, Unavailable, Unprocessable
from studio.graphs.declarations import ObjectInfo
from studio.graphs.graph import Graph
from studio.graphs.model_references import folder_of, model_references
from studio.models import Identity, Scope
from studio.remote import without_query
from studio.services.download_credentials import Credential, LentCredentials
from studio.services.downloads import Downloads
from studio.services.engines import EngineService
from studio.services.fetches import Fetch, cached_name
from studio.services.media_inputs import Source
from studio.services.model_cache import ModelCache
from studio.services.model_checks import check_name, refused_to_job
from studio.store.secrets import SecretStore

MAX_FETCHES: Final = 64


class ModelUnknown(Unprocessable):
    code = "model_folder_unknown"


@dataclass(frozen=True, slots=True)
class FetchMeans:
    """How files come.

    ``check_reference`` refuses a reference that nothing can be fetched by, ``check_url`` an address
    that nothing is; ``media`` opens those of pictures, films and sounds; ``key`` makes names of
    files that need credentials.
    """

    downloads: Downloads
    cache: ModelCache
    check_reference: Callable[[str], None]
    check_url: Callable[[str], object]
    media: Source
    lent: LentCredentials
    secrets: SecretStore
    key: bytes


class FetchPlanner:
    """Finds what graphs name by an address."""

    def __init__(self, engines: EngineService, means: FetchMeans) -> None:
        self._engines = engines
        self._means = means

    async def plan(
        self,
        identity: Identity,
        graph: Graph,
        info: ObjectInfo | None,
        credentials: Sequence[Credential],
    ) -> list[Fetch]:
        """What has to be fetched for a graph.

        Raises:
            Forbidden: the caller may not send graphs, and so not say where files come from.
            NotFound: a secret that is named is not the caller's.
            InvalidRequest, BlockedAddress, PickleRefused, NotAModel, Unprocessable: it cannot be.
            Unavailable: no engine has said yet where models belong.
        """
        # Judged though only a picture may need them: what is no name must not be stored as one.
        secrets = self._means.secrets
        known = [await revealed(secrets, identity.user_id, each) for each in credentials]
        found = model_references(graph, info)
        if not found:
            return []
        if len(found) > MAX_FETCHES:
            raise Unprocessable(f"A graph names at most {MAX_FETCHES} models by their address.")
        if Scope.GRAPHS_RUN not in identity.scopes:
            raise Forbidden("Naming a model by its address needs the scope graphs:run.")
        listings = await self._engines.model_lists() if info is not None else {}
        if not listings:
            raise Unavailable(
                "No engine has said yet where models belong that are fetched.", retry_after_s=2
            )
        fetches = []
        for each in found:
            self._means.check_reference(each.reference)
            folder = folder_of(each, listings)
            if folder is None:
                raise ModelUnknown(
                    f"Nothing tells which folder {each.class_type[:60]} takes {each.name[:60]} "
                    "from: download the model there, and name it.",
                    details={"node_id": each.node_id, "input": each.name},
                )
            which = next((at for at, one in enumerate(known) if one.fits(each.reference)), None)
            mark = None if which is None else known[which].mark(self._means.key, each.reference)
            name = cached_name(each.reference, mark)
            fetch = Fetch(each.node_id, each.path, folder, name, each.reference, which)
            try:
                check_name(name, allow_pickle=False)
            except PickleRefused:
                where = {"node_id": each.node_id, "input": each.name}
                reference = without_query(each.reference)
                raise refused_to_job(fetch.title, **where, reference=reference) from None
            fetches.append(fetch)
        return fetches


async def revealed(secrets: SecretStore, user_id: str, credential: Credential) -> Credential:
    """A credential with its value, if that is a stored secret.

    Raises:
        NotFound: it is none of the user's.
    """
    if credential.secret is None:
        return credential
    try:
        value = await secrets.reveal(user_id, credential.secret)
    except NotFound:
        # Whoever took the value for the name must not find it in an answer.
        raise NotFound("credentials name a secret that is none of yours.") from None
    return replace(credential, value=value)
