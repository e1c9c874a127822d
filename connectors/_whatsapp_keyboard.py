"""Buttons under a message of WhatsApp: up to three side by side, else a list, else a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assistant.errors import Rejected
from assistant.types import Button
from connectors._whatsapp_limits import (
    BUTTON_BYTES,
    INTERACTIVE_CHARS,
    REPLY_BUTTONS,
    ROW_BYTES,
    ROW_CHARS,
    ROW_DETAIL_CHARS,
    ROWS,
    TEXT_CHARS,
    TITLE_CHARS,
)

LINES_CHARS = 600
"""Most that the lines of buttons which cannot be tapped may take of a message."""


@dataclass(frozen=True, slots=True)
class Keyboard:
    """What stands under a text: `lines` that are written below it, and what can be tapped; None: nothing.

    `room` is how many characters the text may have.
    """

    lines: str = ""
    kind: str = "text"
    action: dict[str, Any] | None = None

    @property
    def room(self) -> int:
        limit = TEXT_CHARS if self.action is None else INTERACTIVE_CHARS
        return limit - (len(self.lines) + 2 if self.lines else 0)

    def under(self, text: str) -> str:
        """The text with the lines below it."""
        return "\n\n".join(part for part in (text, self.lines) if part)


def keyboard(buttons: Sequence[Button], *, menu: str) -> Keyboard:
    """The keyboard of these buttons; `menu` is written on what opens a list.

    A button with an address is a line, for WhatsApp has no address beside other buttons.

    Raises:
        Rejected: a button carries more than WhatsApp takes, or they are too many to be written down.
    """
    links = [f"{_label(button)}: {button.url}" for button in buttons if button.url is not None]
    choices = [(_label(button), _data(button)) for button in buttons if button.url is None]
    if _fit_side_by_side(choices):
        shown = [{"type": "reply", "reply": {"id": data, "title": label}} for label, data in choices]
        return _checked(Keyboard("\n".join(links), "button", {"buttons": shown}))
    if _fit_rows(choices):
        rows = [_row(label, data) for label, data in choices]
        return _checked(Keyboard("\n".join(links), "list", {"button": menu, "sections": [{"rows": rows}]}))
    numbered = [f"{number}. {label}" for number, (label, _) in enumerate(choices, 1)]
    return _checked(Keyboard("\n".join([*numbered, *links])))


def _fit_side_by_side(choices: Sequence[tuple[str, str]]) -> bool:
    """Whether they can be buttons: labels and data all differ, and no data begins or ends with a space."""
    labels, data = {label for label, _ in choices}, {data for _, data in choices}
    clean = all(each == each.strip() for each in data) and all(1 <= len(label) <= TITLE_CHARS for label in labels)
    return 1 <= len(choices) <= REPLY_BUTTONS and clean and len(labels) == len(data) == len(choices)


def _fit_rows(choices: Sequence[tuple[str, str]]) -> bool:
    labels, data = [label for label, _ in choices], {data for _, data in choices}
    short = all(1 <= len(label) <= ROW_DETAIL_CHARS for label in labels)
    return 1 <= len(choices) == len(data) <= ROWS and short and all(len(each.encode()) <= ROW_BYTES for each in data)


def _row(label: str, data: str) -> dict[str, str]:
    """A label that is too long for the row is whole below it."""
    if len(label) <= ROW_CHARS:
        return {"id": data, "title": label}
    return {"id": data, "title": label[: ROW_CHARS - 1].rstrip() + "…", "description": label}


def _label(button: Button) -> str:
    return " ".join(button.label.split())


def _data(button: Button) -> str:
    data = button.label if button.data is None else button.data
    if not 1 <= (length := len(data.encode())) <= BUTTON_BYTES:
        raise Rejected(f"data of the button {button.label!r} has {length} bytes; WhatsApp takes 1 to {BUTTON_BYTES}")
    return data


def _checked(made: Keyboard) -> Keyboard:
    if len(made.lines) > LINES_CHARS:
        raise Rejected(f"the buttons of a message fill {len(made.lines)} characters; below a text of WhatsApp there is "
                       f"room for {LINES_CHARS}: fewer, or shorter labels and addresses")  # fmt: skip
    return made
