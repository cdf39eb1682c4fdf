"""A small company over real bodies, what happens to them, and what must be so: by brute force."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from django.db.models import Exists, OuterRef

from .post import OFF, in_words

LAST_DAY = date(2020, 3, 31)
OPENED_ON = date(2019, 4, 1)
DAYS = [date(2020, 4, 1), date(2020, 7, 1), date(2020, 10, 1), date(2021, 4, 1)]
DECIDED, REPORTED, DROPPED = (
    ("effective", "in_law"),
    ("proposed", "approved"),
    ("paused", "rejected"),
)
EVENTS, PLANS = 6, 3


@dataclass
class Found:
    """What is not as it must be, and what may be twice."""

    alerts_missed: int = 0
    alerts_repeated: int = 0
    letters_missed: int = 0
    letters_repeated: int = 0
    doubled: int = 0  # told a second time because nobody could know of the first
    renamed: int = 0  # those of them under another name, since they tell something else too
    says: list[str] = field(default_factory=list)

    @property
    def is_good(self):
        wrong = self.alerts_missed, self.alerts_repeated, self.letters_missed
        return not any(wrong) and not self.letters_repeated


class World:
    """Three plans over the CCGs of six mergers of 1 April 2020, and all who work on them.

    ``concerned`` says of each event whom it concerns, through which plan: as drawn here, and never
    asked of the program.
    """

    def __init__(self, chance: random.Random):
        self.chance = chance
        self.events: dict[int, str] = {}
        self.concerned: dict[int, set[tuple[int, int]]] = {}  # event → (plan, person)
        self.address: dict[int, str] = {}
        self.read = 0  # letters of the mail server that were looked at
        self.known: dict[tuple[str, str], str] = {}  # (address, title) → what they surely read
        self.maybe: dict[tuple[str, str], set[str]] = {}  # and what they may have read since
        self.suspect: set[tuple[str, str]] = set()  # what they read, and nobody may have marked
        self.names: Counter = Counter()

    # --- Drawn

    def draw(self):
        from accounts.models import Assignment, RosterEntry, Team, Territory, TerritoryPlan, User
        from footprints.models import Organisation, Reorganisation, Succession

        units = Organisation.objects.of_kind(LAST_DAY, kind="ccg")
        events = Reorganisation.objects.filter(effective_on=DAYS[0], kind="merger").order_by("pk")
        bodies = {}
        for event in events:
            ending = Succession.objects.now().filter(reorganisation=event, passes="area")
            ending = set(ending.values_list("predecessor", flat=True))
            if 2 <= len(ending) <= 5 and units.filter(pk__in=ending).count() == len(ending):
                bodies[event.pk] = sorted(ending)
                self.events[event.pk] = event.title
            if len(bodies) == EVENTS:
                break
        assert len(bodies) == EVENTS, "the register has no six mergers on that day"
        self.concerned = {event: set() for event in bodies}
        for number in range(PLANS):
            team = Team.objects.create(name=f"Team {number}")
            owner = self._hire(team, "owner", User.Role.PLANNER)
            manager = self._hire(team, "manager", User.Role.MANAGER)
            plan = TerritoryPlan.objects.create(
                team=team, owner=owner, name=f"Plan {number}", opened_on=OPENED_ON, state="active"
            )
            # Each plan holds four of the events: two and two in a territory, and one of a fourth.
            mine = [list(bodies)[(2 * number + n) % EVENTS] for n in range(4)]
            for place, of in enumerate((mine[:2], mine[2:3], mine[3:])):
                home = Territory.objects.create(plan=plan, code=f"T{place}", name=f"Patch {place}")
                people = [manager] if place == 2 else [self._hire(team, f"field{place}", "field")]
                if place == 0:
                    people.append(self._hire(team, "second", "field"))
                if place < 2:
                    RosterEntry.objects.bulk_create(
                        RosterEntry(
                            territory=home,
                            user=user,
                            role="mirror" if beside else "owner",
                            opened_on=OPENED_ON,
                        )
                        for beside, user in enumerate(people)
                    )
                for event in of:
                    Assignment.objects.bulk_create(
                        Assignment(
                            plan=plan, territory=home, organisation_id=body, opened_on=OPENED_ON
                        )
                        for body in bodies[event]
                    )
                    self.concerned[event] |= {(plan.pk, user.pk) for user in [owner, *people]}

    def _hire(self, team, name, role):
        from accounts.models import User

        user = User.objects.create(username=f"{name}.{team.pk}", role=role, team=team)
        user.email = f"{user.username}@example.com"
        user.save()
        self.address[user.pk] = user.email
        return user

    # --- What happens

    def change(self, event=None, *, state=None, day=None):
        """One event moves, is called off, revived, decided or put in question; by chance where
        nothing is said. What changes is written as a release would write it."""
        from django.db import transaction

        from footprints.models import Reorganisation

        event = event or self.chance.choice(list(self.events))
        with transaction.atomic():
            row = Reorganisation.objects.select_for_update().get(pk=event)
            if state is None and day is None:
                day = self.chance.choice([each for each in DAYS if each != row.effective_on])
                others = [s for s in DECIDED + REPORTED[:1] + DROPPED[:1] if s != row.state]
                state, day = self.chance.choice([(row.state, day), (None, None)])
                state = state or self.chance.choice(others)
            row.state = state or row.state
            row.effective_on = day or row.effective_on
            row.save(update_fields=["state", "effective_on"])
            Reorganisation.objects.filter(pk=event).revise()
        return event

    def tell_something(self):
        """A change that owes letters at once, whatever was before: decided, on another day."""
        from footprints.models import Reorganisation

        event = self.chance.choice(list(self.events))
        was = Reorganisation.objects.get(pk=event).effective_on
        return self.change(
            event, state="effective", day=self.chance.choice([day for day in DAYS if day != was])
        )

    # --- What must be so

    def is_settled(self, moment: datetime) -> bool:
        """Whether there is nothing left that is to be done by that moment."""
        from accounts.models import Alert, Digest, FlagRun
        from footprints.models import Reorganisation

        if Reorganisation.objects.unflagged().exists() or FlagRun.objects.exists():
            return False
        waiting = Digest.objects.unsent()
        if Digest.objects.due(moment).exists():
            return False
        waits = set(waiting.values_list("person", "effective_on"))
        owed = set(Alert.objects.to_tell().values_list("holder", "effective_on"))
        return owed <= waits

    def compare(self, post) -> Found:
        """What is in the database, and what the mail server kept, with what must be."""
        from accounts.models import Digest
        from footprints.models import Reorganisation

        found = Found()
        events = Reorganisation.objects.in_bulk(list(self.events))
        self._compare_alerts(found, events)
        self._read(found, post)
        waiting = Digest.objects.unsent().values_list("person__email", "effective_on")
        waiting = set(waiting) | self._off_and_waiting()
        for pk, event in events.items():
            off = event.state in DROPPED
            so = OFF if off else in_words(event.effective_on, event.state in DECIDED)
            for person in {person for _, person in self.concerned[pk]}:
                key = self.address[person], event.title
                known = self.known.get(key)
                if self.maybe.get(key):
                    found.letters_missed += 1
                    found.says.append(f"{key}: nothing sure after {self.maybe[key]}")
                elif known != so and not (off and known is None):
                    if {(key[0], event.effective_on), key} & waiting:
                        continue  # it has its hour
                    found.letters_missed += 1
                    found.says.append(f"{key}: knows {known}, and it is {so}")
        return found

    def _off_and_waiting(self):
        """(address, title) of what was called off, of which a letter waits for its hour: it is one
        of the day that the event had when it was called off."""
        from accounts.models import Alert, Digest

        own = Digest.objects.unsent().filter(
            person=OuterRef("person"), effective_on=OuterRef("effective_on")
        )
        off = Alert.objects.to_tell().filter(Exists(own), news=Alert.OFF)
        return set(off.values_list("person__email", "flag__reorganisation__title"))

    def _compare_alerts(self, found, events):
        from .house import execute

        rows = Counter()
        for event, plan, person, news, lapsed in execute(
            "SELECT flag.reorganisation_id, flag.object_id, alert.person_id, alert.news, "
            "alert.lapsed_at IS NOT NULL FROM accounts_alert AS alert "
            "JOIN accounts_flag AS flag ON flag.id = alert.flag_id"
        ):
            rows[event, plan, person] += 1
            if (event not in events) or (plan, person) not in self.concerned[event]:
                found.alerts_repeated += 1
                found.says.append(f"nobody's alert: {event}, {plan}, {person}")
                continue
            state, on = events[event].state, events[event].effective_on
            so = (
                OFF
                if state in DROPPED
                else f"{on} {'decided' if state in DECIDED else 'reported'}"
            )
            if (news, lapsed) != (so, so == OFF):
                found.alerts_missed += 1
                found.says.append(f"an alert says {news}, and it is {so}")
        for event, whom in self.concerned.items():
            for plan, person in whom:
                times = rows[event, plan, person]
                found.alerts_missed += times == 0
                found.alerts_repeated += max(0, times - 1)
                if times != 1:
                    found.says.append(f"{times} alerts: {event}, {plan}, {person}")

    def _read(self, found, post):
        """Each letter kept since the last time, in the order in which it came."""
        with post.turn:
            new, self.read = post.kept[self.read :], len(post.kept)
        for letter in new:
            twice = again = False
            for title, so in letter.tells.items():
                key = letter.to, title
                maybe = self.maybe.setdefault(key, set())
                same = so == self.known.get(key)
                again |= so in maybe or (same and key in self.suspect)
                twice |= same and not maybe and key not in self.suspect
                if letter.is_doubtful:
                    maybe.add(so)
                    continue
                maybe.clear()
                self.known[key] = so
                self.suspect.discard(key)
                if letter.is_suspect:
                    self.suspect.add(key)
            if not letter.tells:
                twice = True  # a letter that says nothing
            self.names[letter.name] += 1
            found.doubled += again and not twice
            found.letters_repeated += twice
            if twice:
                found.says.append(f"told again: {letter}")
            found.renamed += again and not twice and self.names[letter.name] == 1


def moment_of(house) -> datetime:
    """Now, by the clock of the processes."""
    return datetime.fromtimestamp(time.time() + house.offset, UTC)


__all__ = ["DAYS", "DROPPED", "Found", "World", "moment_of"]
