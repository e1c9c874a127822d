"""Telegram's own strict reading of HTML and MarkdownV2 into a text and its entities, with the words of its errors.

Rules and texts follow core.telegram.org/bots/api, "Formatting options", and the open source of the Bot API server (2026-06).
Offsets and lengths of entities are UTF-16 code units, as Telegram counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from assistant.testing.telegram_refusal import bad

Entity = dict[str, Any]

TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
    "span": "spoiler", "a": "text_link", "tg-emoji": "custom_emoji", "code": "code", "pre": "pre",
    "blockquote": "blockquote",
}  # fmt: skip
"""Tags that Telegram knows, and the entity each becomes; any other is an error."""

NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
"""The only named character references; others stay as they are."""

REFERENCE = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]+));?")

RESERVED = "_*[]()~`>#+-=|{}.!"
"""What MarkdownV2 wants escaped wherever it is not markup."""

OPENING = (("```", "pre"), ("`", "code"), ("__", "underline"), ("_", "italic"), ("*", "bold"),
           ("~", "strikethrough"), ("||", "spoiler"), ("![", "custom_emoji"), ("[", "text_link"))  # fmt: skip
"""Marks of MarkdownV2 in the order in which they are tried."""


def units(text: str) -> int:
    """UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def parse(text: str, mode: str | None, entities: Sequence[Entity] = ()) -> tuple[str, list[Entity]]:
    """The text that people see, without blanks at its ends, and its entities.

    Raises:
        Refusal: 400, "can't parse entities: …" or an unknown mode.
    """
    if not mode:
        return _trimmed(text, [dict(entity) for entity in entities])
    readers: dict[str, type[_Html] | type[_MarkdownV2]] = {"html": _Html, "markdownv2": _MarkdownV2}
    if mode.lower() not in readers:
        raise bad("unsupported parse_mode")
    reader = readers[mode.lower()](text)
    reader.read()
    return _trimmed(reader.shown, sorted(reader.entities, key=lambda found: (found["offset"], -found["length"])))


def _trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    start = units(text) - units(text.lstrip())
    text = text.strip()
    kept = []
    for entity in entities:
        first = max(0, entity["offset"] - start)
        last = min(units(text), entity["offset"] + entity["length"] - start)
        if last > first:
            kept.append({**entity, "offset": first, "length": last - first})
    return text, kept


@dataclass(slots=True)
class _Open:
    """An entity whose end has not been met."""

    name: str
    at: int
    offset: int
    argument: str = ""


@dataclass(slots=True)
class _Reader:
    """What both readers have: the place in the source, the text so far, the entities so far."""

    source: str
    place: int = 0
    parts: list[str] = field(default_factory=list)
    length: int = 0
    opened: list[_Open] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)

    @property
    def shown(self) -> str:
        return "".join(self.parts)

    def char(self, ahead: int = 0) -> str:
        """One character; empty at the end."""
        return self.source[self.place + ahead : self.place + ahead + 1]

    def show(self, text: str) -> None:
        self.parts.append(text)
        self.length += units(text)

    def fail(self, message: str, at: int, after: str = "") -> NoReturn:
        raise bad(f"can't parse entities: {message} at byte offset {len(self.source[:at].encode())}{after}")

    def covered(self, offset: int) -> str:
        return self.shown.encode("utf-16-le")[offset * 2 :].decode("utf-16-le")

    def add(self, kind: str, offset: int, **more: Any) -> None:
        if self.length > offset:
            given = {key: value for key, value in more.items() if value}
            self.entities.append({"type": kind, "offset": offset, "length": self.length - offset, **given})


class _Html(_Reader):
    """The tags of `TAGS`, properly nested."""

    def read(self) -> None:
        while char := self.char():
            if char == "&":
                self.show(self._reference())
            elif char != "<":
                self.show(char)
                self.place += 1
            elif self.char(1) == "/":
                self._end()
            else:
                self._start()
        if self.opened:
            name = self.opened[-1].name
            raise bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{name}\"")

    def _reference(self) -> str:
        found = REFERENCE.match(self.source, self.place)
        code = int(found[1] or found[2] or "0", 10 if found[1] else 16) if found else 0
        known = NAMED.get(found[3] or "") if found else None
        if found and (known or 0 < code <= 0x10FFFF):
            self.place = found.end()
            return known or chr(code)
        self.place += 1
        return "&"

    def _word(self, ends: str) -> str:
        begin = self.place
        while (char := self.char()) and not char.isspace() and char not in ends:
            self.place += 1
        return self.source[begin : self.place]

    def _blanks(self) -> None:
        while self.char().isspace():
            self.place += 1

    def _start(self) -> None:
        begin = self.place
        self.place += 1
        name = self._word(">").lower()
        if not self.char():
            self.fail("Unclosed start tag", begin)
        if name not in TAGS:
            self.fail(f'Unsupported start tag "{name}"', begin)
        tag = _Open(name, begin, self.length)
        self._blanks()
        while self.char() != ">":
            self._attribute(tag)
            self._blanks()
        self.place += 1
        if name == "span" and tag.argument != "spoiler":
            self.fail('Tag "span" must have class "tg-spoiler"', begin)
        self.opened.append(tag)

    def _attribute(self, tag: _Open) -> None:
        attribute = self._word("=>/\"'")
        if not attribute:
            message = "Unclosed start tag" if not self.char() else f'Empty attribute name in the tag "{tag.name}"'
            self.fail(message, tag.at)
        self._blanks()
        if (tag.name, attribute) == ("blockquote", "expandable") and self.char() != "=":
            tag.argument = "expandable"
            return
        if self.char() != "=":
            self.fail(f'Expected equal sign in declaration of an attribute of the tag "{tag.name}"', tag.at)
        self.place += 1
        self._blanks()
        value = self._attribute_value(tag)
        wanted = {"a": ("href", ""), "code": ("class", "language-"), "span": ("class", "tg-"),
                  "tg-emoji": ("emoji-id", "")}.get(tag.name)  # fmt: skip
        if wanted and attribute == wanted[0] and value.startswith(wanted[1]):
            tag.argument = value.removeprefix(wanted[1])

    def _attribute_value(self, tag: _Open) -> str:
        quote = self.char()
        if quote not in ("'", '"'):
            begin = self.place
            value = self._word(">").lower()
            if not re.fullmatch(r"[a-z0-9.-]*", value):
                self.fail("Unexpected end of name token", begin)
            return value
        self.place += 1
        parts = []
        while (char := self.char()) and char != quote:
            if char == "&":
                parts.append(self._reference())
            else:
                parts.append(char)
                self.place += 1
        if not char:
            self.fail("Unclosed start tag", tag.at)
        self.place += 1
        return "".join(parts)

    def _end(self) -> None:
        begin = self.place
        if not self.opened:
            self.fail("Unexpected end tag", begin)
        self.place += 2
        name = self._word(">")
        self._blanks()
        if self.char() != ">":
            self.fail("Unclosed end tag", begin)
        self.place += 1
        tag = self.opened.pop()
        if name and name != tag.name:
            self.fail("Unmatched end tag", begin, f', expected "</{tag.name}>", found "</{name}>"')
        self._close(tag)

    def _close(self, tag: _Open) -> None:
        kind, last = TAGS[tag.name], self.entities[-1] if self.entities else {}
        same = (last.get("offset"), last.get("length")) == (tag.offset, self.length - tag.offset)
        if kind == "text_link":
            self.add(kind, tag.offset, url=tag.argument or self.covered(tag.offset))
        elif kind == "custom_emoji":
            self.add(kind, tag.offset, custom_emoji_id=tag.argument)
        elif kind == "pre" and same and last.get("type") == "code":
            last["type"] = "pre"
        elif kind == "code" and any(outer.name == "pre" for outer in self.opened):
            self.add(kind, tag.offset, language=tag.argument)
        elif kind == "blockquote" and tag.argument:
            self.add("expandable_blockquote", tag.offset)
        else:
            self.add(kind, tag.offset)


class _MarkdownV2(_Reader):
    """Marks that open and close in pairs; everything reserved outside them is escaped."""

    def read(self) -> None:
        while char := self.char():
            if char == "\\" and "\x01" <= self.char(1) <= "\x7e":
                self.show(self.char(1))
                self.place += 2
            elif char == "\n" and self._quoted() and self.char(1) != ">":
                self._finish_quote()
            elif char not in (RESERVED if not self._verbatim() else "`"):
                self.show(char)
                self.place += 1
            else:
                self._mark(char)
        if self._quoted():
            self._finish_quote()
        if self.opened:
            last = self.opened[-1]
            names = {"pre": "Pre", "code": "Code", "text_link": "TextUrl", "custom_emoji": "CustomEmoji"}
            self.fail(f"Can't find end of {names.get(last.name, last.name.title())} entity", last.at)

    def _verbatim(self) -> bool:
        return bool(self.opened) and self.opened[-1].name in ("pre", "code")

    def _quoted(self) -> bool:
        return bool(self.opened) and self.opened[-1].name == "blockquote"

    def _finish_quote(self) -> None:
        quote = self.opened.pop()
        self.add("blockquote", quote.offset)
        if self.char():
            self.show("\n")
            self.place += 1

    def _mark(self, char: str) -> None:
        if char == ">" and (not self.shown or self.shown.endswith("\n")):
            self.place += 1
            if not any(outer.name == "blockquote" for outer in self.opened):
                self.opened.append(_Open("blockquote", self.place - 1, self.length))
            return
        for mark, name in OPENING:
            if self.opened and self.opened[-1].name == name and self.source.startswith(_closing(mark), self.place):
                self.place += len(_closing(mark))
                return self._close(self.opened.pop())
        for mark, name in OPENING:
            if not self._verbatim() and self.source.startswith(mark, self.place):
                return self._open(mark, name)
        raise bad(f"can't parse entities: Character '{char}' is reserved and must be escaped with the preceding '\\'")

    def _open(self, mark: str, name: str) -> None:
        opened = _Open(name, self.place, self.length)
        self.place += len(mark)
        if name == "pre":
            language = re.compile(r"([^\s`]*)(\r?\n|\n\r?)").match(self.source, self.place)
            if language:
                opened.argument, self.place = language[1], language.end()
        self.opened.append(opened)

    def _close(self, opened: _Open) -> None:
        if opened.name in ("text_link", "custom_emoji"):
            url = self._url(opened)
            return self.add(
                opened.name, opened.offset, **{"url" if opened.name == "text_link" else "custom_emoji_id": url}
            )
        self.add(opened.name, opened.offset, language=opened.argument)

    def _url(self, opened: _Open) -> str:
        if self.char() != "(":
            return self.covered(opened.offset)
        begin = self.place
        self.place += 1
        parts = []
        while (char := self.char()) and char != ")":
            escaped = char == "\\" and "\x01" <= self.char(1) <= "\x7e"
            parts.append(self.char(1) if escaped else char)
            self.place += 1 + escaped
        if not char:
            self.fail("Can't find end of a URL", begin)
        self.place += 1
        return "".join(parts)


def _closing(mark: str) -> str:
    return "]" if mark in ("[", "![") else mark
