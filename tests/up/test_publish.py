"""`kaname cluster publish`: ports of this machine's loopback that lead into the cluster, at any time."""
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest
from program import KANAME

PAGE = '<h1>It runs.</h1>'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def get(port, scheme='http', path='/'):
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    with urllib.request.urlopen(f'{scheme}://127.0.0.1:{port}{path}', timeout=10, context=unchecked) as answer:
        return answer.read().decode()


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0


def words(port, timeout=10):
    """The first bytes of an answer; none when the connection ends without one."""
    with socket.create_connection(('127.0.0.1', port), timeout=timeout) as s:
        s.sendall(b'GET / HTTP/1.0\r\n\r\n')
        try:
            return s.recv(100)
        except ConnectionResetError:
            return b''


@pytest.fixture
def publish(up):
    def run(*targets):
        return json.loads(up.kaname('cluster', 'publish', 'default', *targets, '--output', 'json').stdout)
    yield run
    up.kaname('cluster', 'unpublish', 'default', '--all')


def published(up):
    return {p['port']: p['target'] for p in json.loads(up.kaname('cluster', 'get', 'default', '--output', 'json').stdout)['publishedPorts']}


def test_a_service_is_published_and_given_back(up, publish):
    port = free_port()
    first = publish(f'{port}=service/hello:80')
    assert first['changed'] and first['publishedPorts'] == [
        {'port': port, 'target': 'service/default/hello:80', 'address': f'127.0.0.1:{port}', 'listening': True}]
    assert all(PAGE in get(port) for _ in range(4))
    assert publish(f'{port}=service/default/hello:80')['changed'] is False
    assert published(up) == {port: 'service/default/hello:80'}
    for changed in (True, False):
        assert json.loads(up.kaname('cluster', 'unpublish', 'default', str(port), '--output', 'json').stdout)['changed'] is changed
    assert published(up) == {} and not answers(port)


def low_port():
    for port in range(1023, 900, -1):
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass
    raise AssertionError('no low port is free')


def test_a_port_that_only_root_may_open(up, publish):
    """The region's process isn't root; its deputy opens the port for it, also when the next region finds it published."""
    port = low_port()
    publish(f'{port}=service/hello:80')
    assert PAGE in get(port)
    with open(f'{up.data}/region.pid') as f:
        os.kill(int(f.read().split()[0]), signal.SIGKILL)
    up.kaname('up')
    end = time.monotonic() + 10
    while not answers(port) and time.monotonic() < end:
        time.sleep(0.01)
    assert PAGE in get(port)


def test_connections_go_to_every_ready_pod(up, publish):
    """Each pod tells its name; one that isn't ready gets nothing."""
    up.apply({'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'names'},
              'spec': {'replicas': 3, 'selector': {'matchLabels': {'app': 'names'}}, 'template': {
                  'metadata': {'labels': {'app': 'names'}}, 'spec': {'containers': [{
                      'name': 'c', 'image': 'kaname.local/busybox:1',
                      'readinessProbe': {'exec': {'command': ['test', '!', '-e', '/tmp/unready']}, 'periodSeconds': 1, 'failureThreshold': 1},
                      'command': ['sh', '-c', 'hostname >/www/index.html; exec httpd -f -p 8080 -h /www']}]}}}})
    up.kubectl('expose', 'deployment', 'names', '--port=8000', '--target-port=8080')
    up.kubectl('rollout', 'status', 'deployment/names', '--timeout=60s')
    port = publish('0=service/names')['publishedPorts'][0]['port']
    pods = set(up.kubectl('get', 'pods', '-l', 'app=names', '-o', 'jsonpath={.items[*].metadata.name}').split())
    assert {get(port).strip() for _ in range(9)} == pods
    up.kubectl('exec', min(pods), '--', 'touch', '/tmp/unready')
    up.kubectl('wait', f'pod/{min(pods)}', '--for=condition=Ready=false', '--timeout=30s')
    assert {get(port).strip() for _ in range(9)} == pods - {min(pods)}
    up.kubectl('delete', 'deployment,service', 'names', '--now')


def test_a_node_port_and_the_endpoint(up, publish):
    up.kubectl('expose', 'deployment', 'hello', '--name=by-node', '--type=NodePort', '--port=80', '--target-port=8080')
    node_port = up.json('get', 'service', 'by-node')['spec']['ports'][0]['nodePort']
    node, endpoint = (p['port'] for p in publish(f'0=node:{node_port}', '0=endpoint')['publishedPorts'])
    assert all(PAGE in get(node) for _ in range(4))
    assert json.loads(get(endpoint, 'https', '/version'))['major'] == '1'
    up.kubectl('delete', 'service', 'by-node')


def test_large_answers_and_half_closed_connections(up, publish, pod):
    """A side that has said its last still gets the answer, of 8 MB, to its end."""
    up.kubectl('exec', pod, '--', 'sh', '-c', 'dd if=/dev/zero of=/www/large bs=1M count=8 2>/dev/null')
    port = publish('0=service/hello')['publishedPorts'][0]['port']
    seen = set()
    for _ in range(2):
        with socket.create_connection(('127.0.0.1', port), timeout=20) as s:
            s.sendall(b'GET /large HTTP/1.0\r\n\r\n')
            s.shutdown(socket.SHUT_WR)
            data = b''
            while chunk := s.recv(1 << 20):
                data += chunk
        seen.add(len(data.partition(b'\r\n\r\n')[2]))
    assert max(seen) == 8 << 20, 'one of two pods has the file'
    up.kubectl('exec', pod, '--', 'rm', '/www/large')


def test_silent_connections_to_a_port_leave_the_others_alone(up, publish):
    """A port has 200 connections at a time; the next waits, and other ports' don't."""
    held, other = (p['port'] for p in publish('0=endpoint', '0=service/hello')['publishedPorts'])
    with contextlib.ExitStack() as silent:
        for _ in range(200):
            silent.enter_context(socket.create_connection(('127.0.0.1', held), timeout=10))
        with pytest.raises(TimeoutError):
            words(held, timeout=1)
        assert words(other)
    assert json.loads(get(held, 'https', '/version'))['major'] == '1'


def test_a_service_leads_to_its_own_cluster_only(up, publish, pod):
    """Endpoints that somebody wrote count when the network gave the address to a node or pod of the cluster."""
    def lead_to(address, port):
        up.apply({'apiVersion': 'discovery.k8s.io/v1', 'kind': 'EndpointSlice', 'addressType': 'IPv4',
                  'metadata': {'name': 'written', 'labels': {'kubernetes.io/service-name': 'written'}},
                  'endpoints': [{'addresses': [address]}], 'ports': [{'name': '', 'port': port}]})

    up.apply({'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 'written'}, 'spec': {'ports': [{'port': 80}]}})
    lead_to(up.kubectl('get', pod, '-o', 'jsonpath={.status.podIP}'), 8080)
    port = publish('0=service/written')['publishedPorts'][0]['port']
    assert PAGE in get(port)
    server = up.kubectl('config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}')
    lead_to(up.json('get', 'endpointslices', 'kubernetes')['endpoints'][0]['addresses'][0], int(server.rpartition(':')[2]))
    while b' 200 ' in words(port):
        time.sleep(0.05)  # the pod's: the change isn't seen yet
    with pytest.raises(OSError):
        get(port, 'https', '/version')
    up.kubectl('delete', 'service/written', 'endpointslice/written')


def test_it_survives_restarts(up, publish):
    """kill -9 of the region, and `down`: the next `up` publishes it again, and its first connection waits for the pods."""
    port = free_port()
    publish(f'{port}=service/hello')
    with open(f'{up.data}/region.pid') as f:
        os.kill(int(f.read().split()[0]), 9)
    up.kaname('up')
    assert PAGE in get(port)
    up.kaname('down')
    assert not answers(port)
    up.kaname('up')
    assert PAGE in get(port)


def test_what_is_in_the_way_is_told(up, publish):
    def refused(target, status, reason, text):
        done = up.kaname('cluster', 'publish', 'default', target, '--output', 'json', check=False)
        error = json.loads(done.stdout)['error']
        assert (done.returncode, error['reason']) == (status, reason) and text in error['message'] + error['next'], error

    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        refused(f'{taken.getsockname()[1]}=endpoint', 8, 'KN_PORT_IN_USE', str(taken.getsockname()[1]))
    port = publish('0=endpoint')['publishedPorts'][0]['port']
    refused(f'{port}=service/hello', 4, 'KN_SETTING_DIFFERS', f'cluster unpublish default {port}')
    refused('0=service/a/b/c', 1, 'KN_REJECTED', 'service/NAMESPACE/NAME')
    refused('0=service/default/a,b', 1, 'KN_REJECTED', 'service/NAMESPACE/NAME')
    refused('hello', 2, 'KN_USAGE', 'PORT=TARGET')
    assert published(up) == {port: 'endpoint'}
    done = subprocess.run([KANAME, 'cluster', 'publish', 'missing', '0=endpoint', '--data-dir', up.data], capture_output=True, text=True)
    assert done.returncode == 3 and 'KN_NOT_FOUND' in done.stderr
