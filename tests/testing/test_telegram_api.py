"""python-telegram-bot, unpatched, talks to the strict fake as to Telegram."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import telegram
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter

from assistant.testing.serving import serving
from assistant.testing.telegram_api import TelegramApi
from assistant.testing.telegram_webhook import SECRET

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "telegram"
ANN = 5


@pytest.fixture
async def api() -> TelegramApi:
    api = TelegramApi(contract=CONTRACT if CONTRACT.is_dir() else None, retry_seconds=0.01)
    api.chat(ANN)
    return api


@pytest.fixture
async def url(api: TelegramApi) -> AsyncIterator[str]:
    async with serving(api) as url:
        yield url


@pytest.fixture
async def bot(api: TelegramApi, url: str) -> AsyncIterator[telegram.Bot]:
    async with telegram.Bot(api.token, base_url=f"{url}/bot", base_file_url=f"{url}/file/bot") as bot:
        yield bot


async def test_a_bot_says_who_it_is(bot: telegram.Bot) -> None:
    assert "test_bot" == bot.username


async def test_a_wrong_token_is_told_so(url: str) -> None:
    with pytest.raises(InvalidToken):
        async with telegram.Bot("1:wrong", base_url=f"{url}/bot"):
            pass


async def test_an_update_comes_again_until_an_offset_confirms_it(api: TelegramApi, bot: telegram.Bot) -> None:
    api.user_says(ANN, "one")
    api.user_says(ANN, "two")
    first = await bot.get_updates(limit=1)
    assert first == await bot.get_updates(limit=1)
    assert [first[0].update_id + 1] == [update.update_id for update in await bot.get_updates(first[0].update_id + 1)]
    assert ["two"] == [update.message.text for update in await bot.get_updates() if update.message]


async def test_a_poll_waits_for_the_first_update(api: TelegramApi, bot: telegram.Bot) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=20))
    await _until(lambda: bool(api.called("getUpdates")))
    api.user_says(ANN, "late")
    assert ["late"] == [update.message.text for update in await poll if update.message]


async def test_the_older_of_two_polls_is_ended_with_409(api: TelegramApi, bot: telegram.Bot, url: str) -> None:
    older = asyncio.create_task(bot.get_updates(timeout=20))
    await _until(lambda: bool(api.called("getUpdates")))
    async with telegram.Bot(api.token, base_url=f"{url}/bot") as other:
        newer = asyncio.create_task(other.get_updates(timeout=20))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await older
        api.user_says(ANN, "hello")
        assert 1 == len(await newer)


async def test_a_poll_beside_a_webhook_is_409(bot: telegram.Bot) -> None:
    await bot.set_webhook("https://bot.example/hook")
    with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert () == await bot.get_updates()


async def test_a_webhook_gets_updates_in_order_with_the_secret_until_it_answers_2xx(
    api: TelegramApi, bot: telegram.Bot
) -> None:
    seen: list[tuple[str, str]] = []

    async def take(request: Request) -> Response:
        text = (await request.json())["message"]["text"]
        seen.append((text, request.headers[SECRET]))
        return Response(status_code=503 if len(seen) < 3 else 200)

    async with serving(Starlette(routes=[Route("/hook", take, methods=["POST"])])) as hook:
        await bot.set_webhook(f"{hook}/hook", secret_token="s3cret")
        api.user_says(ANN, "one")
        api.user_says(ANN, "two")
        await _until(lambda: not api.updates.pending)
        info = await bot.get_webhook_info()
    assert [("one", "s3cret")] * 3 + [("two", "s3cret")] == seen
    assert (0, "Wrong response from the webhook: 503 Service Unavailable") == (
        info.pending_update_count,
        info.last_error_message,
    )


async def test_what_is_sent_is_seen_with_its_entities(api: TelegramApi, bot: telegram.Bot) -> None:
    question = api.user_says(ANN, "why?")
    keyboard = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("Good", callback_data="good")]])
    sent = await bot.send_message(
        ANN,
        "😀 <b>bold</b>",
        parse_mode="HTML",
        reply_parameters=telegram.ReplyParameters(question),
        reply_markup=keyboard,
    )
    post = api.sent(ANN)[0]
    assert (sent.message_id, "😀 bold", question) == (post.message_id, post.text, post.reply_to)
    assert [{"type": "bold", "offset": 3, "length": 4}] == list(post.entities)
    assert {telegram.MessageEntity("bold", 3, 4): "bold"} == sent.parse_entities()
    api.taps(ANN, sent.message_id, "Good")
    (tap,) = [update.callback_query for update in await bot.get_updates() if update.callback_query]
    await tap.answer("Thanks")
    assert {tap.id: "Thanks"} == api.answered_taps
    with pytest.raises(BadRequest, match="Query is too old"):
        await tap.answer()


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("x" * 4097, None, "Message is too long"),
        ("😀" * 2049, None, "Message is too long"),
        ("  ", None, "Message text is empty"),
        ("<b></b>", "HTML", "Message text is empty"),
        ("<b>x", "HTML", "Can't parse entities: can't find end tag"),
        ("<h1>x</h1>", "HTML", 'unsupported start tag "h1" at byte offset 0'),
        ("a.b", "MarkdownV2", "character '.' is reserved"),
    ],
)
async def test_a_text_that_telegram_refuses_is_refused(
    bot: telegram.Bot, text: str, mode: str | None, words: str
) -> None:
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        await bot.send_message(ANN, text, parse_mode=mode)


async def test_a_text_of_4096_units_after_its_entities_is_sent(api: TelegramApi, bot: telegram.Bot) -> None:
    await bot.send_message(ANN, f"<b>{'😀' * 2048}</b>", parse_mode="HTML")
    assert "😀" * 2048 == api.sent(ANN)[0].text


async def test_button_data_has_1_to_64_bytes(bot: telegram.Bot) -> None:
    button = telegram.InlineKeyboardButton("x", callback_data="é" * 33)
    with pytest.raises(BadRequest, match=r"(?i)button_data_invalid"):
        await bot.send_message(ANN, "x", reply_markup=telegram.InlineKeyboardMarkup([[button]]))


async def test_an_unknown_parameter_is_refused(bot: telegram.Bot) -> None:
    with pytest.raises(BadRequest, match="Unknown parameter 'colour' of sendmessage"):
        await bot.send_message(ANN, "x", api_kwargs={"colour": "red"})


async def test_an_edit_changes_the_message_and_refuses_the_same_again(api: TelegramApi, bot: telegram.Bot) -> None:
    sent = await bot.send_message(ANN, "one")
    await bot.edit_message_text("two", ANN, sent.message_id)
    assert ["one", "two"] == api.sent(ANN)[0].texts
    with pytest.raises(BadRequest, match="Message is not modified"):
        await bot.edit_message_text("two", ANN, sent.message_id)
    await bot.delete_message(ANN, sent.message_id)
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("three", ANN, sent.message_id)
    assert [] == api.sent(ANN)


async def test_drafts_are_for_private_chats(api: TelegramApi, bot: telegram.Bot) -> None:
    api.chat(-100)
    await bot.send_message_draft(ANN, 7, "on its w")
    assert ["on its w"] == api.drafts[ANN]
    with pytest.raises(BadRequest):
        await bot.send_message_draft(-100, 7, "x")


async def test_files_go_both_ways(api: TelegramApi, bot: telegram.Bot) -> None:
    api.sends_document(ANN, b"rules", name="rules.txt", caption="read this")
    (message,) = [update.message for update in await bot.get_updates() if update.message]
    assert message.document is not None
    file = await message.document.get_file()
    assert b"rules" == bytes(await file.download_as_bytearray())
    sent = await bot.send_document(ANN, b"answer", filename="answer.txt", caption="<i>here</i>", parse_mode="HTML")
    assert sent.document is not None
    assert ("here", "answer.txt") == (api.sent(ANN)[0].text, sent.document.file_name)


async def test_sound_and_film_are_sent_as_what_they_are(api: TelegramApi, bot: telegram.Bot) -> None:
    sound = await bot.send_audio(ANN, b"la", filename="la.mp3")
    film = await bot.send_video(ANN, b"moving", filename="it.mp4")
    assert sound.audio is not None
    assert film.video is not None
    assert ["sendAudio", "sendVideo"] == [call.method for call in api.calls if "send" in call.method]


async def test_files_beyond_20_mib_are_not_handed_out(api: TelegramApi, bot: telegram.Bot) -> None:
    stored = api.store(bytes(20 * 1024 * 1024 + 1), "large.bin", "application/octet-stream")
    with pytest.raises(BadRequest, match="File is too big"):
        await bot.get_file(stored.id)


async def test_commands_actions_and_reactions_are_kept(api: TelegramApi, bot: telegram.Bot) -> None:
    question = api.user_says(ANN, "/start")
    await bot.set_my_commands([("start", "Begin")], language_code="en")
    await bot.send_chat_action(ANN, "typing")
    await bot.set_message_reaction(ANN, question, "👍")
    assert ("start",) == tuple(command.command for command in await bot.get_my_commands(language_code="en"))
    assert (["typing"], ("👍",)) == (api.actions[ANN], api.posts[ANN, question].reactions)
    with pytest.raises(BadRequest, match=r"(?i)reaction_invalid"):
        await bot.set_message_reaction(ANN, question, "🧨")
    with pytest.raises(BadRequest, match=r"(?i)wrong parameter action"):
        await bot.send_chat_action(ANN, "dancing")


async def test_people_block_and_groups_move(api: TelegramApi, bot: telegram.Bot) -> None:
    api.block(ANN)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(ANN, "x")
    api.chat(-7)
    new = api.migrates(-7)
    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(-7, "x")
    assert new == moved.value.new_chat_id
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(99, "x")


async def test_in_a_group_the_bot_sees_what_is_meant_for_it(api: TelegramApi, bot: telegram.Bot) -> None:
    own = await bot.send_message(api.chat(-7).id, "hello")
    for text in ("to nobody", "hi @test_bot", "/help", "/help@other_bot"):
        api.user_says(-7, text)
    api.user_says(-7, "thanks", reply_to=own.message_id)
    seen = [update.message.text for update in await bot.get_updates() if update.message]
    assert ["hi @test_bot", "/help", "thanks"] == seen


async def test_topics_are_conversations_and_general_has_no_thread(api: TelegramApi, bot: telegram.Bot) -> None:
    api.chat(-1007, forum=True)
    api.user_says(-1007, "@test_bot hi", thread=3)
    assert 3 == (await bot.send_message(-1007, "hello", message_thread_id=3)).message_thread_id
    await bot.send_chat_action(-1007, "typing", message_thread_id=1)
    with pytest.raises(BadRequest, match="Message thread not found"):
        await bot.send_message(-1007, "hello", message_thread_id=1)


async def test_reactions_come_only_to_a_bot_that_asked_for_them(api: TelegramApi, bot: telegram.Bot) -> None:
    sent = await bot.send_message(ANN, "x")
    api.reacts(ANN, sent.message_id, "👍")
    assert () == await bot.get_updates(allowed_updates=["message_reaction"])
    api.reacts(ANN, sent.message_id, "👎")
    (update,) = await bot.get_updates()
    assert update.message_reaction is not None


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")  # of python-telegram-bot's retry_after
async def test_a_flooded_chat_is_refused_until_its_time_has_passed(api: TelegramApi, bot: telegram.Bot) -> None:
    api.chat(6)
    api.fail("sendMessage", chat=ANN, retry_after=30)
    for _ in range(2):
        with pytest.raises(RetryAfter):
            await bot.send_message(ANN, "x")
    await bot.send_message(6, "x")
    api.heal()
    await bot.send_message(ANN, "x")
    assert [429, 429, 200, 200] == [call.status for call in api.called("sendMessage")]


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")
async def test_telegrams_own_limits_are_kept_on_request() -> None:
    api = TelegramApi(flood=True)
    api.chat(ANN), api.chat(6)
    async with serving(api) as url, telegram.Bot(api.token, base_url=f"{url}/bot") as bot:
        await bot.send_message(ANN, "x")
        await bot.send_message(6, "x")
        with pytest.raises(RetryAfter) as refused:
            await bot.send_message(ANN, "x")
    assert "Flood control exceeded. Retry in 1 seconds" == str(refused.value)


async def test_a_failure_hits_as_many_calls_as_asked(api: TelegramApi, bot: telegram.Bot) -> None:
    api.fail(status=502, times=2)
    for _ in range(2):
        with pytest.raises(NetworkError, match="Bad Gateway"):
            await bot.send_message(ANN, "x")
    await bot.send_message(ANN, "x")
    assert ["x"] == [post.text for post in api.sent(ANN)]


@pytest.mark.parametrize(("cut", "arrived"), [("before", 0), ("after", 1)])
async def test_a_cut_connection_leaves_the_bot_without_an_answer(
    api: TelegramApi, bot: telegram.Bot, cut: str, arrived: int
) -> None:
    api.fail(cut="before" if cut == "before" else "after")
    with pytest.raises(NetworkError, match="httpx"):
        await bot.send_message(ANN, "x")
    assert arrived == len(api.sent(ANN))
    await bot.send_message(ANN, "y")


async def test_an_unknown_method_and_a_call_by_json_are_answered(api: TelegramApi, url: str) -> None:
    async with httpx.AsyncClient(base_url=f"{url}/bot{api.token}") as client:
        assert 404 == (await client.get("/getmehome")).status_code
        answer = await client.post("/SENDMESSAGE", json={"chat_id": ANN, "text": "x"})
        assert "x" == answer.json()["result"]["text"]
        assert 400 == (await client.get("/sendMessage", params={"chat_id": "5x", "text": "x"})).status_code


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            if true():
                return
            await asyncio.sleep(0.01)
