"""Every limit of size: what is just within it is taken, what is beyond is refused as the original refuses it, and costs nothing."""
import json
import socket
import time
import urllib.parse

import pytest

from frames import CANCEL, DATA, END_HEADERS, HEADERS, RST_STREAM, Connection, frame, request

MB = 1 << 20
MERGE = {'Content-Type': 'application/merge-patch+json'}
JSON_PATCH = {'Content-Type': 'application/json-patch+json'}
STRATEGIC = {'Content-Type': 'application/strategic-merge-patch+json'}
APPLY = {'Content-Type': 'application/apply-patch+yaml'}
YAML = {'Content-Type': 'application/yaml'}


def configmaps(ns):
    return f'/api/v1/namespaces/{ns}/configmaps'


def configmap(name, **more):
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name}, **more}


def test_body(server, ns):
    body = json.dumps(configmap('a'))
    status, _ = server.json('POST', configmaps(ns), body + ' ' * (3 * MB - len(body)), {'Content-Type': 'application/json'})
    assert status == 201
    status, _, data = server.request('POST', configmaps(ns), body + ' ' * (3 * MB - len(body) + 1), {'Content-Type': 'application/json'})
    assert status == 413, data


@pytest.mark.parametrize('head', ['Content-Length: 999999999999\r\n', 'Content-Length: 4000000\r\nExpect: 100-continue\r\n'])
def test_a_body_that_is_announced_too_large_is_refused_unread(server, head):
    connection = server.connection()
    connection.connect()
    connection.sock.sendall(f'POST {configmaps("default")} HTTP/1.1\r\nHost: x\r\n{head}\r\n'.encode())
    assert connection.sock.recv(4096).startswith(b'HTTP/1.1 413 ')
    connection.close()


def test_chunks_without_end(server, guard):
    connection = server.connection()
    connection.connect()
    connection.sock.sendall(f'POST {configmaps("default")} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'.encode())
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < 5:
            connection.sock.sendall(b'10000\r\n' + b' ' * 65536 + b'\r\n')
    except OSError:
        pass
    assert time.monotonic() - begun < 3  # what comes behind the answer is dropped for a second, and then the connection
    connection.close()
    guard.stop()
    assert guard.grown() < 12


def test_http2_body(server, ns):
    connection = Connection(server)
    connection.send(frame(HEADERS, END_HEADERS, 1, request('POST', configmaps(ns), ('content-length', '3145729'))))
    connection.send(frame(HEADERS, END_HEADERS, 3, request('POST', configmaps(ns), ('content-type', 'application/json'))))
    for _ in range(10):
        connection.send(frame(DATA, 0, 3, b' ' * 16384))
    connection.send(frame(RST_STREAM, 0, 3, CANCEL.to_bytes(4, 'big')))
    connection.get(5)
    answers = connection.answers(2)
    assert answers[1][0] == 413 and answers[5] == (200, b'ok')
    connection.close()


def test_request_line_and_headers(server):
    assert server.request('GET', '/readyz?a=' + 'b' * 15000)[0] == 200
    assert server.request('GET', '/readyz?a=' + 'b' * 17000)[0] in (414, 431)


def test_data(server, ns):
    """1 MiB of ConfigMap or Secret, keys not counted."""
    status, _ = server.json('POST', configmaps(ns), configmap('full', data={'a': 'x' * (MB - 1)}, binaryData={'b': 'eA=='}))
    assert status == 201
    for body in [configmap('more', data={'a': 'x' * (MB + 1)}), configmap('more', data={'a': 'x' * MB}, binaryData={'b': 'eA=='})]:
        status, answer = server.json('POST', configmaps(ns), body)
        assert status == 422 and answer['message'].endswith('[]: Too long: may not be more than 1048576 bytes'), answer
    secrets = f'/api/v1/namespaces/{ns}/secrets'
    assert server.json('POST', secrets, {'metadata': {'name': 'full'}, 'stringData': {'a': 'x' * MB}})[0] == 201
    status, answer = server.json('POST', secrets, {'metadata': {'name': 'more'}, 'stringData': {'a': 'x' * (MB + 1)}})
    assert status == 422 and answer['message'].endswith('data: Too long: may not be more than 1048576 bytes'), answer


def test_annotations(server, ns):
    def annotated(name, size):
        return {'metadata': {'name': name, 'annotations': {'a': 'x' * (size - 1)}}}
    assert server.json('POST', configmaps(ns), annotated('full', 256 << 10))[0] == 201
    status, answer = server.json('POST', configmaps(ns), annotated('more', (256 << 10) + 1))
    assert status == 422 and 'metadata.annotations: Too long: may not be more than 262144 bytes' in answer['message']


def test_stored_object(server, ns):
    """etcd takes 1.5 MiB; so a Pod of 2 MB is refused, one of 1.2 MB isn't."""
    def pod(name, size):
        return {'metadata': {'name': name}, 'spec': {'containers': [{'name': 'a', 'image': 'b', 'args': ['x' * size]}]}}
    pods = f'/api/v1/namespaces/{ns}/pods'
    assert server.json('POST', f'/api/v1/namespaces/{ns}/serviceaccounts', {'metadata': {'name': 'default'}})[0] == 201
    assert server.json('POST', pods, pod('full', 1200000))[0] == 201
    status, answer = server.json('POST', pods, pod('more', 2000000))
    assert 400 <= status < 500 and answer['kind'] == 'Status', (status, answer['message'][:300])


def test_field_manager(server, ns):
    assert server.json('POST', configmaps(ns) + '?fieldManager=' + 'm' * 128, configmap('a'))[0] == 201
    status, answer = server.json('POST', configmaps(ns) + '?fieldManager=' + 'm' * 129, configmap('b'))
    assert status == 422 and 'fieldManager: Too long: may not be more than 128 bytes' in answer['message']


def test_json_patch(server, ns):
    path = configmaps(ns) + '/a'
    create = configmap('a', data={'x': 'y' * 100000})
    assert server.json('POST', configmaps(ns), create)[0] == 201
    one = {'op': 'replace', 'path': '/data/z', 'value': 'v'}
    assert server.json('PATCH', path, [{'op': 'add', 'path': '/data/z', 'value': 'v'}] + [one] * 9999, JSON_PATCH)[0] == 200
    status, answer = server.json('PATCH', path, [one] * 10001, JSON_PATCH)
    assert status == 413 and answer['reason'] == 'RequestEntityTooLarge'
    assert 'The allowed maximum operations in a JSON patch is 10000, got 10001' in answer['message']
    copies = [{'op': 'copy', 'from': '/data/x', 'path': f'/data/c{i}'} for i in range(40)]
    status, answer = server.json('PATCH', path, copies, JSON_PATCH)
    assert 400 <= status < 500, answer['message'][:300]


def test_a_json_patch_that_doubles(server, ns, guard):
    """64 copies of the whole into itself would be 2^64 of it."""
    assert server.json('POST', configmaps(ns), configmap('a', data={'x': 'y' * 1000}))[0] == 201
    doubling = [{'op': 'copy', 'from': '/data', 'path': f'/data/c{i}'} for i in range(64)]
    begun = time.monotonic()
    status, _ = server.json('PATCH', configmaps(ns) + '/a', doubling, JSON_PATCH)
    assert 400 <= status < 500 and time.monotonic() - begun < 2
    guard.stop()
    assert guard.grown() < 64


@pytest.mark.parametrize('media, nested', [('application/json', '{"a":'), ('application/json', '['), ('application/yaml', '{a: '), ('application/yaml', '- '),
                                           ('application/yaml', '[')])
def test_depth(server, ns, guard, media, nested):
    closing = {'{': '}', '[': ']', '-': ''}[nested[0]]
    for depth in (1500, 100000, 3 * MB // len(nested) // 2 - 100):
        value = nested * depth + ('1' if nested != '[' else '') + closing * depth
        prefix = '{"metadata":{"name":"deep"},"data":' if media.endswith('json') else 'metadata: {name: deep}\ndata: '
        suffix = '}' if media.endswith('json') else '\n'
        begun = time.monotonic()
        status, headers, data = server.request('POST', configmaps(ns), prefix + value + suffix, {'Content-Type': media})
        assert 400 <= status < 500, (status, data[:300])
        assert time.monotonic() - begun < 3 and len(data) < 10000
    guard.stop()
    assert guard.grown() < 64


@pytest.mark.parametrize('kind', ['lists', 'maps', 'merges', 'one large'])
def test_yaml_aliases(server, ns, guard, kind):
    """A billion laughs: nine levels of ten, or one large thing named very often."""
    if kind == 'one large':
        text = 'a: &a [' + '1,' * 100000 + '1]\nb: [' + '*a,' * 100000 + '*a]\n'
    else:
        lines = ['a0: &a0 ' + {'lists': '["lol","lol"]', 'maps': '{x: lol, y: lol}', 'merges': '{x: lol}'}[kind]]
        for i in range(1, 30):
            names = [f'*a{i - 1}'] * 10
            value = {'lists': '[' + ','.join(names) + ']', 'maps': '{' + ','.join(f'k{j}: {n}' for j, n in enumerate(names)) + '}',
                     'merges': '{<<: [' + ','.join(names) + ']}'}[kind]
            lines.append(f'a{i}: &a{i} {value}')
        text = '\n'.join(lines) + '\n'
    begun = time.monotonic()
    status, _, data = server.request('POST', configmaps(ns) + '?fieldValidation=Ignore', text, YAML)
    assert 400 <= status < 500 and time.monotonic() - begun < 3, data[:300]
    guard.stop()
    assert guard.grown() < 64


def test_a_token_too_long_is_nobodys(server):
    where = urllib.parse.urlparse(server.url)
    with server.stranger().wrap_socket(socket.create_connection((where.hostname, where.port))) as s:
        s.sendall(b'GET /api/v1/pods HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ' + b'a.' * 7000 + b'\r\n\r\n')
        assert s.recv(100).startswith(b'HTTP/1.1 401 ')


def test_many_labels(server, ns):
    """However many labels an object has, each finds it, and however many a selector names."""
    labels = {f'l{i}': 'x' for i in range(100)}
    assert server.json('POST', configmaps(ns), {'metadata': {'name': 'a', 'labels': labels}})[0] == 201
    for i in range(300):
        assert server.json('POST', configmaps(ns), {'metadata': {'name': f'b-{i}', 'labels': {'other': 'y'}}})[0] == 201
    everything = ','.join(f'{name}=x' for name in labels)
    for selector in ['l0=x', 'l50', 'l99=x', 'l31=x,l32=x', everything]:
        status, found = server.json('GET', configmaps(ns) + '?labelSelector=' + selector.replace('=', '%3D').replace(',', '%2C'))
        assert status == 200 and [i['metadata']['name'] for i in found['items']] == ['a'], selector
    assert server.json('GET', configmaps(ns) + '?labelSelector=l99%3Dy')[1]['items'] == []
