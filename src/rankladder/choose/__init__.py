"""Quality and cost of each candidate, on the user's data and machine → one choice, with reasons."""

from rankladder.choose.choosing import choose
from rankladder.choose.contenders import local_rungs, rungs_left_out
from rankladder.choose.decision import Decision, Entry, Reason, Verdict, Wishes, decide
from rankladder.choose.outcome import NO_RERANKER, Confirmation, Measured, Outcome, Spent, Versus
from rankladder.choose.price import Price, Use
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
    "Use",
    "Verdict",
    "Versus",
    "Wishes",
    "check_writable",
    "choose",
    "decide",
    "local_rungs",
    "read_unjudged",
    "render_report",
    "rungs_left_out",
    "write_report",
]
