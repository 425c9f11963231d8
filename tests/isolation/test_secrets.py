"""Markers are planted wherever secrets go; nothing that is shown, written or kept for reading holds one."""
import base64
import http.client
import json
import os
import signal
import subprocess
import time

import pytest
import requests_free
from program import KANAME

CORE = '/api/v1/namespaces/default'


def b64(text):
    return base64.b64encode(text.encode()).decode()


class Planted:
    """name -> text. A text is looked for as it is and in base64, at each of its three alignments."""

    def __init__(self):
        self.texts = {}

    def add(self, name, text):
        self.texts[name] = text
        return text

    def found_in(self, haystack):
        found = []
        for name, text in self.texts.items():
            shapes = {text.encode()}
            for shift in range(3):
                coded = base64.b64encode(b'\0' * shift + text.encode())
                shapes.add(coded[4 if shift else 0:(len(coded) - 4)])
            if any(len(shape) >= 12 and shape in haystack for shape in shapes):
                found.append(name)
        return found


def body_of(pem):
    """A line in the middle of a private key."""
    return pem.strip().split('\n')[1][8:56]


@pytest.fixture(scope='module')
def planted(region, tenants):
    a, _ = tenants
    p = Planted()
    p.errors = b''

    def refused(method, path, body, **how):
        """The answer is kept: error texts are looked through too."""
        status, text = a.call(method, path, body, **how)
        assert status >= 400, (path, text)
        p.errors += text

    a.service_account('robot')
    for name in ('ca.key', 'front-proxy-ca.key', 'service-account.key'):
        p.add(name, body_of(a.keys[name]))
    with open(f'{region.data}/credentials.json') as f:
        credentials = f.read()
    p.add('secret access key', region.variables['AWS_SECRET_ACCESS_KEY'])
    assert p.texts['secret access key'] in credentials
    a.as_admin('POST', f'{CORE}/secrets', {'metadata': {'name': 'planted'}, 'stringData': {'password': p.add('secret', 'marker-of-secret-4711')}})
    a.as_admin('POST', f'{CORE}/pods', {'metadata': {'name': 'planted'}, 'spec': {'containers': [{
        'name': 'c', 'image': 'none.example/none', 'env': [{'name': 'PASSWORD', 'value': p.add('environment', 'marker-of-env-4711')}]}]}})
    a.as_admin('GET', f'{CORE}/secrets/planted')
    p.add('account token', a.token('robot'))
    assert a.call('GET', f'{CORE}/secrets', token=p.texts['account token'])[0] == 200
    out = subprocess.run([KANAME, 'token', '--cluster', 'a', '--data-dir', region.data], capture_output=True, text=True, check=True)
    p.add('region token', json.loads(out.stdout)['status']['token'])
    assert a.call('GET', f'{CORE}/secrets', token=p.texts['region token'])[0] == 200

    # Refused ones too: that is when people log.
    refused('GET', f'{CORE}/secrets', None, token=p.add('wrong token', 'marker-of-token-4711.x.y'))
    refused('GET', f'{CORE}/secrets', None, token=p.add('tampered token', p.texts['account token'][:-30] + 'A' * 30))
    refused('GET', f'{CORE}/secrets', None, token=p.add('foreign token', 'k8s-aws-v1.' + 'bWFya2VyLW9mLWZvcmVpZ24tdG9rZW4'))
    refused('GET', f'{CORE}/secrets', None, headers={'Authorization': 'Basic ' + b64('user:' + p.add('basic password', 'marker-of-basic-4711'))})
    admin = {'certificate': a.admin}
    value = p.add('ill-typed secret', 'marker-of-broken-4711')
    refused('POST', f'{CORE}/secrets', {'metadata': {'name': 'bad'}, 'data': {'k': value}}, **admin)
    refused('POST', f'{CORE}/secrets', {'metadata': {'name': 'bad'}, 'data': {'k': [value]}}, **admin)
    refused('POST', f'{CORE}/secrets', {'metadata': {'name': 'bad'}, 'stringData': {'k': {'x': value}}}, **admin)
    refused('POST', f'{CORE}/secrets', {'metadata': {'name': 'bad'}, 'stringData': {'bad/key': value}}, **admin)
    refused('POST', f'{CORE}/secrets', {'metadata': {'name': 'bad'}, 'type': 'kubernetes.io/tls', 'stringData': {'tls.key': value}}, **admin)
    refused('PATCH', f'{CORE}/secrets/planted', [{'op': 'test', 'path': '/data/password', 'value': value}],
            headers={'Content-Type': 'application/json-patch+json'}, **admin)
    region_errors(region, p)
    return p


def region_errors(region, p):
    """What the region says to those who are wrong."""
    connection = http.client.HTTPConnection(region.endpoint.removeprefix('http://'), timeout=10)
    wrong = p.add('wrong signature', 'marker0of0signature04711')
    for path, headers in [('/clusters', {'Authorization': f'AWS4-HMAC-SHA256 Credential=AKIAXXXXXXXXXXXXXXXX/20260101/us-east-1/eks/aws4_request, '
                                         f'SignedHeaders=host, Signature={wrong}', 'X-Amz-Security-Token': p.add('session token', 'marker-of-session-4711')}),
                          ('/internal/token-review/a/' + p.add('wrong review key', 'marker-of-review-key-4711'), {})]:
        connection.request('GET', path, headers=headers)
        answer = connection.getresponse()
        p.errors += answer.read()
        assert answer.status in (400, 403), path
    connection.close()


def processes_of(region):
    """All that this region started: they name its directory."""
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                arguments = f.read()
            if region.data.encode() in arguments:
                with open(f'/proc/{pid}/environ', 'rb') as f:
                    yield pid, arguments, f.read()
        except OSError:
            pass


def test_markers_would_be_found(planted):
    secret = planted.texts['secret']
    for before in ('', 'x', 'xy'):
        assert planted.found_in(base64.b64encode((before + secret + 'abc').encode())) == ['secret']
    assert planted.found_in(b'... ' + secret.encode() + b' ...') == ['secret'] and planted.found_in(b'nothing') == []


def test_error_texts(planted):
    # A token is said to be wrong, a value to be ill-typed: never which.
    assert planted.errors and planted.found_in(planted.errors) == []


def test_logs(region, planted):
    with open(f'{region.directory}/serve.log', 'rb') as f:
        log = f.read()
    assert b'token refused' in log, 'refusals are logged'
    assert planted.found_in(log) == []


def test_arguments_and_environments(region, planted):
    seen = 0
    for pid, arguments, environment in processes_of(region):
        seen += 1
        assert planted.found_in(arguments) == [] and planted.found_in(environment) == [], pid
    assert seen >= 4, 'the region, its spawner and two clusters'


def test_metrics_and_events(planted, tenants):
    for tenant in tenants:
        for path in ('/metrics', '/api/v1/events', '/apis/events.k8s.io/v1/events', '/healthz?verbose', '/readyz?verbose', '/version', '/openapi/v2'):
            status, text = tenant.call('GET', path, certificate=tenant.admin)
            assert status == 200, path
            assert planted.found_in(text) == [], path


def test_the_region_shows_no_keys(region, planted):
    shown = json.dumps(region.client().describe_cluster(name='a'), default=str).encode()
    assert b'tokenReviewKey' not in shown and b'"internal"' not in shown
    assert planted.found_in(shown) == []
    assert requests_free.get(region.endpoint + '/clusters/a', {})[0] == 403


def test_core_dumps(region, planted, tenants):
    pid = tenants[0].pid()
    os.kill(pid, signal.SIGABRT)
    deadline = time.monotonic() + 20
    while tenants[0].pid() in (None, pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for top, _, names in os.walk(region.directory):
        assert not [n for n in names if n.startswith('core')], top


def test_files_hold_keys_where_they_belong_only(region, planted):
    """Values lie in the store of their cluster, keys in keys.json: nowhere else below the data directory."""
    for top, _, names in os.walk(region.data):
        for name in names:
            path = os.path.join(top, name)
            if os.path.isfile(path) and '/clusters/a/store/' not in path and not path.endswith('.sock'):
                with open(path, 'rb') as f:
                    found = planted.found_in(f.read())
                allowed = {'ca.key', 'front-proxy-ca.key', 'service-account.key'} if path.endswith('/clusters/a/keys.json') else \
                    {'secret access key'} if path.startswith((f'{region.data}/credentials.json', f'{region.data}/region/')) else set()
                assert set(found) <= allowed, (path, found)
