"""Help with prompts by a language model: improved, translated, expanded, seen, cut into scenes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from studio.chat_errors import InvalidChat, ModelSeesNoPictures
from studio.errors import InvalidRequest
from studio.language_errors import LanguageModelNotFound, LanguageServerDied, NoLanguageModel
from studio.models import Identity
from studio.services.chat_fields import MAX_EXAMPLE, files_of, id_of, known_fields, text_of, wrong
from studio.services.chat_pictures import ChatPictures
from studio.services.language import Language, LanguageModel, RequireTime

MAX_SCENES: Final = 20
MAX_LANGUAGE: Final = 40
TASKS: Final[Mapping[str, str]] = {
    "improve": (
        "Improve this prompt for a picture generator: keep what it shows, make it clearer, add "
        "light, composition and style where they lack. Answer with the prompt alone."
    ),
    "translate": "Translate this prompt into {language}. Answer with the translation alone.",
    "expand": (
        "Expand this idea into one detailed prompt for a picture generator, in its language, in at "
        "most 120 words. Answer with the prompt alone."
    ),
    "describe": (
        "Describe this picture as a prompt that would make a picture generator paint it: subject, "
        "surroundings, light, style. Answer with the prompt alone."
    ),
    "scenes": (
        "Write exactly {count} scenes of a short video after this description. Each is a prompt of "
        "one or two sentences for a video generator and says by itself who and what is seen and "
        "what moves. Answer with a JSON array of {count} strings and nothing else."
    ),
}
_FIELDS: Final = frozenset({"task", "text", "language", "files", "count", "model"})
_MARKS: Final = re.compile(r"^\s*(?:[-*•]|\d+[.):]|scene\s*\d+\s*[.:])\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Order:
    """What the model is asked, and how many ``scenes`` are read from its answer."""

    request: Mapping[str, Any]
    scenes: int | None
    has_picture: bool


class AssistService:
    """Asks the model once for each step; whoever asked sees and changes what comes.

    Args:
        require: refuses somebody who has used up their GPU time.
    """

    def __init__(
        self,
        *,
        language: Language,
        pictures: ChatPictures,
        require: RequireTime,
    ) -> None:
        self._language = language
        self._pictures = pictures
        self._require = require

    async def order(self, identity: Identity, body: Mapping[str, Any]) -> Order:
        """What is asked for, checked, and who is to write it.

        Raises:
            InvalidChat: a field does not fit.
            ModelSeesNoPictures: there is a picture to describe, and the model takes none.
            NoLanguageModel, LanguageModelNotFound: there is nobody to ask.
        """
        known_fields(body, _FIELDS)
        task = body.get("task")
        if not isinstance(task, str) or task not in TASKS:
            raise wrong("task", f"is one of {', '.join(TASKS)}.")
        count = body.get("count", 3)
        if type(count) is not int or not 1 <= count <= MAX_SCENES:
            raise wrong("count", f"is a whole number from 1 to {MAX_SCENES}.")
        wanted = text_of(body, "language", MAX_LANGUAGE).strip() or "English"
        files = files_of(body)
        text = text_of(body, "text", MAX_EXAMPLE, least=0 if task == "describe" else 1)
        if task == "describe" and len(files) != 1:
            raise wrong("files", "names the one picture that is to be described.")
        model = await self._model(id_of(body, "model"), sees=task == "describe")
        await self._require(identity, model.id)
        told = TASKS[task].format(language=wanted, count=count)
        content: Any = text
        if task == "describe":
            url = await self._pictures.url(identity, files[0])
            if url is None:
                raise InvalidChat("This picture is not among yours.", details={"field": "files"})
            picture = {"type": "image_url", "image_url": {"url": url}}
            content = [picture, {"type": "text", "text": text or "Describe it."}]
        request = {
            "model": model.id,
            "messages": [
                {"role": "system", "content": told},
                {"role": "user", "content": content},
            ],
        }
        scenes = count if task == "scenes" else None
        return Order(request, scenes=scenes, has_picture=task == "describe")

    async def help(self, identity: Identity, order: Order) -> dict[str, Any]:
        """``text``, or ``scenes`` for that task, and the ``model`` that wrote it.

        Raises:
            ModelNotRunning, LanguageServerDied: it does not answer.
            ModelSeesNoPictures: there is a picture in it, and its server takes none.
        """
        model = order.request["model"]
        try:
            said = await self._language.ask(
                "chat/completions", order.request, user_id=identity.user_id
            )
        except InvalidRequest as error:
            if not order.has_picture:
                raise
            # Of a server elsewhere nobody knows before what it takes.
            raise ModelSeesNoPictures(f"“{model}” takes no picture: {error.message}") from error
        answer = _said(said)
        if order.scenes is not None:
            return {"scenes": _scenes(answer, order.scenes), "model": model}
        return {"text": answer, "model": model}

    async def _model(self, wanted: str | None, *, sees: bool) -> LanguageModel:
        models = await self._language.models()
        chosen = [
            model for model in models if (model.chats if wanted is None else model.id == wanted)
        ]
        if not chosen and wanted is not None:
            raise LanguageModelNotFound("There is no such language model to ask.")
        if not chosen:
            raise NoLanguageModel("There is no language model to ask.")
        for model in chosen:
            if model.vision or not sees:
                return model
        raise ModelSeesNoPictures("No language model here takes pictures. Choose another one.")


def _said(answer: Mapping[str, Any]) -> str:
    """The words of a whole answer, without what the model said to itself."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str):
        raise LanguageServerDied("The language model answered without words.")
    words = re.sub(r"^\s*<think>.*?</think>", "", content, flags=re.DOTALL).strip()
    if not words:
        raise LanguageServerDied("The language model answered without words.")
    return words


def _scenes(answer: str, count: int) -> list[str]:
    """What was asked for as JSON; small models write lists all the same."""
    begin, end = answer.find("["), answer.rfind("]")
    found: object = None
    if 0 <= begin < end:
        try:
            found = orjson.loads(answer[begin : end + 1])
        except orjson.JSONDecodeError:
            found = None
    if isinstance(found, list):
        scenes = [each.strip() for each in found if isinstance(each, str) and each.strip()]
    else:
        lines = (_MARKS.sub("", line).strip() for line in answer.splitlines())
        scenes = [line for line in lines if line]
    if not scenes:
        raise LanguageServerDied("The language model wrote no scenes. Ask once more.")
    return scenes[:count]
