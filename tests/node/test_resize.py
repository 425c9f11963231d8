"""Containers that get more or less while they run: what the kernel enforces, what the status says, what doesn't fit."""
import json
import os
import signal

from machine import pod


def resources(cpu, memory, limit_cpu=None, limit_memory=None):
    return {'requests': {'cpu': cpu, 'memory': memory}, 'limits': {'cpu': limit_cpu or cpu, 'memory': limit_memory or memory}}


def resize(machine, name, wanted, container='main', check=True):
    patch = {'spec': {'containers': [{'name': container, 'resources': wanted}]}}
    return machine.kubectl('patch', 'pod', name, '--subresource=resize', '-p', json.dumps(patch), check=check)


def cgroup(machine, name, controller, file, pod_level=False):
    """A value of the container's group, or of its pod's, in the node's hierarchy."""
    found = machine.get('pod', name)
    identity = found['status']['containerStatuses'][0]['containerID'].split('//')[1]
    uid = found['metadata']['uid']
    script = f'cat $(find /sys/fs/cgroup/{controller}/kubepods -type d -name pod{uid})' + ('' if pod_level else f'/{identity}') + f'/{file}'
    return int(machine.inside('n1', 'sh', '-c', script))


def status_of(machine, name):
    return machine.get('pod', name)['status']['containerStatuses'][0]


def conditions(machine, name):
    return {c['type']: c for c in machine.get('pod', name)['status']['conditions']}


def events(machine, name):
    found = machine.get('events', '--field-selector', f'involvedObject.name={name}')['items']
    return [(e['reason'], e['message']) for e in found]


def settled(machine, name, wanted):
    """The status says that the container has what is wanted, and no resize is under way."""
    status = status_of(machine, name)
    return status['resources'] == wanted and status['allocatedResources'] == wanted['requests'] and not any(
        kind.startswith('PodResize') for kind in conditions(machine, name))


def test_cpu_and_memory_of_a_running_container(machine):
    before, more, less = resources('100m', '32Mi'), resources('300m', '64Mi'), resources('50m', '48Mi')
    machine.apply(pod('grows', main={'resources': before}))
    machine.wait_ready_pod('grows')
    first = status_of(machine, 'grows')
    assert first['resources'] == before and first['allocatedResources'] == before['requests']
    assert cgroup(machine, 'grows', 'cpu', 'cpu.cfs_quota_us') == 10000
    for wanted, milli, mebi in ((more, 300, 64), (less, 50, 48)):
        resize(machine, 'grows', wanted)
        machine.wait(lambda: settled(machine, 'grows', wanted), 10, f'{milli}m and {mebi}Mi')  # noqa: B023
        for pod_level in (False, True):
            assert cgroup(machine, 'grows', 'cpu', 'cpu.cfs_quota_us', pod_level) == milli * 100
            assert cgroup(machine, 'grows', 'cpu', 'cpu.shares', pod_level) == milli * 1024 // 1000
            assert cgroup(machine, 'grows', 'memory', 'memory.limit_in_bytes', pod_level) == mebi << 20
    after = status_of(machine, 'grows')
    assert after['containerID'] == first['containerID'] and after['restartCount'] == 0
    reasons = events(machine, 'grows')
    started = next(m for r, m in reasons if r == 'ResizeStarted')
    assert started.startswith('Pod resize started: {"containers":[{"name":"main","resources":') and '"generation":' in started
    assert sum(r == 'ResizeCompleted' for r, _ in reasons) >= 1
    machine.kubectl('delete', 'pod', 'grows')


def test_requests_without_limits(machine):
    """Nothing bounds such a container, before and after; runtimes may refuse to be told so."""
    less, more = {'requests': {'cpu': '20m', 'memory': '20Mi'}}, {'requests': {'cpu': '300m', 'memory': '40Mi'}}
    machine.apply(pod('open', main={'resources': less}))
    machine.wait_ready_pod('open')
    resize(machine, 'open', more)
    machine.wait(lambda: settled(machine, 'open', more), 10, 'more is requested')
    assert cgroup(machine, 'open', 'cpu', 'cpu.shares') == 300 * 1024 // 1000
    assert cgroup(machine, 'open', 'cpu', 'cpu.cfs_quota_us') == -1
    machine.kubectl('delete', 'pod', 'open')


def test_a_container_that_has_to_be_restarted_for_it(machine):
    machine.apply(pod('again', main={'resources': resources('100m', '32Mi'), 'resizePolicy': [
        {'resourceName': 'memory', 'restartPolicy': 'RestartContainer'}, {'resourceName': 'cpu', 'restartPolicy': 'NotRequired'}]}))
    machine.wait_ready_pod('again')
    first = status_of(machine, 'again')
    wanted = resources('200m', '32Mi')
    resize(machine, 'again', wanted)
    machine.wait(lambda: settled(machine, 'again', wanted), 10, 'its CPU')
    assert status_of(machine, 'again')['containerID'] == first['containerID']
    wanted = resources('200m', '64Mi')
    resize(machine, 'again', wanted)
    machine.wait(lambda: settled(machine, 'again', wanted) and status_of(machine, 'again')['restartCount'] == 1, 10, 'its memory')
    machine.wait_ready_pod('again', 5)  # no back-off
    assert status_of(machine, 'again')['containerID'] != first['containerID']
    assert cgroup(machine, 'again', 'memory', 'memory.limit_in_bytes') == 64 << 20
    assert any(r == 'Killing' and 'resize requires restart' in m for r, m in events(machine, 'again'))
    machine.kubectl('delete', 'pod', 'again')


def test_what_does_not_fit_waits_or_never_comes(machine):
    cpus = int(machine.get('node', 'n1')['status']['allocatable']['cpu']) * 1000
    free = cpus - 400
    machine.apply(pod('big', main={'resources': resources(f'{free}m', '16Mi')}), pod('small', main={'resources': resources('100m', '16Mi')}))
    machine.wait_ready_pod('big')
    machine.wait_ready_pod('small')
    before, wanted = resources('100m', '16Mi'), resources('600m', '16Mi')
    resize(machine, 'small', wanted)
    told = machine.wait(lambda: conditions(machine, 'small').get('PodResizePending'), 10, 'it waits')
    assert (told['status'], told['reason']) == ('True', 'Deferred')
    assert told['message'] == f"Node didn't have enough resource: cpu, requested: 600, used: {free}, capacity: {cpus}"
    status = status_of(machine, 'small')
    assert status['resources'] == before and status['allocatedResources'] == before['requests']
    assert any(r == 'ResizeDeferred' for r, _ in events(machine, 'small'))
    resize(machine, 'small', resources(f'{cpus + 1000}m', '16Mi'))
    told = machine.wait(lambda: (c := conditions(machine, 'small').get('PodResizePending')) and c['reason'] == 'Infeasible' and c, 10, 'never')
    assert told['message'] == f"Node didn't have enough capacity: cpu, requested: {cpus + 1000}, capacity: {cpus}"
    resize(machine, 'small', wanted)
    machine.wait(lambda: conditions(machine, 'small')['PodResizePending']['reason'] == 'Deferred', 10, 'it waits again')
    # A pod that comes has to fit as well.
    machine.apply(pod('late', main={'resources': resources('600m', '16Mi')}))
    machine.wait(lambda: machine.phase('late') == 'Failed', 10, 'rejected')
    late = machine.get('pod', 'late')['status']
    assert late['reason'] == 'OutOfcpu' and late['message'].startswith('Pod was rejected: Node didn\'t have enough resource: cpu, requested: 600, used: ')
    machine.kubectl('delete', 'pod', 'big', 'late')
    machine.wait(lambda: settled(machine, 'small', wanted), 10, 'there is room now')
    machine.kubectl('delete', 'pod', 'small')


def test_what_is_gone_from_the_api_takes_no_room(machine):
    """The scheduler doesn't count it any more, so the node must not either, whether or not its containers have ended."""
    most = {'resources': resources(f"{int(machine.get('node', 'n1')['status']['allocatable']['cpu']) * 1000 - 400}m", '16Mi')}
    stays = 'trap "" TERM; while true; do sleep 0.1; done'
    machine.apply(pod('leaver', main=most, command=stays))
    machine.wait_ready_pod('leaver')
    machine.kubectl('delete', 'pod', 'leaver', '--force', '--grace-period=0')
    machine.apply(pod('heir', main=most))
    machine.wait_ready_pod('heir')
    machine.kubectl('delete', 'pod', 'heir')


def test_memory_that_is_in_use_is_not_taken_away(machine):
    machine.apply(pod('holds', command='dd if=/dev/zero of=/m/x bs=1M count=40 2>/dev/null; trap "exit 0" TERM; while true; do sleep 0.1; done',
                      volumes=[{'name': 'm', 'emptyDir': {'medium': 'Memory'}}],
                      main={'resources': resources('100m', '64Mi'), 'volumeMounts': [{'name': 'm', 'mountPath': '/m'}]}))
    machine.wait_ready_pod('holds')
    machine.wait(lambda: machine.exec('holds', 'stat', '-c', '%s', '/m/x').strip() == str(40 << 20), 10, 'it holds 40 MiB')
    wanted = resources('100m', '20Mi')
    resize(machine, 'holds', wanted)
    told = machine.wait(lambda: (c := conditions(machine, 'holds').get('PodResizeInProgress')) and c.get('reason') == 'Error' and c, 10, 'the kernel refuses')
    assert told['message']
    assert status_of(machine, 'holds')['allocatedResources'] == wanted['requests'] and status_of(machine, 'holds')['resources'] == resources('100m', '64Mi')
    assert status_of(machine, 'holds')['restartCount'] == 0
    machine.exec('holds', 'rm', '/m/x')
    machine.wait(lambda: settled(machine, 'holds', wanted), 15, 'it is free now')
    machine.kubectl('delete', 'pod', 'holds')


def test_an_agent_goes_on_with_what_the_last_one_allocated(machine):
    before, wanted = resources('100m', '32Mi'), resources('200m', '48Mi')
    machine.apply(pod('kept', main={'resources': before}))
    machine.wait_ready_pod('kept')
    agents = machine.processes_of('n1', 'bin/kaname')
    for pid in agents:
        os.kill(pid, signal.SIGSTOP)
    resize(machine, 'kept', wanted)
    for pid in agents:
        os.kill(pid, signal.SIGKILL)
    machine.wait(lambda: settled(machine, 'kept', wanted), 20, 'the next agent does it')
    assert cgroup(machine, 'kept', 'memory', 'memory.limit_in_bytes') == 48 << 20 and status_of(machine, 'kept')['restartCount'] == 0
    machine.kubectl('delete', 'pod', 'kept')
