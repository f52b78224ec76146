"""Options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hyperscale.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else, on stdout.")]
Runs = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, folders of runs, exported files.")]
OneRun = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, a folder of runs, or an exported file.")]
Mixed = Annotated[
    bool, typer.Option("--mixed", help="Also compare runs that differ in task version, problems, prompt or sampling.")
]
Data = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="File or folder with the task's rows; wins over HYPERSCALE_DATA and the hub."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Only problems from this day on, such as 2024-08-01.", rich_help_panel="What to run"),
]
Until = Annotated[
    str | None, typer.Option(metavar="DATE", help="Only problems before this day.", rich_help_panel="What to run")
]
AllowPartialTests = Annotated[
    bool,
    typer.Option(
        "--allow-partial-tests",
        help="Take programs of which only part of the tests is there; every result says so.",
        rich_help_panel="Data, machine, output",
    ),
]
UnsafeNoSandbox = Annotated[
    bool,
    typer.Option(
        "--unsafe-no-sandbox",
        help="Run programs that a model wrote with your own rights, where nothing can keep them in; every result says so.",
        rich_help_panel="Data, machine, output",
    ),
]


def parse_settings(texts: Sequence[str]) -> dict[str, str]:
    """The key=value pairs of ``--set``.

    Raises
    ------
    UsageError
        If one is malformed or a key comes twice.
    """
    settings: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise UsageError(f"--set {text!r} is not of the form key=value. Write for example --set sinks=8.")
        if key in settings:
            raise UsageError(f"--set gives {key} twice ({settings[key]} and {value}). Keep one.")
        settings[key] = value
    return settings
