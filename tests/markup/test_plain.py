"""Plain text, and what every renderer builds on."""

from __future__ import annotations

import pytest

from assistant.markup import Renderer, plain, utf8, utf16


class Stars(Renderer):
    """A platform whose bold text has single stars."""

    def strong(self, inner: str) -> str:
        return f"*{inner}*"


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# Head\n\n**a** *b* ~~c~~ `d`", "Head\n\na b c d"),
        ("[label](http://x.y) ![alt](http://i.j)", "label (http://x.y) alt (http://i.j)"),
        ("<http://x.y/ü> <a@b.c>", "http://x.y/ü a@b.c"),
        ("[](http://x.y)", "http://x.y"),
        ("- a\n- b\n  1. c\n  2. d", "• a\n• b\n  1. c\n  2. d"),
        ("- a\n\n- b", "• a\n\n• b"),
        ("> a\n>\n> b", "> a\n>\n> b"),
        ("| a | b |\n|--|--|\n| 1 | 2 |", "a | b\n1 | 2"),
        ("```py\n  a < b\n```", "  a < b"),
        ("a\nb\\\nc", "a\nb\nc"),
        ("a\n\n***\n\nb", "a\n\n———\n\nb"),
        ("<b>x</b> &amp; \\*", "<b>x</b> & *"),
    ],
)
def test_plain_text_is_readable(markdown: str, text: str) -> None:
    assert text == plain(markdown)


def test_a_renderer_overrides_only_what_its_platform_writes_differently() -> None:
    assert "*a b* c" == Stars().render("**a *b*** c")


@pytest.mark.parametrize(
    ("text", "units", "octets"), [("a", 1, 1), ("ü", 1, 2), ("中", 1, 3), ("👍", 2, 4), ("\ud800", 1, 3)]
)
def test_units_are_counted_as_platforms_do(text: str, units: int, octets: int) -> None:
    assert (units, octets) == (utf16(text), utf8(text))
