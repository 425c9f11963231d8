"""A control plane and nodes in namespaces of their own: what the tests of real nodes run against.

Everything lies below one directory; `down` leaves neither process, link, mount nor control group behind."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import program
from glance import Glance
from program import KANAME

CACHE = pathlib.Path(program.CACHE)
BUSYBOX = 'kaname.local/busybox:1'


def snapshot():
    """What this machine has outside the tests' own namespaces."""
    links = subprocess.run(['ip', '-o', 'link'], capture_output=True, text=True, check=True).stdout
    rules = subprocess.run(['ip', 'rule'], capture_output=True, text=True, check=True).stdout
    mounts = sorted(line.split()[4] for line in open('/proc/self/mountinfo'))
    return {'links': [line.split(':')[1] for line in links.splitlines()], 'rules': rules, 'mounts': mounts}


class Machine:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.kubeconfig = self.directory / 'kubeconfig'
        self.processes = []
        self.hosts = {}
        self.groups = set()
        self.vpc = None
        self.glance = None

    def kaname(self, *args):
        return subprocess.run([KANAME, *args, '--data-dir', str(self.directory)], capture_output=True, text=True, check=True, timeout=30).stdout

    def start(self, name, command, namespace=None):
        log = open(self.directory / f'{name}.log', 'w')
        prefix = ['nsenter', f'--net=/proc/{namespace}/ns/net'] if namespace else []
        process = subprocess.Popen([*prefix, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.processes.append(process)
        return process

    def wait_ready(self, name, process, seconds=20):
        deadline = time.time() + seconds
        path = self.directory / f'{name}.log'
        while time.time() < deadline:
            for line in path.read_text().splitlines():
                if line.startswith('ready'):
                    return line
            if process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f'{name} is not ready: {path.read_text()}')

    def up(self):
        words = self.kaname('vpc', 'create', 'default', '--cidr', '10.77.0.0/20', '--endpoint', '10.77.0.10').split()
        self.vpc = int(words[-1])
        api = self.start('apiserver', [KANAME, 'apiserver', '--data-dir', str(self.directory / 'control'), '--listen', '10.77.0.10:6443',
                                       '--kubeconfig', str(self.kubeconfig)], self.vpc)
        self.wait_ready('apiserver', api)
        self.glance = Glance(self.kubeconfig, self.vpc)

    def add_node(self, name, *options):
        process = self.start(name, [KANAME, 'node', 'host', '--data-dir', str(self.directory), '--name', name, '--cidr', '10.77.0.0/20',
                                    '--kubeconfig', str(self.kubeconfig), *options])
        line = self.wait_ready(name, process)
        self.hosts[name] = {'process': process, 'ip': line.split()[1], 'pid': int(line.split()[-1])}
        for line in open(f'/proc/{self.hosts[name]["pid"]}/cgroup'):
            self.groups.add(line.strip().split(':')[2].split('/')[1])
        self.wait(lambda: self.condition('node', name, 'Ready') == 'True', 20, f'{name} is Ready')

    def remove_node(self, name):
        """Ends a node's host; its object goes as well."""
        process = self.hosts.pop(name)['process']
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        self.processes.remove(process)
        self.kubectl('delete', 'node', name)

    def down(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        self.kaname('vpc', 'delete', 'default')
        shutil.rmtree(self.directory, ignore_errors=True)

    def left_groups(self):
        return [str(p) for group in self.groups if group for p in pathlib.Path('/sys/fs/cgroup').glob(f'*/{group}')]

    # What a person does.

    def kubectl(self, *args, check=True, stdin=None, timeout=40):
        command = ['nsenter', f'--net=/proc/{self.vpc}/ns/net', str(CACHE / 'bin' / 'kubectl'), '--kubeconfig', str(self.kubeconfig), *args]
        done = subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=timeout)
        if check and done.returncode:
            raise AssertionError(f'kubectl {" ".join(args)}: {done.stderr}')
        return done if not check else done.stdout

    def get(self, kind, *args):
        """An object, or None. Tests that wait for something look many times a second: as long as it is simple, without kubectl, which takes
        a tenth of a second of a processor's time each."""
        if self.glance and len(args) == 1 and kind in self.glance.PATHS:
            return self.glance.get(kind, args[0])
        args = (kind, *args)
        done = self.kubectl('get', *args, '-o', 'json', check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def apply(self, *objects):
        self.kubectl('apply', '-f', '-', stdin=json.dumps({'apiVersion': 'v1', 'kind': 'List', 'items': list(objects)}))

    def condition(self, kind, name, condition):
        found = self.get(kind, name)
        for c in (found or {}).get('status', {}).get('conditions', []):
            if c['type'] == condition:
                return c['status']
        return None

    def phase(self, name):
        return (self.get('pod', name) or {}).get('status', {}).get('phase')

    def container(self, name, index=0, kind='containerStatuses'):
        statuses = (self.get('pod', name) or {}).get('status', {}).get(kind) or []
        return statuses[index] if len(statuses) > index else {}

    def wait(self, condition, seconds, what):
        deadline = time.time() + seconds
        while time.time() < deadline:
            result = condition()
            if result:
                return result
            time.sleep(0.05)
        raise AssertionError(f'not within {seconds} s: {what}')

    def wait_ready_pod(self, name, seconds=20):
        self.wait(lambda: self.condition('pod', name, 'Ready') == 'True', seconds, f'pod {name} is Ready: {self.describe(name)}')

    def describe(self, name):
        pod = self.get('pod', name)
        return json.dumps(pod['status'], indent=1) if pod else 'gone'

    def exec(self, pod, *command, check=True, stdin=None):
        args = ['exec', *(['-i'] if stdin is not None else []), pod, '--', *command]
        return self.kubectl(*args, check=check, stdin=stdin)

    def inside(self, node, *command, stdin=None, check=True):
        """Runs a program inside a node's host."""
        full = ['nsenter', '-t', str(self.hosts[node]['pid']), '--all', *command]
        return subprocess.run(full, capture_output=True, stdin=stdin, check=check, timeout=60).stdout.decode()

    def processes_of(self, node, name):
        """Pids, as this machine counts them, of programs of a node's host."""
        found = []
        for entry in os.listdir('/proc'):
            try:
                places = open(f'/proc/{entry}/cgroup').read() if entry.isdigit() else ''
                if any(f'/{group}/{node}' in places for group in self.groups if group):
                    words = open(f'/proc/{entry}/cmdline').read().split('\0')
                    if any(word.endswith(name) for word in words[:2]):
                        found.append(int(entry))
            except OSError:
                pass
        return found

    def load_busybox(self, node):
        tar = subprocess.run([KANAME, 'image', 'sample'], capture_output=True, check=True, timeout=30).stdout
        path = self.directory / 'busybox.tar'
        path.write_bytes(tar)
        with open(path, 'rb') as file:
            self.inside(node, '/usr/bin/ctr', '-n', 'k8s.io', 'images', 'import', '-', stdin=file)


def pod(name, node='n1', *, command='trap "exit 0" TERM; while true; do sleep 0.1; done', containers=None, **spec):
    main = {'name': 'main', 'image': BUSYBOX, 'command': ['sh', '-c', command]}
    main.update(spec.pop('main', {}))
    body = {'nodeName': node, 'terminationGracePeriodSeconds': 2, 'containers': containers or [main], **spec}
    return {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'labels': {'app': name}, 'annotations': {'note': 'one'}}, 'spec': body}
