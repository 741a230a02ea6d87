"""The page in its other languages: everything is said in them, fits, and can be typed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage, wait_for_parts
from tests.browser.test_looks import SECTIONS, VIEWS
from tests.policy.test_messages import SLOT, messages
from tests.policy.test_messages import VIEWS as MODULES

LOCALES = {"de": "de-DE", "it": "it-IT", "zh": "zh-CN"}
PLACES = (
    *VIEWS,
    *("workflows/text-to-image", "workflows/new", "models/disk", "models/language"),
    *("chat/presets", "chat/film"),
    *(f"settings/{section}" for section in SECTIONS),
)
# Titles of nodes are the graph's.
SAID = """() => [...document.querySelectorAll('body, body *')]
    .filter((each) => each.checkVisibility())
    .filter((each) => !each.closest('.graph-picture, .flow-nodes, .node-list'))
    .flatMap((each) => [
        ...[...each.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ data }) => data),
        ...['aria-label', 'title', 'placeholder'].map((name) => each.getAttribute(name) ?? ''),
    ])
    .map((text) => text.trim().replace(/\\s+/g, ' '))"""
CUT_OFF = """() => [...document.querySelectorAll('button, .button, h1, h2, label, legend')]
    .filter((each) => each.checkVisibility() && each.clientWidth > 1)
    .filter((each) => each.scrollWidth > each.clientWidth + 1)
    .filter((each) => getComputedStyle(each).textOverflow !== 'ellipsis')
    .map((each) => `${each.textContent.trim()}: ${each.scrollWidth} > ${each.clientWidth}`)"""
KEY = re.compile(rf"(?:{'|'.join(MODULES)})\.[a-z][\w.:-]*")


def sentences(language: str) -> set[str]:
    """What the page says in one language in more than a word, wherever it stands whole."""
    return {
        form
        for view in MODULES
        for forms in messages(language, view).values()
        for form in forms
        if " " in form and not SLOT.search(form)
    }


def go(page: Page, address: str) -> None:
    """There from the beginning, until nothing is on its way any more."""
    page.goto("about:blank")
    page.goto(address, wait_until="networkidle")
    expect(page.locator("main .view").first).to_be_visible()


# Italian has the longest words for buttons.
@pytest.mark.parametrize(("language", "width"), [*((each, 360) for each in LOCALES), ("it", 1280)])
def test_every_view_speaks_the_language_and_fits(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], language: str, width: int
) -> None:
    with site.client() as owner:
        # A batch is called what its workflow was called where it was begun.
        titles = {each["title"] for each in owner.get("/api/batches").json()["items"]}
    english = sentences("en") - sentences(language) - titles
    page = open_page(
        width, 740, storage_state=state, locale=LOCALES[language], reduced_motion="reduce"
    )
    for place in PLACES:
        go(page, f"{site.url}/#/{place}")
        said = set(page.evaluate(SAID))
        assert said & english == set(), place
        assert {text for text in said if KEY.fullmatch(text)} == set(), place
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, place
        assert page.evaluate(CUT_OFF) == [], place


@pytest.mark.parametrize(
    ("language", "button", "refusal"),
    [
        ("it", "Accedi", "Nome e password non corrispondono."),
        ("zh", "登录", "名称与密码不匹配。"),
    ],
)
def test_the_login_and_its_refusal_are_told_in_the_language_of_the_browser(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    language: str,
    button: str,
    refusal: str,
) -> None:
    assert state["cookies"]
    page = open_page(360, 640, locale=LOCALES[language])
    page.goto(site.url)
    page.locator("input[autocomplete=username]").fill("nobody")
    page.locator("input[type=password]").fill("not the right one")
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(refusal)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_chosen_language_is_spoken_with_its_dates_and_numbers_until_another_is(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(storage_state=state)
    page.goto(f"{site.url}/#/settings/looks")
    page.get_by_label("Language").select_option(label="简体中文")
    expect(page.get_by_role("heading", name="设置")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    page.goto(f"{site.url}/#/activity")
    expect(page.get_by_role("heading", name="活动记录")).to_be_visible()
    expect(page.locator("main time").first).to_have_attribute("title", re.compile(r"\d年\d+月\d"))
    page.goto(f"{site.url}/#/settings/looks")
    page.get_by_label("语言").select_option(label="Italiano")
    expect(page.get_by_role("heading", name="Impostazioni")).to_be_visible()
    page.goto(f"{site.url}/#/system")
    expect(page.locator("main")).to_contain_text(re.compile(r"\d,\d [GM]B"))
    page.goto(f"{site.url}/#/settings/looks")
    page.get_by_label("Lingua").select_option("")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()


def test_shipped_workflows_are_told_in_the_language_and_a_copy_says_what_its_owner_wrote(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(storage_state=state, locale="zh-CN")
    page.goto(f"{site.url}/#/create")
    expect(page.get_by_label("反向提示词", exact=True)).to_be_visible()
    expect(page.get_by_placeholder("雾中的灯塔，油画")).to_be_visible()
    page.goto(f"{site.url}/#/workflows/contact-sheet")
    expect(page.get_by_role("heading", name="拼图")).to_be_visible()
    with site.client() as owner:
        found = owner.get("/api/workflows/contact-sheet").json()
        body = {"manifest": {**found["manifest"], "id": "my-sheet"}, "graph": found["graph"]}
        made = owner.post("/api/workflows", json=body).json()
    page.goto(f"{site.url}/#/workflows/{made['id']}")
    expect(page.get_by_role("heading", name="Contact sheet")).to_be_visible()


def test_enter_that_ends_the_composition_of_a_word_chooses_nothing(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(storage_state=state, locale="zh-CN")
    page.goto(site.url)
    wait_for_parts(page)
    page.goto(f"{site.url}/#/queue")
    expect(page.get_by_role("heading", name="队列")).to_be_visible()
    page.keyboard.press("Control+k")
    # The library, which it leads to, has one of its own.
    field = page.get_by_role("dialog").get_by_role("combobox")
    field.fill("图库")
    enter = "(field, isComposing) => field.dispatchEvent(new KeyboardEvent('keydown', {}))"
    enter = enter.replace("{}", "{ key: 'Enter', bubbles: true, isComposing }")
    field.evaluate(enter, True)
    expect(field).to_be_visible()
    field.evaluate(enter, False)
    expect(page).to_have_url(re.compile("#/library"))
    expect(field).to_have_count(0)


def test_lists_may_be_written_with_chinese_signs(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(storage_state=state, locale="zh-CN")
    page.goto(f"{site.url}/#/create")
    page.get_by_text("更多选项").click()
    page.get_by_role("button", name="变化步数").click()
    page.get_by_label("取值").fill("5，7、9")
    page.get_by_role("button", name="变化此项").click()
    expect(page.locator("main")).to_contain_text("生成 3 次")
