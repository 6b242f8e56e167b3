"""Named places at which a test may end this process as a power cut would: ``KMAFLOW_FAILPOINT=rows_inserted:2`` kills it at the second passage.

Without the variable nothing happens. They stand between all steps that leave something behind, so that tests can prove that a run which ends
there and is started again ends as if nothing had happened (``design.md`` §8a).
"""

from __future__ import annotations

import os
import signal

#: Every place, in the order in which one window passes them.
POINTS = (
    "answer_fetched",
    "body_archived",
    "manifest_noted",
    "transaction_begun",
    "ledger_written",
    "rejected_kept",
    "rows_inserted",
    "rows_updated",
    "revisions_written",
    "hours_counted",
    "latest_advanced",
    "sheets_kept",
    "pairs_written",
    "committed",
)

#: Those of a rebuild, between which each stretch passes the ones above from ``transaction_begun`` on.
REBUILD_POINTS = (
    "rebuild_begun",
    "stretch_emptied",
    "stretch_loaded",
    "stretch_closed",
    "stretch_committed",
    "rebuild_ended",
)

_wanted, _, _passage = os.environ.get("KMAFLOW_FAILPOINT", "").partition(":")
_passed = 0


def reach(name: str) -> None:
    """Pass a place; the process dies here if the environment says so."""
    global _passed
    if name == _wanted:
        _passed += 1
        if _passed == int(_passage or 1):
            os.kill(os.getpid(), signal.SIGKILL)
