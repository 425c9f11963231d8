"""Commands in the documents exist, with the options that they are shown with; blocks that need nothing are run."""
import glob
import json
import os
import re
import subprocess

import pytest
from commands import KANAME, PROJECT, environment

DOCUMENTS = sorted([f'{PROJECT}/README.md', *glob.glob(f'{PROJECT}/docs/*.md'), *glob.glob(f'{PROJECT}/examples/*.md')])
NAMES = set(filter(None, subprocess.run([KANAME, 'list', 'commands'], capture_output=True, text=True, check=True).stdout.split('\n')))


def shown():
    """(document, command line) of each code block's and each backtick's call of kaname."""
    for path in DOCUMENTS:
        with open(path) as f:
            text = f.read()
        blocks = re.findall(r'```[a-z]*\n(.*?)```', text, re.S)
        words = re.findall(r'`([^`\n]+)`', re.sub(r'```.*?```', '', text, flags=re.S))
        for line in [*'\n'.join(blocks).split('\n'), *words]:
            for call in re.findall(r'(?:^|[ (/])kaname +([^)"|`#;&]*)', line.replace('\\|', '¦')):
                if not call.startswith(('COMMAND', 'help', '&', ':')) and re.match(r'[a-z]', call):
                    yield os.path.relpath(path, PROJECT), call.strip()


CALLS = sorted(set(shown()))


def test_there_are_some():
    assert len(CALLS) > 20


@pytest.mark.parametrize('document,call', CALLS)
def test_a_shown_command_exists(document, call):
    words = call.split()
    firsts = [words[0]]
    seconds = words[1].split('¦') if len(words) > 1 else []
    for second in seconds or ['']:
        name = f'{firsts[0]} {second}' if f'{firsts[0]} {second}' in NAMES else firsts[0]
        if name not in NAMES and any(n.startswith(f'{name} ') for n in NAMES) and second:
            pytest.fail(f'{document}: there is no command {firsts[0]} {second}')
        help_text = subprocess.run([KANAME, *name.split(), '--help'], capture_output=True, text=True)
        assert help_text.returncode == 0, f'{document}: there is no command {name}'
        own = words[:words.index('--')] if '--' in words else words
        for option in (w.split('=')[0] for w in own if re.match(r'--?[a-z]', w)):
            assert re.search(rf'(^|[ ,]){re.escape(option)}\b', help_text.stdout, re.M), f'{document}: {name} has no {option}'


def test_readme_names_every_command():
    """Groups count as one; node host, vpc and the like are for tests of nodes."""
    with open(f'{PROJECT}/README.md') as f:
        text = f.read()
    missing = {n.split()[0] for n in NAMES} - {'version', 'vpc', 'completion', 'man'}
    assert {n for n in missing if f'kaname {n}' not in text} == set()


def test_the_shown_error_and_event_are_real(region, tmp_path):
    with open(f'{PROJECT}/docs/commands.md') as f:
        text = f.read()
    done = subprocess.run([KANAME, 'cluster', 'list', '--data-dir', str(tmp_path)], capture_output=True, text=True, env=environment(tmp_path))
    block = re.search(r'```\n(kaname: there is no region.*?)```', text, re.S).group(1)
    told = re.sub(r' --data-dir \S+', '', done.stderr).replace(str(tmp_path), '/var/lib/kaname').replace(KANAME, 'kaname')
    assert told == block
    event = json.loads(re.search(r'\{"step".*\}', text).group())
    done = region.kaname('cluster', 'create', 'documented', '--progress', 'json', '--kubeconfig', tmp_path / 'k')
    finished = next(e for e in map(json.loads, done.stderr.splitlines()) if e['state'] == 'done')
    assert list(finished) == list(event)


def test_the_first_commands_stand_early():
    with open(f'{PROJECT}/README.md') as f:
        lines = f.read().split('\n')
    assert len(lines) <= 121
    assert next(i for i, line in enumerate(lines) if line.startswith('git clone')) < 25
