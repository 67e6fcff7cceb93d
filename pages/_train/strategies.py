"""Strategy: a card per strategy, with a drawing of the layers."""

from dataclasses import replace

import streamlit as st

from pages._shared import theme
from pages._shared.widgets import drafted_config
from transfer_core import charts
from transfer_core.services import catalog
from transfer_core.services.catalog import STRATEGIES
from transfer_core.support.wording import percent

BY_STAGES = ("partial", "gradual")  # these need to know a backbone's stages,
STAGES_FROM = 3  # and at least so many


def choose_strategy(draft, row, facts):
    """Three cards, the others behind a line; the chosen one's details underneath.

    Each card's drawing is made of the settings in `draft`, for the backbone of `row`; the choice goes into `draft`.
    """
    st.subheader("Strategy", help="How much of the network your photos change. The rest stays frozen.")
    front = [row for row in STRATEGIES.values() if row.up_front]
    rest = [row for row in STRATEGIES.values() if not row.up_front]
    chosen = draft.setdefault("strategy", front[0].name)
    cards = make_cards(front)
    with st.expander("Other strategies", icon=":material/more_horiz:", expanded=not STRATEGIES[chosen].up_front):
        cards |= make_cards(rest)
    if chosen == "partial" and len(facts.backbone.stages) >= STAGES_FROM:
        choose_frozen(draft, drafted_config(draft, row), facts)
    config = drafted_config(draft, row)  # with the stages just chosen: a card is to draw what will be done
    for name, card in cards.items():
        with card:
            show_card(STRATEGIES[name], name == chosen, draft, config, facts)
    strategy = STRATEGIES[chosen]
    st.caption(f"{strategy.when} _For experts: {strategy.expert}_ Source: {strategy.source}.")


def make_cards(rows):
    """An empty card for each, beside each other, by name."""
    return {
        row.name: column.container(border=True, key=f"card-strategy-{row.name}", height="stretch")
        for row, column in zip(rows, st.columns(len(rows)), strict=True)
    }


def show_card(row, is_chosen, draft, config, facts):
    is_open = row.name not in BY_STAGES or len(facts.backbone.stages) >= STAGES_FROM
    st.button(
        row.title,
        type="primary" if is_chosen else "secondary",
        icon=":material/check_circle:" if is_chosen else ":material/radio_button_unchecked:",
        key=f"strategy-{row.name}",
        width="stretch",
        on_click=draft.update,
        args=({"strategy": row.name},),
        help="Chosen" if is_chosen else "Choose this one",
        disabled=not is_open,
    )
    if not is_open:
        st.caption("Not available for this backbone: its description does not list its stages.")
        return
    phases, _ = catalog.plan(replace(config, strategy=row.name), facts)
    learns = catalog.layers_that_learn(phases, facts.backbone)
    st.html(drawing(learns, random=row.name == "scratch"))
    st.caption(f"{row.summary} {learning_share(phases, facts.backbone)}")


def drawing(learns, random=False):
    """Rising bars, the first layers on the left: grey stays, green learns, and what begins at random is hatched."""
    count = len(learns)
    words = f"{sum(learns[:-1])} of {count - 1} stages and the new layer learn" if count > 1 else "The new layer learns"
    bars = "".join(
        f'<i class="{"learns" if on else "stays"}{" random" if random else ""}"'
        f' style="height:{45 + round(55 * place / max(1, count - 1))}%"></i>'
        for place, on in enumerate(learns)
    )
    return f'<div class="graft-layers" role="img" aria-label="{words}">{bars}</div>'


def learning_share(phases, backbone):
    """Such as "93% of the network is trained."; nothing where its stages are not known."""
    if not backbone.stages:
        return ""
    share = catalog.share_that_learns(phases, backbone)
    return f"{percent(share)} of the network is trained." if share else "Nothing else is trained."


def choose_frozen(draft, config, facts):
    """How many stages stay as they are, by the name of the last one; with a drawing that names them.

    Drafted only where it is not what the rule says: another backbone has other stages, and a rule of its own.
    """
    names = facts.backbone.stage_names
    rule = catalog.plan(replace(config, frozen_stages=None), facts)[1].config.frozen_stages
    last = (draft.get("frozen_stages") or rule) - 1
    chosen = st.select_slider(
        "Frozen up to",
        names[:-1],
        names[min(last, len(names) - 2)],
        key=f"frozen-stages-{facts.backbone.name}",
        help="Stages are groups of layers. The first ones detect edges and colours, the later ones parts and objects.",
    )
    frozen = names.index(chosen) + 1
    draft["frozen_stages"] = None if frozen == rule else frozen
    figure = charts.layers(
        (*names, "new layer"), [place >= frozen for place in range(len(names) + 1)], dark=theme.is_dark()
    )
    alt = f"The stages up to {chosen} stay frozen; the later ones and the new layer learn"
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key="layers", alt=alt)
