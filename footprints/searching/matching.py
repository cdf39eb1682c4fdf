"""Which versions of the register match what somebody typed to narrow a list: words and codes."""

from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Q

from ..keyed import AnyOf
from ..models import Organisation, Version
from .words import ALIKE, HasWords, typed

MANY = 10_000  # matches that are named by key: beyond, the reader is asked to type more
SHORT = 2  # letters: so short a start is in half of all names, and is read where it can be left
READ = 600_000  # entries of the index of words that are read to find few matches of many words


# By the codes first, then by the versions of each: joined, the planner reads every version.
CODED = f"""
SELECT id FROM footprints_version WHERE organisation_id = ANY (ARRAY(
    SELECT id FROM footprints_organisation WHERE code LIKE %s LIMIT {MANY + 1})) {{kinds}}
"""


@dataclass
class Matches:
    """Which versions match what was typed: `keys`, or None where they are more than `most`.

    A version matches by its name, if every word typed starts a word of it; or by the code of its
    organisation, if that starts with the one word typed. All versions, of any day, ever known.
    """

    words: list[str]
    code: str | None = None
    most: int = MANY
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


def matches(text: str, *, most: int = MANY, kinds: list[str] | None = None) -> Matches:
    """Look for what was typed, up to `most` versions, of these kinds alone or of any; one query.

    Words that the list of words (`Word`) knows to stand in more names are not looked for at all.
    """
    words = typed(text)
    found = Matches(words, _as_code(text), most)
    if not words:  # nor a code then: a code has a word at least
        return found
    long = [word for word in words if len(word) > SHORT] or words
    named = Version.objects.order_by().filter(HasWords(long, kinds))
    if len(long) < len(words):
        named = named.filter(HasWords(words))
    sql, params = named.values("pk").query.sql_with_params()
    queries = [f"(SELECT * FROM ({sql} OFFSET 0) AS named LIMIT {most + 1})"]
    if found.code:
        queries.append(CODED.format(kinds="" if kinds is None else "AND kind_id = ANY (%s)"))
        params = (*params, f"{found.code}%", *([] if kinds is None else [kinds]))
    _look(found, long, kinds, " UNION ".join(queries), params)
    return found


def _as_code(text):
    """What was typed as the start of a code, in capitals; None where it can be none."""
    text = text.strip().upper()
    plain = text.replace("-", "")
    return text if plain.isascii() and plain.isalnum() and len(text) <= 20 else None


def _look(found, words, kinds, sql, params):
    """Run the statement where the words promise no more than are wanted, and keep the keys.

    One word stands in as many versions as the list of words says. Several may stand together in
    few: guessed as if by chance, thrice over, or looked for where reading them costs little.
    """
    asked = [ALIKE.get(word, (word,)) for word in words]
    likes = [("word LIKE %s", [f"{start}%" for start in starts]) for starts in asked]
    if kinds is not None:
        likes.append(("word = %s", [f"={kind}" for kind in kinds or [""]]))
    counts, given = [], [f"{found.code}%" if found.code else ""]
    for like, starts in likes:
        either = " OR ".join([like] * len(starts))
        counts.append(f"(SELECT coalesce(sum(versions), 0) FROM footprints_word WHERE {either})")
        given += starts
    names = [f"n{i}" for i in range(len(counts))]
    guess, read = names[0], "false"
    if names[1:]:
        chance = " * ".join(f"least(1, {name} / versions)" for name in names)
        guess = f"least({', '.join(names)}, 3 * versions * {chance})"
        read = f"{' + '.join(names)} <= {READ}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT coded, CASE WHEN coded <= {found.most}
                                   AND (coded + {guess} < {2 * found.most} OR {read})
                          THEN ARRAY({sql}) END
            FROM (
                SELECT (SELECT greatest(reltuples, 1)::float8 FROM pg_class
                        WHERE oid = 'footprints_version'::regclass) AS versions,
                       (SELECT count(*) FROM (
                            SELECT FROM footprints_organisation WHERE code LIKE %s
                            LIMIT {MANY + 1}) AS coded) AS coded
                       {"".join(f", {c} AS {n}" for c, n in zip(counts, names, strict=True))}
                OFFSET 0  -- counted once, however often it is named above
            ) AS counted
            """,
            [*params, *given],
        )
        coded, keys = cursor.fetchone()
    found.keys = keys if keys is not None and len(keys) <= found.most else None
    found.codes_are_many = coded > MANY
