"""Long values stand beside their checkpoints: once, compressed, and only as long as something refers to them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from orchestrator.runtime.langgraph.saver import PostgresSaver
from orchestrator.runtime.langgraph.serde import CheckpointBroken
from orchestrator.storage.database import ConnectionLost, Database
from orchestrator.storage.writer import Writer
from tests.support.checkpoints import counts, get, put, thread_config, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_core.runnables import RunnableConfig

    from orchestrator.storage.writer import Row


def text(seed: int, size: int = 100_000) -> str:
    """Return text that compresses as prose does."""
    words = random.Random(seed)  # noqa: S311 - the same each time
    return "".join(words.choice(["handoff ", "schema ", "of a ", "run\n", "the "]) for _ in range(size // 5))


async def stored_bytes(database: Database) -> int:
    return int(
        await database.fetchval(
            "SELECT (SELECT coalesce(sum(octet_length(value)), 0) FROM baton.checkpoint_values)"
            " + (SELECT coalesce(sum(octet_length(value)), 0) FROM baton.checkpoint_writes)"
            " + (SELECT sum(octet_length(checkpoint) + octet_length(metadata)) FROM baton.checkpoints)"
        )
    )


class Counting(Writer):
    """Counts the bytes that it is given to write; fails when told to."""

    given = 0
    fails = False

    async def write(self, rows: Iterable[Row], run: str | None = None) -> None:
        rows = list(rows)
        self.given += sum(len(value) for _, row in rows for value in row if isinstance(value, bytes))
        if self.fails:
            raise ConnectionLost("the server is away")
        await super().write(rows, run)


async def test_a_value_that_stays_as_it_is_is_sent_and_stored_once(database: Database) -> None:
    """Note 38: the official saver stores a string anew with every checkpoint."""
    writer = Counting(database)
    saver = PostgresSaver(database, writer)
    large = text(1, 1_000_000)
    config = await put(saver, thread_config("t"), {"large": large, "step": 0}, versions={"large": "1.0", "step": "1.0"})
    once = writer.given
    for step in range(1, 50):
        versions = {"large": "1.0", "step": f"{step}.0"}
        values = {"large": large, "step": step}
        config = await put(saver, config, values, versions=versions, changed={"step": f"{step}.0"})

    assert once < 300_000
    assert writer.given - once < 50_000
    assert await stored_bytes(database) < once + 50_000
    assert (await counts(database, "t"))["checkpoint_values"] == 1
    assert [found.checkpoint["channel_values"] async for found in saver.alist(thread_config("t"))] == [
        {"large": large, "step": step} for step in range(49, -1, -1)
    ]


async def test_a_value_is_known_by_its_hash_even_if_its_version_changed(database: Database) -> None:
    writer = Counting(database)
    saver = PostgresSaver(database, writer)
    config = await put(saver, thread_config("t"), {"a": text(1)}, versions={"a": "1.0"})
    before = writer.given
    config = await put(saver, config, {"a": text(1), "b": text(1)}, versions={"a": "2.0", "b": "1.0"})
    assert writer.given - before < 1000
    assert await values_of(saver, config) == {"a": text(1), "b": text(1)}


async def test_what_a_task_writes_and_the_next_checkpoint_holds_is_stored_once(database: Database) -> None:
    writer = Counting(database)
    saver = PostgresSaver(database, writer)
    config = await put(saver, thread_config("t"), {})
    results = await asyncio.gather(
        saver.aput_writes(config, [("a", text(1)), ("b", 1)], "task"), put(saver, config, {"a": text(1), "b": 1})
    )
    assert (await counts(database, "t"))["checkpoint_values"] == 1
    assert (await get(saver, config)).pending_writes == [("task", "a", text(1)), ("task", "b", 1)]
    assert await values_of(saver, results[1]) == {"a": text(1), "b": 1}


async def test_two_branches_of_a_thread_keep_their_own_values(database: Database) -> None:
    """The saver remembers what the last checkpoint held: that is not what an earlier one holds."""
    saver = PostgresSaver(database)
    root = await put(saver, thread_config("t"), {"a": text(0)}, versions={"a": "1.0"})
    first = await put(saver, root, {"a": text(1)}, versions={"a": "2.1"})
    second = await put(saver, root, {"a": text(2)}, versions={"a": "2.2"})
    back = await put(saver, second, {"a": text(1)}, versions={"a": "2.1"}, changed={})
    for config, seed in ((root, 0), (first, 1), (second, 2), (back, 1)):
        assert await values_of(saver, config) == {"a": text(seed)}


async def test_a_version_follows_the_one_before_and_is_unlike_that_of_another_branch() -> None:
    saver = PostgresSaver(None)  # type: ignore[arg-type]  # it asks no database
    versions = [saver.get_next_version(None, None)]
    for _ in range(20):
        versions.append(saver.get_next_version(versions[-1], None))
    assert sorted(versions) == versions
    assert saver.get_next_version(versions[3], None) != versions[4]
    assert versions[2] < saver.get_next_version("0" * 31 + "3", None), "of the version before"


async def test_a_value_whose_write_failed_is_sent_again(database: Database) -> None:
    writer = Counting(database)
    saver = PostgresSaver(database, writer)
    config = await put(saver, thread_config("t"), {})
    writer.fails = True
    with pytest.raises(ConnectionLost):
        await put(saver, config, {"a": text(1)})
    with pytest.raises(ConnectionLost):
        await saver.aput_writes(config, [("a", text(1))], "task")
    writer.fails = False
    assert await values_of(saver, await put(saver, config, {"a": text(1)})) == {"a": text(1)}


async def test_a_cancelled_put_does_not_make_the_saver_think_that_its_values_are_stored(database: Database) -> None:
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {})
    cancelled = asyncio.create_task(put(saver, config, {"a": text(1)}))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    await database.execute("DELETE FROM baton.checkpoint_values")
    assert await values_of(saver, await put(saver, config, {"a": text(1)})) == {"a": text(1)}


async def test_pruning_keeps_the_values_of_the_latest_checkpoint_and_of_its_writes_alone(database: Database) -> None:
    saver = PostgresSaver(database)
    config = thread_config("t")
    for seed in range(5):
        config = await put(
            saver, config, {"a": text(seed), "same": text(99)}, versions={"a": f"{seed}.0", "same": "1.0"}
        )
        await saver.aput_writes(config, [("a", text(seed + 50))], "task")
    await saver.aprune(["t"])

    assert await counts(database, "t") == {"checkpoints": 1, "checkpoint_writes": 1, "checkpoint_values": 3}
    latest = await get(saver, thread_config("t"))
    assert latest.checkpoint["channel_values"] == {"a": text(4), "same": text(99)}
    assert latest.pending_writes == [("task", "a", text(54))]
    assert latest.parent_config is None, "it is gone"


async def test_a_run_goes_on_after_another_process_pruned_its_thread(database: Database) -> None:
    """What this one left out of the last checkpoint because it is stored must still be."""
    ours, theirs = PostgresSaver(database), PostgresSaver(database)
    config = await put(ours, thread_config("t"), {"a": text(1), "b": text(2)}, versions={"a": "1.0", "b": "1.0"})
    config = await put(
        ours, config, {"a": text(3), "b": text(2)}, versions={"a": "2.0", "b": "1.0"}, changed={"a": "2.0"}
    )
    await theirs.aprune(["t"])
    config = await put(
        ours, config, {"a": text(1), "b": text(2)}, versions={"a": "3.0", "b": "1.0"}, changed={"a": "3.0"}
    )
    await theirs.aprune(["t"])
    assert await values_of(ours, config) == {"a": text(1), "b": text(2)}


async def test_two_processes_that_take_turns_on_a_thread_miss_no_value(database: Database) -> None:
    first, second = PostgresSaver(database), PostgresSaver(database)
    config = await put(first, thread_config("t"), {"a": text(1)}, versions={"a": "1.0"})
    await get(second, thread_config("t"))
    config = await put(second, config, {"a": text(2)}, versions={"a": "2.0"})
    await second.aprune(["t"])
    await get(first, thread_config("t"))  # as every run of a graph begins
    config = await put(first, config, {"a": text(1)}, versions={"a": "3.0"})
    assert await values_of(second, config) == {"a": text(1)}


async def test_pruning_while_a_run_puts_never_costs_it_a_value(database: Database) -> None:
    saver, pruner = PostgresSaver(database), PostgresSaver(database)
    done = asyncio.Event()

    async def prune() -> None:
        while not done.is_set():
            await pruner.aprune(["t"])

    async def run() -> RunnableConfig:
        config = thread_config("t")
        for step in range(40):  # the same three contents again and again
            values = {"a": text(step % 3), "b": text(7)}
            config = await put(saver, config, values, versions={"a": f"{step}.0", "b": "1.0"})
            await saver.aput_writes(config, [("a", text((step + 1) % 3))], f"task{step}")
            latest = await get(pruner, thread_config("t"))
            assert latest.checkpoint["channel_values"] == values
        done.set()
        return config

    pruning = asyncio.create_task(prune())
    try:
        config = await run()
    finally:
        done.set()
        await pruning
    assert await values_of(saver, config) == {"a": text(0), "b": text(7)}


async def test_deleting_a_thread_leaves_nothing_of_it_and_all_of_others(database: Database) -> None:
    saver = PostgresSaver(database)
    for thread in ("mine", "other"):
        config = await put(saver, thread_config(thread), {"a": text(1)})
        await put(saver, thread_config(thread, "sub"), {"a": text(1)})
        await saver.aput_writes(config, [("a", text(2))], "task")
    await saver.adelete_thread("mine")
    assert set((await counts(database, "mine")).values()) == {0}
    assert await counts(database, "other") == {"checkpoints": 2, "checkpoint_writes": 1, "checkpoint_values": 2}
    assert await values_of(saver, await put(saver, thread_config("mine"), {"a": text(1)})) == {"a": text(1)}


async def test_deleting_what_a_run_put_keeps_the_values_that_others_share(database: Database) -> None:
    saver = PostgresSaver(database)
    kept = await put(saver, thread_config("t"), {"a": text(1)}, metadata={"run_id": "kept"})
    await put(saver, kept, {"a": text(1), "b": text(2)}, metadata={"run_id": "gone"})
    await saver.adelete_for_runs(["gone", "never"])
    assert await counts(database, "t") == {"checkpoints": 1, "checkpoint_writes": 0, "checkpoint_values": 1}
    assert await values_of(saver, thread_config("t")) == {"a": text(1)}
    again = await put(saver, kept, {"a": text(1), "b": text(2)})
    assert await values_of(saver, again) == {"a": text(1), "b": text(2)}


async def test_a_copy_of_a_thread_is_whole_and_its_own(database: Database) -> None:
    """Note 17: to go back to an earlier checkpoint, copy the thread and go on there."""
    saver = PostgresSaver(database)
    first = await put(saver, thread_config("t"), {"a": text(1)})
    second = await put(saver, first, {"a": text(2)})
    await saver.aput_writes(second, [("a", text(3))], "task")
    await saver.acopy_thread("t", "copy")
    await saver.acopy_thread("t", "copy")
    await saver.adelete_thread("t")

    copied = [found async for found in saver.alist(thread_config("copy"))]
    assert [found.checkpoint["channel_values"]["a"] for found in copied] == [text(2), text(1)]
    assert copied[0].pending_writes == [("task", "a", text(3))]
    assert copied[0].parent_config == copied[1].config


async def test_an_unknown_strategy_deletes_nothing(database: Database) -> None:
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {"a": text(1)})
    with pytest.raises(ValueError, match="there is no prune strategy 'all', only 'keep_latest' and 'delete'"):
        await saver.aprune(["t"], strategy="all")
    assert await values_of(saver, config) == {"a": text(1)}


async def test_a_damaged_long_value_is_named(database: Database) -> None:
    saver = PostgresSaver(database)
    config = await put(saver, thread_config("t"), {"a": text(1)})
    await database.execute("UPDATE baton.checkpoint_values SET value = substring(value FOR 100)")
    with pytest.raises(CheckpointBroken, match=r"the value of `a` \(checkpoint .* thread `t`\) cannot be read"):
        await values_of(saver, config)


async def test_threads_are_deleted_copied_and_pruned_at_once_while_others_are_written(database: Database) -> None:
    """Nobody waits for somebody who waits for them: all take the tables in one order."""
    saver = PostgresSaver(database)
    for number in range(10):
        config = await put(saver, thread_config(f"t{number}"), {"a": text(1)}, metadata={"run_id": f"run{number}"})
        await put(saver, config, {"a": text(2)}, metadata={"run_id": f"run{number}"})

    async def write() -> None:
        config = thread_config("live")
        for number in range(20):
            config = await put(saver, config, {"a": text(number % 3), "b": number})
            await saver.aput_writes(config, [("a", text(number % 3 + 1))], "task")

    await asyncio.gather(
        write(),
        *(saver.aprune([f"t{number}"]) for number in range(4)),
        *(saver.adelete_thread(f"t{number}") for number in range(4, 7)),
        *(saver.adelete_for_runs([f"run{number}"]) for number in range(7, 9)),
        *(saver.acopy_thread("t9", f"copy{number}") for number in range(3)),
    )
    assert await values_of(saver, thread_config("live")) == {"a": text(1), "b": 19}
    left = await database.fetch(
        "SELECT thread_id, count(*) FROM baton.checkpoints WHERE thread_id <> 'live' GROUP BY 1"
    )
    assert dict(map(tuple, left)) == {
        **{f"t{number}": 1 for number in range(4)},
        **dict.fromkeys(("t9", "copy0", "copy1", "copy2"), 2),
    }
