#!/usr/bin/python
"""An Ansible module: writes units of systemd, all in one step, once systemd finds no fault with them.

It runs on the machine that is set up, alone: nothing of the product can be imported.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: systemd_units
short_description: Writes units of systemd
description:
  - Writes units that are not there or differ, once systemd finds no fault with them. Does not reload systemd.
author: Backstop
options:
  units:
    description: The text of each unit, by its name.
    type: dict
    required: true
  beside:
    description: Units that belong to these and are written by another task, by name; systemd looks at these among them.
    type: dict
    default: {}
  folder:
    description: Where they lie.
    type: path
    default: /etc/systemd/system
"""
EXAMPLES = """
- systemd_units:
    units: {a.service: "[Service]\\nExecStart=/bin/true\\n"}
"""
RETURN = """
written:
  description: The names of those that were not there, or differed.
  returned: always
  type: list
"""

_MODE = 0o644
# What a unit starts may come later than the unit.
_PROGRAM = re.compile(r"^(Exec\w+=[-@:+!]*)/\S+", re.MULTILINE)


def main() -> None:
    """Do what the task says."""
    options = {
        "units": {"type": "dict", "required": True},
        "beside": {"type": "dict", "default": {}},
        "folder": {"type": "path", "default": "/etc/systemd/system"},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    folder = Path(module.params["folder"])
    units: dict[str, str] = module.params["units"]
    before = {name: _read(folder / name) for name in units}
    written = sorted(name for name, text in units.items() if before[name] != text)
    if written and (faults := _faults({**module.params["beside"], **units}, units)):
        module.fail_json(msg=f"systemd does not take them, and nothing was written: {faults}", written=[])
    if not module.check_mode:
        for name in written:
            _write(module, folder / name, units[name])
    mended = [_set_owner(module, folder / name) for name in units if name not in written]
    diff = [_difference(str(folder / name), before[name] or "", units[name]) for name in written]
    module.exit_json(changed=bool(written) or any(mended), written=written, diff=diff)


def _read(path: Path) -> str | None:
    """Give the text of a unit, None where there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _faults(texts: dict[str, str], judged: dict[str, str]) -> str:
    """Give what systemd says of units, as far as it is about those that are judged."""
    with tempfile.TemporaryDirectory() as place:
        for name, text in texts.items():
            (Path(place) / name).write_text(_PROGRAM.sub(r"\1/bin/true", text))
        done = subprocess.run(  # noqa: S603 - files that it has just written
            ["/usr/bin/systemd-analyze", "verify", "--man=no", *(f"{place}/{name}" for name in judged)],
            capture_output=True,
            text=True,
            check=False,
        )
    return "; ".join(line for line in done.stderr.splitlines() if any(name in line for name in judged))


def _write(module: AnsibleModule, path: Path, text: str) -> None:
    """Write a unit, whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=module.tmpdir, delete=False) as draft:
        draft.write(text)
    module.atomic_move(draft.name, str(path))
    _set_owner(module, path)


def _set_owner(module: AnsibleModule, path: Path) -> bool:
    """Let a unit be root's to write and everybody's to read; says whether that is new."""
    if not path.exists():
        return False
    changed = bool(module.set_owner_if_different(str(path), "root", changed=False))
    changed = bool(module.set_group_if_different(str(path), "root", changed))
    return bool(module.set_mode_if_different(str(path), _MODE, changed))


def _difference(name: str, before: str, after: str) -> dict[str, str]:
    """Give what --diff shows of a unit."""
    return {"before_header": name, "after_header": name, "before": before, "after": after}


if __name__ == "__main__":
    main()
