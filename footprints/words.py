"""Names as words to search by: small letters, no accents, no apostrophes, no punctuation.

"St. Mary's & O’Connor, Llŷn" has the words st, marys, and, oconnor, llyn. The database splits
names (`footprints_words`, in an index over every name there ever was) and Python splits what
somebody typed; both by the one table here, and a test holds them together.
"""

import unicodedata

from django.contrib.postgres.search import SearchVectorField
from django.db.models import BooleanField, Func, TextField, Value
from django.db.models.functions import Cast

# What sounds the same and is left out: d'Arcy, d’Arcy and DARCY, Dr. and Dr.
DROPPED = "'’‘ʼ`´′."
# Between words. Whatever stands in neither table is part of a word as it is, in any script.
BETWEEN = '-/\\(),:;"“”„!?*+=<>[]{}|_~^%$#@&–—‐‑‒•·…\t\n\r\u00a0'
ACCENTED = "àáâãäåāèéêëēìíîïīòóôõöōùúûüūẁẃẅŵỳýÿŷñçšžłøđ"
PLAIN = "aaaaaaaeeeeeiiiiioooooouuuuuwwwwyyyyncszlod"
assert len(ACCENTED) == len(PLAIN)

_TABLE = str.maketrans(ACCENTED + BETWEEN, PLAIN + " " * len(BETWEEN), DROPPED)

LONGEST = 60  # letters of one word that are looked at; the longest in the register has 20
MOST = 8  # words of what was typed that are looked at


def split(text: str) -> list[str]:
    """The words of a text, in order, as the database splits names; "&" is "and"."""
    text = unicodedata.normalize("NFC", text.replace("\x00", " ").replace("&", " and "))
    return [word for word in text.lower().translate(_TABLE).split(" ") if word]


def typed(text: str) -> list[str]:
    """The words of what somebody typed, at most `MOST` of them, each cut to `LONGEST`."""
    return [word[:LONGEST] for word in split(text[:1000])[:MOST]]


# One saint, however he is written. Asked of the words typed, so that names stay as they are.
ALIKE = {"st": ("st", "saint"), "saint": ("saint", "st")}


def starts(words: list[str]) -> str:
    """A tsquery: every word typed starts a word of the name."""
    return " & ".join(_either(word) for word in words)


def _either(word):
    first, *others = ALIKE.get(word, (word,))
    # The word may go on (st… is stroud too); what is said for it is whole.
    parts = [f"{_quoted(first)}:*", *map(_quoted, others)]
    return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"


def _quoted(word):
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


class Words(Func):
    """`footprints_words(name)`: a tsvector of the words of a name."""

    function = "footprints_words"
    output_field = SearchVectorField()


class HasWords(Func):
    """Whether a name has words that start as those given: `HasWords("name", ["kent", "med"])`."""

    template = "%(expressions)s"
    arg_joiner = " @@ "
    conditional = True
    output_field = BooleanField()

    def __init__(self, name, words):
        query = Func(
            Cast(Value(starts(words)), TextField()),
            template="%(expressions)s::tsquery",
        )
        super().__init__(Words(name), query)
