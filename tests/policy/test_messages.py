"""Rules for what the page says to people, which a machine can check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from studio.settings import LIMITS
from tests.policy.source import ROOT, shown, walk

MESSAGES = ROOT / "frontend/js/messages"
LANGUAGES = sorted(path.name for path in MESSAGES.iterdir())
ENTRY = re.compile(
    r"""^ {2}(?:'([^']+)'|(\w+)):\s*(?:'((?:[^'\\]|\\.)*)'|\{([^}]*(?:\{\w+\}[^}]*)*)\}),$""",
    re.MULTILINE,
)
FORM = re.compile(r"(\w+): '((?:[^'\\]|\\.)*)'")
SLOT = re.compile(r"\{(\w+)\}")
SENTENCE = re.compile(r">\s*[A-Z][a-z]+ [a-z]+[^<${}]*<")
WORDS = re.compile(r"""\b(?:label|title|placeholder|alt|help)=["'][^"'$]*[A-Za-z]{2}""")
HAN = re.compile(r"[\u4e00-\u9fff]")
BESIDE_HAN = re.compile(r"[\u4e00-\u9fff][.,;:!?()]|[,;:!?()][\u4e00-\u9fff]")
ASKED = re.compile(r"""['"`]([a-z]\w*)\.([\w.:-]+)['"`]""")
ASKED_BY_PART = re.compile(r"`([a-z]\w*)\.([\w.:-]*)\$\{")

# By the rules of Unicode (CLDR); Italian's third one, for whole millions, is the general one here.
FORMS = {
    "en": {"one", "other"},
    "de": {"one", "other"},
    "it": {"one", "other"},
    "zh": {"other"},
}
EVERYWHERE = {
    *("CFG", "Civitai", "ComfyUI", "ControlNet", "Flux", "GPU", "Hugging Face", "LoRA", "Python"),
    *("Open WebUI", "Qwen Image", "SDXL", "Studio", "Telegram", "Top p", "VAE", "curl"),
    *("https github com", "s", "v"),
}
TAKEN_OVER = {
    *("Checkpoint", "Embedding", "Guidance", "Inpainting", "Prompt", "Scheduler", "Seed", "Shift"),
    *("Upscaler", "in"),
}
# What is the same as in English, without slots and signs: names, and words that were taken over.
SHARED = {
    "de": EVERYWHERE
    | TAKEN_OVER
    | {"Boards", "Chat", "Chats", "Code", "Downloads", "Engine", "Engines", "Film", "Filter"}
    | {"Format", "LoRAs", "Name", "ms"}
    | {"Node", "Person", "Release", "Sampler", "System", "Text", "Text YAML", "Update", "Updates"}
    | {"Version", "Video", "Webhooks", "Workflow", "Workflows"},
    "it": EVERYWHERE
    | TAKEN_OVER
    | {"Account", "Chat", "Database", "Denoise", "File", "Input", "Log", "Password", "Preset"}
    | {"Video", "Volume", "Workflow", "cache", "commit", "ms"},
    "zh": EVERYWHERE,
}


def words(said: str) -> str:
    """What is left of a message without its slots and signs."""
    return re.sub(r"\W+", " ", SLOT.sub("", said)).strip()


def messages(language: str, view: str) -> dict[str, list[str]]:
    """What one view says in one language: every form of every message, by its name."""
    text = (MESSAGES / language / f"{view}.js").read_text(encoding="utf-8")
    found = {
        quoted or plain: [single] if not forms else [form for _, form in FORM.findall(forms)]
        for quoted, plain, single, forms in ENTRY.findall(text)
    }
    assert len(found) == len(re.findall(r"^ {2}['\w]", text, re.MULTILINE)), f"{language}/{view}"
    return found


@cache
def code() -> dict[Path, str]:
    """Every module of the page that is no messages, by its path."""
    return {
        path: path.read_text(encoding="utf-8")
        for path in walk(".js", under="frontend")
        if MESSAGES not in path.parents
    }


VIEWS = sorted(path.stem for path in (MESSAGES / "en").glob("*.js"))


def forms(language: str, view: str) -> dict[str, set[str]]:
    """What of one view depends on a number: the forms that there are of it, by its name."""
    text = (MESSAGES / language / f"{view}.js").read_text(encoding="utf-8")
    return {
        quoted or plain: {form for form, _ in FORM.findall(many)}
        for quoted, plain, _, many in ENTRY.findall(text)
        if many
    }


def test_the_page_offers_every_language_that_there_is_by_its_own_name() -> None:
    chosen = code()[ROOT / "frontend/js/core/messages.js"]
    table = chosen.partition("LANGUAGES = [")[2].partition("]")[0]
    assert re.findall(r"'(\w+)'", table) == ["en", "de", "it", "zh"]
    assert set(LANGUAGES) == set(FORMS)
    looks = code()[ROOT / "frontend/js/components/settings/looks.js"]
    names = looks.partition("NAMES = {")[2].partition("}")[0]
    assert set(re.findall(r"(\w+):", names)) == set(LANGUAGES)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_language_says_everything_with_the_same_slots(language: str, view: str) -> None:
    english, other = messages("en", view), messages(language, view)
    assert set(english) == set(other)

    def slots(forms: list[str]) -> set[str]:
        return {slot for form in forms for slot in SLOT.findall(form)}

    wrong = [name for name in english if slots(english[name]) != slots(other[name])]
    assert wrong == []


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_depends_on_a_number_has_every_form_that_the_language_has(
    language: str, view: str
) -> None:
    found = forms(language, view)
    assert set(found) == set(forms("en", view))
    assert {name: has for name, has in found.items() if has != FORMS[language]} == {}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_no_message_was_left_in_english(language: str, view: str) -> None:
    english, other = messages("en", view), messages(language, view)
    left = {
        name: said
        for name, said in english.items()
        if other[name] == said and {words(form) for form in said} - SHARED[language] - {""}
    }
    assert left == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_need_not_be_translated_is_said_somewhere(language: str) -> None:
    said = {
        words(form)
        for view in VIEWS
        for spoken in messages(language, view).values()
        for form in spoken
    }
    assert SHARED.get(language, set()) - said == set()


@pytest.mark.parametrize("view", VIEWS)
def test_chinese_is_written_in_chinese_characters_and_with_their_punctuation(view: str) -> None:
    said = [form for spoken in messages("zh", view).values() for form in spoken]
    latin = {words(form) for form in said if not HAN.search(form)}
    assert latin - SHARED["zh"] <= {""}
    assert [form for form in said if BESIDE_HAN.search(form)] == []


def test_every_language_has_the_same_views() -> None:
    for language in LANGUAGES:
        assert sorted(path.stem for path in (MESSAGES / language).glob("*.js")) == VIEWS


@pytest.mark.parametrize("view", VIEWS)
def test_every_message_is_said_somewhere(view: str) -> None:
    if view == "errors":
        # Looked up by the codes of refusals: see test_refusals.py.
        return
    said = {name for text in code().values() for each, name in ASKED.findall(text) if each == view}
    begun = {
        name
        for text in code().values()
        for each, name in ASKED_BY_PART.findall(text)
        if each == view
    }
    unused = {
        name
        for name in messages("en", view)
        if name not in said and not any(name.startswith(start) for start in begun)
    }
    assert unused == set()


def test_every_message_that_is_asked_for_is_there() -> None:
    lacking = [
        f"{shown(path)}: {view}.{name}"
        for path, text in code().items()
        for view, name in re.findall(r"""\bt\(\s*'([a-z]\w*)\.([^']+)'""", text)
        if view not in VIEWS or name not in messages("en", view)
    ]
    assert lacking == []


def test_views_hold_no_words_of_their_own() -> None:
    wrong = [
        f"{shown(path)}: {match[0]}"
        for path, text in code().items()
        for pattern in (SENTENCE, WORDS)
        if (match := pattern.search(text))
    ]
    assert wrong == []


def test_every_limit_that_settings_lists_has_its_words() -> None:
    assert {f"limits.{name}" for name in LIMITS} <= messages("en", "settings").keys()


def written(manifest: dict[str, Any]) -> Iterator[str]:
    """What one of Studio's own workflows says to people, in the page's order."""
    yield from (manifest["name"], manifest["description"])
    yield manifest["category"].replace("-", " ").capitalize()
    for entry in manifest["inputs"]:
        yield from (entry[name] for name in ("name", "help", "placeholder") if name in entry)
        sizes = entry.get("presets", {}).values()
        for option in [*entry.get("options", []), *(size for each in sizes for size in each)]:
            yield option["label"]


def test_every_language_says_what_the_shipped_workflows_say() -> None:
    shipped = (ROOT / "workflows").glob("*/manifest.yaml")
    said = {text for path in shipped for text in written(yaml.safe_load(path.read_text("utf-8")))}
    english = messages("en", "shipped")
    assert said == set(english)
    assert {name: forms for name, forms in english.items() if forms != [name]} == {}
