"""Strategy: a card for each of the three that come first, with a drawing, its time and its last result."""

from dataclasses import replace

import streamlit as st

from pages._shared import run_picker, session, theme
from pages._shared.widgets import drafted_config
from transfer_core import charts
from transfer_core.services import catalog, training
from transfer_core.services.catalog import STRATEGIES
from transfer_core.support.wording import duration

BY_STAGES = ("partial", "gradual")  # these need to know a backbone's stages,
STAGES_FROM = 3  # and at least so many
FRONT = [row for row in STRATEGIES.values() if row.pace]
OTHERS = [row for row in STRATEGIES.values() if not row.pace]


def choose_strategy(rows, items, draft, row, facts, found):
    """A card for each of these strategies, beside each other; the choice goes into `draft`.

    Args:
        rows: Of the table of strategies.
        items: The project's photos.
        found: The project's runs, the newest first.
    """
    chosen = draft.setdefault("strategy", FRONT[0].name)
    config = drafted_config(draft, row)  # a card is to draw what will be done
    results = last_results(found, row)
    for entry, column in zip(rows, st.columns(len(rows)), strict=True):
        with column, st.container(border=True, key=f"card-strategy-{entry.name}", height="stretch"):
            show_card(entry, entry.name == chosen, draft, replace(config, strategy=entry.name), items, facts)
            if entry.name in results:
                st.caption(f"Last result: **{results[entry.name]}**")


def last_results(found, row):
    """{strategy: how good the newest run of it with this backbone is, in few words}."""
    results = {}
    for run in found:
        if run.config.backbone == row.name and run.config.strategy not in results and session.history(run).result:
            results[run.config.strategy] = run_picker.outcome_of(run)
    return results


def show_card(row, is_chosen, draft, config, items, facts):
    is_open = is_possible(row.name, facts)
    st.button(
        f"{row.pace}: {row.title[0].lower()}{row.title[1:]}" if row.pace else row.title,
        icon=":material/check_circle:" if is_chosen else ":material/radio_button_unchecked:",
        key=f"strategy-{row.name}",
        width="stretch",
        on_click=draft.update,
        args=({"strategy": row.name},),
        help="Chosen" if is_chosen else "Choose this one",
        disabled=not is_open,
    )
    if not is_open:
        why = "it sees photos of one size only" if row.small else "its description does not list its stages"
        st.caption(f"Not available for this network: {why}.")
        return
    phases, _ = catalog.plan(config, facts)
    learns = catalog.layers_that_learn(phases, facts.backbone)
    st.html(drawing(learns, random=row.name in catalog.SCRATCH, is_chosen=is_chosen))
    found, _ = training.estimate_run(session.workspace(), items, catalog.without_idle(config))
    about = f"**About {duration(found.seconds)}.** " if found else ""
    st.caption(f"{about}{row.summary}", help=f"{row.when} For experts: {row.expert} Source: {row.source}.")


def is_possible(name, facts):
    if STRATEGIES[name].small:
        return facts.backbone.family == "cnn"
    return name not in BY_STAGES or len(facts.backbone.stages) >= STAGES_FROM


def drawing(learns, random=False, is_chosen=False):
    """Rising bars, the first layers on the left: grey stays, green learns, and what begins at random is hatched.

    By `is_chosen` the style sheet knows the card to frame: its button must not look like the page's next step.
    """
    count = len(learns)
    words = f"{sum(learns[:-1])} of {count - 1} stages and the new layer learn" if count > 1 else "The new layer learns"
    bars = "".join(
        f'<i class="{"learns" if on else "stays"}{" random" if random else ""}"'
        f' style="height:{45 + round(55 * place / max(1, count - 1))}%"></i>'
        for place, on in enumerate(learns)
    )
    return f'<div class="graft-layers{" chosen" if is_chosen else ""}" role="img" aria-label="{words}">{bars}</div>'


def show_stages(draft, row, facts):
    """The slider for how many stages stay frozen, where the chosen strategy has such a number."""
    if draft["strategy"] == "partial" and is_possible("partial", facts):
        choose_frozen(draft, drafted_config(draft, row), facts)


def choose_frozen(draft, config, facts):
    """How many stages stay as they are, by the name of the last one; with a drawing that names them.

    Drafted only where it is not what the rule says: another backbone has other stages, and a rule of its own.
    """
    names = facts.backbone.stage_names
    rule = catalog.plan(replace(config, frozen_stages=None), facts)[1].config.frozen_stages
    last = (draft.get("frozen_stages") or rule) - 1
    key = f"frozen-stages-{facts.backbone.name}"

    def take():
        frozen = names.index(st.session_state[key]) + 1
        draft["frozen_stages"] = None if frozen == rule else frozen

    chosen = st.select_slider(
        "Frozen up to",
        names[:-1],
        names[min(last, len(names) - 2)],
        key=key,
        on_change=take,  # before the page is drawn again: the card above draws the stages, too
        help="Stages are groups of layers. The first ones detect edges and colours, the later ones parts and objects.",
    )
    frozen = names.index(chosen) + 1
    figure = charts.layers(
        (*names, "new layer"), [place >= frozen for place in range(len(names) + 1)], dark=theme.is_dark()
    )
    alt = f"The stages up to {chosen} stay frozen; the later ones and the new layer learn"
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key="layers", alt=alt)
