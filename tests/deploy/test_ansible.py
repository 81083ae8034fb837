"""The playbooks without a machine: their form, and what they write, shown to the very programs that will read it.

A program that is not installed can't be asked; then its test is skipped, and says so. tests/vm shows the rest.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway import config
from gateway.operations.apply import apply_policy
from gateway.policy import codec
from gateway.policy.feed import FILE
from gateway.policy.snapshot import NextHop, Route, Snapshot
from tests.deploy.rendering import ANSIBLE, PROGRAMS, TEMPLATES, ansible, ask, certificate

PLAYBOOKS = sorted(path.name for path in ANSIBLE.glob("*.yml"))
ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())

pytestmark = pytest.mark.skipif(not PROGRAMS.exists(), reason="ansible is not installed: scripts/venv ansible")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask it")


def await_file(path: Path) -> None:
    """Wait until it is there."""
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.02)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_has_the_right_syntax(playbook: str) -> None:
    ansible("ansible-playbook", "-i", "inventory.example/hosts.yml", "--syntax-check", playbook)


def test_nothing_is_found_by_ansible_lint_at_its_strictest() -> None:
    assert "profile: production" in (ANSIBLE / ".ansible-lint").read_text()
    ansible("ansible-lint", "-q")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_what_it_is_and_what_can_be_set(role: str) -> None:
    lines = (ANSIBLE / "roles" / role / "defaults" / "main.yml").read_text().splitlines()

    assert lines[0].startswith(f"# {role}: ")
    variables = [line for line in lines if line[:1].isalpha()]
    assert variables
    assert all(line.startswith(f"{role}_") for line in variables)


def test_every_template_is_rendered(rendered: Path) -> None:
    for template in TEMPLATES:
        text = (rendered / template.parts[-3] / template.stem).read_text()
        assert "Ansible managed" in text, template
        assert "{{" not in text.replace("${", ""), template


def test_no_secret_stands_in_the_inventory() -> None:
    for file in (ANSIBLE / "inventory.example").rglob("*.yml"):
        assert "password" not in file.read_text(), file


def test_the_gateway_takes_its_configuration(rendered: Path) -> None:
    read = config.load({"BACKSTOP_CONFIG": str(rendered / "gateway" / "backstop.toml")})

    assert read.name == "mx1.example.org"
    assert read.home == Path("/var/lib/backstop")
    assert read.clamd_addresses == ("/run/clamav/clamd.ctl",)
    assert read.console.allowed_hosts == ("mx1.example.org",)


@pytest.mark.django_db
@pytest.mark.usefixtures("home")
def test_the_policy_of_the_inventory_can_be_applied() -> None:
    file = ANSIBLE / "inventory.example" / "files" / "policy.yml"

    assert apply_policy(file.read_text(), file.name, "test", check=True)


@as_root
@pytest.mark.parametrize("file", ["base/nftables.conf", "postfix/queue.nft"])
def test_the_firewall_loads(rendered: Path, file: str) -> None:
    ask("nft", "-c", "-f", rendered / file)


def test_the_firewall_is_not_written_where_it_would_close_the_port_by_which_ansible_came(tmp_path: Path) -> None:
    facts = {"env": {"SSH_CONNECTION": "192.0.2.9 50000 192.0.2.1 2222"}}
    task = {"ansible.builtin.import_role": {"name": "base", "tasks_from": "firewall.yml"}}
    play = {"hosts": "gateways", "connection": "local", "gather_facts": False, "vars": {"ansible_facts": facts}}
    (tmp_path / "play.yml").write_text(json.dumps([{**play, "tasks": [task]}]))

    with pytest.raises(AssertionError, match="say base_ssh_port: 2222"):
        ansible("ansible-playbook", "-i", "inventory.example/hosts.yml", "--check", str(tmp_path / "play.yml"))


def test_the_firewall_opens_what_is_needed_and_nothing_else(rendered: Path) -> None:
    text = (rendered / "base" / "nftables.conf").read_text()

    opened = [line.split("dport")[1].strip() for line in text.splitlines() if "tcp dport" in line]
    assert opened == ["22 accept", "{ 25, 80, 443, 465, 587 } accept"]
    assert "policy drop" in text


@as_root
def test_sshd_takes_its_settings(rendered: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    ask("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    Path("/run/sshd").mkdir(exist_ok=True)

    ask("sshd", "-t", "-h", key, "-f", rendered / "base" / "sshd.conf")


def test_apt_takes_its_settings(rendered: Path) -> None:
    said = ask("apt-config", "-c", rendered / "base" / "unattended-upgrades", "dump")

    assert 'APT::Periodic::Unattended-Upgrade "1";' in said


def test_the_log_has_bounds_of_size_and_time(rendered: Path) -> None:
    lines = (rendered / "base" / "journald.conf").read_text().splitlines()

    assert {"Storage=persistent", "SystemMaxUse=2048M", "MaxRetentionSec=30day"} <= set(lines)


def test_unbound_takes_its_settings(rendered: Path) -> None:
    ask("unbound-checkconf", rendered / "unbound" / "backstop.conf")


@pytest.mark.parametrize("program", ["clamd", "freshclam"])
def test_clamav_takes_its_settings(rendered: Path, program: str) -> None:
    ask(program, f"--config-file={rendered / 'clamav' / program}.conf", "--version")


def test_clamd_says_what_it_does_not_look_at(rendered: Path) -> None:
    lines = (rendered / "clamav" / "clamd.conf").read_text().splitlines()

    assert "AlertExceedsMax yes" in lines
    assert "AlertEncrypted yes" in lines
    assert "StreamMaxLength 256M" in lines


def test_what_clamd_unpacks_lies_on_the_disk_and_not_in_memory(rendered: Path) -> None:
    lines = (rendered / "clamav" / "clamd.conf").read_text().splitlines()
    (folder,) = (line.split()[1] for line in lines if line.startswith("TemporaryDirectory "))

    assert not folder.startswith(("/tmp", "/run", "/dev"))  # noqa: S108 - where it must not be
    assert f"D {folder} 0700 clamav clamav" in (rendered / "clamav" / "tmpfiles.conf").read_text()


@as_root
def test_postfix_takes_its_settings(rendered: Path, tmp_path: Path) -> None:
    for name in ("main.cf", "master.cf"):
        shutil.copy(rendered / "postfix" / name, tmp_path)

    said = ask("postfix", "-c", tmp_path, "check")

    assert "unused parameter" not in said + ask("postconf", "-c", tmp_path, "-n")


def test_postfix_listens_to_this_machine_alone(rendered: Path) -> None:
    services = (rendered / "postfix" / "master.cf").read_text().splitlines()

    assert [line.split()[0] for line in services if " inet " in line] == ["127.0.0.1:10025"]


@as_root
def test_nginx_takes_its_settings(rendered: Path, tmp_path: Path) -> None:
    certificate(tmp_path)
    text = (rendered / "console" / "nginx.conf").read_text()
    (tmp_path / "nginx.conf").write_text(text.replace("/etc/backstop/tls", str(tmp_path)))

    ask("nginx", "-t", "-q", "-c", tmp_path / "nginx.conf", "-g", f"error_log {tmp_path}/log;")


def test_nginx_listens_to_ipv6_unless_that_is_switched_off(tmp_path: Path) -> None:
    template = str(ANSIBLE / "roles/console/templates/nginx.conf.j2")
    listening = []
    for facts in ({}, {"lo": {"ipv4": {}}}):
        given = {"files": [template], "out": str(tmp_path / "texts.json"), "ansible_facts": facts}
        wanted = ("../tests/deploy/render.yml", "--tags", "render", "-e", json.dumps(given))
        ansible("ansible-playbook", "-i", "inventory.example/hosts.yml", *wanted)
        listening.append(json.loads((tmp_path / "texts.json").read_text())[0].count("listen [::]"))

    assert listening == [3, 0]


@contextlib.contextmanager
def redis(folder: Path, settings: Path) -> Iterator[Path]:
    """Run Redis with a folder for its data; gives its socket."""
    program = shutil.which("redis-server") or pytest.skip("redis-server is not installed")
    folder.mkdir(exist_ok=True)
    own = ("--unixsocket", folder / "s", "--dir", folder, "--pidfile", folder / "pid")
    server = subprocess.Popen((program, settings, *own), stdout=subprocess.DEVNULL)
    try:
        await_file(folder / "s")
        yield folder / "s"
    finally:
        server.terminate()
        server.wait()


def ask_redis(socket: Path, *words: str) -> list[str]:
    return subprocess.check_output(("redis-cli", "-s", socket, *words), text=True).split()


@pytest.mark.parametrize(
    ("file", "policy"), [("redis/backstop.conf", "noeviction"), ("rspamd/redis-rspamd.conf", "volatile-ttl")]
)
def test_a_redis_keeps_to_its_socket_and_forgets_nothing_of_worth(
    rendered: Path, tmp_path: Path, file: str, policy: str
) -> None:
    with redis(tmp_path, rendered / file) as socket:
        answers = ask_redis(socket, "config", "get", "port", "maxmemory-policy")

    assert dict(zip(answers[::2], answers[1::2], strict=True)) == {"port": "0", "maxmemory-policy": policy}


@as_root
def test_what_rspamd_learned_leaves_the_brokers_redis_and_is_not_lost(rendered: Path, tmp_path: Path) -> None:
    tasks = ANSIBLE / "roles/rspamd/tasks"
    commands = {}
    for task in yaml.safe_load((tasks / "redis.yml").read_text())[-1]["block"]:
        commands[task["name"]] = task.get("ansible.builtin.command", {})
    bring = commands["Bring it"]["argv"][:4]
    take = yaml.safe_load((tasks / "enabled.yml").read_text())[-1]["block"][-1]["ansible.builtin.command"]["argv"][:4]
    data = tmp_path / "own" / "rspamd.rdb"
    data.parent.mkdir()
    with redis(tmp_path / "shared", rendered / "redis/backstop.conf") as shared:
        ask_redis(shared, "mset", "RS_1", "a", "learned_ids", "b", "celery", "c", "_kombu.binding.x", "d")

        assert bring[-1] == take[-1] == "sh"
        subprocess.run((*bring, shared, data), check=True, stdout=subprocess.DEVNULL)
        with redis(data.parent, rendered / "rspamd/redis-rspamd.conf") as own:
            for socket, names in ((shared, ("RS*", "learned_ids*")), (own, ("celery*", "_kombu.*", "unacked*"))):
                for name in names:
                    subprocess.run((*take, socket, name), check=True, stdout=subprocess.DEVNULL)

            assert sorted(ask_redis(own, "keys", "*")) == ["RS_1", "learned_ids"]
        assert sorted(ask_redis(shared, "keys", "*")) == ["_kombu.binding.x", "celery"]


def test_no_diff_shows_the_password_of_a_database_elsewhere() -> None:
    tasks = yaml.safe_load((ANSIBLE / "roles/gateway/tasks/configuration.yml").read_text())

    (written,) = [each for each in tasks if each["ansible.builtin.template"]["src"] == "backstop.toml.j2"]
    assert written["diff"] is False


def test_what_was_written_is_taken_up_though_a_later_task_fails() -> None:
    plays = yaml.safe_load((ANSIBLE / "site.yml").read_text())

    assert [play.get("force_handlers") for play in plays] == [True] * len(plays)


def test_sockets_are_bound_before_systemd_reads_them_for_another_reason() -> None:
    (*_, last) = yaml.safe_load((ANSIBLE / "roles/gateway/tasks/sockets.yml").read_text())
    main = (ANSIBLE / "roles/gateway/tasks/main.yml").read_text()

    assert last["ansible.builtin.meta"] == "flush_handlers"
    assert main.index("sockets.yml") < main.index("units.yml")


def write_units(folder: Path, units: dict[str, str], *options: str) -> tuple[str, dict[str, str]]:
    """Write units by the module of the playbooks; gives what it said, and what is there then."""
    folder.mkdir(exist_ok=True)
    task = {"systemd_units": {"units": units, "folder": str(folder)}}
    (folder.parent / "play.yml").write_text(
        json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    )
    said = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", str(folder.parent / "play.yml"), *options)
    return said, {path.name: path.read_text() for path in folder.iterdir()}


@as_root
def test_units_are_written_in_one_step_and_only_where_they_differ(tmp_path: Path) -> None:
    ask("systemd-analyze", "--version")
    units = {f"backstop-{name}.service": f"[Service]\nExecStart=/opt/backstop/{name} %i\n" for name in "xyz"}
    folder = tmp_path / "units"

    said, there = write_units(folder, units, "--check", "--diff")
    assert ("changed=1" in said, "+ExecStart=/opt/backstop/x %i" in said, there) == (True, True, {})

    said, there = write_units(folder, units)
    assert ("changed=1" in said, there) == (True, units)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}

    assert "changed=0" in write_units(folder, units)[0]


@as_root
def test_units_in_which_systemd_finds_a_fault_are_not_written(tmp_path: Path) -> None:
    ask("systemd-analyze", "--version")
    units = {
        "backstop-x.service": "[Service]\nExecStart=/bin/true\n",
        "backstop-y.socket": "[Socket]\nAccept=perhaps\n",
    }

    with pytest.raises(AssertionError, match=r"backstop-y\.socket"):
        write_units(tmp_path / "units", units)

    assert list((tmp_path / "units").iterdir()) == []


def test_an_upgrade_leaves_the_sockets_as_they_are_and_says_which_are_others(tmp_path: Path) -> None:
    tasks = ANSIBLE / "roles/gateway/tasks"
    taken = {name: "sockets.yml" in (tasks / name).read_text() for name in ("main.yml", "upgrade.yml", "units.yml")}
    assert taken == {"main.yml": True, "upgrade.yml": False, "units.yml": False}
    pending = yaml.safe_load((tasks / "pending.yml").read_text())[-2:]
    units = tmp_path / "units"
    units.mkdir()
    for name in ("same", "other"):
        (units / f"backstop-{name}.socket").write_text("[Socket]\nListenStream=25\n\n")
        (tmp_path / f"backstop-{name}.socket").write_text("[Socket]\nListenStream=25\n\n")
    (tmp_path / "backstop-other.socket").write_text("[Socket]\nListenStream=26\n\n")
    play = [{"hosts": "localhost", "gather_facts": False, "vars": {"gateway_units": str(units)}, "tasks": pending}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play).replace("/etc/systemd/system", str(tmp_path)))

    said = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml"))

    assert "backstop-other.socket is another one in this version" in said
    assert "backstop-same.socket is another" not in said


@pytest.mark.parametrize(("host", "says"), [("mail.test", ""), ("http://mail.test", "'http://mail.test' is no host")])
def test_an_upgrade_tries_the_policy_in_force_with_the_new_release(tmp_path: Path, host: str, says: str) -> None:
    pending = yaml.safe_load((ANSIBLE / "roles/gateway/tasks/pending.yml").read_text())
    (trying,) = [each for each in pending if each["name"].startswith("Try configuration and policy")]
    _, _, script, _ = trying["ansible.builtin.command"]["argv"]
    settings = tmp_path / "backstop.toml"
    settings.write_text(f'[node]\nname = "mx.test"\nhome = "{tmp_path}"\n')
    nothing = subprocess.run([sys.executable, "-c", script, settings], cwd=ANSIBLE.parent, check=False)
    (tmp_path / "policy").mkdir()
    route = Route((NextHop(host),))
    (tmp_path / "policy" / FILE).write_bytes(
        codec.encode(Snapshot(1, "2026-01-01T00:00:00Z", "test", {}, {"inside": route}))
    )

    tried = subprocess.run(
        [sys.executable, "-c", script, settings], cwd=ANSIBLE.parent, check=False, capture_output=True, text=True
    )

    assert nothing.returncode == 0
    assert tried.returncode == bool(says)
    assert says in tried.stderr


def test_a_socket_with_an_address_of_its_own_comes_up_before_the_network(rendered: Path) -> None:
    text = (rendered / "gateway" / "socket.conf").read_text()
    assert "FreeBind=yes" in text


COMMANDS = (
    "backup/backstop-backup",
    "backup/backstop-backup-password",
    "backup/backstop-restore",
    "console/renewed",
    "gateway/backstop",
)


@pytest.mark.parametrize("file", [*COMMANDS, "gateway/backstop-bind", "gateway/backstop-switch"])
def test_a_command_of_the_machine_can_be_read_by_its_shell(rendered: Path, file: str) -> None:
    ask("sh", "-n", rendered / file)


def test_systemd_takes_the_units_of_the_backup(rendered: Path, tmp_path: Path) -> None:
    units = [f"backstop-{name}.{kind}" for name in ("backup", "proof") for kind in ("service", "timer")]
    for unit in units:
        text = (rendered / "backup" / unit).read_text()
        (tmp_path / unit).write_text(text.replace("/usr/local/sbin/backstop-", "/bin/true "))

    said = ask("systemd-analyze", "verify", *(tmp_path / unit for unit in units))

    assert not any(unit in said for unit in units), said
