"""The disk of a Debian machine, made here: mmdebstrap fills a folder, mke2fs lays it on a disk, nothing is mounted.

An image is never started itself; a machine writes to an overlay of its own. It holds a key pair that was made for it,
and the package sources and apt settings of this computer; that is why it stays in `.tools/vm` and goes nowhere.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import getproxies

HOME = Path(__file__).parents[2] / ".tools" / "vm"
RELEASES = ("bookworm", "trixie")

_ETC_APT = Path("/etc/apt")
_PREPARED = Path(__file__).with_name("packages.txt")
# What a freshly installed server has, as far as the playbook may rely on it.
_BARE = (
    *("ca-certificates", "dbus", "initramfs-tools", "iproute2", "libpam-systemd", "linux-image-cloud-amd64"),
    *("openssh-server", "python3", "systemd", "systemd-sysv", "udev"),
)
# Their units run as Debian wants it; those of all other packages wait for their role.
_RUNNING = frozenset({*_BARE, "apt", "dpkg", "e2fsprogs", "util-linux"})
_SIZE = "16G"  # sparse: it takes what is written
_BOUND = 1800  # seconds for mmdebstrap
_HOST = "10.0.2.2"  # this computer, as qemu's user-mode network shows it to a machine
_RESOLVER = "10.0.2.3"

# An initrd with nothing but what finds this disk, since it is unpacked at each boot.
_SMALL_INITRD = """
printf 'MODULES=list\\nRESUME=none\\n' >"$1/etc/initramfs-tools/conf.d/vm"
printf 'virtio_pci\\nvirtio_blk\\next4\\n' >>"$1/etc/initramfs-tools/modules"
chroot "$1" update-initramfs -u
"""


class ImageError(Exception):
    """No image can be made; says why, and what to do."""


@dataclass(frozen=True)
class Image:
    """A disk with its kernel and the key that opens it."""

    folder: Path

    @property
    def disk(self) -> Path:
        """The file system, raw and sparse, without a partition table."""
        return self.folder / "disk.raw"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"

    @property
    def key(self) -> Path:
        """The private key of root's only way in."""
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        """The machine's own keys, under the name `vm`."""
        return self.folder / "known_hosts"


def image(release: str = "bookworm", *, bare: bool = False, again: bool = False) -> Image:
    """Give the image of a release, made first if it is not there as it is described here.

    A bare image is what an administrator begins with; a prepared one has the roles' packages as well. `again` makes it
    anew, for the packages of today. Raises ImageError.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    made = Image(HOME / f"{release}-{'bare' if bare else 'prepared'}")
    packages = (*_BARE, *(() if bare else _prepared()))
    sources = _sources(release)
    settings = _apt_settings()
    recipe = _fingerprint(Path(__file__).read_text(), *packages, *sources, *settings)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one makes it, others wait for it
        stamp = made.folder / "recipe"
        if again or not stamp.exists() or stamp.read_text() != recipe:
            _make(made, release, packages, sources, settings)
            stamp.write_text(recipe)
    return made


def _prepared() -> tuple[str, ...]:
    """Read the names in packages.txt."""
    lines = _PREPARED.read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _sources(release: str) -> list[str]:
    """Take Debian's own sources of this computer, each a stanza or a line, with the name of the release put in."""
    if release not in RELEASES:
        raise ImageError(f"there is no recipe for {release}; there are {', '.join(RELEASES)}")
    ours = _own_release()
    taken = []
    for file in (_ETC_APT / "sources.list", *sorted((_ETC_APT / "sources.list.d").glob("*"))):
        if file.suffix in {".list", ".sources"} and file.exists():
            entries = file.read_text().split("\n\n" if file.suffix == ".sources" else "\n")
            taken += [entry.strip() for entry in entries if _is_debians(entry, ours)]
    if not taken:
        raise ImageError(f"{_ETC_APT} names no source of Debian {ours}; add one to /etc/apt/sources.list.d")
    return [re.sub(rf"\b{ours}\b", release, entry) for entry in taken]


def _own_release() -> str:
    """Name the release of this computer."""
    said = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    if said is None:
        raise ImageError("/etc/os-release names no release; an image is made on Debian")
    return said[1]


def _is_debians(entry: str, release: str) -> bool:
    """Whether a source brings binary packages of this release that are signed by Debian, not by a third party."""
    lines = [line for line in entry.splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines)
    signed_by = re.search(r"signed-by[:=]\s*(\S+)", text, re.IGNORECASE)
    binary = re.search(r"^(Types:.*\bdeb\b|deb\s)", text, re.MULTILINE)
    return bool(binary and re.search(rf"\b{release}\b", text) and (not signed_by or "debian-archive" in signed_by[1]))


def _apt_settings() -> list[str]:
    """Read how apt reaches its sources from here: proxies, time-outs, whether dates are believed."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    handed_on = re.compile(r'Acquire::(https?::|Check-Valid-Until|Check-Date|Retries|Force).* "[^"]')
    settings = [line for line in dump.splitlines() if handed_on.match(line)]
    for scheme in ("http", "https"):
        proxy = getproxies().get(scheme)
        if proxy and not any(line.startswith(f"Acquire::{scheme}::Proxy") for line in settings):
            settings.append(f'Acquire::{scheme}::Proxy "{proxy}";')
    return settings


def _make(made: Image, release: str, packages: Iterable[str], sources: list[str], settings: list[str]) -> None:
    """Make the image beside its place and move it there when it is whole."""
    if os.geteuid() != 0:
        raise ImageError("an image is full of files of root; make it as root (sudo scripts/vm image)")
    began = time.monotonic()
    print(f"{made.folder.name}: mmdebstrap makes the image; it takes some minutes", flush=True)  # noqa: T201 - progress
    new = Image(made.folder.with_suffix(".new"))
    shutil.rmtree(new.folder, ignore_errors=True)
    new.folder.mkdir(mode=0o700)
    root = new.folder / "root"
    _fill(root, release, packages, sources, settings)
    _furnish(root, new, settings)
    _take_out(root / "boot", new)
    _run(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-E", "assume_storage_prezeroed=1", "-d", root, new.disk, _SIZE])
    shutil.rmtree(root)
    shutil.rmtree(made.folder, ignore_errors=True)
    new.folder.rename(made.folder)
    size = made.disk.stat().st_blocks * 512 / 1e6
    print(f"{made.folder.name}: {size:.0f} MB in {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201 - progress


def _fill(root: Path, release: str, packages: Iterable[str], sources: list[str], settings: list[str]) -> None:
    """Install the packages; mmdebstrap starts no service while it does."""
    listed = []
    for number, entry in enumerate(sources):
        suffix = "list" if entry.startswith("deb") else "sources"
        listed.append(root.with_name(f"{number}.{suffix}"))
        listed[-1].write_text(entry + "\n")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--format=directory", "--architectures=amd64"]
    # The lists stay, so that the first apt of a role needs not fetch them.
    command += ["--skip=cleanup/apt/lists", f"--include={','.join(packages)}", f"--customize-hook={_SMALL_INITRD}"]
    command += [f"--aptopt={setting}" for setting in settings]
    # No question is asked, and no mail server configured: that is the role's.
    questions = 'echo "postfix postfix/main_mailer_type select No configuration" | chroot "$1" debconf-set-selections'
    command += [f"--essential-hook={questions}"]
    _run([*command, release, root, *listed])
    for file in listed:
        file.unlink()


def _furnish(root: Path, new: Image, settings: list[str]) -> None:
    """Give the machine a network, a disk, a name, apt's settings and root's key, and leave services to their roles."""
    _write(root / "etc/hostname", "mx")
    _write(root / "etc/hosts", "127.0.0.1 localhost", "::1 localhost ip6-localhost", "127.0.1.1 mx.example.org mx")
    _write(root / "etc/fstab", "/dev/vda / ext4 rw,x-systemd.growfs 0 1")
    _write(root / "etc/systemd/network/80-dhcp.network", "[Match]", "Type=ether", "[Network]", "DHCP=yes")
    _write(root / "etc/resolv.conf", f"nameserver {_RESOLVER}")
    _write(root / "etc/machine-id")  # empty: made at the first boot of each copy
    seen_from_inside = [re.sub(r"\b(localhost|127\.0\.0\.1)\b", _HOST, setting) for setting in settings]
    (root / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)
    _write(root / "etc/apt/apt.conf.d/90host", *seen_from_inside)
    _run(["systemctl", "--quiet", f"--root={root}", "enable", "systemd-networkd.service"])
    _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vm", "-f", new.key])
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    _write(root / "root/.ssh/authorized_keys", new.key.with_suffix(".pub").read_text().strip())
    host_keys = sorted((root / "etc/ssh").glob("ssh_host_*_key.pub"))
    _write(new.known_hosts, *(f"vm {key.read_text().strip()}" for key in host_keys))
    units = set(_units_in_waiting(root / "var/lib/dpkg/info"))
    for link in (root / "etc/systemd/system").rglob("*"):
        if link.is_symlink() and not units.isdisjoint({link.name, link.readlink().name}):
            link.unlink()


def _units_in_waiting(info: Path) -> Iterator[str]:
    """Name the units of packages whose services are a role's matter, from dpkg's lists of their files."""
    for listing in info.glob("*.list"):
        if listing.stem.partition(":")[0] not in _RUNNING:
            for path in listing.read_text().splitlines():
                if re.fullmatch(r"(/usr)?/lib/systemd/system/[^/]+\.(service|socket|timer|path)", path):
                    yield Path(path).name


def _take_out(boot: Path, new: Image) -> None:
    """Copy kernel and initrd out of the machine: qemu loads them, so that it needs no boot loader."""
    for wanted, place in (("vmlinuz-*", new.kernel), ("initrd.img-*", new.initrd)):
        found = sorted(boot.glob(wanted))
        if not found:
            raise ImageError(f"mmdebstrap left no {wanted} in {boot}; was the kernel installed?")
        shutil.copy(found[-1], place)


def _write(file: Path, *lines: str) -> None:
    """Write a file anew, in place of a link if it was one."""
    file.unlink(missing_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))


def _run(command: list[str | Path]) -> None:
    """Run a program of Debian's, and say what it said if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_BOUND)
    except FileNotFoundError:
        raise ImageError(f"{command[0]} is not installed; run scripts/packages vm") from None
    except subprocess.TimeoutExpired:
        raise ImageError(f"{command[0]} is not done after {_BOUND} s; is the package server slow?") from None
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise ImageError(f"{command[0]} failed ({done.returncode}):\n{said}")
