"""Completion with live names, man pages: all from the table of commands."""
import json
import shutil
import subprocess
import time

import pytest
from commands import KANAME, environment, run

COMPLETE = '''
source <("$K" completion bash)
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_kaname
printf '%s\\n' "${COMPREPLY[@]}"
'''


def complete(region, *words):
    done = subprocess.run(['bash', '-c', COMPLETE, 'bash', KANAME, *words], capture_output=True, text=True, env=environment(region.home, K=KANAME))
    assert done.stderr == '', done.stderr
    return done.stdout.split()


def visible():
    return [n for n in run('list', 'commands', home='/').stdout.split('\n') if n]


def test_words(region):
    assert set(complete(region, '')) >= {n.split()[0] for n in visible()} | {'help'}
    assert 'names' not in complete(region, '')
    assert set(complete(region, 'cluster', '')) == {n.split()[1] for n in visible() if n.startswith('cluster ')}
    assert complete(region, 'up', '--prog') == ['--progress']
    assert complete(region, 'up', '--progress', 'p') == ['plain'] == complete(region, 'up', '--progress', '=', 'p')
    assert complete(region, 'completion', '') == ['bash', 'zsh', 'fish']
    assert complete(region, 'image', 'load', '/etc/hostn') == ['/etc/hostname']


def test_live_names(region):
    region.kaname('cluster', 'create', 'completed', '--kubeconfig', f'{region.home}/shells')
    assert 'completed' in complete(region, 'cluster', 'get', '--data-dir', region.data, '')
    assert complete(region, 'cluster', 'delete', '--data-dir', '=', region.data, 'compl') == ['completed']
    assert 'completed' in complete(region, 'token', '--data-dir', region.data, '--cluster', 'comp')


def test_names_are_quick_or_silent(pretend):
    p = pretend(lambda method, path: time.sleep(30))
    begun = time.monotonic()
    done = p.kaname('names', 'clusters')
    assert time.monotonic() - begun < 2 and done.stdout == done.stderr == ''


@pytest.mark.parametrize('shell', ['bash', 'zsh', 'fish'])
def test_syntax(shell):
    text = run('completion', shell, home='/').stdout
    for name in visible():
        assert name.split()[-1] in text
    if shutil.which(shell):
        assert subprocess.run([shell, '-n'], input=text, text=True, capture_output=True).returncode == 0


def test_a_man_page_for_each_command(tmp_path):
    run('man', '--directory', tmp_path, home=tmp_path)
    names = visible()
    assert {p.name for p in tmp_path.glob('*.1')} == {'kaname.1', *(f'kaname-{n.replace(" ", "-")}.1' for n in names)}
    for name in names:
        page = run('man', *name.split(), home=tmp_path).stdout
        assert page == (tmp_path / f'kaname-{name.replace(" ", "-")}.1').read_text()
        shown = subprocess.run([KANAME, *name.split(), '--help'], capture_output=True, text=True).stdout
        for option in [w for w in shown.replace('=', ' ').replace('[', ' ').split() if w.startswith('--') and len(w) > 2]:
            if option.rstrip('.,') not in ('--usage', '--version', '--dry-run.', '--file'):
                assert option.rstrip('.,').replace('-', '\\-') in page, (name, option)
    if shutil.which('groff'):
        for page in tmp_path.glob('*.1'):
            done = subprocess.run(['groff', '-man', '-Tutf8', '-ww', str(page)], capture_output=True, text=True)
            assert done.stderr == '', done.stderr


def test_list_as_json():
    assert [c['name'] for c in json.loads(run('list', 'commands', '-o', 'json', home='/').stdout)] == visible()
