"""Pods that have to go: the node runs low, or they use more of its disk than they may. Thresholds are set so that little is enough."""
import time

import pytest
from machine import pod

MIB = 1 << 20


def memory_total():
    return int(next(line for line in open('/proc/meminfo') if line.startswith('MemTotal')).split()[1]) * 1024


@pytest.fixture(scope='module')
def tight(machine):
    """A node that thinks it has some 300 MiB of memory for everything."""
    machine.add_node('tight', *[f'--agent-option={o}' for o in (
        '--housekeeping-interval=1', f'--eviction-hard=memory.available<{memory_total() - 300 * MIB}', '--eviction-pressure-transition-period=3')])
    machine.load_busybox('tight')
    yield 'tight'
    machine.remove_node('tight')


@pytest.fixture(scope='module')
def full(machine):
    """One whose disk and process ids are never enough."""
    machine.add_node('full', *[f'--agent-option={o}' for o in ('--housekeeping-interval=1', '--eviction-hard=nodefs.available<100%,pid.available<100%')])
    machine.load_busybox('full')
    yield 'full'
    machine.remove_node('full')


def hog(name, node, mebibytes, **spec):
    """Fills a volume in memory, which counts as the container's."""
    return pod(name, node, command=f'dd if=/dev/zero of=/m/fill bs=1M count={mebibytes} 2>/dev/null; trap "exit 0" TERM; while true; do sleep 0.1; done',
               volumes=[{'name': 'm', 'emptyDir': {'medium': 'Memory'}}], **spec)


def mount(resources=None):
    return {'volumeMounts': [{'name': 'm', 'mountPath': '/m'}], **({'resources': resources} if resources else {})}


def events(machine, name):
    found = machine.get('events', '--field-selector', f'involvedObject.name={name}')['items']
    return {(e['type'], e['reason'], e['message']) for e in found}


def taints(machine, node):
    return {(t['key'], t['effect']) for t in machine.get('node', node)['spec'].get('taints', [])}


def condition_of(machine, node, kind):
    return next(c for c in machine.get('node', node)['status']['conditions'] if c['type'] == kind)


def test_memory_pressure_takes_the_right_pod(machine, tight):
    """One within its request stays whatever it uses; of the others the least important goes, though it uses less."""
    machine.apply(*({'apiVersion': 'scheduling.k8s.io/v1', 'kind': 'PriorityClass', 'metadata': {'name': name}, 'value': value}
                    for name, value in (('important', 1000), ('unimportant', 10))))
    machine.apply(hog('within', tight, 80, priorityClassName='unimportant', main=mount({'requests': {'memory': '200Mi'}})),
                  hog('important', tight, 60, priorityClassName='important', main=mount({'requests': {'memory': '10Mi'}})))
    machine.wait_ready_pod('within')
    machine.wait_ready_pod('important')
    time.sleep(1.5)
    assert condition_of(machine, tight, 'MemoryPressure')['status'] == 'False'
    machine.apply(hog('small', tight, 25, priorityClassName='unimportant', main=mount({'requests': {'memory': '10Mi'}})))
    machine.wait_ready_pod('small')
    machine.apply(hog('straw', tight, 200, priorityClassName='important', main=mount({'requests': {'memory': '250Mi'}})))
    machine.wait(lambda: machine.phase('small') == 'Failed', 15, 'small is evicted')
    status = machine.get('pod', 'small')['status']
    assert status['reason'] == 'Evicted'
    assert status['message'].startswith('The node was low on resource: memory. Threshold quantity: '), status['message']
    assert 'Container main was using ' in status['message'] and ', request is 10Mi, has larger consumption of memory. ' in status['message']
    disruption = next(c for c in status['conditions'] if c['type'] == 'DisruptionTarget')
    assert (disruption['status'], disruption['reason'], disruption['message']) == ('True', 'TerminationByKubelet', status['message'])
    assert ('Warning', 'Evicted', status['message']) in events(machine, 'small')
    pressure = machine.wait(lambda: (c := condition_of(machine, tight, 'MemoryPressure'))['status'] == 'True' and c, 5, 'the node tells')
    assert pressure['reason'] == 'KubeletHasInsufficientMemory'
    machine.wait(lambda: ('node.kubernetes.io/memory-pressure', 'NoSchedule') in taints(machine, tight), 5, 'the taint')
    # The next to go is the other that exceeds its request, however important.
    machine.wait(lambda: machine.phase('important') == 'Failed', 15, 'important is evicted')
    # Meanwhile pods without any request are refused.
    machine.apply(pod('refused', tight))
    machine.wait(lambda: machine.phase('refused') == 'Failed', 5, 'refused')
    status = machine.get('pod', 'refused')['status']
    assert (status['reason'], status['message']) == ('Evicted', 'Pod was rejected: The node had condition: [MemoryPressure]. ')
    machine.kubectl('delete', 'pod', 'small', 'important', 'within', 'straw', 'refused', '--grace-period=1')
    # It ends a while after the last pressure did.
    machine.wait(lambda: condition_of(machine, tight, 'MemoryPressure')['status'] == 'False', 10, 'the pressure is over')
    machine.wait(lambda: not any('pressure' in key for key, _ in taints(machine, tight)), 5, 'the taint is gone')
    machine.apply(pod('welcome', tight))
    machine.wait_ready_pod('welcome')
    machine.kubectl('delete', 'pod', 'welcome', '--grace-period=1')


def test_limits_of_local_storage(machine, tight):
    def filler(name, path, **spec):
        return pod(name, tight, command=f'dd if=/dev/zero of={path}/fill bs=1M count=3 2>/dev/null; trap "exit 0" TERM; while true; do sleep 0.1; done', **spec)
    limit = {'limits': {'ephemeral-storage': '1Mi'}}
    machine.apply(
        filler('dir', '/m', volumes=[{'name': 'm', 'emptyDir': {'sizeLimit': '1Mi'}}], main=mount()),
        filler('roomy', '/m', volumes=[{'name': 'm', 'emptyDir': {'sizeLimit': '8Mi'}}], main=mount()),
        filler('whole', '/m', volumes=[{'name': 'm', 'emptyDir': {}}], main=mount(limit)),
        pod('wordy', tight, containers=[
            {'name': 'talks', 'image': 'kaname.local/busybox:1', 'resources': limit, 'command': ['sh', '-c', 'head -c 2000000 /dev/zero | tr "\\0" "\\n"; sleep 1000']},
            {'name': 'other', 'image': 'kaname.local/busybox:1', 'command': ['sleep', '1000'], 'resources': {'limits': {'ephemeral-storage': '1Gi'}}}]))
    messages = {'dir': 'Usage of EmptyDir volume "m" exceeds the limit "1Mi". ',
                'whole': 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ',
                'wordy': 'Container talks exceeded its local ephemeral storage limit "1Mi". '}
    for name, message in messages.items():
        machine.wait(lambda: machine.phase(name) == 'Failed', 20, f'{name} is evicted')  # noqa: B023
        status = machine.get('pod', name)['status']
        assert (status['reason'], status['message']) == ('Evicted', message)
        assert not any(c['type'] == 'DisruptionTarget' for c in status['conditions'])
        assert ('Warning', 'Evicted', message) in events(machine, name)
    assert machine.condition('pod', 'roomy', 'Ready') == 'True'
    machine.kubectl('delete', 'pod', 'dir', 'roomy', 'whole', 'wordy', '--grace-period=1')


def test_pressure_of_disk_and_processes(machine, full):
    for kind, reason, taint in (('DiskPressure', 'KubeletHasDiskPressure', 'disk-pressure'), ('PIDPressure', 'KubeletHasInsufficientPID', 'pid-pressure')):
        told = machine.wait(lambda: (c := condition_of(machine, full, kind))['status'] == 'True' and c, 10, kind)  # noqa: B023
        assert told['reason'] == reason
        machine.wait(lambda: (f'node.kubernetes.io/{taint}', 'NoSchedule') in taints(machine, full), 5, 'the taint')  # noqa: B023
    machine.apply(pod('late', full))
    machine.wait(lambda: machine.phase('late') == 'Failed', 5, 'refused')
    assert machine.get('pod', 'late')['status']['message'] == 'Pod was rejected: The node had condition: [DiskPressure PIDPressure]. '
    # What the system needs comes all the same.
    system = pod('needed', full, priorityClassName='system-node-critical')
    system['metadata']['namespace'] = 'kube-system'
    machine.apply(system)
    ready = lambda: any(c['type'] == 'Ready' and c['status'] == 'True' for c in machine.get('pod', 'needed', '-n', 'kube-system')['status'].get('conditions', []))  # noqa: E731
    machine.load_busybox(full)
    machine.wait(ready, 15, 'it runs')
    machine.kubectl('delete', 'pod', 'late', '--grace-period=1')
    machine.kubectl('delete', 'pod', 'needed', '-n', 'kube-system', '--grace-period=1')
