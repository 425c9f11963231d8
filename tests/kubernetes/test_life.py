"""A server that is killed loses nothing; two directories never meet."""
import stat
import os


def test_killed_and_started_again(lone_server):
    s = lone_server
    s.kubectl('create', 'configmap', 'a', '--from-literal=x=y')
    before = s.get('cm', 'a')
    crd = {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': 'things.example.com'},
           'spec': {'group': 'example.com', 'scope': 'Cluster', 'names': {'plural': 'things', 'singular': 'thing', 'kind': 'Thing'},
                    'versions': [{'name': 'v1', 'served': True, 'storage': True,
                                  'schema': {'openAPIV3Schema': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}}}]}}
    s.kubectl('create', '-f', '-', input=crd)
    s.kubectl('create', '-f', '-', '--validate=false', input={'apiVersion': 'example.com/v1', 'kind': 'Thing',
                                                               'metadata': {'name': 't'}, 'free': {'form': [1, 2.5, None]}})
    s.kill()
    s.start()
    assert s.get('cm', 'a') == before
    assert s.get('things', 't')['free'] == {'form': [1, 2.5, None]}
    s.kubectl('patch', 'cm', 'a', '--type=merge', '-p', '{"data":{"x":"z"}}')
    assert int(s.get('cm', 'a')['metadata']['resourceVersion']) > int(before['metadata']['resourceVersion'])


def test_files_are_private(lone_server):
    for top, folders, files in os.walk(os.path.join(lone_server.directory, 'data')):
        for name in files:
            mode = stat.S_IMODE(os.stat(os.path.join(top, name)).st_mode)
            assert mode & 0o077 == 0, (name, oct(mode))
    assert stat.S_IMODE(os.stat(lone_server.kubeconfig).st_mode) == 0o600


def test_first_objects(lone_server):
    s = lone_server
    names = {n['metadata']['name'] for n in s.get('ns')['items']}
    assert names == {'default', 'kube-system', 'kube-public', 'kube-node-lease'}
    service = s.get('service', 'kubernetes')
    assert service['spec']['clusterIP'] == '10.96.0.1'
    endpoints = s.get('endpoints', 'kubernetes')
    assert endpoints['subsets'][0]['ports'][0]['port'] == int(s.url.rsplit(':', 1)[1])
    assert len(s.get('clusterroles')['items']) == 69
    assert s.get('ipaddresses', '10.96.0.1')['spec']['parentRef']['name'] == 'kubernetes'


def test_stop_is_clean(lone_server):
    assert lone_server.stop() == 0
