"""Clients that ask for much and read nothing: they hold little memory, are ended, and nobody else waits for them."""
import json
import socket
import time

import pytest

CONTENT = 'x' * 740000


def open_unread(server, path, accept='application/json'):
    """A request whose answer nobody reads, with a small buffer in the kernel."""
    connection = server.connection(timeout=20)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.request('GET', path, headers={'Accept': accept})
    return connection


@pytest.fixture(scope='module')
def large(server):
    """Four objects of 740 KB: a list of 3 MB."""
    assert server.json('POST', '/api/v1/namespaces', {'metadata': {'name': 'large'}})[0] == 201
    path = '/api/v1/namespaces/large/configmaps'
    for i in range(4):
        assert server.json('POST', path, {'metadata': {'name': f'large-{i}'}, 'data': {'a': CONTENT}})[0] == 201
    yield path
    assert server.json('DELETE', path)[0] == 200


def test_unread_lists(server, large, guard):
    """100 lists of 3 MB."""
    unread = [open_unread(server, large) for _ in range(100)]
    time.sleep(1)
    guard.stop()
    print(f'+{guard.grown():.1f} MiB, slowest {guard.slowest() * 1000:.0f} ms, {guard.cpu():.2f} s')
    for c in unread:
        c.close()
    assert guard.grown() < 16


@pytest.mark.parametrize('accept', ['application/json', 'application/vnd.kubernetes.protobuf'])
def test_watchers_that_never_read(server, ns, guard, accept):
    """50 of them while 20 MB are written. They are ended when the events that wait for them are gone; one that reads misses nothing."""
    path = f'/api/v1/namespaces/{ns}/configmaps'
    revision = server.json('GET', path)[1]['metadata']['resourceVersion']
    watch = f'{path}?watch=1&resourceVersion={revision}'
    unread = [open_unread(server, watch, accept) for _ in range(50)]
    good = server.connection(timeout=20)
    good.request('GET', watch, headers={'Accept': 'application/json'})
    events = good.getresponse()
    writer = server.connection()
    for i in range(100):
        writer.request('POST', path, json.dumps({'metadata': {'name': f'w-{i}'}, 'data': {'a': 'y' * 200000}}), {'Content-Type': 'application/json'})
        answer = writer.getresponse()
        answer.read()
        assert answer.status == 201
        event = json.loads(events.readline())
        assert (event['type'], event['object']['metadata']['name']) == ('ADDED', f'w-{i}')
    good.close()
    time.sleep(0.5)
    guard.stop()
    print(f'+{guard.grown():.1f} MiB, slowest {guard.slowest() * 1000:.0f} ms, {guard.cpu():.2f} s')
    assert guard.grown() < 40
    ended = 0
    for c in unread:
        size, last = 0, b''
        answer = c.getresponse()
        try:
            while data := answer.read1(65536):
                size, last = size + len(data), data
            ended += 1
        except (OSError, ValueError):
            pass
        c.close()
    assert ended == 50
