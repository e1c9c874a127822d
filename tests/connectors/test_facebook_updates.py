"""Comments that Meta tells of become events: every one, of the Page and of Instagram, and nothing else."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from accounts import INSTAGRAM_ID, PAGE_ID
from facebook_payloads import (
    ANN,
    AT,
    BEN,
    COMMENT,
    IG_ANN,
    IG_COMMENT,
    MEDIUM,
    OTHER,
    POST,
    REPLY,
    SECRETS,
    body,
    entry,
    facebook,
    feed,
    instagram,
    parsed,
    signed,
)  # fmt: skip

from assistant.errors import ConfigurationError, InvalidWebhook
from assistant.types import Address, Incoming, Webhook

WHEN = datetime.fromtimestamp(AT, UTC)


def told(*entries: dict[str, Any], object: str = "page", **options: Any) -> list[Incoming]:
    content = json.dumps({"object": object, "entry": list(entries)}).encode()
    return list(facebook(**options).parse(signed(content)))


def now(**fields: Any) -> dict[str, Any]:
    return feed(created_time=int(datetime.now(UTC).timestamp()), **fields)


def test_a_comment_on_the_page_is_an_event() -> None:
    [event] = parsed(feed())
    assert Address("facebook", PAGE_ID, ANN, POST) == event.address
    assert (COMMENT, ANN, "comment", "When do you open?", WHEN, None) == (
        event.id, event.sender, event.kind, event.text, event.sent_at, event.reply_to)  # fmt: skip
    assert {"object": "page", **feed()} == event.raw


@pytest.mark.parametrize("field", ["comments", "live_comments"])
def test_a_comment_on_instagram_is_an_event_in_both_shapes(field: str) -> None:
    change = instagram(field=field)
    [event] = parsed(change)
    [other] = told(entry(id=INSTAGRAM_ID, **change), object="instagram")
    assert event == other
    assert Address("facebook", INSTAGRAM_ID, IG_ANN, MEDIUM) == event.address
    assert (IG_COMMENT, IG_ANN, "comment", "Do you ship?", WHEN) == (
        event.id, event.sender, event.kind, event.text, event.sent_at)  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "kind", "mark", "text"),
    [("edited", "edit", "edited", "When do you open?"), ("remove", "delete", "removed", ""),
     ("hide", "system", "hidden", "hidden"), ("unhide", "system", "shown", "shown")],
)  # fmt: skip
def test_what_happens_to_a_comment_is_about_it(verb: str, kind: str, mark: str, text: str) -> None:
    [event] = parsed(feed("When do you open?" if verb == "edited" else None, verb=verb))
    assert (kind, COMMENT, text) == (event.kind, event.reply_to, text or event.text)
    assert event.id.startswith(f"{COMMENT}:{mark}:20261026")


def test_each_edit_has_an_id_of_its_own_that_stays() -> None:
    ids = [event.id for text in ("A", "B", "A") for event in parsed(feed(text, verb="edited"))]
    assert ids[0] == ids[2] != ids[1]


def test_every_change_of_every_entry_is_an_event() -> None:
    again = [feed(comment_id=f"1_{number}", created_time=AT + number // 2) for number in range(6)]
    events = told(
        entry(*again[:3]), entry(*again[3:5]), entry(messaging=[{"message": {"text": "no"}}]), entry(again[5])
    )
    assert [f"1_{number}" for number in range(6)] == [event.id for event in events]
    assert [event.order for event in events] == sorted(event.order for event in events)


@pytest.mark.parametrize("author", [PAGE_ID, int(PAGE_ID), INSTAGRAM_ID])
def test_the_account_itself_is_never_an_event(author: Any) -> None:
    assert [] == parsed(feed(author=author))
    assert [] == parsed(instagram(author=str(author)))


def test_an_own_comment_on_instagram_is_known_by_its_second_id_too() -> None:
    change = instagram()
    change["value"]["from"]["self_ig_scoped_id"] = "2"
    assert [] == parsed(change)


@pytest.mark.parametrize(
    "change",
    [feed(item="post"), feed(item="reaction", verb="add"), feed(item="share"), feed(verb="follow"), feed(verb=None),
     {"field": "mention", "value": feed()["value"]}, {"field": "feed", "value": None}, {"field": "feed"}],
)  # fmt: skip
def test_other_kinds_are_left_out_quietly(change: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert [COMMENT] == [event.id for event in parsed(change, feed())]
    assert [] == caplog.records


@pytest.mark.parametrize(
    "broken",
    [{"comment_id": None}, {"post_id": None}, {"from": None, "sender_id": None}, {"created_time": "soon"},
     {"created_time": 10**30}, {"created_time": True}, {"comment_id": ["1"]}, {"created_time": "2026-11-24T10:00:00"}],
)  # fmt: skip
def test_a_malformed_comment_does_not_break_the_batch(broken: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert [COMMENT] == [event.id for event in parsed(feed(**broken), feed())]
    assert "left out" in caplog.text


@pytest.mark.parametrize("at", [AT, str(AT), float(AT), AT * 1000, "2026-10-26T07:33:20+0000"])
def test_times_are_read_in_every_way_that_meta_writes_them(at: Any) -> None:
    assert [WHEN] == [event.sent_at for event in parsed(feed(created_time=at))]


def test_older_shapes_name_the_author_beside() -> None:
    change = feed(sender_id=int(ANN), sender_name="Ann Example")
    del change["value"]["from"]
    [event] = parsed(change)
    assert ANN == event.sender


def test_a_comment_without_text_is_an_event_that_is_not_answered() -> None:
    [event] = parsed(now(text=None, photo="https://example.org/a.jpg"))
    assert ("comment", "") == (event.kind, event.text)
    assert () == facebook().replies(event)


def test_other_accounts_and_other_objects_are_left_to_their_connectors() -> None:
    assert [] == told(entry(feed(), id="999"))
    assert [] == told(entry(instagram(), id="999"), object="instagram")
    assert [] == told(entry(feed(), id=PAGE_ID), object="whatsapp_business_account")
    assert [] == told(entry(instagram(), id=INSTAGRAM_ID), object="instagram", instagram_account_id=None)
    with pytest.raises(InvalidWebhook):
        facebook().parse(signed(b"[]"))


def test_the_callback_is_shared() -> None:
    assert "meta" == facebook().callback


# how it is answered


@pytest.fixture
def ann() -> Incoming:
    [event] = parsed(now())
    return event


def test_it_is_answered_in_private_unless_the_owner_wants_more(ann: Incoming) -> None:
    assert ("private",) == facebook().replies(ann)
    assert ("public",) == facebook(replies=["public"]).replies(ann)
    assert ("private", "public") == facebook(replies=["private", "public", "private"]).replies(ann)


def test_the_allow_list_takes_ids_with_and_without_the_page(ann: Incoming) -> None:
    for posts in ([POST], [POST.partition("_")[2]], [int(POST.partition("_")[2])], ["1", POST]):
        assert ("private",) == facebook(posts=posts).replies(ann)
    assert () == facebook(posts=[OTHER]).replies(ann)


def test_the_allow_list_knows_the_medium_that_an_advertisement_shows() -> None:
    [event] = told(entry(instagram(media={"id": "1", "ad_id": "2", "original_media_id": MEDIUM}), id=INSTAGRAM_ID,
                         time=int(datetime.now(UTC).timestamp())), object="instagram")  # fmt: skip
    assert ("private",) == facebook(posts=[MEDIUM]).replies(event)
    assert () == facebook(posts=["3"]).replies(event)


@pytest.mark.parametrize("parent", [COMMENT, "700000000000001"])
def test_comments_below_comments_are_answered_where_that_is_wanted(parent: str) -> None:
    [event] = parsed(now(comment_id=REPLY, parent_id=parent, author=BEN))
    assert () == facebook().replies(event)
    assert ("private",) == facebook(follow_ups=True).replies(event)


@pytest.mark.parametrize("parent", [POST, None, f"{PAGE_ID}_122100000000007"])
def test_a_comment_on_a_post_is_not_below_another(parent: str | None) -> None:
    [event] = parsed(now(parent_id=parent))
    assert ("private",) == facebook().replies(event)


def test_below_comments_on_instagram() -> None:
    [event] = parsed(instagram(parent_id="17900000000000009"))
    assert () == facebook(replies=["public"]).replies(event)
    assert ("public",) == facebook(replies=["public"], follow_ups=True).replies(event)


def test_after_seven_days_nothing_private_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    week = timedelta(days=7)
    for age, expected in ((week - timedelta(hours=1), ("private",)), (week + timedelta(seconds=1), ())):
        [event] = parsed(feed(created_time=int((datetime.now(UTC) - age).timestamp())))
        assert expected == facebook().replies(event)
        assert "public" in facebook(replies=["public", "private"]).replies(event)
    assert "answered in public only: it is older than the 7 days" in caplog.text


def test_a_live_video_has_no_public_answers() -> None:
    [event] = parsed(instagram(field="live_comments"))
    assert ("private",) == facebook(replies=["public", "private"]).replies(event)
    assert () == facebook(replies=["public"]).replies(event)


@pytest.mark.parametrize(
    ("change", "options", "why"),
    [(now(), {"posts": [OTHER]}, "not one of `posts`"), (now(parent_id=COMMENT, comment_id=REPLY), {}, "below another comment"),
     (now(text=" "), {}, "no text"), (now(verb="edited"), {}, "no new comment"), (feed(created_time=1), {}, "older than the 7 days"),
     (instagram(field="live_comments"), {"replies": ["public"]}, "live video")],
)  # fmt: skip
def test_what_is_not_answered_has_its_reason_in_the_log(
    change: dict[str, Any], options: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    [event] = parsed(change)
    assert () == facebook(**options).replies(event)
    assert f"facebook: comment {event.reply_to or event.id} is not answered" in caplog.text
    assert why in caplog.text


def test_the_account_itself_is_never_answered(ann: Incoming) -> None:
    own = Incoming("1", Address("facebook", PAGE_ID, PAGE_ID, POST), PAGE_ID, "comment", "Hi", datetime.now(UTC))
    assert () == facebook().replies(own)
    bare = Incoming("1", ann.address, ANN, "comment", "Hi", datetime.now(UTC))
    assert ("private",) == facebook().replies(bare)


# options


@pytest.mark.parametrize(
    ("options", "says"),
    [({"replies": []}, "replies is"), ({"replies": "public"}, "replies is 'public'"), ({"replies": ["private", "email"]}, "email"),
     ({"posts": []}, "posts is"), ({"posts": "1"}, "posts is"), ({"posts": ["https://facebook.com/1"]}, "posts is"),
     ({"page_id": "my.page"}, "page_id is 'my.page'"), ({"page_id": ""}, "page_id"), ({"instagram_account_id": "@us"}, "instagram_account_id"),
     ({"app_id": "app"}, "app_id"), ({"app_secret": ""}, "app_secret is not set"), ({"app_secret": None}, "app_secret"),
     ({"verify_token": None}, "verify_token is not set"), ({"page_access_token": " "}, "page_access_token is not set"),
     ({"graph_version": "27"}, "graph_version is '27'"), ({"graph_version": "v17.0"}, "ended"), ({"graph_base_url": "ftp://x"}, "graph_base_url"),
     ({"moderation": "nowhere"}, "package.module:callable"), ({"moderation": "no.such:thing"}, "no.such"),
     ({"moderation": "json:nothing"}, "nothing"), ({"moderation": "json:__name__"}, "no function")],
)  # fmt: skip
def test_a_wrong_option_is_named_without_a_secret(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"connectors.shop.{next(iter(options))}")) as caught:
        facebook(name="shop", **options)
    assert says in str(caught.value)
    assert not any(secret in str(caught.value) for secret in SECRETS.values())


def test_its_repr_has_no_secret() -> None:
    shown = repr(facebook())
    assert PAGE_ID in shown
    assert not any(secret in shown for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("given", "told"),
    [(True, ""), (False, None), ("false", None), ("True", ""), ("A machine.", "A machine."), ("", "")],
)
def test_people_are_told_that_it_is_a_machine(given: str | bool, told: str | None) -> None:
    assert told == facebook(disclosure=given).disclosure


def test_private_replies_to_instagram_are_spaced() -> None:
    hourly = [(rate.count, rate.seconds) for rate in facebook().capabilities.rates]
    assert [(750, 3600.0)] == hourly
    assert [300] == [rate.count for rate in facebook(instagram_account_id=None).capabilities.rates]
    assert [300] == [rate.count for rate in facebook(replies=["public"]).capabilities.rates]


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Hub-Signature": "sha1=" + 40 * "0"}, {"X-Hub-Signature-256": "sha256=" + 64 * "0"}, {"X-Hub-Signature-256": ""}],
)  # fmt: skip
def test_a_bad_signature_says_nothing_of_the_right_one(headers: dict[str, str]) -> None:
    content = body(feed())
    right = signed(content).headers["X-Hub-Signature-256"]
    with pytest.raises(InvalidWebhook) as caught:
        facebook().verify(Webhook(method="POST", headers=headers, body=content))
    assert right.removeprefix("sha256=") not in str(caught.value)
