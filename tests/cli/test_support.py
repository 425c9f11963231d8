"""The support archive has what a report needs and no secret: secrets are planted where it looks, and searched for in it."""
import base64
import json
import os
import tarfile

PRIVATE_KEY = 'MHcCAQEEIBplantedPrivateKeyBytes0123456789abcdefABCDEFoAoGCCqGSM49'
JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlUGxhbnRlZA'
PASSWORD = 'correct-horse-battery'
DATA = base64.b64encode(b'planted in a secret').decode()
TOKEN = 'k8s-aws-v1.aHR0cHM6Ly9wbGFudGVkLXRva2Vu'
LOG = f'''2026-11-26 region: cluster default ACTIVE
-----BEGIN EC PRIVATE KEY-----
{PRIVATE_KEY}
-----END EC PRIVATE KEY-----
request with Authorization: Bearer {JWT}
exec token {TOKEN}
proxy http://me:{PASSWORD}@proxy.example:3128/ refused
{{"kind":"Secret","metadata":{{"name":"s"}},"data":{{"x":"{DATA}"}}}}
kind: Secret
data:
  short: {DATA}
type: Opaque
password={PASSWORD} --token {PASSWORD}-2
the last line
'''


def test_no_secret_is_in_it(region, tmp_path):
    region.kaname('cluster', 'create', 'supported', '--kubeconfig', f'{region.home}/support')
    credentials = json.load(open(f'{region.data}/credentials.json'))
    os.makedirs(f'{region.data}/instances/i-planted/log', exist_ok=True)
    for path in ('region.log', 'instances/i-planted/log/kaname-node.log'):
        with open(f'{region.data}/{path}', 'a') as f:
            f.write(LOG + f'literal {credentials["secretAccessKey"]} and {credentials["accessKeyId"]}\n')
    done = region.kaname('support', '--file', tmp_path / 'bundle.tar', '-o', 'json', HTTPS_PROXY=f'http://me:{PASSWORD}@proxy')
    assert json.loads(done.stdout)['entries'] > 10
    assert os.stat(tmp_path / 'bundle.tar').st_mode & 0o777 == 0o600
    everything = (tmp_path / 'bundle.tar').read_bytes()
    certificate = json.loads(region.kaname('cluster', 'get', 'supported', '-o', 'json').stdout)['certificateAuthority']['data']
    for secret in (PRIVATE_KEY, JWT, JWT.split('.')[1], PASSWORD, DATA, TOKEN, credentials['secretAccessKey'], credentials['accessKeyId'],
                   certificate[:60], base64.b64decode(certificate).decode().split('\n')[1]):
        assert secret.encode() not in everything, secret
    with tarfile.open(tmp_path / 'bundle.tar') as tar:
        names = tar.getnames()
        assert {'kaname-support/version.txt', 'kaname-support/doctor.txt', 'kaname-support/logs/region.log', 'kaname-support/files.txt',
                'kaname-support/clusters/supported.json', 'kaname-support/logs/i-planted-kaname-node.log',
                'kaname-support/host/meminfo.txt'} <= set(names)
        log = tar.extractfile('kaname-support/logs/region.log').read().decode()
    assert 'cluster default ACTIVE' in log and 'proxy.example:3128' in log and 'the last line' in log


def test_it_works_without_a_region(tmp_path):
    from commands import run
    done = run('support', '--data-dir', tmp_path / 'none', '--file', tmp_path / 'x.tar', home=tmp_path)
    assert done.stdout == f'{tmp_path}/x.tar\n' and tarfile.open(tmp_path / 'x.tar').getnames()
