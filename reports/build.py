"""Writing a report."""

from datetime import datetime

import structlog

from celery_ledger import Permanent
from reports import figures, files, queries, writers
from reports.models import ReportKind, ReportState
from reports.periods import Period

log = structlog.get_logger(__name__)


def build(report_id: str, now: datetime) -> None:
    """Write the report's files and record them.

    Raises Permanent where there is no such report. Twice: a report that is ready is left as it is; two at
    once write the same names, each by renaming a whole file.
    """
    report = queries.report(report_id)
    if report is None:
        raise Permanent("there is no such report")
    if report.state == ReportState.READY:
        return
    period = Period(ReportKind(report.kind), report.period_start, report.period_end)
    found = figures.collect(period, now)
    names = {
        "html": files.write(report_id, f"{period.stem}.html", writers.as_html(found, period)),
        "csv": files.write(report_id, f"{period.stem}.csv", writers.as_csv(found, period)),
        "pdf": files.write(report_id, f"{period.stem}.pdf", writers.as_pdf(found, period)),
    }
    queries.unready(report_id).update(state=ReportState.READY, **names)
    log.info("report_written", report_id=report_id, kind=report.kind)
