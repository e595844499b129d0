"""What a run is: itself, its items, lanes and log, its workers, its calls and what they cost."""

from runs.models.batches import ProviderBatch
from runs.models.calls import ProviderCall
from runs.models.gates import Closure, GateAction
from runs.models.health import HealthPeriod
from runs.models.money import Budget, LedgerLine
from runs.models.quotes import Quote
from runs.models.records import RunAction, RunLog
from runs.models.run import MOST_WEIGHT, PacingProfile, Run, Share
from runs.models.work import Lane, OpenTarget, RunEpic, RunItem, Worker

__all__ = [
    "MOST_WEIGHT",
    "Budget",
    "Closure",
    "GateAction",
    "HealthPeriod",
    "Lane",
    "LedgerLine",
    "OpenTarget",
    "PacingProfile",
    "ProviderBatch",
    "ProviderCall",
    "Quote",
    "Run",
    "RunAction",
    "RunEpic",
    "RunItem",
    "RunLog",
    "Share",
    "Worker",
]
