"""The whole app with an assistant and an inbox in memory, whose records outlive it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from langchain_core.language_models import BaseChatModel
from memory_inbox import MemoryInbox, Records
from server_fakes import Pages

from assistant.answers import Answer, Done, TextDelta
from assistant.assistant import Assistant
from assistant.inbox import Reply, Turn
from assistant.knowledge import Knowledge
from assistant.knowledge.passages import Passage
from assistant.server.app import create_app
from assistant.server.web import WebChat
from assistant.settings import Settings
from assistant.testing.echo import EchoChat
from assistant.types import Outgoing


def site(
    folder: Path,
    model: BaseChatModel | None = None,
    *,
    passages: Sequence[Passage],
    records: Records,
    knowledge: Knowledge | None = None,
    grounding: str = "prefer",
    web: dict[str, Any] | None = None,
    **server: Any,
) -> FastAPI:
    given = {"data_dir": folder / "data", "cache_dir": folder / "cache", "chat": {"grounding": grounding}}
    settings = Settings.model_validate({**given, "server": server, "web": web or {}})
    retriever = knowledge.as_retriever() if knowledge else Pages(passages=list(passages))
    assistant = Assistant(model or EchoChat(), retriever, settings=settings, knowledge=knowledge)
    app = create_app(settings, assistant=assistant)
    connectors = app.state.parts.connectors
    app.state.parts.inbox = MemoryInbox(connectors, _Responder(assistant, connectors["web"]), records)
    return app


class _Responder:
    def __init__(self, assistant: Assistant, web: WebChat) -> None:
        self._assistant, self._web = assistant, web

    async def __call__(self, turn: Turn) -> Reply:
        if turn.kind != "text":
            return Reply()
        outgoing, text = Outgoing(turn.address, "", key=turn.key()), ""
        async with self._web.preview(outgoing) as preview:
            async for event in self._assistant.astream(turn.text, conversation=str(turn.address)):
                if isinstance(event, TextDelta):
                    text += event.text
                    await preview.update(text)
                if isinstance(event, Done):
                    answer: Answer = event.answer
        return Reply((Outgoing(turn.address, answer.text, key=turn.id),), {"answer": answer.to_dict()})
