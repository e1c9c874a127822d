"""A later version on what an earlier one left. `inbox-1.json` is what the first version writes; it does not change."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from dbos import DBOSClient, DBOSPortableJSONSerializer
from inbox_fakes import Bench, Counting, eventually, message
from sqlalchemy import create_engine

from assistant.inbox import names
from assistant.inbox.records import incoming_to_json
from assistant.inbox.tables import Row, Tables

OLD = json.loads((Path(__file__).parent / "inbox-1.json").read_text())
NOW = 1_795_534_673_000


async def test_all_that_an_earlier_version_left_is_answered(bench: Bench, tmp_path: Path) -> None:
    fill(tmp_path / "state-inbox.db", OLD["turns"])
    asked = Counting()
    inbox = await bench.open(asked)
    for turn in OLD["turns"]:
        if turn["id"] not in ("dead", "wire"):
            await bench.until(turn["id"], "answered")
    await bench.until("wire", "parked")
    await inbox.desk.aretry("memory:bot:dead")
    await bench.until("dead", "answered")

    chats = ("queued", "gathered", "asked", "half", "limited", "wire", "dead")
    expected = [["queued"], ["one\ntwo"], ["asked"], ["missing"], ["limited"], [], ["dead"]]
    assert expected == [bench.texts(chat) for chat in chats]
    assert {"queued", "gathered", "asked", "dead"} == set(asked.asked)
    assert "memory:bot:gathered" == (await bench.shown("follower")).answered_by
    assert {"grounded": "yes"} == (await bench.shown("half")).details


def test_a_row_is_what_the_engine_itself_would_have_written(sqlite_url: str, tmp_path: Path) -> None:
    record: dict[str, Any] = {"message": incoming_to_json(message("1", "über 😀", raw={"b": True}))}
    engine = create_engine(f"sqlite:///{tmp_path / 'state-inbox.db'}")
    client = DBOSClient(
        system_database_engine=engine, application_name=names.APPLICATION, serializer=DBOSPortableJSONSerializer()
    )
    options = {
        "queue_name": names.QUEUE,
        "workflow_name": names.WORKFLOW,
        "queue_partition_key": "memory:bot:7",
        "app_version": names.VERSION,
    }
    with engine.begin() as connection:
        Tables(None).enqueue(connection, [Row("ours", "memory:bot:7", record)])
        client.enqueue_in_transaction(connection, {**options, "workflow_id": "theirs"}, record)  # type: ignore[typeddict-item]
    client.destroy()
    engine.dispose()

    for table in ("workflow_status", "workflow_input"):
        ours, theirs = (rows(tmp_path / "state-inbox.db", table, id) for id in ("ours", "theirs"))
        assert theirs == ours


def rows(file: Path, table: str, id: str) -> dict[str, Any]:
    """A row without its id, its time and its token; and without attributes, which are none, written NULL or as JSON null."""
    database = sqlite3.connect(file)
    database.row_factory = sqlite3.Row
    row = dict(database.execute(f"SELECT * FROM {table} WHERE workflow_uuid = ?", (id,)).fetchone())
    database.close()
    differs = {"workflow_uuid", "created_at", "updated_at", "creator_xid", "retention_timestamp", "attributes"}
    return {name: value for name, value in row.items() if name not in differs}


def fill(file: Path, turns: list[dict[str, Any]]) -> None:
    """Write turns as the first version left them."""
    database = sqlite3.connect(file)
    for number, turn in enumerate(turns):
        id = f"memory:bot:{turn['id']}"
        chat = turn["record"]["message"]["address"]["chat"]
        database.execute(
            "INSERT INTO workflow_status (workflow_uuid, status, name, executor_id, created_at, updated_at, completed_at,"
            " application_version, application_name, recovery_attempts, queue_name, priority, queue_partition_key,"
            " serialization, owner_xid) VALUES (?, ?, 'turn', ?, ?, ?, ?, 'inbox-1', 'assistant', 1, 'inbox', 0, ?,"
            " 'portable_json', ?)",
            (
                id,
                turn["status"],
                None if turn["status"] == "ENQUEUED" else "local",
                NOW + number,
                NOW + number,
                NOW + number if turn["status"] == "ERROR" else None,
                f"memory:bot:{chat}",
                "somebody" if turn["status"] == "PENDING" else None,
            ),
        )
        given = json.dumps({"namedArgs": {}, "positionalArgs": [turn["record"]]})
        database.execute("INSERT INTO workflow_input (workflow_uuid, inputs) VALUES (?, ?)", (id, given))
        if "error" in turn:
            error = json.dumps(turn["error"], separators=(",", ":"))
            database.execute("INSERT INTO workflow_output (workflow_uuid, error) VALUES (?, ?)", (id, error))
        for step, (name, output) in enumerate(turn.get("steps", ()), start=1):
            database.execute(
                "INSERT INTO operation_outputs (workflow_uuid, function_id, function_name, output, started_at_epoch_ms,"
                " completed_at_epoch_ms, serialization, application_name, retention_timestamp)"
                " VALUES (?, ?, ?, ?, ?, ?, 'portable_json', 'assistant', ?)",
                (id, step, name, json.dumps(output), NOW, NOW, NOW),
            )
    database.commit()
    database.close()


def test_the_names_in_the_database_stay_what_they_are() -> None:
    assert ("assistant", "inbox-1", "inbox", "turn") == (
        names.APPLICATION,
        names.VERSION,
        names.QUEUE,
        names.WORKFLOW,
    )


async def test_a_record_with_more_than_is_known_here_is_read(bench: Bench) -> None:
    inbox = await bench.open()
    record = {"message": {**incoming_to_json(message("new")), "mood": "sunny"}, "received": 0.0, "priority": 3}
    engine = inbox._side
    assert engine is not None
    with_new = Row("memory:bot:new", "memory:bot:7", record)

    def put() -> None:
        with engine.begin() as connection:
            Tables(None).enqueue(connection, [with_new])

    await eventually(lambda: put() or True)
    await bench.until("new", "answered")
    assert ["hello"] == bench.texts()


async def test_a_database_without_ledgers_gets_them(bench: Bench, tmp_path: Path) -> None:
    def drop() -> None:
        database = sqlite3.connect(tmp_path / "state-inbox.db")
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'inbox\\_%' ESCAPE '\\'"
        for (name,) in database.execute(names).fetchall():
            database.execute(f"DROP TABLE {name}")
        database.commit()
        database.close()

    drop()
    fill(tmp_path / "state-inbox.db", OLD["turns"][:1])
    inbox = await bench.open()
    await bench.until(OLD["turns"][0]["id"], "answered")

    await inbox.hold(message("1").address, "person")
    assert ["memory:bot:7"] == [held.conversation for held in await inbox.desk.aholders()]
