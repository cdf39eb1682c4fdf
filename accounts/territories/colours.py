"""The colours a territory may be given: of Okabe and Ito (2008), told apart by the colour-blind.

On a map each is drawn as one of the fills of plans.css, which suit a light and a dark page.
"""

# Hex as it is stored → (its name, the class it is drawn with).
PALETTE = {
    "#0072b2": ("Blue", "tile-1"),
    "#e69f00": ("Orange", "tile-2"),
    "#009e73": ("Green", "tile-3"),
    "#cc79a7": ("Pink", "tile-4"),
    "#f0e442": ("Yellow", "tile-5"),
    "#999999": ("Grey", "tile-6"),
    "#56b4e9": ("Sky blue", "tile-7"),
    "#d55e00": ("Vermilion", "tile-8"),
}


def fill_of(colour: str) -> str | None:
    """The class that a colour is drawn with; None where it is by place, or none of these."""
    return PALETTE[colour][1] if colour in PALETTE else None
