"""The language models on disk: what their heads say, how each is to run, whose bytes are known."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from boot.language import LanguageSpec
from studio.clock import Clock
from studio.errors import InvalidRequest, NotFound
from studio.language_errors import LanguageModelNotFound, ModelNotConfirmed
from studio.services.language_needs import Need, needed, usual_context
from studio.store.gguf_heads import BadGguf, ChatTemplate, GgufHead, read_gguf
from studio.store.language_models import DEFAULT, LanguageModelStore, LanguageSettings
from studio.store.model_files import ModelFile, ModelFileStore
from studio.store.model_roots import LLM

_SUFFIX: Final = ".gguf"
_UNREADABLE: Final = "The file cannot be read."
_OWN_FORMATS: Final = frozenset({"", "mtmd", "gemma4"})
"""Those that go by the template in the model's head."""
_OTHER_TEMPLATE: Final = ChatTemplate(takes_system=True)
KNOWN, CONFIRMED, UNKNOWN = "known", "confirmed", "unknown"


@dataclass(frozen=True, slots=True)
class GgufFile:
    """One file. ``fault`` is why its head is none, ``trust`` whose word there is for its bytes."""

    name: str
    path: Path
    size_bytes: int
    fingerprint: str
    sha256: str | None
    head: GgufHead | None
    fault: str
    trust: str
    settings: LanguageSettings

    @property
    def id(self) -> str:
        """What programs call it."""
        return self.name[: -len(_SUFFIX)]

    def is_still_there(self) -> bool:
        """Whether the disk has it as it was when it was judged."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        return _mark(now.st_size, now.st_mtime_ns) == self.fingerprint


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model, with its eyes."""

    file: GgufFile
    projector: GgufFile | None
    projectors: tuple[str, ...]
    """The files that could be."""

    @property
    def id(self) -> str:
        return self.file.id

    @property
    def context(self) -> int:
        """In tokens, as it is to run."""
        head = self.file.head
        return self.file.settings.context or (0 if head is None else usual_context(head))

    @property
    def embeddings(self) -> bool:
        """Whether it turns texts into vectors.

        Without a word on pooling there would be one for each token, which no program can use.
        """
        head = self.file.head
        return self.file.settings.embeddings if head is None else bool(_pooling(head))

    @property
    def template(self) -> ChatTemplate:
        """How it is told of a chat: by the template in its head, or by one of llama.cpp's own."""
        head, form = self.file.head, self.told_format
        if head is None or head.template is None or form not in _OWN_FORMATS:
            return _OTHER_TEMPLATE
        return head.template

    @property
    def told_format(self) -> str:
        """The name that llama.cpp's server has for it; empty for that of its head."""
        return self.file.settings.chat_format or ("" if self.projector is None else "mtmd")

    def need(self, *, on_gpu: bool) -> Need:
        """What it takes."""
        if self.file.head is None:
            return Need(0, self.file.size_bytes)
        return needed(
            self.file.head,
            context=self.context,
            gpu_layers=self.file.settings.gpu_layers if on_gpu else 0,
            projector_bytes=0 if self.projector is None else self.projector.size_bytes,
        )

    def spec(self, *, port: int, key: str, on_gpu: bool, gpu: str = "") -> LanguageSpec:
        """What a place has to know to run it, on one of several GPUs if ``gpu`` names it."""
        said = self.file.settings
        eyes = self.projector
        return LanguageSpec(
            model=self.file.name,
            projector="" if eyes is None else eyes.name,
            chat_format=self.told_format,
            port=port,
            key=key,
            context=self.context or 2048,
            threads=said.threads or max(1, (os.cpu_count() or 2) // 2),
            gpu_layers=said.gpu_layers if on_gpu else 0,
            embeddings=self.embeddings,
            gpu=gpu,
        )

    def check(self) -> None:
        """Raises ModelNotConfirmed when nobody vouches for what llama.cpp would read."""
        for file in (self.file, self.projector):
            if file is not None and file.trust == UNKNOWN:
                why = f" {file.fault}" if file.fault else ""
                raise ModelNotConfirmed(
                    f"Nobody knows the bytes of {file.name}, and a damaged file of this kind can "
                    f"take over what reads it.{why} The owner can confirm it in Models.",
                    details={"model": self.id, "file": file.name, "fault": file.fault},
                )

    def look_again(self) -> None:
        """Raises ModelNotConfirmed when the disk has another file than the one that was judged."""
        for file in (self.file, self.projector):
            if file is not None and not file.is_still_there():
                raise ModelNotConfirmed(
                    f"{file.name}: The file has changed since it was looked at.",
                    details={"model": self.id, "file": file.name, "fault": file.fault},
                )


class LanguageFiles:
    """Reads each head once for each state of its file.

    Args:
        is_catalogued: whether a catalog lists exactly these bytes.
    """

    def __init__(
        self,
        *,
        root: Path,
        files: ModelFileStore,
        store: LanguageModelStore,
        is_catalogued: Callable[[ModelFile], bool],
        clock: Clock,
    ) -> None:
        self._root = root
        self._files = files
        self._store = store
        self._is_catalogued = is_catalogued
        self._clock = clock
        self._heads: dict[str, tuple[str, GgufHead | None, str]] = {}
        self._reading = asyncio.Lock()

    async def all(self) -> Sequence[InstalledModel]:
        """Every model that is no other one's eyes, by name."""
        listed = [
            file
            for file in await self._files.all()
            if file.root == LLM and file.name.lower().endswith(_SUFFIX)
        ]
        settings = await self._store.all()
        async with self._reading:
            await asyncio.to_thread(self._read, listed)
        found = [self._found(file, settings) for file in listed]
        eyes = [one for one in found if one.head is not None and one.head.is_projector]
        return [
            InstalledModel(one, _eyes_of(one, eyes), tuple(each.name for each in eyes))
            for one in sorted(found, key=lambda one: one.name.lower())
            if one.head is None or not one.head.is_projector
        ]

    async def get(self, model_id: str) -> InstalledModel:
        """Raises NotFound."""
        for model in await self.all():
            if model.id == model_id:
                return model
        raise NotFound("There is no such language model.")

    async def asked(self, model_id: object) -> InstalledModel:
        """The model that a request names. Raises LanguageModelNotFound."""
        try:
            return await self.get(str(model_id))
        except NotFound:
            raise LanguageModelNotFound(
                f"There is no language model {model_id!r}.", details={"field": "model"}
            ) from None

    async def set(self, model_id: str, said: LanguageSettings) -> InstalledModel:
        """Have it run so from its next start on.

        Raises:
            NotFound: there is no such model.
            InvalidRequest: the eyes are no file that could be its, or it cannot make vectors.
        """
        model = await self.get(model_id)
        if said.projector and said.projector not in model.projectors:
            raise InvalidRequest(
                "There is no such projector among the language models.",
                details={"field": "projector"},
            )
        # What was said once may stay, and means nothing.
        is_new = said.embeddings and not model.file.settings.embeddings
        if is_new and model.file.head is not None and not model.embeddings:
            raise InvalidRequest(
                "Its file does not say how the vectors of its tokens become one.",
                details={"field": "embeddings"},
            )
        kept = replace(said, confirmed=model.file.settings.confirmed)
        await self._store.put(model.file.name, kept, self._clock.now_ms())
        return await self.get(model_id)

    async def confirm(self, model_id: str) -> InstalledModel:
        """The owner vouches for its bytes, and its eyes', as they are now. Raises NotFound."""
        model = await self.get(model_id)
        for file in (model.file, model.projector):
            if file is not None and file.trust == UNKNOWN:
                said = replace(file.settings, confirmed=file.fingerprint)
                await self._store.put(file.name, said, self._clock.now_ms())
        return await self.get(model_id)

    def _read(self, listed: Sequence[ModelFile]) -> None:
        heads = {}
        for file in listed:
            mark = _fingerprint(file)
            known = self._heads.get(file.name)
            # What a disk could not read once it may read the next time.
            if known is not None and known[0] == mark and known[2] != _UNREADABLE:
                heads[file.name] = known
                continue
            try:
                heads[file.name] = mark, read_gguf(self._root / file.name), ""
            except BadGguf as error:
                heads[file.name] = mark, None, str(error)
            except OSError:
                heads[file.name] = mark, None, _UNREADABLE
        self._heads = heads

    def _found(self, file: ModelFile, settings: Mapping[str, LanguageSettings]) -> GgufFile:
        said = settings.get(file.name, DEFAULT)
        mark, head, fault = self._heads[file.name]
        trust = UNKNOWN
        if file.sha256 and not (file.fault or fault) and self._is_catalogued(file):
            trust = KNOWN
        elif said.confirmed == mark:
            trust = CONFIRMED
        path = self._root / file.name
        return GgufFile(
            file.name, path, file.size_bytes, mark, file.sha256, head, fault, trust, said
        )


def _fingerprint(file: ModelFile) -> str:
    return _mark(file.size_bytes, file.mtime_ns)


def _mark(size_bytes: int, mtime_ns: int) -> str:
    return f"{size_bytes}:{mtime_ns}"


def _pooling(head: GgufHead) -> int:
    return head.number("pooling_type")


def _eyes_of(model: GgufFile, eyes: Sequence[GgufFile]) -> GgufFile | None:
    """The eyes that were chosen, or those whose name says whose they are.

    Eyes that nobody knows, and that nobody chose, do not come to a model that may run without them.
    """
    chosen = model.settings.projector
    if chosen is not None:
        return next((each for each in eyes if each.name == chosen), None)
    found = [
        each
        for each in eyes
        if _are_eyes_of(each, model) and (each.trust != UNKNOWN or model.trust == UNKNOWN)
    ]
    return max(found, key=lambda each: len(_stem(each)), default=None)


def _are_eyes_of(eyes: GgufFile, model: GgufFile) -> bool:
    folder, _, own = model.id.lower().rpartition("/")
    place, _, name = eyes.id.lower().rpartition("/")
    stem = _stem(eyes)
    is_named = own == stem or own.startswith(f"{stem}-")
    return is_named and place == folder and name.startswith("mmproj-")


def _stem(eyes: GgufFile) -> str:
    """mmproj-Model-f16.gguf belongs to Model-Q4_K_M.gguf: the same up to the number format."""
    word = eyes.id.lower().rpartition("/")[2].removeprefix("mmproj-")
    return word.rpartition("-")[0] or word
