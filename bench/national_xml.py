"""The made register as the full file that ODS publishes, and the next one, a little different."""

import random
from xml.sax.saxutils import escape

from .bodies import National

NAMESPACE = "http://refdata.hscic.gov.uk/org/v2-0-0"
ROOT = "2.16.840.1.113883.2.1.3.2.4.18.48"
DAYS = "2026-12-01", "2027-01-01"  # of the two files, after the bundle was published
CHANGED = 0.01

# kind → roles of its record, the primary one first; kinds that are not here have no ODS record.
ROLES = {
    "trust": ("RO197",),
    "care_trust": ("RO107",),
    "local_authority": ("RO141",),
    "commissioning_hub": ("RO98", "RO218"),
    "pcn": ("RO272",),
    "practice": ("RO177", "RO76"),
    "prescribing_cost_centre": ("RO177",),
    "trust_site": ("RO198",),
}
# (kind, type of relationship) → the record's type of relationship, the parent's primary role.
PLACES = {
    ("practice", "part_of"): ("RE4", "RO98"),
    ("prescribing_cost_centre", "part_of"): ("RE4", "RO98"),
    ("pcn", "part_of"): ("RE4", "RO98"),
    ("practice", "member_of"): ("RE8", "RO272"),
    ("trust_site", "part_of"): ("RE6", "RO197"),
    ("trust", "member_of"): ("RE5", "RO261"),
    ("care_trust", "member_of"): ("RE5", "RO261"),
}
# Relationships of other sorts are in the published file too, and make no parent.
OTHERS = ("RE3", "RO98")


def write(path: str, organisations: int, seed: int, *, changed: str | None = None):
    """Write the file, and at ``changed`` the next one, in which one body of a hundred differs."""
    from footprints import bundle

    bodies = [
        body
        for body in National(bundle.read(), organisations, seed).bodies()
        if body.versions[-1].what[0] in ROLES
    ]
    differ = set(random.Random(seed).sample(range(len(bodies)), int(len(bodies) * CHANGED)))
    for name, day, others in ((path, DAYS[0], set()), (changed, DAYS[1], differ)):
        if name:
            with open(name, "w", encoding="utf-8") as file:
                file.write(_head(day, len(bodies)))
                for number, body in enumerate(bodies):
                    file.write(_record(body, number in others))
                file.write("  </Organisations>\n</HSCOrgRefData:OrgRefData>\n")


def _head(day: str, count: int) -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<HSCOrgRefData:OrgRefData xmlns:HSCOrgRefData="{NAMESPACE}">
  <Manifest>
    <Version value="2-0-0" />
    <PublicationType value="Full" />
    <PublicationDate value="{day}" />
    <RecordCount value="{count}" />
  </Manifest>
  <Organisations>
"""


def _record(body, is_changed: bool) -> str:
    known = [told for told in body.versions if told.retracted is None]
    kind, name = known[-1].what
    opened, closed = known[0].opened_on, known[-1].closed_on
    if is_changed:
        name += " NORTH"
    status = '      <Status value="{}" />\n'
    postcodes = [told.what[1] for told in body.identifiers if told.what[0] == "postcode"]
    lines = [
        f'    <Organisation orgRecordClass="RC1">\n      <Name>{escape(name)}</Name>\n',
        _days(opened, closed),
        f'      <OrgId root="{ROOT}" assigningAuthorityName="HSCIC" extension="{body.code}" />\n',
        status.format("Inactive" if closed else "Active"),
        '      <LastChangeDate value="2026-11-30" />\n',
    ]
    if postcodes:
        lines.append(
            "      <GeoLoc>\n        <Location>\n          <AddrLn1>HIGH STREET</AddrLn1>\n"
            f"          <PostCode>{postcodes[-1]}</PostCode>\n"
            "          <Country>ENGLAND</Country>\n        </Location>\n      </GeoLoc>\n"
        )
    lines.append("      <Roles>\n")
    for number, role in enumerate(ROLES[kind]):
        primary = "" if number else ' primaryRole="true"'
        lines.append(
            f'        <Role id="{role}" uniqueRoleId="{number}"{primary}>\n'
            f"{_days(opened, closed)}{status.format('Inactive' if closed else 'Active')}"
            "        </Role>\n"
        )
    lines.append("      </Roles>\n      <Rels>\n")
    for told in body.parents:
        if told.retracted is not None:
            continue
        type_, parent = told.what
        rel, role = PLACES.get((kind, type_), OTHERS)
        lines.append(
            f'        <Rel id="{rel}" uniqueRelId="1">\n{_days(told.opened_on, told.closed_on)}'
            f"{status.format('Inactive' if told.closed_on else 'Active')}"
            f'          <Target>\n            <OrgId root="{ROOT}" extension="{parent}" />\n'
            f'            <PrimaryRoleId id="{role}" uniqueRoleId="7" />\n'
            "          </Target>\n        </Rel>\n"
        )
    lines.append("      </Rels>\n    </Organisation>\n")
    return "".join(lines)


def _days(opened, closed) -> str:
    start = f'        <Start value="{opened}" />\n' if opened else ""
    end = f'        <End value="{_last(closed)}" />\n' if closed else ""
    return f'      <Date>\n        <Type value="Operational" />\n{start}{end}      </Date>\n'


def _last(closed):
    from footprints.dated import last_day

    return last_day(closed)
