"""`manage.py lint_stories`: lint the stories of a file."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from epics.files.story_files import StoriesRefused, StoryFile, stories_read
from epics.files.story_lint import Report, stories_lint


class Command(BaseCommand):
    help = (
        "Lints user stories after the Quality User Story framework. FILE is text with one story a "
        "line, CSV with a column 'User story' (.csv), or a project's JSON (.json): its stories, or "
        "its cards' statements where it has none. Exit code: 0 without a defect of high severity, "
        "1 with one, 2 when FILE cannot be read."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument("--language", help="default: the project's, or English")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = stories_read(options["file"])
        except StoriesRefused as error:
            raise CommandError(str(error), returncode=2) from error
        report = stories_lint(
            found.stories,
            language=options["language"] or found.language,
            whole_product=found.whole_product,
        )
        told = _json(found, report) if options["format"] == "json" else _text(found, report)
        self.stdout.write(told)
        if report.grave:
            told = f"{report.grave} defects of high severity and confidence."
            raise CommandError(told, returncode=1)


def _json(found: StoryFile, report: Report) -> str:
    told = report.as_json()
    for place, story in zip(found.places, told["stories"], strict=True):
        story["place"] = place
    return json.dumps(told, ensure_ascii=False, indent=1)


def _text(found: StoryFile, report: Report) -> str:
    lines: list[str] = []
    for place, story, result in zip(found.places, report.stories, report.results, strict=True):
        if not result.defects:
            continue
        lines.append(f"{place}: {story.user_story}  [{result.score}]")
        for defect in result.defects:
            at = f' at "{defect.span.text}"' if defect.span else ""
            doubt = "" if defect.confidence == "high" else f" ({defect.confidence} confidence)"
            lines.append(f"  {defect.severity:<6} {defect.criterion}{at}: {defect.message}{doubt}")
            lines.append(f"         {defect.suggestion}")
    counts = ", ".join(f"{report.severities[name]} {name}" for name in ("high", "medium", "minor"))
    weak = sum(1 for result in report.results if result.defects)
    verdict = "passes" if report.passes else "does not pass"
    lines.append(
        f"{len(report.stories)} stories, {weak} with defects: {counts}. "
        f"Score {report.score} of 100; as a run's set it {verdict}: that takes {report.bar} and no "
        "defect of high severity and confidence."
    )
    return "\n".join(lines)
