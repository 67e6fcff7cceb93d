"""The frame that all pages share: the title row at the top, and the foot with the one next step at the bottom."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages._shared import naming
from transfer_core.support.text import markdown
from transfer_core.workspace import Project

# On a phone the menu is a drawer over the page, and Streamlit leaves it open after a choice. After a step the focus
# falls back to the top of the document; keyboard and screen reader users need it on the new page's title, and in the
# text field of an open dialog. Where what had the focus is gone, or cannot be pressed any more, once the page is drawn
# anew, the card, the foot or whatever it stood in takes it: there is the answer to what was pressed, and the next Tab
# goes on from there.
_WATCH_JS = """
export default function ({ data }) {
  const fold = (event) => {
    if (innerWidth < 768 && event.target.closest?.('[data-testid="stSidebarNavLink"]'))
      document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click()
  }
  document.addEventListener("click", fold)
  if (window.graftPage && window.graftPage !== data.page) {
    const title = document.querySelector('[data-testid="stMain"] h1')
    title?.setAttribute("tabindex", "-1")
    title?.focus({ preventScroll: true })
  }
  window.graftPage = data.page
  const note = ({ target }) => {
    // Menus and dialogs are gone at once, and come back to what has opened them.
    if (!target.closest || target.closest('[role="menu"], [role="listbox"], [role="dialog"]')) return
    const around = []
    for (let part = target; part; part = part.parentElement)
      around.push(...[...part.classList].filter((name) => name.startsWith("st-key-")))
    window.graftFocus = { target, around }
  }
  document.addEventListener("focusin", note)
  const keepFocus = new MutationObserver(() => {
    const left = window.graftFocus
    if (!left || document.activeElement !== document.body) return
    if (left.target.isConnected && !left.target.matches(":disabled")) return
    const part = left.around.map((name) => document.querySelector(`.${CSS.escape(name)}`)).find((one) => one)
    window.graftFocus = null
    part?.setAttribute("tabindex", "-1")
    part?.focus({ preventScroll: true })
  })
  keepFocus.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] })
  const focusDialog = new MutationObserver(() => {
    const field = document.querySelector('[role="dialog"] input[type="text"]')
    if (field && !field.dataset.graftSeen) {
      field.dataset.graftSeen = "yes"
      field.focus()
      field.select()
    }
  })
  focusDialog.observe(document.body, { childList: true, subtree: true })
  return () => {
    document.removeEventListener("click", fold)
    document.removeEventListener("focusin", note)
    keepFocus.disconnect()
    focusDialog.disconnect()
  }
}
"""


def watch(page: str) -> None:
    """Folds the drawer of the menu away after a choice, and moves the focus to the title of a new page."""
    part = st.components.v2.component("frame_watch", html="<i></i>", js=_WATCH_JS)
    part(key="frame-watch", data={"page": page})


@contextmanager
def title_row(title: str, project: Project | None = None) -> Iterator[None]:
    """The page's title and the project's name; what is drawn within stands on the right of them."""
    with st.container(horizontal=True, vertical_alignment="center", key="title-row"):
        st.title(title, anchor=False, width="content")
        with st.container(horizontal=True, width="stretch"):
            if project and st.button(
                f":gray[{markdown(project.name)}]", type="tertiary", key="rename-project", help="Rename this project"
            ):
                naming.ask_project_name(project)
        yield


@contextmanager
def foot(state: str) -> Iterator[None]:
    """The bar that stays in sight: the page's state in one line, and on its right the buttons drawn within.

    Its last button is the next step, and the only primary one of the page.
    """
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", key="foot"):
        st.markdown(state, width="stretch")
        yield
