from __future__ import annotations

import pytest

from assistant.refusal import brief, language, say, sentences

ASKED = {
    "en": "How often must the pump be serviced?",
    "de": "Wie oft muss die Pumpe gewartet werden?",
    "es": "¿Cuánto cuesta el plan?",
    "pt": "Como funciona o seguro?",
    "fr": "Combien ça coûte ?",
    "it": "Quando apre la biblioteca?",
    "nl": "Hoeveel kost het?",
    "sv": "Hur mycket kostar det?",
    "da": "Hvor mange dage?",
    "fi": "Paljonko se maksaa?",
    "pl": "Kiedy otwarte?",
    "cs": "Kolik to stojí?",
    "hu": "Mennyibe kerül?",
    "ro": "Cât costă?",
    "tr": "Ne zaman açılıyor?",
    "vi": "Giờ mở cửa?",
    "id": "Berapa harganya?",
    "ms": "Bila kedai buka?",
    "tl": "Magkano ito?",
    "sw": "Duka linafunguliwa saa ngapi?",
    "ru": "Сколько стоит план?",
    "uk": "Скільки коштує план?",
    "bg": "Колко струва планът?",
    "el": "Τι ώρα ανοίγει;",
    "ar": "ما هي ساعات العمل؟",
    "fa": "ساعت کاری چیست؟",
    "ur": "قیمت کیا ہے؟",
    "he": "מה שעות הפתיחה?",
    "hi": "खुलने का समय क्या है?",
    "bn": "খোলার সময় কখন?",
    "ta": "திறக்கும் நேரம் என்ன?",
    "th": "เปิดกี่โมง",
    "ko": "영업 시간이 언제예요?",
    "ja": "営業時間はいつですか？",
    "zh": "营业时间是什么时候？",
    "zh-Hant": "營業時間是什麼時候？",
}


@pytest.mark.parametrize(("code", "question"), ASKED.items())
def test_a_short_question_is_known_by_its_language(code: str, question: str) -> None:
    assert code == language(question)


@pytest.mark.parametrize(
    ("code", "question"),
    [
        ("zh", "iPhone 的价格是多少"),
        ("zh-Hant", "iPhone 的價格是多少"),
        ("ja", "USBの使い方"),
        ("en", "What does 你好 mean in English?"),
    ],
)
def test_a_question_in_two_scripts_is_in_the_language_of_the_greater_part(code: str, question: str) -> None:
    assert code == language(question)


def test_a_question_of_kanji_alone_is_japanese_where_a_character_is() -> None:
    assert "ja" == language("営業時間")


def test_a_question_too_short_to_tell_is_in_the_language_of_the_conversation() -> None:
    assert "de" == language("Zeta-9?", earlier=["Wie oft muss die Pumpe gewartet werden?"])


@pytest.mark.parametrize("question", ["", "42", "E42?", "hi", "🙂"])
def test_a_question_that_tells_no_language_is_answered_in_english(question: str) -> None:
    assert "en" == language(question)


def test_at_least_forty_languages_are_spoken() -> None:
    assert len(sentences()) >= 40


@pytest.mark.parametrize("code", sentences())
def test_every_language_has_all_sentences_and_names_the_question_in_the_refusal(code: str) -> None:
    spoken = sentences()[code]

    assert {"refusal", "notice", "unconfirmed", "partly"} == set(spoken)
    assert [1, 0, 0, 0] == [text.count("{") for text in sorted(spoken.values(), key=lambda text: "{" not in text)]
    assert spoken["refusal"].count("{question}") == 1


@pytest.mark.parametrize(("code", "question"), ASKED.items())
def test_the_refusal_names_what_was_looked_for_in_every_language(code: str, question: str) -> None:
    assert sentences()[code]["refusal"].replace("{question}", question) == say("refusal", question)


def test_the_refusal_quotes_the_question_in_its_language() -> None:
    assert "没有找到与“退款政策是什么？”相关" in say("refusal", "退款政策是什么？")


def test_a_long_question_is_quoted_briefly() -> None:
    assert (80, "…") == (len(brief("word " * 100)), brief("word " * 100)[-1])


def test_a_question_on_several_lines_is_quoted_on_one() -> None:
    assert "a b" == brief("a\n\n b")


def test_what_looks_like_a_citation_in_the_question_is_not_quoted() -> None:
    assert "what does it say?" == brief("what does [1] it say?")


def test_braces_in_the_question_are_text() -> None:
    assert "{question} {0}" in say("refusal", "{question} {0}")
