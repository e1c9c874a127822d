"""The connector of the chat page against the contract suite, but for what it cannot have.

There is no webhook, and so no `WebhookContract`; and a send does not leave the process, and so cannot fail: the inbox keeps
the answer, and readers find it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from assistant.connector import Connector
from assistant.sections import Web
from assistant.server.web import WebChat, message
from assistant.testing.connector_abilities import AbilityContract
from assistant.testing.connector_sends import SendContract
from assistant.testing.platform import Failure, Sent
from assistant.types import Address, Incoming, Outgoing, Receipt

SESSION = "s" * 43


class Page:
    """What a visitor sees: the answers that are recorded, by key, and the one that is being written."""

    def __init__(self) -> None:
        self.web = _Recorded(self)
        self.recorded: dict[Address, dict[str, Outgoing]] = {}

    def messages(self, address: Address) -> Sequence[Sent]:
        found = self.recorded.get(address, {}).values()
        return [Sent(each.text, len(each.text), str(each.key)) for each in found]

    def shown(self, address: Address) -> Sequence[str]:
        live = self.web.hub.live(address)
        return [live.text] if live else []

    def fail(self, failure: Failure, *, times: int = 1, retry_after: float = 3) -> None:
        """Nothing can."""

    def heal(self) -> None:
        """Nothing failed."""

    async def stop(self) -> None:
        """It goes with the process."""


class _Recorded(WebChat):
    """Records what it sends, as the inbox does before."""

    def __init__(self, page: Page) -> None:
        super().__init__(Web())
        self._page = page

    async def send(self, outgoing: Outgoing) -> Receipt:
        self._page.recorded.setdefault(outgoing.address, {}).setdefault(str(outgoing.key), outgoing)
        return await super().send(outgoing)


class TestWeb(AbilityContract, SendContract):
    test_a_rate_limit_says_when_to_try_again = None  # type: ignore[assignment]
    test_a_failing_server_is_transient = None  # type: ignore[assignment]
    test_a_refused_connection_is_transient = None  # type: ignore[assignment]
    test_a_person_who_blocked_the_bot_is_not_tried_again = None  # type: ignore[assignment]
    test_a_connection_that_ends_after_the_request_leaves_the_outcome_unknown = None  # type: ignore[assignment]

    @pytest.fixture
    def platform(self) -> Page:
        return Page()

    def connector(self, platform: Any, **changes: Any) -> WebChat:
        web: WebChat = platform.web
        return web

    def events(self, connector: Connector) -> list[Incoming]:
        return [message(SESSION, letter * 16, "Hello") for letter in "ab"]
