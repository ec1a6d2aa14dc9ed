"""Checks that judge what a learner made: evidence here, verdict elsewhere."""

from autograder import expect, require
from autograder.check import Check, Finding, Inputs, Verdict
from autograder.evidence import Calls, Folder, Model, ModelAndCalls, Quiz, Value
from autograder.notebook import open_checks

__all__ = [
    "Calls",
    "Check",
    "Finding",
    "Folder",
    "Inputs",
    "Model",
    "ModelAndCalls",
    "Quiz",
    "Value",
    "Verdict",
    "expect",
    "open_checks",
    "require",
]
