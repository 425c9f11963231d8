"""What a Deployment's status and its sets' annotations tell, as the original tells it; on pretend nodes."""
import json

from kubelet import wait_for
from test_workloads import deployment

MERGE = {'Content-Type': 'application/merge-patch+json'}


def roll(server, ns, name='web'):
    server.kubectl('-n', ns, 'rollout', 'status', f'deployment/{name}', '--timeout=20s')


def conditions(server, ns):
    return [(c['type'], c['status'], c['reason']) for c in server.get('-n', ns, 'deployment/web')['status']['conditions']]


def test_the_condition_that_changed_last_stands_last(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 1))
    roll(server, ns)
    available, progressing = ('Available', 'True', 'MinimumReplicasAvailable'), ('Progressing', 'True', 'NewReplicaSetAvailable')
    assert conditions(server, ns) == [available, progressing]
    pod = server.get('-n', ns, 'pods')['items'][0]
    ready = [{**c, 'status': 'False'} if c['type'] == 'Ready' else c for c in pod['status']['conditions']]
    server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/{pod["metadata"]["name"]}/status', {'status': {'conditions': ready}}, MERGE)
    wait_for(lambda: conditions(server, ns) == [progressing, ('Available', 'False', 'MinimumReplicasUnavailable')])


def test_the_list_of_earlier_revisions_stays_short(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 1))
    roll(server, ns)
    (first,) = server.get('-n', ns, 'replicasets')['items']
    path = f'/apis/apps/v1/namespaces/{ns}/replicasets/{first["metadata"]["name"]}'
    long = ','.join(str(n) for n in range(1000, 1400))
    assert len(long) == 1999
    server.json('PATCH', path, {'metadata': {'annotations': {'deployment.kubernetes.io/revision-history': long}}}, MERGE)
    server.kubectl('-n', ns, 'set', 'image', 'deployment/web', 'c=two')
    roll(server, ns)
    server.kubectl('-n', ns, 'rollout', 'undo', 'deployment/web')
    roll(server, ns)
    told = server.json('GET', path)[1]['metadata']['annotations']
    assert told['deployment.kubernetes.io/revision-history'] == long.split(',', 1)[1] + ',1' and told['deployment.kubernetes.io/revision'] == '3'


def test_a_size_that_is_none_is_no_scaling(server, kubelet, ns):
    """Sets whose annotation says nothing of use are rolled on, not scaled for ever."""
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 1))
    roll(server, ns)
    (first,) = server.get('-n', ns, 'replicasets')['items']
    server.kubectl('-n', ns, 'annotate', '--overwrite', 'replicaset', first['metadata']['name'], 'deployment.kubernetes.io/desired-replicas=-5')
    server.kubectl('-n', ns, 'set', 'image', 'deployment/web', 'c=two')
    roll(server, ns)
    assert {p['spec']['containers'][0]['image'] for p in server.get('-n', ns, 'pods')['items'] if 'deletionTimestamp' not in p['metadata']} == {'two'}


def test_a_failure_is_as_old_as_it_is_in_the_set(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', 'quota', 'none', '--hard=pods=0')
    wait_for(lambda: server.get('-n', ns, 'quota/none').get('status', {}).get('hard'))
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 1))

    def failure(kind):
        (found,) = server.get('-n', ns, kind)['items'] or [{}]
        return next((c for c in found.get('status', {}).get('conditions', []) if c['type'] == 'ReplicaFailure'), None)
    of_deployment = wait_for(lambda: failure('deployments'))
    of_set = failure('replicasets')
    assert of_deployment['lastTransitionTime'] == of_deployment['lastUpdateTime'] == of_set['lastTransitionTime']
    assert of_deployment['reason'] == 'FailedCreate' and of_deployment['message'] == of_set['message'] and json.dumps('none')[1:-1] in of_set['message']


def test_a_revision_that_is_no_number_was_written_by_somebody_else(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 1))
    roll(server, ns)
    (first,) = server.get('-n', ns, 'replicasets')['items']
    server.kubectl('-n', ns, 'annotate', '--overwrite', 'replicaset', first['metadata']['name'], 'deployment.kubernetes.io/revision=mine')
    server.kubectl('-n', ns, 'scale', 'deployment/web', '--replicas=2')
    wait_for(lambda: server.get('-n', ns, 'deployment/web')['status'].get('readyReplicas') == 2)
    (now,) = server.get('-n', ns, 'replicasets')['items']
    assert now['metadata']['annotations']['deployment.kubernetes.io/revision'] == 'mine'
    assert 'deployment.kubernetes.io/revision-history' not in now['metadata']['annotations']
