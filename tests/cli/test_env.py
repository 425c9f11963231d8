"""The environment for clients: complete, and nothing left that would lead them to real AWS; connect."""
import configparser
import json
import os
import shutil
import subprocess

import pytest
from commands import CACHE, KANAME, environment

INHERITED = {'AWS_PROFILE': 'work', 'AWS_DEFAULT_PROFILE': 'work', 'AWS_SESSION_TOKEN': 'old', 'AWS_ENDPOINT_URL_EKS': 'https://real',
             'AWS_ENDPOINT_URL_SOME_NEW_SERVICE': 'https://real', 'AWS_ROLE_ARN': 'arn:aws:iam::1:role/x', 'AWS_CA_BUNDLE': '/none',
             'AWS_WEB_IDENTITY_TOKEN_FILE': '/none', 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS': 'true'}


def shell(region, script, **more):
    command = ['bash', '-ec', script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60,
                          env=environment(region.home, K=KANAME, D=region.data, AWS_PAGER='', **more))


def after(region, words, **more):
    done = shell(region, f'eval "$($K env {words} --data-dir "$D")"; env', **more)
    assert done.returncode == 0, done.stderr
    return dict(line.split('=', 1) for line in done.stdout.splitlines() if '=' in line)


def test_nothing_leads_elsewhere(region):
    seen = after(region, '', **INHERITED)
    assert [name for name in INHERITED if name in seen] == []
    assert seen['AWS_ENDPOINT_URL'] == region.endpoint and seen['AWS_REGION'] == 'us-east-1'
    assert {'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'KUBECONFIG', 'AWS_EC2_METADATA_DISABLED'} <= set(seen)


def test_unset_takes_all_back(region):
    done = shell(region, 'eval "$($K env --data-dir "$D")"; eval "$($K env --unset --data-dir "$D")"; env')
    names = {line.split('=')[0] for line in done.stdout.splitlines()}
    assert done.returncode == 0 and not {n for n in names if n.startswith('AWS_') and n != 'AWS_PAGER'} and 'KUBECONFIG' not in names
    kept = shell(region, 'eval "$($K env --unset --data-dir "$D")"; echo $KUBECONFIG', KUBECONFIG='/my/own:/second')
    assert kept.stdout.strip() == '/my/own:/second'
    assert 'KUBECONFIG' in after(region, '', KUBECONFIG='/my/own:/second') and \
        after(region, '', KUBECONFIG='/my/own:/second')['KUBECONFIG'] == '/my/own:/second'


def test_aws_works_after_one_eval(region):
    region.kaname('cluster', 'create', 'seen-by-aws', '--kubeconfig', f'{region.home}/env')
    done = shell(region, 'eval "$($K env --data-dir "$D")"; aws eks list-clusters --output json', **INHERITED)
    assert done.returncode == 0 and 'seen-by-aws' in json.loads(done.stdout)['clusters'], done.stderr


def test_profile(region, tmp_path):
    folder = tmp_path / '.aws'
    folder.mkdir()
    (folder / 'config').write_text('[profile work]\nregion = eu-west-1\n\n# mine\n[default]\nregion = eu-west-2\n')
    (folder / 'credentials').write_text('[work]\naws_access_key_id = mine')

    def env(*args, check=True):
        return region.kaname('env', *args, home=tmp_path, check=check)

    assert "export AWS_PROFILE='local'" in env('--profile', 'local').stdout
    text = (folder / 'config').read_text()
    assert text.startswith('[profile work]\nregion = eu-west-1\n\n# mine\n[default]\nregion = eu-west-2\n[profile local]\n')
    env('--profile', 'local')
    assert (folder / 'config').read_text() == text, 'a second time changes nothing'
    config = configparser.ConfigParser()
    config.read([folder / 'config', folder / 'credentials'])
    assert config['profile local']['endpoint_url'] == region.endpoint
    assert config['local']['aws_access_key_id'].startswith('AKIA') and config['work']['aws_access_key_id'] == 'mine'
    assert os.stat(folder / 'credentials').st_mode & 0o777 == 0o600
    refused = env('--profile', 'work', check=False)
    assert refused.returncode == 4 and 'KN_SETTING_DIFFERS' in refused.stderr
    done = subprocess.run([f'{CACHE}/bin/aws', 'eks', 'list-clusters', '--profile', 'local', '--output', 'json'], capture_output=True, text=True,
                          env=environment(tmp_path, AWS_PAGER=''), timeout=60)
    assert done.returncode == 0 and 'clusters' in json.loads(done.stdout), done.stderr


def test_fish(region):
    text = region.kaname('env', '--format', 'fish', AWS_ENDPOINT_URL_S3='https://real').stdout
    assert f"set -gx AWS_ENDPOINT_URL '{region.endpoint}';" in text and 'set -e AWS_ENDPOINT_URL_S3;' in text
    if shutil.which('fish'):
        done = subprocess.run(['fish', '-c', text + '\necho $AWS_ENDPOINT_URL'], capture_output=True, text=True)
        assert done.stdout.strip() == region.endpoint


def test_connect(region, tmp_path):
    region.kaname('cluster', 'create', 'connected', '--kubeconfig', f'{region.home}/env')
    done = region.kaname('connect', 'connected', '--', 'kubectl', 'get', 'namespace', 'default', '-o', 'name')
    assert done.stdout == 'namespace/default\n'
    where = region.kaname('connect', 'connected', '--', 'sh', '-c', 'stat -c "%a %n" "$KUBECONFIG"; exit 7', check=False)
    assert where.returncode == 7
    mode, path = where.stdout.split()
    assert mode == '600' and not os.path.exists(path), 'it is gone afterwards'
    assert region.kaname('connect', 'connected', '--', 'sh', '-c', 'kill -9 $$', check=False).returncode == 137
    piped = region.kaname('connect', 'connected', '--', 'cat', stdin='through')
    assert piped.stdout == 'through'


@pytest.mark.skipif('KANAME_SANITIZER_REPORTS' in os.environ, reason='a sanitized program is slow')
def test_token_is_quick(region):
    """The goal is 3 ms of the program's own time, most of which its start takes: a token touches hardly more memory than `version` does. Libraries
    that set themselves up first would: page faults show it, whatever else the machine does."""
    def faults(*args):
        pid = os.posix_spawn(KANAME, [KANAME, *args], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)])
        _, status, usage = os.wait4(pid, 0)
        assert status == 0
        return usage.ru_minflt, usage.ru_utime + usage.ru_stime

    tokens, versions = (list(zip(*(faults(*args) for _ in range(20)))) for args in (['token', '--cluster', 'x', '--data-dir', region.data], ['version']))
    assert min(tokens[0]) - min(versions[0]) <= 30, (min(tokens[0]), min(versions[0]))
    assert min(tokens[1]) < 0.015
