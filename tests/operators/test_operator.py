"""An operator at work (operator/main.go) while its API server is killed again and again: it goes on, and nothing is lost or done twice."""
import json
import subprocess
import time
import urllib.parse

import pytest

COUNT = 12
EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=reason%3DSaid'
DEFINITION = {
    'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': 'greetings.operators.example.com'},
    'spec': {
        'group': 'operators.example.com', 'scope': 'Namespaced',
        'names': {'plural': 'greetings', 'singular': 'greeting', 'kind': 'Greeting', 'listKind': 'GreetingList'},
        'versions': [{
            'name': 'v1', 'served': True, 'storage': True, 'subresources': {'status': {}},
            'schema': {'openAPIV3Schema': {'type': 'object', 'properties': {
                'spec': {'type': 'object', 'required': ['text'], 'properties': {
                    'text': {'type': 'string'}, 'replicas': {'type': 'integer', 'default': 1}, 'audience': {'type': 'string'}}},
                'status': {'type': 'object', 'properties': {
                    'observedGeneration': {'type': 'integer'}, 'pods': {'type': 'integer'},
                    'conditions': {'type': 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'],
                                   'items': {'type': 'object', 'required': ['type'], 'x-kubernetes-preserve-unknown-fields': True,
                                             'properties': {'type': {'type': 'string'}}}}}}}}}}]}}


class Operator:
    def __init__(self, program, server, identity):
        self.log = open(f'{server.directory}/{identity}.log', 'w+')
        self.process = subprocess.Popen([program, server.kubeconfig, identity], stdout=subprocess.PIPE, stderr=self.log, text=True)

    def said(self):
        self.log.seek(0)
        return self.log.read()[-4000:]

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def operators(operator, server):
    """start(identity) -> an operator of this server."""
    started = []

    def start(identity):
        started.append(Operator(operator, server, identity))
        return started[-1]

    yield start
    for o in started:
        o.kill()


def wait(met, what, timeout=120):
    end = time.monotonic() + timeout
    while not met():
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.05)


def greeting(name, **spec):
    return {'apiVersion': 'operators.example.com/v1', 'kind': 'Greeting', 'metadata': {'name': name, 'namespace': 'default'}, 'spec': spec}


def path(name=''):
    return '/apis/operators.example.com/v1/namespaces/default/greetings' + (f'/{name}' if name else '')


def items(server, where):
    status, answer = server.json('GET', where)
    assert status == 200, answer
    return {o['metadata']['name']: o for o in answer['items']}


def restart(server):
    """kill -9, and again on the same port."""
    port = urllib.parse.urlparse(server.url).port
    server.kill()
    server.start(port)


def ledger(server):
    return sorted(server.json('GET', '/api/v1/namespaces/default/configmaps/ledger')[1].get('data', {}).values())


def are_said(server, texts, replicas):
    """Whether each Greeting's text and number has come to its children and back into its status."""
    all_of = items(server, path())
    maps = items(server, '/api/v1/namespaces/default/configmaps?labelSelector=app%3Dgreetings')
    sets = items(server, '/apis/apps/v1/namespaces/default/deployments')
    if set(all_of) != set(texts) or set(maps) != set(texts) or set(sets) != set(texts):
        return False
    return all(g['status'].get('observedGeneration') == g['metadata']['generation'] and g['status'].get('pods') == replicas and
               [c['status'] for c in g['status'].get('conditions', [])] == ['True'] and
               maps[name]['data']['text'] == texts[name] and sets[name]['spec']['replicas'] == replicas
               for name, g in all_of.items() if 'status' in g) and all('status' in g for g in all_of.values())


def prepare(server):
    server.kubectl('apply', '-f', '-', input=DEFINITION)
    server.kubectl('wait', '--for=condition=Established', 'crd', DEFINITION['metadata']['name'])
    server.kubectl('create', 'configmap', 'ledger')
    server.kubectl('apply', '-f', '-', input={
        'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'hall', 'namespace': 'default'}, 'type': 'operators.example.com/audience'})


@pytest.mark.timeout(900)
def test_an_operator_outlives_its_server(server, operators):
    prepare(server)
    first = operators('first')
    assert first.process.stdout.readline() == 'leads first\n', first.said()
    texts = {f'g{i}': f'hello {i}' for i in range(COUNT)}
    for i, (name, text) in enumerate(texts.items()):
        assert server.json('POST', path(), greeting(name, text=text, replicas=1, audience='hall'))[0] == 201
        if i % 4 == 3:
            restart(server)
    wait(lambda: are_said(server, texts, 1), first.said)
    assert ledger(server) == sorted(f'{name} born' for name in texts)

    # Changes, in the middle of which the server goes: of the Greetings, and of what is watched by its metadata only.
    texts = {name: text + ' again' for name, text in texts.items()}
    for i, (name, text) in enumerate(texts.items()):
        status, answer = server.json('PATCH', path(name), {'spec': {'text': text, 'replicas': 2}}, {'Content-Type': 'application/merge-patch+json'})
        assert status == 200, answer
        if i % 4 == 3:
            restart(server)
    server.kubectl('annotate', 'secret', 'hall', 'operators.example.com/mark=full')
    wait(lambda: are_said(server, texts, 2), first.said)
    wait(lambda: {m['data'].get('mark') for m in items(server, '/api/v1/namespaces/default/configmaps?labelSelector=app%3Dgreetings').values()}
         == {'full'}, first.said)
    assert first.process.poll() is None, first.said()
    wait(lambda: {e['regarding']['name'] for e in items(server, EVENTS).values()} == set(texts), first.said)

    # Another one waits, and leads when the first is gone.
    second = operators('second')
    first.kill()
    assert second.process.stdout.readline() == 'leads second\n', second.said()
    for i, name in enumerate(texts):
        assert server.json('DELETE', path(name))[0] == 200
        if i % 4 == 3:
            restart(server)
    wait(lambda: not items(server, path()), second.said)
    assert ledger(server) == sorted(f'{name} gone' for name in texts)
    # Children go with their owners, and pods with them.
    for where in ('/api/v1/namespaces/default/configmaps?labelSelector=app%3Dgreetings', '/apis/apps/v1/namespaces/default/deployments',
                  '/apis/apps/v1/namespaces/default/replicasets', '/api/v1/namespaces/default/pods'):
        wait(lambda where=where: not items(server, where), lambda where=where: json.dumps(items(server, where)))
    assert second.process.poll() is None, second.said()
