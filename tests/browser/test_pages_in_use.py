"""Pages with something on them, as members and strangers meet them: they fit, can be read and hit.

``test_looks`` and ``test_languages`` have every view as it is at first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from studio.webhook_events import EVENTS
from tests.api.chats import ask, begin, good, picture
from tests.api.graphs import wait_ended, wait_for_library
from tests.api.presets import SMALL, WORKFLOW
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.browser.test_languages import CUT_OFF, KEY, LOCALES, SAID, sentences
from tests.browser.test_looks import FAINT, NAMELESS, ZOOMS
from tests.browser.test_looks import SMALL as MISSED
from tests.fakes.talker import Say, talking

PHONE = 360
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth ? ['too wide'] : []"
WAYS = [
    *((PHONE, "light", "en-US"), (PHONE, "dark", "en-US")),
    *((1280, "light", "en-US"), (1280, "dark", "en-US")),
    *((PHONE, "light", locale) for locale in LOCALES.values()),
]
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbau"
MARKDOWN = f"""# A title

Here is **your** fox, `inline` and {LONG}.

- a red coat
- a white tail

```python
print('{LONG}{LONG}')
```

| where | what | {LONG} |
|---|---|---|
| one | two | three |
"""


@dataclass(frozen=True)
class Place:
    """A Studio that is lived in, and where to look: ``strangers`` without an account."""

    studio: RunningStudio
    storage: dict[str, Any]
    chat: str
    strangers: dict[str, str]


@pytest.fixture(scope="module")
def place(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    assert chromium
    with talking() as talker:
        variables = {"LANGUAGE_URL": talker.url, "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}
        with run_studio(tmp_path_factory.mktemp("lived-in"), variables) as studio:
            storage = come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)
            with studio.client() as owner:
                strangers = furnish(owner, studio)
                drawing = ("run_preset", {"preset": "Foxes", "answers": {"animal": "fox"}})
                failing = ("run_preset", {"preset": "no such"})
                talker.will_say(Say("I draw one.", "Hm.", calls=[drawing, failing]), MARKDOWN)
                chat = begin(owner)
                ask(owner, chat, f"A fox, please. {LONG}", files=[picture(owner, 200)])
            yield Place(studio, storage, chat, strangers)


def furnish(owner: httpx.Client, studio: RunningStudio) -> dict[str, str]:
    """Pictures, a board, presets, people, keys, webhooks and links; the strangers' addresses."""
    made = good(owner.post("/api/create", json={"prompt": "a red fox", "steps": 2}), 201)
    asset = wait_ended(owner, made["id"])["outputs"][0]["id"]
    wait_for_library(owner, asset)
    board = good(owner.post("/api/boards", json={"name": f"Sea {LONG}"}), 201)["id"]
    action = {"ids": [asset], "action": "add_to_board", "value": board}
    good(owner.post("/api/library/actions", json=action))
    values = {**SMALL, "prompt": "a [[animal=Which animal?:fox|owl]]"}
    preset = {"name": "Foxes", "workflow_id": WORKFLOW, "values": values, "shared": True}
    preset_id = good(owner.post("/api/presets", json=preset), 201)["id"]
    good(owner.post("/api/chat-presets", json={"name": f"Pirate {LONG}"}), 201)
    hook = {"url": "http://127.0.0.1:9/hook", "events": ["job.*"], "name": LONG}
    good(owner.post("/api/webhooks", json=hook), 201)
    good(owner.post("/api/keys", json={"name": LONG, "scopes": ["jobs"]}), 201)

    def invite() -> str:
        return str(good(owner.post("/api/invitations", json={"role": "guest"}), 201)["url"])

    def share(kind: str, target: str, **fields: str) -> str:
        body = {"kind": kind, "target": target, **fields}
        return str(good(owner.post("/api/share-links", json=body), 201)["url"])

    token = invite().rpartition("/")[2]
    come_in(studio, "/api/join", token=token, name="Gina", password=PASSWORD)
    form = share("preset", preset_id)
    return {
        "picture": share("asset", asset, label=f"For you {LONG}"),
        "board": share("board", board),
        "form": form,
        "nothing": f"{form.rpartition('/')[0]}/{'x' * 43}",
        "locked": share("board", board, password="friends and family"),
        "invitation": invite(),
        "no invitation": f"{studio.url}/#/join/not-a-token",
    }


@pytest.mark.parametrize(("width", "scheme", "locale"), WAYS)
def test_what_is_in_use_fits_can_be_read_and_hit(
    place: Place,
    open_page: OpenPage,
    assert_accessible: AssertAccessible,
    width: int,
    scheme: str,
    locale: str,
) -> None:
    options: dict[str, Any] = {
        **{"color_scheme": scheme, "locale": locale, "reduced_motion": "reduce"},
        **({"has_touch": True, "is_mobile": True} if width == PHONE else {}),
    }
    language = locale.partition("-")[0]
    english = sentences("en") - sentences(language) if language != "en" else set[str]()

    asked = [TOO_WIDE, NAMELESS, FAINT, CUT_OFF, *([MISSED, ZOOMS] if width == PHONE else [])]
    wrong: dict[str, list[str]] = {}

    def look(page: Page, what: str) -> None:
        page.wait_for_load_state("networkidle")
        found = [each for question in asked for each in page.evaluate(question)]
        said = set(page.evaluate(SAID))
        found += [
            text for text in said if text in english or (KEY.fullmatch(text) and text not in EVENTS)
        ]
        if found:
            wrong[what] = found
        assert_accessible(page)

    page = open_page(width, 740, storage_state=place.storage, **options)

    def go(where: str) -> None:
        page.goto("about:blank")
        page.goto(f"{place.studio.url}/#/{where}", wait_until="networkidle")
        expect(page.locator("main .view").first).to_be_visible()

    for where in ("chat", f"chat/{place.chat}", "chat/presets", "chat/film", "models/language"):
        go(where)
        look(page, where)
    go("settings/people")
    for details in page.locator("settings-view details").all():
        details.locator("summary").first.click()
    look(page, "people")
    go("settings/webhooks")
    for details in page.locator("settings-webhooks details").all():
        details.locator("summary").first.click()
    look(page, "webhooks")
    page.locator("settings-webhooks button.primary").first.click()
    look(page, "a new webhook")
    go("settings/telegram")
    page.locator("settings-telegram button.primary").click()
    look(page, "telegram")
    for where in ("settings/keys", "settings/shares", "activity"):
        go(where)
        look(page, where)
    ask_to_be_let_in(page, place.studio)
    look(page, "a program that wants in")

    stranger = open_page(width, 740, **options)
    for what, url in place.strangers.items():
        stranger.goto("about:blank")
        stranger.goto(url, wait_until="networkidle")
        expect(stranger.locator("h1").first).to_be_visible()
        look(stranger, what)
    assert wrong == {}


def ask_to_be_let_in(page: Page, studio: RunningStudio) -> None:
    body = {"name": LONG, "scopes": ["jobs", "assets", "admin"]}
    code = httpx.post(f"{studio.url}/api/device/code", json=body).json()["user_code"]
    page.goto(f"{studio.url}/#/device")
    page.locator("device-view input").fill(code)
    page.locator("device-view button.primary").click()
    expect(page.locator("device-view h2")).to_be_visible()
