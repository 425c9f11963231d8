"""UDP clients with a fixed port follow a Service whose endpoint is replaced, without a pause in what they send."""
import os
import subprocess
import sys
import threading
import time

from machine import pod

SERVER = '''
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', 5300))
print('ready', flush=True)
while True:
    data, peer = s.recvfrom(2000)
    s.sendto(sys.argv[1].encode() + b' ' + data, peer)
'''

# One datagram every 20 ms from one port; a line for each answer: who.
CLIENT = '''
import select, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', 45300))
while True:
    s.sendto(b'?', (sys.argv[1], int(sys.argv[2])))
    while select.select([s], [], [], 0.02)[0]:
        try:
            print(s.recvfrom(2000)[0].split()[0].decode(), flush=True)
        except OSError:
            print('refused', flush=True)
            break
'''


def process_of(machine, name):
    """A process of the pod, as this machine counts."""
    network = machine.exec(name, 'readlink', '/proc/self/ns/net').strip()
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{entry}/ns/net') == network:
                return int(entry)
        except OSError:
            pass
    raise AssertionError(f'{name} has no process')


class Inside:
    """A program of this machine in the network of a process; it tells lines."""

    def __init__(self, pid, code, *arguments):
        self.process = subprocess.Popen(['nsenter', f'--net=/proc/{pid}/ns/net', sys.executable, '-c', code, *arguments],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def end(self):
        self.process.kill()
        self.process.wait()


def flows(machine):
    return machine.inside('n1', 'conntrack', '-L', '-p', 'udp', '--orig-port-dst', '53', check=False)


def test_a_replaced_endpoint_takes_over_flows(machine):
    parts = []
    try:
        machine.apply({'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 'answers'}, 'spec': {
            'type': 'NodePort', 'selector': {'role': 'answers'}, 'ports': [{'port': 53, 'targetPort': 5300, 'protocol': 'UDP'}]}},
            pod('answers-1'), pod('answers-2'), pod('asks'))
        for name in ('answers-1', 'answers-2', 'asks'):
            machine.wait_ready_pod(name)
        for name in ('answers-1', 'answers-2'):
            server = Inside(process_of(machine, name), SERVER, name)
            parts.append(server)
            machine.wait(lambda: server.lines, 10, f'{name} serves')
        service = machine.get('service', 'answers')['spec']
        machine.kubectl('label', 'pod', 'answers-1', 'role=answers')
        machine.wait(lambda: 'answers-1' in str(machine.get('endpointslices', '-l', 'kubernetes.io/service-name=answers')), 10, 'the first is its endpoint')

        clients = [Inside(process_of(machine, 'asks'), CLIENT, service['clusterIP'], '53'),
                   Inside(machine.hosts['n1']['pid'], CLIENT, service['clusterIP'], '53')]
        parts += clients
        for client in clients:
            machine.wait(lambda: client.lines.count('answers-1') > 10, 10, 'the first answers')

        # The first goes on to answer those who still reach it: only an ended flow finds the second.
        machine.kubectl('label', 'pod', 'answers-2', 'role=answers')
        machine.kubectl('label', 'pod', 'answers-1', 'role-')
        for client in clients:
            machine.wait(lambda: client.lines[-1] == 'answers-2', 10, f'the second answers: {client.lines[-5:]} {flows(machine)}')
        time.sleep(1)
        for client in clients:
            late = client.lines[client.lines.index('answers-2'):]
            assert set(late) == {'answers-2'} and len(late) > 20, late[:50]

        # And when its pod is deleted, back.
        machine.kubectl('label', 'pod', 'answers-1', 'role=answers')
        machine.kubectl('delete', 'pod', 'answers-2', '--grace-period=0', '--force')
        for client in clients:
            machine.wait(lambda: client.lines[-1] == 'answers-1', 10, f'the first answers again: {client.lines[-5:]} {flows(machine)}')
    finally:
        for part in parts:
            part.end()
        machine.kubectl('delete', 'service/answers', 'pod/answers-1', 'pod/asks', '--wait=false', '--ignore-not-found', check=False)
        machine.kubectl('delete', 'pod', 'answers-2', '--wait=false', '--ignore-not-found', check=False)
