"""How many connections one remote address may have. The machine's own processes, at 127.0.0.1, aren't held to it."""
import os
import resource
import socket
import ssl
import subprocess
import sys
import urllib.parse

import pytest

from server import Server

LIMIT = 4096
HOSTS = ('10.9.9.1', '10.9.9.2')  # both this machine's, in a network namespace of its own


def dial(port, source):
    return socket.create_connection((HOSTS[0], port), timeout=10, source_address=(source, 0))


def is_served(connection):
    """Whether a TLS handshake goes through."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(connection).close()
        return True
    except OSError:
        return False


class Reached(Server):
    address = '0.0.0.0'


def attack(directory):
    """In the namespace: as many as there may be, and one more."""
    server = Reached(directory, components='api')
    port = urllib.parse.urlparse(server.url).port
    many = [dial(port, HOSTS[0]) for _ in range(LIMIT)]
    refused, other = dial(port, HOSTS[0]), dial(port, HOSTS[1])
    assert not is_served(refused)
    assert is_served(other) and server.request('GET', '/readyz')[0] == 200
    assert is_served(many.pop()) and is_served(many.pop(0))
    for connection in many[:10]:
        connection.close()
    for _ in range(100):
        again = dial(port, HOSTS[0])
        if is_served(again):
            break
        again.close()
    else:
        raise AssertionError('places that became free are not given out')
    for connection in many:
        connection.close()
    assert server.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason='makes a network namespace')
def test_connections_of_an_address(tmp_path):
    files = 2 * (LIMIT + 500)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < files:
        pytest.skip('too few files a process')
    addresses = ''.join(f'ip address add {host}/32 dev lo; ' for host in HOSTS)
    done = subprocess.run(['unshare', '--net', '/bin/sh', '-ec', f'ip link set lo up; {addresses} ulimit -n {files}; '
                           f'exec "{sys.executable}" "{os.path.abspath(__file__)}" "{tmp_path}"'],
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]


if __name__ == '__main__':
    attack(sys.argv[1])
