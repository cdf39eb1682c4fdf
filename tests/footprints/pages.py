"""What the tests of pages share: readers signed in, and what a page must never hold."""

import re
from html.parser import HTMLParser

INLINE = set("a abbr b bdi code em i kbd small span strong sub sup time".split())


class _Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts = []

    def handle_starttag(self, tag, attrs):
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in INLINE:
            self.parts.append(" ")

    def handle_data(self, data):
        self.parts.append(data)


def text(response) -> str:
    """What a reader sees, with single spaces."""
    parser = _Text()
    parser.feed(response.content.decode())
    return " ".join("".join(parser.parts).split())


def breaks_the_policy(response) -> list[str]:
    """Styles, scripts and handlers within the page: the policy would refuse them."""
    return re.findall(
        r"<[^>]+\s(?:style|on\w+)=|<style|<script(?![^>]*\ssrc=)", response.content.decode()
    )
