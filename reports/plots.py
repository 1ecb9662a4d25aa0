"""The pictures of a report. `Figure` objects and not pyplot, whose global state leaks in a worker."""

import io
from typing import Literal

from reports.figures import Figures
from reports.models import ReportKind
from reports.periods import Period

SUCCEEDED = "#2f7d5d"
DEAD = "#b3402e"


def course(figures: Figures, period: Period, form: Literal["svg", "png"]) -> bytes:
    """Return the jobs of each hour (or day) as a picture; the same figures give the same bytes."""
    # Half a second and 40 MB that only this job needs.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    label = "%H" if period.kind is ReportKind.DAILY else "%a %d"
    names = [f"{moment.start:{label}}" for moment in figures.course]
    succeeded = [moment.succeeded for moment in figures.course]
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(names))
    axes.bar(places, succeeded, color=SUCCEEDED, label="succeeded")
    axes.bar(places, [moment.dead for moment in figures.course], bottom=succeeded, color=DEAD, label="dead")
    axes.set_xticks(places, names)
    axes.set_ylabel("jobs")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2, loc="upper left", bbox_to_anchor=(0, 1.16))
    written = io.BytesIO()
    # Without a date and with a fixed salt of its ids, so that the file says only what the figures say.
    with mpl.rc_context({"svg.hashsalt": "offstage"}):
        figure.savefig(
            written, format=form, dpi=150, metadata={"Date": None} if form == "svg" else {"Software": None}
        )
    return written.getvalue()
