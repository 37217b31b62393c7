"""The daemon is killed at random moments and amid its messages: nothing is lost, nothing is told twice unmarked.

The database says what was announced, and in which attempt each announcement went out at last; Slack says which attempts
arrived. A message may tell many transitions, so that counting headlines would prove nothing.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, pairwise
from pathlib import Path

import httpx
import pytest

from tests.crash.lab import PATIENCE_SECONDS, Lab, lab, until
from wamon.core.alerting import Transition
from wamon.rules import quality, subscription
from wamon.sim.entities import Number
from wamon.sim.faults import Fault
from wamon.sim.slack import SlackMessage
from wamon.store import SqliteStore

pytestmark = pytest.mark.alone

# By three labs, more than a hundred kills.
LIVES = 34
# What is not confirmed is looked for after half a minute: by this clock that is a second.
SPEED = 30.0
# Recovery takes half an hour by default, and a group is told of every two minutes.
TABLES = f"""
[alerting]
group_wait_seconds = 2
group_interval_seconds = 10
[rules.{quality.QUALITY.name}]
keep_firing_for_seconds = 0
[rules.{subscription.LOST.name}]
keep_firing_for_seconds = 0
"""
SETTINGS = {"poll_interval": "20"}
NUMBERS = 40
# How long a life waits for a message that it can die of, in the world's seconds.
LIFE_SECONDS = 1.5
# How late a request arrives whose sender is dead, by the hurried clock: on a machine with nothing else to do after the
# next life has begun, and before that has looked for it twice.
LATE_SECONDS = (30.0, 50.0)
EVERY_TRANSITION = 100_000
MARK = "possible duplicate"
INTERRUPTED = "interrupted notifications are looked for"
POSSIBLE_DUPLICATES = "wamon_notification_possible_duplicates_total"


@dataclass(kw_only=True)
class Account:
    """What the killings came to: after each, how many messages were marked so far. `counted` is the last life's own."""

    marked: list[int] = field(default_factory=list)
    marked_last: int = 0
    counted: int = 0


# --- the claims -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing_and_repeat_nothing_unmarked(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            lab(tmp_path / "bot", tables=TABLES, settings=SETTINGS, speed=SPEED, is_bot=True) as bot,
            lab(tmp_path / "blind", tables=TABLES, settings=SETTINGS, speed=SPEED, is_bot=True) as blind,
            lab(tmp_path / "webhook", tables=TABLES, settings=SETTINGS, speed=SPEED) as webhook,
        ):
            blind.channel.workspace.scopes.remove("channels:history")
            async with asyncio.TaskGroup() as tasks:
                lives = [
                    tasks.create_task(live_and_die(where, random.Random(seed)))
                    for seed, where in enumerate((bot, blind, webhook))
                ]
            accounts = [task.result() for task in lives]
            assert sum(len(account.marked) for account in accounts) >= 100
            for where in (bot, blind, webhook):
                await check_alerts(where)
                check_nothing_is_lost(where)
            check_nothing_is_told_twice(bot, accounts[0])
            check_repeats_are_marked(blind, accounts[1])
            check_repeats_are_marked(webhook, accounts[2])
            check_threads(bot)
            check_threads(blind)

    asyncio.run(story())


def check_nothing_is_lost(where: Lab) -> None:
    """Every transition that people should know is news in one announcement, and that is in Slack."""
    news = where.query(
        "SELECT t.seq, (SELECT count(*) FROM outbox_items i JOIN outbox o ON o.id = i.outbox_id "
        "WHERE i.transition_seq = t.seq AND o.kind = 'news' AND o.state = 'done') "
        "FROM alert_transitions t WHERE t.kind IN ('open', 'raise', 'close')"
    )
    # Enough happened for the rest to mean something.
    assert len(news) > LIVES
    assert [seq for seq, times in news if times != 1] == []
    assert set(where.query("SELECT DISTINCT state FROM outbox")) == {("done",)}
    assert final_references(where) <= set(arrived(where)) <= set(group_of(where))
    assert where.log.count(INTERRUPTED) > LIVES // 3


def check_repeats_are_marked(where: Lab, account: Account) -> None:
    """Without history whatever a kill cut off is sent again: that is marked, nothing else is, and it is counted."""
    messages, final = arrived(where), final_references(where)
    by_group: dict[int, list[str]] = defaultdict(list)
    for group_id, reference in where.query("SELECT group_id, reference FROM attempts ORDER BY id"):
        by_group[group_id].append(reference)
    for attempts in by_group.values():
        assert attempts[0] not in messages or not is_marked(messages[attempts[0]])
        for before, after in pairwise(attempts):
            # What was cut off goes first of its group.
            assert after not in messages or is_marked(messages[after]) == (before not in final)
        assert attempts[-1] in final
    # A kill cuts off one message at most.
    assert all(marked <= kills for kills, marked in enumerate(account.marked, 1))
    assert account.counted == account.marked_last > 0
    # Some were told twice indeed.
    assert len(messages) > len(final)


def check_nothing_is_told_twice(where: Lab, account: Account) -> None:
    """With history to be read, each announcement is in Slack in one message, and none had to be marked."""
    messages = arrived(where)
    assert set(messages) == final_references(where)
    assert not any(map(is_marked, messages.values()))
    assert account.counted == 0
    roots = Counter(group_of(where)[reference] for reference, each in messages.items() if each.thread_ts is None)
    assert set(roots.values()) == {1}


def check_threads(where: Lab) -> None:
    """All that is known of a group is at its message: replies in the thread, and in the message how it ended."""
    roots = dict(where.query("SELECT group_id, message_id FROM threads"))
    groups = group_of(where)
    assert set(roots) == set(groups.values())
    for reference, message in arrived(where).items():
        if message.thread_ts is not None:
            assert message.thread_ts == roots[groups[reference]]
    assert where.query("SELECT count(*) FROM threads WHERE shown_revision < wanted_revision") == [(0,)]


async def check_alerts(where: Lab) -> None:
    assert where.query("PRAGMA integrity_check") == [("ok",)]
    assert open_alerts(where) == troubles(where)
    store = SqliteStore(where.database)
    await store.open()
    try:
        transitions = await store.transitions(limit=EVERY_TRANSITION)
    finally:
        await store.close()
    check_lives(transitions)


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


# --- what Slack and the database say ----------------------------------------------------------------------------------


def arrived(where: Lab) -> Mapping[str, SlackMessage]:
    """The messages by the reference of the attempt that sent them; no attempt sends two."""
    messages = {reference_of(message): message for message in where.channel.messages}
    assert len(messages) == len(where.channel.messages)
    return messages


def reference_of(message: SlackMessage) -> str:
    if message.metadata is not None:
        payload = message.metadata["event_payload"]
        assert isinstance(payload, Mapping)
        return str(payload["reference"])
    return message.versions[0].all_text.splitlines()[-1].removeprefix("ref ")


def is_marked(message: SlackMessage) -> bool:
    """Whether it came with the remark where people see it: a first message that is edited loses it."""
    return MARK in str(message.versions[0].blocks)


def final_references(where: Lab) -> set[str]:
    """The attempts that the announcements are known to have arrived by."""
    done = "SELECT a.reference FROM outbox o JOIN attempts a ON a.id = o.attempt_id WHERE o.state = 'done'"
    return {reference for (reference,) in where.query(done)}


def group_of(where: Lab) -> Mapping[str, int]:
    return {str(reference): group_id for reference, group_id in where.query("SELECT reference, group_id FROM attempts")}


def open_alerts(where: Lab) -> Sequence[tuple[str, str]]:
    return sorted(
        where.query(
            "SELECT rule, coalesce(json_extract(subject_labels, '$.phone_number_id'), "
            "json_extract(subject_labels, '$.waba_id')) FROM alerts WHERE state IN ('firing', 'recovering')"
        )
    )


def troubles(where: Lab) -> Sequence[tuple[str, str]]:
    """What should be firing."""
    low = [(quality.QUALITY.name, each.id) for each in numbers(where) if each.quality_rating != "GREEN"]
    return sorted([*low, *([] if where.waba.subscribed_apps else [(subscription.LOST.name, where.waba.id)])])


def is_calm(where: Lab) -> bool:
    """Whether everything is told and shown, and the alerts are what the world is."""
    waiting = where.query(
        "SELECT (SELECT count(*) FROM outbox WHERE state <> 'done'), "
        "(SELECT count(*) FROM groups WHERE pending <> '[]'), "
        "(SELECT count(*) FROM threads WHERE shown_revision < wanted_revision)"
    )
    return waiting == [(0, 0, 0)] and open_alerts(where) == troubles(where)


# --- lives and deaths -------------------------------------------------------------------------------------------------


async def live_and_die(where: Lab, chance: random.Random) -> Account:
    """Start and kill again and again while the world changes; then let one life go on until all is told."""
    account = Account()
    for index in range(NUMBERS):
        where.world.add_number(where.waba, f"+1 555-020-{index:04d}")
    unrest = asyncio.create_task(stir(where, chance))
    try:
        for life in range(1, LIVES + 1):
            await live_once(where, chance, is_last=life == LIVES)
            account.marked.append(sum(map(is_marked, where.channel.messages)))
    finally:
        unrest.cancel()
    where.channel.faults.clear()
    # What is on its way arrives, so that it does not count as the last life's.
    await asyncio.sleep(2 * max(LATE_SECONDS) / SPEED)
    told, asked = len(where.channel.messages), len(where.world.calls)
    process = await where.start()
    await where.has_asked(4, since=asked)
    await until(lambda: is_calm(where))
    account.marked_last = sum(map(is_marked, where.channel.messages[told:]))
    account.counted = await count(where)
    assert await where.stop(process) == 0
    return account


async def live_once(where: Lab, chance: random.Random, *, is_last: bool) -> None:
    """Die while starting, or while a message is on its way, before or after Slack took it, or soon after."""
    asked = len(where.world.calls)
    process = await where.start()
    if chance.random() < 0.15 and not is_last:
        await asyncio.sleep(chance.uniform(0.2, 1.0))
    else:
        await where.has_asked(since=asked)
        fault = misfortune(where, chance, is_last=is_last)
        with suppress(TimeoutError):
            await until(lambda: fault.hits, seconds=PATIENCE_SECONDS if is_last else LIFE_SECONDS)
        where.channel.faults.remove(fault)
        await asyncio.sleep(chance.uniform(0, 0.3))
    assert process.returncode is None, where.log
    process.kill()
    await process.wait()


def misfortune(where: Lab, chance: random.Random, *, is_last: bool) -> Fault:
    """Let the next message get no answer before the kill, so that no attempt but those killed is in doubt.

    The last one is surely taken: it is what a repeat is marked by.
    """
    faults, path = where.channel.faults, "chat.postMessage"
    if where.channel.webhook_path in where.environment.get("WAMON_SLACK_WEBHOOK_URL", ""):
        path = where.channel.webhook_path
    match "taken" if is_last else chance.choice(["late", "late", "late", "taken", "lost", "slow"]):
        case "late":
            return faults.add("accept_late", path=path, times=1, seconds=chance.uniform(*LATE_SECONDS))
        case "taken":
            return faults.add("accept_then_hang", path=path, times=1)
        case "lost":
            return faults.add("hang", path=path, times=1)
        case _:
            return faults.add("slow", path=path, times=1, seconds=chance.uniform(1, 9))


async def stir(where: Lab, chance: random.Random) -> None:
    """After each look at the world let it change: numbers fall ill in turn, so that none of them flaps."""
    world, app_id = where.world, next(iter(where.world.apps))
    turns = cycle(numbers(where))
    while True:
        if chance.random() < 0.2:
            # The end of a group; the next one begins with a message of its own.
            for number in numbers(where):
                number.quality_rating = "GREEN"
        else:
            ill = [number for number in numbers(where) if number.quality_rating != "GREEN"]
            if ill:
                number = chance.choice(ill)
                number.quality_rating = "RED" if number.quality_rating == "YELLOW" else "GREEN"
            next(turns).quality_rating = chance.choice(["YELLOW", "RED"])
        if chance.random() < 0.2:
            is_subscribed = bool(where.waba.subscribed_apps)
            (world.unsubscribe if is_subscribed else world.subscribe)(where.waba.id, app_id)
        await where.has_asked(since=len(world.calls))


async def count(where: Lab) -> int:
    """How many possible duplicates the daemon says that it sent."""
    async with httpx.AsyncClient(trust_env=False) as client:
        exposition = (await client.get(f"{await where.page()}/metrics")).text
    (line,) = [line for line in exposition.splitlines() if line.startswith(POSSIBLE_DUPLICATES + " ")]
    return int(float(line.split()[-1]))


def numbers(where: Lab) -> Sequence[Number]:
    return where.world.numbers_of(where.waba.id)
