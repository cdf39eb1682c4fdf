"""Names as words to search by: small letters, no accents, no apostrophes, no punctuation.

"St. Mary's & O’Connor, Llŷn" has the words st, marys, and, oconnor, llyn. The database splits
names (`footprints_words`, into a column with an index over every name there ever was) and Python
splits what somebody typed; both by the one table here, and a test holds them together.
"""

import re
import unicodedata

from django.db.models import BooleanField, F, Func

# What is left out: d'Arcy, d’Arcy and Darcy are one, and so are Dr. and Dr.
DROPPED = "'`.’‘ʼ´′"
ACCENTED = "àáâãäåāèéêëēìíîïīòóôõöōùúûüūẁẃẅŵỳýÿŷñçšžłøđ"
PLAIN = "aaaaaaaeeeeeiiiiioooooouuuuuwwwwyyyyncszlod"
# Between words, beside every letter of ASCII that is neither letter nor digit. Whatever else there
# is, in any script, is part of a word as it stands.
BETWEEN = "“”„–—‐‑‒•·…\u00a0"

_TABLE = str.maketrans(ACCENTED + BETWEEN, PLAIN + " " * len(BETWEEN), DROPPED)
_GAP = re.compile(r"[^a-z0-9\u0080-\U0010ffff]+")

LONGEST = 60  # letters of one word that are looked at; the longest in the register has 20
MOST = 8  # words of what was typed that are looked at


def split(text: str) -> list[str]:
    """The words of a text, in order, as the database splits names; "&" is "and"."""
    text = unicodedata.normalize("NFC", text.replace("&", " and "))
    # Letter by letter, as the database does: a whole text has a small sigma for the end of words.
    small = "".join(map(str.lower, text.replace("İ", "I")))
    return [word for word in _GAP.split(small.translate(_TABLE)) if word]


def typed(text: str) -> list[str]:
    """The words of what somebody typed, at most `MOST` of them, each cut to `LONGEST`."""
    return [word[:LONGEST] for word in split(text[:1000])[:MOST]]


# One saint, however he is written. Asked of the words typed, so that names stay as they are.
ALIKE = {"st": ("st", "saint"), "saint": ("saint", "st")}


def starts(words: list[str], kinds: list[str] | None = None) -> str:
    """A tsquery: every word typed starts a word of the name, which is of one of these kinds."""
    return _all([_either(word, ":*") for word in words], kinds)


def whole(words: list[str]) -> str:
    """A tsquery: every word typed is a word of the name."""
    return _all([_either(word, "") for word in words], None)


def _all(parts, kinds):
    if kinds is not None:
        # The database keeps the kind among the words, with a sign that parts words.
        parts = [*parts, "(" + " | ".join(_quoted(f"={kind}") for kind in kinds or [""]) + ")"]
    return " & ".join(parts)


def has_all(name: str, words: list[str]) -> bool:
    """Whether every word typed starts a word of the name: what `starts` asks the database."""
    there = split(name)
    return all(
        any(has.startswith(word) or has in ALIKE.get(word, ()) for has in there) for word in words
    )


def _either(word, ending):
    first, *others = ALIKE.get(word, (word,))
    # The word may go on (st… is stroud too); what is said for it is whole.
    parts = [_quoted(first) + ending, *map(_quoted, others)]
    return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"


def _quoted(word):
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


class HasWords(Func):
    """Whether the words typed start words of the name of a version: `HasWords(["kent", "med"])`.

    With `kinds`, whether the version is of one of these too. `path` leads to the version from the
    row asked for, and ends in a column of it: "name".
    """

    conditional = True
    output_field = BooleanField()

    def __init__(self, words, kinds=None, path="name"):
        super().__init__(F(path))
        self.query = starts(words, kinds)

    def as_sql(self, compiler, connection, **extra):
        alias = compiler.quote_name_unless_alias(self.source_expressions[0].alias)
        return f"{alias}.words @@ %s::tsquery", [self.query]
