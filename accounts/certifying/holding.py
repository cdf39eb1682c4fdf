"""Which letters to field users may go on a day, by which certificate, and why others may not."""

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count
from django.template.loader import get_template

from footprints.written import day_in_full

from ..alerts import wanting
from ..models import Certificate, Digest, LetterPolicy, User

Letter = Digest.About
# Where the wording of each begins; a letter's own part is no wording of the other.
WORDINGS = {
    Letter.CHANGES: ("accounts/emails/digest.txt", "accounts/emails/digest.html"),
    Letter.REMINDERS: ("accounts/emails/_due.txt", "accounts/emails/_due.html"),
}
INCLUDE = re.compile(r"{%\s*include\s+[\"']([^\"']+)[\"']")


@dataclass(frozen=True)
class Standing:
    """How a letter stands on a day: ``certificate`` where one holds, else why none does, and how
    many letters are held for it."""

    letter: Letter
    certificate: Certificate | None
    why_not: str
    waiting: int = 0


def certified_from() -> date | None:
    """From when the company asks for certificates; None where it does not."""
    return LetterPolicy.objects.values_list("certified_from_on", flat=True).first()


def is_asked_for(day: date) -> bool:
    """Whether the company asks for certificates on that day."""
    start = certified_from()
    return start is not None and start <= day


def wording_of(letter: Letter) -> str:
    """A fingerprint of the templates of a letter, with all that they include; of reminders, of
    the letter around them too."""
    others = {name for each, names in WORDINGS.items() if each != letter for name in names}
    seen: dict[str, str] = {}
    ahead = list(WORDINGS[letter])
    if letter == Letter.REMINDERS:
        ahead += WORDINGS[Letter.CHANGES]
        others = set()
    while ahead:
        name = ahead.pop()
        if name not in seen and name not in others:
            seen[name] = get_template(name).template.source
            ahead += INCLUDE.findall(seen[name])
    told = "\0".join(f"{name}\0{seen[name]}" for name in sorted(seen))
    return hashlib.sha256(told.encode()).hexdigest()


def certificates(day: date) -> dict[Letter, Certificate]:
    """The certificate of each letter that holds on that day, of its wording as it is now."""
    found = {}
    for one in Certificate.objects.on(day).order_by("pk"):
        if one.wording == wording_of(Letter(one.letter)):
            found[Letter(one.letter)] = one
    return found


def held(day: date) -> list[Letter]:
    """The letters that do not go to field users on that day."""
    if not is_asked_for(day):
        return []
    certified = certificates(day)
    return [letter for letter in Letter if letter not in certified]


def held_for(person: User, day: date) -> list[Letter]:
    """The letters that do not go to that person on that day."""
    return held(day) if person.role == User.Role.FIELD else []


def carried_by(person: User, letters: list[Letter], day: date) -> list[Certificate]:
    """What the foot of these letters to that person names; nothing where nobody asks for it."""
    if person.role != User.Role.FIELD or not is_asked_for(day):
        return []
    certified = certificates(day)
    return [certified[letter] for letter in letters]


def ready(moment: datetime, day: date):
    """What is due by that moment and may go on that day."""
    due = Digest.objects.due(moment)
    if letters := held(day):
        return due.exclude(person__role=User.Role.FIELD, about__in=letters)
    return due


def standings(moment: datetime, day: date) -> list[Standing]:
    """How each letter to field users stands, and how many are held; whether asked for or not."""
    certified, letters = certificates(day), held(day)
    waiting = dict(
        Digest.objects.due(moment)
        .filter(person__role=User.Role.FIELD, person__is_active=True, about__in=letters)
        .order_by()
        .values_list("about")
        .annotate(Count("pk"))
    )
    return [
        Standing(
            letter,
            certified.get(letter),
            "" if letter in certified else _why_not(letter, day),
            waiting.get(letter, 0),
        )
        for letter in Letter
    ]


def sample_of(letter: Letter) -> str:
    """The text of such a letter as it went to a field user last, without whom it went to; of no
    walled team, whose letters are its own. "" where none went."""
    sent = Digest.objects.sent().filter(about=letter, person__role=User.Role.FIELD)
    sent = sent.exclude(person__team__is_walled=True).order_by("-sent_at", "-pk")
    text = sent.values_list("text", flat=True).first() or ""
    _, _, rest = text.partition("\n")  # the greeting
    return wanting.without_off_addresses(rest.strip())


def _why_not(letter, day):
    last = Certificate.objects.filter(letter=letter).select_related("withdrawn_by").first()
    if last is None:
        return "It was never certified."
    if last.withdrawn_at:
        why = f": {last.reason}" if last.reason else ""
        return f"{last.job_bag} was withdrawn by {last.withdrawn_by}{why}."
    if last.expires_on <= day:
        return f"{last.job_bag} expired on {day_in_full(last.expires_on)}."
    if last.approved_on > day:
        return f"{last.job_bag} is approved from {day_in_full(last.approved_on)} on."
    return f"Its wording has changed since {last.job_bag} was approved."


__all__ = [
    "Standing",
    "carried_by",
    "certified_from",
    "held",
    "held_for",
    "is_asked_for",
    "ready",
    "sample_of",
    "standings",
    "wording_of",
]
