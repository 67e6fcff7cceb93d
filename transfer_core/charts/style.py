"""What all charts share: colours, the template, and the one way a text gets into a figure."""

import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import plotly.graph_objects as go

from transfer_core.support.text import plain, shorten

FONT = "Inter, system-ui, sans-serif"
CLEAR = "rgba(0,0,0,0)"

NAME_LETTERS = 14  # of a class name beside a chart: leaves a phone of 390 px more than half of its width for the data

# For `st.plotly_chart(..., config=CONFIG)`: no tool bar over the title, no zoom that a thumb sets off by accident.
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}


@dataclass(frozen=True)
class Palette:
    """The colours of one theme, as in .streamlit/config.toml. Texts have a contrast of at least 4.5 against `paper`
    and `panel`, marks of at least 3 (WCAG AA).

    Args:
        quiet: Texts that may stand back.
        line: Hairlines; carries no meaning, so needs no contrast.
        accent, second: The two accents, dark or light enough for text.
        frozen: What stays as it is.
        heat: An empty cell, then a single hue from "seldom" to "always" in five even steps of OKLab.
    """

    paper: str
    panel: str
    text: str
    quiet: str
    line: str
    accent: str
    second: str
    frozen: str
    heat: tuple[str, ...]


LIGHT = Palette(
    paper="#FCFBF8",
    panel="#F3F1EA",
    text="#1E2722",
    quiet="#5B645D",
    line="#DEDACD",
    accent="#1A7857",
    second="#AE5510",
    frozen="#CFCABB",
    heat=("#F3F1EA", "#DCEBE1", "#ACCABA", "#7DA994", "#4D8A6F", "#0F6B4D"),
)
DARK = Palette(
    paper="#141916",
    panel="#1D2420",
    text="#E9EDE9",
    quiet="#A3ADA6",
    line="#333C36",
    accent="#4CC38A",
    second="#F0A35E",
    frozen="#47524B",
    heat=("#1D2420", "#21402F", "#2F6247", "#3D8661", "#4BAC7D", "#5AD399"),
)

# Eight colours for classes, from Okabe and Ito's and Tol's palettes, moved until any two stay apart: an OKLab distance
# of at least 0.11 in normal, protan and deutan sight and 0.09 in the far rarer tritan sight (Machado et al. 2009).
# Okabe and Ito's nearest pair is 0.08 apart.
CLASS_COLOURS = ("#1353CB", "#DA6524", "#26969B", "#8C2C89", "#474108", "#9175E7", "#AF4949", "#1D384B")
CLASS_COLOURS_DARK = ("#3A87F5", "#EA9D3E", "#558328", "#BD40A1", "#FDE378", "#ABB1F4", "#E56584", "#B8ECF5")


def palette(dark: bool) -> Palette:
    return DARK if dark else LIGHT


def class_colour(class_id: int, *, dark: bool = False) -> str:
    """The same colour for the same class everywhere; from the ninth on they return, mixed with the text colour, and
    from the 17th on they repeat. Never the only sign: a class's name stands beside it.
    """
    colours = CLASS_COLOURS_DARK if dark else CLASS_COLOURS
    colour = colours[class_id % len(colours)]
    return mix(colour, palette(dark).text, 0.45) if class_id // len(colours) % 2 else colour


def mix(start: str, end: str, share: float) -> str:
    """The colour `share` of the way, in [0, 1], from start to end; #RRGGBB."""
    pairs = ((int(start[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast of two #RRGGBB colours, in [1, 21]."""
    low, high = sorted(_luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    levels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)
    return sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def label(text: str, limit: int = 24) -> str:
    """A name from outside as Plotly shows it literally, at most `limit` characters long."""
    return escape(shorten(text, limit))


def hover(sentence: str) -> str:
    """A whole sentence with names in it for a hover box, which does not wrap by itself. Nothing is left out."""
    lines = textwrap.wrap(plain(sentence), 48)
    return "<br>".join(escape(line) for line in lines)


def escape(text: str) -> str:
    """The text as Plotly shows it literally; it reads a small HTML everywhere, and formulas between dollar signs."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("$", "&#36;")):
        text = text.replace(sign, entity)
    return text


def width_px(text: str, size_px: int) -> int:
    """About how wide Inter sets a text, rather too wide than too narrow; browsers alone know exactly."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" or letter in "mwMW@%&<>" for letter in text)
    return round(size_px * (0.56 * len(text) + 0.4 * wide))


def figure(height_px: int, *, dark: bool, title: str = "", under: str = "", **margin: int) -> go.Figure:
    """An empty figure in our look; `under` is a quiet line below the title, `margin` in pixels (l, r, t, b)."""
    fig = go.Figure()
    fig.update_layout(
        template=_TEMPLATES[dark],
        height=height_px,
        uirevision="keep",
        margin={"l": 0, "r": 0, "t": 34 if title else 4, "b": 0, "pad": 0} | margin,
    )
    if title:
        fig.update_layout(title={"text": title, "subtitle_text": under})
    return fig


def note(text: str, **place: object) -> dict:
    """A text at a place of the figure: left-aligned, on paper coordinates, unless told otherwise. For `add_notes`."""
    default = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "middle", "align": "left"}
    return {"text": text, "showarrow": False, "borderpad": 0} | default | place


def add_notes(fig: go.Figure, notes: Iterable[dict]) -> None:
    """All at once: Plotly checks every note again each time one is added, which takes half a second for 60."""
    fig.layout.annotations = [*fig.layout.annotations, *notes]


def _template(colours: Palette, class_colours: tuple[str, ...]) -> go.layout.Template:
    axis = {
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "ticklabelstandoff": 6,
        "fixedrange": True,
        "automargin": False,
        "title": {"font": {"size": 12, "color": colours.quiet}},
        "tickfont": {"size": 12, "color": colours.quiet},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": colours.text},
            "title": {
                "font": {"size": 14, "color": colours.text, "weight": 600},
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "y": 1,
                "yref": "container",
                "yanchor": "top",
                "pad": {"t": 4},
                "subtitle": {"font": {"size": 12, "color": colours.quiet}},
            },
            "paper_bgcolor": CLEAR,
            "plot_bgcolor": CLEAR,
            "colorway": class_colours,
            "showlegend": False,
            "dragmode": False,
            "hoverlabel": {
                "bgcolor": colours.paper,
                "bordercolor": colours.line,
                "font": {"family": FONT, "size": 13, "color": colours.text},
                "align": "left",
                "namelength": -1,
            },
            "xaxis": axis,
            "yaxis": axis | {"gridcolor": colours.line, "gridwidth": 1},
        }
    )


_TEMPLATES = {False: _template(LIGHT, CLASS_COLOURS), True: _template(DARK, CLASS_COLOURS_DARK)}
