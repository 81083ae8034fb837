"""What the playbooks write, made for the example inventory, and the programs that are asked what they think of it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE = ROOT / "ansible"
PROGRAMS = ROOT / ".venv-ansible" / "bin"
TEMPLATES = sorted(ANSIBLE.glob("roles/*/templates/*.j2"))


def ansible(*command: str) -> str:
    """Run one of ansible's programs on the example inventory; gives what it said."""
    environment = os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, cwd=ANSIBLE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def ask(program: str, *arguments: object) -> str:
    """Ask a program what it thinks of a file; gives what it said."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run((found, *map(str, arguments)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the templates make for the example inventory, as role/name."""
    if not PROGRAMS.exists():
        pytest.skip("ansible is not installed: scripts/venv ansible")
    folder = tmp_path_factory.mktemp("rendered")
    wanted = json.dumps({"files": [str(path) for path in TEMPLATES], "out": str(folder / "texts.json")})
    inventory = ("-i", "inventory.example/hosts.yml")
    ansible("ansible-playbook", *inventory, "../tests/deploy/render.yml", "--tags", "render", "-e", wanted)
    for template, text in zip(TEMPLATES, json.loads((folder / "texts.json").read_text()), strict=True):
        file = folder / template.parts[-3] / template.stem
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return folder


def certificate(folder: Path) -> None:
    """Make key.pem and cert.pem of mx1.example.org, signed by itself."""
    kind = (
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=mx1.example.org",
    )
    ask("openssl", "req", *kind, "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
