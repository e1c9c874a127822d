"""What goes out to Telegram arrives whole, once, as Telegram wants it, or it is told why not."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import pytest

from assistant.errors import RateLimited, Rejected, TransientError
from assistant.testing.serving import serving
from assistant.testing.telegram_api import TelegramApi
from assistant.types import Address, Attachment, Button, Outgoing
from connectors.telegram import Telegram

ANN = Address("telegram", "700000001", "5")
GROUP = Address("telegram", "700000001", "-900")
TOPIC = Address("telegram", "700000001", "-100901", "7")
GENERAL = Address("telegram", "700000001", "-100901", "1")


@pytest.mark.usefixtures("unblocked")
async def test_markdown_arrives_as_markup(bot: Telegram, api: TelegramApi) -> None:
    receipt = await bot.send(Outgoing(ANN, "**Twice** a year, see <here> & [there](https://example.org)."))
    [post] = api.sent(5)
    assert (("5:1",), "sent") == (receipt.ids, receipt.state)
    assert "Twice a year, see <here> & there." == post.text
    assert ["bold", "text_link"] == [entity["type"] for entity in post.entities]
    assert True is api.called("sendMessage")[0].parameters["link_preview_options"]["is_disabled"]


async def test_what_telegram_cannot_read_goes_out_plain(bot: Telegram, api: TelegramApi) -> None:
    api.fail("sendMessage", status=400, description="Bad Request: can't parse entities: unexpected end tag at byte 3")
    await bot.send(Outgoing(ANN, "**Twice** a year, 1 < 2"))
    [post] = api.sent(5)
    assert ("Twice a year, 1 < 2", ()) == (post.text, post.entities)


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_no_other_error_takes_the_markup_away(bot: Telegram, api: TelegramApi, status: int) -> None:
    api.fail("sendMessage", status=status, description="something else", retry_after=1 if status == 429 else None)
    with pytest.raises((Rejected, TransientError)):
        await bot.send(Outgoing(ANN, "**Twice** a year"))
    assert 1 == len(api.called("sendMessage"))


async def test_a_long_text_is_split_and_finished(bot: Telegram, api: TelegramApi) -> None:
    text = "\n\n".join(f"Paragraph {number} of a long answer, with **weight** 😀." for number in range(300))
    await bot.send(Outgoing(ANN, text, reply_to="5:1", buttons=(Button("More", data="more"),)))
    posts = api.sent(5)
    assert 2 < len(posts)
    assert text.replace("**", "").split() == " ".join(post.text for post in posts).split()
    assert [*[0] * (len(posts) - 1), 1] == [len(post.buttons) for post in posts]


async def test_a_rate_limit_in_the_middle_is_waited_for(bot: Telegram, api: TelegramApi) -> None:
    api.fail("sendMessage", delay=0.01)  # the first part passes
    api.fail("sendMessage", retry_after=1)
    receipt = await bot.send(Outgoing(ANN, "word " * 1500))
    assert ["5:1", "5:2"] == list(receipt.ids)
    assert [200, 429, 200] == [call.status for call in api.called("sendMessage")]


async def test_a_long_message_that_cannot_be_finished_says_what_arrived(bot: Telegram, api: TelegramApi) -> None:
    api.fail("sendMessage", delay=0.01)  # the first part passes
    api.fail("sendMessage", status=403)
    receipt = await bot.send(Outgoing(ANN, "word " * 1500))
    assert (("5:1",), "failed") == (receipt.ids, receipt.state)


@pytest.mark.parametrize(
    ("status", "description", "says"),
    [
        (403, "Forbidden: bot was blocked by the user", "blocked by the user"),
        (403, "Forbidden: user is deactivated", "deactivated"),
        (403, "Forbidden: bot was kicked from the group chat", "kicked"),
        (400, "Bad Request: chat not found", "chat not found"),
        (401, "Unauthorized", "connectors.telegram.token"),
    ],
)
async def test_who_cannot_be_written_to_is_rejected_in_telegrams_words(
    bot: Telegram, api: TelegramApi, status: int, description: str, says: str
) -> None:
    api.fail(status=status, description=description)
    with pytest.raises(Rejected, match=f"(?i){says}"):
        await bot.send(Outgoing(ANN, "hi"))


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_fault_of_telegram_is_transient(bot: Telegram, api: TelegramApi, status: int) -> None:
    api.fail(status=status)
    with pytest.raises(TransientError):
        await bot.send(Outgoing(ANN, "hi"))


async def test_a_gateway_that_gave_up_leaves_the_outcome_unknown(bot: Telegram, api: TelegramApi) -> None:
    api.fail(status=504)
    assert "unknown" == (await bot.send(Outgoing(ANN, "hi"))).state


async def test_a_gateway_that_lost_telegrams_answer_leaves_the_outcome_unknown(api: TelegramApi) -> None:
    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 502, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b"<html>502 Bad Gateway</html>"})

    async with serving(gateway) as url:
        bot = await asyncio.to_thread(partial(Telegram, token=api.token, api_base_url=url))
        assert "unknown" == (await bot.send(Outgoing(ANN, "hi"))).state
        await bot.aclose()


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_cut_connection_leaves_the_outcome_unknown(bot: Telegram, api: TelegramApi, cut: Any) -> None:
    api.fail(cut=cut)
    receipt = await bot.send(Outgoing(ANN, "hi"))
    assert ("unknown", ()) == (receipt.state, receipt.ids)
    assert (cut == "after") == bool(api.sent(5))


async def test_where_nothing_listens_nothing_has_left(connect: Any, api: TelegramApi) -> None:
    bot = Telegram(token=api.token, api_base_url="http://127.0.0.1:9")
    with pytest.raises(TransientError, match="cannot be reached"):
        await bot.send(Outgoing(ANN, "hi"))
    await bot.aclose()


async def test_a_rate_limit_names_its_seconds(bot: Telegram, api: TelegramApi) -> None:
    api.fail(retry_after=17)
    with pytest.raises(RateLimited) as caught:
        await bot.send(Outgoing(ANN, "hi"))
    assert 17 == caught.value.retry_after


async def test_a_group_that_moved_is_followed(
    bot: Telegram, api: TelegramApi, caplog: pytest.LogCaptureFixture
) -> None:
    new = api.migrates(-900)
    receipts = [await bot.send(Outgoing(GROUP, text, reply_to="-900:1")) for text in ("one", "two")]
    assert [f"{new}:2", f"{new}:3"] == [receipt.ids[0] for receipt in receipts]
    assert ["one", "two"] == [post.text for post in api.sent(new)]
    assert 1 == caplog.text.count("is now the supergroup")
    assert [-900, new, new] == [call.parameters["chat_id"] for call in api.called("sendMessage")]


async def test_a_topic_is_answered_in_it_and_general_by_naming_none(bot: Telegram, api: TelegramApi) -> None:
    await bot.send(Outgoing(TOPIC, "in the topic"))
    await bot.send(Outgoing(GENERAL, "in General"))
    await bot.typing(TOPIC)
    await bot.typing(GENERAL)
    assert [7, None] == [post.thread for post in api.sent(-100901)]
    assert [7, 1] == [call.parameters["message_thread_id"] for call in api.called("sendChatAction")]


async def test_a_reply_to_a_message_that_is_gone_arrives_all_the_same(bot: Telegram, api: TelegramApi) -> None:
    asked = api.user_says(5, "how often?")
    await bot.send(Outgoing(ANN, "twice", reply_to=f"5:{asked}"))
    await bot.send(Outgoing(ANN, "edited", reply_to=f"5:{asked}:edit:1"))
    await bot.send(Outgoing(ANN, "gone", reply_to="5:4711"))
    await bot.send(Outgoing(ANN, "tapped", reply_to="callback:99"))
    await bot.send(Outgoing(ANN, "elsewhere", reply_to=f"6:{asked}"))
    assert [asked, asked, None, None, None] == [post.reply_to for post in api.sent(5)]


async def test_buttons_share_rows_while_they_are_short(bot: Telegram, api: TelegramApi) -> None:
    labels = ["1", "2", "3", "👍", "👎", "A label as long as a row of a phone"]
    buttons = (*(Button(label, data=label[:5]) for label in labels), Button("Open", url="https://example.org/x"))
    await bot.send(Outgoing(ANN, "Choose", buttons=buttons))
    rows = api.sent(5)[0].message["reply_markup"]["inline_keyboard"]
    assert [labels[:5], labels[5:], ["Open"]] == [[key["text"] for key in row] for row in rows]


async def test_a_button_with_too_much_data_is_refused_before_anything_is_sent(bot: Telegram, api: TelegramApi) -> None:
    await bot.send(Outgoing(ANN, "hi", buttons=(Button("ok", data="é" * 32),)))
    with pytest.raises(Rejected, match="'bad' has 66 bytes"):
        await bot.send(Outgoing(ANN, "word " * 1500, buttons=(Button("bad", data="é" * 33),)))
    assert 1 == len(api.sent(5))


async def test_a_button_with_an_address_telegram_refuses_is_left_out(bot: Telegram, api: TelegramApi) -> None:
    private = [Button("here", url=url) for url in ("http://localhost:8000/", "http://127.0.0.1/", "ftp://example.org/")]
    await bot.send(Outgoing(ANN, "hi", buttons=(*private, Button("there", url="https://example.org"))))
    assert ["there"] == [button["text"] for button in api.sent(5)[0].buttons]


async def test_files_go_out_with_the_text_under_them(bot: Telegram, api: TelegramApi) -> None:
    files = (Attachment("document", data=b"data", name="a.txt"), Attachment("image", data=b"\x89PNG", name="b.png"))
    receipt = await bot.send(Outgoing(ANN, "**Two** files", attachments=files, buttons=(Button("ok", data="ok"),)))
    document, photo = api.sent(5)
    assert (2, "Two files", "") == (len(receipt.ids), document.text, photo.text)
    assert "a.txt" == document.message["document"]["file_name"]
    assert ([], ["ok"]) == ([b["text"] for b in document.buttons], [b["text"] for b in photo.buttons])
    assert {"document": b"data"} == {key: file.data for key, file in api.called("sendDocument")[0].files.items()}


async def test_a_text_too_long_for_a_caption_goes_on_below(bot: Telegram, api: TelegramApi) -> None:
    file = Attachment("document", data=b"data", name="a.txt")
    await bot.send(Outgoing(ANN, "word " * 500, attachments=(file,)))
    assert ("word " * 500).split() == " ".join(post.text for post in api.sent(5)).split()
    assert ["sendDocument", "sendMessage", "sendMessage"] == [
        call.method for call in api.calls if "send" in call.method
    ]


@pytest.mark.parametrize(
    "outgoing",
    [
        Outgoing(ANN, "  "),
        Outgoing(ANN, "", attachments=(Attachment("location", url="geo:1,2"),)),
        Outgoing(ANN, "", attachments=(Attachment("document"),)),
        Outgoing(ANN, "hi", buttons=tuple(Button(str(n), data="x") for n in range(101))),
    ],
)
async def test_what_cannot_be_a_message_is_rejected(bot: Telegram, api: TelegramApi, outgoing: Outgoing) -> None:
    with pytest.raises(Rejected):
        await bot.send(outgoing)
    assert [] == api.sent(5)


async def test_a_text_that_is_markup_only_arrives(bot: Telegram, api: TelegramApi) -> None:
    await bot.send(Outgoing(ANN, "<!-- nothing -->"))
    assert 1 == len(api.sent(5))


@pytest.mark.parametrize("text", ["```\n" + "\n" * 5000 + "```", "&nbsp;" * 5000])
async def test_a_long_text_of_which_nothing_is_visible_arrives_as_it_was_written(
    bot: Telegram, api: TelegramApi, text: str
) -> None:
    assert "sent" == (await bot.send(Outgoing(ANN, text))).state
    assert api.sent(5)


async def test_a_text_that_fits_without_its_blank_end_is_sent_without_it(bot: Telegram, api: TelegramApi) -> None:
    await bot.send(Outgoing(ANN, "```\nx\n" + "\n" * 5000 + "```", buttons=(Button("ok", data="ok"),)))
    assert [("x", 1)] == [(post.text, len(post.buttons)) for post in api.sent(5)]


async def test_a_reaction_telegram_does_not_know_is_rejected(bot: Telegram, api: TelegramApi) -> None:
    asked = api.user_says(5, "how often?")
    for emoji, message_id in (("🦖", f"5:{asked}"), ("👍", "callback:1")):
        with pytest.raises(Rejected):
            await bot.react(ANN, message_id, emoji)


async def test_a_file_beyond_telegrams_limit_is_rejected(bot: Telegram, api: TelegramApi) -> None:
    stored = api.store(bytes(20 * 1024 * 1024 + 1), "big.bin", "application/octet-stream")
    with pytest.raises(Rejected, match="too big"):
        await bot.fetch(Attachment("document", file_id=stored.id), max_bytes=10**9)


async def test_no_log_line_and_no_repr_has_the_token(
    connect: Any, api: TelegramApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bot = await connect(secret_token="a-long-random-word", webhook_url="https://bot.example/webhooks/telegram")
    await bot.send(Outgoing(ANN, "hi"))
    stored = api.store(b"data", "a.txt", "text/plain")
    assert b"data" == await bot.fetch(Attachment("document", file_id=stored.id), max_bytes=9)
    shown = caplog.text + repr(bot) + repr(bot._api)
    assert "sendMessage" in shown
    assert "/file/bot" in shown
    for secret in (api.token, api.token.partition(":")[2], "a-long-random-word"):
        assert secret not in shown
