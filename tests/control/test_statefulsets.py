"""Which pods and claims a StatefulSet takes for its own, what it says of them, and what holds it back; on pretend nodes."""
import time

from kubelet import wait_for
from test_workloads import names, statefulset

MERGE = {'Content-Type': 'application/merge-patch+json'}
CLAIMS = [{'metadata': {'name': 'data'}, 'spec': {'accessModes': ['ReadWriteOnce'], 'storageClassName': 'none', 'resources': {'requests': {'storage': '1Gi'}}}}]


def claim(name, **metadata):
    return {'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': name, **metadata}, 'spec': CLAIMS[0]['spec']}


def said(server, ns, reason):
    """Messages of events of a reason."""
    return {e['message'] for e in server.get('-n', ns, 'events')['items'] if e['reason'] == reason}


def test_a_set_says_what_it_does(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset('db', 1, volumeClaimTemplates=CLAIMS))
    wait_for(lambda: said(server, ns, 'SuccessfulCreate') == {
        'Create Claim data-db-0 Pod db-0 in StatefulSet db success', 'Create Pod db-0 in StatefulSet db successful'})
    server.kubectl('-n', ns, 'scale', 'statefulset/db', '--replicas=0')
    wait_for(lambda: said(server, ns, 'SuccessfulDelete') == {'Delete Pod db-0 in StatefulSet db successful'})


def test_a_set_gives_a_pod_its_name_back(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset('db', 1))
    server.kubectl('-n', ns, 'rollout', 'status', 'statefulset/db', '--timeout=20s')
    server.kubectl('-n', ns, 'label', 'pod/db-0', 'statefulset.kubernetes.io/pod-name-')
    wait_for(lambda: said(server, ns, 'SuccessfulUpdate') == {'Update Pod db-0 in StatefulSet db successful'})
    assert server.get('-n', ns, 'pod/db-0')['metadata']['labels']['statefulset.kubernetes.io/pod-name'] == 'db-0'


def test_a_set_takes_in_only_pods_of_its_name(server, kubelet, ns):
    for name in ('stray', 'db-0'):
        server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'labels': {'app': 'db'}},
                                                             'spec': {'containers': [{'name': 'c', 'image': 'one'}]}})
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset('db', 2))
    wait_for(lambda: server.get('-n', ns, 'statefulset/db').get('status', {}).get('readyReplicas') == 2)
    owned = {p['metadata']['name']: 'ownerReferences' in p['metadata'] for p in server.get('-n', ns, 'pods')['items']}
    assert owned == {'stray': False, 'db-0': True, 'db-1': True}


def test_a_finished_pod_holds_no_parallel_set_back(server, kubelet, ns):
    """An ordered one waits until it is gone."""
    for name, policy in (('waits', 'OrderedReady'), ('goes-on', 'Parallel')):
        server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset(name, 3, podManagementPolicy=policy))
        server.kubectl('-n', ns, 'rollout', 'status', f'statefulset/{name}', '--timeout=30s')
        path = f'/api/v1/namespaces/{ns}/pods/{name}-0'
        server.json('PATCH', path, {'metadata': {'finalizers': ['test/held'], 'annotations': {'test/phase': 'Failed'}}}, MERGE)
        wait_for(lambda path=path: 'deletionTimestamp' in server.json('GET', path)[1]['metadata'])
        server.kubectl('-n', ns, 'scale', f'statefulset/{name}', '--replicas=2')
    wait_for(lambda: names(server, ns, 'pods', app='goes-on') == ['goes-on-0', 'goes-on-1'])
    assert names(server, ns, 'pods', app='waits') == ['waits-0', 'waits-1', 'waits-2']
    for name in ('waits', 'goes-on'):
        server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/{name}-0', {'metadata': {'finalizers': None}}, MERGE)
    wait_for(lambda: names(server, ns, 'pods', app='waits') == ['waits-0', 'waits-1'])


def test_a_claim_that_goes_is_waited_for_and_told_of(server, kubelet, ns):
    path = f'/api/v1/namespaces/{ns}/persistentvolumeclaims'
    assert server.json('POST', path, claim('data-db-0', finalizers=['test/held']))[0] == 201
    server.json('DELETE', f'{path}/data-db-0')
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset('db', 1, volumeClaimTemplates=CLAIMS))
    wait_for(lambda: said(server, ns, 'FailedCreate') == {'Create Pod db-0 in StatefulSet db failed error: pvc data-db-0 is being deleted'})
    assert names(server, ns, 'pods', app='db') == []
    server.json('PATCH', f'{path}/data-db-0', {'metadata': {'finalizers': None}}, MERGE)
    wait_for(lambda: names(server, ns, 'pods', app='db') == ['db-0'])


def test_a_retention_policy_says_nothing_of_claims_of_others(server, kubelet, ns):
    path = f'/api/v1/namespaces/{ns}/persistentvolumeclaims'
    other = server.json('POST', f'/api/v1/namespaces/{ns}/configmaps', {'metadata': {'name': 'other'}})[1]
    owner = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'other', 'uid': other['metadata']['uid'], 'controller': True}
    assert server.json('POST', path, claim('data-db-0', ownerReferences=[owner]))[0] == 201
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset(
        'db', 1, volumeClaimTemplates=CLAIMS, persistentVolumeClaimRetentionPolicy={'whenDeleted': 'Delete', 'whenScaled': 'Delete'}))
    wait_for(lambda: said(server, ns, 'ConflictingController') == {
        'PersistentVolumeClaim data-db-0 has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim'})
    assert names(server, ns, 'pods', app='db') == ['db-0']
    assert server.json('GET', f'{path}/data-db-0')[1]['metadata']['ownerReferences'] == [owner]


def test_claims_follow_the_retention_policy(server, kubelet, ns):
    """The set's while its pods are wanted; the pod's, and gone with it, once it is not."""
    path = f'/api/v1/namespaces/{ns}/persistentvolumeclaims'
    for i in range(2):
        server.kubectl('create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'PersistentVolume', 'metadata': {'name': f'{ns}-{i}'}, 'spec': {
            'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'], 'storageClassName': 'none', 'hostPath': {'path': '/nowhere'}}})
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset(
        'db', 2, volumeClaimTemplates=CLAIMS, persistentVolumeClaimRetentionPolicy={'whenDeleted': 'Delete', 'whenScaled': 'Delete'}))
    server.kubectl('-n', ns, 'rollout', 'status', 'statefulset/db', '--timeout=30s')
    assert [o['kind'] for o in server.json('GET', f'{path}/data-db-1')[1]['metadata']['ownerReferences']] == ['StatefulSet']
    server.kubectl('-n', ns, 'scale', 'statefulset/db', '--replicas=1')
    wait_for(lambda: server.json('GET', f'{path}/data-db-1')[0] == 404)
    time.sleep(0.3)
    assert said(server, ns, 'SuccessfulUpdate') == set()
    assert server.json('GET', f'{path}/data-db-0')[0] == 200
    server.kubectl('-n', ns, 'delete', 'statefulset/db')
    wait_for(lambda: server.json('GET', f'{path}/data-db-0')[0] == 404)


def test_a_pod_comes_again_when_the_claims_of_the_one_before_are_gone(server, kubelet, ns):
    """Claims that go with their pod are waited for, without a word."""
    path = f'/api/v1/namespaces/{ns}/persistentvolumeclaims'
    owner = {'apiVersion': 'v1', 'kind': 'Pod', 'name': 'db-0', 'uid': 'of-an-earlier-one', 'controller': True}
    assert server.json('POST', path, claim('data-db-0', ownerReferences=[owner], finalizers=['test/held']))[0] == 201
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset(
        'db', 1, volumeClaimTemplates=CLAIMS, persistentVolumeClaimRetentionPolicy={'whenDeleted': 'Retain', 'whenScaled': 'Delete'}))
    wait_for(lambda: 'deletionTimestamp' in server.json('GET', f'{path}/data-db-0')[1]['metadata'])
    time.sleep(0.3)
    assert names(server, ns, 'pods', app='db') == [] and said(server, ns, 'FailedCreate') == set()
    server.json('PATCH', f'{path}/data-db-0', {'metadata': {'finalizers': None}}, MERGE)
    wait_for(lambda: names(server, ns, 'pods', app='db') == ['db-0'])
