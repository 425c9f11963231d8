"""Volumes that outlive pods, what of them a container gets, whose they are, and what becomes of them; and volumes that follow the API."""
import os
import signal
import time

import pytest
from machine import pod

FOREVER = 'trap "exit 0" TERM; while true; do sleep 0.1; done'


@pytest.fixture(scope='module')
def local(machine):
    machine.apply({'apiVersion': 'storage.k8s.io/v1', 'kind': 'StorageClass', 'metadata': {'name': 'here'}, 'provisioner': 'kaname.dev/local',
                   'volumeBindingMode': 'WaitForFirstConsumer'})
    yield 'here'
    machine.kubectl('delete', 'storageclass', 'here')


def claim(name, storage_class, **spec):
    return {'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': name},
            'spec': {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}, 'storageClassName': storage_class, **spec}}


def user(name, claims, node='n1', *, main=None, read_only=False, **spec):
    """A pod that the scheduler places, on a given node, with its claims at /NAME."""
    body = pod(name, node, volumes=[{'name': c, 'persistentVolumeClaim': {'claimName': c, 'readOnly': read_only}} for c in claims],
               main={'volumeMounts': [{'name': c, 'mountPath': f'/{c}'} for c in claims], **(main or {})}, **spec)
    del body['spec']['nodeName']
    body['spec']['nodeSelector'] = {'kubernetes.io/hostname': node}
    return body


def sh(machine, name, script, check=True):
    return machine.kubectl('exec', name, '--', 'sh', '-c', script).strip() if check else machine.kubectl('exec', name, '--', 'sh', '-c', script, check=False)


def delete(machine, *names):
    machine.kubectl('delete', 'pod', *names, '--grace-period=1')


def folder_of(machine, name):
    volume = machine.get('pvc', name)['spec']['volumeName']
    found = machine.get('pv', volume)
    assert 'kaname.dev/local-volume' in found['metadata']['finalizers']
    return volume, found['spec']['hostPath']['path']


def exists(machine, path, node='n1'):
    return machine.inside(node, 'sh', '-c', f'test -e {path} && echo yes || echo no').strip() == 'yes'


def test_data_stays_and_goes_with_its_claim(machine, local):
    machine.apply(claim('data', local), user('first', ['data'], securityContext={'runAsUser': 1000}))
    machine.wait_ready_pod('first')
    sh(machine, 'first', 'echo kept >/data/file; mkdir -p /data/sub/first /data/deep; echo inner >/data/sub/first/file')
    delete(machine, 'first')
    mounts = [{'name': 'data', 'mountPath': '/data'}, {'name': 'data', 'mountPath': '/part', 'subPath': 'sub/first'},
              {'name': 'data', 'mountPath': '/own', 'subPathExpr': 'sub/$(NAME)'}, {'name': 'data', 'mountPath': '/look', 'readOnly': True}]
    machine.apply(user('second', ['data'], securityContext={'runAsUser': 1001, 'fsGroup': 3000}, main={
        'volumeMounts': mounts, 'env': [{'name': 'NAME', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.name'}}}]}))
    machine.wait_ready_pod('second')
    assert sh(machine, 'second', 'cat /data/file /part/file') == 'kept\ninner'
    assert sh(machine, 'second', 'echo mine >/own/file; cat /data/sub/second/file') == 'mine'
    assert 'Read-only file system' in sh(machine, 'second', 'echo x >/look/file', check=False).stderr
    # Its group owns all of it, what was there before and what comes.
    assert sh(machine, 'second', 'stat -c %g /data /data/file /data/sub/first /data/sub/first/file /own/file').split() == ['3000'] * 5
    assert sh(machine, 'second', 'echo more >>/data/file && cat /data/file') == 'kept\nmore'
    delete(machine, 'second')
    machine.apply(user('third', ['data'], read_only=True))
    machine.wait_ready_pod('third')
    assert 'Read-only file system' in sh(machine, 'third', 'echo x >/data/file', check=False).stderr
    assert sh(machine, 'third', 'cat /data/file') == 'kept\nmore'
    volume, path = folder_of(machine, 'data')
    assert exists(machine, path)
    machine.kubectl('delete', 'pvc', 'data', '--wait=false')
    time.sleep(1)
    assert exists(machine, path)  # in use
    delete(machine, 'third')
    machine.wait(lambda: machine.get('pv', volume) is None, 10, 'the volume goes with its claim')
    assert not exists(machine, path) and not exists(machine, f'/var/lib/kubelet/local-volumes/{volume}')


def test_a_retained_volume_keeps_its_data(machine, local):
    machine.apply(claim('keep', local), user('keeper', ['keep'], command=f'echo kept >/keep/file; {FOREVER}'))
    machine.wait_ready_pod('keeper')
    volume, path = folder_of(machine, 'keep')
    machine.kubectl('patch', 'pv', volume, '-p', '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}')
    delete(machine, 'keeper')
    machine.kubectl('delete', 'pvc', 'keep')
    machine.wait(lambda: machine.get('pv', volume)['status']['phase'] == 'Released', 5, 'Released')
    machine.kubectl('delete', 'pv', volume)
    assert machine.inside('n1', 'cat', f'{path}/file').strip() == 'kept'
    assert not exists(machine, f'/var/lib/kubelet/local-volumes/{volume}')
    machine.inside('n1', 'rm', '-r', path)


def test_a_path_that_is_no_volumes_own_is_never_removed(machine, local):
    machine.inside('n1', 'sh', '-c', 'mkdir -p /var/lib/precious; echo x >/var/lib/precious/file')
    machine.apply(
        {'apiVersion': 'v1', 'kind': 'PersistentVolume', 'metadata': {'name': 'forged', 'annotations': {'pv.kubernetes.io/provisioned-by': 'kaname.dev/local'}},
         'spec': {'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'], 'storageClassName': 'here', 'persistentVolumeReclaimPolicy': 'Delete',
                  'hostPath': {'path': '/var/lib/precious'}, 'nodeAffinity': {'required': {'nodeSelectorTerms': [
                      {'matchExpressions': [{'key': 'kubernetes.io/hostname', 'operator': 'In', 'values': ['n1']}]}]}}}},
        claim('forged', local, volumeName='forged'), user('forger', ['forged']))
    machine.wait_ready_pod('forger')
    delete(machine, 'forger')
    machine.kubectl('delete', 'pvc', 'forged')
    machine.wait(lambda: machine.get('pv', 'forged') is None, 10, 'the volume is gone')
    assert machine.inside('n1', 'cat', '/var/lib/precious/file').strip() == 'x'


def test_a_volume_that_went_while_the_agent_was_away(machine, local):
    machine.apply(claim('lost', local), user('loser', ['lost'], command=f'echo x >/lost/file; {FOREVER}'))
    machine.wait_ready_pod('loser')
    volume, path = folder_of(machine, 'lost')
    delete(machine, 'loser')
    agents = machine.processes_of('n1', 'bin/kaname')
    for pid in agents:
        os.kill(pid, signal.SIGSTOP)
    machine.kubectl('delete', 'pvc', 'lost')
    machine.wait(lambda: 'deletionTimestamp' in machine.get('pv', volume)['metadata'], 5, 'it waits for its node')
    for pid in agents:
        os.kill(pid, signal.SIGKILL)
    machine.wait(lambda: machine.get('pv', volume) is None, 25, 'the next agent lets it go')
    assert not exists(machine, path)


def test_a_volume_of_a_node_that_is_gone(machine, local):
    machine.add_node('brief')
    machine.load_busybox('brief')
    machine.apply(claim('stranded', local), user('short', ['stranded'], 'brief'))
    machine.wait_ready_pod('short')
    volume, _ = folder_of(machine, 'stranded')
    # A volume is where its node is, whatever a pod says.
    elsewhere = pod('elsewhere', volumes=[{'name': 'v', 'persistentVolumeClaim': {'claimName': 'stranded'}}], main={'volumeMounts': [{'name': 'v', 'mountPath': '/v'}]})
    machine.apply(elsewhere)
    told = lambda: [e['message'] for e in machine.get('events', '--field-selector', 'involvedObject.name=elsewhere,reason=FailedMount')['items']]  # noqa: E731
    message = f'MountVolume.NodeAffinity check failed for volume "{volume}" : no matching NodeSelectorTerms'
    machine.wait(lambda: any(message in m for m in told()), 10, 'refused')
    delete(machine, 'elsewhere', 'short')
    machine.remove_node('brief')
    machine.kubectl('delete', 'pvc', 'stranded')
    machine.wait(lambda: machine.get('pv', volume) is None, 10, 'nobody waits for a node that is gone')


def test_kinds_of_host_paths(machine):
    machine.inside('n1', 'sh', '-c', 'mkdir -p /var/lib/kinds/dir; echo text >/var/lib/kinds/file')
    wanted = [('dir', 'Directory', True), ('file', 'File', True), ('new-dir', 'DirectoryOrCreate', True), ('new-file', 'FileOrCreate', True), ('dir', '', True),
              ('file', 'Directory', False), ('dir', 'File', False), ('missing', 'Directory', False), ('missing', 'File', False),
              ('file', 'Socket', False), ('../../../dev/null', 'CharDevice', True), ('../../../dev/null', 'BlockDevice', False)]
    names = [f'kind-{i}' for i in range(len(wanted))]
    machine.apply(*(pod(name, volumes=[{'name': 'h', 'hostPath': {'path': os.path.normpath(f'/var/lib/kinds/{path}'), 'type': kind}}],
                        main={'volumeMounts': [{'name': 'h', 'mountPath': '/h'}]}) for name, (path, kind, _) in zip(names, wanted)))
    for name, (path, kind, good) in zip(names, wanted):
        if good:
            machine.wait_ready_pod(name)
        else:
            failures = lambda: [e['message'] for e in machine.get('events', '--field-selector', f'involvedObject.name={name},reason=FailedMount')['items']]  # noqa: B023, E731
            machine.wait(lambda: any('hostPath type check failed' in m for m in failures()), 10, f'{path} is no {kind}')  # noqa: B023
            assert machine.phase(name) == 'Pending'
    assert sh(machine, 'kind-1', 'cat /h') == 'text'
    sh(machine, 'kind-3', 'echo more >/h')
    assert machine.inside('n1', 'cat', '/var/lib/kinds/new-file') == 'more\n'
    delete(machine, *names)


def test_memory_has_its_size(machine):
    machine.apply(pod('memory', volumes=[{'name': 'm', 'emptyDir': {'medium': 'Memory', 'sizeLimit': '2Mi'}}],
                      main={'volumeMounts': [{'name': 'm', 'mountPath': '/m'}], 'resources': {'limits': {'memory': '64Mi'}}}))
    machine.wait_ready_pod('memory')
    assert '2048' in sh(machine, 'memory', 'df -k /m')
    assert 'No space left' in sh(machine, 'memory', 'dd if=/dev/zero of=/m/x bs=1M count=3', check=False).stderr
    assert sh(machine, 'memory', 'stat -c %s /m/x') == str(2 << 20)
    delete(machine, 'memory')


def test_a_projected_volume_changes_at_once(machine):
    """Files of one state are seen together: a reader that holds a folder of them never sees two states in it."""
    def state(n, **more):
        machine.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'state'}, 'data': {'a': f'{n}\n', 'b': f'{n}\n', **more}},
                      {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'state'}, 'stringData': {'c': f'{n}\n'}})
    state(0, old='x')
    watch = 'while true; do cd -P /p/..data && s=$(cat a b 2>/dev/null) && echo $s; sleep 0.002; done'
    machine.apply(pod('projected', command=watch, volumes=[{'name': 'p', 'projected': {'sources': [{'configMap': {'name': 'state'}}, {'secret': {'name': 'state'}}]}}],
                      main={'volumeMounts': [{'name': 'p', 'mountPath': '/p'}]}))
    machine.wait_ready_pod('projected')
    assert sh(machine, 'projected', 'cat /p/old') == 'x'
    for n in range(1, 7):
        state(n)
    machine.wait(lambda: sh(machine, 'projected', 'cat /p/a /p/b /p/c').split() == ['6'] * 3, 10, 'the last state is seen')
    assert sh(machine, 'projected', 'ls /p').split() == ['a', 'b', 'c']
    seen = [line.split() for line in machine.kubectl('logs', 'projected').splitlines()]
    whole = [words for words in seen if len(words) == 2]  # the folder may have gone under the reader
    assert all(a == b for a, b in whole) and len({a for a, _ in whole}) > 1
    assert len(sh(machine, 'projected', 'ls -A /p').split()) == 5  # ..data, its folder, and three names
    machine.kubectl('delete', 'secret', 'state')
    machine.kubectl('delete', 'configmap', 'state')
    time.sleep(0.5)
    assert sh(machine, 'projected', 'cat /p/c') == '6'  # what is gone stays as it was
    delete(machine, 'projected')
