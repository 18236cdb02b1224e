"""Quality and cost of each candidate, on the user's data and machine → one choice, with reasons."""

from rankladder.choose.choosing import choose, local_rungs
from rankladder.choose.decision import Decision, Entry, Reason, Verdict, Wishes, decide
from rankladder.choose.outcome import NO_RERANKER, Confirmation, Measured, Outcome, Spent, Versus
from rankladder.choose.price import Price
from rankladder.choose.report import check_writable, render_report, write_report
from rankladder.choose.stand_in import read_unjudged

__all__ = [
    "NO_RERANKER",
    "Confirmation",
    "Decision",
    "Entry",
    "Measured",
    "Outcome",
    "Price",
    "Reason",
    "Spent",
    "Verdict",
    "Versus",
    "Wishes",
    "check_writable",
    "choose",
    "decide",
    "local_rungs",
    "read_unjudged",
    "render_report",
    "write_report",
]
