"""Slack as a receiver: an incoming webhook, or a bot with threads, edits, history and buttons.

Nobody else knows slack_sdk. Every failure is one of the delivery errors of `core/errors.py`; a webhook's URL, a token
and a signing secret are in none of their texts, nor in any log.
"""

from wamon.notify.slack.bot import SlackBot
from wamon.notify.slack.webhook import SlackWebhook

__all__ = ["SlackBot", "SlackWebhook"]
