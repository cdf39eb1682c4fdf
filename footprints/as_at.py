"""The day a page speaks of, and the moment whose knowledge it uses.

Every page takes `?on=YYYY-MM-DD` (the NHS of which day; today when absent) and
`?known=YYYY-MM-DD` or `?known=YYYY-MM-DDTHH:MM` (as it was recorded by then; now when absent).
`AsAtMiddleware` reads both once and puts an `AsAt` on the request. A value that is no day is
answered with a page that says what was wrong: it is never quietly taken for today, because a
plan signed on the wrong day's map is worse than no map.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property, lru_cache
from time import monotonic
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.core.exceptions import BadRequest
from django.db.models import Count, Q
from django.shortcuts import render
from django.utils import timezone

from .dated import ONE_DAY
from .models import Kind, Release, Reorganisation, Succession
from .named_sql import Keys
from .written import day_in_full

LONDON = ZoneInfo("Europe/London")

# Bounds that leave room for a day before and a day after. The NHS began on 5 July 1948; plans
# look a few years ahead.
FIRST_DAY, LAST_DAY = date(1948, 7, 5), date(2199, 12, 31)

# An array of kinds, not a join: so their few hundred bodies are found by index.
COMMISSIONERS = """
SELECT organisation_id FROM footprints_version
WHERE retracted_by_id IS NULL AND kind_id = ANY (ARRAY(
    SELECT code FROM footprints_kind WHERE family = %(family)s AND is_legal_body
))
"""

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")

PRESETS_KEPT = 300  # seconds: a reorganisation recorded a minute ago may wait five to be a preset
BIG = 5  # this many events take effect together on a big reorganisation day
BIGGEST = 20  # and of many such days, so many that most take effect on
NEXT, OFFERED = 3, 12  # days to come, and days that were, which a page offers


class BadAddress(BadRequest):
    """An address that says something we cannot read.

    `problem` says what was wrong and `remedy` what would be right, both as whole sentences for
    the reader. `AsAtMiddleware` answers it with the 400 page.
    """

    def __init__(self, problem, remedy):
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class AsAt:
    """The day a page shows, and by when its facts had to be recorded.

    `day`: facts that hold on this day. `known`: an aware datetime, inclusive, or None for now.
    `today`: the day it is in London. `known_text`: `known` as the address wrote it.
    """

    day: date
    known: datetime | None
    today: date
    known_text: str = ""

    @classmethod
    def read(cls, params, *, today):
        """Read `on` and `known` from a mapping of strings; raise BadAddress if one is no day.

        `today` is the day it is, from the door. An empty value counts as absent: that is what a
        form sends for a field left blank.
        """
        on = params.get("on", "").strip()
        known = params.get("known", "").strip()
        return cls(
            day=_day(on, says=f"?on={on}") if on else today,
            known=_moment(known, today=today) if known else None,
            today=today,
            known_text=known,
        )

    @property
    def is_today(self):
        """Whether the day shown is the day it is."""
        return self.day == self.today

    @property
    def is_now(self):
        """Whether the page shows today, with all we know: nothing to warn of."""
        return self.is_today and self.known is None

    @cached_property
    def release(self):
        """The key of the last release known by then, as `.known(release)` takes it; None for now.

        One query, asked once a request, and only where `known` is given.
        """
        return None if self.known is None else Release.objects.known_at(self.known)

    @property
    def params(self):
        """The pieces of a query string that lead another page to the same day, as a dict."""
        pieces = {} if self.is_today else {"on": self.day.isoformat()}
        if self.known is not None:
            pieces["known"] = self.known_text
        return pieces

    @property
    def query(self):
        """`params` as a query string without a question mark; empty when nothing is to be kept."""
        return urlencode(self.params)

    def keep(self, url):
        """Return a link to `url` that shows the same day and the same knowledge."""
        if not self.params:
            return url
        path, hash_mark, fragment = url.partition("#")
        joint = "&" if "?" in path else "?"
        return f"{path}{joint}{self.query}{hash_mark}{fragment}"

    @property
    def words(self):
        """What the bar says when it is not today: "Showing the NHS of 31 March 2020"."""
        return f"Showing the NHS of {'today' if self.is_today else day_in_full(self.day)}"

    @property
    def known_words(self):
        """Which knowledge the page uses: "as recorded by the end of 15 January 2020", or ""."""
        if self.known is None:
            return ""
        day = day_in_full(self.known.date())
        if DAY.fullmatch(self.known_text):
            return f"as recorded by the end of {day}"
        return f"as recorded by {self.known:%H:%M} on {day}"

    @property
    def direction(self):
        """ "past", "future", or "" for today: so that a page can word itself."""
        return "past" if self.day < self.today else "future" if self.day > self.today else ""


@dataclass(frozen=True)
class Preset:
    """A day on which something changes: the last day before it, and the day itself.

    ``events`` take effect on it; ``decided`` of these did, or will by law. ``is_big``: so many do,
    or a commissioner is replaced.
    """

    day_before: date
    day: date
    events: int
    decided: int
    is_big: bool

    @property
    def is_decided(self) -> bool:
        return self.decided > 0


class AsAtMiddleware:
    """Put `request.as_at` on every request; answer an unreadable address with a 400 page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        today = timezone.localdate(timezone=LONDON)
        try:
            request.as_at = AsAt.read(request.GET, today=today)
        except BadAddress as bad:
            # The page that explains shows today, so that its own links lead somewhere.
            request.as_at = AsAt(day=today, known=None, today=today)
            return bad_address(request, bad)
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, BadAddress):
            return bad_address(request, exception)
        return None


def bad_address(request, bad):
    """Return the 400 page that says what `bad` (a BadAddress) found wrong, and what is right."""
    context = {"problem": bad.problem, "remedy": bad.remedy}
    return render(request, "400.html", context, status=400)


def presets():
    """Return the big decided reorganisation days, newest first, as a tuple of Preset.

    One query, then kept in this process for at most five minutes: every page offers them.
    """
    return tuple(preset for preset in all_days() if preset.is_big)


def all_days():
    """Return every day on which an event that stands takes effect, newest first; as `presets`."""
    return _days(int(monotonic() // PRESETS_KEPT))


def days_to_offer(today):
    """Return the days that a page offers, as a tuple of Preset: the next ones, then the big ones.

    At most ``NEXT`` to come, the soonest first, decided or not; then ``OFFERED`` that were, the
    newest first.
    """
    coming = [preset for preset in all_days() if preset.day > today][: -NEXT - 1 : -1]
    gone = [preset for preset in presets() if preset.day <= today][:OFFERED]
    return (*coming, *gone)


def forget_presets():
    """Have this process ask for the presets anew: after a test, or where one cannot wait."""
    _days.cache_clear()


@lru_cache(maxsize=1)
def _days(slot):
    # A big day has many events, or one that replaces a commissioner: both redraw plans.
    commissioners = Keys(COMMISSIONERS, {"family": Kind.Family.COMMISSIONING.value})
    replacing = Succession.objects.now().filter(predecessor__in=commissioners)
    decided = Q(state__in=Reorganisation.State.settled())
    days = (
        Reorganisation.objects.standing()
        .order_by("-effective_on")
        .values("effective_on")
        .annotate(
            events=Count("pk"),
            decided=Count("pk", filter=decided),
            of_commissioners=Count(
                "pk", filter=decided & Q(pk__in=replacing.values("reorganisation"))
            ),
        )
    )
    rows = list(days)
    # In a register of every site and practice each first of a month has its five.
    many = [row for row in rows if row["decided"] >= BIG]
    many.sort(key=lambda row: (row["decided"], row["effective_on"]), reverse=True)
    big = {row["effective_on"] for row in many[:BIGGEST]}
    return tuple(
        Preset(
            row["effective_on"] - ONE_DAY,
            row["effective_on"],
            row["events"],
            row["decided"],
            row["effective_on"] in big or row["of_commissioners"] > 0,
        )
        for row in rows
    )


def _day(text, *, says):
    remedy = "Write a day as year-month-day, for example 2020-03-31."
    try:
        day = date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:  # the shape of a day, but no such day: 2020-02-30
        day = None
    if day is None:
        raise BadAddress(f"The address says {says}, and that is no day.", remedy)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise BadAddress(
            f"The address says {says}, and the register does not reach that far.",
            f"Choose a day from {day_in_full(FIRST_DAY)} to {day_in_full(LAST_DAY)}.",
        )
    return day


def _moment(text, *, today):
    says = f"?known={text}"
    if MOMENT.fullmatch(text):
        day_text, _, clock = text.partition("T")
        day = _day(day_text, says=says)
        try:
            moment = time.fromisoformat(clock)
        except ValueError:
            raise BadAddress(
                f"The address says {says}, and {clock} is no time of day.",
                "Write hours and minutes, for example 2020-01-15T09:30.",
            ) from None
    else:
        day, moment = _day(text, says=says), time.max  # the end of that day
    if day > today:
        raise BadAddress(
            f"The address says {says}, and that day is still to come.",
            f"What was known can be asked up to today, {day_in_full(today)}.",
        )
    return datetime.combine(day, moment, tzinfo=LONDON)
