"""What a run is: itself, its items, its lanes, its log, its provider calls and its workers."""

from runs.models.gates import Closure, GateAction
from runs.models.records import RunAction, RunLog
from runs.models.run import MOST_WEIGHT, PacingProfile, Run, Share
from runs.models.work import Lane, OpenTarget, ProviderCall, RunEpic, RunItem, Worker

__all__ = [
    "MOST_WEIGHT",
    "Closure",
    "GateAction",
    "Lane",
    "OpenTarget",
    "PacingProfile",
    "ProviderCall",
    "Run",
    "RunAction",
    "RunEpic",
    "RunItem",
    "RunLog",
    "Share",
    "Worker",
]
