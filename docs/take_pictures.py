"""Takes the pictures of docs/pictures from a running trial: each page, on a desktop and a phone.

Start a fresh trial with ./run, wait until it says that it is ready and has written its letters (a
minute or two), and in another terminal:

    ./run test --collect-only -q        once, for what the pictures need beyond ./run
    ./run import_release FILE           reports of ODS, for the pictures of reports and proposals:
                                        epraccur of 2019, a practice map of 2022, epraccur of 2025
    and draft a scenario of the key accounts, if South London's two ICBs cluster
    and prepare the sheets of Norfolk and Waveney's CCGs together
    .venv/bin/python docs/take_pictures.py [ADDRESS] [NAME ...]

ADDRESS is http://localhost:8000 unless given; NAMEs, of PICTURES below, take those alone. Needs a
Chromium: $CHROMIUM, or one on PATH. Nothing in the trial is changed.
"""

import base64
import os
import shutil
import struct
import sys
import zlib
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCREENS = {  # name → (width, the most height shown, pixels a CSS pixel)
    "desktop": (1280, 1600, 1),
    "phone": (390, 1300, 2),
}

OURS = """\
code\tterritory\towner
91Q\tT07\tSam Hart
99J\tT07\tSam Hart
NHS Newcastle Gateshead CCG\tT08\tKim Lee
14Y\tT08\tKim Lee
ZZ9\tT08\tKim Lee
QNQ\tT09\tvacant
"""


def at(address):
    return lambda page: page.goto(address)


def home(page):
    page.goto("/")
    page.locator(".side h2").first.wait_for()  # it is fetched once the inbox stands


def saved_view(page):
    """The inbox narrowed, and kept so; a second time it is found."""
    page.goto("/?because=2-patch&weight=3")
    if page.get_by_role("button", name="Remove the view").count() == 0:
        page.get_by_text("Save this view").click()
        page.get_by_label("Name", exact=True).fill("To act on in my territory")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("button", name="Remove the view").wait_for()
        page.goto("/?because=2-patch&weight=3")
    page.locator(".side h2").first.wait_for()


def through(address, words=None, after=""):
    """Open a page, follow its first link with these words, or that of the first row of its list.

    `after` is put to the address.
    """

    def go(page):
        page.goto(address)
        link = page.locator("main tbody a", has_text=words)
        page.goto(link.first.get_attribute("href") + after)

    return go


def bring_in(page):
    page.goto("/plans/import/")
    page.get_by_label("Paste it here").fill(OURS)
    page.get_by_label("Name of the plan").fill("Primary care, as we keep it")
    page.get_by_label("Team").select_option(label="Primary care")
    page.get_by_role("button", name="Check what it means").click()


# A split that somebody is typing: what it would do stands beside it.
SPLIT = (
    "/reorganisations/new/?kind=split&before=QKS&after=S9B9J&new_name=NHS+East+Kent+ICB&new_kind=icb"
    "&part:QKS>S9B9J=41&part:QKS>new1=59&to:S9B9J=U04973+U05510+U07648&to:new1=U08711+U10128"
    "&effective_on=2028-04-01&state=proposed&said_by=The+board"
    "&source=https://example.org/board/item-12"
)


def search(page):
    page.goto("/")
    box = page.get_by_role("combobox")
    if not box.is_visible():
        page.get_by_role("link", name="Search").first.click()
        return
    box.press_sequentially("kent med", delay=40)
    page.locator("#search-sheet li").first.wait_for()


# Name → (who looks, how they get there). Nobody signs in for the first.
PICTURES = {
    "sign-in": (None, at("/sign-in/")),
    "home": ("planner", home),
    "home-of-a-field-user": ("rep", home),
    "register": ("planner", at("/register/")),
    "register-on-31-march-2020": ("planner", at("/register/?on=2020-03-31&kind=ccg&q=kent")),
    "organisation": ("planner", at("/register/91Q/")),
    "organisation-that-split": ("planner", at("/register/QNQ/")),
    "organisation-with-many-members": ("planner", at("/register/QNQ/?on=2026-03-31")),
    "walk": ("planner", at("/register/walk/?path=E92000001/Y59/QKS/91Q")),
    "search": ("planner", search),
    "search-misspelt": ("planner", at("/search/?q=Gloucster")),
    "days": ("planner", at("/register/days/")),
    "reports": ("steward", at("/register/reports/")),
    "report-to-drop-in": ("steward", at("/register/reports/new/")),
    "report": ("steward", through("/register/reports/", "epraccur")),
    "feeds": ("steward", at("/register/feeds/")),
    "proposals": ("steward", at("/register/proposals/")),
    "proposal": ("steward", through("/register/proposals/", "Glossop")),
    "lead-providers": ("planner", at("/register/lead-providers/")),
    "reorganisations": ("planner", at("/reorganisations/")),
    "reorganisation": ("planner", through("/reorganisations/?body=QNQ", "Thames Valley")),
    "board": ("steward", at("/reorganisations/board/")),
    "record-event": ("steward", at(SPLIT)),
    "plans": ("planner", at("/plans/")),
    "plan": ("planner", through("/plans/", "Primary care 2026/27")),
    "plan-of-2020": ("planner", through("/plans/", "Primary care 2019/20", "?on=2020-03-31")),
    "workspace": ("planner", at("/plans/1/draw/")),
    "balance": ("planner", at("/plans/1/balance/")),
    "compare": ("planner", at("/plans/compare/?a=1&on_a=2026-03-31&b=1")),
    "suggest": ("planner", at("/plans/1/suggest/")),
    "suggestion": ("planner", at("/suggestions/1/")),
    "measures": ("planner", at("/measures/")),
    "not-like-this": ("rep", through("/plans/1/", "T21", "challenge/")),
    "territory": ("planner", through("/plans/1/", "T21 Thames Valley")),
    "alignment": ("planner", at("/plans/import/")),
    "alignment-preview": ("planner", bring_in),
    "alerts": ("planner", at("/alerts/")),
    "alert": ("planner", through("/alerts/?q=Kent+and+Medway", "Kent and Medway CCG")),
    "sheet": ("planner", through("/alerts/?q=Kent+and+Medway", "Kent and Medway CCG", "sheet/")),
    "sheets-of-an-event": ("planner", at("/sheets/26a-2020-04-01/")),
    "job": ("planner", at("/jobs/1/")),
    "alert-not-decided": ("planner", through("/alerts/?q=South+East+London", "South East London")),
    "take-along": ("planner", at("/take-along/qrl-s0e4d-s9b9j-2026-04-01/")),
    "ledger": ("planner", at("/ledger/?plan=1")),
    "scenario": ("planner", through("/scenarios/", "South London")),
    "scenario-to-make": ("planner", at("/scenarios/new/?event=p-qkk-qwe-2027-04-01&plan=3")),
    "replay-31-march-2020": ("planner", at("/replay/?stop=0")),
    "replay-1-april-2020": ("planner", at("/replay/?stop=1")),
    "replay-1-july-2022": ("planner", at("/replay/?stop=3")),
    "replay-1-april-2026": ("planner", at("/replay/?stop=5")),
    "home-of-a-key-account-manager": ("kam", home),
    "watches": ("kam", at("/watches/")),
    "watch-question": ("kam", at("/watches/questions/")),
    "when-letters-come": ("planner", at("/letters/hours/")),
    "saved-view": ("kam", saved_view),
    "clock": ("steward", at("/clock/")),
    "health": ("steward", at("/clock/health/")),
    "webhook-to-make": ("planner", at("/webhooks/new/")),
    "due": ("planner", at("/due/")),
    "certified-letters": ("steward", at("/letters/certified/")),
    "letter-to-certify": ("steward", at("/letters/certified/changes/")),
    "letters": ("planner", at("/letters/")),
    "letter": ("rep", through("/letters/", "patch")),
    "people": ("planner", at("/people/?within=S9B9J")),
    "person": ("planner", through("/people/?within=S0E4D&role=chief+pharmacist")),
    "releases": ("steward", at("/register/releases/")),
    "release": ("steward", at("/register/releases/1/")),
    "undo": ("steward", at("/register/releases/1/undo/")),
    "admin": ("steward", at("/admin/")),
}

# Screens have few colours: 256 of them, and each other one as the nearest, make a file a third the
# size. A colour is chosen for how often it is used and how far it is from those chosen before, or
# a few red words would come out brown. The browser counts; here the file is put together.
TO_PALETTE = """async (png) => {
    const blob = await (await fetch(`data:image/png;base64,${png}`)).blob();
    const bitmap = await createImageBitmap(blob);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const bytes = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
    const pixels = new Uint32Array(bytes.buffer), used = new Map();
    for (const pixel of pixels) used.set(pixel, (used.get(pixel) ?? 0) + 1);
    const order = [...used.keys()].sort((one, other) => used.get(other) - used.get(one));
    const colours = order.map((pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255]);
    const weights = order.map((pixel) => used.get(pixel));
    const far = order.map(() => Infinity), nearest = order.map(() => 0), chosen = [];
    for (let next = 0; chosen.length < 256 && far[next] > 0; ) {
        const [r, g, b] = colours[next];
        let most = -1;
        colours.forEach(([x, y, z], i) => {
            const distance = (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
            if (distance < far[i]) [far[i], nearest[i]] = [distance, chosen.length];
        });
        chosen.push(colours[next]);
        far.forEach((distance, i) => {
            if (distance * weights[i] > most) [most, next] = [distance * weights[i], i];
        });
    }
    const index = new Map(order.map((pixel, i) => [pixel, nearest[i]]));
    let text = "";
    const indices = Uint8Array.from(pixels, (pixel) => index.get(pixel));
    for (let i = 0; i < indices.length; i += 8192)
        text += String.fromCharCode(...indices.subarray(i, i + 8192));
    return [bitmap.width, bitmap.height, chosen.flat(), btoa(text)];
}"""


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def smaller(painter, png):
    """The picture as a PNG with a palette. `painter` is an empty page of the browser."""
    width, height, palette, text = painter.evaluate(TO_PALETTE, base64.b64encode(png).decode())
    indices = base64.b64decode(text)
    lines = b"".join(
        b"\0" + indices[start : start + width] for start in range(0, len(indices), width)
    )
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes(palette)),
            chunk(b"IDAT", zlib.compress(lines, 9)),
            chunk(b"IEND", b""),
        ]
    )


def sign_in(page, username):
    page.goto("/sign-in/")
    page.fill("input[name=login]", username)
    page.fill("input[name=password]", f"marlstone-{username}")
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/")


def take(address, names):
    browser_path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)))
    HERE.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--disable-gpu"])
        painter = browser.new_page()
        for screen, (width, most, scale) in SCREENS.items():
            for username in dict.fromkeys(PICTURES[name][0] for name in names):
                context = browser.new_context(
                    base_url=address,
                    viewport={"width": width, "height": 844 if screen == "phone" else 900},
                    device_scale_factor=scale,
                    locale="en-GB",
                    reduced_motion="reduce",
                )
                page = context.new_page()
                if username:
                    sign_in(page, username)
                for name in names:
                    if PICTURES[name][0] != username:
                        continue
                    PICTURES[name][1](page)
                    height = page.evaluate("document.documentElement.scrollHeight")
                    png = page.screenshot(
                        full_page=True,
                        clip={"x": 0, "y": 0, "width": width, "height": min(height, most)},
                    )
                    path = HERE / f"{name}-{screen}.png"
                    path.write_bytes(smaller(painter, png))
                    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")
                context.close()


if __name__ == "__main__":
    given = sys.argv[1:]
    where = given.pop(0) if given and "://" in given[0] else "http://localhost:8000"
    if unknown := set(given) - set(PICTURES):
        sys.exit(f"No picture is called {', '.join(sorted(unknown))}: {', '.join(PICTURES)}.")
    take(where, given or list(PICTURES))
