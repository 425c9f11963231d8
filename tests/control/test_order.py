"""What must not go before something else: old pods, owners, volumes, the next pod of a set; on pretend nodes."""
import json
import time

import pytest
from kubelet import wait_for
from test_jobs import job
from test_policy import pod
from test_workloads import deployment, names, statefulset, template

MERGE = {'Content-Type': 'application/merge-patch+json'}


def sizes(server, ns):
    return sorted(s['spec']['replicas'] for s in server.get('-n', ns, 'replicasets')['items'])


def test_a_pause_ends_no_old_pods_before_the_new_ones_are_there(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 2, strategy={'rollingUpdate': {'maxSurge': 2, 'maxUnavailable': 0}}))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    server.kubectl('-n', ns, 'patch', 'deployment', 'web', '-p', json.dumps({'spec': {'template': {'metadata': {
        'annotations': {'test/phase': 'Pending'}}}}}))
    wait_for(lambda: sizes(server, ns) == [2, 2])
    server.kubectl('-n', ns, 'rollout', 'pause', 'deployment/web')
    server.kubectl('-n', ns, 'annotate', 'deployment/web', 'look=again')
    time.sleep(0.5)
    assert sizes(server, ns) == [2, 2]


def test_a_dependent_lives_as_long_as_one_of_its_owners(server, ns):
    path, owners = f'/api/v1/namespaces/{ns}/configmaps', []
    for name in ('one', 'two'):
        made = server.json('POST', path, {'metadata': {'name': name}})[1]
        owners.append({'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': name, 'uid': made['metadata']['uid']})
    assert server.json('POST', path, {'metadata': {'name': 'child', 'ownerReferences': owners}})[0] == 201
    assert server.json('DELETE', f'{path}/one')[0] == 200
    left = wait_for(lambda: (lambda o: o if len(o) == 1 else None)(server.json('GET', f'{path}/child')[1]['metadata'].get('ownerReferences', owners)))
    assert left[0]['name'] == 'two'
    assert server.json('DELETE', f'{path}/two')[0] == 200
    wait_for(lambda: server.json('GET', f'{path}/child')[0] == 404)


def test_a_set_shrinks_by_one_pod_at_a_time_from_the_top(server, kubelet, ns):
    """One that is not there holds the rest back."""
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset('db', 3))
    server.kubectl('-n', ns, 'rollout', 'status', 'statefulset/db', '--timeout=30s')
    path = f'/api/v1/namespaces/{ns}/pods'
    server.json('PATCH', f'{path}/db-2', {'metadata': {'finalizers': ['test/held']}}, MERGE)
    server.kubectl('-n', ns, 'scale', 'statefulset/db', '--replicas=1')
    wait_for(lambda: 'deletionTimestamp' in server.json('GET', f'{path}/db-2')[1]['metadata'])
    time.sleep(0.5)
    assert 'deletionTimestamp' not in server.json('GET', f'{path}/db-1')[1]['metadata']
    server.json('PATCH', f'{path}/db-2', {'metadata': {'finalizers': None}}, MERGE)
    wait_for(lambda: names(server, ns, 'pods', app='db') == ['db-0'])


def test_a_set_with_broken_pods_shrinks_once_the_lowest_is_well(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset('db', 3))
    server.kubectl('-n', ns, 'rollout', 'status', 'statefulset/db', '--timeout=30s')

    def set_ready(name, ready):
        assert server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/{name}/status', {'status': {'conditions': [{'type': 'Ready', 'status': ready}]}},
                           {'Content-Type': 'application/strategic-merge-patch+json'})[0] == 200
    set_ready('db-1', 'False')
    set_ready('db-2', 'False')
    wait_for(lambda: server.get('-n', ns, 'statefulset/db')['status'].get('readyReplicas') == 1)
    server.kubectl('-n', ns, 'scale', 'statefulset/db', '--replicas=1')
    time.sleep(0.5)
    assert names(server, ns, 'pods', app='db') == ['db-0', 'db-1', 'db-2']
    set_ready('db-1', 'True')
    wait_for(lambda: names(server, ns, 'pods', app='db') == ['db-0'])


def test_daemons_are_replaced_as_many_at_a_time_as_may_be_missing(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input={
        'apiVersion': 'apps/v1', 'kind': 'DaemonSet', 'metadata': {'name': 'd'}, 'spec': {
            'selector': {'matchLabels': {'app': 'd'}}, 'template': template({'app': 'd'})}})
    server.kubectl('-n', ns, 'rollout', 'status', 'daemonset/d', '--timeout=20s')
    server.kubectl('-n', ns, 'patch', 'daemonset', 'd', '-p', json.dumps({'spec': {'template': {'metadata': {
        'annotations': {'test/phase': 'Pending'}}}}}))

    def phases():
        return sorted(p['status']['phase'] for p in server.get('-n', ns, 'pods')['items'])
    wait_for(lambda: phases() == ['Pending', 'Running', 'Running'])
    time.sleep(0.5)
    assert phases() == ['Pending', 'Running', 'Running']


def test_a_namespace_gives_up_its_pods_before_all_else(server, kubelet, ns):
    server.json('POST', f'/api/v1/namespaces/{ns}/configmaps', {'metadata': {'name': 'settings'}})
    held = pod('last')
    held['metadata']['finalizers'] = ['test/held']
    server.kubectl('-n', ns, 'create', '-f', '-', input=held)
    assert server.json('DELETE', f'/api/v1/namespaces/{ns}')[0] == 200
    wait_for(lambda: 'deletionTimestamp' in server.json('GET', f'/api/v1/namespaces/{ns}/pods/last')[1]['metadata'])
    time.sleep(0.5)
    assert server.json('GET', f'/api/v1/namespaces/{ns}/configmaps/settings')[0] == 200
    server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/last', {'metadata': {'finalizers': None}}, MERGE)
    wait_for(lambda: server.json('GET', f'/api/v1/namespaces/{ns}')[0] == 404)


@pytest.mark.parametrize('placed', [True, False])
def test_only_pods_with_a_node_hold_a_claim(server, ns, placed):
    path = f'/api/v1/namespaces/{ns}/persistentvolumeclaims'
    assert server.json('POST', path, {'metadata': {'name': 'c'}, 'spec': {'accessModes': ['ReadWriteOnce'], 'storageClassName': 'none',
                                                                       'resources': {'requests': {'storage': '1Gi'}}}})[0] == 201
    user = pod('user', volumes=[{'name': 'v', 'persistentVolumeClaim': {'claimName': 'c'}}], **({'nodeName': 'nowhere'} if placed else {
        'schedulingGates': [{'name': 'test/wait'}]}))
    server.kubectl('-n', ns, 'create', '-f', '-', input=user)
    wait_for(lambda: server.json('GET', f'{path}/c')[1]['metadata'].get('finalizers'))
    assert server.json('DELETE', f'{path}/c')[0] == 200
    if placed:
        time.sleep(0.5)
        assert server.json('GET', f'{path}/c')[0] == 200
        server.json('DELETE', f'/api/v1/namespaces/{ns}/pods/user', {'gracePeriodSeconds': 0})
    wait_for(lambda: server.json('GET', f'{path}/c')[0] == 404)


def test_containers_that_restart_count_against_a_jobs_limit(server, kubelet, ns):
    body = job('j', 'Running', backoffLimit=2)
    body['spec']['template']['spec']['restartPolicy'] = 'OnFailure'
    server.kubectl('-n', ns, 'create', '-f', '-', input=body)
    (running,) = wait_for(lambda: [p for p in server.get('-n', ns, 'pods')['items'] if p['status']['phase'] == 'Running'])

    def restarted(times):
        containers = [{**c, 'restartCount': times} for c in running['status']['containerStatuses']]
        assert server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/{running["metadata"]["name"]}/status',
                           {'status': {'containerStatuses': containers}}, MERGE)[0] == 200
    restarted(1)
    time.sleep(0.3)
    assert not [c for c in server.get('-n', ns, 'job/j')['status'].get('conditions', []) if c['type'] == 'Failed']
    restarted(2)
    wait_for(lambda: [c for c in server.get('-n', ns, 'job/j')['status'].get('conditions', []) if c['type'] == 'Failed'])


def test_slices_hold_a_hundred_endpoints_each(server, ns):
    """Of pods on a node that nobody runs, made Ready by hand."""
    server.json('POST', '/api/v1/nodes', {'metadata': {'name': 'nowhere'}})
    connection = server.connection()

    def send(method, path, body, media):
        connection.request(method, f'/api/v1/namespaces/{ns}/pods{path}', json.dumps(body), {'Content-Type': media})
        answer = connection.getresponse()
        assert answer.status in (200, 201), answer.read()
        answer.read()
    for i in range(101):
        send('POST', '', pod(f's-{i}', {'app': 's'}, nodeName='nowhere'), 'application/json')
        send('PATCH', f'/s-{i}/status', {'status': {'phase': 'Running', 'podIP': f'10.9.0.{i + 1}', 'podIPs': [{'ip': f'10.9.0.{i + 1}'}],
                                                    'conditions': [{'type': 'Ready', 'status': 'True'}]}}, MERGE['Content-Type'])
    connection.close()
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 's'}, 'spec': {
        'selector': {'app': 's'}, 'ports': [{'port': 80}]}})

    def counts():
        return sorted(len(s['endpoints'] or []) for s in server.get('-n', ns, 'endpointslices')['items'])
    wait_for(lambda: counts() == [1, 100])
    server.json('DELETE', '/api/v1/nodes/nowhere')


def workload(kind, count):
    """A ReplicaSet or a Job of so many pods that run on, with a sidecar and an init container, and the patch that takes one away."""
    beside = {'initContainers': [{'name': 'side', 'image': 'one', 'restartPolicy': 'Always'}, {'name': 'first', 'image': 'one'}]}
    if kind == 'Job':
        return 'jobs', job('w', 'Running', parallelism=count, pod=beside), {'spec': {'parallelism': count - 1}}
    return 'replicasets', {'apiVersion': 'apps/v1', 'kind': 'ReplicaSet', 'metadata': {'name': 'w'}, 'spec': {
        'replicas': count, 'selector': {'matchLabels': {'app': 'w'}}, 'template': template({'app': 'w'}, **beside)}}, {'spec': {'replicas': count - 1}}


def shrink_by_one(server, ns, kind, change):
    """Makes two pods, lets change(index, status) say what they have gone through; names of both and of the one that stays.

    The first of them would go if they were alike: of a ReplicaSet's it is the smaller uid, of a Job's the larger name."""
    plural, body, smaller = workload(kind, 2)
    server.kubectl('-n', ns, 'create', '-f', '-', input=body)
    both = wait_for(lambda: (lambda pods: pods if len(pods) == 2 and all(p['status'].get('podIP') for p in pods) else None)(server.get('-n', ns, 'pods')['items']))
    both.sort(key=lambda p: p['metadata']['name' if kind == 'Job' else 'uid'], reverse=kind == 'Job')
    for i, p in enumerate(both):
        change(i, p['status'])
        assert server.json('PUT', f'/api/v1/namespaces/{ns}/pods/{p["metadata"]["name"]}/status', p)[0] == 200
    server.kubectl('-n', ns, 'patch', plural, 'w', '--type=merge', '-p', json.dumps(smaller))
    left = wait_for(lambda: (lambda pods: pods if len(pods) == 1 else None)([p for p in server.get('-n', ns, 'pods')['items'] if 'deletionTimestamp' not in p['metadata']]))
    return [p['metadata']['name'] for p in both], left[0]['metadata']['name']


def ready_since(status, seconds_ago):
    for c in status['conditions']:
        if c['type'] == 'Ready':
            c['lastTransitionTime'] = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - seconds_ago))


@pytest.mark.parametrize('container', ['c', 'side'])
@pytest.mark.parametrize('kind', ['ReplicaSet', 'Job'])
def test_a_pod_that_was_restarted_goes_before_one_that_was_not(server, kubelet, ns, kind, container):
    """An init container that came again says nothing."""
    def change(i, status):
        for c in status['conditions']:
            c['lastTransitionTime'] = '2026-01-01T00:00:00Z'
        known = {**status['containerStatuses'][0], 'restartCount': 0}
        status['initContainerStatuses'] = [{**known, 'name': 'side'}, {**known, 'name': 'first', 'restartCount': 3 - 3 * i}]
        for c in status['containerStatuses'] + status['initContainerStatuses']:
            if c['name'] == container:
                c['restartCount'] = i
    names_of_both, left = shrink_by_one(server, ns, kind, change)
    assert left == names_of_both[0]


@pytest.mark.parametrize('seconds_ago, stays', [((1000, 4000), 1), ((4000, 1000), 0), ((1010, 1000), 1), ((1000, 1010), 1)],
                         ids=['younger', 'older', 'alike', 'alike too'])
def test_pods_of_about_one_age_count_alike(server, kubelet, ns, seconds_ago, stays):
    """The younger of two goes first, but where both are about as old: then it is the one of the smaller uid."""
    names_of_both, left = shrink_by_one(server, ns, 'ReplicaSet', lambda i, status: ready_since(status, seconds_ago[i]))
    assert left == names_of_both[stays]
