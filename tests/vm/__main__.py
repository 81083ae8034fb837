"""What `scripts/vm` offers: an image, a machine to look around in, proofs of machines and of the gateway on one."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.vm import mx, proof, second
from tests.vm.builds import PYTHONS, BuildError
from tests.vm.image import HOME, RELEASES, Image, ImageError, image
from tests.vm.machine import HTTP, HTTPS, SMTP, SMTPS, SUBMISSION, Machine, MachineError
from tests.vm.playbooks import PlaybookError


def main() -> int:
    """Do what is asked; gives the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(128 + signal.SIGHUP))
    options = _options()
    try:
        made = image(options.release, bare=options.bare, again=options.again)
        if options.what == "shell":
            return _look_around(made, fresh=options.fresh or options.again)
        if options.what == "proof":
            return _prove(lambda folder: proof.run(made, folder))
        if options.what == "test":
            further = second.run if options.second else None
            return _prove(lambda folder: mx.run(made, folder, PYTHONS[options.release], further))
    except (ImageError, MachineError, PlaybookError, BuildError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/vm", description="A real Debian machine, made and run here.")
    parser.add_argument(
        "what",
        choices=("image", "shell", "proof", "test"),
        help="make the image; log in; prove that machines work; prove the gateway on one, from bare Debian on",
    )
    parser.add_argument("--release", choices=RELEASES, default=RELEASES[0])
    parser.add_argument("--bare", action="store_true", help="without the packages that the roles install")
    parser.add_argument("--again", action="store_true", help="make the image anew, with the packages of today")
    parser.add_argument("--fresh", action="store_true", help="shell: forget what earlier sessions changed")
    parser.add_argument(
        "--second",
        action="store_true",
        help="test: go on with another, by ACME and from a backup of the first",
    )
    return parser.parse_args()


def _prove(take_steps: Callable[[Path], int]) -> int:
    """Take the steps in a folder that stays where one of them failed."""
    folder = Path(tempfile.mkdtemp(prefix="proof-", dir=HOME))
    code = 1
    try:
        code = take_steps(folder)
    finally:
        if code == 0:
            shutil.rmtree(folder)
        else:
            sys.stderr.write(f"logs, consoles and disks are in {folder}\n")
    return code


def _look_around(made: Image, *, fresh: bool) -> int:
    """Boot a machine whose disk stays, log in, and switch it off after that."""
    folder = HOME / "machines" / made.folder.name
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    with Machine(made, folder) as machine:
        print(f"{folder.name}: booted in {machine.boot():.0f} s; leave the shell to switch it off")  # noqa: T201 - the result
        for port in (SMTP, SUBMISSION, SMTPS, HTTP, HTTPS):
            print(f"  its port {port:3} is 127.0.0.1:{machine.forward(port)}")  # noqa: T201 - the result
        code = machine.shell()
        machine.power_off()
        return code


if __name__ == "__main__":
    sys.exit(main())
