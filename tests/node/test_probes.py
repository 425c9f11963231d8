"""Probes of every kind, what they gate and what they cost; hooks; the order in which containers start and end."""
import json
import pathlib
import subprocess
import sys
import time

import pytest
from machine import BUSYBOX, pod

FOREVER = 'trap "exit 0" TERM; while true; do sleep 0.1; done'


class Asked:
    """The server on the node (probed.py) and what it was asked."""
    def __init__(self, machine):
        self.address = machine.hosts['n1']['ip']
        self.folder = machine.directory / 'probed'
        self.folder.mkdir()
        self.serving('')
        (self.folder / 'log').touch()

    def serving(self, service):
        (self.folder / 'serving').write_text(service)

    def requests(self, part):
        lines = [json.loads(line) for line in (self.folder / 'log').read_text().splitlines()]
        return [line for line in lines if part in line.get('path', '') + line.get('grpc', '')]


@pytest.fixture(scope='module')
def asked(machine):
    a = Asked(machine)
    cert, key = a.folder / 'cert.pem', a.folder / 'key.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=nobody',
                    '-keyout', str(key), '-out', str(cert)], check=True, capture_output=True)
    process = machine.start('probed', [sys.executable, str(pathlib.Path(__file__).with_name('probed.py')), a.address, str(cert), str(key), str(a.folder)],
                            machine.hosts['n1']['pid'])
    machine.wait_ready('probed', process)
    yield a
    process.kill()
    process.wait()


def events(machine, name):
    found = machine.get('events', '--field-selector', f'involvedObject.name={name}')['items']
    return [(e['reason'], e['message']) for e in found]


def delete(machine, *names):
    machine.kubectl('delete', 'pod', *names)


def ready(machine, name):
    return machine.condition('pod', name, 'Ready') == 'True'


def probe(**more):
    return {'periodSeconds': 1, 'failureThreshold': 1, **more}


def test_a_probe_that_cannot_be_tried_says_nothing(machine):
    """As in the original: what can't be run is no failure of the container."""
    machine.apply(pod('untried', main={'livenessProbe': probe(exec={'command': ['/not/there']})}))
    told = 'Liveness probe errored and resulted in unknown state: rpc error: code = Unknown desc = failed to exec in container'
    machine.wait(lambda: len([m for _, m in events(machine, 'untried') if m.startswith(told)]) > 0, 10, 'the error is told')
    time.sleep(2.5)
    assert machine.get('pod', 'untried')['status']['containerStatuses'][0]['restartCount'] == 0
    delete(machine, 'untried')


def test_http_and_https(machine, asked):
    get = lambda path, **more: {'httpGet': {'host': asked.address, 'port': 8081, 'path': path, **more}}  # noqa: E731
    machine.apply(
        pod('plain', main={'readinessProbe': probe(**get('/plain?x=1', httpHeaders=[{'name': 'X-Test', 'value': 'a b'}, {'name': 'Host', 'value': 'other.example'}]))}),
        pod('secure', main={'readinessProbe': probe(**get('/secure', scheme='HTTPS', port=8443, httpHeaders=[{'name': 'User-Agent', 'value': 'mine'}]))}),
        pod('named', main={'ports': [{'name': 'web', 'containerPort': 8081}], 'readinessProbe': probe(**get('/named', port='web'))}),
        pod('refused', main={'readinessProbe': probe(**get('/code/404'))}),
        pod('elsewhere', main={'readinessProbe': probe(**get('/code/399'))}))
    for name in ('plain', 'secure', 'named', 'elsewhere'):
        machine.wait_ready_pod(name, 10)
    request = asked.requests('/plain')[0]
    headers = {name.lower(): value for name, value in request['headers'].items()}
    assert request['path'] == '/plain?x=1' and headers['x-test'] == 'a b' and headers['host'] == 'other.example'
    assert headers['user-agent'] == 'kube-probe/1.36' and headers['accept'] == '*/*'
    request = asked.requests('/secure')[0]
    assert request['tls'] and request['headers']['User-Agent'] == 'mine'
    machine.wait(lambda: ('Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 404') in events(machine, 'refused'), 5, 'the failure is told')
    assert not ready(machine, 'refused')
    delete(machine, 'plain', 'secure', 'named', 'refused', 'elsewhere')


def test_redirects_are_followed_on_the_same_host_only(machine, asked):
    get = lambda path: {'httpGet': {'host': asked.address, 'port': 8081, 'path': path}}  # noqa: E731
    machine.apply(
        pod('follows', main={'readinessProbe': probe(**get('/to//followed'))}),
        pod('fails', main={'readinessProbe': probe(**get('/to//code/500'))}),
        pod('leaves', main={'readinessProbe': probe(**get('/to/http:%2f%2f192.0.2.1%2fx'))}),
        pod('circles', main={'readinessProbe': probe(**get('/to/%2fto%2f%2fcircle'))}))
    for name in ('follows', 'leaves'):
        machine.wait_ready_pod(name, 10)
    assert asked.requests('/followed')
    machine.wait(lambda: ('Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 500') in events(machine, 'fails'), 5, 'the target counts')
    machine.wait(lambda: any(r == 'ProbeWarning' and m.startswith('Readiness probe warning: Probe terminated redirects') for r, m in events(machine, 'leaves')), 5,
                 'a warning')
    delete(machine, 'follows', 'fails', 'leaves', 'circles')


def test_grpc(machine, asked):
    asked.serving('good')
    machine.apply(*(pod(name, hostNetwork=True, main={'readinessProbe': probe(grpc={'port': 8082, 'service': service})})
                    for name, service in (('healthy', 'good'), ('sick', 'bad'))),
                  pod('nobody', main={'readinessProbe': probe(grpc={'port': 8082})}))
    machine.wait_ready_pod('healthy', 10)
    machine.wait(lambda: asked.requests('bad'), 10, 'it was asked')
    machine.wait(lambda: ('Unhealthy', 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")') in events(machine, 'sick'), 5, 'the failure is told')
    assert not ready(machine, 'sick') and not ready(machine, 'nobody')
    asked.serving('bad')
    machine.wait_ready_pod('sick', 5)
    machine.wait(lambda: not ready(machine, 'healthy'), 5, 'not ready any more')
    asked.serving('')
    delete(machine, 'healthy', 'sick', 'nobody')


def test_tcp(machine, asked):
    machine.apply(pod('listens', command=f'httpd -p 9000 -h /www; {FOREVER}',
                      main={'readinessProbe': probe(tcpSocket={'port': 9000})}),
                  pod('deaf', main={'readinessProbe': probe(tcpSocket={'port': 9000})}))
    machine.wait_ready_pod('listens', 10)
    machine.wait(lambda: any(r == 'Unhealthy' and 'refused' in m for r, m in events(machine, 'deaf')), 10, 'refused')
    assert not ready(machine, 'deaf')
    delete(machine, 'listens', 'deaf')


def test_a_startup_probe_holds_the_others_back(machine):
    machine.apply(pod('slow', main={'startupProbe': probe(exec={'command': ['test', '-e', '/tmp/up']}, failureThreshold=30),
                                    'livenessProbe': probe(exec={'command': ['false']}), 'readinessProbe': probe(exec={'command': ['true']})}),
                  pod('never', main={'startupProbe': probe(exec={'command': ['false']}, failureThreshold=2)}))
    machine.wait(lambda: machine.container('slow').get('state', {}).get('running'), 10, 'it runs')
    time.sleep(2.5)
    slow = machine.container('slow')
    assert not slow['started'] and not slow['ready'] and slow['restartCount'] == 0
    machine.exec('slow', 'touch', '/tmp/up')
    machine.wait(lambda: machine.container('slow')['restartCount'] == 1, 10, 'now the liveness probe counts')
    assert ('Killing', 'Stopping container main: Container main failed liveness probe, will be restarted') in events(machine, 'slow')
    machine.wait(lambda: machine.container('never')['restartCount'] >= 1, 10, 'one that never starts is restarted')
    delete(machine, 'slow', 'never')


def test_a_probe_has_a_grace_of_its_own(machine):
    machine.apply(pod('stubborn', command='trap "" TERM; while true; do sleep 0.1; done', terminationGracePeriodSeconds=60,
                      main={'livenessProbe': probe(exec={'command': ['false']}, initialDelaySeconds=1, terminationGracePeriodSeconds=1)}))
    machine.wait_ready_pod('stubborn', 10)
    machine.wait(lambda: machine.container('stubborn')['restartCount'] == 1, 10, 'it is killed after a second')
    machine.kubectl('delete', 'pod', 'stubborn', '--grace-period=1')


def test_hooks(machine, asked):
    get = lambda path: {'httpGet': {'host': asked.address, 'port': 8081, 'path': path, 'httpHeaders': [{'name': 'X-Hook', 'value': 'yes'}]}}  # noqa: E731
    machine.apply(
        pod('called', terminationGracePeriodSeconds=10, main={'lifecycle': {'postStart': get('/hook/post'), 'preStop': get('/hook/pre')}}),
        pod('sleeps', terminationGracePeriodSeconds=10, main={'lifecycle': {'postStart': {'sleep': {'seconds': 1}}, 'preStop': {'sleep': {'seconds': 2}}}}),
        pod('broken', main={'lifecycle': {'postStart': {'exec': {'command': ['sh', '-c', 'exit 3']}}}}),
        pod('endless', terminationGracePeriodSeconds=2, main={'lifecycle': {'preStop': {'exec': {'command': ['sleep', '100']}}}}))
    for name in ('called', 'sleeps', 'endless'):
        machine.wait_ready_pod(name, 10)
    assert asked.requests('/hook/post')[0]['headers']['X-Hook'] == 'yes' and not asked.requests('/hook/pre')
    machine.wait(lambda: machine.container('broken').get('restartCount', 0) >= 1, 10, 'a hook that fails costs the container')
    assert any(r == 'FailedPostStartHook' for r, _ in events(machine, 'broken'))
    delete(machine, 'called')
    assert asked.requests('/hook/pre')
    began = time.time()
    delete(machine, 'sleeps')
    assert 2 <= time.time() - began < 5
    began = time.time()
    delete(machine, 'endless')
    assert 2 <= time.time() - began < 7  # the grace, and two seconds for the container
    began = time.time()
    delete(machine, 'broken')  # in its back-off
    assert time.time() - began < 4


def test_sidecars_start_first_and_end_last(machine):
    shared = [{'name': 'v', 'mountPath': '/v'}]
    say = 'echo {0} start >>/v/log; trap "echo {0} end >>/v/log; exit 0" TERM; while true; do sleep 0.05; done'

    def container(name, **more):
        return {'name': name, 'image': BUSYBOX, 'command': ['sh', '-c', say.format(name)], 'volumeMounts': shared, **more}
    sidecar = {'restartPolicy': 'Always'}
    machine.apply(pod('crew', terminationGracePeriodSeconds=10, volumes=[{'name': 'v', 'hostPath': {'path': '/var/lib/crew', 'type': 'DirectoryOrCreate'}}],
                      initContainers=[container('one', **sidecar, startupProbe=probe(exec={'command': ['grep', '-q', 'one start', '/v/log']})),
                                      {'name': 'init', 'image': BUSYBOX, 'command': ['sh', '-c', 'echo init >>/v/log'], 'volumeMounts': shared},
                                      container('two', **sidecar)],
                      containers=[container('main')]))
    machine.wait_ready_pod('crew', 15)
    log = lambda: machine.inside('n1', 'cat', '/var/lib/crew/log').splitlines()  # noqa: E731
    machine.wait(lambda: 'main start' in log(), 5, 'it started')
    assert log() == ['one start', 'init', 'two start', 'main start']
    # One that ends is started again while the others run on.
    machine.kubectl('exec', 'crew', '-c', 'two', '--', 'kill', '1')
    machine.wait(lambda: machine.container('crew', 2, 'initContainerStatuses').get('restartCount') == 1, 10, 'started again')
    machine.wait_ready_pod('crew', 15)
    assert machine.container('crew')['restartCount'] == 0
    delete(machine, 'crew')
    assert log()[-3:] == ['main end', 'two end', 'one end']
