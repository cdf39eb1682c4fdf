"""What the register's tests share: a copy of the bundled files to spoil."""

import csv
import io
import shutil

import pytest
from django.db import connection

from footprints import bundle
from footprints.models import Release
from footprints.services.releases import RECORDED, content


class Folder:
    """A copy of the reference files; a change keeps bundle.toml's count of rows in step."""

    def __init__(self, path):
        self.path = path

    def raw(self, file: str) -> bytes:
        return (self.path / file).read_bytes()

    def write(self, file: str, raw: bytes):
        """Replace a file as it is, whatever bundle.toml says."""
        (self.path / file).write_bytes(raw)

    def lines(self, file: str) -> list[str]:
        return self.raw(file).decode().splitlines()

    def rewrite(self, file: str, lines: list[str]):
        stem = file.removesuffix(".csv")
        about = (self.path / "bundle.toml").read_text()
        before, after = len(self.lines(file)) - 1, len(lines) - 1
        assert f"\n{stem} = {before}\n" in about
        about = about.replace(f"\n{stem} = {before}\n", f"\n{stem} = {after}\n")
        (self.path / "bundle.toml").write_text(about)
        self.write(file, "".join(f"{line}\n" for line in lines).encode())

    def add(self, file: str, line: str) -> int:
        """Add a line at the end; return its number."""
        self.rewrite(file, [*self.lines(file), line])
        return len(self.lines(file))

    def remove(self, file: str, start: str) -> str:
        """Take out the one line that begins so; return it."""
        number = self.number(file, start)
        lines = self.lines(file)
        line = lines.pop(number - 1)
        self.rewrite(file, lines)
        return line

    def change(self, file: str, start: str, old: str, new: str) -> int:
        """Change a text in the one line that begins so; return the line's number."""
        number = self.number(file, start)
        lines = self.lines(file)
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new, 1)
        self.rewrite(file, lines)
        return number

    def number(self, file: str, start: str) -> int:
        """The number of the one line that begins so, counted from 1."""
        (number,) = (n for n, line in enumerate(self.lines(file), 1) if line.startswith(start))
        return number

    def read(self) -> bundle.Bundle:
        return bundle.read(self.path)


# A few real bodies: Kent's merger, Frimley's split, a trust's split, a cluster, a gap.
FEW = set(
    "09C 09E 09J 09W 10A 10D 10E 99J 91Q QKS "
    "QNQ QU9 S0E4D S9B9J QRL D4U1Y U2G6B D9Y0V 92A "
    "RW6 R0A RM3 RXF RX5 RYF Y56 QJK QT6 PC-02 RW4 QYG APC-02".split()
)
CODES = {
    "versions": ["code"],
    "identifiers": ["code"],
    "populations": ["code"],
    "places": ["code"],
    "relationships": ["child", "parent"],
    "lead_providers": ["collaborative", "provider"],
    "successions": ["predecessor", "successor"],
    "clusters": ["members"],
}


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """The bundled files' rows of a few bodies: quick to read and to load."""
    path = tmp_path_factory.mktemp("few") / "bundle"
    shutil.copytree(bundle.REFERENCE, path)
    folder = Folder(path)
    for stem, columns in CODES.items():
        header, *lines = folder.lines(f"{stem}.csv")
        rows = csv.DictReader(io.StringIO("\n".join([header, *lines])))
        kept = [
            line
            for line, row in zip(lines, rows, strict=True)
            if {code for column in columns for code in row[column].split(";") if code} <= FEW
        ]
        assert kept, stem
        folder.rewrite(f"{stem}.csv", [header, *kept])
    return path


@pytest.fixture
def folder(few, tmp_path):
    """A copy of the few to spoil."""
    shutil.copytree(few, tmp_path / "bundle")
    return Folder(tmp_path / "bundle")


@pytest.fixture
def whole_folder(tmp_path):
    """A copy of all the bundled files to spoil."""
    shutil.copytree(bundle.REFERENCE, tmp_path / "bundle")
    return Folder(tmp_path / "bundle")


@pytest.fixture
def register_says(db):
    """``register_says(known=None)``: what the register says, as known now or at a release.

    By table, the facts in order, without their keys and releases.
    """

    def says(known: int | None = None) -> dict[str, list[tuple]]:
        return {
            model._meta.model_name: sorted(
                model.objects.known(known).values_list(*_attributes(model)), key=str
            )
            for model in RECORDED
        }

    return says


@pytest.fixture
def all_that_was_known(register_says):
    """``all_that_was_known()``: what the register said when each release was the last one."""

    def moments() -> dict[int, dict]:
        return {key: register_says(key) for key in Release.objects.values_list("pk", flat=True)}

    return moments


def _attributes(model) -> list[str]:
    columns = set(content(model))
    return [field.attname for field in model._meta.local_fields if field.column in columns]


@pytest.fixture
def whole_database(db):
    """``whole_database()``: the rows of every table, as text."""

    def rows() -> dict[str, list[str]]:
        with connection.cursor() as cursor:
            found = {}
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT t::text FROM "{table}" AS t ORDER BY 1')
                found[table] = [row for (row,) in cursor.fetchall()]
        return found

    return rows
