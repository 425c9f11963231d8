"""Pretend kubelets: nodes that are Ready, pods that run as soon as they are bound and go as soon as they are asked to.

What a pod does is said by its annotation `test/phase`: Running (the default), Succeeded, Failed or Pending (it stays so, as
does a pod with an image that is called non-existent)."""
import json
import threading
import time


def now():
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())


class Kubelet(threading.Thread):
    def __init__(self, server, nodes):
        super().__init__(daemon=True)
        self.server = server
        self.nodes = nodes
        self.ending = False
        self.address = 0
        for node in nodes:
            self.add_node(node)
        self.start()

    def add_node(self, name, labels=None, cpu='8'):
        self.server.json('POST', '/api/v1/nodes', {'apiVersion': 'v1', 'kind': 'Node', 'metadata': {
            'name': name, 'labels': {'kubernetes.io/hostname': name, **(labels or {})}}})
        amounts = {'cpu': cpu, 'memory': '16Gi', 'pods': '110', 'ephemeral-storage': '100Gi'}
        self.patch_status('/api/v1/nodes/' + name, {'allocatable': amounts, 'capacity': amounts, 'addresses': [
            {'type': 'InternalIP', 'address': f'192.0.2.{len(self.nodes) + 1}'}, {'type': 'Hostname', 'address': name}], 'conditions': [
            {'type': 'Ready', 'status': 'True', 'reason': 'KubeletReady', 'message': 'ready', 'lastHeartbeatTime': now(),
             'lastTransitionTime': now()}]})
        self.nodes = sorted({*self.nodes, name})

    def patch_status(self, path, status):
        return self.server.request('PATCH', path + '/status', json.dumps({'status': status}),
                                   {'Content-Type': 'application/merge-patch+json'})[0]

    def run_pod(self, pod):
        metadata = pod['metadata']
        phase = metadata.get('annotations', {}).get('test/phase', 'Running')
        missing = any('non-existent' in c['image'] for c in pod['spec']['containers'])
        if phase == 'Pending' or missing or pod['status'].get('phase') == phase:
            return
        self.address += 1
        ready = 'True' if phase == 'Running' else 'False'
        state = {'running': {'startedAt': now()}} if phase == 'Running' else {'terminated': {
            'exitCode': 0 if phase == 'Succeeded' else 1, 'startedAt': now(), 'finishedAt': now()}}
        ip = f'10.244.{self.address // 250}.{self.address % 250 + 1}'
        self.patch_status(f'/api/v1/namespaces/{metadata["namespace"]}/pods/{metadata["name"]}', {
            'phase': phase, 'podIP': ip, 'podIPs': [{'ip': ip}], 'startTime': now(),
            'conditions': [{'type': t, 'status': ready, 'lastTransitionTime': now()}
                           for t in ('Ready', 'ContainersReady')] + [
                {'type': t, 'status': 'True', 'lastTransitionTime': now()} for t in ('PodScheduled', 'Initialized')],
            'containerStatuses': [{'name': c['name'], 'image': c['image'], 'imageID': '', 'ready': phase == 'Running',
                                   'restartCount': 0, 'state': state} for c in pod['spec']['containers']]})

    def step(self):
        status, pods = self.server.json('GET', '/api/v1/pods')
        if status != 200:
            return
        for pod in pods['items']:
            if pod['spec'].get('nodeName') not in self.nodes:
                continue
            metadata = pod['metadata']
            if 'deletionTimestamp' in metadata:
                self.server.request('DELETE', f'/api/v1/namespaces/{metadata["namespace"]}/pods/{metadata["name"]}', {
                    'apiVersion': 'v1', 'kind': 'DeleteOptions', 'gracePeriodSeconds': 0,
                    'preconditions': {'uid': metadata['uid']}})
            else:
                self.run_pod(pod)

    def run(self):
        beat = time.monotonic()
        while not self.ending:
            self.step()
            if time.monotonic() - beat > 10:
                beat = time.monotonic()
                for node in self.nodes:
                    self.patch_status('/api/v1/nodes/' + node, {'conditions': [
                        {'type': 'Ready', 'status': 'True', 'reason': 'KubeletReady', 'message': 'ready',
                         'lastHeartbeatTime': now(), 'lastTransitionTime': now()}]})
            time.sleep(0.05)

    def stop(self):
        self.ending = True
        self.join(10)


def wait_for(what, seconds=20):
    """Waits until what() is true and returns it; the last answer is in the failure."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, f'still {answer!r} after {seconds} s'
        time.sleep(0.05)
