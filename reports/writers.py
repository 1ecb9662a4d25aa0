"""A report's figures as HTML, CSV and PDF."""

import base64
import csv
import io
from dataclasses import asdict, fields
from pathlib import Path

from django.template.loader import render_to_string

from reports import plots
from reports.figures import Figures, TaskFigures
from reports.periods import Period

COLUMNS = (
    ("succeeded", "Succeeded"),
    ("failed_attempts", "Failed attempts"),
    ("dead", "Dead"),
    ("wait_median_seconds", "Wait, median"),
    ("wait_p95_seconds", "Wait, p95"),
    ("run_median_seconds", "Run, median"),
    ("run_p95_seconds", "Run, p95"),
)
INCOMPLETE = "The ledger no longer keeps all jobs of this period; the figures of jobs are too low."
FONT = "DejaVu"


def as_html(figures: Figures, period: Period) -> bytes:
    """Return the report as one page that needs nothing else."""
    picture = base64.b64encode(plots.course(figures, period, "svg")).decode()
    context = {
        "period": period,
        "figures": figures,
        "numbers": headline(figures),
        "columns": [title for _name, title in COLUMNS],
        "rows": [(task.name, _cells(task)) for task in figures.tasks],
        "picture": picture,
        "note": "" if figures.is_complete else INCOMPLETE,
    }
    return render_to_string("reports/report.html", context).encode()


def as_csv(figures: Figures, period: Period) -> bytes:
    """Return the tasks' figures, one line each; times are seconds."""
    written = io.StringIO(newline="")
    names = [field.name for field in fields(TaskFigures)]
    lines = csv.DictWriter(written, ["period_start", "period_end", *names])
    lines.writeheader()
    for task in figures.tasks:
        times = {"period_start": period.start.isoformat(), "period_end": period.end.isoformat()}
        lines.writerow({**times, **asdict(task)})
    return written.getvalue().encode()


def as_pdf(figures: Figures, period: Period) -> bytes:
    """Return the report on pages of A4; the same figures give the same bytes."""
    import matplotlib as mpl  # noqa: PLC0415 - for its font, which knows more than Latin letters
    from fpdf import FPDF, FontFace  # noqa: PLC0415 - only this job needs it

    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    pdf = FPDF()
    pdf.set_creation_date(period.end)
    pdf.set_title(f"Offstage: {period.title}")
    pdf.add_font(FONT, "", fonts / "DejaVuSans.ttf")
    pdf.add_font(FONT, "B", fonts / "DejaVuSans-Bold.ttf")
    pdf.add_page()
    pdf.set_font(FONT, "B", 18)
    pdf.cell(text=f"Offstage, {period.kind} report", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(FONT, "", 11)
    for text in (
        period.title,
        *([] if figures.is_complete else [INCOMPLETE]),
        _in_one_line(headline(figures)),
    ):
        pdf.multi_cell(0, 7, text, new_x="LMARGIN", new_y="NEXT")
    pdf.image(io.BytesIO(plots.course(figures, period, "png")), w=pdf.epw)
    pdf.ln(4)
    pdf.set_font(FONT, "", 7)
    # A heading's face of its own would look for a bold font by another name.
    with pdf.table(col_widths=(4, *[2] * len(COLUMNS)), headings_style=FontFace(emphasis="BOLD")) as table:
        table.row(["Task", *(title for _name, title in COLUMNS)])
        for task in figures.tasks:
            table.row([task.name, *_cells(task)])
    return bytes(pdf.output())


def headline(figures: Figures) -> list[tuple[str, str]]:
    """Return the few numbers that stand above all others."""
    return [
        ("Jobs succeeded", str(figures.succeeded)),
        ("Failed attempts", str(figures.failed_attempts)),
        ("Dead jobs", str(figures.dead)),
        ("Sign-ups", str(figures.signups)),
        ("Verified", str(figures.verified)),
        ("Films uploaded", str(figures.films_uploaded)),
        ("Films ready", str(figures.films_ready)),
        ("Films failed", str(figures.films_failed)),
        ("Minutes encoded", f"{figures.minutes_encoded:.1f}"),
    ]


def _in_one_line(numbers: list[tuple[str, str]]) -> str:
    return "   ".join(f"{title}: {number}" for title, number in numbers)


def _cells(task: TaskFigures) -> list[str]:
    return [_shown(getattr(task, name)) for name, _title in COLUMNS]


def _shown(value: object) -> str:
    match value:
        case None:
            return "–"  # noqa: RUF001 - a dash, not a hyphen
        case float():
            return f"{value:.3f} s" if value < 1 else f"{value:.1f} s"
    return str(value)
