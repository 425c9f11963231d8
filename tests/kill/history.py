"""Writers that record what was acknowledged, and watchers that record what they were told."""
import base64
import http.client
import json
import random
import ssl
import threading
import time

import yaml

NAMESPACE = 'history'


class Lost(AssertionError):
    """A promise is broken."""


class Access:
    """The cluster as the kubeconfig names it now: a region that starts again may answer on another port."""

    def __init__(self, up, token):
        self.up, self.token = up, token

    def connection(self, timeout):
        with open(self.up.kubeconfig) as f:
            cluster = yaml.safe_load(f)['clusters'][0]['cluster']
        context = ssl.create_default_context(cadata=base64.b64decode(cluster['certificate-authority-data']).decode())
        host, port = cluster['server'].removeprefix('https://').split(':')
        return http.client.HTTPSConnection(host, int(port), context=context, timeout=timeout)

    def open(self, method, path, body=None, timeout=5):
        connection = self.connection(timeout)
        try:
            connection.request(method, path, json.dumps(body) if body else None,
                               {'Authorization': f'Bearer {self.token}', 'Content-Type': 'application/json', 'Accept': 'application/json'})
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def call(self, method, path, body=None):
        connection, answer = self.open(method, path, body)
        try:
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


PATH = f'/api/v1/namespaces/{NAMESPACE}/configmaps'
FAULTS = (OSError, http.client.HTTPException, ValueError, yaml.YAMLError, KeyError, IndexError, TypeError)


class Part(threading.Thread):
    """A thread whose fault is the test's."""

    def __init__(self, access, stop):
        super().__init__(daemon=True)
        self.access, self.stop, self.fault = access, stop, None

    def run(self):
        try:
            self.work()
        except Exception as e:
            self.fault = e
            raise


class Writer(Part):
    """Creates and updates objects of its own. acknowledged: (revision, name, value)."""

    def __init__(self, access, stop, number, seed):
        super().__init__(access, stop)
        self.number, self.random = number, random.Random(seed * 1000 + number)
        self.acknowledged, self.known, self.uncertain = [], {}, 0

    def work(self):
        value = 0
        while not self.stop.is_set():
            value += 1
            new = not self.known or len(self.known) < 50 and self.random.random() < 0.2
            name = f'w{self.number}-{value}' if new else self.random.choice(sorted(self.known))
            self.write(name, str(value))
            time.sleep(0.005)

    def write(self, name, value):
        metadata = {'name': name}
        if name in self.known:
            metadata['resourceVersion'] = self.known[name][0]
        body = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': metadata, 'data': {'value': value}}
        try:
            if name in self.known:
                status, answer = self.access.call('PUT', f'{PATH}/{name}', body)
            else:
                status, answer = self.access.call('POST', PATH, body)
        except FAULTS:
            status = 0
        if status in (200, 201):
            self.acknowledge(answer)
        elif status in (404, 409):
            raise Lost(f'writing {value} to {name} at {self.known.get(name)}: {answer}')
        else:
            self.uncertain += 1
            self.find_out(name, value)

    def acknowledge(self, answer):
        name, revision = answer['metadata']['name'], answer['metadata']['resourceVersion']
        self.known[name] = (revision, answer['data']['value'])
        self.acknowledged.append((int(revision), name, answer['data']['value']))

    def find_out(self, name, value):
        """An answer was lost: the object is as it was acknowledged before, or as it was to become."""
        while True:
            try:
                status, answer = self.access.call('GET', f'{PATH}/{name}')
            except FAULTS:
                status = 0
            if status == 200:
                now = (answer['metadata']['resourceVersion'], answer['data']['value'])
                if now != self.known.get(name) and now[1] != value:
                    raise Lost(f'{name} is {now}, was acknowledged as {self.known.get(name)}, was to become {value}')
                if now != self.known.get(name):
                    self.acknowledge(answer)
                return
            if status == 404:
                if name in self.known:
                    raise Lost(f'{name} is gone, was acknowledged as {self.known[name]}')
                return
            time.sleep(0.05)


class Watcher(Part):
    """Watches from a revision, and goes on where it was when the stream ends. events: (revision, type, name, value)."""

    def __init__(self, access, stop, revision):
        super().__init__(access, stop)
        self.revision, self.events, self.resumed = int(revision), [], 0

    def work(self):
        while not self.stop.is_set():
            try:
                self.stream()
            except FAULTS:
                time.sleep(0.05)

    def stream(self):
        connection, answer = self.access.open('GET', f'{PATH}?watch=1&resourceVersion={self.revision}&timeoutSeconds=600')
        try:
            if answer.status == 410:
                raise Lost(f'revision {self.revision} is gone')
            if answer.status != 200:
                raise OSError(answer.status)
            self.resumed += 1
            while not self.stop.is_set():
                line = answer.readline()
                if not line:
                    return
                self.take(json.loads(line))
        finally:
            connection.close()

    def take(self, event):
        thing = event['object']
        if event['type'] == 'ERROR':
            if thing.get('code') == 410:
                raise Lost(f'revision {self.revision}: {thing}')
            raise OSError(thing)
        revision = int(thing['metadata']['resourceVersion'])
        if revision <= self.revision:
            raise Lost(f'{revision} came after {self.revision}')
        self.revision = revision
        self.events.append((revision, event['type'], thing['metadata']['name'], thing.get('data', {}).get('value')))
