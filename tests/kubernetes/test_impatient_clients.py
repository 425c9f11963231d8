"""Clients that leave while their node is still being asked: nothing of them stays, neither here nor towards the node."""
import socket
import threading
import time

import pytest

WEBSOCKET = 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: '
REQUESTS = {
    'websocket': ('GET', 'exec?command=a&stdout=true&container=c', WEBSOCKET + 'v5.channel.k8s.io\r\n'),
    'tunnel': ('GET', 'portforward?ports=80', WEBSOCKET + 'SPDY/3.1+portforward.k8s.io\r\n'),
    'spdy': ('POST', 'exec?command=a&stdout=true&container=c', 'Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n')}


@pytest.fixture
def silent_node(server, ns):
    """A node whose port takes connections and says nothing."""
    listener, taken = socket.create_server(('127.0.0.1', 0)), []

    def accept():
        try:
            while True:
                taken.append(listener.accept()[0])
        except OSError:
            pass
    threading.Thread(target=accept, daemon=True).start()
    server.kubectl('create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': ns}})
    server.json('PATCH', f'/api/v1/nodes/{ns}/status', {'status': {
        'addresses': [{'type': 'InternalIP', 'address': '127.0.0.1'}],
        'daemonEndpoints': {'kubeletEndpoint': {'Port': listener.getsockname()[1]}}}}, {'Content-Type': 'application/merge-patch+json'})
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'p'}, 'spec': {
        'nodeName': ns, 'containers': [{'name': 'c', 'image': 'none'}]}})
    yield taken
    listener.shutdown(socket.SHUT_RDWR)
    server.kubectl('-n', ns, 'delete', 'pod', 'p', '--force', '--grace-period=0')
    server.kubectl('delete', 'node', ns)


@pytest.mark.parametrize('kind', REQUESTS)
def test_leaving_early(server, ns, silent_node, kind):
    method, path, headers = REQUESTS[kind]
    for patience in (0, 0.02, 0.2):
        for _ in range(3):
            connection = server.context.wrap_socket(socket.create_connection(('127.0.0.1', int(server.url.rsplit(':', 1)[1]))))
            connection.sendall((f'{method} /api/v1/namespaces/{ns}/pods/p/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n'
                                f'Content-Length: 0\r\n{headers}\r\n').encode())
            time.sleep(patience)
            connection.close()
    assert silent_node
    for connection in list(silent_node):
        connection.settimeout(5)
        while connection.recv(4096):  # a greeting; then its end
            pass
    assert server.json('GET', f'/api/v1/namespaces/{ns}/pods/p')[0] == 200
