"""How an original kubelet becomes a node: TLS bootstrap, registration, lease, status, and what it serves to the API server."""
import base64
import json
import subprocess
import time

import pytest

NODES = ['k1', 'k2']


def requests_of(machine, signer):
    return [r for r in machine.get('csr')['items'] if r['spec']['signerName'] == signer]


def subject(pem):
    done = subprocess.run(['openssl', 'x509', '-noout', '-subject', '-nameopt', 'RFC2253'], input=base64.b64decode(pem), capture_output=True, check=True)
    return done.stdout.decode().strip()


def test_bootstrap(machine):
    asked = requests_of(machine, 'kubernetes.io/kube-apiserver-client-kubelet')
    assert len(asked) == 2
    for request in asked:
        assert request['spec']['username'] == 'system:serviceaccount:kube-system:node-bootstrapper'
        (condition,) = request['status']['conditions']
        assert (condition['type'], condition['reason']) == ('Approved', 'AutoApproved')
    assert {subject(r['status']['certificate']) for r in asked} == {f'subject=CN=system:node:{name},O=system:nodes' for name in NODES}
    for request in requests_of(machine, 'kubernetes.io/kubelet-serving'):
        assert request['spec']['username'] in {f'system:node:{name}' for name in NODES}
        assert request['spec']['groups'] == ['system:nodes', 'system:authenticated']
        assert request['status']['certificate']


@pytest.mark.parametrize('name', NODES)
def test_registration(machine, name):
    node = machine.get('node', name)
    labels, status = node['metadata']['labels'], node['status']
    assert labels['kubernetes.io/hostname'] == name and labels['test'] == 'kubelet' and labels['kubernetes.io/os'] == 'linux'
    assert status['nodeInfo']['kubeletVersion'] == 'v1.36.3'
    assert status['nodeInfo']['containerRuntimeVersion'].startswith('containerd://')
    assert {'type': 'InternalIP', 'address': machine.hosts[name]['ip']} in status['addresses']
    assert status['capacity']['pods'] == '18' and status['allocatable']['memory'] != status['capacity']['memory']
    assert {c['type']: c['status'] for c in status['conditions']} == {
        'MemoryPressure': 'False', 'DiskPressure': 'False', 'PIDPressure': 'False', 'Ready': 'True'}
    assert ('ExtendWebSocketsToKubelet' in status['declaredFeatures']) == (name == 'k1')
    assert any('kaname.local/busybox:1' in image['names'] for image in status['images'])
    machine.wait(lambda: 'taints' not in machine.get('node', name)['spec'], 10, 'the taint of a new node goes')
    assert machine.get('csinode', name)['metadata']['ownerReferences'][0]['name'] == name


@pytest.mark.parametrize('name', NODES)
def test_lease(machine, name):
    def renewed():
        return machine.get('lease', '-n', 'kube-node-lease', name)['spec']['renewTime']
    first = renewed()
    machine.wait(lambda: renewed() > first, 8, 'the lease is renewed')
    lease = machine.get('lease', '-n', 'kube-node-lease', name)
    assert lease['spec']['holderIdentity'] == name and lease['spec']['leaseDurationSeconds'] == 8
    assert lease['metadata']['ownerReferences'][0]['uid'] == machine.get('node', name)['metadata']['uid']


def test_events(machine):
    def reasons():
        return {e['reason'] for e in machine.get('events', '-A')['items'] if (e['involvedObject']['kind'], e['involvedObject']['name']) == ('Node', 'k1')}
    machine.wait(lambda: reasons() >= {'NodeReady', 'NodeHasSufficientMemory'}, 10, 'events of the kubelet')


@pytest.mark.parametrize('name', NODES)
def test_what_it_serves(machine, name):
    """The kubelet asks back: TokenReview and SubjectAccessReview for whoever asks it."""
    assert machine.kubectl('get', '--raw', f'/api/v1/nodes/{name}/proxy/healthz') == 'ok'
    summary = json.loads(machine.kubectl('get', '--raw', f'/api/v1/nodes/{name}/proxy/stats/summary'))
    assert summary['node']['nodeName'] == name and summary['node']['memory']['workingSetBytes'] > 0
    assert 'node_memory_working_set_bytes' in machine.kubectl('get', '--raw', f'/api/v1/nodes/{name}/proxy/metrics/resource')
    assert json.loads(machine.kubectl('get', '--raw', f'/api/v1/nodes/{name}/proxy/configz'))['kubeletconfig']['maxPods'] == 18
    token = machine.kubectl('create', 'token', 'default').strip()

    def code(bearer):
        command = ['nsenter', f'--net=/proc/{machine.vpc}/ns/net', 'curl', '-sk', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}',
                   '-H', f'Authorization: Bearer {bearer}', f'https://{machine.hosts[name]["ip"]}:10250/pods']
        return subprocess.run(command, capture_output=True, text=True).stdout
    assert code('nonsense') == '401'
    assert code(token) == '403'


def test_serving_certificate_is_ours(machine):
    command = ['nsenter', f'--net=/proc/{machine.vpc}/ns/net', 'curl', '-s', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}',
               '--cacert', f'/proc/{machine.hosts["k1"]["pid"]}/root/var/lib/kubelet/ca.crt', f'https://{machine.hosts["k1"]["ip"]}:10250/pods']
    assert subprocess.run(command, capture_output=True, text=True).stdout == '401'


def test_restart(machine):
    """A kubelet that was killed comes back with its certificate, to a pod that went on."""
    from kubelet import pod
    machine.apply(pod('stays', 'k2'))
    machine.wait_ready_pod('stays', 30)
    before = machine.container('stays')
    machine.stop_kubelet('k2')
    time.sleep(1)
    machine.start_kubelet('k2')
    machine.wait(lambda: machine.client('websocket', 'exec', 'stays', '--', 'true')[2] == 0, 30, 'the kubelet answers again')
    assert machine.container('stays')['containerID'] == before['containerID']
    assert len(requests_of(machine, 'kubernetes.io/kube-apiserver-client-kubelet')) == 2
    machine.kubectl('delete', 'pod', 'stays', '--grace-period=1')
