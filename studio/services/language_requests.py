"""What our own language servers are asked: OpenAI's requests in the words that llama.cpp takes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio.errors import InvalidRequest

CHAT: Final = "chat/completions"
_PASSED: Final = frozenset(
    {
        "messages", "prompt", "input", "max_tokens", "temperature", "top_p", "top_k", "min_p",
        "stop", "seed", "presence_penalty", "frequency_penalty", "repeat_penalty", "logit_bias",
        "response_format", "tools", "tool_choice",
    }
)  # fmt: skip
"""What is handed on; the rest means nothing to llama.cpp, or reaches too deep into it."""
_MEANT: Final[Mapping[str, tuple[Any, ...]]] = {
    "n": (1,), "best_of": (1,), "logprobs": (False,), "top_logprobs": (0,), "echo": (False,),
    "suffix": ("",), "functions": ([],), "function_call": ("none", "auto"),
    "modalities": (["text"],), "audio": (), "dimensions": (),
}  # fmt: skip
"""What a model here cannot do, and the values that ask nothing of it."""
_CALL_ID: Final = re.compile(r"[A-Za-z0-9]{9}")
"""The one form of a call's id that Mistral's templates take, and that all others take too."""
_TOLD: Final = """# Tools

You may call one or more functions to help with what the user wants. Their signatures are within \
<tools></tools>:
<tools>
{tools}
</tools>

To call one, write a JSON object with its name and its arguments within <tool_call></tool_call>, \
and nothing after it:
<tool_call>
{{"name": "...", "arguments": {{...}}}}
</tool_call>"""


def request_for(
    endpoint: str,
    request: Mapping[str, Any],
    *,
    takes_pictures: bool,
    takes_tools: bool = True,
    takes_system: bool = True,
) -> dict[str, Any]:
    """The body that our own server gets.

    Args:
        takes_tools: the model's template tells it of tools; if not, they are told in a message.
        takes_system: it knows messages of the system.

    Raises:
        InvalidRequest: it asks for what a model here cannot do, or has a picture that is not in the
            request itself, or that nobody can see.
    """
    for name, harmless in _MEANT.items():
        value = request.get(name)
        # 1 and True are the same to Python.
        if value is not None and not any(
            type(value) is type(each) and value == each for each in harmless
        ):
            raise _refused(name, f"{name} is more than models on this machine can do.")
    passed = {name: request[name] for name in _PASSED & request.keys() if request[name] is not None}
    if (most := request.get("max_completion_tokens")) is not None:
        passed["max_tokens"] = most
    if endpoint == CHAT:
        _require_seen(passed["messages"], takes_pictures=takes_pictures)
        _shape_chat(passed, takes_tools=takes_tools, takes_system=takes_system)
    elif isinstance(prompt := passed.get("prompt"), list):
        if len(prompt) != 1 or not isinstance(prompt[0], str):
            raise _refused("prompt", "prompt has to be one text.")
        passed["prompt"] = prompt[0]
    return passed


def tools_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What each tool of a request takes, by its name."""
    return {
        tool["function"]["name"]: tool["function"].get("parameters")
        for tool in asked.get("tools") or ()
    }


def _require_seen(messages: Any, *, takes_pictures: bool) -> None:
    for url in _pictures(messages):
        # The server would open any address and any file for whoever names one.
        if not isinstance(url, str) or not url.startswith("data:image/"):
            raise _refused(
                "messages", "A picture has to be in the request: data:image/...;base64,..."
            )
        if not takes_pictures:
            raise _refused("messages", "This model cannot see: it has no projector.")


def _pictures(messages: Any) -> Iterator[Any]:
    for message in messages or ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") not in (None, "text"):
                url = part.get("image_url")
                yield url.get("url") if isinstance(url, dict) else url
            elif isinstance(part, dict) and "image_url" in part:
                yield None


def _shape_chat(passed: dict[str, Any], *, takes_tools: bool, takes_system: bool) -> None:
    passed["messages"] = [_message(each) for each in passed["messages"]]
    if isinstance(form := passed.get("response_format"), dict):
        passed["response_format"] = _form(form)
    tools = [_tool(each) for each in _listed(passed.pop("tools", None), "tools")]
    choice = passed.pop("tool_choice", None)
    if not tools or choice == "none":
        tools = []
    elif choice == "required":
        if len(tools) > 1:
            raise _refused(
                "tool_choice",
                "Models on this machine can be held to one tool, not to any of several: name it.",
            )
        choice = {"type": "function", "function": {"name": tools[0]["function"]["name"]}}
    elif isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if name not in [tool["function"]["name"] for tool in tools]:
            raise _refused("tool_choice", "tool_choice names none of the tools.")
    elif choice not in (None, "auto"):
        raise _refused("tool_choice", "tool_choice is none, auto, required, or names a tool.")
    if tools:
        passed["tools"] = tools
        if isinstance(choice, dict):
            passed["tool_choice"] = choice
    if not takes_tools:
        passed["messages"] = [_without_tools(each) for each in passed["messages"]]
        passed["messages"] = _joined_answers(passed["messages"])
        if tools:
            passed["messages"] = _telling(tools, passed["messages"], takes_system=takes_system)


def _message(said: Mapping[str, Any]) -> dict[str, Any]:
    """llama.cpp's server takes a list of parts from a user alone, and nothing that is null."""
    message = {name: value for name, value in said.items() if value is not None}
    if message["role"] == "developer":
        message["role"] = "system"
    content = message.get("content")
    if message["role"] != "user" or content is None:
        message["content"] = _words(content)
    if "tool_call_id" in message:
        message["tool_call_id"] = _call_id(message["tool_call_id"])
    if isinstance(calls := message.get("tool_calls"), list):
        message["tool_calls"] = [
            {**call, "id": _call_id(call["id"])}
            if isinstance(call, dict) and "id" in call
            else call
            for call in calls
        ]
    return message


def _call_id(said: Any) -> Any:
    """The same for a call and for what came of it."""
    if not isinstance(said, str) or _CALL_ID.fullmatch(said):
        return said
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:9]


def _words(content: Any) -> Any:
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _form(form: Mapping[str, Any]) -> Mapping[str, Any]:
    if form.get("type") != "json_schema":
        return form
    described = form.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(schema, dict):
        raise _refused("response_format", "response_format.json_schema has no schema.")
    return {"type": "json_object", "schema": schema}


def _tool(said: Any) -> dict[str, Any]:
    function = said.get("function") if isinstance(said, dict) else None
    if not isinstance(function, dict) or said.get("type") != "function":
        raise _refused("tools", "Each tool has to be a function.")
    name, parameters = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not name or not isinstance(parameters, dict | None):
        raise _refused("tools", "Each function needs a name, and its parameters are a JSON schema.")
    schema = parameters or {"type": "object", "properties": {}}
    described = function.get("description")
    told = {"description": described} if isinstance(described, str) else {}
    return {"type": "function", "function": {"name": name, **told, "parameters": schema}}


def _listed(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _refused(field, f"{field} has to be a list.")
    return value


def _without_tools(message: dict[str, Any]) -> dict[str, Any]:
    """A message in words that any template takes."""
    if message["role"] == "tool":
        answer = f"<tool_response>\n{message['content']}\n</tool_response>"
        return {"role": "user", "content": answer, "answers": True}
    calls = message.pop("tool_calls", None)
    if not isinstance(calls, list):
        return message
    written = [message["content"]] if message["content"] else []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            written.append(f"<tool_call>\n{_call(function)}\n</tool_call>")
    return {**message, "content": "\n".join(written)}


def _call(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments")
    # What is no JSON is told as the model wrote it.
    with contextlib.suppress(ValueError, RecursionError):
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    return json.dumps({"name": function.get("name"), "arguments": arguments}, ensure_ascii=False)


def _joined_answers(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers of tools in a row as one message: sides take turns in most templates."""
    joined: list[tuple[bool, dict[str, Any]]] = []
    for message in messages:
        is_answer = message.pop("answers", False)
        if is_answer and joined and joined[-1][0]:
            joined[-1][1]["content"] += f"\n{message['content']}"
        else:
            joined.append((is_answer, message))
    return [message for _, message in joined]


def _telling(
    tools: list[dict[str, Any]], messages: list[dict[str, Any]], *, takes_system: bool
) -> list[dict[str, Any]]:
    """The messages, the first of which tells of the tools."""
    told = _TOLD.format(tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools))
    first = messages[0] if messages else None
    if first is not None and first["role"] == "system":
        return [{**first, "content": f"{first['content']}\n\n{told}"}, *messages[1:]]
    if takes_system or first is None or first["role"] != "user":
        return [{"role": "system", "content": told}, *messages]
    content = first.get("content")
    if isinstance(content, list):
        return [{**first, "content": [{"type": "text", "text": told}, *content]}, *messages[1:]]
    return [{**first, "content": f"{told}\n\n{content}"}, *messages[1:]]


def _refused(field: str, why: str) -> InvalidRequest:
    return InvalidRequest(why, details={"field": field})
