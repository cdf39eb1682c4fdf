"""Boundaries in the register: real files of the ONS, and every bad one that a person may give."""

import json
from datetime import date

import numpy as np
import pytest
import shapely
from django.core.management import CommandError, call_command

from footprints.boundaries import grid
from footprints.boundaries.reading import NotBoundaries, read
from footprints.models import Boundary, Finding, Kind, Release, Version
from footprints.services.boundaries import load_boundaries, preview_boundaries
from footprints.services.releases import undo_release

DAY = date(2023, 4, 1)
PUBLISHED = {
    "sicbl_2023-04_BSC.geojson": ("sub_icb", DAY, 106, {"70F", "92A"}),
    "icb_2023-04_BSC.geojson": ("icb", DAY, 42, {"QNX", "QXU"}),
    "nhser_2024-01_BSC.geojson": ("region", date(2024, 1, 1), 7, {"Y61", "Y62"}),
}


def square(west, south, side=0.2):
    """A square of degrees as GeoJSON writes it."""
    east, north = west + side, south + side
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(geometry, code="E38000006", name="NHS South Yorkshire ICB - 02P", **properties):
    given = {"SICBL23CD": code, "SICBL23NM": name} | properties
    return {"type": "Feature", "properties": given, "geometry": geometry}


@pytest.fixture
def file(tmp_path):
    """``file(*features, **members)``: the path of a GeoJSON file; or of raw bytes."""

    def write(*features, raw=None, **members):
        path = tmp_path / "shapes.geojson"
        whole = {"type": "FeatureCollection", "features": list(features), **members}
        path.write_bytes(json.dumps(whole).encode() if raw is None else raw)
        return path

    return write


@pytest.fixture
def load(register):
    """Read a file and load it as boundaries of sub-ICB locations from 1 April 2023."""

    def run(path, kind="sub_icb", day=DAY, deed=load_boundaries):
        return deed(read(path), kind=Kind.objects.get(pk=kind), day=day)

    return run


def shape_of(code):
    row = Boundary.objects.now().get(organisation__code=code)
    return shapely.from_wkb(bytes(row.shape))


# --- As published --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_shape_of_the_published_files_is_placed(shared, load, name):
    kind, day, bodies, by_name = PUBLISHED[name]

    loaded = load(shared / "boundaries" / name, kind, day)

    assert (loaded.read, loaded.placed, loaded.bodies) == (bodies, bodies, bodies)
    assert loaded.unplaced == []
    # The register has the ONS codes of these from another day on, or only those before.
    assert {note.code for note in loaded.odd if "placed by its name" in note.text} == by_name
    assert len(loaded.odd) == len(by_name)
    assert loaded.size < 450 * 1024
    shapes = [shapely.from_wkb(bytes(row.shape)) for row in Boundary.objects.now()]
    assert len(shapes) == bodies
    assert all(shapely.is_valid(shapes))
    assert shapely.coverage_is_valid(np.array(shapes, dtype=object))
    england = shapely.union_all(shapes).area / 1e6
    assert england == pytest.approx(130_400, rel=0.01)  # square kilometres, to mean high water


@pytest.mark.parametrize("name", PUBLISHED)
def test_degrees_become_metres_as_the_ons_itself_gives_both(shared, name):
    members = json.loads((shared / "boundaries" / name).read_text())["features"]
    rows = [member["properties"] for member in members]
    ours = grid.from_degrees([row["LONG"] for row in rows], [row["LAT"] for row in rows])

    off = np.hypot(*(ours - [(row["BNG_E"], row["BNG_N"]) for row in rows]).T)

    assert off.max() < 5  # metres


def test_a_published_file_loaded_again_records_nothing(shared, load):
    path = shared / "boundaries" / "nhser_2024-01_BSC.geojson"
    load(path, "region", date(2024, 1, 1))
    releases = Release.objects.count()

    again = load(path, "region", date(2024, 1, 1))

    assert (again.release, len(again.same), len(again.new)) == (None, 7, 0)
    assert Release.objects.count() == releases


def test_the_ons_code_of_another_day_serves_only_beside_the_body_s_own_name(file, load):
    own = Version.objects.now().on(DAY).get(organisation__code="92A").name

    loaded = load(
        file(
            feature(square(-0.5, 51.2), code="E38000264", name=own),
            feature(square(0, 51), code="E38000265", name="Elsewhere"),
        )
    )

    assert loaded.new == ["92A"]
    assert "E38000264 is the ONS code of 92A since 1 Apr 2024" in loaded.odd[0].text
    assert "E38000265 is the ONS code of 70F since 1 Apr 2024, not on" in loaded.unplaced[0].text
    assert Boundary.objects.now().get().ons_code == "E38000264"


# --- A release like any other --------------------------------------------------------------------


def test_a_preview_writes_nothing_and_says_the_same(file, load, whole_database):
    path = file(feature(square(-1.5, 53.5)))
    before = whole_database()

    preview = load(path, deed=preview_boundaries)

    assert whole_database() == before
    loaded = load(path)
    assert (preview.new, preview.points, preview.size) == (loaded.new, loaded.points, loaded.size)


def test_another_shape_for_the_same_day_takes_the_place_of_the_first_until_it_is_undone(
    file, load
):
    load(file(feature(square(-1.5, 53.5))))
    small = shape_of("02P").area

    loaded = load(file(feature(square(-1.5, 53.5, side=0.4))))

    assert loaded.changed == ["02P"]
    assert shape_of("02P").area > 3 * small
    undo_release(loaded.release)
    assert shape_of("02P").area == small


def test_what_is_odd_is_a_finding_of_the_release(file, load):
    loaded = load(
        file(
            feature(square(-1.5, 53.5)),
            feature(square(-2, 52), code="E38999999", name="NHS Nowhere"),
        )
    )

    unplaced, odd = Finding.objects.filter(release=loaded.release)
    assert (unplaced.severity, unplaced.line) == ("unplaced", 2)
    assert "E38999999" in unplaced.text
    assert odd.text.startswith("No shape for 105 ")


# --- Whose shape it is ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "properties",
    [
        {"sicbl23cd": "E38000006"},
        {"SICBL22CDH": "02P", "SICBL22CD": None},
        {"code": "02p"},
        {"OBJECTID": 7, "Sicbl_Code": " E38000006 "},
    ],
)
def test_a_body_is_known_by_its_code_or_its_ons_code_however_the_column_is_called(
    file, load, properties
):
    given = {"type": "Feature", "properties": properties, "geometry": square(-1.5, 53.5)}

    assert load(file(given)).new == ["02P"]


def test_a_body_is_known_by_its_name_only_where_its_codes_are_known_to_nobody(file, load):
    name = Version.objects.now().on(DAY).get(organisation__code="02P").name

    loaded = load(
        file(
            feature(square(-1.5, 53.5), code="X1", name=name.upper()),
            feature(square(-2, 52), code="E38000001", name="NHS Nowhere"),
        )
    )

    assert loaded.new == ["02P"]
    assert "placed by its name" in loaded.odd[0].text
    assert len(loaded.unplaced) == 1


def test_the_code_of_a_body_of_another_kind_is_said_to_be_one(file, load):
    loaded = load(file(feature(square(-1.5, 53.5)), feature(square(-2, 52), code="E54000008")))

    assert "E54000008 is QYG, which is no" in loaded.unplaced[0].text


def test_a_body_in_several_features_is_joined_and_told(file, load):
    parts = [feature(square(-1.5, 53.5)), feature(square(-1.0, 53.5))]

    loaded = load(file(*parts))

    assert loaded.new == ["02P"]
    assert "features 1, 2 are all its shape" in loaded.odd[0].text
    assert shape_of("02P").geom_type == "MultiPolygon"


def test_a_file_with_no_shape_of_the_kind_is_refused_in_words(file, load):
    path = file(feature(square(-1.5, 53.5), code="E54000008", name="x"))

    with pytest.raises(CommandError, match="None of the 1 features is the shape of a"):
        call_command("load_boundaries", path, "--kind=sub_icb", "--from=2023-04-01")

    assert not Boundary.objects.exists()


# --- Loose forms ---------------------------------------------------------------------------------


def test_metres_of_the_national_grid_are_known_by_their_size(file, load):
    ring = [[430_000, 400_000], [440_000, 400_000], [440_000, 410_000], [430_000, 400_000]]
    path = file(feature({"type": "Polygon", "coordinates": [ring]}))

    load(path)

    assert shape_of("02P").bounds == (430_000, 400_000, 440_000, 410_000)


def test_web_mercator_is_unrolled(file, load):
    def rolled(longitude, latitude):
        radius = 6378137
        north = np.log(np.tan(np.pi / 4 + np.radians(latitude) / 2))
        return [radius * np.radians(longitude), radius * north]

    degrees = square(-1.5, 53.5)
    ring = [rolled(*point) for point in degrees["coordinates"][0]]
    load(file(feature({"type": "Polygon", "coordinates": [ring]})))
    unrolled = shape_of("02P")

    load(file(feature(degrees)))

    assert shapely.hausdorff_distance(unrolled, shape_of("02P")) <= 2


def test_a_bow_tie_is_mended_and_told(file, load):
    ring = [[-1.5, 53.5], [-1.3, 53.7], [-1.3, 53.5], [-1.5, 53.7], [-1.5, 53.5]]

    loaded = load(file(feature({"type": "Polygon", "coordinates": [ring]})))

    assert "mended (self-intersection)" in loaded.odd[0].text
    assert shapely.is_valid(shape_of("02P"))
    assert len(shape_of("02P").geoms) == 2


def test_holes_stay_and_heights_go(file, load):
    outer, hole = square(-1.5, 53.5)["coordinates"][0], square(-1.45, 53.55, 0.1)["coordinates"][0]
    rings = [[[*point, 12.5] for point in ring] for ring in (outer, hole)]

    loaded = load(file(feature({"type": "Polygon", "coordinates": rings})))

    assert len(shape_of("02P").interiors) == 1
    assert not shape_of("02P").has_z
    assert "heights are left out" in loaded.odd[0].text


@pytest.mark.parametrize(
    ("geometry", "why"),
    [
        (None, "no geometry"),
        ({"type": "Point", "coordinates": [-1.5, 53.5]}, "is a Point, not an area"),
        ({"type": "Polygon", "coordinates": []}, "is empty"),
        ({"type": "Polygon", "coordinates": [[[-1.5, 53.5], [-1.4, 53.5]]]}, "no rings"),
        ({"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}, "no rings"),
        ({"type": "Polygon", "coordinates": [[[-1.5, 53.5]] * 4]}, "no area"),
        ({"type": "Polygon", "coordinates": [[[-1.5, float("nan")]] * 4]}, "no numbers"),
        ("a polygon", "is a str"),
        (square(430_000, 400_000, 10_000), "do not lie in the United Kingdom in degrees"),
        (square(2.3, 48.5), "do not lie in the United Kingdom"),
    ],
)
def test_a_feature_without_an_area_is_told_and_the_rest_are_placed(file, load, geometry, why):
    loaded = load(
        file(
            feature(square(-1.5, 53.5)),
            feature(square(0.3, 51.5), code="E38000007"),
            feature(geometry, code="E38000008"),
        )
    )

    assert loaded.placed == 2
    assert why in loaded.unplaced[0].text
    assert loaded.unplaced[0].number == 3


def test_overlaps_and_slivers_between_neighbours_are_closed(file, load):
    neighbours = [
        feature(square(-1.5, 53.5)),
        feature(square(-1.3002, 53.5), code="E38000007"),  # overlaps by some 13 m
    ]

    loaded = load(file(*neighbours))

    assert "their lines were made one" in loaded.odd[0].text
    shapes = [shape_of(code) for code in loaded.new]
    assert shapely.coverage_is_valid(np.array(shapes, dtype=object))
    assert shapely.intersection(*shapes).length > 20_000


def test_areas_that_overlap_are_left_as_they_are(file, load):
    loaded = load(file(feature(square(-1.5, 53.5)), feature(square(-1.4, 53.5), code="E38000007")))

    assert "lie in more than one" in loaded.odd[0].text
    assert shapely.intersection(*[shape_of(code) for code in loaded.new]).area > 1e8


# --- No boundaries at all ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is empty"),
        (b"SICBL23CD,SICBL23NM\nE38000006,x\n", "not JSON"),
        (b"PK\x03\x04....", "a zip archive"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"[1, 2]", "holds no object"),
        (b'{"a": "\xff"}', "no UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"error": {"code": 400, "message": "Invalid query"}}', "Invalid query"),
        (b'{"type": "FeatureCollection", "features": []}', "holds no feature"),
        (b'{"geometryType": "esriGeometryPolygon", "features": []}', "f=geojson"),
        (b'{"type": "Topology", "arcs": []}', "TopoJSON"),
        (b'{"type": "FeatureCollection", "features": [7]}', "No feature"),
        (b'{"type": "FeatureCollection"}', "no collection"),
    ],
)
def test_what_is_no_geojson_is_refused_in_words(file, raw, why):
    with pytest.raises(NotBoundaries, match=why):
        read(file(raw=raw))


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.999])
def test_a_file_that_is_cut_off_is_said_to_be(file, kept):
    path = file(feature(square(-1.5, 53.5)), feature(square(-2, 52), code="E38000007"))
    raw = path.read_bytes()

    with pytest.raises(NotBoundaries, match="cut off"):
        read(file(raw=raw[: int(len(raw) * kept)]))


def test_latitude_before_longitude_is_refused(file):
    ring = [[latitude, longitude] for longitude, latitude in square(-1.5, 53.5)["coordinates"][0]]

    with pytest.raises(NotBoundaries, match="wrong way round"):
        read(file(feature({"type": "Polygon", "coordinates": [ring]})))


def test_shapes_of_another_country_are_refused(file):
    with pytest.raises(NotBoundaries, match=r"do not lie in the United Kingdom: the first is 2.3"):
        read(file(feature(square(2.3, 48.5))))


def test_a_file_of_the_full_resolution_is_refused_before_it_is_read(file, monkeypatch):
    path = file()
    with path.open("wb") as stream:
        stream.truncate(200 * 1024 * 1024)

    with pytest.raises(NotBoundaries, match="200 MiB; up to 128 are read"):
        read(path)


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(NotBoundaries, match="cannot be opened"):
        read(tmp_path / "none.geojson")


def test_an_unknown_coordinate_system_and_a_cut_service_answer_are_told(file):
    named = {"type": "name", "properties": {"name": "EPSG:29903"}}

    found = read(file(feature(square(-1.5, 53.5)), crs=named, exceededTransferLimit=True))

    assert any("EPSG:29903" in text for text in found.told)
    assert any("left features out" in text for text in found.told)


# --- The command ---------------------------------------------------------------------------------


def test_the_command_previews_then_records_and_says_what_it_did(file, register, capsys):
    path = file(feature(square(-1.5, 53.5)), feature(None, code="E38000007"))
    asked = ["load_boundaries", path, "--kind=sub_icb", "--from=2023-04-01"]

    call_command(*asked, "--preview")

    said = capsys.readouterr().out
    assert "1 of 106 have a shape: 1 new" in said
    assert "feature 2: E38000007 NHS South Yorkshire ICB - 02P: it has no geometry." in said
    assert "Only a preview" in said
    assert not Boundary.objects.exists()

    call_command(*asked)

    assert f"Recorded as release {Release.objects.first().pk}." in capsys.readouterr().out
    assert Boundary.objects.count() == 1


def test_the_command_names_the_kinds_there_are(file, register):
    with pytest.raises(CommandError, match=r"no kind «subicb».*sub_icb"):
        call_command("load_boundaries", file(), "--kind=subicb", "--from=2023-04-01")
