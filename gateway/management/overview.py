"""What ``--help`` alone prints: every command with one sentence, read from the modules without loading them."""

import ast
import re
from pathlib import Path

from gateway.management.processes import PROCESSES

_FOLDER = Path(__file__).resolve().parent
_SENTENCE = re.compile(r"``: (?P<sentence>.+?)[.:](?:\s|$)", re.DOTALL)
# Those that have no module of ours, or whose module is where --help can't read it.
_OTHERS = {
    **{name: each.sentence for name, each in PROCESSES.items()},
    "check": "check the settings, and start nothing",
    "createsuperuser": "make an administrator of the console",
    "changepassword": "set the password of somebody who signs in to the console",
}


def overview(program: str) -> str:
    """Give the text; ``program`` is how the command line was called."""
    commands = _OTHERS | dict(
        filter(None, map(_described, (*_FOLDER.glob("commands/*.py"), *_FOLDER.glob("plain/*.py"))))
    )
    width = max(map(len, commands))
    lines = (f"  {name:<{width}}  {sentence}" for name, sentence in sorted(commands.items()))
    return (
        f"usage: {program} [--home DIR] COMMAND ...\n\n" + "\n".join(lines) + f"\n\n{program} COMMAND --help says more;"
        f" {program} --version, which version this is.\n"
    )


def _described(module: Path) -> tuple[str, str] | None:
    """Give a command's name and sentence; None for a module that is no command."""
    said = _SENTENCE.search(ast.get_docstring(ast.parse(module.read_bytes())) or "")
    if module.stem.startswith("_") or said is None:
        return None
    return module.stem, " ".join(said["sentence"].replace("``", "").split())
