"""The region's port speaks TLS and, to loopback alone, plain HTTP."""
import json
import os
import signal
import subprocess
import uuid

import pytest
from program import KANAME


def with_tls(region):
    out = subprocess.run([KANAME, 'env', '--tls', '--format', 'json', '--data-dir', region.data], capture_output=True, check=True)
    return json.loads(out.stdout)


def test_aws_and_boto3_by_https(region):
    variables = with_tls(region)
    assert variables['AWS_ENDPOINT_URL'] == region.endpoint.replace('http://', 'https://')
    assert region.aws('sts', 'get-caller-identity', **variables)['Arn'].endswith(':root')
    client = region.client(endpoint_url=variables['AWS_ENDPOINT_URL'], verify=variables['AWS_CA_BUNDLE'])
    assert client.list_clusters()['clusters'] == []


def test_other_authorities_are_not_trusted(region):
    refused = region.aws('sts', 'get-caller-identity', check=False, AWS_ENDPOINT_URL=with_tls(region)['AWS_ENDPOINT_URL'])
    assert refused.returncode != 0 and 'CERTIFICATE_VERIFY_FAILED' in refused.stderr


def test_the_authority_stays(region):
    variables = with_tls(region)
    before = open(variables['AWS_CA_BUNDLE']).read()
    region.kill()
    region.start()
    assert open(variables['AWS_CA_BUNDLE']).read() == before
    assert region.aws('sts', 'get-caller-identity', **variables)['Account']
    assert os.stat(f'{region.data}/region-ca.key').st_mode & 0o777 == 0o600


def test_a_profile_with_tls(region, tmp_path):
    home = {'HOME': str(tmp_path)}
    subprocess.run([KANAME, 'env', '--profile', 'safe', '--tls', '--data-dir', region.data], env={**os.environ, **home}, capture_output=True, check=True)
    clean = {k: v for k, v in region.env(**home).items() if not k.startswith('AWS_')}
    done = subprocess.run(['aws', 'sts', 'get-caller-identity', '--profile', 'safe'], env=clean, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 'https://127.0.0.1' in (tmp_path / '.aws/config').read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason='makes a network namespace')
def test_plain_http_is_for_loopback_alone(open_directory):
    """In a namespace of its own, on an address that isn't loopback's."""
    directory, name = open_directory('away'), f'kn-{uuid.uuid4().hex[:8]}'
    subprocess.run(['ip', 'netns', 'add', name], check=True)
    inside = ['ip', 'netns', 'exec', name]
    try:
        subprocess.run([*inside, 'ip', 'link', 'set', 'lo', 'up'], check=True)
        subprocess.run([*inside, 'ip', 'address', 'add', '10.99.0.1/32', 'dev', 'lo'], check=True)
        server = subprocess.Popen([*inside, KANAME, 'serve', '--data-dir', f'{directory}/data', '--listen', '10.99.0.1:0'], stdout=subprocess.PIPE,
                                  stderr=open(f'{directory}/serve.log', 'ab'), text=True)
        try:
            url = server.stdout.readline().split()[1]
            assert url.startswith('https://10.99.0.1:')
            curl = [*inside, 'curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', f'{directory}/data/region-ca.pem']
            safe = subprocess.run([*curl, url], capture_output=True, text=True, timeout=30)
            plain = subprocess.run([*curl, url.replace('https', 'http')], capture_output=True, text=True, timeout=30)
            assert safe.stdout == '403' and safe.returncode == 0, safe
            assert plain.returncode != 0 and plain.stdout == '000', plain
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)
            subprocess.run([KANAME, 'down', '--data-dir', f'{directory}/data', '--progress', 'quiet'], check=True,
                           env={**os.environ, 'KUBECONFIG': f'{directory}/kubeconfig'})
    finally:
        subprocess.run(['ip', 'netns', 'delete', name], check=True)
