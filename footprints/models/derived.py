"""What the database works out from the facts as they arrive, so that a page need not count them.

Triggers on `footprints_version` write these rows, by set statements, in the transaction that
writes the facts (migration 0008): whoever adds or retracts a version, by whatever road, leaves
them right, after an undo too. Nothing else writes them, and `rebuild()` says the same from the
facts alone.
"""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import connection, models

from .keys import REGISTER, OrganisationKey
from .releases import Release

# What is worked out from a fact needs no check that the fact's own keys have passed.
UNCHECKED = {"related_name": "+", "db_index": False, "db_constraint": False}


class Tally(models.Model):
    """How one release changed the number of bodies of a kind that live from a day on.

    Live bodies of a kind on a day, as known by a release: the sum over all releases up to that
    one and all days up to that one. Bodies that live since ever count on 1 January of the year 1.
    """

    release = models.ForeignKey(Release, on_delete=models.CASCADE, **UNCHECKED)
    kind = models.ForeignKey("footprints.Kind", on_delete=models.CASCADE, **UNCHECKED)
    on = models.DateField()
    change = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="tally_one_a_release_kind_and_day", fields=["release", "kind", "on"]
            )
        ]

    def __str__(self):
        return f"{self.kind_id} from {self.on}: {self.change:+}"


class OfKind(models.Model):
    """An organisation that was of this kind at some time, as known at some time, by its code.

    More than is true on a day, never less: a list of one kind in order of code walks it.
    """

    kind = models.ForeignKey("footprints.Kind", on_delete=models.CASCADE, **UNCHECKED)
    code = models.CharField(max_length=20)
    organisation = OrganisationKey(rule=REGISTER, related_name="kinds", db_constraint=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="ofkind_by_code", fields=["kind", "code", "organisation"])
        ]

    def __str__(self):
        return f"{self.code}: {self.kind_id}"


class Word(models.Model):
    """A word of a name there ever was, and in how many versions it stood: never fewer.

    So are the kinds, as "=practice": a sign that no word of a name has.
    """

    word = models.TextField(primary_key=True)
    versions = models.IntegerField()

    class Meta:
        indexes = [GinIndex(OpClass("word", name="gin_trgm_ops"), name="word_trgm")]

    def __str__(self):
        return self.word


def rebuild():
    """Work out every row of this module anew from the facts: after a load without triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT footprints_derive()")
