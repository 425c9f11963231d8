"""Where a DaemonSet's pods stay, go and come again: failed ones, tainted and lost nodes, updates, history; on pretend nodes of the test's own."""
import json
import time

import pytest
from kubelet import wait_for
from test_statefulsets import MERGE, said
from test_workloads import template


@pytest.fixture
def pool(server, kubelet, ns):
    """Two nodes that only this test's pods select."""
    names = [f'{ns}-{i}' for i in range(2)]
    for name in names:
        kubelet.add_node(name, {'pool': ns})
    yield names
    kubelet.nodes = [n for n in kubelet.nodes if n not in names]
    for name in names:
        server.json('DELETE', '/api/v1/nodes/' + name)


def create(server, ns, **spec):
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'apps/v1', 'kind': 'DaemonSet', 'metadata': {'name': 'd'}, 'spec': {
        'selector': {'matchLabels': {'app': 'd'}}, 'template': template({'app': 'd'}, nodeSelector={'pool': ns}), **spec}})
    wait_for(lambda: server.get('-n', ns, 'daemonset/d').get('status', {}).get('numberReady') == 2)


def pods(server, ns):
    return server.get('-n', ns, 'pods')['items']


def hold(server, pod, **annotations):
    """Keeps a pod in the store when it is deleted."""
    where = f'/api/v1/namespaces/{pod["metadata"]["namespace"]}/pods/{pod["metadata"]["name"]}'
    assert server.json('PATCH', where, {'metadata': {'finalizers': ['test/held'], 'annotations': annotations}}, MERGE)[0] == 200
    return lambda: server.json('PATCH', where, {'metadata': {'finalizers': None}}, MERGE)


def test_a_failed_pod_that_takes_long_to_go_is_in_nobodys_way(server, kubelet, ns, pool):
    create(server, ns)
    victim = pods(server, ns)[0]
    name, node = victim['metadata']['name'], victim['spec']['nodeName']
    let_go = hold(server, victim, **{'test/phase': 'Failed'})
    wait_for(lambda: said(server, ns, 'FailedDaemonPod') == {f'Found failed daemon pod {ns}/{name} on node {node}, will try to kill it'})
    wait_for(lambda: len(pods(server, ns)) == 3)
    let_go()


def test_a_surging_set_waits_for_no_pod_that_goes(server, kubelet, ns, pool):
    create(server, ns, updateStrategy={'rollingUpdate': {'maxSurge': 1, 'maxUnavailable': 0}})
    victim = pods(server, ns)[0]
    let_go = hold(server, victim)
    server.kubectl('-n', ns, 'delete', 'pod', victim['metadata']['name'], '--wait=false')
    wait_for(lambda: len(pods(server, ns)) == 3)
    let_go()


@pytest.mark.parametrize('strategy', [{'maxUnavailable': 1}, {'maxSurge': 1, 'maxUnavailable': 0}], ids=['deleting', 'surging'])
def test_an_update_ends_old_pods_where_none_may_be_any_more(server, kubelet, ns, pool, strategy):
    """They may stay there as long as nothing is new."""
    create(server, ns, updateStrategy={'rollingUpdate': strategy})
    server.kubectl('taint', 'node', pool[0], 'test=x:NoSchedule')
    status = wait_for(lambda: (lambda s: s if s['numberMisscheduled'] == 1 else None)(server.get('-n', ns, 'daemonset/d')['status']))
    assert status['desiredNumberScheduled'] == 1 and len(pods(server, ns)) == 2
    server.kubectl('-n', ns, 'set', 'image', 'daemonset/d', 'c=two')
    wait_for(lambda: [(p['spec']['nodeName'], p['spec']['containers'][0]['image']) for p in pods(server, ns)] == [(pool[1], 'two')])


def test_pods_of_a_lost_node_are_left_to_others(server, kubelet, ns, pool):
    create(server, ns)
    kubelet.nodes = [n for n in kubelet.nodes if n != pool[0]]
    server.kubectl('delete', 'node', pool[0])
    wait_for(lambda: server.get('-n', ns, 'daemonset/d')['status']['desiredNumberScheduled'] == 1)
    time.sleep(0.5)
    assert said(server, ns, 'SuccessfulDelete') == set() and len(pods(server, ns)) == 2


def test_revisions_that_pods_have_use_up_the_limit(server, kubelet, ns, pool):
    create(server, ns, updateStrategy={'type': 'OnDelete'}, revisionHistoryLimit=1)
    for image in ('two', 'three'):
        server.kubectl('-n', ns, 'set', 'image', 'daemonset/d', 'c=' + image)
        wait_for(lambda image=image: any(image in json.dumps(r['data']) for r in server.get('-n', ns, 'controllerrevisions')['items']))
    wait_for(lambda: sorted(r['revision'] for r in server.get('-n', ns, 'controllerrevisions')['items']) == [1, 3])


def test_a_surging_set_keeps_no_old_pod_that_is_of_no_use(server, kubelet, ns, pool):
    """Its successor need not be available first."""
    create(server, ns, updateStrategy={'rollingUpdate': {'maxSurge': 1, 'maxUnavailable': 0}})
    for old in pods(server, ns):
        ready = [{**c, 'status': 'False'} if c['type'] == 'Ready' else c for c in old['status']['conditions']]
        where = f'/api/v1/namespaces/{ns}/pods/{old["metadata"]["name"]}/status'
        assert server.json('PATCH', where, {'status': {'conditions': ready}}, MERGE)[0] == 200
    server.kubectl('-n', ns, 'patch', 'daemonset/d', '-p', json.dumps({'spec': {'template': {'metadata': {'annotations': {'test/phase': 'Pending'}}}}}))
    wait_for(lambda: [p['status']['phase'] for p in pods(server, ns)] == ['Pending', 'Pending'])


def test_of_two_daemons_the_one_that_has_its_node_stays(server, kubelet, ns, pool):
    """However young it is."""
    def extra(name, **spec):
        server.kubectl('-n', ns, 'create', '-f', '-', input={
            'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'labels': {'app': 'd'}},
            'spec': {'containers': [{'name': 'c', 'image': 'one'}], **spec}})
    on_first = {'matchFields': [{'key': 'metadata.name', 'operator': 'In', 'values': [pool[0]]}]}
    extra('waiting', schedulingGates=[{'name': 'test/wait'}], affinity={'nodeAffinity': {
        'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': [on_first]}}})
    time.sleep(1.1)   # times of creation are seconds
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'apps/v1', 'kind': 'DaemonSet', 'metadata': {'name': 'd'}, 'spec': {
        'selector': {'matchLabels': {'app': 'd'}}, 'updateStrategy': {'type': 'OnDelete'}, 'template': template({'app': 'd'}, nodeSelector={'pool': ns})}})
    wait_for(lambda: sorted('ownerReferences' in p['metadata'] for p in pods(server, ns)) == [True, True])
    extra('placed', nodeName=pool[0])
    wait_for(lambda: len(pods(server, ns)) == 2 and 'waiting' not in {p['metadata']['name'] for p in pods(server, ns)})
    assert 'placed' in {p['metadata']['name'] for p in pods(server, ns)}


def test_a_daemon_of_the_templates_generation_is_new_whatever_its_hash(server, kubelet, ns, pool):
    create(server, ns)
    before = {p['metadata']['uid'] for p in pods(server, ns)}
    server.kubectl('-n', ns, 'label', '--overwrite', 'pod', '--all', 'controller-revision-hash=other')
    server.kubectl('-n', ns, 'annotate', 'daemonset/d', 'look=again')
    time.sleep(0.5)
    assert server.get('-n', ns, 'daemonset/d')['status']['updatedNumberScheduled'] == 2
    assert {p['metadata']['uid'] for p in pods(server, ns)} == before


def test_a_set_that_goes_begins_no_new_revision(server, kubelet, ns, pool):
    create(server, ns)
    path = f'/apis/apps/v1/namespaces/{ns}/daemonsets/d'
    assert server.json('PATCH', path, {'metadata': {'finalizers': ['test/held']}}, MERGE)[0] == 200
    assert server.json('DELETE', path)[0] == 200
    server.kubectl('-n', ns, 'set', 'image', 'daemonset/d', 'c=two')
    time.sleep(0.5)
    assert [r['revision'] for r in server.get('-n', ns, 'controllerrevisions')['items']] == [1]
    server.json('PATCH', path, {'metadata': {'finalizers': None}}, MERGE)
