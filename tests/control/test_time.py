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


def in_default(clock, plural, **labels):
    selector = ','.join(f'{name}%3D{value}' for name, value in labels.items())
    return clock.json('GET', f'/api/v1/namespaces/default/{plural}?labelSelector={selector}')[1]['items']


def set_status(clock, path, **status):
    assert clock.json('PATCH', path + '/status', {'status': status}, MERGE)[0] == 200


def before(clock, seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(clock.now() - seconds))


class Daemon:
    """A DaemonSet of one pod, which fails as the test says."""

    def __init__(self, clock):
        self.clock, self.path = clock, '/apis/apps/v1/namespaces/default/daemonsets'
        status, made = clock.json('POST', self.path, {'metadata': {'name': 'fails'}, 'spec': {
            'selector': {'matchLabels': {'app': 'fails'}}, 'updateStrategy': {'type': 'OnDelete'}, 'template': {
                'metadata': {'labels': {'app': 'fails'}}, 'spec': {'containers': [{'name': 'c', 'image': 'i'}], 'tolerations': [{'operator': 'Exists'}]}}}})
        assert status == 201, made
        self.path += '/fails'

    def pod(self):
        found = [p for p in in_default(self.clock, 'pods', app='fails') if 'deletionTimestamp' not in p['metadata']]
        return found[0] if len(found) == 1 else None

    def fail(self):
        self.failed = wait_for(lambda: (lambda p: p if p and p['status'].get('phase') == 'Pending' else None)(self.pod()))['metadata']
        set_status(self.clock, f'/api/v1/namespaces/default/pods/{self.failed["name"]}', phase='Failed')

    def replaced(self):
        now = self.pod()
        return now and now['metadata']['uid'] != self.failed['uid']

    def fail_and_come_again(self, after):
        """The wait is over when it fails, so that the next one begins now."""
        self.clock.later(after)
        self.fail()
        wait_for(self.replaced)

    def waits(self):
        time.sleep(0.3)
        return not self.replaced()


def test_a_daemon_that_fails_again_waits_twice_as_long(clock, nodes):
    """1 s, 2 s, 4 s, ...; from the beginning after half an hour without failures, and for another template."""
    nodes('of-daemons')
    daemon = Daemon(clock)
    daemon.fail_and_come_again(0)
    for _ in range(4):
        daemon.fail_and_come_again(20)
    daemon.fail()   # 16 s
    clock.later(11)
    assert daemon.waits()
    clock.later(5)
    wait_for(daemon.replaced)
    clock.later(1900)
    daemon.fail_and_come_again(0)
    daemon.fail_and_come_again(3)
    for _ in range(3):
        daemon.fail_and_come_again(20)
    daemon.fail()
    assert daemon.waits()
    assert clock.json('PATCH', daemon.path, {'spec': {'template': {'metadata': {'annotations': {'a': 'b'}}}}}, MERGE)[0] == 200
    wait_for(daemon.replaced, 8)
    assert clock.json('DELETE', daemon.path)[0] == 200
    wait_for(lambda: not in_default(clock, 'pods', app='fails'))


def test_a_job_waits_from_the_end_of_its_sidecars(clock):
    """They end after the other containers: a failure is as old as the last of them."""
    path = '/apis/batch/v1/namespaces/default/jobs'
    status, made = clock.json('POST', path, {'metadata': {'name': 'beside'}, 'spec': {'template': {'spec': {
        'restartPolicy': 'Never', 'containers': [{'name': 'c', 'image': 'i'}],
        'initContainers': [{'name': 'side', 'image': 'i', 'restartPolicy': 'Always'}, {'name': 'first', 'image': 'i'}]}}}})
    assert status == 201, made
    (pod,) = wait_for(lambda: in_default(clock, 'pods', **{'job-name': 'beside'}))

    def ended(name, seconds_ago):
        return {'name': name, 'image': 'i', 'imageID': '', 'ready': False, 'restartCount': 0,
                'state': {'terminated': {'exitCode': 1, 'finishedAt': before(clock, seconds_ago)}}}
    set_status(clock, f'/api/v1/namespaces/default/pods/{pod["metadata"]["name"]}', phase='Failed', containerStatuses=[ended('c', 60)],
               initContainerStatuses=[ended('side', 0), ended('first', 90)])
    wait_for(lambda: clock.json('GET', f'{path}/beside')[1]['status'].get('failed') == 1)
    clock.later(5)
    time.sleep(0.3)
    assert len(in_default(clock, 'pods', **{'job-name': 'beside'})) == 1
    clock.later(6)
    wait_for(lambda: len(in_default(clock, 'pods', **{'job-name': 'beside'})) == 2)
    assert clock.json('DELETE', f'{path}/beside', {'propagationPolicy': 'Background'})[0] == 200
    wait_for(lambda: not in_default(clock, 'pods', **{'job-name': 'beside'}))


def test_a_pod_without_a_node_that_goes_has_failed(clock):
    """Nobody else would say so; it isn't disrupted."""
    path = add_pod(clock, '', schedulingGates=[{'name': 'test/wait'}])
    assert clock.json('PATCH', path, {'metadata': {'finalizers': ['test/held']}}, MERGE)[0] == 200
    assert clock.json('DELETE', path)[0] == 200
    clock.later(41)
    status = wait_for(lambda: (lambda s: s if s['phase'] == 'Failed' else None)(clock.json('GET', path)[1]['status']))
    assert status['observedGeneration'] == 2 and [c['type'] for c in status['conditions']] == ['PodScheduled']
    clock.json('PATCH', path, {'metadata': {'finalizers': None}}, MERGE)


def test_a_pod_that_was_to_be_disrupted_and_stays_is_not_any_more(clock, nodes):
    nodes('calm')
    path = add_pod(clock, 'calm')

    def target():
        return next(c for c in clock.json('GET', path)[1]['status']['conditions'] if c['type'] == 'DisruptionTarget')
    set_status(clock, path, conditions=[{'type': 'DisruptionTarget', 'status': 'True', 'reason': 'PreemptionByScheduler', 'message': 'm',
                                         'lastTransitionTime': before(clock, 0)}])
    clock.later(110)
    time.sleep(0.3)
    assert target()['status'] == 'True'
    clock.later(15)
    told = wait_for(lambda: (lambda c: c if c['status'] == 'False' else None)(target()))
    assert told['observedGeneration'] == 1
