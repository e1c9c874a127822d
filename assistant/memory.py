"""Conversations: who said what, kept in the state database through LangChain's SQL chat history."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from sqlalchemy import URL, Engine, Index, create_engine, delete, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from assistant.answers import Answer
from assistant.background import Once
from assistant.errors import ConfigurationError, TransientError

if TYPE_CHECKING:
    from langchain_community.chat_message_histories.sql import DefaultMessageConverter, SQLChatMessageHistory
    from sqlalchemy import ColumnElement

TABLE = "conversations"
BUSY_SECONDS = 30
TURN = "turn"
"""Key in `additional_kwargs` of both messages of a turn that has a name."""


class Conversations:
    """Conversations in a database, SQLite or PostgreSQL; opened on first use and safe to use from many threads.

    `url` is an SQLAlchemy URL as in `Settings.state_url`; `sqlite://` keeps them in memory. A question and its answer
    are written together once the answer is complete, so turns of one conversation that run at the same time cannot
    interleave. An answer keeps its citations in `additional_kwargs`.

    A turn may have a name: kept again under the same name, as after a crash, it takes the place of the earlier one.

    Raises (every method):
        ConfigurationError: the URL is wrong or its driver is not installed.
        TransientError: the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._store = Once(lambda: Store(url))

    def history(self, conversation: str) -> BaseChatMessageHistory:
        """The conversation as LangChain knows it, for instance for `RunnableWithMessageHistory`."""
        return self._store.get().history(conversation)

    def messages(
        self,
        conversation: str,
        last_turns: int | None = None,
        *,
        access: Collection[str] | None = None,
        without: str | None = None,
    ) -> list[BaseMessage]:
        """What was said, oldest first; of a turn, two messages count.

        With `access`, turns are left out that somebody with more labels had: their answers may tell what these hide.
        `without` names a turn that is left out: what it said itself is no history to it.
        """
        if last_turns == 0:
            return []
        said = self._store.get().messages(conversation, limit=last_turns and 2 * last_turns, without=without)
        return said if access is None else _permitted(said, access)

    async def amessages(
        self,
        conversation: str,
        last_turns: int | None = None,
        *,
        access: Collection[str] | None = None,
        without: str | None = None,
    ) -> list[BaseMessage]:
        """As `messages`."""
        return await asyncio.to_thread(self.messages, conversation, last_turns, access=access, without=without)

    def append(
        self, conversation: str, question: str, answer: Answer, *, access: Sequence[str] = (), turn: str | None = None
    ) -> None:
        """Keep one turn, of somebody with the labels `access`, in the place of an earlier one of the name `turn`."""
        named = {} if turn is None else {TURN: turn}
        said = {
            "citations": [asdict(citation) for citation in answer.citations],
            "grounded": answer.grounded,
            "evidence": list(answer.evidence),
            "access": list(access),
            **named,
        }
        both = [HumanMessage(question, additional_kwargs=named), AIMessage(answer.text, additional_kwargs=said)]
        self._store.get().append(conversation, both, instead_of=turn)

    async def aappend(
        self, conversation: str, question: str, answer: Answer, *, access: Sequence[str] = (), turn: str | None = None
    ) -> None:
        """As `append`."""
        await asyncio.to_thread(self.append, conversation, question, answer, access=access, turn=turn)

    def clear(self, conversation: str) -> None:
        """Forget a conversation."""
        self._store.get().clear(conversation)

    async def aclear(self, conversation: str) -> None:
        """As `clear`."""
        await asyncio.to_thread(self.clear, conversation)

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        if store := self._store.made:
            store.engine.dispose()

    async def aclose(self) -> None:
        """As `close`."""
        await asyncio.to_thread(self.close)


def _permitted(messages: Sequence[BaseMessage], access: Collection[str]) -> list[BaseMessage]:
    """The turns whose answers were given to labels that are all among `access`, with their questions."""
    kept: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, AIMessage) and not set(message.additional_kwargs.get("access", ())) <= set(access):
            while kept and isinstance(kept[-1], HumanMessage):
                kept.pop()
            continue
        kept.append(message)
    return kept


class Store:
    """The table and its connections; made once because both take time."""

    def __init__(self, url: str) -> None:
        self.engine = connect(url)
        self._shown = make_url(url).render_as_string(hide_password=True)
        self._converter = _converter()
        self._row = self._converter.get_sql_model_class()
        with self._reachable():
            _create(self._row, self.engine)

    def history(self, conversation: str) -> SQLChatMessageHistory:
        """LangChain's history over our table."""
        from langchain_community.chat_message_histories.sql import SQLChatMessageHistory

        return SQLChatMessageHistory(conversation, custom_message_converter=self._converter, connection=self.engine)

    def messages(self, conversation: str, *, limit: int | None, without: str | None = None) -> list[BaseMessage]:
        """The last messages, oldest first; all where `limit` is None; `without` those of the turn of this name."""
        row = self._row
        newest = select(row).where(row.session_id == conversation).order_by(row.id.desc()).limit(limit)
        if without is not None:
            newest = newest.where(~self._of_turn(without))
        with self._reachable(), Session(self.engine) as session:
            return [self._converter.from_sql_model(row) for row in session.scalars(newest)][::-1]

    def append(self, conversation: str, messages: list[BaseMessage], *, instead_of: str | None = None) -> None:
        """Write the messages in one transaction, next to each other whoever else writes to the conversation.

        Those of the turn `instead_of` are deleted in the same transaction.
        """
        with self._reachable(), Session(self.engine) as session, session.begin():
            if self.engine.dialect.name == "postgresql":  # ids of two writers may alternate; SQLite has one writer
                session.execute(select(func.pg_advisory_xact_lock(func.hashtext(conversation))))
            if instead_of is not None:
                session.execute(
                    delete(self._row).where(self._row.session_id == conversation, self._of_turn(instead_of))
                )
            session.add_all([self._converter.to_sql_model(message, conversation) for message in messages])

    def clear(self, conversation: str) -> None:
        """Delete the messages of a conversation."""
        with self._reachable():
            self.history(conversation).clear()

    def _of_turn(self, name: str) -> ColumnElement[bool]:
        """Messages are JSON text, in which a quote that somebody wrote is escaped: only a key and its value look so."""
        written: ColumnElement[bool] = self._row.message.contains(json.dumps({TURN: name})[1:-1], autoescape=True)
        return written

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise TransientError(
                f"the state database {self._shown!r} does not answer ({type(error.orig).__name__}): "
                f"check state.url and that it runs"
            ) from error


def connect(url: str) -> Engine:
    """An engine of the state database, for tables that stand beside the conversations; nothing is connected yet.

    Raises:
        ConfigurationError: the URL is wrong or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        return _sqlite(parsed)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise ConfigurationError("state.url is not a database URL: write sqlite:///… or postgresql://…") from None
    except ImportError as error:
        raise ConfigurationError(
            f"state.url needs the package {error.name!r}: install llama-assistant-sdk[postgres]"
        ) from error


def _sqlite(url: URL) -> Engine:
    """Writers wait for each other instead of failing; one connection keeps a database that lives in memory alive."""
    memory = url.database in (None, "", ":memory:")
    if not memory:
        Path(str(url.database)).expanduser().parent.mkdir(parents=True, exist_ok=True)
    pool: dict[str, Any] = {"pool_size": 1, "max_overflow": 0} if memory else {}
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, poolclass=QueuePool, connect_args=arguments, **pool)
    event.listen(engine, "connect", _write_ahead)
    return engine


def _write_ahead(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")  # readers and a writer do not block each other


def _converter() -> DefaultMessageConverter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community announces its successor packages
        from langchain_community.chat_message_histories.sql import DefaultMessageConverter
    converter = DefaultMessageConverter(TABLE)
    row = converter.get_sql_model_class()
    Index(f"{TABLE}_by_session", row.session_id, row.id)  # LangChain's table has none: each turn would read it all
    return converter


def _create(row: Any, engine: Engine) -> None:
    try:
        row.metadata.create_all(engine)
    except (OperationalError, ProgrammingError, IntegrityError):  # another process created it between look and create
        row.metadata.create_all(engine)
