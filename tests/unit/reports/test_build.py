"""Writing a report: whole files, once."""

from datetime import UTC, datetime

import pytest

from celery_ledger.errors import Permanent
from reports import files, wishes
from reports.build import build
from reports.models import Report, ReportKind, ReportState

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def report():
    return wishes.wish(ReportKind.DAILY, None, NOW)


def test_a_built_report_is_ready_with_three_files(report, folder):
    build(str(report.pk), NOW)

    report.refresh_from_db()
    assert report.state == ReportState.READY
    written = {path.name for path in (folder / str(report.pk)).iterdir()}
    assert written == {report.html, report.csv, report.pdf}
    assert report.pdf == "offstage-daily-2026-01-11.pdf"


def test_a_ready_report_is_not_written_again(report, folder):
    build(str(report.pk), NOW)
    page = next((folder / str(report.pk)).glob("*.html"))
    page.write_text("kept")

    build(str(report.pk), NOW)

    assert page.read_text() == "kept"


def test_a_repeat_after_a_crash_before_recording_writes_the_same_files(report, folder):
    build(str(report.pk), NOW)
    before = {path.name: path.read_bytes() for path in (folder / str(report.pk)).iterdir()}
    Report.objects.update(state=ReportState.QUEUED, html="", csv="", pdf="")

    build(str(report.pk), NOW)

    assert {path.name: path.read_bytes() for path in (folder / str(report.pk)).iterdir()} == before


def test_a_report_that_one_machine_writes_is_read_by_another(report, folder, bucket):
    build(str(report.pk), NOW)

    report.refresh_from_db()
    names = [report.html, report.csv, report.pdf]
    assert sorted(bucket.objects()) == sorted(f"reports/{report.pk}/{name}" for name in names)
    assert not folder.exists()
    assert files.read(report.pk, report.pdf).startswith(b"%PDF")
    assert files.read(report.pk, "never-written.pdf") is None


def test_a_report_that_is_gone_is_a_permanent_failure():
    with pytest.raises(Permanent):
        build("00000000-0000-4000-8000-000000000000", NOW)


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(folder):
    files.write("r", "a.txt", b"old")

    with pytest.raises(TypeError):
        files.write("r", "a.txt", "not bytes")

    assert [path.name for path in (folder / "r").iterdir()] == ["a.txt"]
    assert files.read("r", "a.txt") == b"old"


def test_a_file_that_is_gone_reads_as_none():
    assert files.read("r", "nothing") is None
