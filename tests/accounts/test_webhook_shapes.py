"""What is told has the shape that the other side takes, whatever people have named things."""

import json
from datetime import UTC, datetime

import pytest

from accounts.webhooks.shapes import written
from accounts.webhooks.topics import TOPICS, News

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TOPIC = TOPICS["plan.active"]
NASTY = "<!channel> & [sign in](https://evil.example) *North* <https://evil.example|here>"


def news(says="Plan active: North 2027", lines=(("Team", "North"),), **fields):
    link = {"link": "/plans/7/", "opens": "Open the plan", "data": {"plan": {"id": 7}}}
    return News(7, AT, says, list(lines), **{**link, **fields})


def shaped(shape, **fields):
    return json.loads(written(news(**fields), TOPIC, shape))


def test_our_own_has_a_type_a_moment_and_data():
    assert shaped("waymark") == {
        "type": "plan.active",
        "timestamp": "2026-11-22T09:30:00+00:00",
        "says": "Plan active: North 2027",
        "link": "http://localhost:8000/plans/7/",
        "data": {"plan": {"id": 7}},
    }


def test_teams_takes_a_card_as_the_attachment_of_a_message():
    message = shaped("teams")

    assert message["type"] == "message"
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["actions"] == [
        {
            "type": "Action.OpenUrl",
            "title": "Open the plan",
            "url": "http://localhost:8000/plans/7/",
        }
    ]
    heading, line = card["body"]
    assert heading["inlines"][0]["text"] == "Plan active: North 2027"
    assert [run["text"] for run in line["inlines"]] == ["Team: ", "North"]


def test_slack_takes_blocks_and_a_text_for_the_notification():
    message = shaped("slack")

    assert message["text"] == "Plan active: North 2027"
    header, section, link = message["blocks"]
    assert header == {
        "type": "header",
        "text": {"type": "plain_text", "text": "Plan active: North 2027", "emoji": False},
    }
    assert section["fields"] == [{"type": "plain_text", "text": "Team: North", "emoji": False}]
    assert link["text"] == {
        "type": "mrkdwn",
        "text": "<http://localhost:8000/plans/7/|Open the plan>",
    }


def strings(found, kind=None):
    """Every text of a card or a block, with the type of what holds it."""
    if isinstance(found, dict):
        for value in found.values():
            if isinstance(value, str):
                yield found.get("type"), value
            else:
                yield from strings(value)
    elif isinstance(found, list):
        for each in found:
            yield from strings(each)


@pytest.mark.parametrize("shape", ["teams", "slack"])
def test_what_somebody_named_draws_no_link_and_calls_nobody(shape):
    """Teams reads Markdown in a TextBlock or a Fact, Slack its own in mrkdwn and in `text`."""
    message = shaped(shape, says=NASTY, lines=[("Plan", NASTY)])

    held = list(strings(message))
    assert any(NASTY[:20] in text for _, text in held)
    for kind, text in held:
        assert kind not in ("TextBlock", "Fact")
        if kind == "mrkdwn":
            assert NASTY[:10] not in text
    if shape == "slack":
        assert "<" not in message["text"]
        assert message["text"].startswith("&lt;!channel&gt; &amp; ")


@pytest.mark.parametrize("shape", ["waymark", "teams", "slack"])
def test_whatever_is_told_keeps_within_what_is_taken(shape):
    lines = [(f"Label {number}", "é" * 5_000) for number in range(40)]
    body = written(news(says="é" * 5_000, lines=lines), TOPIC, shape)

    assert len(body.encode()) < 21_000  # Teams refuses more than 28 KB
    message = json.loads(body)
    if shape == "slack":
        header, section, _ = message["blocks"]
        assert len(header["text"]["text"]) <= 150
        assert len(section["fields"]) <= 10
        assert all(len(each["text"]) <= 2_000 for each in section["fields"])
