"""What is fetched: ``REPORT_FEEDS``, read.

    epraccur                    a report of ODS Data Search and Export, by its name there
    changes                     the organisations that changed, from the ODS API (ORD)
    map=https://…/map.csv       a file at an address, under a name of ours

The addresses of both services are settings. Sources: the ODS Reference Data Catalogue, "Automate/
Schedule the Download of Report Packages" (2025), for ``getReport?report=``; digital.nhs.uk,
"Sync endpoint" and "Organisation endpoint" (2022), for ``sync?LastChangeDate=`` and
``organisations/CODE``.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

CHANGES = "changes"
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


class Way(models.TextChoices):
    """How a source is asked."""

    EXPORT = "export", "Data Search and Export"
    CHANGES = "changes", "What changed, from the ODS API"
    FILE = "file", "A file at an address"


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that is fetched. ``address`` is the whole address, or the ODS API's base."""

    name: str
    way: Way
    address: str

    @property
    def file_name(self) -> str:
        """A name for the file that comes: the address's own, or the report's."""
        if self.way is Way.FILE:
            return unquote(PurePosixPath(urlsplit(self.address).path).name) or self.name
        return f"{self.name}.{'csv' if self.way is Way.EXPORT else 'jsonl'}"

    @property
    def tells_of_its_day(self) -> bool:
        """Whether what is fetched is as things stand when it is asked for, or was last modified.

        ODS writes both answers from its live data. A file at an address may have been put there
        long after the day it tells of, so that its reader looks into it for the day.
        """
        return self.way is not Way.FILE


def configured() -> dict[str, Source]:
    """The sources by name, in the order of the setting.

    Raises ImproperlyConfigured, naming the word that is wrong.
    """
    found: dict[str, Source] = {}
    for word in settings.REPORT_FEEDS:
        name, equals, address = word.partition("=")
        if not NAME.fullmatch(name):
            raise ImproperlyConfigured(
                f"REPORT_FEEDS: {word!r} is neither a report's name (epraccur), nor {CHANGES}, "
                "nor name=https://address; names are of small letters, digits and hyphens."
            )
        if name in found:
            raise ImproperlyConfigured(f"REPORT_FEEDS names {name!r} twice.")
        if equals:
            source = Source(name, Way.FILE, _http(word, address))
        elif name == CHANGES:
            base = _http("ODS_API_URL", settings.ODS_API_URL)
            source = Source(name, Way.CHANGES, base.rstrip("/"))
        else:
            base = _http("ODS_EXPORT_URL", settings.ODS_EXPORT_URL)
            joined = "&" if urlsplit(base).query else "?"
            source = Source(name, Way.EXPORT, base + joined + urlencode({"report": name}))
        found[name] = source
    return found


def _http(where: str, address: str) -> str:
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise ImproperlyConfigured(f"{where}: {address!r} is no http(s) address.")
    return address
