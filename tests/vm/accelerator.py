"""Whether this computer's processor runs a machine itself (KVM), or has to be emulated."""

import os
import subprocess
from pathlib import Path

from tests.vm.image import HOME, Image

_KVM = ("-accel", "kvm", "-cpu", "host")
# As it is: without svm, what systemd mounts and writes fails in the machine (qemu 7.2, Debian 12).
_EMULATED = ("-accel", "tcg,thread=multi", "-cpu", "max")
_TRIAL_SECONDS = 15


def accelerator(image: Image) -> tuple[str, ...]:
    """Give qemu's options. KVM is tried, once in each run of this computer: its device may be there and not work."""
    answer = HOME / "accelerator"
    this_boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = answer.read_text().split() if answer.exists() else []
    if known[:1] != [this_boot]:
        known = [this_boot, "kvm" if _kvm_works(image) else "emulated"]
        answer.write_text(" ".join(known) + "\n")
    return _KVM if known[-1] == "kvm" else _EMULATED


def _kvm_works(image: Image) -> bool:
    """Start the kernel under KVM without a disk: where that works, it panics within seconds, and qemu ends."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    trial = [
        "qemu-system-x86_64",
        *_KVM,
        "-m",
        "512",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
    ]
    kernel = ["-kernel", str(image.kernel), "-append", "panic=-1 console=ttyS0", "-serial", "stdio"]
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *trial, *kernel],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and b"Kernel panic" in done.stdout
