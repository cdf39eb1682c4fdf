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
    """Look for what was typed; one query.

    Where all that was typed are one or two letters, they are looked for only if the words that
    there are promise few matches: half of all names have a word that starts with an s.
    """
    words = typed(text)
    found = Matches(words, _as_code(text))
    if not words and not found.code:
        return found
    long = [word for word in words if len(word) > SHORT]
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
    if words and not long:
        return _if_few(found, keys)
    keys = [key for (key,) in keys]
    found.keys = keys if len(keys) <= MANY else None
    return found


def _as_code(text):
    """What was typed as the start of a code, in capitals; None where it can be none."""
    text = text.strip().upper()
    plain = text.replace("-", "")
    return text if plain.isascii() and plain.isalnum() and len(text) <= 20 else None


def _if_few(found, keys):
    """Look the keys up only where the words that there are, and the codes, promise few.

    Words that stand in many names may be few together: guessed as if by chance, thrice over.
    """
    counts, params = [], [f"{found.code}%" if found.code else ""]
    for word in found.words:
        starts = ALIKE.get(word, (word,))
        likes = " OR ".join("word LIKE %s" for _ in starts)
        counts.append(f"(SELECT coalesce(sum(versions), 0) FROM footprints_word WHERE {likes})")
        params += [f"{start}%" for start in starts]
    names = [f"n{i}" for i in range(len(counts))]
    together = " * ".join(f"least(1, {name} / versions)" for name in names)
    guess = f"least({', '.join(names)}, 3 * versions * {together})" if counts[1:] else "n0"
    sql, sql_params = keys.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT coded, CASE WHEN coded + least({guess}, {MANY + 1}) < {MANY}
                          THEN ARRAY({sql}) END
            FROM (
                SELECT (SELECT greatest(reltuples, 1)::float8 FROM pg_class
                        WHERE oid = 'footprints_version'::regclass) AS versions,
                       (SELECT count(*) FROM (
                            SELECT FROM footprints_organisation WHERE code LIKE %s
                            LIMIT {MANY + 1}) AS coded) AS coded,
                       {", ".join(f"{c} AS {n}" for c, n in zip(counts, names, strict=True))}
                OFFSET 0  -- counted once, however often it is named above
            ) AS counted
            """,
            [*params, *sql_params],
        )
        coded, keys = cursor.fetchone()
    found.keys = keys if keys is not None and len(keys) <= MANY else None
    found.codes_are_many = coded > MANY
    return found
