"""Results -> Plotly figures: pure functions, one look. Must not import Streamlit or torch.

Show a figure with `st.plotly_chart(figure, theme=None, config=CONFIG)`; Streamlit's own chart theme would paint over
ours. Heights are fixed by the number of classes, so that a chart which updates does not move the page. The width is the
container's, except the matrix's, which says itself how wide it wants to be at most: `width="content"`.
"""

from transfer_core.charts.bars import class_counts, class_scores, confidence_bars
from transfer_core.charts.comparison import compared_curves, share_bars, share_dots
from transfer_core.charts.learning import layers, learning_curves
from transfer_core.charts.lr_finder import rate_curve
from transfer_core.charts.matrix import confusion_matrix
from transfer_core.charts.speed import accuracy_and_speed
from transfer_core.charts.style import CLASS_COLOURS, CONFIG, class_colour, label

__all__ = [
    "CLASS_COLOURS",
    "CONFIG",
    "accuracy_and_speed",
    "class_colour",
    "class_counts",
    "class_scores",
    "compared_curves",
    "confidence_bars",
    "confusion_matrix",
    "label",
    "layers",
    "learning_curves",
    "rate_curve",
    "share_bars",
    "share_dots",
]
