"""A preset's run as a program to copy. Keys are named, never written."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final

from studio.errors import Unprocessable
from studio.services.presets import PresetView

KEY_VARIABLE: Final = "STUDIO_API_KEY"
_TO_FILL_IN: Final = "..."


def code(view: PresetView, base: str, language: str) -> str:
    """The program in ``language`` that runs a preset.

    Args:
        base: Studio's address, without a slash at its end.

    Raises:
        Unprocessable: there is none in that language.
    """
    if language not in _LANGUAGES:
        raise Unprocessable(
            f"lang must be one of {', '.join(_LANGUAGES)}.", details={"field": "lang"}
        )
    address = f"{base}/api/presets/{view.preset.id}/run"
    return _LANGUAGES[language](base, address, {"answers": _answers(view)})


def _answers(view: PresetView) -> dict[str, str]:
    """An answer for each question: its default, its first choice, or dots to be filled in."""
    return {
        question.name: question.default
        if question.default is not None
        else (*question.options, _TO_FILL_IN)[0]
        for question in view.questions
    }


def _curl(_: str, address: str, body: Mapping[str, Any]) -> str:
    sent = shlex.quote(json.dumps(body, ensure_ascii=False))
    return (
        f"curl -X POST {shlex.quote(address)} \\\n"
        f'  -H "Authorization: Bearer ${KEY_VARIABLE}" \\\n'
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {sent}\n"
    )


def _python(base: str, address: str, body: Mapping[str, Any]) -> str:
    return f'''# pip install comfy-sdk
import json
import os
import urllib.request

os.environ["COMFY_BASE_URL"] = {base!r}
os.environ["COMFY_API_KEY"] = os.environ["{KEY_VARIABLE}"]

from comfy_sdk import Comfy

request = urllib.request.Request(
    {address!r},
    data=json.dumps({dict(body)!r}).encode(),
    headers={{
        "Authorization": "Bearer " + os.environ["{KEY_VARIABLE}"],
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(request) as answer:
    jobs = json.load(answer)["jobs"]

with Comfy() as comfy:
    for job in jobs:
        for output in comfy.jobs.get(job["id"]).result().outputs:
            print(output.to_file(output.name))
'''


def _javascript(base: str, address: str, body: Mapping[str, Any]) -> str:
    return f"""// Node 18 or newer, as a module (.mjs)
import {{ writeFile }} from "node:fs/promises";

const base = {_script(base)};
const headers = {{
  Authorization: `Bearer ${{process.env.{KEY_VARIABLE}}}`,
  "Content-Type": "application/json",
}};

async function ask(url, options) {{
  const answer = await fetch(url, {{ headers, ...options }});
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  return body;
}}

const run = await ask({_script(address)}, {{
  method: "POST",
  body: JSON.stringify({_script(body)}),
}});
for (let job of run.jobs) {{
  while (!job.completed_at) {{
    await new Promise((resolve) => setTimeout(resolve, 1000));
    job = await ask(`${{base}}/api/jobs/${{job.id}}`);
  }}
  for (const output of job.outputs) {{
    const file = await fetch(output.url);
    await writeFile(output.name, Buffer.from(await file.arrayBuffer()));
    console.log(output.name);
  }}
}}
"""


def _script(value: object) -> str:
    """A literal that is also safe inside of a page's script."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_LANGUAGES: Final[dict[str, Callable[[str, str, Mapping[str, Any]], str]]] = {
    "curl": _curl,
    "python": _python,
    "javascript": _javascript,
}
