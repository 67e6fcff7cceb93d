"""How each class does: found and named, with the interval that so few photos leave."""

import streamlit as st

from pages._shared import theme
from transfer_core import charts
from transfer_core.services.coach import class_shares
from transfer_core.services.evaluation import class_scores
from transfer_core.support.wording import percent


def show_classes(split, result):
    scores = class_scores(result["confusion_matrix"])
    figure = charts.class_scores(
        scores.precision, scores.recall, scores.f1, scores.count, list(split.class_names), dark=theme.is_dark()
    )
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key="scores", alt="Recall and precision of each class")
    shares = {found.name: found.interval for found in class_shares(result)}
    st.dataframe(
        {
            "Class": list(split.class_names),
            "Photos": scores.count,
            "Recall": scores.recall * 100,
            "Probably": [
                " to ".join(map(percent, shares[name])) if name in shares else "" for name in split.class_names
            ],
            "Precision": scores.precision * 100,
            "F1": scores.f1 * 100,
        },
        hide_index=True,
        placeholder="-",  # precision of a class that was never named
        column_config={
            "Recall": st.column_config.NumberColumn(
                format="%.0f%%", help="Found: of the photos of this class, how many the model recognized."
            ),
            "Probably": st.column_config.TextColumn(
                help="The range in which the true recall probably lies (95% Wilson interval). Few photos or groups, "
                "wide range."
            ),
            "Precision": st.column_config.NumberColumn(
                format="%.0f%%",
                help="Correct when named: of the photos that the model gave this class, how many belong to it.",
            ),
            "F1": st.column_config.NumberColumn(
                format="%.0f%%", help="Balance of the two: high only when both are high (harmonic mean)."
            ),
        },
    )
