"""Asks two servers the same over kept connections, and tells how their answers differ: code, headers, and the body in whatever form it came."""
import http.client
import json
import re
import socket
import ssl
import time
import urllib.parse

import yaml
from compare import difference

# Headers that clients look at: compared by value, or by whether they are there.
BY_VALUE = ('Content-Type', 'Warning', 'Cache-Control', 'Retry-After', 'Vary', 'Content-Encoding', 'Location', 'Allow', 'X-Content-Type-Options')
BY_PRESENCE = ('Audit-Id', 'Etag', 'Last-Modified')
JSON = 'application/json'
PROTOBUF = 'application/vnd.kubernetes.protobuf'
UID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')
TIME = re.compile(r'20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z')


def nobody():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Line:
    """One kept HTTP/1.1 connection to a server."""

    def __init__(self, server):
        self.server = server
        self.headers = {'Authorization': f'Bearer {server.token}'} if hasattr(server, 'token') else {}
        self.connection = None

    def connect(self, anonymous=False):
        if hasattr(self.server, 'port'):
            host, port = '127.0.0.1', self.server.port
        else:
            where = urllib.parse.urlparse(self.server.url)
            host, port = where.hostname, where.port
        self.connection = http.client.HTTPSConnection(host, port, timeout=30,
                                                      context=nobody() if anonymous else self.server.context)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, case):
        answer = self.ask_once(case)
        for _ in range(400 if 'until' in case else 0):
            if case['until'](answer):
                break
            time.sleep(0.05)
            answer = self.ask_once(case)
        return answer

    def ask_once(self, case):
        body, headers = case.get('body'), {'Accept': JSON, 'User-Agent': 'differential/1', **self.headers}
        if case.get('anonymous'):
            self.close()
        if isinstance(body, (dict, list)):
            body = json.dumps(body, separators=(',', ':'))
        if body is not None:
            headers['Content-Type'] = JSON
        headers.update(case.get('headers') or {})
        headers = {name: value for name, value in headers.items() if value is not None}
        if isinstance(body, str):
            body = body.encode()
        for attempt in (0, 1):
            fresh = self.connection is None
            try:
                if fresh:
                    self.connect(case.get('anonymous'))
                self.connection.request(case['method'], case['path'], body=body, headers=headers)
                answer = self.connection.getresponse()
                data = self.read(answer, case.get('events'))
                if case.get('anonymous'):
                    self.close()
                break
            except (http.client.HTTPException, OSError):
                self.close()
                if fresh or attempt:
                    raise
        return Answer(answer.status, answer.headers, data)

    def read(self, answer, events):
        """The body: all of it, or so many lines of a watch."""
        if not events or answer.status != 200:
            return answer.read()
        data = b''.join(answer.readline() for _ in range(events))
        self.close()
        return data


class Answer:
    def __init__(self, code, headers, data):
        self.code, self.headers, self.data = code, headers, data

    @property
    def tree(self):
        try:
            return json.loads(self.data)
        except ValueError:
            return {}

    def content(self):
        kind = (self.headers.get('Content-Type') or '').split(';')[0]
        if kind == 'application/yaml':
            return list(yaml.load_all(self.data, Loader=yaml.CSafeLoader))
        if self.data[:4] == b'k8s\0':
            return envelope(self.data)
        text = self.data.decode(errors='replace')
        try:
            return json.loads(text)
        except ValueError:
            pass
        try:
            return [json.loads(line) for line in text.splitlines()]
        except ValueError:
            return text

    def named(self):
        got = {name: sorted(self.headers.get_all(name) or []) for name in BY_VALUE}
        got.update((name, name in self.headers) for name in BY_PRESENCE)
        return got


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError('too long')


def message(data):
    """A protobuf message as (number, value) pairs, without knowing its type: what reads as a message is taken for one."""
    at, fields = 0, []
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0 or number > 300:
            raise ValueError('no message')
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at:at + 8].hex(), at + 8
        elif kind == 2:
            length, at = varint(data, at)
            if at + length > len(data):
                raise ValueError('cut')
            value, at = parted(data[at:at + length]), at + length
        else:
            raise ValueError('no message')
        if at > len(data):
            raise ValueError('cut')
        fields.append([number, value])
    return fields


def parted(data):
    if len(data) == 36 and UID.fullmatch(data.decode(errors='replace')):
        return 'UID'
    try:
        fields = message(data)
    except (ValueError, IndexError):
        return data.decode(errors='backslashreplace')
    if data and [f[0] for f in fields] in ([1], [1, 2]) and isinstance(fields[0][1], int) and 1_600_000_000 < fields[0][1] < 2_500_000_000:
        return 'TIME'
    return fields if data else ''


def without_revision(fields):
    """ObjectMeta's and ListMeta's resourceVersion (fields 6 and 2 of a first field) are each server's own."""
    for field in fields if isinstance(fields, list) else ():
        if isinstance(field, list) and len(field) == 2 and isinstance(field[1], list):
            if all(isinstance(inner, list) and len(inner) == 2 for inner in field[1]):
                field[1] = in_any_order(field[1], 14) if all(isinstance(v, str) for n, v in field[1] if n == 14) else field[1]   # finalizers
            for inner in field[1]:
                if isinstance(inner, list) and len(inner) == 2 and inner[0] in (2, 6) and str(inner[1]).isdigit():
                    inner[1] = 'RV'
            without_revision(field[1])
    return fields


def envelope(data):
    fields = without_revision(message(data[4:]))
    if 'APIResourceList' in str(fields[:1]):
        for field in fields:
            if field[0] == 2:   # the list itself, whose second field is a resource
                field[1] = in_any_order(field[1], 2)
    return {'protobuf': fields}


def in_any_order(fields, number):
    """Fields of a number (a repeated one) sorted among themselves, where the original gives them in the order of a map."""
    ordered = iter(sorted((f for f in fields if f[0] == number), key=str))
    return [next(ordered) if f[0] == number else f for f in fields]


def scrubbed(tree, name=''):
    """Takes out what differs by nature: identities, times, revisions, generated names."""
    if isinstance(tree, dict):
        if 'groupVersion' in tree and 'resources' in tree:   # the original takes resources of definitions from a map
            tree = {**tree, 'resources': sorted(tree['resources'], key=lambda resource: resource['name'])}
        if tree.get('kind') == 'ComponentStatusList':   # as their answers come in
            tree = {**tree, 'items': sorted(tree['items'], key=lambda item: item['metadata']['name'])}
        if 'username' in tree and 'groups' in tree:   # the two administrators
            tree = {key: value for key, value in tree.items() if key not in ('username', 'uid', 'extra')}
        columns = 'columnDefinitions' in tree
        return {key: scrubbed(without(value, 'description') if columns and key == 'columnDefinitions' else value, key) for key, value in tree.items()}
    if isinstance(tree, list):
        if name == 'managedFields':   # their order follows their times, to the second
            tree = sorted((entry if entry.get('subresource') != 'scale' else {**entry, 'time': None} for entry in tree),
                          key=lambda entry: [str(entry.get(key)) for key in ('operation', 'subresource', 'manager', 'apiVersion')])
        if name == 'finalizers' and all(isinstance(item, str) for item in tree):   # a set, whose order the original changes now and then
            tree = sorted(tree)
        return [scrubbed(item, name) for item in tree]
    if isinstance(tree, str):
        if name == 'resourceVersion' and tree.isdigit() and tree != '0':
            return 'RV'
        if name == 'continue' and tree:
            return 'TOKEN'
        tree = TIME.sub('TIME', UID.sub('UID', tree))
        if name in ('time', 'Age', 'cells') and re.fullmatch(r'(\d+[smhd])+', tree):
            return 'AGE'
        return re.sub(r'(kube-api-access-|\bgenerated-)\w{5}\b', r'\1XXXXX', tree)
    return tree


def without(items, name):
    """Descriptions of columns are words for people: each server has its own."""
    return [{key: value for key, value in item.items() if key != name} for item in items or []]


def first_line(text):
    """Differences of Go values that follow some messages are not compared, nor structures that are shown before others."""
    text = re.sub(r'Invalid value: \{.*\}: field is immutable', 'Invalid value: {...}: field is immutable', text.split('\n')[0])
    text = re.sub(r'Invalid value: "(\{|map\[).*(\}|\])": (?=strict|json|no kind|convert|illegal|[A-Z])', 'Invalid value: "{...}": ', text)
    text = re.sub(r'(ResourceVersion in (\w+ \(|object meta: ))\d+', r'\1N', text)
    return re.sub(r'0x[0-9a-f]{8,}', '0xPOINTER', text)


def status_difference(here, there):
    def causes(status):
        return sorted((c.get('reason', ''), c.get('field', ''), first_line(c.get('message', '')))
                      for c in (status.get('details') or {}).get('causes') or [])
    a, b = causes(here), causes(there)
    lines = [f'cause only here: {c}' for c in a if c not in b] + [f'cause only there: {c}' for c in b if c not in a]
    one, other = ({**tree, 'details': {**(tree.get('details') or {}), 'causes': None}} for tree in (here, there))
    for tree in (one, other):
        # The order of several causes follows Go's maps: it means nothing.
        tree['message'] = '' if len(b) > 1 else first_line(tree.get('message', ''))
    return lines + difference(one, other)


def compare_answers(here, there):
    """Lines that say how one answer differs from another; none when they agree."""
    lines = [] if here.code == there.code else [f'code: here {here.code}, there {there.code}']
    a, b = here.named(), there.named()
    lines += [f'header {name}: here {a[name]}, there {b[name]}' for name in a if scrubbed(a[name]) != scrubbed(b[name])]
    a, b = scrubbed(here.content()), scrubbed(there.content())
    kinds = [tree.get('kind') if isinstance(tree, dict) else '' for tree in (a, b)]
    if kinds == ['Status', 'Status']:
        return lines + status_difference(a, b)
    if 'Status' in kinds:
        status = a if kinds[0] == 'Status' else b
        causes = [c.get('field') + ': ' + c.get('message', '') for c in (status.get('details') or {}).get('causes') or [] if c.get('field')]
        return lines + [f'message only {"here" if kinds[0] == "Status" else "there"}: {str(status.get("message"))[:400]} {causes}']
    return lines + difference(a, b)


class Pair:
    """Both servers, asked one after the other; what differs is kept."""

    def __init__(self, ours, theirs):
        self.lines = Line(ours), Line(theirs)
        self.asked = 0
        self.found = []   # (story, name of the request, lines)

    def ask(self, story, cases):
        answers = [line.ask(case) for line, case in zip(self.lines, cases)]
        self.asked += 1
        case = cases[1]
        if not case.get('unseen'):
            lines = case.get('compare', compare_answers)(*answers)
            if lines:
                shown = case.get('name') or f'{case["method"]} {case["path"]}' + (
                    ' ' + ' '.join(f'{k}={v}' for k, v in (case.get('headers') or {}).items() if k != 'Authorization')).rstrip()
                self.found.append((story, shown, lines))
        return answers

    def play(self, name, story, *arguments):
        """Runs a story for each server side by side: a generator that yields requests and gets that server's answers."""
        both = [story(*arguments) for _ in self.lines]
        cases = [next(each) for each in both]
        while True:
            answers = self.ask(name, cases)
            cases = []
            for each, answer in zip(both, answers):
                try:
                    cases.append(each.send(answer))
                except StopIteration:
                    pass
            if len(cases) < 2:
                assert not cases, f'{name}: the story ended for one server only'
                return

    def close(self):
        for line in self.lines:
            line.close()
