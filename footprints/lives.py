"""What some bodies were called on any day, from one query: for pages that name many of them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from .dated import ONE_DAY
from .models import Version
from .names import short


class Lives:
    """Every version of some organisations, as known by a release (None: now), oldest first."""

    def __init__(self, keys: Iterable[int | None], known: int | None = None):
        self._versions: dict[int, list[Version]] = defaultdict(list)
        rows = (
            Version.objects.known(known)
            .filter(organisation__in={key for key in keys if key is not None})
            .select_related("organisation", "kind")
        )
        for version in sorted(rows, key=lambda row: (row.opened_on or date.min, row.pk)):
            self._versions[version.organisation_id].append(version)

    def of(self, key: int) -> list[Version]:
        return self._versions.get(key, [])

    def on(self, key: int, day: date) -> Version | None:
        """The version of that day; None where the body did not live then."""
        for version in self.of(key):
            starts = version.opened_on is None or version.opened_on <= day
            if starts and (version.closed_on is None or version.closed_on > day):
                return version
        return None

    def near(self, key: int, day: date) -> Version | None:
        """The version of that day, else the last one before it, else the first one after it."""
        found = self.on(key, day)
        if found is None:
            ended = [v for v in self.of(key) if v.closed_on and v.closed_on <= day]
            found = ended[-1] if ended else next(iter(self.of(key)), None)
        return found

    def before(self, key: int, day: date) -> Version | None:
        """What the body was on the day before, as ``near``."""
        return self.near(key, day - ONE_DAY)


def titled(version: Version) -> str:
    """The name beside which the code stands: "NHS Kent and Medway ICB" of "… ICB - 91Q"."""
    return version.name.removesuffix(f" - {version.organisation.code}")


def told_apart(versions: list[Version]) -> list[str]:
    """For each version its code where another one of the list has the same brief name, else ""."""
    names = [brief(version) for version in versions]
    return [
        version.organisation.code if names.count(name) > 1 else ""
        for version, name in zip(versions, names, strict=True)
    ]


def brief(version: Version) -> str:
    """The name where there is little room: "Kent and Medway", the kind and code beside it."""
    return short(titled(version)) or version.name
