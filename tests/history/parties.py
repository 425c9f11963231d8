"""Those who write and watch while a server is killed, and what each of them was told."""
import http.client
import json
import random
import threading
import time

OBJECTS = 4
PATH = '/api/v1/namespaces/default/configmaps'
FAULTS = (OSError, http.client.HTTPException, ValueError)
ABSENT = {'revision': 0, 'value': ''}


def number_of(item):
    return int(item['metadata']['name'].removeprefix('object-'))


def seen_of(item):
    return {'revision': int(item['metadata']['resourceVersion']), 'value': item['data']['value']}


class Party(threading.Thread):
    def __init__(self, server, stop):
        super().__init__(daemon=True)
        self.server, self.stopped, self.fault = server, stop, None

    def run(self):
        try:
            while not self.stopped.is_set():
                self.act()
        except BaseException as e:
            self.fault = e
            raise


class Writer(Party):
    """One operation after the other on objects that all writers share, each noted with its time and its answer."""

    def __init__(self, server, stop, number, seed):
        super().__init__(server, stop)
        self.number, self.random, self.count = number, random.Random(seed * 100 + number), 0
        self.operations, self.known, self.connection = [], [dict(ABSENT) for _ in range(OBJECTS)], None

    def ask(self, method, path, body=None):
        """(status, answer), or (0, None): no answer, and who knows whether it happened."""
        try:
            if not self.connection:
                self.connection = self.server.connection(timeout=5)
            self.connection.request(method, path, json.dumps(body) if body else None, {'Content-Type': 'application/json', 'Accept': 'application/json'})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except FAULTS:
            if self.connection:
                self.connection.close()
            self.connection = None
            return 0, None

    def act(self):
        at, self.count = self.random.randrange(OBJECTS), self.count + 1
        known, kind = self.known[at], self.random.choice(['get', 'get', 'list', 'write', 'write', 'write', 'write', 'delete'])
        operation = {'client': self.number, 'object': at, 'expected': 0, 'value': '', 'outcome': 'done', 'revision': 0,
                     'seen': [ABSENT] * OBJECTS, 'call': time.monotonic_ns()}
        if kind == 'write':
            kind = 'update' if known['revision'] else 'create'
            operation['value'] = f'{self.number}-{self.count}'
        if kind in ('update', 'delete') and self.random.random() < 0.7:
            operation['expected'] = known['revision']
        operation['kind'] = kind
        status, answer = self.perform(operation, f'object-{at}')
        operation['return'] = time.monotonic_ns()
        time.sleep(0.02 if status == 0 else 0.003)
        if self.note(operation, status, answer):
            self.operations.append(operation)

    def perform(self, operation, name):
        kind, expected = operation['kind'], operation['expected']
        path, precondition = f'{PATH}/{name}', {'resourceVersion': str(expected)} if expected else {}
        if kind == 'get':
            return self.ask('GET', path)
        if kind == 'list':
            return self.ask('GET', f'{PATH}?labelSelector=history')
        if kind == 'delete':
            return self.ask('DELETE', path, {'preconditions': precondition})
        body = {'metadata': {'name': name, 'labels': {'history': 'yes'}, **(precondition if kind == 'update' else {})}, 'data': {'value': operation['value']}}
        return self.ask('POST', PATH, body) if kind == 'create' else self.ask('PUT', path, body)

    def note(self, operation, status, answer):
        """Whether this says anything: a read without an answer doesn't."""
        at, kind = operation['object'], operation['kind']
        operation['seen'] = list(operation['seen'])
        if kind == 'list' and status == 200:
            operation['revision'] = int(answer['metadata']['resourceVersion'])
            for item in answer['items']:
                operation['seen'][number_of(item)] = seen_of(item)
            self.known = [dict(s) for s in operation['seen']]
            return True
        if kind in ('get', 'list'):
            if kind == 'get' and status in (200, 404):
                operation['seen'][at] = self.known[at] = seen_of(answer) if status == 200 else dict(ABSENT)
                return True
            assert status in (0, 429, 503, 504), answer
            return False
        if status in (200, 201):
            if kind != 'delete':
                operation['revision'] = int(answer['metadata']['resourceVersion'])
                self.known[at] = seen_of(answer)
            else:
                self.known[at] = dict(ABSENT)
            return True
        assert status in (0, 404, 409, 429, 500, 503, 504), answer
        if status in (429, 503):
            return False
        operation['outcome'] = {404: 'absent', 409: 'exists' if kind == 'create' else 'conflict'}.get(status, 'unknown')
        if status == 404:
            self.known[at] = dict(ABSENT)
        return True


class Watcher(Party):
    """Watches, and goes on where it was, or from any revision that it was told of before. events: (revision, type, object, value)."""

    def __init__(self, server, stop, revision, back=None):
        super().__init__(server, stop)
        self.first = self.revision = int(revision)
        self.events, self.bookmarks, self.streams, self.back = [], 0, 0, back

    def act(self):
        try:
            self.stream()
        except FAULTS:
            time.sleep(0.02)

    def stream(self):
        if self.back and self.events:
            self.go_back()
        connection = self.server.connection(timeout=3)
        try:
            connection.request('GET', f'{PATH}?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&labelSelector=history&resourceVersion={self.revision}')
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            self.streams += 1
            while line := answer.readline():
                self.take(json.loads(line))
        finally:
            connection.close()

    def go_back(self):
        """Forgets some of the last events: they have to come again, the same."""
        keep = max(0, len(self.events) - self.back.randrange(50))
        del self.events[keep:]
        self.revision = self.events[-1][0] if self.events else self.first

    def take(self, event):
        thing, kind = event['object'], event['type']
        assert kind in ('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'), event
        revision = int(thing['metadata']['resourceVersion'])
        if kind == 'BOOKMARK':
            assert revision >= self.revision, f'a bookmark of {revision} after {self.revision}'
            self.bookmarks += 1
        else:
            assert revision > self.revision, f'{revision} came after {self.revision}'
            self.events.append((revision, kind, number_of(thing), thing['data']['value']))
        self.revision = revision
