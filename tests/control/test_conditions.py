"""Conditions of pods tell which generation they are about, and don't forget it."""
from kubelet import wait_for
from test_policy import pod
from test_statefulsets import MERGE


def condition(server, path, kind):
    return next((c for c in server.json('GET', path)[1]['status'].get('conditions', []) if c['type'] == kind), None)


def test_a_pod_without_a_place_is_told_so_of_its_generation(server, kubelet, ns):
    path = f'/api/v1/namespaces/{ns}/pods/big'
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('big', cpu='100'))
    told = wait_for(lambda: condition(server, path, 'PodScheduled'))
    assert told['reason'] == 'Unschedulable' and told['observedGeneration'] == 1
    # An older client writes the conditions that it knows, without their generations.
    older = [{name: value for name, value in told.items() if name != 'observedGeneration'}]
    for observed in ({'observedGeneration': 1}, {}):
        status = {'conditions': older, **observed}
        assert server.json('PUT', path + '/status', {**server.json('GET', path)[1], 'status': status})[0] == 200
    now = server.json('GET', path)[1]['status']
    assert now['observedGeneration'] == 1 and now['conditions'][0]['observedGeneration'] == 1


def test_an_eviction_tells_of_the_generation_that_it_ends(server, kubelet, ns):
    node, path = f'{ns}-node', f'/api/v1/namespaces/{ns}/pods/guest'
    server.json('POST', '/api/v1/nodes', {'metadata': {'name': node}})
    server.json('POST', f'/api/v1/namespaces/{ns}/pods', pod('guest', nodeName=node))
    server.json('PATCH', path, {'metadata': {'finalizers': ['test/held']}}, MERGE)
    server.kubectl('taint', 'node', node, 'test=x:NoExecute')
    told = wait_for(lambda: condition(server, path, 'DisruptionTarget'))
    assert told['reason'] == 'DeletionByTaintManager' and told['message'] == 'Taint manager: deleting due to NoExecute taint' and told['observedGeneration'] == 1
    wait_for(lambda: 'deletionTimestamp' in server.json('GET', path)[1]['metadata'])
    server.json('PATCH', path, {'metadata': {'finalizers': None}}, MERGE)
    server.json('DELETE', f'/api/v1/nodes/{node}')
