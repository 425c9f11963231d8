"""Who may do what: service accounts, tokens, reviews, impersonation."""
import http.client
import json
import ssl
import urllib.parse


def ask_without_certificate(server, path, token=None, headers=None):
    """Status and body."""
    where = urllib.parse.urlparse(server.url)
    connection = http.client.HTTPSConnection(where.hostname, where.port, context=ssl._create_unverified_context())
    connection.request('GET', path, headers={**(headers or {}), **({'Authorization': f'Bearer {token}'} if token else {})})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def test_service_account_and_token(server, ns):
    server.kubectl('-n', ns, 'create', 'serviceaccount', 'robot')
    token = server.kubectl('-n', ns, 'create', 'token', 'robot', '--duration=10m').strip()
    status, answer = ask_without_certificate(server, f'/api/v1/namespaces/{ns}/configmaps', token)
    assert status == 403 and f'User \\"system:serviceaccount:{ns}:robot\\" cannot list resource' in answer.decode()
    review = {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenReview', 'spec': {'token': token}}
    status, answer = server.json('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review)
    assert status == 201 and answer['status']['authenticated']
    assert answer['status']['user']['username'] == f'system:serviceaccount:{ns}:robot'
    status, answer = server.json('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {**review, 'spec': {'token': token[:-4] + 'AAAA'}})
    assert status == 201 and not answer['status'].get('authenticated')


def test_rbac(server, ns):
    server.kubectl('-n', ns, 'create', 'serviceaccount', 'robot')
    who = f'--as=system:serviceaccount:{ns}:robot'
    error = server.kubectl_error('-n', ns, 'get', 'cm', who)
    assert f'User "system:serviceaccount:{ns}:robot" cannot list resource "configmaps" in API group "" in the namespace "{ns}"' in error
    server.kubectl('-n', ns, 'create', 'role', 'reader', '--verb=get,list', '--resource=configmaps')
    server.kubectl('-n', ns, 'create', 'rolebinding', 'reader', '--role=reader', f'--serviceaccount={ns}:robot')
    server.kubectl('-n', ns, 'get', 'cm', who)
    assert server.kubectl('-n', ns, 'auth', 'can-i', 'list', 'configmaps', who).strip() == 'yes'
    assert server.run('kubectl', '-n', ns, 'auth', 'can-i', 'delete', 'configmaps', who, check=False).stdout.strip() == 'no'
    assert 'configmaps' in server.kubectl('-n', ns, 'auth', 'can-i', '--list', who)


def test_whoami(server):
    assert 'system:masters' in server.kubectl('auth', 'whoami')
    out = json.loads(server.kubectl('auth', 'whoami', '--as=jane', '--as-group=dev', '-o', 'json'))
    assert out['status']['userInfo'] == {'username': 'jane', 'groups': ['dev', 'system:authenticated']}


def test_anonymous_may_only_look_at_health(server):
    for path, code in [('/healthz', 200), ('/version', 200), ('/api/v1/namespaces', 403)]:
        assert ask_without_certificate(server, path)[0] == code, path
    assert ask_without_certificate(server, '/version', 'nonsense')[0] == 401


def test_who_speaks_for_others_needs_a_right_to_each_part(server, ns):
    """A right to a user is none to groups, uids or more that one may be."""
    server.kubectl('-n', ns, 'create', 'serviceaccount', 'robot')
    server.kubectl('create', 'clusterrole', ns, '--verb=impersonate', '--resource=users')
    server.kubectl('create', 'clusterrolebinding', ns, f'--clusterrole={ns}', f'--serviceaccount={ns}:robot')
    token = server.kubectl('-n', ns, 'create', 'token', 'robot').strip()
    as_jane = {'Impersonate-User': 'jane'}
    assert 'User \\"jane\\" cannot list' in ask_without_certificate(server, f'/api/v1/namespaces/{ns}/configmaps', token, as_jane)[1].decode()
    for more, what in (({'Impersonate-Group': 'system:masters'}, 'groups \\"system:masters\\" is forbidden'),
                       ({'Impersonate-Uid': 'u'}, 'uids.authentication.k8s.io \\"u\\" is forbidden'),
                       ({'Impersonate-Extra-Scope': 's'}, 'userextras.authentication.k8s.io \\"s\\" is forbidden')):
        status, answer = ask_without_certificate(server, f'/api/v1/namespaces/{ns}/configmaps', token, {**as_jane, **more})
        assert status == 403 and what in answer.decode(), (more, answer)
    server.kubectl('delete', 'clusterrolebinding,clusterrole', ns)


def test_a_right_to_one_extra_is_none_to_longer_names(server, ns):
    server.kubectl('-n', ns, 'create', 'serviceaccount', 'robot')
    server.kubectl('create', 'clusterrole', ns, '--verb=impersonate', '--resource=users,userextras.authentication.k8s.io/scope')
    server.kubectl('create', 'clusterrolebinding', ns, f'--clusterrole={ns}', f'--serviceaccount={ns}:robot')
    token = server.kubectl('-n', ns, 'create', 'token', 'robot').strip()
    for key, allowed in (('scope', True), ('%73cope', True), ('scope%00more', False), ('scope%2fmore', False)):
        answer = ask_without_certificate(server, f'/api/v1/namespaces/{ns}/configmaps', token, {'Impersonate-User': 'jane', f'Impersonate-Extra-{key}': 's'})[1]
        assert (('User \\"jane\\" cannot list' in answer.decode()) == allowed), (key, answer)
    server.kubectl('delete', 'clusterrolebinding,clusterrole', ns)


def test_a_node_touches_its_own_pods_only(server, ns):
    path = f'/api/v1/namespaces/{ns}/pods'
    server.kubectl('-n', ns, 'create', 'serviceaccount', 'robot')
    uids = {}
    for node in ('mine', 'other'):
        made = server.json('POST', path, {'metadata': {'name': node}, 'spec': {
            'nodeName': f'{node}-{ns}', 'serviceAccountName': 'robot', 'containers': [{'name': 'c', 'image': 'i'}]}})[1]
        uids[node] = made['metadata']['uid']
    me = {'Impersonate-User': f'system:node:mine-{ns}', 'Impersonate-Group': 'system:nodes'}

    def token(pod):
        return server.json('POST', f'/api/v1/namespaces/{ns}/serviceaccounts/robot/token', {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {
            'boundObjectRef': {'apiVersion': 'v1', 'kind': 'Pod', 'name': pod, 'uid': uids[pod]}}}, me)
    assert token('mine')[0] == 201
    status, told = token('other')
    assert status == 403 and 'node requested token bound to a pod scheduled on a different node' in told['message']
    def evict(pod):
        return server.json('POST', f'{path}/{pod}/eviction?dryRun=All', {
            'apiVersion': 'policy/v1', 'kind': 'Eviction', 'metadata': {'name': pod}}, me)
    assert evict('mine')[0] == 201
    status, told = evict('other')
    assert status == 403 and 'can only evict pods with spec.nodeName set to itself' in told['message']
    for method, where, body in (('PATCH', '/status', {'status': {'phase': 'Failed'}}), ('DELETE', '', {'gracePeriodSeconds': 0})):
        headers = {**me, **({'Content-Type': 'application/merge-patch+json'} if method == 'PATCH' else {})}
        status, told = server.json(method, f'{path}/other{where}', body, headers)
        assert status == 403 and 'can only' in told['message'], told
        assert server.json(method, f'{path}/mine{where}', body, headers)[0] == 200
