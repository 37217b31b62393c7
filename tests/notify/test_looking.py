import asyncio
from datetime import timedelta

import pytest

from tests.fakes import START, FakeClock
from tests.notify.desk import Courier, Halves
from wamon.core.errors import DeliveryDeferred, HistoryUnreadable
from wamon.core.outgoing import Attempt
from wamon.notify.looking import LOOK_PATIENCE, Lookout

ATTEMPT = Attempt(reference="a-1", started_at=START)
DOWN = DeliveryDeferred("Slack cannot be reached: Connection refused")
UNREADABLE = HistoryUnreadable("Slack does not show the channel's history (missing_scope): give it the scope")


def test_patience_is_counted_from_the_last_look_that_went_well() -> None:
    courier, clock = Courier(), FakeClock()
    courier.find_fate = {1: DOWN, 3: DOWN, 4: DOWN}
    lookout = Lookout(courier, "slack_bot", clock=clock, random=Halves())

    async def main() -> None:
        with pytest.raises(DeliveryDeferred):
            await lookout.find(ATTEMPT, None)
        clock.advance(60)
        assert await lookout.find(ATTEMPT, None) is None
        clock.advance(LOOK_PATIENCE.total_seconds())
        with pytest.raises(DeliveryDeferred):
            await lookout.find(ATTEMPT, None)
        clock.advance(LOOK_PATIENCE.total_seconds())
        with pytest.raises(HistoryUnreadable):
            await lookout.find(ATTEMPT, None)

    asyncio.run(main())


def test_blindness_is_logged_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    courier = Courier()
    courier.find_fate = {1: UNREADABLE, 2: UNREADABLE, 4: UNREADABLE}
    lookout = Lookout(courier, "slack_bot", clock=FakeClock(), random=Halves())

    async def main() -> None:
        for _ in range(2):
            with pytest.raises(HistoryUnreadable):
                await lookout.find(ATTEMPT, None)
        await lookout.find(ATTEMPT, None)
        with pytest.raises(HistoryUnreadable):
            await lookout.find(ATTEMPT, None)

    asyncio.run(main())

    assert caplog.messages == ["cannot look for messages"] * 2


def test_where_nothing_can_be_looked_for_nothing_is_waited_for() -> None:
    lookout = Lookout(None, "webhook", clock=FakeClock(), random=Halves())

    with pytest.raises(HistoryUnreadable):
        asyncio.run(lookout.find(ATTEMPT, None))

    assert lookout.first_after == timedelta(0)
