"""Limits of time, with a clock that the test moves and a disk that it halts."""
import json
import re
import ssl
import time

import pytest

import frames
from frames import DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, Connection, frame, request
from shimmed import Shimmed

CONFIGMAPS = '/api/v1/namespaces/default/configmaps'


@pytest.fixture(scope='module')
def timed(tmp_path_factory):
    s = Shimmed(tmp_path_factory.mktemp('timed'), components='api')
    yield s
    assert s.alive() and s.stop() == 0


def ask(server, method, path, body=None):
    connection = server.connection(timeout=10)
    connection.request(method, path, json.dumps(body) if body else None, {'Content-Type': 'application/json', 'Accept': 'application/json'})
    return connection


def answer(connection):
    got = connection.getresponse()
    data = json.loads(got.read())
    connection.close()
    return got.status, data, got.headers


def is_open(connection):
    connection.sock.settimeout(0.2)
    try:
        return connection.sock.recv(1) != b''
    except (TimeoutError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        connection.sock.settimeout(10)


def eventually(server, said):
    """Until the metrics say so: a predicate of them."""
    until = time.monotonic() + 20
    while not said(server.request('GET', '/metrics')[2]):
        assert time.monotonic() < until
        time.sleep(0.05)


def told_to_come_back(count):
    return lambda metrics: sum(map(int, re.findall(rb'^apiserver_request_total{.*code="429"} (\d+)$', metrics, re.M))) == count


def make(server, name):
    status, made = server.json('POST', CONFIGMAPS, {'metadata': {'name': name}, 'data': {'a': 'b'}})
    assert status == 201
    return made


def test_a_request_that_waits_is_told_504(timed):
    with timed.hung_disk():
        waits = ask(timed, 'POST', CONFIGMAPS, {'metadata': {'name': 'waits'}})
        timed.later(58)
        assert is_open(waits)
        timed.later(3)
        status, told, _ = answer(waits)
        assert (status, told['reason'], told['message']) == (504, 'Timeout', 'Timeout: request did not complete within the allotted timeout')
    assert timed.json('GET', CONFIGMAPS + '/waits')[0] == 200


def test_nothing_is_acknowledged_while_the_disk_hangs(timed):
    with timed.hung_disk():
        waits = ask(timed, 'POST', CONFIGMAPS, {'metadata': {'name': 'waits-2'}})
        reads = ask(timed, 'GET', CONFIGMAPS + '/waits-2')
        other = timed.json('GET', '/api/v1/namespaces/default')
        waits.sock.settimeout(0.3)
        reads.sock.settimeout(0.3)
        for connection in (waits, reads):
            with pytest.raises(TimeoutError):
                connection.sock.recv(1)
            connection.sock.settimeout(10)
        assert other[0] == 200
    assert answer(waits)[0] == 201 and answer(reads)[0] == 200


def test_many_in_flight_are_told_to_come_back(timed):
    """Writes that wait for the disk are counted: beyond 200 the next are told 429 and when to try again, and so are reads beyond 400. Watches
    aren't counted, and administrators not counted out."""
    head = [('authorization', 'Bearer ' + timed.token('crowd', role='cluster-admin')), ('content-type', 'application/json')]
    writers, readers = ([Connection(timed, timed.stranger()) for _ in range(2)] for _ in range(2))
    with timed.hung_disk():
        for n, c in enumerate(writers):
            posts = b''
            for i in range(120):
                body = json.dumps({'metadata': {'name': f'crowd-{n}-{i}'}}).encode()
                posts += frame(HEADERS, END_HEADERS, 2 * i + 1, request('POST', CONFIGMAPS, *head)) + frame(DATA, END_STREAM, 2 * i + 1, body)
            c.send(posts)
        eventually(timed, told_to_come_back(40))
        assert b'apiserver_current_inflight_requests{request_kind="mutating"} 200\n' in timed.request('GET', '/metrics')[2]
        light = Connection(timed, timed.stranger())
        light.get(1, '/api/v1/namespaces/kube-system', *head[:1])
        assert light.answers(1)[1][0] == 200
        for c in readers:
            for i in range(220):
                c.get(2 * i + 1, CONFIGMAPS + '/crowd-0-0', *head[:1])
        eventually(timed, told_to_come_back(80))
        in_flight = timed.request('GET', '/metrics')[2]
        assert b'apiserver_current_inflight_requests{request_kind="readOnly"} 401\n' in in_flight  # with the one who asks this
        watches = Connection(timed, timed.stranger())
        watches.get(1, CONFIGMAPS + '?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=x', *head[:1])
        mine = ask(timed, 'POST', CONFIGMAPS, {'metadata': {'name': 'mine'}})
    assert watches.answers(1)[1][0] == 200
    for connections, each, taken in ((writers, 120, [201] * 200), (readers, 220, [200] * 400)):
        answers = [a for c in connections for a in c.answers(each).values()]
        assert sorted(code for code, _ in answers) == taken + [429] * 40
        told = json.loads(next(body for code, body in answers if code == 429))
        assert (told['reason'], told['details']) == ('TooManyRequests', {'retryAfterSeconds': 1})
        assert told['message'] == 'Too many requests, please try again later.'
    for c in (*writers, *readers, watches, light):
        c.close()
    assert answer(mine)[0] == 201
    assert timed.json('DELETE', CONFIGMAPS)[0] == 200


def test_idle_connections_end(timed):
    kept, second = timed.connection(timeout=10), Connection(timed)
    kept.request('GET', '/readyz')
    assert kept.getresponse().read() == b'ok'
    second.get(1)
    second.answers(1)
    timed.later(80)
    assert is_open(kept)
    timed.later(15)
    assert not is_open(kept)
    assert second.answers() == {} and second.goaway == 0


def test_a_body_that_does_not_come(timed):
    slow, second = timed.connection(timeout=10), Connection(timed)
    slow.putrequest('POST', CONFIGMAPS)
    slow.putheader('Content-Length', '100')
    slow.endheaders(b'{"metadata":')
    second.send(frame(HEADERS, END_HEADERS, 1, request('POST', CONFIGMAPS)) + frame(DATA, 0, 1, b'{'))
    timed.later(58)
    assert is_open(slow)
    timed.later(4)
    assert slow.getresponse().status == 408
    assert second.answers(1)[1][0] == 408
    slow.close()
    second.close()


def test_a_body_that_drips(timed):
    """A byte now and then doesn't make the time longer; what else its connection asks is answered meanwhile and later."""
    slow, second = timed.connection(timeout=10), Connection(timed)
    slow.putrequest('POST', CONFIGMAPS)
    slow.putheader('Content-Length', '100')
    slow.endheaders(b'{')
    second.send(frame(HEADERS, END_HEADERS, 1, request('POST', CONFIGMAPS)))
    for i in range(5):
        slow.send(b' ')
        second.send(frame(DATA, 0, 1, b' '))
        timed.later(11)
        second.get(2 * i + 3)
        assert second.answers(1)[2 * i + 3] == (200, b'ok')
    assert is_open(slow)
    timed.later(6)
    assert slow.getresponse().status == 408
    assert second.answers(1)[1][0] == 408
    second.get(13)
    assert second.answers(2) == {1: (-frames.NO_ERROR, b''), 13: (200, b'ok')} and second.goaway is None
    slow.close()
    second.close()


def test_a_body_that_was_refused(timed):
    """It is answered once: that its rest doesn't come is no second fault, and the connection lives on."""
    second = Connection(timed)
    second.send(frame(HEADERS, END_HEADERS, 1, request('POST', CONFIGMAPS, ('content-length', str(4 << 20)))) + frame(DATA, 0, 1, b' ' * 1000))
    assert second.answers(1)[1][0] == 413
    timed.later(62)
    second.get(3)
    assert second.answers(2) == {1: (-frames.NO_ERROR, b''), 3: (200, b'ok')} and second.goaway is None
    second.close()


def test_watches_end_after_half_an_hour_or_later(timed):
    path = CONFIGMAPS + '?watch=1&allowWatchBookmarks=true&resourceVersion='
    revision = timed.json('GET', CONFIGMAPS)[1]['metadata']['resourceVersion']
    watches = [ask(timed, 'GET', path + revision) for _ in range(20)]
    streams = [w.getresponse() for w in watches]
    timed.later(62)
    assert all(json.loads(s.readline())['type'] == 'BOOKMARK' for s in streams)  # once a minute
    timed.later(1720)  # less than 30 minutes in all
    made = make(timed, 'seen')
    for s in streams:
        event = json.loads(s.readline())
        while event['type'] == 'BOOKMARK':
            event = json.loads(s.readline())
        assert event['object']['metadata']['resourceVersion'] == made['metadata']['resourceVersion']
    timed.later(1900)  # more than an hour in all
    for s in streams:
        rest = [json.loads(line) for line in s.read().splitlines()]
        assert all(e['type'] == 'BOOKMARK' for e in rest) and rest  # the last thing said is how far it was
    for w in watches:
        w.close()


def test_list_tokens_live_five_minutes(timed):
    for i in range(3):
        make(timed, f'page-{i}')

    def first_page():
        return timed.json('GET', CONFIGMAPS + '?limit=1')[1]['metadata']['continue']
    token = first_page()
    timed.later(200)
    make(timed, 'later-1')
    assert timed.json('GET', CONFIGMAPS + f'?limit=1&continue={token}')[0] == 200
    token = first_page()
    for i in range(40):
        timed.later(20)
        for j in range(10):
            make(timed, f'later-{i}-{j}')
    status, told = timed.json('GET', CONFIGMAPS + f'?limit=1&continue={token}')
    assert (status, told['reason']) == (410, 'Expired') and told['metadata']['continue']
    assert timed.json('GET', CONFIGMAPS + f'?limit=1&continue={told["metadata"]["continue"]}')[0] == 200


def test_a_revision_long_gone_is_410(timed):
    status, told = timed.json('GET', CONFIGMAPS + '?resourceVersion=3&resourceVersionMatch=Exact')
    assert (status, told['reason']) == (410, 'Expired')
    connection = ask(timed, 'GET', CONFIGMAPS + '?watch=1&resourceVersion=3')
    event = json.loads(connection.getresponse().readline())
    connection.close()
    assert (event['type'], event['object']['code'], event['object']['reason']) == ('ERROR', 410, 'Expired')


def test_an_answer_that_nobody_takes_is_given_up(timed):
    """A list of some MB, of which the peer takes nothing for 90 s."""
    for i in range(8):
        assert timed.json('POST', CONFIGMAPS, {'metadata': {'name': f'large-{i}'}, 'data': {'a': 'x' * 900000}})[0] == 201
    before = timed.rss()
    stuck = Connection(timed, settings=b'\0\4\0\0\0\0')  # no window for streams
    for i in range(20):
        stuck.get(2 * i + 1, CONFIGMAPS)
    for _ in range(4):
        timed.later(50)
    assert timed.rss() - before < 20
    answers = stuck.answers()
    assert len(answers) == 20 and all(body == b'' for _, body in answers.values()) and stuck.goaway in (0, ENHANCE_YOUR_CALM)
