"""Which versions of the register match what somebody typed to narrow a list: words and codes."""

from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Q

from .keyed import AnyOf
from .models import Organisation, Version
from .words import ALIKE, HasWords, typed

MANY = 10_000  # matches: beyond, nobody reads on, and the walk in order meets fifty soon
SHORT = 2  # letters: so short a start is found by its words only if there are few


@dataclass
class Matches:
    """Which versions match what was typed: `keys`, or None where they are more than `MANY`.

    A version matches by its name, if every word typed starts a word of it; or by the code of its
    organisation, if that starts with the one word typed. All versions, of any day, ever known.
    """

    words: list[str]
    code: str | None = None
    keys: list[int] | None = field(default_factory=list)
    codes_are_many: bool = False

    @property
    def are_many(self):
        """Whether they are too many to be named: the reader is asked to type more."""
        return self.keys is None

    def within(self, versions):
        """Return those of the versions that match."""
        if self.keys is not None:
            return versions.filter(AnyOf("pk", self.keys))
        named = Q(HasWords(self.words))
        if self.code and self.codes_are_many:
            named |= Q(organisation__code__startswith=self.code)
        elif self.code:  # so few that they are looked up once, and no row is joined
            coded = Organisation.objects.filter(code__startswith=self.code).order_by()
            named |= Q(organisation__in=coded.values("pk"))
        return versions.filter(named)


def matches(text: str) -> Matches:
    """Look for what was typed; one query, or two where all that was typed are one or two letters.

    Many short starts together are few at times, and then the walk would be long: so where the
    words that there are promise few matches for any of them, or for all, they are looked for.
    """
    words = typed(text)
    found = Matches(words, _as_code(text))
    if not words and not found.code:
        return found
    long = [word for word in words if len(word) > SHORT]
    if not long:
        expected, coded = _expected(words, found.code)
        if expected >= MANY:
            found.keys, found.codes_are_many = None, coded > MANY
            return found
    named = Version.objects.order_by()
    if words:
        # Short starts are in half of all names: read those that the long ones leave.
        named = named.filter(HasWords(long or words))
        if long and len(long) < len(words):
            named = named.filter(HasWords(words))
    else:
        named = named.none()
    keys = named.values_list("pk")[: MANY + 1]
    if found.code:
        coded = Version.objects.order_by().filter(organisation__code__startswith=found.code)
        keys = keys.union(coded.values_list("pk")[: MANY + 1])
    keys = [key for (key,) in keys]
    found.keys = keys if len(keys) <= MANY else None
    return found


def _as_code(text):
    """What was typed as the start of a code, in capitals; None where it can be none."""
    text = text.strip().upper()
    plain = text.replace("-", "")
    return text if plain.isascii() and plain.isalnum() and len(text) <= 20 else None


def _expected(words, code):
    """How many versions the words that there are, and the codes, promise at most; and how many
    codes, both counted no further than one past `MANY`.

    Words that stand in many names may be few together: taken as if by chance, thrice over.
    """
    counts = [
        "(SELECT coalesce(sum(versions), 0) FROM footprints_word WHERE "
        + " OR ".join("word LIKE %s" for _ in ALIKE.get(word, (word,)))
        + ")"
        for word in words
    ]
    params = [f"{start}%" for word in words for start in ALIKE.get(word, (word,))]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT greatest(reltuples, 1) FROM pg_class "
            "WHERE oid = 'footprints_version'::regclass), "
            "(SELECT count(*) FROM (SELECT FROM footprints_organisation WHERE code LIKE %s "
            f"LIMIT {MANY + 1}) AS coded){''.join(', ' + count for count in counts)}",
            [f"{code}%" if code else "", *params],
        )
        versions, coded, *named = cursor.fetchone()
    together = 3 * float(versions)
    for count in named:
        together *= min(1, float(count) / float(versions))
    fewest = min([*named, together] if len(named) > 1 else named, default=0)
    return coded + min(fewest, MANY + 1), coded
