"""How pages look: our files, and whether it is dark, with the page drawn again when that changes."""

from pathlib import Path

import streamlit as st

from transfer_core import charts

_ASSETS = Path(__file__).parents[2] / "assets"

# Streamlit knows the theme when a page loads, but choosing another in its menu runs no script: charts and logo would
# keep the old colours. This invisible element has the theme's background and reports when it changes.
_WATCH_CSS = """
i { display: block; height: 0; background-color: var(--st-background-color); transition: background-color 1ms }
"""
_WATCH_JS = """
export default function ({ parentElement, setTriggerValue, data }) {
  const mark = parentElement.querySelector("i")
  const check = () => {
    const [red, green] = getComputedStyle(mark).backgroundColor.match(/[0-9.]+/g).map(Number)
    if ((green < 128) !== data.dark) setTriggerValue("changed", true)
  }
  mark.addEventListener("transitionend", check)
  return () => mark.removeEventListener("transitionend", check)
}
"""


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def class_colour(class_id: int) -> str:
    """The colour that stands for a class on all pages, as #RRGGBB."""
    return charts.class_colour(class_id, dark=is_dark())


def watch_theme() -> None:
    """Runs the page once more whenever the person switches between light and dark."""
    watch = st.components.v2.component("theme_watch", html="<i></i>", css=_WATCH_CSS, js=_WATCH_JS)
    watch(key="theme-watch", data={"dark": is_dark()}, on_changed_change=lambda: None)


def asset(name: str) -> str:
    return str(_ASSETS / name)


def load_style() -> None:
    """Our own style sheet, and charts that follow the theme."""
    st.html(_ASSETS / "style.css")
    watch_theme()


def show_logo() -> None:
    st.logo(asset("logo-dark.svg" if is_dark() else "logo.svg"), size="large", icon_image=asset("icon.svg"))
