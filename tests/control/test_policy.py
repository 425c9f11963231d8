"""Quotas, disruption budgets, volumes, endpoints, nodes and the scheduler's decisions."""
import base64
import json
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubelet import wait_for
from test_workloads import deployment, template


def pod(name, labels=None, cpu=None, **spec):
    p = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'labels': labels or {}},
         'spec': template({})['spec']}
    p['spec'].update(spec)
    if cpu:
        p['spec']['containers'][0]['resources'] = {'requests': {'cpu': cpu}}
    return p


def test_namespaces_get_what_pods_need(server, ns):
    wait_for(lambda: server.run('kubectl', '-n', ns, 'get', 'serviceaccount/default', check=False).returncode == 0)
    data = wait_for(lambda: server.get('-n', ns, 'configmaps')['items'])[0]['data']
    assert data['ca.crt'].startswith('-----BEGIN CERTIFICATE-----')
    server.kubectl('-n', ns, 'delete', 'configmap/kube-root-ca.crt', 'serviceaccount/default')
    wait_for(lambda: server.get('-n', ns, 'configmaps')['items'] and server.get('-n', ns, 'serviceaccounts')['items'])


def test_quota_gives_back_what_is_deleted(server, ns):
    server.kubectl('-n', ns, 'create', 'quota', 'q', '--hard=pods=2,configmaps=5,requests.cpu=1,count/deployments.apps=1')

    def used():
        return server.get('-n', ns, 'resourcequota/q')['status'].get('used')
    wait_for(lambda: used() == {'pods': '0', 'configmaps': '1', 'requests.cpu': '0', 'count/deployments.apps': '0'})
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('a', cpu='600m'))
    wait_for(lambda: used()['requests.cpu'] == '600m' and used()['pods'] == '1')
    assert 'exceeded quota: q' in server.kubectl_error('-n', ns, 'create', '-f', '-', input=pod('b', cpu='600m'))
    server.kubectl('-n', ns, 'delete', 'pod/a', '--now')
    wait_for(lambda: used()['requests.cpu'] == '0' and used()['pods'] == '0')


def test_budgets_allow_what_the_size_allows(server, kubelet, ns):
    for name in ('a', 'b', 'c'):
        server.kubectl('-n', ns, 'create', '-f', '-', input=pod(name, {'app': 'bare'}))
    server.kubectl('-n', ns, 'create', 'pdb', 'min', '--selector=app=bare', '--min-available=2')

    def status(name):
        return server.get('-n', ns, 'pdb/' + name)['status']
    wait_for(lambda: status('min').get('currentHealthy') == 3 and status('min')['disruptionsAllowed'] == 1)

    def evict(name):
        return server.json('POST', f'/api/v1/namespaces/{ns}/pods/{name}/eviction', {
            'apiVersion': 'policy/v1', 'kind': 'Eviction', 'metadata': {'name': name}})
    assert evict('a')[0] == 201
    code, answer = evict('b')
    assert code == 429 and answer['details']['causes'][0]['reason'] == 'DisruptionBudget'
    wait_for(lambda: status('min')['disruptionsAllowed'] == 0 and status('min')['currentHealthy'] == 2)
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 3))
    server.kubectl('-n', ns, 'create', 'pdb', 'max', '--selector=app=web', '--max-unavailable=50%')
    wait_for(lambda: status('max').get('currentHealthy') == 3)
    assert status('max')['expectedPods'] == 3 and status('max')['desiredHealthy'] == 1
    server.kubectl('-n', ns, 'scale', 'deployment/web', '--replicas=5')
    wait_for(lambda: status('max')['expectedPods'] == 5 and status('max')['currentHealthy'] == 5)


def claim(name, size='1Gi', class_name='none', **spec):
    return {'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': name}, 'spec': {
        'accessModes': ['ReadWriteOnce'], 'storageClassName': class_name, 'resources': {'requests': {'storage': size}}, **spec}}


def volume(name, size='1Gi', class_name='none', **spec):
    return {'apiVersion': 'v1', 'kind': 'PersistentVolume', 'metadata': {'name': name}, 'spec': {
        'capacity': {'storage': size}, 'accessModes': ['ReadWriteOnce'], 'storageClassName': class_name,
        'hostPath': {'path': '/nowhere'}, **spec}}


def phase(server, *what):
    return server.get(*what)['status'].get('phase')


def test_claims_take_the_smallest_volume_that_fits(server, ns):
    for name, size in (('small', '1Gi'), ('large', '9Gi'), ('right', '5Gi')):
        server.kubectl('create', '-f', '-', input=volume(f'{ns}-{name}', size, ns))
        wait_for(lambda: phase(server, f'pv/{ns}-{name}') == 'Available')
    server.kubectl('-n', ns, 'create', '-f', '-', input=claim('c', '4Gi', ns))
    wait_for(lambda: phase(server, '-n', ns, 'pvc/c') == 'Bound')
    c = server.get('-n', ns, 'pvc/c')
    assert c['spec']['volumeName'] == f'{ns}-right' and c['status']['capacity'] == {'storage': '5Gi'}
    bound = server.get(f'pv/{ns}-right')
    assert bound['spec']['claimRef']['uid'] == c['metadata']['uid'] and bound['status']['phase'] == 'Bound'
    server.kubectl('-n', ns, 'delete', 'pvc/c')
    wait_for(lambda: phase(server, f'pv/{ns}-right') == 'Released')
    server.kubectl('delete', *[f'pv/{ns}-{n}' for n in ('small', 'large', 'right')])


def test_a_claim_in_use_stays(server, kubelet, ns):
    server.kubectl('create', '-f', '-', input=volume(f'{ns}-v', class_name=ns))
    server.kubectl('-n', ns, 'create', '-f', '-', input=claim('c', class_name=ns))
    wait_for(lambda: phase(server, '-n', ns, 'pvc/c') == 'Bound')
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('user', volumes=[
        {'name': 'v', 'persistentVolumeClaim': {'claimName': 'c'}}]))
    wait_for(lambda: phase(server, '-n', ns, 'pod/user') == 'Running')
    server.kubectl('-n', ns, 'delete', 'pvc/c', '--wait=false')
    assert server.get('-n', ns, 'pvc/c')['metadata']['finalizers'] == ['kubernetes.io/pvc-protection']
    server.kubectl('-n', ns, 'delete', 'pod/user')
    wait_for(lambda: server.get('-n', ns, 'pvc')['items'] == [])
    server.kubectl('delete', f'pv/{ns}-v')


def test_a_class_of_attributes_in_use_stays(server, ns):
    classes = '/apis/storage.k8s.io/v1/volumeattributesclasses'
    name, claims = 'fast-' + ns, f'/api/v1/namespaces/{ns}/persistentvolumeclaims'
    status, made = server.json('POST', classes, {'metadata': {'name': name}, 'driverName': 'csi.example', 'parameters': {'iops': '9'}})
    assert status == 201 and made['metadata']['finalizers'] == ['kubernetes.io/vac-protection']
    assert server.json('POST', claims, {'metadata': {'name': 'c'}, 'spec': {
        'accessModes': ['ReadWriteOnce'], 'storageClassName': '', 'volumeAttributesClassName': name,
        'resources': {'requests': {'storage': '1Gi'}}}})[0] == 201
    server.json('DELETE', f'{classes}/{name}')
    time.sleep(0.5)
    assert 'deletionTimestamp' in server.json('GET', f'{classes}/{name}')[1]['metadata']
    server.json('DELETE', f'{claims}/c')
    wait_for(lambda: server.json('GET', f'{classes}/{name}')[0] == 404)


def test_a_flow_schema_tells_whether_its_level_is_there(server, ns):
    base = '/apis/flowcontrol.apiserver.k8s.io/v1/'
    said = 'This FlowSchema references the PriorityLevelConfiguration object named "%s" ' % ns

    def dangling():
        for c in server.json('GET', f'{base}flowschemas/{ns}')[1].get('status', {}).get('conditions', []):
            return c['type'], c['status'], c['reason'], c['message'].removeprefix(said)
    assert server.json('POST', base + 'flowschemas', {'metadata': {'name': ns}, 'spec': {'priorityLevelConfiguration': {'name': ns}}})[0] == 201
    wait_for(lambda: dangling() == ('Dangling', 'True', 'NotFound', 'but there is no such object'))
    assert server.json('POST', base + 'prioritylevelconfigurations', {'metadata': {'name': ns}, 'spec': {
        'type': 'Limited', 'limited': {'limitResponse': {'type': 'Reject'}}}})[0] == 201
    wait_for(lambda: dangling() == ('Dangling', 'False', 'Found', 'and it exists'))
    server.json('DELETE', f'{base}prioritylevelconfigurations/{ns}')
    wait_for(lambda: dangling()[1] == 'True')
    server.json('DELETE', f'{base}flowschemas/{ns}')


def test_local_volumes_are_made_where_the_pod_goes(server, kubelet, ns):
    server.kubectl('create', '-f', '-', input={
        'apiVersion': 'storage.k8s.io/v1', 'kind': 'StorageClass', 'metadata': {'name': ns}, 'provisioner': 'kaname.dev/local',
        'volumeBindingMode': 'WaitForFirstConsumer', 'reclaimPolicy': 'Delete'})
    server.kubectl('-n', ns, 'create', '-f', '-', input=claim('c', class_name=ns))
    wait_for(lambda: phase(server, '-n', ns, 'pvc/c') == 'Pending')
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('user', nodeSelector={'kubernetes.io/hostname': 'n3'}, volumes=[
        {'name': 'v', 'persistentVolumeClaim': {'claimName': 'c'}}]))
    wait_for(lambda: phase(server, '-n', ns, 'pod/user') == 'Running')
    c = server.get('-n', ns, 'pvc/c')
    assert c['metadata']['annotations']['volume.kubernetes.io/selected-node'] == 'n3'
    made = c['spec']['volumeName']
    assert server.get('pv/' + made)['spec']['hostPath']['path'].endswith(made)
    server.kubectl('-n', ns, 'delete', 'pod/user', 'pvc/c')
    wait_for(lambda: made not in [v['metadata']['name'] for v in server.get('pv')['items']])
    server.kubectl('delete', 'storageclass/' + ns)


def test_services_have_endpoints_and_slices(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 2))
    server.kubectl('-n', ns, 'expose', 'deployment/web', '--port=80', '--target-port=8080')
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')

    def addresses():
        slices = server.get('-n', ns, 'endpointslices', '-l', 'kubernetes.io/service-name=web')['items']
        return sorted(e['addresses'][0] for s in slices for e in s.get('endpoints') or [] if e['conditions']['ready'])
    wait_for(lambda: len(addresses()) == 2)
    ips = sorted(p['status']['podIP'] for p in server.get('-n', ns, 'pods')['items'])
    assert addresses() == ips
    subset = server.get('-n', ns, 'endpoints/web')['subsets'][0]
    assert sorted(a['ip'] for a in subset['addresses']) == ips and subset['ports'][0]['port'] == 8080
    server.kubectl('-n', ns, 'scale', 'deployment/web', '--replicas=0')
    wait_for(lambda: addresses() == [] and not server.get('-n', ns, 'endpoints/web').get('subsets'))
    server.kubectl('-n', ns, 'delete', 'service/web')
    wait_for(lambda: server.get('-n', ns, 'endpointslices')['items'] == [] and server.get('-n', ns, 'endpoints')['items'] == [])


def test_an_unschedulable_pod_says_why_and_is_placed_when_it_can(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('big', cpu='100'))

    def condition():
        found = server.get('-n', ns, 'pod/big')['status'].get('conditions', [])
        return next((c for c in found if c['type'] == 'PodScheduled'), None)
    c = wait_for(condition)
    assert c['reason'] == 'Unschedulable' and c['message'] == (
        '0/3 nodes are available: 3 Insufficient cpu. '
        'preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.')
    events = server.get('-n', ns, 'events')['items']
    assert any(e['reason'] == 'FailedScheduling' and e['message'] == c['message'] for e in events)
    kubelet.add_node('giant', cpu='200')
    wait_for(lambda: phase(server, '-n', ns, 'pod/big') == 'Running')
    server.kubectl('-n', ns, 'delete', 'pod/big')
    kubelet.nodes.remove('giant')
    server.kubectl('delete', 'node/giant')


def test_anti_affinity_and_spread(server, kubelet, ns):
    apart = {'podAntiAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': [
        {'topologyKey': 'kubernetes.io/hostname', 'labelSelector': {'matchLabels': {'app': 'web'}}}]}}
    d = deployment('web', 4)
    d['spec']['template']['spec']['affinity'] = apart
    server.kubectl('-n', ns, 'create', '-f', '-', input=d)
    placed = wait_for(lambda: (lambda n: n if len(n) == 3 else None)(
        [p['spec']['nodeName'] for p in server.get('-n', ns, 'pods')['items'] if 'nodeName' in p['spec']]))
    assert sorted(placed) == kubelet.nodes
    left = wait_for(lambda: [p for p in server.get('-n', ns, 'pods')['items'] if p['status'].get('conditions', [{}])[0].get(
        'reason') == 'Unschedulable'])
    assert "3 node(s) didn't match pod anti-affinity rules" in left[0]['status']['conditions'][0]['message']
    s = deployment('even', 6)
    s['spec']['template']['spec']['topologySpreadConstraints'] = [
        {'maxSkew': 1, 'topologyKey': 'kubernetes.io/hostname', 'whenUnsatisfiable': 'DoNotSchedule',
         'labelSelector': {'matchLabels': {'app': 'even'}}}]
    server.kubectl('-n', ns, 'create', '-f', '-', input=s)
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/even', '--timeout=20s')
    nodes = [p['spec']['nodeName'] for p in server.get('-n', ns, 'pods', '-l', 'app=even')['items']]
    assert sorted(nodes) == sorted(kubelet.nodes * 2)


def test_the_important_pod_takes_the_room(server, kubelet, ns):
    server.kubectl('create', 'priorityclass', ns, '--value=1000')
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('low', 3))
    server.kubectl('-n', ns, 'set', 'resources', 'deployment/low', '--requests=cpu=5')
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/low', '--timeout=20s')
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('high', cpu='6', priorityClassName=ns))
    wait_for(lambda: phase(server, '-n', ns, 'pod/high') == 'Running')
    assert any(e['reason'] == 'Preempted' for e in server.get('-n', ns, 'events')['items'])
    server.kubectl('-n', ns, 'delete', 'pod/high', 'deployment/low')
    server.kubectl('delete', 'priorityclass/' + ns)


def test_taints_drive_pods_away(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('stays', nodeName='n1', tolerations=[{'operator': 'Exists'}]))
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('leaves', nodeName='n1'))
    wait_for(lambda: phase(server, '-n', ns, 'pod/leaves') == 'Running' and phase(server, '-n', ns, 'pod/stays') == 'Running')
    server.kubectl('taint', 'nodes', 'n1', 'evil=yes:NoExecute')
    wait_for(lambda: [p['metadata']['name'] for p in server.get('-n', ns, 'pods')['items']] == ['stays'])
    server.kubectl('taint', 'nodes', 'n1', 'evil-')


def test_cordoned_nodes_take_no_pods(server, kubelet, ns):
    server.kubectl('cordon', 'n1', 'n2')
    server.kubectl('-n', ns, 'create', '-f', '-', input=deployment('web', 3))
    server.kubectl('-n', ns, 'rollout', 'status', 'deployment/web', '--timeout=20s')
    assert {p['spec']['nodeName'] for p in server.get('-n', ns, 'pods')['items']} == {'n3'}
    server.kubectl('uncordon', 'n1', 'n2')
    wait_for(lambda: not any(n['spec'].get('taints') for n in server.get('nodes')['items']))


def test_gates_hold_a_pod_back(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=pod('p', schedulingGates=[{'name': 'test/gate'}]))
    assert 'nodeName' not in server.get('-n', ns, 'pod/p')['spec']
    server.kubectl('-n', ns, 'patch', 'pod/p', '--type=json', '-p', '[{"op":"remove","path":"/spec/schedulingGates"}]')
    wait_for(lambda: phase(server, '-n', ns, 'pod/p') == 'Running')


def test_aggregated_roles_follow_their_parts(server, ns):
    server.kubectl('create', 'clusterrole', ns + '-part', '--verb=get', '--resource=pods')
    server.kubectl('label', 'clusterrole/' + ns + '-part', 'aggregate/' + ns + '=true')
    server.kubectl('create', 'clusterrole', ns, '--aggregation-rule=aggregate/' + ns + '=true')
    wait_for(lambda: server.get('clusterrole/' + ns).get('rules') == [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get']}])
    server.kubectl('delete', 'clusterrole/' + ns + '-part')
    wait_for(lambda: not server.get('clusterrole/' + ns).get('rules'))
    server.kubectl('delete', 'clusterrole/' + ns)


def test_a_kubelets_request_is_approved_when_it_may_have_a_certificate_at_last(server):
    """Who may have one is often said after the first kubelet has asked."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'system:nodes'), x509.NameAttribute(NameOID.COMMON_NAME, 'system:node:late')])
    pem = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
    server.kubectl('create', 'clusterrole', 'may-ask', '--verb=create', '--resource=certificatesigningrequests')
    server.kubectl('create', 'clusterrolebinding', 'may-ask', '--clusterrole=may-ask', '--user=starter')
    status, answer = server.json('POST', path, {'metadata': {'name': 'late'}, 'spec': {
        'signerName': 'kubernetes.io/kube-apiserver-client-kubelet', 'usages': ['digital signature', 'client auth'],
        'request': base64.b64encode(pem).decode()}}, {'Impersonate-User': 'starter'})
    assert status == 201, answer
    time.sleep(0.5)
    assert not server.json('GET', path + '/late')[1]['status'].get('conditions')
    server.kubectl('create', 'clusterrolebinding', 'late', '--user=starter', '--clusterrole=system:certificates.k8s.io:certificatesigningrequests:nodeclient')
    wait_for(lambda: server.json('GET', path + '/late')[1]['status'].get('certificate'))
    for kind in ('clusterrolebinding/late', 'clusterrolebinding/may-ask', 'clusterrole/may-ask', 'csr/late'):
        server.kubectl('delete', kind)
