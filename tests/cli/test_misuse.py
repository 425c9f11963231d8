"""What a person mistypes: one line says what is wrong and what may have been meant, another what to do."""
import subprocess

import pytest
from commands import KANAME, environment

COMMANDS = subprocess.run([KANAME, 'list', 'commands'], capture_output=True, text=True, check=True).stdout.split('\n')[:-1]


def call(*args, home='/nonexistent'):
    return subprocess.run([KANAME, *args], capture_output=True, text=True, timeout=20, env=environment(home))


@pytest.mark.parametrize('typed, said, next_command', [
    ('dwon --purge', 'there is no command "dwon"; did you mean "down"?', 'help'),
    ('clster list', 'there is no command "clster"; did you mean "cluster list"?', 'help'),
    ('cluster gte x', 'there is no command "cluster gte"; did you mean "cluster get"?', 'help'),
    ('help clster', 'there is no command "clster"; did you mean "cluster"?', 'help'),
    ('help imaeg load', 'there is no command "imaeg"; did you mean "image load"?', 'help'),
    ('kubernetes', 'there is no command "kubernetes"', 'help'),
    ('up --nodess 3', 'up: there is no option --nodess; did you mean --nodes?', 'help up'),
    ('cluster get --ouptut json x', 'cluster get: there is no option --ouptut; did you mean --output?', 'help cluster get'),
    ('up --no', 'up: --no can be --nodes and --no-sample', 'help up'),
    ('up -Z', 'up: there is no option -Z', 'help up'),
    ('up --nodes', 'up: --nodes wants N behind it', 'help up'),
    ('up --nodes two', 'up: --nodes wants a number, not "two"', 'help up'),
    ('up -n1x', 'up: --nodes wants a number, not "1x"', 'help up'),
    ('up --switch-context=maybe', 'up: --switch-context is true or false, not "maybe"', 'help up'),
    ('down --purge=yes', 'down: --purge takes no value', 'help down'),
    ('down default', 'down: it takes no "default"', 'help down'),
    ('cluster get a b', "only one cluster's NAME is wanted", 'help cluster get'),
    ('cluster delete', "a cluster's NAME is wanted", 'help cluster delete'),
])
def test_mistakes(typed, said, next_command):
    done = call(*typed.split())
    assert done.returncode == 2 and done.stdout == ''
    first, second = done.stderr.rstrip('\n').split('\n')
    assert first == f'kaname: {said}'
    assert second.startswith('  KN_USAGE; next: ') and second.endswith(f' {next_command}')


def test_a_mistyped_cluster(region):
    region.kaname('cluster', 'create', 'meant', '--kubeconfig', f'{region.home}/misuse')
    for args in (['cluster', 'get', 'maent'], ['cluster', 'publish', 'maent', '0=endpoint'], ['connect', 'maent', '--', 'true']):
        done = region.kaname(*args, check=False)
        assert done.returncode == 3 and 'Did you mean meant?' in done.stderr, done.stderr
    assert 'Did you mean' not in region.kaname('cluster', 'get', 'other', check=False).stderr


def test_groups_of_commands_show_what_they_have():
    for args, status, stream in ((['cluster'], 2, 'stderr'), (['help', 'cluster'], 0, 'stdout'), (['cluster', '--help'], 0, 'stdout')):
        done = call(*args)
        text = getattr(done, stream)
        assert done.returncode == status and 'cluster publish' in text and 'image load' not in text, args
    assert call('--version').stdout == call('version').stdout == call('-V').stdout


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_takes_a_data_directory(name, tmp_path):
    """Scripts that pass --data-dir to each needn't know which ones look there; here the option's value is missing."""
    done = call(*name.split(), '--data-dir')
    assert done.returncode == 2 and '--data-dir wants DIR behind it' in done.stderr
