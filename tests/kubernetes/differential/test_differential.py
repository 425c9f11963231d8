"""The same requests to the original and to kaname: code, reason, message, causes and defaulted object must agree.

Where the original isn't built (tests/setup/originals etcd kube-apiserver), its answers are those that were recorded (recorded.py)."""
import json
import os

import cases
import pytest
from compare import changed, compare
from original import missing
from recorded import NotRecorded, Recorded, Recording
from server import Server


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
def pair(request, tmp_path_factory):
    """kaname, and the original or what is known of it."""
    if missing():
        ours = Server(tmp_path_factory.mktemp('ours'), components='api')
        prepare(ours)
        yield ours, Recorded()
        ours.stop()
        return
    ours, original = request.getfixturevalue('both')
    theirs = Recording(original)
    for server in (ours, theirs):
        prepare(server)
    yield ours, theirs
    if os.environ.get('KANAME_TEST_RECORD'):
        theirs.save()


def compared(ours, theirs, case):
    try:
        return compare(ours, theirs, case)
    except NotRecorded as what:
        pytest.skip(f'the answer of the original is not recorded: {what}')


def report(name, lines):
    return f'{name}\n  ' + '\n  '.join(lines)


all_cases = [*cases.create_cases(), *cases.security_cases(), *cases.ruled_cases(), *cases.asked_cases()]


@pytest.mark.parametrize('case', all_cases, ids=lambda case: case['name'])
def test_answer(pair, case):
    lines = compared(*pair, case)
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

    lines = compared(Own(pair[0]), Own(pair[1]), {'name': path, 'method': 'PUT', 'path': path + '?dryRun=All'})
    assert not lines, report(f'{path} {change}', lines)


@pytest.mark.parametrize('path, body', [(path, body) for _, path, body, _ in cases.stored_objects()], ids=lambda value: str(value)[:60])
def test_put_again(pair, path, body):
    """PUT of what was posted, without what the server filled in: nothing changes, the generation neither."""
    lines = compared(*pair, {'name': path, 'method': 'PUT', 'path': path + '?dryRun=All', 'body': body})
    assert not lines, report(path, lines)
