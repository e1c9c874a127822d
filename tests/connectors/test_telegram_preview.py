"""An answer that is shown while it is written never becomes two."""

from __future__ import annotations

import asyncio

import pytest
from test_telegram_send import ANN, GROUP

from assistant.errors import RateLimited
from assistant.testing.connector_subject import until
from assistant.testing.serving import serving
from assistant.testing.telegram_api import TelegramApi
from assistant.types import Address, Attachment, Button, Outgoing
from connectors.telegram import Telegram

KEY = "telegram:700000001:5%3A1:0"


async def shown(bot: Telegram, api: TelegramApi, address: Address, text: str = "Twice") -> None:
    """Show `text` as a preview, until it is seen."""
    before = len(api.calls)
    async with bot.preview(Outgoing(address, "", key=KEY)) as preview:
        await preview.update(text)
        await until(lambda: len(api.calls) > before, "no preview was shown")


@pytest.mark.usefixtures("unblocked")
async def test_in_a_private_chat_it_is_a_draft(bot: Telegram, api: TelegramApi) -> None:
    await shown(bot, api, ANN, "**Twi")
    [draft] = api.called("sendMessageDraft")
    assert draft.parameters["draft_id"]
    assert [] == api.sent(5)
    await bot.send(Outgoing(ANN, "Twice a year.", key=KEY))
    assert ["Twice a year."] == [post.text for post in api.sent(5)]


async def test_the_drafts_of_an_answer_are_one(bot: Telegram, api: TelegramApi) -> None:
    async with bot.preview(Outgoing(ANN, "", key=KEY)) as preview:
        for text in ("Twice", "Twice a"):
            await preview.update(text)
            await until(lambda text=text: api.drafts.get(5, [""])[-1] == text, "it was not shown")
    assert 1 == len({call.parameters["draft_id"] for call in api.called("sendMessageDraft")})


@pytest.mark.parametrize(("status", "again"), [(404, 1), (400, 2)])
async def test_where_there_are_no_drafts_it_is_a_message_that_becomes_the_answer(
    bot: Telegram, api: TelegramApi, status: int, again: int
) -> None:
    api.fail("sendMessageDraft", status=status, times=2)
    for _ in range(2):
        await shown(bot, api, ANN)
        await bot.send(Outgoing(ANN, "Twice a year.", key=KEY))
    assert again == len(api.called("sendMessageDraft"))
    assert ["Twice a year."] * 2 == [post.text for post in api.sent(5)]


async def test_in_a_group_it_is_edited_into_the_first_part(bot: Telegram, api: TelegramApi) -> None:
    await shown(bot, api, GROUP)
    answer = Outgoing(GROUP, "**Twice** a year. " * 400, key=KEY, buttons=(Button("ok", data="ok"),))
    parts = bot.split(answer)
    receipts = [await bot.send(part) for part in parts]
    posts = api.sent(-900)
    assert len(parts) == len(posts)
    assert [(f"-900:{post.message_id}",) for post in posts] == [receipt.ids for receipt in receipts]
    assert answer.text.replace("**", "").split() == " ".join(post.text for post in posts).split()


async def test_a_group_that_moves_under_a_preview_gets_the_answer_where_it_is_now(
    bot: Telegram, api: TelegramApi
) -> None:
    await shown(bot, api, GROUP)
    new = api.migrates(-900)
    receipt = await bot.send(Outgoing(GROUP, "Twice a year.", key=KEY))
    assert ("sent", ["Twice a year."]) == (receipt.state, [post.text for post in api.sent(new)])


@pytest.mark.parametrize("other", [Outgoing(GROUP, "Else", key=f"{KEY[:-1]}1"), Outgoing(GROUP, "Else")])
async def test_another_message_takes_nothing_over(bot: Telegram, api: TelegramApi, other: Outgoing) -> None:
    await shown(bot, api, GROUP)
    await bot.send(other)
    assert ["Twice", "Else"] == [post.text for post in api.sent(-900)]


async def test_a_preview_that_says_the_answer_already_is_the_answer(bot: Telegram, api: TelegramApi) -> None:
    await shown(bot, api, GROUP, "Twice.")
    receipt = await bot.send(Outgoing(GROUP, "Twice.", key=KEY))
    assert ("sent", ("-900:1",)) == (receipt.state, receipt.ids)
    assert "message is not modified" in api.called("editMessageText")[-1].description


async def test_a_preview_that_somebody_deleted_is_replaced(bot: Telegram, api: TelegramApi) -> None:
    await shown(bot, api, GROUP)
    api.sent(-900)[0].deleted = True
    await bot.send(Outgoing(GROUP, "Twice a year.", key=KEY))
    assert ["Twice a year."] == [post.text for post in api.sent(-900)]


async def test_a_rate_limit_on_the_last_edit_leaves_it_to_the_next_try(bot: Telegram, api: TelegramApi) -> None:
    await shown(bot, api, GROUP)
    api.fail("editMessageText", retry_after=1)
    with pytest.raises(RateLimited):
        await bot.send(Outgoing(GROUP, "Twice a year.", key=KEY))
    api.heal()
    await bot.send(Outgoing(GROUP, "Twice a year.", key=KEY))
    assert ["Twice a year."] == [post.text for post in api.sent(-900)]


@pytest.mark.parametrize(("times", "state"), [(2, "sent"), (3, "unknown")])
async def test_an_edit_that_is_cut_off_is_tried_again(bot: Telegram, api: TelegramApi, times: int, state: str) -> None:
    await shown(bot, api, GROUP)
    api.fail("editMessageText", cut="after", times=times)
    receipt = await bot.send(Outgoing(GROUP, "Twice a year.", key=KEY))
    assert state == receipt.state
    assert ["Twice a year."] == [post.text for post in api.sent(-900)]


async def test_an_answer_with_a_file_takes_the_preview_away(bot: Telegram, api: TelegramApi) -> None:
    await shown(bot, api, GROUP)
    file = Attachment("document", data=b"data", name="a.txt")
    await bot.send(Outgoing(GROUP, "Here.", key=KEY, attachments=(file,)))
    assert ["Here."] == [post.text for post in api.sent(-900)]


async def test_a_preview_that_cannot_be_taken_away_stops_no_file(bot: Telegram, api: TelegramApi) -> None:
    await shown(bot, api, GROUP)
    api.fail("deleteMessage", status=400, description="Bad Request: message can't be deleted for everyone")
    await bot.send(Outgoing(GROUP, "Here.", key=KEY, attachments=(Attachment("document", data=b"data", name="a.txt"),)))
    assert ["Twice", "Here."] == [post.text for post in api.sent(-900)]


async def test_a_preview_whose_fate_is_unknown_is_not_shown_twice(bot: Telegram, api: TelegramApi) -> None:
    api.fail("sendMessage", cut="after")
    async with bot.preview(Outgoing(GROUP, "", key=KEY)) as preview:
        await preview.update("Twice")
        await until(lambda: api.sent(-900), "it was not shown")
        await preview.update("Twice a")
    assert 1 == len(api.sent(-900))


async def test_without_a_key_a_preview_is_one_message(bot: Telegram, api: TelegramApi) -> None:
    api.fail("sendMessageDraft", status=404)
    async with bot.preview(Outgoing(ANN, "")) as preview:
        for text in ("Twice", "Twice a", "Twice a year"):
            await preview.update(text)
            await until(lambda text=text: [text] == [post.text for post in api.sent(5)], "it was not shown")
    assert 1 == len(api.called("sendMessage"))


async def test_updates_are_paced_and_the_newest_is_shown(bot: Telegram, api: TelegramApi) -> None:
    async with bot.preview(Outgoing(ANN, "", key=KEY)) as preview:
        for end in range(1, 200):
            await preview.update("x" * end)
            await asyncio.sleep(0)
        await until(lambda: api.drafts.get(5, [""])[-1] == "x" * 199, "it was not shown")
    assert len(api.drafts[5]) <= 2


async def test_at_the_end_nothing_is_on_the_wire(bot: Telegram, api: TelegramApi) -> None:
    api.fail("sendMessage", delay=0.3)
    async with bot.preview(Outgoing(GROUP, "", key=KEY)) as preview:
        await preview.update("Twice")
        await until(lambda: api.called("sendMessage"), "it was not shown")
    assert 1 == len(api.sent(-900))


async def test_a_quick_answer_in_a_group_does_not_run_into_the_rate_limit() -> None:
    strict = TelegramApi(flood=True)
    strict.chat(-900)
    async with serving(strict) as url:
        bot = Telegram(token=strict.token, api_base_url=url)
        await shown(bot, strict, GROUP)
        await bot.send(Outgoing(GROUP, "Twice a year.", key=KEY))
        await bot.aclose()
    assert [200, 200] == [call.status for call in strict.calls]


async def test_where_a_preview_was_refused_no_answer_is_tried_before_its_time(bot: Telegram, api: TelegramApi) -> None:
    api.fail("sendMessage", status=429, retry_after=30)
    await shown(bot, api, GROUP)
    with pytest.raises(RateLimited) as refused:
        await bot.send(Outgoing(GROUP, "Twice a year.", key=KEY))
    assert (refused.value.retry_after or 0) > 20
    assert 1 == len(api.called("sendMessage"))


async def test_right_after_a_message_in_a_group_no_preview_begins(bot: Telegram, api: TelegramApi) -> None:
    await bot.send(Outgoing(GROUP, "Once.", key="another"))
    async with bot.preview(Outgoing(GROUP, "", key=KEY)) as preview:
        await preview.update("Twice")
        await asyncio.sleep(0.2)
    await bot.send(Outgoing(GROUP, "Twice a year.", key=KEY))
    assert ["Once.", "Twice a year."] == [call.parameters["text"] for call in api.called("sendMessage")]
