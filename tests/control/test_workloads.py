"""Deployments, ReplicaSets, StatefulSets, DaemonSets on pretend nodes, by real kubectl."""
import json
import time

from kubelet import wait_for


def template(labels, image='one', **more):
    return {'metadata': {'labels': labels, **more.pop('metadata', {})},
            'spec': {'containers': [{'name': 'c', 'image': image}], **more}}


def deployment(name, replicas, **spec):
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': name}, 'spec': {
        'replicas': replicas, 'selector': {'matchLabels': {'app': name}}, 'template': template({'app': name}), **spec}}


def names(server, ns, kind, **labels):
    selector = ','.join(f'{k}={v}' for k, v in labels.items())
    return sorted(o['metadata']['name'] for o in server.get('-n', ns, kind, '-l', selector)['items'])


def test_deployment_rolls_forward_and_back(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 4))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    first = names(server, ns, 'replicasets', app='web')
    server.kubectl('-n', ns, 'set', 'image', 'deployment/web', 'c=two')
    assert 'successfully rolled out' in server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    sets = server.get('-n', ns, 'replicasets', '-l', 'app=web')['items']
    sizes = {s['metadata']['name']: s['spec']['replicas'] for s in sets}
    assert sorted(sizes.values()) == [0, 4] and sizes[first[0]] == 0
    history = server.kubectl('-n', ns, 'rollout', 'history', 'deployment/web')
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ['1', '2']
    server.kubectl('-n', ns, 'rollout', 'undo', 'deployment/web')
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    web = server.get('-n', ns, 'deployment/web')
    assert web['metadata']['annotations']['deployment.kubernetes.io/revision'] == '3'
    assert server.get('-n', ns, 'replicaset/' + first[0])['status']['readyReplicas'] == 4
    conditions = {c['type']: (c['status'], c['reason']) for c in web['status']['conditions']}
    assert conditions == {'Available': ('True', 'MinimumReplicasAvailable'), 'Progressing': ('True', 'NewReplicaSetAvailable')}


def test_an_old_rollout_says_nothing_of_the_way_back(server, kubelet, ns):
    """The deadline of progress is long over when a rollout is undone: it counts from the undoing."""
    deadline = 3
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 2, progressDeadlineSeconds=deadline))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    server.kubectl('-n', ns, 'set', 'image', 'deployment/web', 'c=two')
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    time.sleep(deadline + 1.5)
    revision = server.get('-n', ns, 'deployment/web')['metadata']['resourceVersion']
    server.kubectl('-n', ns, 'rollout', 'undo', 'deployment/web')

    def said():
        status, _, events = server.request('GET', f'/apis/apps/v1/namespaces/{ns}/deployments?watch=true&timeoutSeconds=1&resourceVersion={revision}')
        assert status == 200
        reasons = [c['reason'] for e in events.splitlines() for c in json.loads(e)['object']['status'].get('conditions', []) if c['type'] == 'Progressing']
        return [r for r in reasons if r != 'NewReplicaSetAvailable']
    assert wait_for(said)[0] == 'ReplicaSetUpdated'


def test_deployment_restart_makes_new_pods(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 2))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    before = names(server, ns, 'pods', app='web')
    server.kubectl('-n', ns, 'rollout', 'restart', 'deployment/web')
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    wait_for(lambda: len(names(server, ns, 'pods', app='web')) == 2)
    assert not set(before) & set(names(server, ns, 'pods', app='web'))


def test_deployment_keeps_within_its_bounds(server, kubelet, ns):
    """A new image that never becomes ready: no more than maxSurge new pods, no more than maxUnavailable old ones gone."""
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment(
        'web', 10, strategy={'rollingUpdate': {'maxSurge': 3, 'maxUnavailable': 2}}, progressDeadlineSeconds=3))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=30s')
    server.kubectl('-n', ns, 'patch', 'deployment', 'web', '-p', json.dumps({'spec': {'template': {'metadata': {
        'annotations': {'test/phase': 'Pending'}}}}}))

    def settled():
        sizes = sorted(s['spec']['replicas'] for s in server.get('-n', ns, 'replicasets')['items'])
        return sizes == [5, 8]
    wait_for(settled)
    late = wait_for(lambda: next((c for c in server.get('-n', ns, 'deployment/web')['status']['conditions']
                                  if c['reason'] == 'ProgressDeadlineExceeded'), None))
    assert late['type'] == 'Progressing' and late['status'] == 'False' and 'has timed out progressing' in late['message']


def test_paused_deployment_scales_but_does_not_roll(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 2))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    server.kubectl('-n', ns, 'rollout', 'pause', 'deployment/web')
    server.kubectl('-n', ns, 'set', 'image', 'deployment/web', 'c=two')
    server.kubectl('-n', ns, 'scale', 'deployment/web', '--replicas=3')
    wait_for(lambda: server.get('-n', ns, 'deployment/web')['status'].get('readyReplicas') == 3)
    assert len(names(server, ns, 'replicasets', app='web')) == 1
    server.kubectl('-n', ns, 'rollout', 'resume', 'deployment/web')
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    assert len(names(server, ns, 'replicasets', app='web')) == 2


def test_recreate_waits_for_the_old_pods(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 2, strategy={'type': 'Recreate'}))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    server.kubectl('-n', ns, 'set', 'image', 'deployment/web', 'c=two')
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    images = {p['spec']['containers'][0]['image'] for p in server.get('-n', ns, 'pods')['items']}
    assert images == {'two'}


def test_replicaset_adopts_releases_and_sizes_itself(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {
        'name': 'orphan', 'labels': {'app': 'a'}}, 'spec': {'containers': [{'name': 'c', 'image': 'one'}]}})
    server.kubectl('-n', ns, 'create', '-f', '-', input={
        'apiVersion': 'apps/v1', 'kind': 'ReplicaSet', 'metadata': {'name': 'a'}, 'spec': {
            'replicas': 2, 'selector': {'matchLabels': {'app': 'a'}}, 'template': template({'app': 'a'})}})
    wait_for(lambda: len(names(server, ns, 'pods', app='a')) == 2)
    orphan = server.get('-n', ns, 'pod/orphan')
    assert orphan['metadata']['ownerReferences'][0]['kind'] == 'ReplicaSet'
    server.kubectl('-n', ns, 'label', 'pod/orphan', 'app=b', '--overwrite')
    wait_for(lambda: 'ownerReferences' not in server.get('-n', ns, 'pod/orphan')['metadata'])
    wait_for(lambda: len(names(server, ns, 'pods', app='a')) == 2)
    server.kubectl('-n', ns, 'scale', 'replicaset/a', '--replicas=0')
    wait_for(lambda: names(server, ns, 'pods', app='a') == [])
    assert server.get('-n', ns, 'pod/orphan')


def statefulset(name, replicas, **spec):
    return {'apiVersion': 'apps/v1', 'kind': 'StatefulSet', 'metadata': {'name': name}, 'spec': {
        'serviceName': name, 'replicas': replicas, 'selector': {'matchLabels': {'app': name}},
        'template': template({'app': name}), **spec}}


def test_statefulset_is_ordered_and_keeps_its_claims(server, kubelet, ns):
    claims = [{'metadata': {'name': 'data'}, 'spec': {'accessModes': ['ReadWriteOnce'], 'storageClassName': 'none',
                                                      'resources': {'requests': {'storage': '1Gi'}}}}]
    for i in range(3):
        server.kubectl('create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'PersistentVolume', 'metadata': {
            'name': f'{ns}-{i}'}, 'spec': {'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'],
                                           'storageClassName': 'none', 'hostPath': {'path': '/nowhere'}}})
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset('db', 3, volumeClaimTemplates=claims))
    server.kubectl('-n', ns, 'rollout', 'status', 'statefulset/db', '--timeout=30s')
    pods = server.get('-n', ns, 'pods')['items']
    assert sorted(p['metadata']['name'] for p in pods) == ['db-0', 'db-1', 'db-2']
    made = [p['metadata']['creationTimestamp'] for p in sorted(pods, key=lambda p: p['metadata']['name'])]
    assert made == sorted(made)
    assert pods[0]['spec']['subdomain'] == 'db' and pods[0]['metadata']['labels']['apps.kubernetes.io/pod-index']
    server.kubectl('-n', ns, 'scale', 'statefulset/db', '--replicas=1')
    wait_for(lambda: names(server, ns, 'pods', app='db') == ['db-0'])
    assert len(server.get('-n', ns, 'persistentvolumeclaims')['items']) == 3


def test_statefulset_updates_from_the_top_down_to_its_partition(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=statefulset(
        'db', 3, updateStrategy={'type': 'RollingUpdate', 'rollingUpdate': {'partition': 2}}))
    server.kubectl('-n', ns, 'rollout', 'status', 'statefulset/db', '--timeout=30s')
    server.kubectl('-n', ns, 'set', 'image', 'statefulset/db', 'c=two')

    def images():
        return {p['metadata']['name']: p['spec']['containers'][0]['image'] for p in server.get('-n', ns, 'pods')['items']}
    wait_for(lambda: images() == {'db-0': 'one', 'db-1': 'one', 'db-2': 'two'})
    server.kubectl('-n', ns, 'patch', 'statefulset', 'db', '-p', json.dumps({'spec': {'updateStrategy': {
        'rollingUpdate': {'partition': 0}}}}))
    wait_for(lambda: set(images().values()) == {'two'} and len(images()) == 3)
    status = wait_for(lambda: (lambda s: s if s['currentRevision'] == s['updateRevision'] else None)(
        server.get('-n', ns, 'statefulset/db')['status']))
    assert status['updatedReplicas'] == 3 and status['currentReplicas'] == 3
    server.kubectl('-n', ns, 'rollout', 'undo', 'statefulset/db')
    wait_for(lambda: set(images().values()) == {'one'} and len(images()) == 3)


def test_parallel_statefulset_does_not_wait(server, kubelet, ns):
    s = statefulset('db', 3, podManagementPolicy='Parallel')
    s['spec']['template']['metadata']['annotations'] = {'test/phase': 'Pending'}
    server.kubectl('-n', ns, 'create', '-f', '-', input=s)
    wait_for(lambda: len(names(server, ns, 'pods', app='db')) == 3)


def test_daemonset_is_on_every_node_and_rolls(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input={
        'apiVersion': 'apps/v1', 'kind': 'DaemonSet', 'metadata': {'name': 'd'}, 'spec': {
            'selector': {'matchLabels': {'app': 'd'}}, 'template': template({'app': 'd'})}})
    server.kubectl('-n', ns, 'rollout', 'status', 'daemonset/d', '--timeout=20s')
    pods = server.get('-n', ns, 'pods')['items']
    assert sorted(p['spec']['nodeName'] for p in pods) == kubelet.nodes
    server.kubectl('-n', ns, 'set', 'image', 'daemonset/d', 'c=two')
    server.kubectl('-n', ns, 'rollout', 'status', 'daemonset/d', '--timeout=30s')
    wait_for(lambda: {p['spec']['containers'][0]['image'] for p in server.get('-n', ns, 'pods')['items']} == {'two'})
    server.kubectl('-n', ns, 'patch', 'daemonset', 'd', '-p', json.dumps({'spec': {'template': {'spec': {
        'nodeSelector': {'kubernetes.io/hostname': 'n2'}}}}}))
    wait_for(lambda: [p['spec'].get('nodeName') for p in server.get('-n', ns, 'pods')['items']] == ['n2'])
