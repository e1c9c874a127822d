"""Public comments at the fake Graph server as the contract suite of connectors wants to see a platform."""

from __future__ import annotations

from collections.abc import Sequence

from accounts import INSTAGRAM_ID, PAGE_ID
from graph_platform import GraphPlatform
from graph_world import Comment

from assistant.testing.platform import Sent
from assistant.types import Address


class FacebookPlatform(GraphPlatform):
    """People who comment on the Page; an address with a thread is what they see there, one without their private messages."""

    surface = "messenger"

    def messages(self, address: Address) -> Sequence[Sent]:
        """In public: the account's answers to the person's comments under that post or comment. Else what came in private."""
        if address.thread is None:
            return [Sent(shown.text, len(shown.text), shown.id, shown.buttons) for shown in self.person(address).seen]
        return [
            Sent(comment.text, len(comment.text), comment.id)
            for comment in self.graph.comments.values()
            if comment.author in (PAGE_ID, INSTAGRAM_ID) and not comment.deleted and self._answers(comment, address)
        ]

    def _answers(self, comment: Comment, address: Address) -> bool:
        """Whether a comment of the account answers the person at the address."""
        above = self.graph.comments.get(comment.parent or comment.post or "")
        if above is None or comment.post is None:
            return False
        places = {above.id, above.post, above.parent, comment.post}
        return address.thread in places and address.chat in (above.author, above.id)
