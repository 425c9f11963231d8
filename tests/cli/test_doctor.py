"""Faults of a machine, injected in namespaces of their own, and the check that must name each."""
import json
import os
import shlex
import socket
import subprocess
import time

import pytest
from commands import KANAME, environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='faults are injected as root')


def doctor(path, prepare='', wrap=(), **variables):
    """The checks by name, after shell commands in mount and network namespaces of their own."""
    command = f'{prepare}\nexec {shlex.quote(KANAME)} doctor -o json --data-dir {path}/data'
    done = subprocess.run(['unshare', '--mount', '--net', '--propagation', 'private', *wrap, '/bin/sh', '-ec', command],
                          env=environment(path, **variables), capture_output=True, text=True, timeout=30)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    assert answer['ok'] == all(c['result'] != 'fail' for c in answer['checks'])
    assert done.returncode == (0 if answer['ok'] else 8)
    return {c['name']: c for c in answer['checks']}


def replaced(path, file, text):
    """Shell that puts other content in the place of a file."""
    return f'cat > {path}/fake <<\'END\'\n{text}\nEND\nmount --bind {path}/fake {file}'


def test_a_sound_machine(tmp_path):
    for name, check in doctor(tmp_path).items():
        assert check['result'] != 'fail', check
        assert ('next' in check) == (check['result'] != 'ok'), name


def test_a_plain_user_hears_of_privileges_only(tmp_path):
    """Nobody is root in a user namespace without a map: what only root may ask is no fault of the kernel."""
    checks = doctor(tmp_path, wrap=('unshare', '--user'))
    assert checks['privileges']['result'] == 'warn' and checks['nftables']['result'] == 'ok', checks


FAULTS = {
    'privileges': ('fail', lambda p: dict(wrap=('setpriv', '--bounding-set', '-sys_admin,-net_admin'))),
    'cgroups': ('fail', lambda p: dict(prepare=replaced(p, '/proc/self/mounts', 'none / ext4 rw 0 0').replace('/proc/self', '/proc/$$')
                                       + '\numount -l /sys/fs/cgroup || true')),
    'inotify': ('fail', lambda p: dict(prepare=replaced(p, '/proc/sys/fs/inotify/max_user_instances', '8'))),
    'open-files': ('fail', lambda p: dict(prepare='ulimit -n 512')),
    'nftables': ('fail', lambda p: dict(wrap=('setpriv', '--bounding-set', '-net_admin'))),
    'overlayfs': ('fail', lambda p: dict(prepare=replaced(p, '/proc/filesystems', '\text4'))),
    'user-namespaces': ('warn', lambda p: dict(prepare=replaced(p, '/proc/sys/user/max_user_namespaces', '0'))),
    'containerd': ('fail', lambda p: dict(prepare='for f in /usr/bin/containerd /usr/local/bin/containerd; do'
                                          ' [ ! -e $f ] || mount --bind /dev/null $f; done')),
    'runtime': ('fail', lambda p: dict(prepare='for f in /usr/local/bin/crun /usr/bin/crun /usr/local/sbin/runc /usr/sbin/runc /usr/bin/runc;'
                                       ' do [ ! -e $f ] || mount --bind /dev/null $f; done')),
    'disk': ('fail', lambda p: dict(prepare=f'mkdir -p {p}/data; mount -t tmpfs -o size=4m none {p}/data')),
    'ip-forwarding': ('warn', lambda p: dict(prepare='echo 0 > /proc/sys/net/ipv4/ip_forward')),
    'dns': ('warn', lambda p: dict(prepare=replaced(p, '/etc/resolv.conf', 'search example'))),
    'proxy': ('warn', lambda p: dict(HTTPS_PROXY='http://me:hunter2@proxy:3128')),
    'address-ranges': ('warn', lambda p: dict(prepare='ip link set lo up; ip route add 172.31.7.0/24 dev lo')),
    'kubectl': ('warn', lambda p: dict(PATH='/nonexistent', wrap=())),
}


@pytest.mark.parametrize('name', FAULTS)
def test_fault(name, tmp_path):
    verdict, how = FAULTS[name]
    if name == 'cgroups':
        checks = without_cgroups(tmp_path)
    elif name == 'kubectl':
        checks = with_empty_path(tmp_path)
    else:
        checks = doctor(tmp_path, **how(tmp_path))
    assert checks[name]['result'] == verdict, checks[name]
    assert checks[name]['next'] and 'hunter2' not in json.dumps(checks)


def test_forwarding(tmp_path):
    assert doctor(tmp_path, 'echo 1 > /proc/sys/net/ipv4/ip_forward')['ip-forwarding']['result'] == 'ok'


def with_empty_path(path):
    done = subprocess.run([KANAME, 'doctor', '-o', 'json', '--data-dir', f'{path}/data'], env={'PATH': '', 'HOME': str(path)},
                          capture_output=True, text=True)
    return {c['name']: c for c in json.loads(done.stdout)['checks']}


def without_cgroups(path):
    return doctor(path, 'umount -R -l /sys/fs/cgroup')


def test_fault_port(tmp_path):
    os.makedirs(f'{tmp_path}/data')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        with open(f'{tmp_path}/data/port', 'w') as f:
            f.write(str(taken.getsockname()[1]))
        done = subprocess.run([KANAME, 'doctor', '-o', 'json', '--data-dir', f'{tmp_path}/data'], capture_output=True, text=True)
    check = {c['name']: c for c in json.loads(done.stdout)['checks']}['port']
    assert check['result'] == 'warn' and 'another program' in check['text']


def test_fault_clock(tmp_path):
    os.makedirs(f'{tmp_path}/data')
    with open(f'{tmp_path}/data/credentials.json', 'w') as f:
        f.write('{}')
    os.utime(f'{tmp_path}/data/credentials.json', (time.time() + 7200,) * 2)
    assert doctor(tmp_path)['clock']['result'] == 'fail'


def test_every_check_has_a_fault():
    listed = json.loads(subprocess.run([KANAME, 'list', 'checks', '-o', 'json'], capture_output=True, check=True).stdout)
    assert {c['name'] for c in listed} == {*FAULTS, 'port', 'clock'}


def test_up_shows_only_what_fails(tmp_path):
    command = f'ulimit -n 512; exec {KANAME} up --nodes 0 --data-dir {tmp_path}/data'
    done = subprocess.run(['sh', '-c', command], env=environment(tmp_path), capture_output=True, text=True, timeout=30)
    assert done.returncode == 8
    assert '✗ open-files' in done.stderr and done.stderr.count('✗') == 1 and 'KN_HOST_UNFIT' in done.stderr
    assert not os.path.exists(f'{tmp_path}/data')


def test_it_is_fast_before_up(tmp_path):
    """The checks before `up` start no program: they cost a few milliseconds."""
    begun = time.monotonic()
    subprocess.run(['sh', '-c', f'ulimit -n 512; exec {KANAME} up --data-dir {tmp_path}/data'], capture_output=True, env=environment(tmp_path))
    assert time.monotonic() - begun < 0.5
