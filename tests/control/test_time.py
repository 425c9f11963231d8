"""What controllers do when time passes, on a control plane whose clock the test moves. Nobody runs its nodes."""
import time
import uuid

import pytest
from kubelet import wait_for
from shimmed import Shimmed

MERGE = {'Content-Type': 'application/merge-patch+json'}


@pytest.fixture(scope='module')
def clock(tmp_path_factory):
    s = Shimmed(tmp_path_factory.mktemp('time'))
    wait_for(lambda: s.json('GET', '/api/v1/namespaces/default/serviceaccounts/default')[0] == 200)
    yield s
    assert s.alive() and s.stop() == 0


@pytest.fixture
def nodes(clock):
    made = []

    def add(*names, ready='True', taints=()):
        for name in names:
            made.append(name)
            assert clock.json('POST', '/api/v1/nodes', {'metadata': {'name': name}, 'spec': {'taints': list(taints)}})[0] == 201
            beat(clock, name, ready)
    yield add
    for name in made:
        clock.json('DELETE', f'/api/v1/nodes/{name}')


def beat(clock, name, ready='True'):
    now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(clock.now()))
    status, answer = clock.json('PATCH', f'/api/v1/nodes/{name}/status', {'status': {'conditions': [
        {'type': 'Ready', 'status': ready, 'reason': 'Test', 'message': '', 'lastHeartbeatTime': now, 'lastTransitionTime': now}]}}, MERGE)
    assert status == 200, answer


def ready(clock, name):
    conditions = clock.json('GET', f'/api/v1/nodes/{name}')[1]['status']['conditions']
    return next(c['status'] for c in conditions if c['type'] == 'Ready')


def executes(clock, name):
    """Keys of its NoExecute taints."""
    return {t['key'] for t in clock.json('GET', f'/api/v1/nodes/{name}')[1]['spec'].get('taints', []) if t['effect'] == 'NoExecute'}


def add_pod(clock, node, **spec):
    name = 'p-' + uuid.uuid4().hex[:8]
    status, made = clock.json('POST', '/api/v1/namespaces/default/pods', {'metadata': {'name': name}, 'spec': {
        'nodeName': node, 'containers': [{'name': 'c', 'image': 'i'}], **spec}})
    assert status == 201, made
    return f'/api/v1/namespaces/default/pods/{name}'


def leaves(clock, path):
    status, pod = clock.json('GET', path)
    return status == 404 or 'deletionTimestamp' in pod['metadata']


def test_one_silent_node_is_left_by_its_pods(clock, nodes):
    nodes('silent', 'sound')
    clock.later(20)
    beat(clock, 'sound')
    clock.later(35)
    beat(clock, 'sound')
    wait_for(lambda: ready(clock, 'silent') == 'Unknown')
    wait_for(lambda: executes(clock, 'silent') == {'node.kubernetes.io/unreachable'})
    assert ready(clock, 'sound') == 'True' and executes(clock, 'sound') == set()


def test_of_several_taints_the_least_patience_counts(clock, nodes):
    nodes('bad', taints=[{'key': 'a', 'effect': 'NoExecute'}, {'key': 'b', 'effect': 'NoExecute'}])
    patience = [{'key': 'a', 'operator': 'Exists', 'effect': 'NoExecute', 'tolerationSeconds': 20},
                {'key': 'b', 'operator': 'Exists', 'effect': 'NoExecute', 'tolerationSeconds': 200}]
    pod, forever = add_pod(clock, 'bad', tolerations=patience), add_pod(clock, 'bad', tolerations=[{'operator': 'Exists'}])
    clock.later(15)
    time.sleep(0.2)
    assert not leaves(clock, pod)
    clock.later(10)
    wait_for(lambda: leaves(clock, pod))
    assert not leaves(clock, forever)


def test_pods_of_a_node_out_of_service_are_removed_once_it_is_not_ready(clock, nodes):
    nodes('broken', 'other')
    pod = add_pod(clock, 'broken', tolerations=[{'operator': 'Exists'}])
    assert clock.json('DELETE', pod)[0] == 200
    out = {'key': 'node.kubernetes.io/out-of-service', 'value': 'nodeshutdown', 'effect': 'NoExecute'}
    assert clock.json('PATCH', '/api/v1/nodes/broken', {'spec': {'taints': [out]}}, MERGE)[0] == 200
    time.sleep(0.3)
    assert clock.json('GET', pod)[0] == 200
    beat(clock, 'broken', 'False')
    wait_for(lambda: clock.json('GET', pod)[0] == 404)


def test_a_pod_of_a_node_that_is_gone_waits_for_it_a_while(clock, nodes):
    nodes('gone')
    pod = add_pod(clock, 'gone')
    assert clock.json('DELETE', '/api/v1/nodes/gone')[0] == 200
    clock.later(30)
    time.sleep(0.2)
    assert clock.json('GET', pod)[0] == 200
    clock.later(15)
    wait_for(lambda: clock.json('GET', pod)[0] == 404)


def test_finished_jobs_stay_for_their_time(clock):
    path = '/apis/batch/v1/namespaces/default/jobs'
    status, made = clock.json('POST', path, {'metadata': {'name': 'done'}, 'spec': {
        'completions': 0, 'parallelism': 0, 'ttlSecondsAfterFinished': 100, 'template': {'spec': {
            'restartPolicy': 'Never', 'containers': [{'name': 'c', 'image': 'i'}]}}}})
    assert status == 201, made
    wait_for(lambda: any(c['type'] == 'Complete' for c in clock.json('GET', f'{path}/done')[1]['status'].get('conditions', [])))
    clock.later(90)
    time.sleep(0.2)
    assert clock.json('GET', f'{path}/done')[0] == 200
    clock.later(15)
    wait_for(lambda: clock.json('GET', f'{path}/done')[0] == 404)
