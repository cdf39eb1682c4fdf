"""What is told, in the shape that the other side takes: the exact text of a request's body.

Teams takes an adaptive card as the attachment of a message, 28 KB at the most
(learn.microsoft.com, "Create incoming webhooks" and the Teams connector of Workflows; read in
November 2026). Slack takes blocks, and a text for the notification (docs.slack.dev, "Sending
messages using incoming webhooks"): a header of at most 150 characters, ten fields a section. What
people have named is put where neither reads markup, or is escaped, so that a name can draw no link
and call nobody.
"""

import json

from django.conf import settings

from ..models import Webhook
from .topics import News, Topic

TITLE = 150  # characters
VALUE = 500
FIELDS = 10

Shape = Webhook.Shape


def written(news: News, topic: Topic, shape: str) -> str:
    """The body of the request that tells it, as JSON."""
    made = {Shape.WAYMARK: _waymark, Shape.TEAMS: _teams, Shape.SLACK: _slack}[Shape(shape)]
    return json.dumps(made(news, topic), ensure_ascii=False)


def clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _link(news: News) -> str:
    return f"{settings.BASE_URL}{news.link}"


def _waymark(news: News, topic: Topic) -> dict:
    """The payload that Standard Webhooks recommends: type, timestamp, data."""
    return {
        "type": topic.name,
        "timestamp": news.at.isoformat(),
        "says": clipped(news.says, 300),
        "link": _link(news),
        "data": news.data,
    }


def _teams(news: News, topic: Topic) -> dict:
    def run(text, **looks):
        return {"type": "TextRun", "text": text, **looks}

    def block(*runs):
        # A rich text block shows its runs as they are; a text block would read them as Markdown.
        return {"type": "RichTextBlock", "inlines": list(runs)}

    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": clipped(news.says, TITLE),
        "msteams": {"width": "Full"},
        "body": [
            block(run(clipped(news.says, TITLE), size="Medium", weight="Bolder")),
            *(
                block(run(f"{label}: ", weight="Bolder"), run(clipped(value, VALUE)))
                for label, value in news.lines[:FIELDS]
            ),
        ],
        "actions": [{"type": "Action.OpenUrl", "title": news.opens, "url": _link(news)}],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _slack(news: News, topic: Topic) -> dict:
    def plain(text, most):
        return {"type": "plain_text", "text": clipped(text, most), "emoji": False}

    # A button would ask Slack to call the app that owns the webhook back: a link is a link.
    link = f"<{_escaped(_link(news))}|{_escaped(news.opens)}>"
    return {
        "text": _escaped(clipped(news.says, VALUE)),
        "blocks": [
            {"type": "header", "text": plain(news.says, TITLE)},
            {
                "type": "section",
                "fields": [
                    plain(f"{label}: {value}", VALUE) for label, value in news.lines[:FIELDS]
                ],
            },
            {"type": "section", "text": {"type": "mrkdwn", "text": link}},
        ],
    }


def _escaped(text: str) -> str:
    """As Slack asks: these three, and no others."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
