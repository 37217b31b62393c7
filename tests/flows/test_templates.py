"""A message template is paused, and comes back: by poll alone, and by webhooks that polls confirm."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tests.flows.harness import Flow, simulated
from wamon.sim.entities import Template
from wamon.sim.world import World

PAUSED = "WhatsAppTemplatePaused"
PROBLEM = "whatsapp_template_problem"
CYCLE = 15


def sale(flow: Flow) -> Template:
    return flow.world.template(flow.waba.id, "spring_sale")


async def webhook(flow: Flow, field: str, **value: object) -> None:
    """Meta tells something of the template, at this moment."""
    template = {
        "message_template_id": int(sale(flow).id),
        "message_template_name": "spring_sale",
        "message_template_language": "en-US",
    }
    change = {"field": field, "value": {**template, **value}}
    now = flow.clock.now().timestamp()
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": flow.waba.id, "time": int(now), "changes": [change]}],
    }
    assert await flow.daemon.intake.take(json.dumps(body).encode(), app_id=flow.app.id, now=now)
    # A group's first message waits for company.
    await flow.run(minutes=0.5)


def problems(flow: Flow) -> list[str]:
    return [dict(labels)["problem"] for labels in flow.samples(PROBLEM, template="spring_sale", language="en_US")]


@simulated
async def test_paused_template_is_told_by_poll_resolved_and_forgotten(tmp_path: Path) -> None:
    async with Flow(tmp_path, poll_interval="300") as flow:
        assert flow.metric("whatsapp_templates", waba_id=flow.waba.id, status="APPROVED") == 4
        assert flow.samples(PROBLEM) == {}

        sale(flow).status = "PAUSED"
        await flow.run(minutes=CYCLE)
        assert problems(flow) == ["PAUSED"]
        assert flow.metric("whatsapp_templates", waba_id=flow.waba.id, status="PAUSED") == 1
        assert flow.metric("wamon_alerts", alertname=PAUSED, state="firing") == 1

        await flow.run(minutes=180)
        sale(flow).status = "APPROVED"
        await flow.run(minutes=CYCLE)
        assert problems(flow) == []
        assert flow.metric("wamon_alerts", alertname=PAUSED, state="recovering") == 1
        await flow.run(minutes=CYCLE)
        assert flow.open_alerts == []
        await flow.run(minutes=2 * CYCLE)

        assert await flow.announced() == [(PAUSED, "open", "warning"), (PAUSED, "close", "warning")]
        assert flow.headlines[0] == (
            f"WARNING  Template paused  template spring_sale (en_US) of Jasper's Market (WABA {flow.waba.id})"
        )
        assert flow.headlines[1].startswith("RESOLVED after ")
        assert not [each for each in flow.daemon.engine.state.snapshot.facts if each.label("template")]


@simulated
async def test_webhooks_open_at_once_and_two_looks_resolve(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        sale(flow).status = "PAUSED"
        pause = {"title": "FIRST_PAUSE", "description": "Your template has been paused for 3 hours."}
        await webhook(flow, "message_template_status_update", event="PAUSED", reason="NONE", other_info=pause)
        assert flow.headlines == [
            f"WARNING  Template paused  template spring_sale (en_US) of Jasper's Market (WABA {flow.waba.id})"
        ]
        assert "FIRST_PAUSE; Your template has been paused for 3 hours." in flow.last_message
        assert "Seen by: webhook from Meta" in flow.last_message
        await flow.run(minutes=2 * CYCLE)
        assert problems(flow) == ["PAUSED"]

        sale(flow).status = "APPROVED"
        await webhook(flow, "message_template_status_update", event="APPROVED", other_info={"title": "UNPAUSE"})
        assert problems(flow) == []
        await flow.run(minutes=CYCLE)

        assert await flow.transitions(PAUSED) == [("open", "warning"), ("recovering", "warning"), ("close", "warning")]
        assert flow.headlines[-1].startswith("RESOLVED after ")


@simulated
async def test_webhook_that_a_poll_contradicts_does_not_stay(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await webhook(flow, "message_template_status_update", event="PAUSED", reason="NONE")
        assert flow.open_alerts == [PAUSED]

        await flow.run(minutes=2 * CYCLE)
        assert flow.open_alerts == []
        await flow.run(minutes=3 * CYCLE)

        assert not [each for each in flow.daemon.engine.state.snapshot.facts if each.label("template")]


@simulated
async def test_healthy_template_that_a_webhook_told_of_does_not_stay(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        await webhook(flow, "message_template_status_update", event="APPROVED", reason="NONE")
        assert [each for each in flow.daemon.engine.state.snapshot.facts if each.label("template")]

        await flow.run(minutes=4 * CYCLE)

        assert not [each for each in flow.daemon.engine.state.snapshot.facts if each.label("template")]
        assert flow.headlines == []


@simulated
async def test_deleted_template_is_no_longer_monitored(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        sale(flow).status = "REJECTED"
        sale(flow).last_updated_time = flow.clock.now()
        await flow.run(minutes=CYCLE)
        assert flow.open_alerts == ["WhatsAppTemplateRejected"]

        flow.waba.templates.remove(sale(flow))
        await flow.run(minutes=2 * CYCLE)

        assert flow.open_alerts == []
        assert flow.headlines[-1].startswith("no longer monitored after ")


def world_of_old_trouble(now: Callable[[], datetime]) -> World:
    world = World.small(now)
    waba = next(iter(world.wabas.values()))
    for index in range(5):
        world.add_template(waba, f"old_{index}").status = "REJECTED"
    return world


@simulated
async def test_old_rejections_are_shown_but_no_news_at_the_first_look(tmp_path: Path) -> None:
    async with Flow(tmp_path, world=world_of_old_trouble) as flow:
        await flow.run(minutes=4 * CYCLE)

        assert len(flow.samples(PROBLEM, problem="REJECTED")) == 5
        assert flow.headlines == []


@simulated
async def test_change_of_category_is_told_for_a_day(tmp_path: Path) -> None:
    rule = "WhatsAppTemplateRecategorised"
    async with Flow(tmp_path, poll_interval="900") as flow:
        sale(flow).category, sale(flow).previous_category = "UTILITY", "MARKETING"
        await webhook(flow, "template_category_update", previous_category="MARKETING", new_category="UTILITY")
        assert flow.headlines[-1].startswith("WARNING  Template category changed from MARKETING to UTILITY  ")

        await flow.run(minutes=23 * 60)
        assert flow.open_alerts == [rule]
        await flow.run(minutes=75)

        assert await flow.announced() == [(rule, "open", "warning"), (rule, "close", "warning")]
        assert flow.metric("whatsapp_templates_by_category", waba_id=flow.waba.id, category="UTILITY") == 2


@simulated
async def test_lost_templates_edge_leaves_the_alert_open(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        sale(flow).status = "PAUSED"
        await flow.run(minutes=CYCLE)

        flow.world.faults.add("error", path=f"/{flow.waba.id}/message_templates")
        await flow.run(minutes=120)

        assert flow.metric("wamon_alerts", alertname=PAUSED, state="stale") == 1
        assert flow.open_alerts == [PAUSED]


@simulated
async def test_alert_survives_a_restart_and_resolves_after_it(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        sale(flow).status = "PAUSED"
        await flow.run(minutes=CYCLE)

        sale(flow).status = "APPROVED"
        await flow.restart()
        await flow.run(minutes=CYCLE)

        assert await flow.announced() == [(PAUSED, "open", "warning"), (PAUSED, "close", "warning")]
