"""The map on a plan's pages: of which units, drawn how, filled by what."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models.functions import JSONObject
from django.utils.functional import cached_property

from ..measures.uploading import measures_of
from ..models import Measure, Territory
from ..territories import plans
from ..territories.outlines import are_enough, areas_as_svg
from ..territories.pictures import squares_as_svg
from ..territories.shading import amounts_of, people_of, shaded


class MapOfPlan:
    """What a page with a `plan` and an `on_day` says of its map, as its address asks."""

    shades = False  # whether the page offers the map by an amount
    highlighted: Territory | None = None

    def map_context(self) -> dict:
        """What the template of the map reads; without a picture where htmx asks for the list."""
        return {
            "map_kind": self.map_kind,
            "map_addresses": [(kind, self.address(map=kind.pk)) for kind in self.on_day.kinds],
            "map_ways": self.map_ways,
            "map_fills": self.map_fills,
            "shading": None if self.is_piece else self.shading,
            "picture": None if self.is_piece else self.picture,
            "squares": "" if self.is_piece else self.squares,
        }

    @cached_property
    def map_kind(self):
        """The kind of unit that the map shows: as the address says, else the one most used."""
        kinds = self.on_day.kinds
        asked = self.request.GET.get("map")
        return next((kind for kind in kinds if kind.pk == asked), kinds[0] if kinds else None)

    @cached_property
    def picture(self):
        """The map, where there is any unit to draw."""
        return self._drawn[0]

    @cached_property
    def shading(self):
        """The legend of a map by an amount; None where the map is by territory."""
        return self._drawn[1]

    @cached_property
    def _drawn(self):
        picture = self.map_kind and self.on_day.picture(
            self.map_kind, self.highlighted, self.shapes if self.draws_boundaries else None
        )
        fill = self.fill
        if not fill or not picture or not picture.squares:
            return picture, None
        units = self._units_of_the_map
        if fill == "people":
            amounts = people_of(self.on_day, units)
            return shaded(picture, amounts, label="People")
        amounts = amounts_of(fill, self.on_day, units)
        return shaded(picture, amounts, label=fill.name, unit=fill.unit, source=fill.source)

    @property
    def _units_of_the_map(self):
        """Organisation → code, of what the map draws."""
        if not self.draws_boundaries:
            tiles = self.on_day.tiles(self.map_kind).units
            return {tile.organisation_id: tile.code for tile in tiles}
        drawn = {unit.organisation_id: unit.code for unit in self.shapes.units}
        return drawn | {key: code for key, code, _ in self.shapes.missing}

    @property
    def with_measures(self):
        """The measures by which those who plan may fill the map, asked for with the plan."""
        if not self.shades or not plans.may_plan(self.request.user):
            return {}
        named = measures_of(self.request.user).values(told=JSONObject(pk="pk", name="name"))
        return {"measures": ArraySubquery(named)}

    @property
    def measures(self):
        """Key → name of those measures."""
        return {f"m{each['pk']}": each["name"] for each in getattr(self.plan, "measures", ())}

    @cached_property
    def fill(self):
        """By what the map is filled: None (territory), "people" or a measure."""
        asked = self.request.GET.get("fill") if self.shades else None
        if asked == "people":
            return asked
        return Measure.objects.get(pk=asked[1:]) if asked in self.measures else None

    @property
    def map_fills(self):
        """By what the map may be filled: name, address, whether it is this."""
        if not self.shades or self.is_piece or not self.picture or not self.picture.squares:
            return []
        ways = [("Territory", None), ("People", "people")]
        ways += [(name, key) for key, name in self.measures.items()]
        here = f"m{self.fill.pk}" if isinstance(self.fill, Measure) else self.fill
        return [(name, self.address(fill=key), key == here) for name, key in ways]

    @cached_property
    def shapes(self):
        """The boundaries of the map's kind of unit."""
        newest = (self.plan.newest_release, self.plan.newest_step)
        return self.on_day.shapes(self.map_kind, newest)

    @cached_property
    def draws_boundaries(self):
        """Whether the map is of boundaries: as the address says, else where enough are loaded."""
        asked = self.request.GET.get("shapes")
        if asked == "boundaries" and self.shapes.units:
            return True
        return asked != "squares" and are_enough(self.shapes)

    @property
    def map_ways(self):
        """The ways to draw the map, where there are two: name, address, whether it is this."""
        if self.is_piece or not self.map_kind or not self.shapes.units:
            return []
        on = self.draws_boundaries
        return [
            ("Boundaries", self.address(shapes="boundaries"), on),
            ("Squares", self.address(shapes="squares"), not on),
        ]

    @property
    def squares(self):
        """The squares of the map: a territory's lead to it, a gap to where it is assigned."""
        keep = self.as_at.keep
        plan = self.plan.get_absolute_url()
        addresses = {t.pk: keep(t.get_absolute_url()) for t in self.on_day.territories}

        def address(square):
            if square.territory:
                return addresses[square.territory.pk]
            if square.fill == "free" and self.may_change and not self.picture.is_of_dots:
                return keep(f"{plan}?q={square.code}#list")
            return None

        if not self.picture:
            return ""
        if self.picture.is_of_boundaries:
            return areas_as_svg(self.picture.squares, address)
        return squares_as_svg(self.picture, address)
