"""What is said when the documents do not hold the answer, in the language of the question."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from assistant.background import Once
from assistant.support import strip_markers

Sentence = Literal["refusal", "notice", "unconfirmed", "partly"]
"""`refusal`: nothing was found; `notice`: the answer is the model's own, `partly`: some of it is; `unconfirmed`: no
passage supports it."""

DEFAULT = "en"
QUOTED_CHARS = 80
CONFIDENT = 0.3
"""Probability below which py3langid guesses: "warranty" reaches 0.05, "¿Cuánto cuesta el plan?" 0.8."""

SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "HANGUL": ("ko",),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "CJK": ("zh", "zh-Hant"),
    "THAI": ("th",),
    "HEBREW": ("he",),
    "GREEK": ("el",),
    "ARABIC": ("ar", "fa", "ur"),
    "CYRILLIC": ("ru", "uk", "bg", "sr"),
    "DEVANAGARI": ("hi", "mr", "ne"),
    "BENGALI": ("bn",),
    "GURMUKHI": ("pa",),
    "GUJARATI": ("gu",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
}
"""First word of a letter's Unicode name to the languages written with it; every other letter counts as Latin."""

DENSE = {"HANGUL", "HIRAGANA", "KATAKANA", "CJK"}
"""Scripts in which one letter says about as much as three Latin ones."""


def say(kind: Sentence, question: str, *, earlier: Sequence[str] = ()) -> str:
    """The sentence in the language of `question`, or of the `earlier` questions where it is too short to tell.

    Reads a language model of 4.5 MB on first use (half a second): not for an event loop.
    """
    return sentences()[language(question, earlier=earlier)][kind].replace("{question}", brief(question))


def brief(question: str) -> str:
    """The question on one line, cut at 80 characters, without anything that would read as a citation."""
    line = " ".join(strip_markers(question).split())
    return line if len(line) <= QUOTED_CHARS else line[: QUOTED_CHARS - 1].rstrip() + "…"


def language(question: str, *, earlier: Sequence[str] = ()) -> str:
    """Code of the language a question is asked in (a key of languages.json); `earlier` questions are oldest first."""
    for text in (question, *reversed(earlier)):
        if found := identify(text):
            return found
    together = " ".join([*earlier, question])
    return identify(together) or DEFAULT


@cache
def sentences() -> Mapping[str, Mapping[Sentence, str]]:
    """The sentences of every language, from languages.json."""
    text = files("assistant").joinpath("languages.json").read_text("utf-8")
    loaded: Mapping[str, Mapping[Sentence, str]] = json.loads(text)
    return loaded


def identify(text: str) -> str | None:
    """Code of the language of a text, None where it is too short to tell."""
    script = _script(text)
    if script is None:
        return None
    languages = SCRIPTS.get(script) or _latin()
    if script == "CJK":
        return _chinese(text)
    return languages[0] if len(languages) == 1 else _likeliest(text, languages)


def _script(text: str) -> str | None:
    """The script most of the text is written in; kana outvotes Han because Japanese mixes both."""
    counts: Counter[str] = Counter()
    for letter in filter(str.isalpha, text):
        name = unicodedata.name(letter, "").split(maxsplit=1)
        script = name[0] if name and name[0] in SCRIPTS else "LATIN"
        counts[script] += 3 if script in DENSE else 1
    if not counts:
        return None
    kana = counts["HIRAGANA"] + counts["KATAKANA"]
    if kana:
        counts["HIRAGANA"] = kana + counts.pop("CJK", 0)
    return counts.most_common(1)[0][0]


def _chinese(text: str) -> str:
    """Simplified, traditional or kanji, told by the national character sets that hold a character."""
    only = Counter(_charset(character) for character in text)
    if only["shift_jis"] > only["gb2312"]:  # a character reformed in Japan alone; 時 and 間 are traditional Chinese too
        return "ja"
    return "zh-Hant" if only["big5"] > only["gb2312"] else "zh"


def _charset(character: str) -> str | None:
    held = [name for name in ("gb2312", "big5") if _encodes(character, name)]
    if len(held) == 1:
        return held[0]
    return None if held or not _encodes(character, "shift_jis") else "shift_jis"


def _encodes(character: str, charset: str) -> bool:
    try:
        return bool(character.encode(charset))
    except UnicodeEncodeError:
        return False


@cache
def _latin() -> tuple[str, ...]:
    other = {code for codes in SCRIPTS.values() for code in codes}
    return tuple(code for code in sentences() if code not in other)


def _likeliest(text: str, languages: Iterable[str]) -> str | None:
    words = re.sub(r"[^\w\s¿¡'\u2019-]|\d", " ", text)
    ranked = [(code, probability) for code, probability in _identifier().rank(words) if code in languages]
    total = sum(probability for _, probability in ranked)
    code, probability = ranked[0]
    return code if total and probability / total >= CONFIDENT else None


def _identifier() -> Any:
    return _language_model.get()


def _load_identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


_language_model = Once(_load_identifier)
"""Once for all threads: twenty first questions at the same time would each load it, and take nine seconds of processor."""
