"""The daemon is killed at random moments while the world changes: nothing is lost, nothing is told twice unmarked."""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path

import pytest

from tests.crash.lab import Lab, lab, until
from wamon.core.alerting import Transition
from wamon.rules import quality, subscription
from wamon.sim.slack import SlackMessage
from wamon.store import SqliteStore

LIVES = 26
# Recovery takes half an hour by default; here it takes two polls, so that alerts come and go within a life.
TABLES = f"[rules.{quality.QUALITY.name}]\nkeep_firing_for_seconds = 0\n"
EVERY_TRANSITION = 100_000


@dataclass
class Account:
    """What the killings came to."""

    kills: int = 0
    marked_by_life: list[int] = field(default_factory=list)


def reference_of(message: SlackMessage) -> str:
    return message.all_text.splitlines()[-1].removeprefix("ref ")


def is_marked(message: SlackMessage) -> bool:
    return "possible duplicate" in message.text


@pytest.mark.slow
def test_fifty_kills_lose_nothing_and_repeat_nothing_unmarked(tmp_path: Path) -> None:
    async def story() -> None:
        # Two at a time: a webhook, whose messages are known by their words, and a bot.
        async with (
            lab(tmp_path / "webhook", tables=TABLES) as first,
            lab(tmp_path / "bot", tables=TABLES, is_bot=True) as second,
            asyncio.TaskGroup() as tasks,
        ):
            accounts = [
                tasks.create_task(live_and_die(first, random.Random(1))),
                tasks.create_task(live_and_die(second, random.Random(2))),
            ]
        for where, account in zip((first, second), (task.result() for task in accounts), strict=True):
            assert account.kills == LIVES
            await check_books(where, account)

    asyncio.run(story())


async def live_and_die(where: Lab, chance: random.Random) -> Account:
    """Start and kill again and again while the world changes; then let one life go on until all is told."""
    account = Account()
    for index in range(3):
        where.world.add_number(where.waba, f"+1 555-020-000{index}")
    async with asyncio.TaskGroup() as tasks:
        unrest = tasks.create_task(stir(where, chance))
        for _ in range(LIVES):
            told = len(where.channel.messages)
            await live_once(where, chance, account)
            account.marked_by_life.append(sum(map(is_marked, where.channel.messages[told:])))
        unrest.cancel()
    where.channel.faults.clear()
    asked = len(where.world.calls)
    process = await where.start()
    await where.has_asked(4, since=asked)
    await until(lambda: is_calm(where))
    assert await where.stop(process) == 0
    return account


async def live_once(where: Lab, chance: random.Random, account: Account) -> None:
    asked = len(where.world.calls)
    process = await where.start()
    try:
        # One in five does not live to its first question.
        if chance.random() > 0.2:
            await where.has_asked(since=asked)
        await asyncio.sleep(chance.uniform(0.05, 1.5))
        assert process.returncode is None, where.log
    finally:
        process.kill()
        await process.wait()
    account.kills += 1


async def stir(where: Lab, chance: random.Random) -> None:
    """After each look at the world let it change, and let Slack answer late now and then."""
    world, app_id = where.world, next(iter(where.world.apps))
    for looks in count(1):
        for number_id in chance.sample(where.waba.number_ids, 2):
            number = world.number(number_id)
            number.quality_rating = "RED" if number.quality_rating == "GREEN" else "GREEN"
        if chance.random() < 0.2:
            is_subscribed = bool(where.waba.subscribed_apps)
            (world.unsubscribe if is_subscribed else world.subscribe)(where.waba.id, app_id)
        if chance.random() < 0.5:
            where.channel.faults.add("slow", times=1, seconds=chance.uniform(0.1, 0.8))
        await where.has_asked(looks)


def is_calm(where: Lab) -> bool:
    """Whether everything is told, and the alerts are what the world is."""
    waiting = where.query("SELECT count(*) FROM outbox WHERE state <> 'done'")
    return waiting == [(0,)] and open_alerts(where) == troubles(where)


def open_alerts(where: Lab) -> list[tuple[str, str]]:
    return sorted(
        where.query(
            "SELECT rule, coalesce(json_extract(subject_labels, '$.phone_number_id'), "
            "json_extract(subject_labels, '$.waba_id')) FROM alerts WHERE state IN ('firing', 'recovering')"
        )
    )


def troubles(where: Lab) -> list[tuple[str, str]]:
    """What should be firing."""
    red = [
        (quality.QUALITY.name, number.id)
        for number in where.world.numbers_of(where.waba.id)
        if number.quality_rating == "RED"
    ]
    return sorted([*red, *([] if where.waba.subscribed_apps else [(subscription.LOST.name, where.waba.id)])])


async def check_books(where: Lab, account: Account) -> None:
    assert where.query("PRAGMA integrity_check") == [("ok",)]
    assert open_alerts(where) == troubles(where)
    store = SqliteStore(where.database)
    await store.open()
    try:
        transitions = await store.transitions(limit=EVERY_TRANSITION)
    finally:
        await store.close()
    check_lives(transitions)
    announced = [f"{t.key[:12]}/{t.episode}/{t.ordinal}" for t in transitions if t.is_announced]
    # Enough happened for the rest to mean something.
    assert len(announced) > LIVES // 2
    unmarked = Counter(reference_of(message) for message in where.channel.messages if not is_marked(message))
    marked = Counter(reference_of(message) for message in where.channel.messages if is_marked(message))
    assert set(unmarked | marked) == set(announced)
    assert [reference for reference, times in unmarked.items() if times > 1] == []
    # A kill interrupts one sending at most, and the next life repeats that one.
    assert max(account.marked_by_life) <= 1
    assert marked.total() <= account.kills


def check_lives(transitions: tuple[Transition, ...]) -> None:
    """Each alert's episodes, and the transitions of each, are numbered from 1 without a gap."""
    by_alert: dict[str, list[Transition]] = defaultdict(list)
    for transition in transitions:
        by_alert[transition.key].append(transition)
    for life in by_alert.values():
        assert (life[0].episode, life[0].ordinal, str(life[0].kind)) == (1, 1, "open")
        for before, after in pairwise(life):
            is_over = str(before.kind) == "close"
            assert is_over == (str(after.kind) == "open")
            assert after.episode == before.episode + is_over
            assert after.ordinal == (1 if is_over else before.ordinal + 1)
