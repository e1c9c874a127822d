"""Comments at the strict fake of Meta's Graph API: in public, in private, out of sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from accounts import INSTAGRAM_ID, PAGE_ID
from facebook_platform import FacebookPlatform
from graph_client import Caller, page
from graph_server import GraphServer
from graph_world import DAY, Comment

from assistant.types import Address

Calling = Callable[[str], Caller]

POST = f"{PAGE_ID}_77"
MESSAGES = f"{PAGE_ID}/messages"


@pytest.fixture
def comment(graph: GraphServer) -> Comment:
    """A comment of a stranger on the Page."""
    return graph.comments_on(POST, "How much?", author="200000000000009")


def private(comment: Comment, text: str = "In private.") -> dict[str, Any]:
    return page("", recipient={"comment_id": comment.id}, message={"text": text})


async def test_an_answer_to_a_comment_is_seen_below_it_and_told_to_the_page_itself(
    graph: GraphServer, calling: Calling, comment: Comment
) -> None:
    platform = FacebookPlatform(graph)
    answer = await calling("page")("POST", f"{comment.id}/comments", {"message": "Five."})
    seen = platform.messages(Address("facebook", PAGE_ID, comment.author, POST))
    assert [("Five.", answer.json()["id"])] == [(each.text, each.id) for each in seen]
    assert seen == platform.messages(Address("facebook", PAGE_ID, comment.author, comment.id))
    told = graph.webhooks.waiting[-1].body["value"]
    assert (PAGE_ID, comment.id, "add") == (told["from"]["id"], told["parent_id"], told["verb"])


async def test_one_private_reply_is_taken_within_seven_days_and_not_to_the_page(
    graph: GraphServer, calling: Calling, comment: Comment
) -> None:
    late, own = graph.comments_on(POST, "old", author="200000000000008"), graph.comments_on(POST, "I", author=PAGE_ID)
    call = calling("page")
    found = [
        await call.error("POST", MESSAGES, page(comment.author)),
        await call.error("POST", MESSAGES, private(comment)),
        await call.error("POST", MESSAGES, private(comment)),
        await call.error("POST", MESSAGES, page(comment.author)),
        await call.error("POST", MESSAGES, private(own)),
    ]
    graph.pass_time(7 * DAY + 1)
    found.append(await call.error("POST", MESSAGES, private(late)))
    assert [(10, 2018278), (0, None), (10900, None), (10, 2018278), (10903, None), (10903, None)] == found
    seen = FacebookPlatform(graph).messages(Address("facebook", PAGE_ID, comment.author))
    assert ["In private."] == [each.text for each in seen]


@pytest.mark.parametrize("body", [{}, {"message": " "}, {"message": "x" * 8001}, {"text": "x"}])
async def test_a_comment_that_cannot_be_is_refused(calling: Calling, comment: Comment, body: dict[str, Any]) -> None:
    assert (100, None) == await calling("page").error("POST", f"{comment.id}/comments", body)


@pytest.mark.parametrize("text", ["x" * 301, "SHOUTED", "#a #b #c #d #e", "http://a.example http://b.example"], ids=len)
async def test_instagram_has_rules_for_comments(graph: GraphServer, calling: Calling, text: str) -> None:
    made = graph.comments_on("17900000000000001", "How much?", author="300000000000009", surface="instagram")
    call = calling("login")
    assert (100, None) == await call.error("POST", f"{made.id}/replies", {"message": text})
    assert (100, 33) == await call.error("POST", f"{made.id}/comments", {"message": "Five."})
    assert 200 == (await call("POST", f"{made.id}/replies", {"message": "Five."})).status_code
    assert INSTAGRAM_ID == list(graph.comments.values())[-1].author


async def test_a_comment_is_hidden_and_one_that_was_deleted_is_gone(
    graph: GraphServer, calling: Calling, comment: Comment
) -> None:
    call = calling("page")
    assert (100, None) == await call.error("POST", comment.id, {"hide": True})
    assert {"success": True} == (await call("POST", comment.id, {"is_hidden": True})).json()
    assert comment.hidden
    await call("DELETE", comment.id)
    assert (100, 33) == await call.error("POST", f"{comment.id}/comments", {"message": "Five."})
    assert (100, 33) == await call.error("GET", f"{comment.id}_9")


async def test_what_stands_below_is_listed_with_the_fields_that_are_asked_for(
    graph: GraphServer, calling: Calling, comment: Comment
) -> None:
    call = calling("page")
    await call("POST", f"{comment.id}/comments", {"message": "Five."})
    await call("POST", f"{comment.id}/comments", {"message": "Or six."})
    asked = {"fields": "message,from", "order": "reverse_chronological", "limit": "1"}
    first = (await call("GET", f"{comment.id}/comments", params=asked)).json()
    rest = (
        await call("GET", f"{comment.id}/comments", params={**asked, "after": first["paging"]["cursors"]["after"]})
    ).json()
    assert [("Or six.", PAGE_ID), ("Five.", PAGE_ID)] == [
        (row["message"], row["from"]["id"]) for told in (first, rest) for row in told["data"]
    ]
    assert "paging" not in rest
    assert (100, None) == await call.error("GET", comment.id, params={"fields": "shoe_size"})
    assert "Ann" == (await call("GET", comment.id, params={"fields": "from"})).json()["from"]["name"]


async def test_a_conversation_is_listed_for_the_page(graph: GraphServer, calling: Calling, comment: Comment) -> None:
    call = calling("page")
    asked = {"user_id": comment.author, "platform": "messenger", "fields": "messages{id,message,from}"}
    before = (await call("GET", f"{PAGE_ID}/conversations", params=asked)).json()["data"]
    await call("POST", MESSAGES, private(comment))
    (after,) = (await call("GET", f"{PAGE_ID}/conversations", params=asked)).json()["data"]
    assert ([], ["In private."]) == (before, [each["message"] for each in after["messages"]["data"]])
