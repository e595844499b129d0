"""What the prompts of every kind say of a project."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectInput:
    """The same for all calls of a run, so that the provider caches what is made of it."""

    name: str
    description: str
    context: str
