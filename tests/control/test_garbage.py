"""What owns what: background, foreground and orphaning deletion, namespaces on their way out."""
from kubelet import wait_for
from test_workloads import deployment, names


def test_background_deletion_takes_everything(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 3))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    server.kubectl('-n', ns, 'delete', 'deployment/web')
    wait_for(lambda: not server.get('-n', ns, 'replicasets')['items'] and not server.get('-n', ns, 'pods')['items'])


def test_foreground_deletion_waits_for_what_is_owned(server, ns):
    server.kubectl('-n', ns, 'create', 'configmap', 'owner')
    uid = server.get('-n', ns, 'configmap/owner')['metadata']['uid']
    owned = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {
        'name': 'owned', 'finalizers': ['test/held'],
        'ownerReferences': [{'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'owner', 'uid': uid, 'blockOwnerDeletion': True}]}}
    server.kubectl('-n', ns, 'create', '-f', '-', input=owned)
    server.kubectl('-n', ns, 'delete', 'configmap/owner', '--cascade=foreground', '--wait=false')
    wait_for(lambda: 'deletionTimestamp' in server.get('-n', ns, 'configmap/owned')['metadata'])
    assert server.get('-n', ns, 'configmap/owner')['metadata']['finalizers'] == ['foregroundDeletion']
    server.kubectl('-n', ns, 'patch', 'configmap/owned', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    wait_for(lambda: names(server, ns, 'configmaps') == ['kube-root-ca.crt'])


def test_orphans_live_on(server, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 1))
    wait_for(lambda: names(server, ns, 'replicasets', app='web'))
    server.kubectl('-n', ns, 'delete', 'deployment/web', '--cascade=orphan')
    sets = server.get('-n', ns, 'replicasets')['items']
    assert len(sets) == 1 and 'ownerReferences' not in sets[0]['metadata']


def test_a_circle_is_broken(server, ns):
    uids = {}
    for name in ('a', 'b', 'c'):
        server.kubectl('-n', ns, 'create', 'configmap', name)
        uids[name] = server.get('-n', ns, 'configmap/' + name)['metadata']['uid']
    for name, owner in (('a', 'c'), ('b', 'a'), ('c', 'b')):
        server.json('PATCH', f'/api/v1/namespaces/{ns}/configmaps/{name}', {'metadata': {'ownerReferences': [
            {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': owner, 'uid': uids[owner], 'blockOwnerDeletion': True}]}},
            {'Content-Type': 'application/merge-patch+json'})
    server.kubectl('-n', ns, 'delete', 'configmap/a', '--cascade=foreground', '--wait=false')
    wait_for(lambda: names(server, ns, 'configmaps') == ['kube-root-ca.crt'])


def test_an_owner_that_never_was(server, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {
        'name': 'x', 'ownerReferences': [{'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'none', 'uid': 'no-such-uid'}]}})
    wait_for(lambda: names(server, ns, 'configmaps') == ['kube-root-ca.crt'])


def test_custom_resources_are_collected_too(server, ns):
    group = ns.replace('-', '') + '.example.com'
    server.kubectl('create', '-f', '-', input={
        'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': 'things.' + group},
        'spec': {'group': group, 'scope': 'Namespaced', 'names': {'plural': 'things', 'kind': 'Thing'}, 'versions': [
            {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': {
                'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}}}]}})
    server.kubectl('wait', '--for=condition=Established', 'crd/things.' + group, '--timeout=10s')
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': group + '/v1', 'kind': 'Thing', 'metadata': {'name': 't'}})
    thing = server.get('-n', ns, 'things.' + group + '/t')
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {
        'name': 'x', 'ownerReferences': [{'apiVersion': group + '/v1', 'kind': 'Thing', 'name': 't',
                                          'uid': thing['metadata']['uid']}]}})
    server.kubectl('-n', ns, 'delete', 'things.' + group + '/t')
    wait_for(lambda: names(server, ns, 'configmaps') == ['kube-root-ca.crt'])
    server.kubectl('delete', 'crd/things.' + group)


def test_a_namespace_tells_what_holds_it(server):
    server.kubectl('create', 'namespace', 'leaving')
    server.kubectl('-n', 'leaving', 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {
        'name': 'held', 'finalizers': ['test/held']}})
    server.kubectl('-n', 'leaving', 'create', 'secret', 'generic', 'other')
    server.kubectl('delete', 'namespace', 'leaving', '--wait=false')

    def remaining():
        conditions = server.get('namespace/leaving')['status'].get('conditions', [])
        return {c['type']: c for c in conditions if c['status'] == 'True'}
    told = wait_for(remaining)
    assert told['NamespaceContentRemaining']['message'] == 'Some resources are remaining: configmaps. has 1 resource instances'
    assert told['NamespaceFinalizersRemaining']['message'] == \
        'Some content in the namespace has finalizers remaining: test/held in 1 resource instances'
    assert not server.get('-n', 'leaving', 'secrets')['items']
    assert 'being terminated' in server.kubectl_error('-n', 'leaving', 'create', 'configmap', 'late')
    server.kubectl('-n', 'leaving', 'patch', 'configmap/held', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    wait_for(lambda: 'not found' in server.run('kubectl', 'get', 'namespace', 'leaving', check=False).stderr)
