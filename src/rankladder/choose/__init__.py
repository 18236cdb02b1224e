"""Quality and cost of each contender, on the user's data and machine → one choice, with reasons."""

from rankladder.choose.choosing import choose
from rankladder.choose.contenders import NO_RERANKER
from rankladder.choose.decision import Reason, Standing
from rankladder.choose.outcome import Outcome
from rankladder.choose.price import Price
from rankladder.choose.report import check_writable, render_report, write_report
from rankladder.choose.request import ChoiceRequest
from rankladder.choose.stand_in import read_unjudged
from rankladder.choose.wishes import Wishes

__all__ = [
    "NO_RERANKER",
    "ChoiceRequest",
    "Outcome",
    "Price",
    "Reason",
    "Standing",
    "Wishes",
    "check_writable",
    "choose",
    "read_unjudged",
    "render_report",
    "write_report",
]
