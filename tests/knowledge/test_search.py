"""Hybrid search through the real embedding, Chroma and the lexical index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from langchain_core.documents import Document

from assistant.knowledge import Knowledge
from assistant.knowledge.question import Remark
from assistant.retrieval import Inquiry

TEXTS = {
    "warranty": "The warranty on a pump lasts three years from the day of purchase. Hoses are covered for six months.",
    "error": "Error E-42 means that the water filter is blocked. Error E-17 means that the lid is open.",
    "prices": "The Amberjet pump costs 189 euros. The Azurline pump costs 149 euros.",
    "lunch": "The canteen serves lunch from noon until two and has vegetarian dishes every day.",
    "parken": "Die Tiefgarage des Hauptbahnhofs schließt um Mitternacht. Dauerparkplätze vermietet die Stadtverwaltung.",
    "buhar": "Buharlı ütünün su haznesini her ayın ilk günü kireç çözücüyle temizleyin.",
    "склад": "Склад принимает возвраты по вторникам и четвергам, кроме праздничных дней.",
    "保証": "保証期間は購入日から三年間です。消耗品は対象外となります。",
    "ประกัน": "การรับประกันสินค้ามีระยะเวลาสามปีนับจากวันที่ซื้อ",
    "ضمان": "مدة الضمان ثلاث سنوات من تاريخ الشراء ولا يشمل الخراطيم.",
    "bảo hành": "Thời hạn bảo hành là ba năm kể từ ngày mua hàng.",
    "保固": "保固期為三年，自購買日起算，濾網不在保固範圍內。",
}


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knowledge]:
    with Knowledge.open(tmp_path_factory.mktemp("data")) as opened:
        opened.add([Document(text, metadata={"source": name, "title": name}) for name, text in TEXTS.items()])
        yield opened


def found(knowledge: Knowledge, query: str, **more: object) -> list[str]:
    return [passage.source for passage in knowledge.search(query, 3, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("What does E-42 mean?", "error"),
        ("e42", "error"),
        ("How long does the guarantee last?", "warranty"),
        ("How much is the Azurline?", "prices"),
        ("When can I eat at noon?", "lunch"),
        ("Wer vermietet Parkplätze für länger?", "parken"),
        ("Hauptbahnhof", "parken"),
        ("Ütünün haznesi ne zaman temizlenir?", "buhar"),
        ("В какие дни склад принимает возврат?", "склад"),
        ("保証はいつまでですか？", "保証"),
        ("ประกันกี่ปี", "ประกัน"),
        ("كم سنة الضمان؟", "ضمان"),
        ("Bảo hành bao lâu?", "bảo hành"),
        ("保固多久？", "保固"),
    ],
)
def test_questions_in_many_scripts_find_their_document_first(knowledge: Knowledge, query: str, source: str) -> None:
    assert source == found(knowledge, query)[0]


def test_scores_fall_and_stay_between_0_and_1(knowledge: Knowledge) -> None:
    scores = [passage.score for passage in knowledge.search("How long is the warranty?", 12)]
    assert sorted(scores, reverse=True) == scores  # type: ignore[type-var]
    assert all(score is not None and 0 <= score <= 1 for score in scores)


def test_a_search_explains_its_scores_when_asked(knowledge: Knowledge) -> None:
    (first,) = knowledge.search("How long does the warranty last?", 1, explain=True)
    assert first.explanation is not None
    assert {"cosine", "semantic", "lexical", "words"} <= first.explanation.keys()
    words = first.explanation["words"]
    assert "warranty" == next(iter(words))
    assert first.explanation["lexical"] == pytest.approx(sum(words.values()), abs=0.01)
    assert knowledge.search("How long does the warranty last?", 1)[0].explanation is None


def test_a_follow_up_is_read_with_what_was_said_and_a_new_topic_is_not(knowledge: Knowledge) -> None:
    said = (Remark("user", "How much is the Azurline pump?"), Remark("assistant", "It costs 149 euros."))
    assert "prices" == found(knowledge, "And the other one?", earlier=said)[0]
    assert "error" == found(knowledge, "What does error E-42 mean?", earlier=said)[0]


def test_what_the_documents_answer_is_told_from_what_they_do_not(knowledge: Knowledge) -> None:
    answered = knowledge.retrieve(Inquiry("How long does the warranty on a pump last?")).confidence
    foreign = knowledge.retrieve(Inquiry("Who won the chess championship in 1985?")).confidence
    assert answered is not None
    assert foreign is not None
    assert answered > 0.5 > 0.25 > foreign


def test_what_was_cited_last_comes_with_a_follow_up_but_not_with_a_new_topic(knowledge: Knowledge) -> None:
    (cited,) = knowledge.search("Azurline", 1)
    said = (Remark("user", "How much is the Azurline?"), Remark("assistant", "149 euros."))
    follow = knowledge.retrieve(Inquiry("And that?", said, (cited.id,)), k=1)
    assert follow.follows
    assert cited.id in [passage.id for passage in follow.passages]
    new = knowledge.retrieve(Inquiry("What does error E-42 mean?", said, (cited.id,)), k=1)
    assert not new.follows
    assert cited.id not in [passage.id for passage in new.passages]


def test_a_passage_cited_last_that_is_gone_or_hidden_is_left_out(knowledge: Knowledge) -> None:
    assert [] == knowledge.passages(["no-such-0", "a-b-1"])


@pytest.mark.parametrize("query", ["", "  ", "\n"])
def test_an_empty_query_is_refused(knowledge: Knowledge, query: str) -> None:
    with pytest.raises(ValueError, match="the query is empty"):
        knowledge.search(query)


@pytest.mark.parametrize("query", ["?!", "….", "🙂", "a" * 5000, "\ud800", "AND OR NOT (", '"unclosed', "title:x^2~"])
def test_whatever_is_asked_is_only_text(knowledge: Knowledge, query: str) -> None:
    assert 3 == len(knowledge.search(query, 3))
