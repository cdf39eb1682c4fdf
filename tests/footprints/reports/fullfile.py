"""Records of the Organisation Data Service for tests, as the full file and the API write them.

``record`` is one record in the API's form; ``full_file`` writes any number of them as the XML.
"""

import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

ROOT = "2.16.840.1.113883.2.1.3.2.4.18.48"
NAMESPACE = "http://refdata.hscic.gov.uk/org/v2-0-0"


def days(start=None, end=None, legal=None):
    """Operational days, and legal ones: a start, or start and end."""
    found = []
    if start:
        found.append({"Type": "Operational", "Start": start, **({"End": end} if end else {})})
    if legal:
        start, end = legal if isinstance(legal, tuple) else (legal, None)
        given = {"Start": start, "End": end}
        found.append({"Type": "Legal", **{name: day for name, day in given.items() if day}})
    return found


def role(id, start=None, end=None, *, legal=None, primary=False, status=None):
    return {
        "id": id,
        **({"primaryRole": True} if primary else {}),
        "Date": days(start, end, legal),
        "Status": status or ("Inactive" if end else "Active"),
    }


def rel(id, target, target_role, start=None, end=None, *, legal=None, status=None):
    return {
        "id": id,
        "Date": days(start, end, legal),
        "Status": status or ("Inactive" if end else "Active"),
        "Target": _target(target, target_role),
    }


def succ(type, target, day, target_role="RO98"):
    return {"Date": days(legal=day), "Type": type, "Target": _target(target, target_role)}


def _target(code, role):
    return {
        "OrgId": {"root": ROOT, "assigningAuthorityName": "HSCIC", "extension": code},
        **({"PrimaryRoleId": {"id": role, "uniqueRoleId": 7}} if role else {}),
    }


def record(code, name, date, roles, rels=(), succs=(), *, status="Active", postcode=None):
    return {
        "Name": name,
        "Date": date,
        "OrgId": {"root": ROOT, "assigningAuthorityName": "HSCIC", "extension": code},
        **({"Status": status} if status else {}),
        "LastChangeDate": "2026-03-02",
        "orgRecordClass": "RC1",
        **({"GeoLoc": {"Location": {"PostCode": postcode}}} if postcode else {}),
        "Roles": {"Role": list(roles)},
        **({"Rels": {"Rel": list(rels)}} if rels else {}),
        **({"Succs": {"Succ": list(succs)}} if succs else {}),
    }


def practice(code="M85171", name="ROWLANDS ROAD SURGERY", rels=(), **more):
    return record(
        code,
        name,
        days("1974-04-01"),
        [role("RO177", "1974-04-01", primary=True), role("RO76", "2014-04-15")],
        rels,
        **more,
    )


def full_file(records, *, count=None, published="2026-08-27", version="2-0-0", prefix=""):
    """The XML of these records; ``prefix``: of a namespace that every tag is in."""
    records = list(records)
    p = f"{prefix}:" if prefix else ""
    root = prefix or "HSCOrgRefData"
    yield (
        f'<?xml version="1.0" encoding="utf-8"?>\n<{root}:OrgRefData '
        f'xmlns:{root}="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{NAMESPACE} HSCOrgRefData.xsd">\n'
        f'  <{p}Manifest>\n    <{p}Version value="{version}" />\n'
        f'    <{p}PublicationType value="Full" />\n    <{p}PublicationSource value="HSCIC" />\n'
        f'    <{p}PublicationDate value="{published}" />\n'
        f'    <{p}PublicationSeqNum value="4748" />\n'
        f'    <{p}FileCreationDateTime value="{published}T21:00:00" />\n'
        f'    <{p}RecordCount value="{len(records) if count is None else count}" />\n'
        f"  </{p}Manifest>\n  <{p}CodeSystems>\n"
        f'    <{p}CodeSystem name="OrganisationRole" oid="2.16.840.1.113883.2.1.3.2.4.17.507">\n'
        f'      <{p}concept id="RO182" code="182" displayName="PHARMACY" />\n'
        f"    </{p}CodeSystem>\n  </{p}CodeSystems>\n  <{p}Organisations>\n"
    )
    for each in records:
        yield from _organisation(each, p)
    yield f"  </{p}Organisations>\n</{root}:OrgRefData>\n"


def _organisation(record, p):
    attributes = f" orgRecordClass={quoteattr(record['orgRecordClass'])}"
    if record.get("refOnly"):
        attributes += ' refOnly="true"'
    yield f"    <{p}Organisation{attributes}>\n      <{p}Name>{escape(record['Name'])}</{p}Name>\n"
    yield _days(record, p)
    yield f'      <{p}OrgId root="{ROOT}" extension={quoteattr(record["OrgId"]["extension"])} />\n'
    yield _value("Status", record, p) + _value("LastChangeDate", record, p)
    if "GeoLoc" in record:
        postcode = escape(record["GeoLoc"]["Location"]["PostCode"])
        yield (
            f"      <{p}GeoLoc>\n        <{p}Location>\n"
            f"          <{p}AddrLn1>THE SURGERY</{p}AddrLn1>\n"
            f"          <{p}PostCode>{postcode}</{p}PostCode>\n"
            f"          <{p}Country>ENGLAND</{p}Country>\n"
            f"        </{p}Location>\n      </{p}GeoLoc>\n"
        )
    yield f'      <{p}Contacts>\n        <{p}Contact type="tel" value="0" />\n'
    yield f"      </{p}Contacts>\n"
    for group, one in (("Roles", "Role"), ("Rels", "Rel"), ("Succs", "Succ")):
        if parts := record.get(group, {}).get(one):
            yield f"      <{p}{group}>\n"
            yield from (_part(one, part, p) for part in parts)
            yield f"      </{p}{group}>\n"
    yield f"    </{p}Organisation>\n"


def _part(tag, part, p):
    attributes = f' id="{part["id"]}"' if "id" in part else ' uniqueSuccId="3"'
    if part.get("primaryRole"):
        attributes += ' primaryRole="true"'
    xml = f"        <{p}{tag}{attributes}>\n{_days(part, p)}"
    if "Type" in part:
        xml += f"          <{p}Type>{part['Type']}</{p}Type>\n"
    xml += _value("Status", part, p)
    if target := part.get("Target"):
        xml += f'<{p}Target><{p}OrgId root="{ROOT}" extension="{target["OrgId"]["extension"]}" />'
        if known := target.get("PrimaryRoleId"):
            xml += f'<{p}PrimaryRoleId id="{known["id"]}" uniqueRoleId="7" />'
        xml += f"</{p}Target>\n"
    return xml + f"        </{p}{tag}>\n"


def _days(part, p):
    xml = ""
    for each in part["Date"]:
        xml += f'      <{p}Date>\n        <{p}Type value="{each["Type"]}" />\n'
        for name in ("Start", "End"):
            if name in each:
                xml += f'        <{p}{name} value="{each[name]}" />\n'
        xml += f"      </{p}Date>\n"
    return xml


def _value(tag, part, p):
    return f'      <{p}{tag} value="{part[tag]}" />\n' if tag in part else ""


MEASURED = """
import os, re, sys
import django
django.setup()
from datetime import date
from footprints.reports.opening import opened
from footprints.reports.recognising import recognise

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024

before = peak()
with opened(sys.argv[1]) as document:
    reader = recognise(document)
    reader.day()
    number = sum(1 for _ in reader.claims(date(2026, 8, 27)))
print(number, peak() - before)
"""


def measured(path):
    """How many claims a fresh process makes of a file, and by how many megabytes it grows."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)],
        cwd=Path(__file__).resolve().parents[3],
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(map(int, done.stdout.split()))
