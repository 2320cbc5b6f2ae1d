"""Records to leaderboards: Markdown, CSV, HTML and the terminal. Imports no torch."""

from bench.report.write import (
    SUITE_FILE,
    ReportPaths,
    suite_of,
    tables_of,
    write_report,
)

__all__ = [
    "SUITE_FILE",
    "ReportPaths",
    "suite_of",
    "tables_of",
    "write_report",
]
