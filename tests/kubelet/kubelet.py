"""The original kubelet on hosts of ours: `kaname node host --without-agent` gives the machine and containerd, this starts the kubelet in it."""
import base64
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'node'))
from machine import BUSYBOX, CACHE, KANAME, Machine, pod, snapshot  # noqa: E402, F401

KUBELET = CACHE / 'bin' / 'kubelet'
CNI = pathlib.Path('/usr/lib/cni')
BOOTSTRAP = [
    {'apiVersion': 'v1', 'kind': 'ServiceAccount', 'metadata': {'name': 'node-bootstrapper', 'namespace': 'kube-system'}},
    *({'apiVersion': 'rbac.authorization.k8s.io/v1', 'kind': 'ClusterRoleBinding', 'metadata': {'name': name},
       'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole', 'name': role}, 'subjects': [subject]}
      for name, role, subject in (
          ('bootstrap', 'system:node-bootstrapper', {'kind': 'ServiceAccount', 'name': 'node-bootstrapper', 'namespace': 'kube-system'}),
          ('approve', 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
           {'kind': 'ServiceAccount', 'name': 'node-bootstrapper', 'namespace': 'kube-system'}),
          ('renew', 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
           {'kind': 'Group', 'name': 'system:nodes', 'apiGroup': 'rbac.authorization.k8s.io'})))]


def enter_groups(pid):
    """Makes this process one of a host's control groups: what nsenter leaves out."""
    for line in open(f'/proc/{pid}/cgroup'):
        _, controllers, path = line.strip().split(':', 2)
        folder = f'/sys/fs/cgroup/{controllers.removeprefix("name=")}{path}'
        if os.path.exists(folder + '/cgroup.procs') and (controllers or path != '/'):
            pathlib.Path(folder, 'cgroup.procs').write_text(str(os.getpid()))


class KubeletMachine(Machine):
    def add_kubelet(self, name, gates):
        host = self.start(name, [KANAME, 'node', 'host', '--without-agent', '--data-dir', str(self.directory), '--name', name,
                                 '--cidr', '10.77.0.0/20', '--addresses', '20', '--kubeconfig', str(self.kubeconfig)])
        words = self.wait_ready(name, host).split()
        pid = int(words[-1])
        self.hosts[name] = {'process': host, 'ip': words[1], 'pid': pid}
        for line in open(f'/proc/{pid}/cgroup'):
            self.groups.add(line.strip().split(':')[2].split('/')[1])
        self.write_network(name)
        self.write_kubelet(name, gates)
        self.load_busybox(name)
        self.start_kubelet(name)

    def file(self, name, path):
        """A file of a host, with its folder."""
        file = pathlib.Path(f'/proc/{self.hosts[name]["pid"]}/root{path}')
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def write_network(self, name):
        """The addresses that the VPC gave to the host, handed out by the original plug-ins."""
        addresses = self.file(name, '/var/lib/kaname/addresses').read_text().split()
        for plugin in ('loopback', 'ptp', 'host-local'):
            self.file(name, f'/opt/cni/bin/{plugin}').unlink(missing_ok=True)  # a link to our own
            shutil.copy2(CNI / plugin, self.file(name, f'/opt/cni/bin/{plugin}'))
        self.file(name, '/etc/cni/net.d/10-ptp.conflist').write_text(json.dumps({
            'cniVersion': '0.4.0', 'name': 'pods', 'plugins': [{'type': 'ptp', 'ipMasq': False, 'ipam': {
                'type': 'host-local', 'routes': [{'dst': '0.0.0.0/0'}],
                'ranges': [[{'subnet': '10.77.0.0/20', 'rangeStart': a, 'rangeEnd': a, 'gateway': self.hosts[name]['ip']} for a in addresses]]}}]}))

    def write_kubelet(self, name, gates):
        admin = yaml.safe_load(self.kubeconfig.read_text())
        authority = admin['clusters'][0]['cluster']['certificate-authority-data']
        self.file(name, '/var/lib/kubelet/ca.crt').write_bytes(base64.b64decode(authority))
        self.apply(*BOOTSTRAP)
        token = self.kubectl('create', 'token', '-n', 'kube-system', 'node-bootstrapper').strip()
        self.file(name, '/var/lib/kubelet/bootstrap').write_text(json.dumps({
            'apiVersion': 'v1', 'kind': 'Config', 'clusters': admin['clusters'], 'users': [{'name': 'bootstrap', 'user': {'token': token}}],
            'contexts': [{'name': 'c', 'context': {'cluster': admin['clusters'][0]['name'], 'user': 'bootstrap'}}], 'current-context': 'c'}))
        self.file(name, '/var/lib/kubelet/config.yaml').write_text(json.dumps({
            'apiVersion': 'kubelet.config.k8s.io/v1beta1', 'kind': 'KubeletConfiguration', 'featureGates': gates,
            'authentication': {'anonymous': {'enabled': False}, 'webhook': {'enabled': True}, 'x509': {'clientCAFile': '/var/lib/kubelet/ca.crt'}},
            'authorization': {'mode': 'Webhook'}, 'rotateCertificates': True, 'serverTLSBootstrap': True,
            'containerRuntimeEndpoint': 'unix:///run/containerd/containerd.sock',
            'failCgroupV1': False, 'cgroupDriver': 'cgroupfs', 'cgroupsPerQOS': True, 'failSwapOn': False, 'protectKernelDefaults': True,
            'oomScoreAdj': 0, 'maxOpenFiles': 20000, 'maxPods': 18, 'imageGCHighThresholdPercent': 100, 'clusterDomain': 'cluster.local',
            'clusterDNS': ['10.96.0.10'], 'syncFrequency': '2s', 'nodeLeaseDurationSeconds': 8, 'resolvConf': '/etc/resolv.conf',
            'evictionHard': {'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%', 'nodefs.inodesFree': '1%'}}))
        shutil.copy2(KUBELET, self.file(name, '/opt/kubelet/kubelet'))

    def start_kubelet(self, name):
        pid = self.hosts[name]['pid']
        log = open(self.directory / f'kubelet-{name}.log', 'a')
        command = ['nsenter', '-t', str(pid), '--all', '/opt/kubelet/kubelet', '--config=/var/lib/kubelet/config.yaml',
                   '--kubeconfig=/var/lib/kubelet/kubeconfig', '--bootstrap-kubeconfig=/var/lib/kubelet/bootstrap',
                   f'--hostname-override={name}', f'--node-ip={self.hosts[name]["ip"]}', '--node-labels=test=kubelet']
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                                   preexec_fn=lambda: enter_groups(pid))
        self.processes.append(process)
        self.hosts[name]['kubelet'] = process

    def stop_kubelet(self, name):
        process = self.hosts[name]['kubelet']
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def approve_serving(self, name):
        """Nobody approves a serving certificate but an administrator."""
        def pending():
            for request in (self.get('csr') or {}).get('items', []):
                if request['spec']['signerName'] == 'kubernetes.io/kubelet-serving' and request['spec']['username'] == f'system:node:{name}':
                    return request['metadata']['name']
            return None
        request = self.wait(pending, 30, f'{name} asks for a serving certificate')
        self.kubectl('certificate', 'approve', request)
        return request

    # Clients.

    def prefix(self, *args):
        return ['nsenter', f'--net=/proc/{self.vpc}/ns/net', str(CACHE / 'bin' / 'kubectl'), '--kubeconfig', str(self.kubeconfig), *args]

    def client(self, protocol, *args, stdin=None, timeout=40):
        done = subprocess.run(self.prefix(*args), capture_output=True, text=True, input=stdin, timeout=timeout, env=environment(protocol))
        return done.stdout, done.stderr, done.returncode

    def terminal(self, protocol, *args, keys, size=(30, 100), timeout=20):
        """What a person sees who types keys into a terminal."""
        child, master = pty.fork()
        if child == 0:
            os.execvpe('nsenter', self.prefix(*args), environment(protocol))
        termios.tcsetwinsize(master, size)
        seen, deadline, typed = b'', time.time() + timeout, False
        while time.time() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    seen += os.read(master, 4096)
                except OSError:
                    break
            if not typed and (b'#' in seen or b'$' in seen or b'press enter' in seen):
                os.write(master, keys.encode())
                typed = True
        os.kill(child, signal.SIGKILL) if time.time() >= deadline else None
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(master)
        return seen.decode(), status


def environment(protocol):
    flag = 'true' if protocol == 'websocket' else 'false'
    return {**os.environ, 'KUBECTL_REMOTE_COMMAND_WEBSOCKETS': flag, 'KUBECTL_PORT_FORWARD_WEBSOCKETS': flag}
