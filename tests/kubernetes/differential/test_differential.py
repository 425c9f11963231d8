"""The same requests to the original and to kaname: code, reason, message, causes and defaulted object must agree.

Needs the original's programs (tests/setup/originals etcd kube-apiserver); without them it is skipped."""
import json

import cases
import pytest
from compare import changed, compare


def must(server, method, path, body):
    code, _, data = server.request(method, path, body)
    assert code in (200, 201), f'{method} {path}: {code} {data[:300]}'
    return json.loads(data)


def prepare(server):
    """What both servers hold before the comparison."""
    for ns in ('default',):
        must(server, 'POST', f'/api/v1/namespaces/{ns}/serviceaccounts', {'metadata': {'name': 'default'}})
    for body in cases.level_namespaces():
        must(server, 'POST', '/api/v1/namespaces', body)
        must(server, 'POST', f'/api/v1/namespaces/{body["metadata"]["name"]}/serviceaccounts', {'metadata': {'name': 'default'}})
    for collection, body in cases.rule_objects():
        made = must(server, 'POST', collection, body)
        if 'status' in body:
            must(server, 'PUT', f'{collection}/{made["metadata"]["name"]}/status', {**made, 'status': body['status']})
    for collection, _, body, _ in cases.stored_objects():
        must(server, 'POST', collection, body)


@pytest.fixture(scope='module')
def pair(pair):
    for server in pair:
        prepare(server)
    return pair


def report(name, lines):
    return f'{name}\n  ' + '\n  '.join(lines)


all_cases = [*cases.create_cases(), *cases.security_cases(), *cases.ruled_cases(), *cases.asked_cases()]


@pytest.mark.parametrize('case', all_cases, ids=lambda case: case['name'])
def test_answer(pair, case):
    lines = compare(*pair, case)
    assert not lines, report(case['name'], lines)


updates = [(path, change) for _, path, _, changes in cases.stored_objects() for change in changes]


@pytest.mark.parametrize('path, change', updates, ids=[f'{p} {c}'[:110] for p, c in updates])
def test_update(pair, path, change):
    """PUT of the stored object with a change: each server gets its own object back."""
    class Own:
        def __init__(self, server):
            self.server = server

        def request(self, method, where, body, headers):
            current = must(self.server, 'GET', path, None)
            return self.server.request(method, where, changed(current, change), headers)

    lines = compare(Own(pair[0]), Own(pair[1]), {'name': path, 'method': 'PUT', 'path': path + '?dryRun=All'})
    assert not lines, report(f'{path} {change}', lines)


@pytest.mark.parametrize('path, body', [(path, body) for _, path, body, _ in cases.stored_objects()], ids=lambda value: str(value)[:60])
def test_put_again(pair, path, body):
    """PUT of what was posted, without what the server filled in: nothing changes, the generation neither."""
    lines = compare(*pair, {'name': path, 'method': 'PUT', 'path': path + '?dryRun=All', 'body': body})
    assert not lines, report(path, lines)
