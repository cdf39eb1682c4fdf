"""How names are written: as the field writes them, not in the capitals of the published files."""

import re
from functools import lru_cache

# Words that ODS writes in capitals and that stay in capitals; seen in etr, ePCN and eccg.
CAPITALS = {
    "NHS",
    "PCN",
    "CCG",
    "ICB",
    "UK",
    "GP",
    "STP",
    "CIC",
    "HSC",
    "SPA",
    "WNS",
    "NW",
    "SW",
    "SE",
    "NE",
}
SMALL = {"and", "of", "the", "for", "in", "on", "with", "at", "by", "upon", "to", "le", "under"}
WORDS = (
    "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()
FRAME = re.compile(
    r"^NHS\s+|\s+(?:CCG|ICB|Integrated Care Board|Integrated Care System|STP|Clinical "
    r"Commissioning Group|NHS Foundation Trust|NHS Trust|Foundation Trust)$",
    re.IGNORECASE,
)


def abridged(name: str) -> str:
    """The name with the kinds that everybody knows by their letters so: "NHS Frimley ICB"."""
    name = name.replace("Integrated Care Board", "ICB")
    return name.replace("Clinical Commissioning Group", "CCG")


def written(name: str) -> str:
    """The name in mixed case where it was published in capitals only; any other name unchanged.

    A single word in capitals is left as it is too: it may stand for several (PROSPECT).
    """
    name = " ".join(name.split())
    words = name.split(" ")
    if name != name.upper() or len(words) == 1 or not re.search(r"[A-Z]{4}", name):
        return name
    return " ".join(_word(word, first=not i) for i, word in enumerate(words))


@lru_cache(maxsize=50_000)  # a national file has 300,000 names, of few different words
def _word(word: str, *, first: bool) -> str:
    bare = re.sub(r"[^A-Z0-9']", "", word)
    if bare not in ("ST", "DR", "MR", "MT") and (
        bare in CAPITALS or (bare and not re.search(r"[AEIOUY]", bare) and len(bare) < 5)
    ):
        return word
    lowered = word.lower()
    if lowered in SMALL and not first:
        return lowered
    # St John's, O'Connor, (North), Stoke-on-Trent: a capital at each start, not after 's.
    capitalised = re.sub(r"(?<![a-z'’])[a-z]", lambda m: m[0].upper(), lowered)
    capitalised = re.sub(r"(?<=\bO['’])[a-z]", lambda m: m[0].upper(), capitalised)
    return re.sub(r"-(And|Of|The|On|In|Upon|Le|By|Under)-", lambda m: m[0].lower(), capitalised)


def short(name: str) -> str:
    """The name without its legal frame: "NHS Kent and Medway CCG" is "Kent and Medway"."""
    previous = None
    while previous != name:
        previous, name = name, FRAME.sub("", name).strip()
    return name


def inline(kind: str) -> str:
    """A kind's name within a sentence: "trust", "sub-ICB location", "ICB"."""
    return kind[0].lower() + kind[1:] if kind[1:2].islower() else kind


def count(number: int, singular: str, plural: str) -> str:
    """ "eight CCGs", "one CCG", "74 CCGs"."""
    word = WORDS[number] if number < len(WORDS) else f"{number:,}"
    return f"{word} {singular if number == 1 else plural}"


def listed(names: list[str]) -> str:
    """ "Essex, Kent and Sussex": the names in a row, told apart where one holds an "and"."""
    if len(names) > 1 and any(" and " in name for name in names):
        return f"{', '.join(names[:-1])}, and {names[-1]}"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
