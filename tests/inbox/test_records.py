"""What is stored comes back."""

from __future__ import annotations

import json
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from assistant.inbox.records import incoming_from_json, incoming_to_json, outgoing_from_json, outgoing_to_json
from assistant.types import Address, Attachment, Button, Incoming, Outgoing

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some = st.none() | texts.filter(bool)
addresses = st.builds(Address, texts, texts, texts, some)
attachments = st.builds(
    Attachment,
    kind=st.sampled_from(["image", "document"]),
    url=some,
    data=st.none() | st.binary(max_size=20),
    name=some,
    size=st.none() | st.integers(0, 9),
)
incoming = st.builds(
    Incoming,
    id=texts,
    address=addresses,
    sender=texts,
    kind=st.sampled_from(["text", "command", "button"]),
    text=texts,
    sent_at=st.datetimes(timezones=st.just(UTC)),
    order=texts,
    reply_to=some,
    attachments=st.lists(attachments, max_size=2).map(tuple),
    raw=st.dictionaries(texts, texts, max_size=2),
)
outgoing = st.builds(
    Outgoing,
    address=addresses,
    text=texts,
    reply_to=some,
    buttons=st.lists(st.builds(Button, texts, some, some), max_size=2).map(tuple),
    attachments=st.lists(attachments, max_size=2).map(tuple),
    key=some,
)


@given(incoming)
def test_an_incoming_message_comes_back(message: Incoming) -> None:
    assert message == incoming_from_json(json.loads(json.dumps(incoming_to_json(message))))


@given(outgoing)
def test_an_outgoing_message_comes_back(message: Outgoing) -> None:
    assert message == outgoing_from_json(json.loads(json.dumps(outgoing_to_json(message))))


def test_a_record_with_next_to_nothing_in_it_is_a_message() -> None:
    message = incoming_from_json({"id": "1", "address": {"connector": "memory"}})

    assert ("1", "text", "", UTC) == (message.id, message.kind, message.text, message.sent_at.tzinfo)
