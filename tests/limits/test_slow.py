"""Clients that are slow or silent are ended when their time is over, and hold next to no memory meanwhile.

All of them begin with the first test of the folder and are looked at here, by the last ones: their half minute passes meanwhile."""
import selectors
import socket
import ssl
import threading
import time
import urllib.parse

import pytest

from frames import PREFACE, Connection

EACH = 50


class Slow(threading.Thread):
    """Keeps connections of some kind, feeds them every half second, and notes when each ended."""

    def __init__(self, server, opener, feed):
        super().__init__(daemon=True)
        self.ended, self.feed, self.data, self.begun = [], feed, [], {}
        for _ in range(EACH):
            begun = time.monotonic()
            self.begun[opener(server)] = begun

    def run(self):
        selector = selectors.DefaultSelector()
        for s in self.begun:
            s.setblocking(False)
            selector.register(s, selectors.EVENT_READ)
        fed, over = 0.0, time.monotonic() + 60
        while len(self.ended) < EACH and time.monotonic() < over:
            for key, _ in selector.select(0.1):
                try:
                    data = key.fileobj.recv(65536)
                except (ssl.SSLWantReadError, BlockingIOError):
                    continue
                except OSError:
                    data = b''
                self.data.append(data)
                if not data:
                    selector.unregister(key.fileobj)
                    self.ended.append(time.monotonic() - self.begun[key.fileobj])
            if self.feed and time.monotonic() - fed > 0.5:
                fed = time.monotonic()
                for key in list(selector.get_map().values()):
                    try:
                        key.fileobj.send(self.feed)
                    except OSError:
                        pass
        for s in self.begun:
            s.close()


def tcp(server):
    where = urllib.parse.urlparse(server.url)
    return socket.create_connection((where.hostname, where.port))


def half_hello(server):
    s = tcp(server)
    s.sendall(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')
    return s


def tls(server):
    return server.stranger().wrap_socket(tcp(server))


def half_head(server):
    s = tls(server)
    s.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n')
    return s


def http2(server, text=PREFACE):
    context = server.stranger()
    context.set_alpn_protocols(['h2'])
    s = context.wrap_socket(tcp(server))
    s.sendall(text)
    return s


# What opens it, what is sent twice a second, after how many seconds it is over.
KINDS = {'nothing': (tcp, None, 32), 'half a hello': (half_hello, None, 32), 'no request': (tls, None, 32), 'slow head': (half_head, b'X-A: b\r\n', 32),
         'http2 without settings': (http2, None, 10), 'half a preface': (lambda s: http2(s, PREFACE[:10]), None, 10)}


@pytest.fixture(scope='session', autouse=True)
def slow(server):
    before = server.rss()
    running = {name: Slow(server, opener, feed) for name, (opener, feed, _) in KINDS.items()}
    for s in running.values():
        s.start()
    time.sleep(0.3)
    running['grown'] = server.rss() - before
    return running


def test_what_they_hold(slow):
    assert slow['grown'] * 1024 / (EACH * len(KINDS)) < 40  # KiB each, TLS included


@pytest.mark.parametrize('name', KINDS)
def test_their_time_is_over(slow, name):
    s, seconds = slow[name], KINDS[name][2]
    s.join(70)
    assert len(s.ended) == EACH, f'{EACH - len(s.ended)} are still there'
    assert min(s.ended) > seconds - 1 and max(s.ended) < seconds + 8, (min(s.ended), max(s.ended))
    assert not any(b'200' in d for d in s.data)


def test_a_connection_lives_on_after_its_first_request(server):
    """The time for a head isn't one for a connection: this one is idle, and may be."""
    connection = Connection(server)
    connection.get(1)
    assert connection.answers(1)[1][0] == 200
    time.sleep(0.5)
    connection.get(3)
    assert connection.answers(1)[3][0] == 200
    connection.close()
