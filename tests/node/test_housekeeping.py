"""What a node does now and then: logs that are rotated, containers and images that nobody uses any more."""
import re
import subprocess
import time

import pytest
from machine import BUSYBOX, CACHE, pod


@pytest.fixture(scope='module')
def tidy(machine):
    """A node that looks every second, keeps three log files of 64 KiB, and thinks that its disk is too full."""
    machine.add_node('tidy', *[f'--agent-option={o}' for o in (
        '--housekeeping-interval=1', '--container-log-max-size=64Ki', '--container-log-max-files=3',
        '--image-gc-high-threshold=1', '--image-gc-low-threshold=1', '--image-minimum-age=4')])
    machine.load_busybox('tidy')
    machine.apply(pod('anchor', 'tidy'))  # holds the image: one that nobody uses goes
    machine.wait_ready_pod('anchor')
    yield 'tidy'
    machine.remove_node('tidy')


def test_logs_are_rotated_and_read_over_it(machine, tidy):
    # 20 lines of 100 bytes each 0.02 s: 100 KB a second.
    talk = 'i=0; x=$(printf %070d 0); while [ $i -lt {} ]; do for j in 1 2 3 4 5 6 7 8 9 10; do i=$((i+1)); echo line $i $x; done; sleep 0.01; done; {}'
    machine.apply(pod('talker', tidy, command=talk.format(4000, 'sleep 1000')), pod('steady', tidy, command=talk.format(3000, 'exit 0'), restartPolicy='Never'))
    machine.wait_ready_pod('talker')
    command = ['nsenter', f'--net=/proc/{machine.vpc}/ns/net', str(CACHE / 'bin' / 'kubectl'), '--kubeconfig', str(machine.kubeconfig), 'logs', '-f', 'steady']
    follower = subprocess.run(command, capture_output=True, text=True, timeout=40)
    numbers = [int(line.split()[1]) for line in follower.stdout.splitlines()]
    assert numbers == list(range(1, 3001))  # nothing lost, nothing twice, in order; and it ends with the container
    machine.wait(lambda: 'line 4000 ' in machine.kubectl('logs', 'talker', '--tail=1'), 20, 'it has said all')
    time.sleep(1.5)
    folder = machine.inside(tidy, 'sh', '-c', 'echo /var/log/pods/default_talker_*/main').strip()
    names = sorted(machine.inside(tidy, 'ls', folder).split())
    assert len(names) == 3 and names[0] == '0.log' and all(re.fullmatch(r'0\.log\.\d{8}-\d{6}', n) for n in names[1:]), names
    # What is kept can be read, all of it and from its end, over the borders of files.
    kept = [int(line.split()[1]) for line in machine.kubectl('logs', 'talker').splitlines()]
    assert kept == list(range(kept[0], 4001)) and kept[0] > 1
    newest = int(machine.inside(tidy, 'sh', '-c', f'wc -l <{folder}/0.log'))
    tail = [int(line.split()[1]) for line in machine.kubectl('logs', 'talker', f'--tail={newest + 5}').splitlines()]
    assert tail == list(range(4000 - newest - 4, 4001))
    assert machine.kubectl('logs', 'talker', '--tail=0') == ''
    machine.kubectl('delete', 'pod', 'talker', 'steady', '--grace-period=1')
    machine.wait(lambda: len(machine.inside(tidy, 'ls', '/var/log/pods').split()) == 1, 5, 'their logs are gone')


def test_a_log_that_was_taken_away_is_opened_again(machine, tidy):
    machine.apply(pod('robbed', tidy, command='while true; do echo tick; sleep 0.1; done'))
    machine.wait_ready_pod('robbed')
    machine.inside(tidy, 'sh', '-c', 'rm /var/log/pods/default_robbed_*/main/0.log')
    machine.wait(lambda: 'tick' in machine.kubectl('logs', 'robbed', check=False).stdout, 6, 'it is written again')
    machine.kubectl('delete', 'pod', 'robbed', '--grace-period=1')


def test_dead_containers_and_their_logs_go(machine, tidy):
    """The run before the one that runs is kept, for --previous; what is older goes, and with the pod everything."""
    machine.apply(pod('dies', tidy, command='echo run; sleep 0.2; exit 0', restartPolicy='Always'))
    # The first restart is immediate, the next one comes after ten seconds.
    machine.wait(lambda: machine.container('dies').get('restartCount', 0) >= 2, 25, 'two restarts')
    uid = machine.get('pod', 'dies')['metadata']['uid']
    containers = lambda: machine.inside(tidy, '/usr/bin/ctr', '-n', 'k8s.io', 'containers', 'ls').count(BUSYBOX)  # noqa: E731
    machine.wait(lambda: containers() == 3, 5, "this run and the one before, and the anchor's")
    assert machine.inside(tidy, 'sh', '-c', f'ls /var/log/pods/default_dies_{uid}/main').split() == ['1.log', '2.log']
    machine.kubectl('delete', 'pod', 'dies', '--grace-period=1')
    sandboxes = lambda: machine.inside(tidy, '/usr/bin/ctr', '-n', 'k8s.io', 'containers', 'ls').count('kaname.local/pause')  # noqa: E731
    machine.wait(lambda: (containers(), sandboxes()) == (1, 1), 5, 'nothing is left of it')


def test_images_that_nobody_uses_go(machine, tidy):
    names = lambda: {n for n in machine.inside(tidy, '/usr/bin/ctr', '-n', 'k8s.io', 'images', 'ls', '-q').split() if not n.startswith('sha256')}  # noqa: E731
    machine.wait_ready_pod('anchor')
    time.sleep(5)
    assert BUSYBOX in names() and 'kaname.local/pause:1' in names()  # used; what every pod needs
    told = lambda: {n for i in machine.get('node', tidy)['status'].get('images', []) for n in i['names']}  # noqa: E731
    machine.wait(lambda: BUSYBOX in told(), 5, 'the node tells its images')
    machine.kubectl('delete', 'pod', 'anchor', '--grace-period=1')
    machine.wait(lambda: names() == {'kaname.local/pause:1'}, 8, 'the image is gone')
    machine.wait(lambda: BUSYBOX not in told(), 8, 'and the node tells so')
