"""The nation and the system that bodies belong to on a day."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from footprints.keyed import AnyOf
from footprints.models import Version

from ..models import Nation

NATION_TIER = 0  # of kinds: the four nations; E92000001 is England
SYSTEM_TIER = 2  # of kinds: the ICBs, and the STPs before them


class Tops:
    """What is above some bodies at the top of the register, or is one of them; one query.

    ``above`` is body → its ancestors, as ``footprints.ancestry.ancestors`` gives them.
    """

    def __init__(
        self,
        bodies: Collection[int],
        above: Mapping[int, Sequence[int]],
        day: date,
        known: int | None = None,
    ):
        self.above = above
        versions = Version.objects.known(known).on(day).order_by()
        found = versions.filter(
            AnyOf("organisation", set(bodies).union(*above.values())),
            kind__tier__in=(NATION_TIER, SYSTEM_TIER),
        )
        self.found = {
            key: (tier, code, name)
            for key, tier, code, name in found.values_list(
                "organisation", "kind__tier", "organisation__code", "name"
            )
        }

    def _top(self, body, tier):
        chain = (self.found.get(key) for key in (body, *self.above.get(body, ())))
        return next((top[1:] for top in chain if top and top[0] == tier), None)

    def system(self, body: int) -> tuple[str, str] | None:
        """Its system's code and name."""
        return self._top(body, SYSTEM_TIER)

    def nation(self, body: int) -> str:
        """Its nation by the letter; what the register places in none counts as England's."""
        top = self._top(body, NATION_TIER)
        return top[0][0] if top else Nation.ENGLAND


__all__ = ["NATION_TIER", "SYSTEM_TIER", "Tops"]
