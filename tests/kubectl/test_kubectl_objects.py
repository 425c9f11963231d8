"""kubectl on objects: what it prints, and how it ends. Nothing here runs a container."""
import json
import re

import pytest
import yaml


def config_map(name='cm', **data):
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name, 'labels': {'app': name}}, 'data': data or {'a': '1'}}


def test_get(k):
    k('create', 'configmap', 'b', '--from-literal=x=1')
    k('create', 'configmap', 'a', '--from-literal=x=2')
    k('label', 'configmap', 'a', 'tier=front')
    assert re.match(r'NAME +DATA +AGE\na +1 +\d+s\nb +1 +\d+s\n', k('get', 'cm', '--field-selector=metadata.name!=kube-root-ca.crt'))
    assert k('get', 'cm', 'a', 'b', '-o', 'name') == 'configmap/a\nconfigmap/b\n'
    assert yaml.safe_load(k('get', 'cm', 'a', '-o', 'yaml'))['data'] == {'x': '2'}
    assert k('get', 'cm', 'a', '-o', 'jsonpath={.data.x}') == '2'
    assert k('get', 'cm', 'a', '-o', 'go-template={{.data.x}}') == '2'
    assert k('get', 'cm', 'a', '-o', 'custom-columns=N:.metadata.name,X:.data.x').split() == ['N', 'X', 'a', '2']
    assert k('get', 'cm', '-l', 'tier=front', '-o', 'name') == 'configmap/a\n'
    assert k('get', 'cm', '-l', 'tier notin (front)', '-L', 'app', '--no-headers').split()[0] == 'b'
    assert k('get', 'cm', '-l', 'app notin (x)', '--field-selector=metadata.name!=kube-root-ca.crt', '--sort-by=.data.x', '-o', 'name').split() == ['configmap/b', 'configmap/a']
    assert json.loads(k('get', '--raw', f'/api/v1/namespaces/{k.namespace}/configmaps/a'))['data']['x'] == '2'
    assert k.fails('get', 'cm', 'missing') == 'Error from server (NotFound): configmaps "missing" not found\n'
    assert k('get', 'cm', 'missing', '--ignore-not-found') == ''
    assert 'the server doesn\'t have a resource type "nothing"' in k.fails('get', 'nothing')
    assert 'kube-root-ca.crt' in k('get', 'cm', '-A')
    k('create', 'service', 'clusterip', 's', '--tcp=80')
    assert re.search(r'service/s +ClusterIP +10\.[\d.]+ +<none> +80/TCP', k('get', 'all'))


def test_get_watches(k):
    k('create', 'configmap', 'a')
    watching = k.start('get', 'cm', 'a', '-w', '--output-watch-events', '-o', 'custom-columns=TYPE:.type,X:.object.data.x')
    try:
        assert watching.stdout.readline().split() == ['TYPE', 'X']
        assert watching.stdout.readline().split() == ['ADDED', '<none>']
        k('patch', 'cm', 'a', '-p', '{"data":{"x":"1"}}')
        assert watching.stdout.readline().split() == ['MODIFIED', '1']
        k('delete', 'cm', 'a')
        assert watching.stdout.readline().split() == ['DELETED', '1']
    finally:
        watching.kill()
        watching.wait()


def test_describe(k):
    k('create', 'configmap', 'a', '--from-literal=word=hello')
    told = k('describe', 'cm', 'a')
    assert re.search(r'Name: +a\n', told) and 'word:\n----\nhello\n' in told
    k('create', 'secret', 'generic', 's', '--from-literal=key=12345')
    assert re.search(r'key: +5 bytes', k('describe', 'secret', 's'))
    k('create', 'deployment', 'd', '--image=kaname.local/busybox:1', '--replicas=0')
    k('wait', 'deployment/d', '--for=jsonpath={.status.observedGeneration}', '--timeout=30s')
    told = k('describe', 'deployment', 'd')
    assert re.search(r'Replicas: +0 desired', told) and re.search(r'StrategyType: +RollingUpdate', told)
    assert k.fails('describe', 'cm', 'missing') == 'Error from server (NotFound): configmaps "missing" not found\n'


def test_apply_by_the_client(k, tmp_path):
    file = tmp_path / 'cm.yaml'
    file.write_text(yaml.safe_dump(config_map(a='1', b='2')))
    assert k('apply', '-f', str(file), '--dry-run=server') == 'configmap/cm created (server dry run)\n'
    assert k('apply', '-f', str(file)) == 'configmap/cm created\n'
    assert k('apply', '-f', str(file)) == 'configmap/cm unchanged\n'
    k('patch', 'cm', 'cm', '-p', '{"data":{"other":"kept"}}')
    file.write_text(yaml.safe_dump(config_map(a='3')))
    assert k('apply', '-f', str(file)) == 'configmap/cm configured\n'
    assert k.json('get', 'cm', 'cm')['data'] == {'a': '3', 'other': 'kept'}
    assert yaml.safe_load(k('apply', 'view-last-applied', 'cm/cm'))['data'] == {'a': '3'}
    assert 'unknown field "wrong"' in k.fails('apply', '-f', '-', input={**config_map('bad'), 'wrong': 1})
    assert k.run('get', 'cm', 'bad').returncode == 1


def test_apply_prunes(k):
    k('apply', '-f', '-', '--prune', '-l', 'app', '--prune-allowlist=core/v1/ConfigMap',
      input={'apiVersion': 'v1', 'kind': 'List', 'items': [config_map('one'), config_map('two')]})
    out = k('apply', '-f', '-', '--prune', '-l', 'app', '--prune-allowlist=core/v1/ConfigMap',
            input={'apiVersion': 'v1', 'kind': 'List', 'items': [config_map('one')]})
    assert 'configmap/two pruned' in out and 'configmap/one unchanged' in out


def test_apply_by_the_server(k):
    assert k('apply', '--server-side', '-f', '-', input=config_map(a='1')) == 'configmap/cm serverside-applied\n'
    owners = k.json('get', 'cm', 'cm', '--show-managed-fields')['metadata']['managedFields']
    assert [(m['manager'], m['operation']) for m in owners] == [('kubectl', 'Apply')]
    conflict = k.fails('apply', '--server-side', '--field-manager=other', '-f', '-', input=config_map(a='2'))
    assert 'conflict with "kubectl": .data.a' in conflict
    k('apply', '--server-side', '--field-manager=other', '--force-conflicts', '-f', '-', input=config_map(a='2'))
    assert k.json('get', 'cm', 'cm')['data'] == {'a': '2'}
    k('apply', '--server-side', '--field-manager=other', '-f', '-', input=config_map(b='1'))
    assert k.json('get', 'cm', 'cm')['data'] == {'b': '1'}


def test_edit(k):
    k('create', 'configmap', 'a', '--from-literal=word=hello')
    assert k('edit', 'cm', 'a', KUBE_EDITOR='sed -i s/hello/bye/') == 'configmap/a edited\n'
    assert k.json('get', 'cm', 'a')['data'] == {'word': 'bye'}
    assert 'Edit cancelled, no changes made.' in k.run('edit', 'cm', 'a', KUBE_EDITOR='true').stderr
    k('create', 'service', 'clusterip', 's', '--tcp=80')
    refused = k.fails('edit', 'service', 's', KUBE_EDITOR='sed -i s/clusterIP:.*/clusterIP:\\ 192.0.2.1/')
    assert 'services "s" is invalid' in refused and 'A copy of your changes has been stored to' in refused


@pytest.mark.parametrize('kind,patch,answer', [
    ('strategic', {'spec': {'ports': [{'port': 81, 'name': 'more'}]}}, [80, 81]),
    ('merge', {'spec': {'ports': [{'port': 81, 'name': 'more'}]}}, [81]),
    ('json', [{'op': 'add', 'path': '/spec/ports/-', 'value': {'port': 82, 'name': 'json'}}], [80, 82])])
def test_patch(k, kind, patch, answer):
    k('create', 'service', 'clusterip', 's', '--tcp=80')
    assert k('patch', 'service', 's', f'--type={kind}', '-p', json.dumps(patch)) == 'service/s patched\n'
    assert sorted(p['port'] for p in k.json('get', 'service', 's')['spec']['ports']) == answer
    if kind != 'json':
        assert k('patch', 'service', 's', f'--type={kind}', '-p', json.dumps(patch)) == 'service/s patched (no change)\n'
    assert 'Error from server (NotFound)' in k.fails('patch', 'service', 'missing', f'--type={kind}', '-p', json.dumps(patch))


def test_patch_refuses(k):
    k('create', 'service', 'clusterip', 's', '--tcp=80')
    assert 'must be between 1 and 65535' in k.fails('patch', 'service', 's', '--type=json', '-p', '[{"op":"replace","path":"/spec/ports/0/port","value":99999}]')
    assert 'The request is invalid' in k.fails('patch', 'service', 's', '--type=json', '-p', '[{"op":"test","path":"/spec/type","value":"x"}]')


def test_create_replace_delete(k, tmp_path):
    assert 'AlreadyExists' in (k('create', '-f', '-', input=config_map()) and k.fails('create', '-f', '-', input=config_map()))
    assert k('replace', '-f', '-', input=config_map(z='9')) == 'configmap/cm replaced\n'
    old = {**k.json('get', 'cm', 'cm')}
    k('patch', 'cm', 'cm', '-p', '{"data":{"y":"1"}}')
    assert 'the object has been modified' in k.fails('replace', '-f', '-', input=old)
    assert re.match(r'configmap "cm" deleted', k('delete', 'cm', 'cm'))
    assert 'NotFound' in k.fails('delete', 'cm', 'cm')
    assert k('delete', 'cm', 'cm', '--ignore-not-found') == ''
    for i in range(5):
        k('create', '-f', '-', input=config_map(f'c{i}'))
    assert len(k('delete', 'cm', '-l', 'app in (c0,c1)').splitlines()) == 2
    assert 'kube-root-ca.crt' in k('delete', 'cm', '--all')
    k('create', 'deployment', 'd', '--image=none', '--replicas=0')
    k('wait', 'replicaset', '-l', 'app=d', '--for=create', '--timeout=30s')
    k('delete', 'deployment', 'd', '--cascade=orphan')
    sets = k.json('get', 'rs')['items']
    assert len(sets) == 1 and 'ownerReferences' not in sets[0]['metadata']
    k('delete', 'rs', '--all', '--cascade=foreground')
    assert k.json('get', 'rs')['items'] == []


def test_create_of_every_kind(k):
    for words in ('configmap c --from-literal=a=b', 'secret generic s --from-literal=a=b', 'secret docker-registry r --docker-username=u --docker-password=p',
                  'role r --verb=get,list --resource=pods', 'rolebinding rb --role=r --serviceaccount=default:default', 'quota q --hard=pods=10',
                  'serviceaccount sa', 'poddisruptionbudget p --selector=app=x --min-available=1', 'job j --image=none', 'cronjob cj --image=none --schedule=0_0_*_*_*',
                  'ingress i --rule=example.com/*=svc:80', 'service nodeport np --tcp=80', 'service externalname en --external-name=example.com',
                  'service loadbalancer lb --tcp=80'):
        out = k('create', *[w.replace('_', ' ') if 'schedule' in w else w for w in words.split()])
        assert out.endswith(' created\n'), out
    assert k.json('get', 'secret', 'r')['type'] == 'kubernetes.io/dockerconfigjson'
    assert re.search(r'np +NodePort +[\d.]+ +<none> +80:3\d{4}/TCP', k('get', 'service', 'np'))


def test_label_and_annotate(k):
    k('create', 'configmap', 'a')
    assert k('label', 'cm', 'a', 'x=1') == 'configmap/a labeled\n'
    assert "already has a value (1), and --overwrite is false" in k.fails('label', 'cm', 'a', 'x=2')
    assert k('label', 'cm', 'a', 'x=2', '--overwrite') == 'configmap/a labeled\n'
    assert k('label', 'cm', 'a', 'x-') == 'configmap/a unlabeled\n'
    assert k('annotate', 'cm', 'a', 'note=a b') == 'configmap/a annotated\n'
    assert k.json('get', 'cm', 'a')['metadata']['annotations'] == {'note': 'a b'}
    assert k('annotate', 'cm', '--all', 'note-').count('annotated') >= 1
    assert 'annotations' not in k.json('get', 'cm', 'a')['metadata']
    assert 'a valid label must be' in k.fails('label', 'cm', 'a', 'x=not valid')


def test_explain_and_discovery(k):
    told = k('explain', 'pods.spec.containers')
    assert re.search(r'KIND: +Pod', told) and re.search(r'FIELD: containers <\[\]Container>', told) and 'imagePullPolicy' in told
    assert 'ephemeralContainers' in k('explain', 'pod', '--recursive')
    assert 'field "nothing" does not exist' in k.fails('explain', 'pod.spec.nothing')
    resources = k('api-resources')
    assert re.search(r'deployments +deploy +apps/v1 +true +Deployment', resources) and re.search(r'nodes +no +v1 +false +Node', resources)
    assert k('api-resources', '--api-group=batch', '-o', 'name').split() == ['cronjobs.batch', 'jobs.batch']
    assert {'v1', 'apps/v1', 'networking.k8s.io/v1'} <= set(k('api-versions').split())
    assert json.loads(k('version', '-o', 'json'))['serverVersion']['gitVersion'].startswith('v1.36')
    assert 'is running at' in k('cluster-info')


def test_access(k):
    assert k('auth', 'can-i', 'create', 'pods') == 'yes\n'
    refused = k.run('auth', 'can-i', 'delete', 'nodes', '--as=system:serviceaccount:default:default')
    assert refused.returncode == 1 and refused.stdout == 'no\n'
    k('create', 'role', 'reader', '--verb=get', '--resource=configmaps')
    k('create', 'rolebinding', 'reader', '--role=reader', f'--serviceaccount={k.namespace}:default')
    who = f'--as=system:serviceaccount:{k.namespace}:default'
    assert k('auth', 'can-i', 'get', 'configmaps', who) == 'yes\n'
    assert re.search(r'configmaps +\[\] +\[\] +\[get\]', k('auth', 'can-i', '--list', who))
    assert re.search(r'Username +\S', k('auth', 'whoami'))
    forbidden = k.fails('get', 'secrets', who)
    assert f'Error from server (Forbidden): secrets is forbidden: User "system:serviceaccount:{k.namespace}:default" cannot list resource "secrets"' in forbidden
    assert 'reconciled' in k('auth', 'reconcile', '-f', '-', input={
        'apiVersion': 'rbac.authorization.k8s.io/v1', 'kind': 'Role', 'metadata': {'name': 'more', 'namespace': k.namespace},
        'rules': [{'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get']}]})


def test_create_token(k):
    token = k('create', 'token', 'default', '--duration=10m').strip()
    assert token.count('.') == 2
    server = k('config', 'view', '--raw', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}')
    authority = k('config', 'view', '--raw', '--minify', '-o', 'jsonpath={.clusters[0].cluster.certificate-authority-data}')
    path = f'{k.up.directory}/{k.namespace}.kubeconfig'
    with open(path, 'w') as f:
        json.dump({'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'x', 'users': [{'name': 'x', 'user': {'token': token}}],
                   'clusters': [{'name': 'x', 'cluster': {'server': server, 'certificate-authority-data': authority}}],
                   'contexts': [{'name': 'x', 'context': {'cluster': 'x', 'user': 'x'}}]}, f)
    who = k.run('auth', 'whoami', '-o', 'json', KUBECONFIG=path)
    assert json.loads(who.stdout)['status']['userInfo']['username'] == f'system:serviceaccount:{k.namespace}:default', who.stderr
    assert 'not found' in k.fails('create', 'token', 'missing')


def test_diff(k):
    k('apply', '-f', '-', input=config_map(a='1'))
    assert k('diff', '-f', '-', input=config_map(a='1')) == ''
    changed = k.run('diff', '-f', '-', input=config_map(a='2'))
    assert changed.returncode == 1 and '-  a: "1"' in changed.stdout and '+  a: "2"' in changed.stdout
    by_server = k.run('diff', '--server-side', '--force-conflicts', '-f', '-', input=config_map(a='3'))
    assert by_server.returncode == 1 and '+  a: "3"' in by_server.stdout
    assert k.json('get', 'cm', 'cm')['data'] == {'a': '1'}


def test_wait(k):
    k('create', 'configmap', 'a', '--from-literal=x=1')
    assert k('wait', 'cm/a', '--for=jsonpath={.data.x}=1', '--timeout=10s') == 'configmap/a condition met\n'
    assert 'timed out waiting for the condition' in k.fails('wait', 'cm/a', '--for=jsonpath={.data.x}=2', '--timeout=1s')
    gone = k.start('wait', 'cm/a', '--for=delete', '--timeout=30s')
    k('delete', 'cm', 'a')
    assert gone.wait(30) == 0


def test_custom_resources(k):
    group = f'{k.namespace}.example.com'
    k('apply', '-f', '-', input={
        'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': f'bells.{group}'},
        'spec': {'group': group, 'scope': 'Namespaced', 'names': {'plural': 'bells', 'singular': 'bell', 'kind': 'Bell', 'shortNames': ['bl']},
                 'versions': [{'name': 'v1', 'served': True, 'storage': True,
                               'additionalPrinterColumns': [{'name': 'Tone', 'type': 'string', 'jsonPath': '.spec.tone'}],
                               'schema': {'openAPIV3Schema': {'type': 'object', 'properties': {'spec': {
                                   'type': 'object', 'description': 'What it sounds like.',
                                   'properties': {'tone': {'type': 'string', 'enum': ['c', 'd'], 'default': 'c'}}}}}}}]}})
    k('wait', f'crd/bells.{group}', '--for=condition=Established', '--timeout=30s')
    try:
        bell = {'apiVersion': f'{group}/v1', 'kind': 'Bell', 'metadata': {'name': 'b'}, 'spec': {}}
        assert f'bell.{group}/b created' in k('apply', '-f', '-', input=bell)
        assert re.match(r'NAME +TONE\nb +c\n', k('get', f'bells.{group}'))
        assert 'What it sounds like.' in k('explain', f'bells.{group}')
        assert 'Unsupported value: "e"' in k.fails('apply', '-f', '-', input={**bell, 'spec': {'tone': 'e'}})
        assert 'unknown field "spec.volume"' in k.fails('apply', '-f', '-', input={**bell, 'spec': {'volume': 1}})
    finally:
        k('delete', 'crd', f'bells.{group}')
