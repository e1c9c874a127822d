from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from turn_fakes import PUMP, Found, Scripted

from assistant import Assistant
from assistant.answers import Answer, Citation, Done
from assistant.errors import ConfigurationError, TransientError
from assistant.memory import TURN, Conversations

ANSWER = Answer("Every 45 days [1].", "yes", (Citation(1, "pump.md", "Pump", "every 45 days", start=3, end=16),))


@pytest.fixture(params=["memory", "file", "postgres"])
def conversations(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Conversations]:
    urls = {"memory": "sqlite://", "file": f"sqlite:///{tmp_path / 'deep' / 'state.db'}"}
    url = urls.get(request.param) or request.getfixturevalue("postgres")
    kept = Conversations(url)
    kept.clear("c")
    yield kept
    kept.clear("c")
    kept.close()


def test_a_turn_is_kept_as_question_and_answer(conversations: Conversations) -> None:
    conversations.append("c", "How often?", ANSWER)

    assert ["How often?", "Every 45 days [1]."] == [message.text for message in conversations.messages("c")]


def test_an_answer_is_kept_with_its_citations(conversations: Conversations) -> None:
    conversations.append("c", "How often?", ANSWER)

    kept = conversations.messages("c")[-1].additional_kwargs
    assert ("yes", "every 45 days") == (kept["grounded"], kept["citations"][0]["quote"])


def test_only_the_last_turns_asked_for_are_read_oldest_first(conversations: Conversations) -> None:
    for number in range(4):
        conversations.append("c", f"question {number}", Answer(f"answer {number}", "no"))

    expected = ["question 2", "answer 2", "question 3", "answer 3"]
    assert expected == [message.text for message in conversations.messages("c", 2)]


def test_no_turns_are_read_where_none_are_asked_for(conversations: Conversations) -> None:
    conversations.append("c", "How often?", ANSWER)

    assert [] == conversations.messages("c", 0)


def test_conversations_do_not_mix(conversations: Conversations) -> None:
    conversations.append("c", "How often?", ANSWER)

    assert [] == conversations.messages("another")


def test_a_cleared_conversation_is_empty(conversations: Conversations) -> None:
    conversations.append("c", "How often?", ANSWER)
    conversations.clear("c")

    assert [] == conversations.messages("c")


def test_langchain_reads_and_continues_the_same_conversation(conversations: Conversations) -> None:
    conversations.append("c", "How often?", ANSWER)
    conversations.history("c").add_messages([HumanMessage("And who?"), AIMessage("A technician.")])

    assert ["And who?", "A technician."] == [message.text for message in conversations.messages("c", 1)]


def test_turns_kept_at_the_same_time_do_not_interleave(conversations: Conversations) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: conversations.append("c", f"question {n}", Answer(f"answer {n}", "no")), range(50)))

    texts = [message.text for message in conversations.messages("c")]
    assert [text.replace("question", "answer") for text in texts[::2]] == texts[1::2]


def test_turns_of_somebody_with_more_labels_are_not_remembered(conversations: Conversations) -> None:
    conversations.append("c", "public?", Answer("public", "yes"))
    conversations.append("c", "secret?", Answer("secret", "yes", evidence=("p1",)), access=("tenant:a", "user:7"))
    conversations.append("c", "shared?", Answer("shared", "yes"), access=("tenant:a",))

    def recalled(*access: str) -> list[str]:
        return [message.text for message in conversations.messages("c", access=access)]

    assert ["public?", "public"] == recalled()
    assert ["public?", "public", "shared?", "shared"] == recalled("tenant:a") == recalled("tenant:a", "user:8")
    assert 6 == len(recalled("user:7", "tenant:a", "tenant:b")) == len(conversations.messages("c"))
    assert ["p1"] == conversations.messages("c")[3].additional_kwargs["evidence"]


def test_a_turn_kept_again_under_its_name_takes_the_place_of_the_earlier_one(conversations: Conversations) -> None:
    conversations.append("c", "How often?", ANSWER, turn="telegram:1:2")
    conversations.append("c", "And who?", Answer("A technician.", "yes"))
    conversations.append("c", "How often?", Answer("Monthly.", "no"), turn="telegram:1:2")

    expected = ["And who?", "A technician.", "How often?", "Monthly."]
    assert expected == [message.text for message in conversations.messages("c")]


def test_both_messages_of_a_turn_know_its_name(conversations: Conversations) -> None:
    conversations.append("c", "How often?", ANSWER, turn="t")

    assert ["t", "t"] == [message.additional_kwargs[TURN] for message in conversations.messages("c")]


def test_turns_without_a_name_never_replace_each_other(conversations: Conversations) -> None:
    for _ in range(2):
        conversations.append("c", "How often?", ANSWER)

    assert 4 == len(conversations.messages("c"))


def test_a_turn_of_the_same_name_in_another_conversation_stays(conversations: Conversations) -> None:
    conversations.clear("d")
    for conversation in "cd":
        conversations.append(conversation, "How often?", ANSWER, turn="t")
    kept = [len(conversations.messages(conversation)) for conversation in "cd"]
    conversations.clear("d")

    assert [2, 2] == kept


def test_a_turn_is_left_out_of_its_own_history_and_counts_for_none(conversations: Conversations) -> None:
    conversations.append("c", "one?", Answer("1", "no"))
    conversations.append("c", "two?", Answer("2", "no"), turn="t")

    assert ["one?", "1"] == [message.text for message in conversations.messages("c", 1, without="t")]


@pytest.mark.parametrize("name", ["t", '"', "\\", "%", "_", "/", "a\nb", "ü…😀", '", "turn": "t'])
def test_names_are_compared_as_they_are_written(conversations: Conversations, name: str) -> None:
    other = f"{name}x"
    conversations.append("c", "Kept?", ANSWER, turn=other)
    for _ in range(2):
        conversations.append("c", f'"turn": "{name}"', Answer(json.dumps({"turn": other}), "no"), turn=name)

    assert [other, other, name, name] == [said.additional_kwargs[TURN] for said in conversations.messages("c")]
    assert [name, name] == [said.additional_kwargs[TURN] for said in conversations.messages("c", without=other)]


def test_one_turn_kept_by_many_at_once_is_there_once_and_whole(conversations: Conversations) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: conversations.append("c", f"q{n}", Answer(f"a{n}", "no"), turn="t"), range(16)))

    question, answer = (message.text for message in conversations.messages("c"))
    assert question.replace("q", "a") == answer


def test_an_assistant_asked_again_in_the_same_turn_answers_as_the_first_time() -> None:
    model = Scripted(pieces=["Every 45 days [1]."])
    assistant = Assistant(model, Found(documents=[PUMP]))
    answers = [assistant.ask("How often?", conversation="c", turn="t") for _ in range(2)]
    streamed = [
        event for event in assistant.stream("How often?", conversation="c", turn="t") if isinstance(event, Done)
    ]

    assert answers == [streamed[0].answer] * 2
    assert (model.asked[0], 2) == (model.asked[2], len(assistant.conversations.messages("c")))


async def test_the_async_twins_do_the_same(conversations: Conversations) -> None:
    await asyncio.gather(*(conversations.aappend("c", f"q{n}", ANSWER) for n in range(5)))
    read = len(await conversations.amessages("c"))
    await conversations.aclear("c")

    assert (10, []) == (read, await conversations.amessages("c"))


def test_a_nul_character_is_kept(conversations: Conversations) -> None:
    conversations.append("c", "a\0b", Answer("c\0\ud800", "no"))

    assert ["a\0b", "c\0\ud800"] == [message.text for message in conversations.messages("c")]


def test_a_conversation_outlives_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    code = (
        "import sys; from assistant.memory import TURN, Conversations; from assistant.answers import Answer;"
        "Conversations(sys.argv[1]).append('c', 'How often?', Answer('Daily.', 'no'))"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True, cwd=Path(__file__).parent.parent)

    assert ["How often?", "Daily."] == [message.text for message in Conversations(url).messages("c")]


def test_several_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Conversations(url).append(f"c{n}", "q", ANSWER), range(8)))

    kept = Conversations(url)
    assert [2] * 8 == [len(kept.messages(f"c{n}")) for n in range(8)]


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    Conversations(f"sqlite:///{tmp_path / 'deep' / 'state.db'}").close()

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["//user:secret@host", "postgresql+psycopg://user:secret@host:port/db"])
def test_what_is_no_database_url_is_a_configuration_error_without_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"state\.url") as caught:
        Conversations(url).messages("c")

    assert "secret" not in str(caught.value)


def test_an_unknown_database_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r"state\.url"):
        Conversations("oracle+missing://host/db").messages("c")


def test_a_database_that_does_not_answer_is_worth_another_try_and_named_without_its_password() -> None:
    with pytest.raises(TransientError, match="state database") as caught:
        Conversations("postgresql+psycopg://user:secret@127.0.0.1:1/db").messages("c")

    assert "secret" not in str(caught.value)
