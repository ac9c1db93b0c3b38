"""The chart for docs/performance.md: what each set-up adds to a Flask hello."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.names import OTHERS
from benchmarks.report import part
from benchmarks.results import FOLDER, Results

NAME = "chart.svg"

OURS, OTHER, TEXT = "#2f7ed8", "#9aa5b1", "#7d8590"
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "wsgi_observe", "font.family": "sans-serif"}


def draw(results: Results, folder: Path = FOLDER) -> None:
    """Write it into `folder`; its colours fit a light page as well as a dark one."""
    rows = [row for row in results.rows() if row.topic == OTHERS][::-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 0.8 + 0.32 * len(rows)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(
            [row.what for row in rows],
            [row.median for row in rows],
            color=[OURS if row.what.startswith("wsgi_observe") else OTHER for row in rows],
            xerr=[[row.median - row.low for row in rows], [row.high - row.median for row in rows]],
            error_kw={"ecolor": TEXT, "elinewidth": 1},
        )
        axes.bar_label(bars, [part(row.median) for row in rows], padding=6, color=TEXT)
        axes.set_title("Added to a request, as a part of a bare Flask JSON hello", color=TEXT)
        axes.tick_params(colors=TEXT, left=False)
        axes.spines[:].set_visible(False)
        axes.margins(x=0.12)
        figure.savefig(folder / NAME, transparent=True, metadata={"Date": None, "Creator": None})
