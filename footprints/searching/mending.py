"""Misspelt words put right by the words that there are in the names of the register."""

from django.db import connection

SHORTEST = 4  # letters: a shorter word is likely enough any of many
SHOWN = 25  # likely words that are compared letter by letter

# Alike by the three-letter pieces they share; the index holds some ten thousand words. A word of
# four letters shares too few with one that has another vowel: so all as short are compared that
# begin as it does. A misprint that was put right is among the words: what was typed may be there.
LIKELY = """
SELECT typed.word, likely.word, likely.versions,
       (SELECT coalesce(sum(versions), 0) FROM footprints_word
        WHERE word ~>=~ typed.word AND word ~<~ (typed.word || chr(1114111)))
FROM unnest(%(words)s::text[]) AS typed(word)
CROSS JOIN LATERAL (
    (SELECT word, versions FROM footprints_word
     WHERE word %% typed.word AND word <> typed.word AND left(word, 1) <> '='  -- no kind
     ORDER BY similarity(word, typed.word) DESC, versions DESC
     LIMIT %(shown)s)
    UNION
    SELECT word, versions FROM footprints_word
    WHERE length(typed.word) = %(shortest)s AND length(word) BETWEEN 3 AND 5
      AND word ~>=~ left(typed.word, 1) AND word ~<~ (left(typed.word, 1) || chr(1114111))
      AND word <> typed.word
) AS likely
"""


def mended(words: list[str], *, times: int = 10) -> list[str]:
    """The words with each one that may be misspelt replaced by the likeliest; [] where none may.

    A word may be misspelt that starts no word of any name, or so few that one like it stands in
    so many `times` as many. Likely is a word that one slip makes of what was typed, or two where
    it is long: a letter left out, put in, wrong, or two that changed places; the whole word, or
    its start. One query.
    """
    long = [word for word in words if len(word) >= SHORTEST and not word.isdigit()]
    if not long:
        return []
    with connection.cursor() as cursor:
        cursor.execute(LIKELY, {"words": long, "shown": SHOWN, "shortest": SHORTEST})
        rows = cursor.fetchall()
    best: dict[str, tuple] = {}
    for word, likely, versions, as_typed in rows:
        if versions < times * as_typed:
            continue
        slips = min(distance(word, likely), distance(word, likely[: len(word)]) + 0.5)
        if slips <= (1.5 if len(word) < 6 else 2.5):
            better = (slips, -versions, likely)
            best[word] = min(best.get(word, better), better)
    if not best:
        return []
    return [best[word][2] if word in best else word for word in words]


def distance(one: str, other: str) -> int:
    """How many slips apart two words are: letters left out, put in, wrong, or two exchanged."""
    before, row = [], list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
