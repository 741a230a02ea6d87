"""How a person reaches what is on a page: with a mouse, a finger, or the keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

MOST_TABS = 400
"""Nobody presses Tab more often than that; what is not reached by then cannot be reached."""


class Pointer:
    """A mouse, or a finger where the page has touch."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, target: Locator) -> None:
        target.click()

    def turn_on(self, switch: Locator) -> None:
        self.press(switch)
        expect(switch).to_be_checked()

    def write(self, target: Locator, text: str) -> None:
        target.fill(text)

    def pick(self, target: Locator, label: str) -> None:
        """Choose an option of a list."""
        target.select_option(label=label)

    def open_menu(self, button: Locator, item: str) -> None:
        self.press(button)
        self.press(self.page.get_by_role("menuitem", name=item, exact=True))

    def bring(self, field: Locator, file: Path) -> None:
        """Choose a file in the dialog that a field opens."""
        with self.page.expect_file_chooser() as chooser:
            self.press(field)
        chooser.value.set_files(file)


class Keyboard(Pointer):
    """Tab, arrows, Enter and letters; nothing is focused but by keys."""

    def reach(self, target: Locator) -> None:
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if has_focus(target):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never reaches {target}")

    def press(self, target: Locator) -> None:
        self.reach(target)
        self.page.keyboard.press("Enter")

    def turn_on(self, switch: Locator) -> None:
        self.reach(switch)
        self.page.keyboard.press("Space")
        expect(switch).to_be_checked()

    def write(self, target: Locator, text: str) -> None:
        self.reach(target)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def pick(self, target: Locator, label: str) -> None:
        self.reach(target)
        # A list takes the letters that its option begins with.
        self.page.keyboard.type(label)
        expect(target.locator("option:checked")).to_have_text(label)

    def open_menu(self, button: Locator, item: str) -> None:
        self.press(button)
        entry = self.page.get_by_role("menuitem", name=item, exact=True)
        expect(entry).to_be_visible()
        for _ in range(self.page.get_by_role("menuitem").count()):
            if has_focus(entry):
                break
            self.page.keyboard.press("ArrowDown")
        expect(entry).to_be_focused()
        self.page.keyboard.press("Enter")


def has_focus(target: Locator) -> bool:
    found: Any = target.evaluate("each => each === document.activeElement")
    return bool(found)


def add_lora(page: Page, name: str) -> None:
    """Find a LoRA by its name, and take it."""
    field = page.get_by_role("combobox", name="Add a LoRA")
    field.fill(name)
    page.locator("lora-picker").get_by_role("option", name=name).click()
