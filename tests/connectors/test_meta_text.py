"""Texts for Meta's surfaces: within the limit, whole, and with no mark that was not meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assistant.markup import Renderer, Run, utf8, utf16
from assistant.markup.places import UNSPACED
from connectors._meta_text import Unit, plain, plain_parts, whatsapp, whatsapp_parts
from tests.connectors.whatsapp_reader import read
from tests.markup.grammar import DOCUMENTS, HOSTILE, WORDS, letters, seen

TEXTS = st.one_of(DOCUMENTS, HOSTILE)
CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs", "Cn", "Cc"]),
    st.sampled_from("é漢字한निสวักุस🙂\u200d👩🚀🇩🇪\u0301\u0327 \n"),
)
SCRIPTS = st.one_of(st.text(CHARACTERS, max_size=40), st.text(CHARACTERS, min_size=100, max_size=400))
"""Characters of any script, many of which are seen only together with the next."""
PAIRED = regex.compile(r"https?://\S*[_~]\S*[_~]")
"""An address with a pair of signs in it, which nothing can be put between."""
LETTERS = WORDS.filter(lambda word: word[0].isalpha() and not set(word) & set("*_~`"))
MARKED = {"strong": "bold", "em": "italic", "s": "struck", "code": "code"}


class Unmarked(Renderer):
    """What WhatsApp is to show, without marks."""

    def quote(self, inner: str, nested: bool) -> str:
        return inner

    def fence(self, code: str, info: str) -> str:
        return code if code.strip() else ""

    def marks(self, run: Run) -> tuple[object, ...]:  # type: ignore[override]
        return tuple(mark for mark in run.marks if mark.kind in ("link", "image"))[:1]


def characters(text: str) -> str:
    return "".join(text.split()).replace("\u200a", "")


def literal(text: str) -> str:
    """Markdown of which every character is only that."""
    return regex.sub(r"([!-/:-@\[-`{-~])", r"\\\1", "\n".join(map(str.strip, text.split("\n"))))


def words(texts: Sequence[str]) -> list[str]:
    return " ".join(texts).split()


def whatsapp_pieces(text: str, limit: int) -> list[str]:
    return [whatsapp(piece) for piece in whatsapp_parts(text, limit)]


def messenger_pieces(text: str, limit: int) -> list[str]:
    return [plain(piece) for piece in plain_parts(text, limit=limit, unit="characters")]


def instagram_pieces(text: str, limit: int) -> list[str]:
    return [plain(piece) for piece in plain_parts(text, limit=limit, unit="bytes")]


UNTIMED = settings(deadline=None)  # the first text loads the rules for words
EVERY = pytest.mark.parametrize(
    ("pieces", "count"), [(whatsapp_pieces, utf16), (messenger_pieces, utf16), (instagram_pieces, utf8)]
)
Pieces = Callable[[str, int], list[str]]
Count = Callable[[str], int]


@EVERY
@UNTIMED
@given(text=TEXTS, limit=st.integers(64, 1000))
def test_every_piece_fits_and_no_letter_is_lost(pieces: Pieces, count: Count, text: str, limit: int) -> None:
    made = pieces(text, limit)
    assert [] == [piece for piece in made if count(piece) > limit]
    assert not letters(Unmarked().render(text)) - letters(" ".join(made))


@EVERY
@UNTIMED
@given(text=SCRIPTS, limit=st.integers(80, 300))
def test_text_of_any_script_is_whole_when_it_is_put_together(
    pieces: Pieces, count: Count, text: str, limit: int
) -> None:
    escaped = literal(text)
    made = pieces(escaped, limit)
    assert [] == [piece for piece in made if count(piece) > limit]
    assert characters(Unmarked().render(escaped)) == "".join(map(characters, made))


@EVERY
@UNTIMED
@given(chosen=st.lists(LETTERS, min_size=1, max_size=60), limit=st.integers(140, 300))
def test_neither_words_nor_graphemes_are_cut(pieces: Pieces, count: Count, chosen: list[str], limit: int) -> None:
    made = pieces(" ".join(chosen), limit)
    for one, other in pairwise(made):
        last, first = one.split()[-1], other.split()[0]
        assert not regex.match(r"[\p{M}\u200d\p{Emoji_Modifier}]", first)
        assert last + first not in chosen or UNSPACED.search(last + first)
    if not UNSPACED.search("".join(chosen)):
        assert words([plain(" ".join(chosen))]) == words(made)


@UNTIMED
@given(TEXTS)
def test_whatsapp_shows_what_was_written_whatever_signs_it_has(text: str) -> None:
    assume(not PAIRED.search(whatsapp(text)))
    shown = "".join(char for char, _ in read(whatsapp(text)))
    assert characters(shown) == characters(Unmarked().render(text))


@given(st.one_of(SCRIPTS, HOSTILE, st.text(alphabet="*_~` ab1.>\n", max_size=80)))
def test_a_sign_that_is_only_a_character_marks_nothing(text: str) -> None:
    escaped = literal(text)
    assert [] == [(char, styles) for char, styles in read(whatsapp(escaped)) if styles]


def inline(depth: int) -> st.SearchStrategy[str]:
    plain_words = st.text(alphabet="ab é中*_~` .", min_size=1, max_size=12)
    if not depth:
        return plain_words
    inner = inline(depth - 1)
    kinds = [inner.map(form.format) for form in ("**{}**", "*{}*", "_{}_", "~~{}~~")]
    code = st.text(alphabet="ab*_ ~", min_size=1, max_size=8).map("`{}`".format)
    parts = st.lists(st.one_of(plain_words, code, st.just("\n"), *kinds), min_size=1, max_size=5)
    return parts.flatmap(lambda made: st.sampled_from(["".join(made), " ".join(made)]))


@given(inline(2))
def test_nothing_is_marked_that_was_not_meant_to_be(text: str) -> None:
    shown = [(char, styles) for char, styles in read(whatsapp(text)) if char.isalpha()]
    meant = [(char, what) for char, what in seen(text) if char.isalpha()]
    assert [char for char, _ in meant] == [char for char, _ in shown]
    for (_, what), (_, styles) in zip(meant, shown, strict=True):
        allowed = {MARKED[mark.kind] for mark in what if hasattr(mark, "kind")} | {"block" if "pre" in what else ""}
        allowed |= {"bold"} if any(isinstance(each, str) and regex.match("h[1-6]", each) for each in what) else set()
        assert styles <= allowed | {"quoted" if "quoted" in what else ""}


@given(st.lists(st.text(alphabet="abcdefg*_~", min_size=1, max_size=9), min_size=1, max_size=300), st.integers(40, 120))
def test_every_piece_of_marked_text_is_marked_for_itself(chosen: list[str], limit: int) -> None:
    inner = " ".join(regex.sub("([*_~])", r"\\\1", word) for word in chosen)
    for piece in whatsapp_pieces(f"**{inner}**", limit):
        marked = [styles for char, styles in read(piece) if char.isalpha()]
        assert len(set(marked)) <= 1


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("**bold** *it* _it_ ~~s~~ `c*d*`", "*bold* _it_ _it_ ~s~ `c*d*`"),
        ("**a *b* ~~c~~**", "*a _b_ ~c~*"),
        ("# Head **x** *y*", "*Head x _y_*"),
        ("**two\nlines**", "*two*\n*lines*"),
        ("un**believ**able", "unbelievable"),
        ("重**点**内容", "重点内容"),
        ("**重点**：内容", "*重点*：内容"),
        ("2 * 3 * 4, snake_case_name, 5* and 4*", "2 * 3 * 4, snake_case_name, 5* and 4*"),
        ("\\_private\\_", "_\u200aprivate_"),
        ("\\*args and **kwargs**", "*\u200aargs and *kwargs*"),
        ("**5\\* hotel**", "*5\u200a* hotel*"),
        ("```py\na_b = *c*\n```", "```a_b = *c*```"),
        ("```\na\n\nb\n```", "```a\n\nb```"),
        ("```\n\n```", ""),
        ("~~~~\n```\nx\n```\n~~~~", "`\u200a`\u200a`\nx\n`\u200a`\u200a`"),
        ("``a`b`` `c`", "a`b `c`"),
        ("> q\n> **z**\n>\n> > n", "> q\n> *z*\n> \n> n"),
        ("> ```\n> x\n> ```", "```x```"),
        ("\\> no quote", "\u200a> no quote"),
        ("_\\> no quote_x", "_> no quote_x"),
        ("[label](https://x.y/_a_) **b**", "label (https://x.y/_a_) *b*"),
        ("<https://x.y/_a_> and _b_", "https://x.y/_a_ and b"),
        ("**[x](http://y.z)**", "*x* (http://y.z)"),
        ("![alt](http://x.y/z.png)", "alt (http://x.y/z.png)"),
        ("- a\n  - b\n- c", "• a\n  • b\n• c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("| a | b |\n|--|--|\n| 1 | *2* |", "*a* | *b*\n1 | _2_"),
        ("see [1] and 【2】", "see [1] and 【2】"),
        ("a\x00b\ud800\ufdd0&#xFDD4;", "a\ufffdb\ufffd\ufffd\ufffd"),
        ("**unclosed", "**unclosed"),
    ],
)  # fmt: skip
def test_markdown_becomes_whatsapps_marks(markdown: str, expected: str) -> None:
    assert expected == whatsapp(markdown)


def test_plain_text_has_no_marks() -> None:
    assert "Head\n\nbold code (x)\n\n• label (http://y.z)" == plain(
        "# Head\n\n**bold** `code` (x)\n\n- [label](http://y.z)"
    )


def test_a_quotation_in_plain_text_is_its_words() -> None:
    assert "1. a.pdf, p. 3\n\n“Every 200 hours.”\nOr so." == plain("1. a.pdf, p. 3\n\n> “Every 200 hours.”\n> Or so.")
    assert ["> no quotation"] == [plain(each) for each in plain_parts("\\> no quotation", limit=99, unit="bytes")]


@pytest.mark.parametrize(("char", "count"), [("я", 500), ("漢", 333), ("🙂", 250), ("a", 1000)])
def test_instagrams_limit_is_bytes(char: str, count: int) -> None:
    first, second = plain_parts(char * (count + 1), limit=1000, unit="bytes")
    assert (char * count, char) == (first, second)


def test_what_shows_nothing_is_still_one_piece() -> None:
    assert [[" "], ["[x]: y"]] == [whatsapp_parts(" ", 10), plain_parts("[x]: y", limit=10, unit="bytes")]


@pytest.mark.parametrize("unit", ["characters", "bytes"])
def test_what_shows_nothing_and_is_long_is_in_pieces_as_it_was_written(unit: Unit) -> None:
    hidden = "[x]: http://y.z/漢字🙂\n" * 40
    made = plain_parts(hidden, limit=100, unit=unit)
    assert max(map(utf8 if unit == "bytes" else utf16, made)) <= 100
    assert hidden == "".join(made)
    assert hidden == "".join(whatsapp_parts(hidden, 100))


def test_a_list_in_a_long_answer_goes_on_in_the_next_message() -> None:
    listed = "\n".join(f"{number}. **Point {number}** with `code` and words" for number in range(1, 9))
    made = whatsapp_pieces(listed, 120)
    assert [1, 4, 7] == [int(piece.split(".")[0]) for piece in made]
    assert all("*Point" in piece for piece in made)
