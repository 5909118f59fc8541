"""LangGraph's contract of a saver, and what is stored is never more than data."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import ormsgpack
import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from orchestrator.runtime.langgraph.saver import PostgresSaver
from orchestrator.runtime.langgraph.serde import CheckpointBroken
from orchestrator.storage.database import Database
from tests.support.checkpoints import get, put, thread_config, values_of
from tests.support.pooler import Pooler

TEXT = "All work and no play makes Jack a dull boy.\n" * 1000


async def conform(database: Database) -> None:
    @checkpointer_test(name="baton")
    async def saver() -> AsyncIterator[PostgresSaver]:
        yield PostgresSaver(database)

    report = await validate(saver)

    failed = {name: result.failures for name, result in report.results.items() if result.passed is False}
    assert failed == {}
    assert {name for name, result in report.results.items() if result.passed} == {each.value for each in Capability}


@pytest.mark.slow
async def test_the_saver_conforms_to_langgraphs_own_suite_with_every_capability(database: Database) -> None:
    await conform(database)


@pytest.mark.slow
async def test_it_conforms_behind_a_transaction_pooler(pooled: Database, pooler: Pooler) -> None:
    """Note 42. Each transaction gets another connection, on which no statement is prepared."""
    before = pooler.switches
    await conform(pooled)
    assert pooler.switches - before > 100


async def test_text_survives_whatever_characters_it_has(database: Database) -> None:
    """Note 39: PostgreSQL's jsonb refuses a NUL and the run would die."""
    saver = PostgresSaver(database)
    values = {"log": "before\0after", "snow": "☃\U0001f6a7", "empty": "", "long": "a\0b" * 5000}
    config = await put(saver, thread_config("t"), values)
    await saver.aput_writes(config, [("log", "also\0here")], "task")

    stored = await get(saver, config)
    assert stored.checkpoint["channel_values"] == values
    assert stored.pending_writes == [("task", "log", "also\0here")]


async def test_half_a_surrogate_pair_costs_that_character_alone(database: Database) -> None:
    saver = PostgresSaver(database)
    assert await values_of(saver, await put(saver, thread_config("t"), {"log": "a\ud800b"})) == {"log": "a?b"}


async def test_a_thread_id_with_a_nul_is_refused_and_costs_nobody_elses_checkpoint(database: Database) -> None:
    saver = PostgresSaver(database)
    results = await asyncio.gather(
        put(saver, thread_config("fine"), {"a": 1}), put(saver, thread_config("\0"), {}), return_exceptions=True
    )
    assert isinstance(results[1], asyncpg.CharacterNotInRepertoireError)
    assert await values_of(saver, thread_config("fine")) == {"a": 1}


@pytest.mark.parametrize("value", [2**70, lambda: None], ids=["an integer of 71 bits", "a function"])
async def test_what_cannot_be_stored_is_refused_when_it_is_put(database: Database, value: object) -> None:
    """Note 34."""
    saver = PostgresSaver(database)
    with pytest.raises(TypeError):
        await put(saver, thread_config("t"), {"value": value})
    assert await saver.aget_tuple(thread_config("t")) is None


async def test_tuples_come_back_as_lists(database: Database) -> None:
    """Note 34: so the state of a graph had better not hold any."""
    saver = PostgresSaver(database)
    assert await values_of(saver, await put(saver, thread_config("t"), {"pair": (1, 2)})) == {"pair": [1, 2]}


def test_strict_msgpack_is_on_before_langgraph_is_imported() -> None:
    """Note 32: the flag is read at import and off by default."""
    code = (
        "import orchestrator.runtime.langgraph.saver; from langgraph.checkpoint.serde import _msgpack; "
        "assert _msgpack.STRICT_MSGPACK_ENABLED"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Dangerous:
    made = 0

    def __init__(self, *_: object) -> None:
        type(self).made += 1

    def __reduce__(self) -> tuple[type[Dangerous], tuple[int]]:
        return Dangerous, (1,)


def crafted(code: int) -> bytes:
    """Return msgpack that asks for a `Dangerous` in one of LangGraph's ways."""
    return ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb((__name__, "Dangerous", {}, "model_validate"))))


@pytest.mark.parametrize("code", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("column", ["checkpoint", "metadata"])
async def test_a_type_that_is_not_on_the_safe_list_is_an_error_and_not_built(
    database: Database, code: int, column: str
) -> None:
    """Notes 32 and 33: LangGraph alone would go on with something else."""
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {})
    await database.execute(f"UPDATE baton.checkpoints SET {column} = $1", crafted(code))  # noqa: S608 - a constant
    Dangerous.made = 0

    with pytest.raises(CheckpointBroken, match=r"holds the type `[\w.]+\.Dangerous`, which is not on the list of safe"):
        await saver.aget_tuple(config)
    assert Dangerous.made == 0


BROKEN = {
    "SET type = 'pickle', checkpoint = $1": "there is no kind `pickle`",
    "SET type = 'zstd+pickle', checkpoint = $1": r"there is no kind `zstd\+pickle`",
    "SET type = 'zstd+msgpack', checkpoint = $1": "ZstdError",
    "SET type = 'json', checkpoint = $1": "there is no kind `json`",
    "SET type = 'msgpack', checkpoint = $1": "the state .* is not whole",  # read as data, it is empty
    "SET checkpoint = substring(checkpoint FOR 40), metadata = $1": "cannot be read: ValueError: unexpected end",
    "SET type = 'null', metadata_type = 'bytes', metadata = $1": "it is a NoneType",
    "SET metadata_type = 'bytes', metadata = $1": "it is a bytes",
    "SET value_hashes = '{}', metadata_type = $1": "the state .* is not whole",
}


@pytest.mark.parametrize("change", BROKEN)
async def test_a_broken_row_is_named_and_never_executed(database: Database, change: str) -> None:
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {"text": TEXT})
    argument: object = "msgpack" if change.endswith("metadata_type = $1") else pickle.dumps(Dangerous())
    await database.execute(f"UPDATE baton.checkpoints {change}", argument)
    Dangerous.made = 0

    with pytest.raises(CheckpointBroken, match=BROKEN[change]) as caught:
        await saver.aget_tuple(config)
    assert f"checkpoint `{config['configurable']['checkpoint_id']}`, thread `t`" in str(caught.value)
    assert "baton retry" in str(caught.value)
    assert Dangerous.made == 0


async def test_a_frame_that_claims_to_be_huge_is_not_unpacked(database: Database) -> None:
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {})
    huge = bytes.fromhex("28b52ffd") + b"\xc0" + b"\0" + (1 << 50).to_bytes(8, "little") + b"\x01\0\0"
    await database.execute("UPDATE baton.checkpoints SET type = 'zstd+msgpack', checkpoint = $1", huge)
    with pytest.raises(CheckpointBroken, match="longer than PostgreSQL can store"):
        await saver.aget_tuple(config)


async def test_a_broken_write_and_a_value_that_is_gone_are_named(database: Database) -> None:
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {"text": TEXT})
    await saver.aput_writes(config, [("note", 1)], "task7")
    await database.execute("UPDATE baton.checkpoint_writes SET value = $1", b"\xc1")
    with pytest.raises(CheckpointBroken, match="what task `task7` wrote to `note`"):
        await saver.aget_tuple(config)
    await database.execute("DELETE FROM baton.checkpoint_values")
    with pytest.raises(CheckpointBroken, match=r"the value of `text` .* is not in the database"):
        await saver.aget_tuple(config)


async def test_checkpoints_of_the_version_before_can_be_read(database: Database) -> None:
    """They were stored whole and not compressed."""
    saver = PostgresSaver(database)
    state = {"v": 4, "id": "1", "channel_values": {"text": TEXT}, "channel_versions": {}, "versions_seen": {}}
    await database.execute(
        "INSERT INTO baton.checkpoints (thread_id, checkpoint_ns, checkpoint_id, type, checkpoint, metadata_type,"
        " metadata) VALUES ('t', '', '1', 'msgpack', $1, 'msgpack', $2)",
        ormsgpack.packb(state),
        ormsgpack.packb({"step": 3}),
    )
    found = await get(saver, thread_config("t"))
    assert (found.checkpoint, found.metadata) == (state, {"step": 3})


async def test_a_repeated_put_and_a_repeated_write_change_nothing(database: Database) -> None:
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {"a": 1})
    found = await get(saver, config)
    await saver.aput(thread_config("t"), found.checkpoint, found.metadata, {"a": "1.0"})
    await saver.aput_writes(config, [("a", "first")], "task")
    await saver.aput_writes(config, [("a", "second")], "task")

    assert (await get(saver, config)).pending_writes == [("task", "a", "first")]
    assert await database.fetchval("SELECT count(*) FROM baton.checkpoints") == 1


async def test_langgraphs_own_channels_may_be_written_again(database: Database) -> None:
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {})
    for text in ("first", TEXT):
        await saver.aput_writes(config, [("__error__", "not me"), ("__error__", text)], "task")
    assert (await get(saver, config)).pending_writes == [("task", "__error__", TEXT)]


async def test_no_write_of_parallel_tasks_is_lost(database: Database) -> None:
    """Note 16."""
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {})
    await asyncio.gather(
        *(saver.aput_writes(config, [("out", number), ("log", "x")], f"task{number:03}") for number in range(200))
    )
    expected = [
        each
        for number in range(200)
        for each in ((f"task{number:03}", "out", number), (f"task{number:03}", "log", "x"))
    ]
    assert (await get(saver, config)).pending_writes == expected


async def test_writes_come_in_the_order_in_which_langgraph_applies_them(database: Database) -> None:
    """By path, then task, then position; by code points, whatever collation the database has."""
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {})
    paths = ["~__pregel_pull, a", "~__pregel_pull, B", "", "~__pregel_push, 0000000001", "~__pregel_pull, _"]
    for number, path in enumerate(paths):
        await saver.aput_writes(config, [("first", path), ("second", path)], f"task{9 - number}", path)
    written = (await get(saver, config)).pending_writes or []
    assert [(channel, value) for _, channel, value in written] == [
        (channel, path) for path in sorted(paths) for channel in ("first", "second")
    ]


async def test_a_long_list_is_whole_and_in_order_and_stops_at_its_limit(database: Database) -> None:
    saver = PostgresSaver(database)
    config = thread_config("t")
    for step in range(80):
        config = await put(saver, config, {"step": step}, metadata={"source": "loop", "step": step, "odd": step % 2})

    async def steps(**wanted: Any) -> list[Any]:  # noqa: ANN401 - passed on
        return [found.metadata["step"] async for found in saver.alist(thread_config("t"), **wanted)]

    assert await steps() == [*range(79, -1, -1)]
    assert await steps(limit=40) == [*range(79, 39, -1)]
    assert await steps(limit=0) == []
    assert await steps(filter={"odd": 1}, limit=35) == [*range(79, 9, -2)]
    assert await steps(filter={"odd": 1, "missing": None}) == []
    assert await steps(before=config, limit=1) == [78]


async def test_the_latest_checkpoint_is_found_by_index_among_many_threads(database: Database) -> None:
    saver = PostgresSaver(database)
    await put(saver, thread_config("t"), {"a": 1})
    await database.execute(
        "INSERT INTO baton.checkpoints (thread_id, checkpoint_ns, checkpoint_id, type, checkpoint, metadata_type,"
        " metadata) SELECT 'other' || n, '', n::text, 'null', '', 'null', '' FROM generate_series(1, 20000) n"
    )
    await database.execute("ANALYZE baton.checkpoints")
    read = "SELECT coalesce(seq_scan, 0) FROM pg_stat_user_tables WHERE relname = 'checkpoints'"
    await database.execute("SELECT pg_stat_force_next_flush()")
    before = await database.fetchval(read)
    for _ in range(20):  # a plan for any parameters is made after a few
        assert await values_of(saver, thread_config("t")) == {"a": 1}
    await database.execute("SELECT pg_stat_force_next_flush()")
    assert await database.fetchval(read) == before


@pytest.mark.parametrize("call", [lambda saver: saver.get_tuple({}), lambda saver: saver.put_writes({}, [], "")])
def test_it_is_for_async_graphs_alone(call: Callable[[PostgresSaver], object]) -> None:
    """Note 43: choose one world."""
    with pytest.raises(NotImplementedError):
        call(PostgresSaver(None))  # type: ignore[arg-type]


async def test_no_secret_of_a_config_is_stored_unless_put_there_on_purpose(database: Database) -> None:
    """Note 35: every scalar of `configurable` lands in the metadata, so the engine passes the thread id alone."""
    saver = PostgresSaver(database)
    await put(saver, thread_config("t"), {})
    hidden = thread_config("hidden")
    hidden["configurable"]["__password"] = "hunter2"
    await put(saver, hidden, {})
    assert [found.metadata async for found in saver.alist(None)] == [{"source": "loop", "step": 1}] * 2
