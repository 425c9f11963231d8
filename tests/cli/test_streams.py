"""Standard output is the result and nothing else; progress goes to standard error, without control bytes off a terminal."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest
from commands import KANAME, environment

CONTROL = re.compile(r'[\x00-\x08\x0b-\x1f\x7f]')


def on_a_terminal(args, home, **more):
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([KANAME, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(home, **more), close_fds=True)
    os.close(theirs)
    text = b''
    while True:
        ready, _, _ = select.select([ours], [], [], 30)
        try:
            data = os.read(ours, 4096) if ready else b''
        except OSError:
            data = b''
        if not data:
            break
        text += data
    os.close(ours)
    assert process.wait(30) == 0, text
    return text.decode().replace('\r\n', '\n')


def create(region, name, *more):
    return ['cluster', 'create', name, '--data-dir', region.data, '--kubeconfig', f'{region.home}/streams', *more]


def test_a_live_line_on_a_terminal(region):
    text = on_a_terminal(create(region, 'live'), region.home, TERM='xterm')
    assert '\r\x1b[K' in text and '\x1b[32m✓' in text
    text = on_a_terminal(create(region, 'live'), region.home, TERM='xterm', NO_COLOR='1')
    assert '\r\x1b[K' in text and '\x1b[32m' not in text


@pytest.mark.parametrize('more,variables', [(['--no-spinner'], {'TERM': 'xterm'}), ([], {'TERM': 'dumb'}), (['--progress', 'plain'], {'TERM': 'xterm'})])
def test_plain_lines_where_they_are_asked_for(region, more, variables):
    text = on_a_terminal(create(region, 'live', *more), region.home, **variables)
    assert not CONTROL.search(text) and '✓ cluster' in text


def test_events(region):
    done = region.kaname(*create(region, 'events', '--progress', 'json')[:3], '--progress', 'json', '--kubeconfig', f'{region.home}/streams')
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(e['step'], e['n'], e['state']) for e in events] == [('cluster', 1, 'started'), ('cluster', 1, 'done'), ('kubeconfig', 2, 'started'),
                                                                 ('kubeconfig', 2, 'done')]
    assert all(e['total'] == 2 and isinstance(e['ms'], int) for e in events) and events[1]['changed'] is True
    failed = region.kaname('cluster', 'create', 'no good!', '--progress', 'json', check=False)
    assert json.loads(failed.stderr.splitlines()[1])['state'] == 'failed'


def test_quiet(region):
    done = region.kaname('cluster', 'create', 'quiet', '--progress', 'quiet', '--kubeconfig', f'{region.home}/streams')
    assert done.stdout == done.stderr == ''


def test_documents_say_whether_something_changed(region):
    for verb, states in (('create', [True, False]), ('delete', [True, False])):
        for changed in states:
            done = region.kaname('cluster', verb, 'changing', '-o', 'json', '--kubeconfig', f'{region.home}/streams')
            assert json.loads(done.stdout)['changed'] is changed and done.stderr == ''


def test_up_and_down_without_nodes(tmp_path):
    options = ['--data-dir', f'{tmp_path}/data', '--kubeconfig', f'{tmp_path}/config', '-o', 'json']

    def call(*args):
        done = subprocess.run([KANAME, *args, *options], capture_output=True, text=True, env=environment(tmp_path), timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    try:
        assert call('up', '--nodes', '0')['changed'] is True
        again = call('up', '--nodes', '0')
        assert again['changed'] is False and again['ms'] <= 100
    finally:
        assert call('down')['changed'] is True
    assert call('down', '--purge')['changed'] is True
    assert call('down', '--purge')['changed'] is False


def test_interrupted_anywhere_it_goes_on(region):
    """Ctrl-C at any moment: the next call ends what was begun, and no lock is left."""
    path = f'{region.home}/interrupted'
    for number in range(12):
        name = f'interrupted-{number % 3}'
        process = subprocess.Popen([KANAME, 'cluster', 'create' if number % 2 else 'delete', name, '--data-dir', region.data, '--kubeconfig', path],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(region.home))
        time.sleep(number * 0.003)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    for name in ('interrupted-0', 'interrupted-1', 'interrupted-2'):
        region.kaname('cluster', 'create', name, '--kubeconfig', path)
        region.kaname('cluster', 'delete', name, '--kubeconfig', path)
    assert not os.path.exists(f'{path}.lock')


# Every command that has --output json: how it is called here.
DOCUMENTS = {'cluster list': [], 'cluster get': ['shown'], 'cluster kubeconfig': ['shown', '--kubeconfig', '/dev/null/none'], 'doctor': [],
             'image ls': [], 'list': ['commands'], 'version': None, 'support': ['--file', '/dev/null/none'], 'cluster create': ['shown'],
             'cluster delete': ['gone'], 'cluster publish': ['shown', '0=endpoint'],
             'cluster unpublish': ['shown', '--all'], 'image load': ['none'], 'up': ['--nodes', '-5'], 'down': None}


def commands_with_output():
    names = subprocess.run([KANAME, 'list', 'commands'], capture_output=True, text=True, check=True).stdout.split('\n')
    return [n for n in names if n and '--output' in subprocess.run([KANAME, *n.split(), '--help'], capture_output=True, text=True).stdout]


@pytest.mark.parametrize('name', commands_with_output())
def test_one_document_and_nothing_else(region, name):
    """Results and errors alike."""
    region.kaname('cluster', 'create', 'shown', '--kubeconfig', f'{region.home}/streams')
    args = DOCUMENTS[name]
    if args is None:
        done = subprocess.run([KANAME, *name.split(), *(['-o', 'json'] if name == 'version' else ['-o', 'json', 'too', 'many'])],
                              capture_output=True, text=True)
    else:
        done = region.kaname(*name.split(), *([] if name == 'list' else []), *args, '-o', 'json', check=False) if name != 'list' else \
            subprocess.run([KANAME, 'list', *args, '-o', 'json'], capture_output=True, text=True)
    json.loads(done.stdout)
    assert not CONTROL.search(done.stdout + done.stderr)


def test_hints_work_when_pasted(tmp_path):
    """The commands that `up` ends with, run by a shell as they are."""
    data = tmp_path / "it's here"
    options = ['--data-dir', str(data), '--kubeconfig', f'{tmp_path}/config']
    try:
        done = subprocess.run([KANAME, 'up', '--nodes', '0', *options], capture_output=True, text=True, env=environment(tmp_path), timeout=60)
        assert done.returncode == 0, done.stderr
        assert len(done.stderr.splitlines()) <= 10
        hints = [line.strip() for line in done.stderr.split('Try:')[1].splitlines() if line.startswith('  ')]
        assert len(hints) >= 2
        for hint in hints:
            shell = subprocess.run(['bash', '-c', hint], capture_output=True, text=True, env=environment(tmp_path, AWS_PAGER=''), timeout=60)
            assert shell.returncode == 0, (hint, shell.stderr)
        assert '"default"' in shell.stdout or 'default' in shell.stdout
    finally:
        subprocess.run([KANAME, 'down', '--purge', *options], capture_output=True, env=environment(tmp_path))
