"""HTML, CSV, PDF and the picture in them."""

import csv
import io
from dataclasses import replace
from datetime import date, timedelta

import pytest

from reports import plots, writers
from reports.figures import Figures, Moment, TaskFigures
from reports.models import ReportKind
from reports.periods import period_with

DAY = period_with(ReportKind.DAILY, date(2026, 1, 7))
TASK = TaskFigures(
    "a.b<script>",
    "mail",
    succeeded=5,
    failed_attempts=2,
    dead=1,
    wait_median_seconds=0.25,
    run_p95_seconds=12.0,
)
FIGURES = Figures(
    tasks=(TASK,),
    course=tuple(Moment(DAY.start + timedelta(hours=n), n, n % 2) for n in range(24)),
    signups=3,
    verified=2,
    films_uploaded=1,
    films_ready=1,
    films_failed=0,
    minutes_encoded=2.5,
    is_complete=True,
)


def test_the_page_shows_every_number_and_needs_nothing_else():
    page = writers.as_html(FIGURES, DAY).decode()

    for text in ("Wednesday, 07 January 2026", "<dd>5</dd>", "0.250 s", "12.0 s", "<dd>2.5</dd>"):
        assert text in page
    assert "data:image/svg+xml;base64," in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_name_from_outside_is_text():
    assert "<script>" not in writers.as_html(FIGURES, DAY).decode()


def test_the_table_has_a_line_for_each_task_with_plain_numbers():
    (row,) = csv.DictReader(io.StringIO(writers.as_csv(FIGURES, DAY).decode()))

    assert (row["name"], row["succeeded"], row["wait_median_seconds"]) == ("a.b<script>", "5", "0.25")
    assert row["run_median_seconds"] == ""
    assert row["period_start"] == "2026-01-07T00:00:00+00:00"


def test_the_document_is_a_pdf_with_its_fonts():
    document = writers.as_pdf(FIGURES, DAY)

    assert document.startswith(b"%PDF-")
    assert b"DejaVu" in document


@pytest.mark.parametrize("write", [writers.as_html, writers.as_csv, writers.as_pdf])
def test_the_same_figures_give_the_same_bytes(write):
    assert write(FIGURES, DAY) == write(FIGURES, DAY)


@pytest.mark.parametrize("write", [writers.as_html, writers.as_csv, writers.as_pdf])
def test_a_quiet_period_has_a_report_too(write):
    assert write(replace(FIGURES, tasks=(), course=FIGURES.course[:0]), DAY)


def test_figures_that_are_too_low_say_so():
    page = writers.as_html(replace(FIGURES, is_complete=False), DAY).decode()

    assert writers.INCOMPLETE in page
    assert writers.INCOMPLETE not in writers.as_html(FIGURES, DAY).decode()


@pytest.mark.parametrize(("form", "begin"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_picture_has_the_form_that_was_asked_for(form, begin):
    assert plots.course(FIGURES, DAY, form).startswith(begin)
