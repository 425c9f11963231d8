"""Where there is something to ask: discovery, documents, health, unknown paths, methods; and who may: refusals, impersonation, reviews."""
import json

from every_kind import PROTOBUF, TABLE, YAML, delete, get, patch, post, put
from known import Known
from talk import compare_answers

AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'


def code_and_type(here, there):
    """Of pages whose content is each server's own."""
    lines = [] if here.code == there.code else [f'code: here {here.code}, there {there.code}']
    a, b = here.named(), there.named()
    return lines + [f'header {name}: here {a[name]}, there {b[name]}' for name in a if a[name] != b[name]]


def discovery():
    for accept in (None, AGGREGATED, AGGREGATED + ';profile=nopeer', AGGREGATED + ',application/json', AGGREGATED.replace('v2', 'v2beta1') + ',application/json', AGGREGATED.replace('v2', 'v3'),
                   PROTOBUF, YAML, TABLE, 'text/html', PROTOBUF + ';g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'):
        for path in ('/api', '/apis', '/api/', '/apis/', '/api/v1', '/apis/apps', '/apis/apps/v1', '/apis/apps/v1/', '/apis/apps/'):
            yield get(path, accept, compare=code_and_type if path in ('/api', '/apis', '/api/') else compare_answers)
    groups = yield get('/apis')
    for group in groups.tree['groups']:
        for version in group['versions']:
            yield get('/apis/' + version['groupVersion'], PROTOBUF)
    etag = groups.headers.get('Etag')
    for path in ('/api', '/apis'):
        got = yield get(path, AGGREGATED, compare=code_and_type)
        etag = got.headers.get('Etag')
        yield {'method': 'GET', 'path': path, 'headers': {'Accept': AGGREGATED, 'If-None-Match': etag}}
        yield {'method': 'GET', 'path': path, 'headers': {'Accept': AGGREGATED, 'If-None-Match': '"x"'}, 'compare': code_and_type}


def documents():
    for accept in (None, '*/*', 'application/json', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf', 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf', 'application/yaml', 'text/html',
                   'application/com.github.proto-openapi.spec.v3@v1.0+protobuf', 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'):
        yield get('/openapi/v3/apis/batch/v1', accept, compare=code_and_type)
    index = yield get('/openapi/v3', compare=same_paths)
    where = index.tree['paths']['apis/batch/v1']['serverRelativeURL']
    yield {'method': 'GET', 'path': where, 'compare': code_and_type, 'name': 'GET hashed'}
    yield get('/openapi/v3/apis/batch/v1?hash=0', compare=code_and_type)
    for path in ('/openapi/v3/none', '/openapi/v3/apis/none/v1', '/openapi', '/openapi/', '/openapi/v4', '/swagger.json', '/swaggerapi'):
        yield get(path)
    for method in ('POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'):
        yield {'method': method, 'path': '/openapi/v3/apis/batch/v1', 'compare': code_and_type}
    got = yield get('/openapi/v2', compare=code_and_type)
    yield {'method': 'GET', 'path': '/openapi/v2', 'headers': {'If-None-Match': got.headers.get('Etag')}}


def same_paths(here, there):
    a, b = (sorted(path for path in answer.tree['paths'] if path.startswith('api')) for answer in (here, there))
    return [f'paths: here {a}, there {b}'] if a != b else []


def health():
    for path in ('/healthz', '/livez', '/readyz'):
        for query in ('', '?verbose', '?verbose=true', '?exclude=etcd', '?verbose&exclude=ping', '?verbose&exclude=ping&exclude=none', '?exclude=none', '/ping', '/log', '/etcd', '/none', '/', '/ping/', '/informer-sync', '/shutdown',
                      '/poststarthook/none', '/ping?verbose', '/poststarthook/rbac/bootstrap-roles'):
            yield get(path + query, compare=same_health)
        for method in ('POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS'):
            yield {'method': method, 'path': path}
        yield get(path, 'application/json')
    for path in ('/version', '/version/', '/version/x', '/metrics', '/metrics/', '/metrics/slis', '/metrics/cadvisor', '/', '//', '/index.html', '/configz', '/statusz', '/flagz', '/debug/pprof/', '/logs', '/logs/', '/ui',
                 '/.well-known/openid-configuration', '/openid/v1/jwks', '/.well-known', '/openid', '/favicon.ico', '/robots.txt'):
        yield get(path, compare=code_and_type)
        yield get(path, YAML, compare=code_and_type)
        for method in ('POST', 'DELETE', 'HEAD'):
            yield {'method': method, 'path': path, 'compare': code_and_type}


def same_health(here, there):
    """The checks are each server's own, but for the well-known."""
    lines = code_and_type(here, there)
    a, b = here.data.decode(), there.data.decode()
    if '[+]' in b:
        a, b = ({line.replace('failed: reason withheld', '') for line in text.splitlines() if '/' not in line} for text in (a, b))
        return lines + [f'line only here: {x}' for x in sorted(a - b)] + [f'line only there: {x}' for x in sorted(b - a)]
    return lines + ([] if a == b else [f'text: here {a!r}, there {b!r}'])


ODD = ['/api/v1/', '/api/v1//pods', '/api/v1/pods/', '/api//v1/pods', '//api/v1/pods', '/api/v1/namespaces/lives/', '/api/v1/namespaces//pods', '/api/v1/namespaces/lives/pods/', '/api/v1/namespaces/lives/pods/x/', '/api/v1/namespaces/lives/pods/x/y/z',
       '/api/v1/pods/x', '/api/v1/nodes/x/y', '/api/v1/namespaces/lives/nodes', '/api/v1/namespaces/lives/nodes/x', '/api/v1/namespaces/lives/namespaces/x', '/api/v1/namespaces/lives/none', '/api/v1/none', '/api/v1/none/x', '/api/v2/pods', '/api/v2',
       '/apis/apps/v2', '/apis/apps/v2/deployments', '/apis/none', '/apis/none/v1', '/apis/none/v1/x', '/apis/apps/v1/none', '/apis/apps/v1/deployments/x', '/apis/apps/v1/namespaces/lives/deployments/x/none', '/apis/apps/v1beta1/deployments',
       '/apis/extensions/v1beta1/ingresses', '/apis/batch/v1beta1/cronjobs', '/apis/policy/v1beta1/podsecuritypolicies', '/Api/v1', '/api/V1', '/api/v1/Pods', '/api/v1/watch', '/api/v1/watch/', '/api/v1/watch/none', '/api/v1/proxy', '/api/v1/bindings',
       '/api/v1/componentstatuses', '/api/v1/componentstatuses/x', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x', '/apis/authentication.k8s.io/v1/tokenreviews',
       '/api/v1/namespaces/lives/pods/none/log', '/api/v1/namespaces/lives/pods/none/status', '/api/v1/namespaces/lives/pods/none/exec', '/api/v1/namespaces/lives/pods/none/attach?stdin=1', '/api/v1/namespaces/lives/pods/none/portforward',
       '/api/v1/namespaces/lives/pods/none/binding', '/api/v1/namespaces/lives/pods/none/eviction', '/api/v1/namespaces/lives/pods/none/ephemeralcontainers', '/api/v1/namespaces/lives/pods/none/resize', '/api/v1/namespaces/lives/pods/none/proxy',
       '/api/v1/namespaces/lives/pods/none/proxy/x', '/api/v1/namespaces/lives/services/none/proxy', '/api/v1/nodes/none/proxy', '/api/v1/nodes/none/status', '/api/v1/namespaces/lives/serviceaccounts/none/token', '/api/v1/namespaces/none/status',
       '/api/v1/namespaces/none/finalize', '/api/v1/namespaces/none/none', '/apis/apps/v1/namespaces/lives/deployments/none/scale', '/apis/apps/v1/namespaces/lives/daemonsets/none/scale', '/apis/certificates.k8s.io/v1/certificatesigningrequests/none/approval',
       '/foo', '/foo/bar', '/apis/apps/v1/namespaces', '/apis/apps/v1/namespaces/lives', '/apis/apps/v1/namespaces/lives/deployments', '/api/v1/namespaces/lives/pods/%2e%2e', '/api/v1/namespaces/lives/pods/a%2Fb', '/api/v1/namespaces/lives/pods/..', '/api/../version',
       '/api/v1/namespaces/lives/pods/A_B', '/api/v1/namespaces/UPPER/pods', '/api/v1/namespaces/lives/configmaps/' + 'x' * 300]


def methods(path):
    for method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'FOO'):
        if method == 'DELETE' and '?' not in path:
            path += '?dryRun=All&labelSelector=none'
        headers = {'Content-Type': 'application/merge-patch+json'} if method == 'PATCH' else {}
        yield {'method': method, 'path': path, 'body': None if method in ('GET', 'HEAD', 'OPTIONS', 'TRACE') else '{}', 'headers': headers} if method != 'DELETE' else {'method': method, 'path': path}


USERS = [{'Impersonate-User': 'u'}, {'Impersonate-User': 'u', 'Impersonate-Group': 'system:masters'}, {'Impersonate-User': 'system:anonymous'}, {'Impersonate-User': 'system:serviceaccount:lives:default'},
         {'Impersonate-User': 'system:serviceaccount:x'}, {'Impersonate-Group': 'g'}, {'Impersonate-Uid': 'x'}, {'Impersonate-Extra-a': 'b'}, {'Impersonate-User': ''}, {'Impersonate-User': 'u', 'Impersonate-Uid': 'x', 'Impersonate-Extra-Scopes': 'y'},
         {'Impersonate-User': 'system:node:n', 'Impersonate-Group': 'system:nodes'}, {'Impersonate-User': 'u', 'Impersonate-Group': 'system:authenticated'}, {'Impersonate-User': 'system:kube-scheduler'}]
ASKED = [('GET', '/api/v1/namespaces/lives/pods'), ('GET', '/api/v1/namespaces/lives/pods/x'), ('GET', '/api/v1/pods'), ('GET', '/api/v1/nodes/n'), ('GET', '/api/v1/namespaces/lives/pods?watch=1&timeoutSeconds=1&resourceVersion=0'),
         ('POST', '/api/v1/namespaces/lives/pods?dryRun=All'), ('PUT', '/apis/apps/v1/namespaces/lives/deployments/x'), ('PATCH', '/apis/apps/v1/namespaces/lives/deployments/x/scale'), ('DELETE', '/api/v1/namespaces/lives/secrets/x'),
         ('DELETE', '/api/v1/namespaces/lives/secrets?labelSelector=none'), ('GET', '/api/v1/namespaces/lives'), ('GET', '/api/v1/namespaces'), ('GET', '/version'), ('GET', '/healthz'), ('GET', '/metrics'), ('GET', '/api'), ('GET', '/apis/apps/v1'),
         ('GET', '/openapi/v2'), ('GET', '/'), ('GET', '/foo'), ('POST', '/foo'), ('GET', '/apis/none/v1/x'), ('GET', '/api/v1/namespaces/lives/pods/x/log'), ('POST', '/api/v1/namespaces/lives/pods/x/exec'), ('GET', '/api/v1/namespaces/lives/none'),
         ('POST', '/api/v1/namespaces/lives/serviceaccounts/default/token'), ('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles?labelSelector=none'), ('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'),
         ('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews'), ('GET', '/.well-known/openid-configuration'), ('GET', '/api/v1/namespaces/lives/pods?fieldSelector=metadata.name%3Dx'), ('GET', '/livez?verbose')]


def asked_by(user):
    for method, path in ASKED:
        own = path in ('/metrics', '/openapi/v2', '/', '/version', '/.well-known/openid-configuration', '/api') or 'verbose' in path
        headers = {**user, **({'Content-Type': 'application/merge-patch+json'} if method == 'PATCH' else {})}
        yield {'method': method, 'path': path, 'body': None if method == 'GET' else '{}', 'headers': headers, 'compare': code_and_type if own else compare_answers}
    for accept in (PROTOBUF, YAML, TABLE, 'text/html'):
        yield {'method': 'GET', 'path': '/api/v1/namespaces/lives/pods', 'headers': {**user, 'Accept': accept}}


def nobody():
    for method, path in ASKED[::6]:
        for token in (None, 'Bearer x', 'Basic eDp5'):
            own = path in ('/metrics', '/openapi/v2', '/', '/version', '/.well-known/openid-configuration', '/api') or 'verbose' in path
            yield {'method': method, 'path': path, 'body': None if method == 'GET' else '{}', 'headers': {'Authorization': token}, 'anonymous': True, 'compare': code_and_type if own else compare_answers}


def review(kind, spec, group='authorization.k8s.io', ns=None):
    plural = kind.lower() + 's'
    place = f'namespaces/{ns}/' if ns else ''
    return post(f'/apis/{group}/v1/{place}{plural}', {'apiVersion': group + '/v1', 'kind': kind, 'spec': spec})


def reviews():
    attributes = [{}, {'verb': 'get'}, {'resource': 'pods'}, {'verb': 'get', 'resource': 'pods'}, {'verb': '*', 'resource': '*', 'group': '*'}, {'verb': 'get', 'resource': 'pods', 'namespace': 'lives', 'name': 'x', 'subresource': 'log'},
                  {'verb': 'list', 'resource': 'pods', 'labelSelector': {'rawSelector': 'a=b'}}, {'verb': 'list', 'resource': 'pods', 'labelSelector': {'rawSelector': 'a=b', 'requirements': []}},
                  {'verb': 'list', 'resource': 'pods', 'labelSelector': {}}, {'verb': 'list', 'resource': 'pods', 'fieldSelector': {'requirements': [{'key': 'a', 'operator': 'In', 'values': ['b']}]}},
                  {'verb': 'list', 'resource': 'pods', 'fieldSelector': {'requirements': [{'key': '', 'operator': 'x'}]}}]
    for given in attributes:
        yield review('SelfSubjectAccessReview', {'resourceAttributes': given})
        yield review('SubjectAccessReview', {'resourceAttributes': given, 'user': 'u', 'groups': ['g'], 'uid': 'x', 'extra': {'a': ['b']}})
        yield review('LocalSubjectAccessReview', {'resourceAttributes': given, 'user': 'u'}, ns='lives')
    for spec in ({}, {'nonResourceAttributes': {}}, {'nonResourceAttributes': {'verb': 'get', 'path': '/healthz'}}, {'nonResourceAttributes': {'verb': 'get', 'path': '/healthz'}, 'resourceAttributes': {'verb': 'get'}}):
        yield review('SelfSubjectAccessReview', spec)
        for user in ({}, {'user': 'u'}, {'groups': ['g']}, {'user': 'u', 'groups': ['system:authenticated']}, {'user': 'system:kube-scheduler'}):
            yield review('SubjectAccessReview', {**spec, **user})
            yield review('LocalSubjectAccessReview', {**spec, **user}, ns='lives')
    for ns in ('', 'lives', 'none'):
        yield {**review('SelfSubjectRulesReview', {'namespace': ns}), 'compare': same_rules}
        yield {**review('SelfSubjectRulesReview', {'namespace': ns}), 'headers': {'Impersonate-User': 'u'}, 'compare': same_rules}
        yield {**review('SelfSubjectRulesReview', {'namespace': ns}), 'headers': {'Impersonate-User': 'system:serviceaccount:kube-system:cronjob-controller'}, 'compare': same_rules}
    for spec in ({}, {'token': 'x'}, {'token': 'a.b.c'}, {'token': 'x', 'audiences': ['y']}):
        yield review('TokenReview', spec, 'authentication.k8s.io')
    yield review('SelfSubjectReview', {}, 'authentication.k8s.io')
    yield {**post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}), 'headers': {'Impersonate-User': 'u', 'Impersonate-Group': 'g', 'Impersonate-Extra-A': 'b', 'Impersonate-Uid': 'c'}}
    for accept in (TABLE, PROTOBUF, YAML):
        yield {**review('SelfSubjectAccessReview', {'resourceAttributes': {'verb': 'get', 'resource': 'pods'}}), 'headers': {'Accept': accept}}
        yield {**post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}), 'headers': {'Impersonate-User': 'u', 'Accept': accept}}
    token = '/api/v1/namespaces/lives/serviceaccounts/default/token'
    for spec in ({}, {'expirationSeconds': 5}, {'expirationSeconds': 600}, {'expirationSeconds': 1 << 33}, {'audiences': ['a', 'b']}, {'boundObjectRef': {'kind': 'Pod', 'apiVersion': 'v1', 'name': 'none'}},
                 {'boundObjectRef': {'kind': 'ConfigMap', 'apiVersion': 'v1', 'name': 'x'}}, {'boundObjectRef': {'kind': 'Secret', 'apiVersion': 'v1', 'name': 'none'}}, {'boundObjectRef': {'kind': 'Node', 'apiVersion': 'v1', 'name': 'none'}}):
        yield post(token, {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': spec}, compare=same_but_token)
        yield post(token.replace('default', 'none'), {'spec': spec})
    yield post(token, {'metadata': {'name': 'other'}, 'spec': {}}, compare=same_but_token)
    yield post(token, {'metadata': {'namespace': 'other'}, 'spec': {}}, compare=same_but_token)


def same_but_token(here, there):
    for answer in (here, there):
        tree = answer.tree
        tree = tree if isinstance(tree, dict) else {}
        if isinstance(tree.get('status'), dict) and 'token' in (tree.get('status') or {}):
            tree['status']['token'] = 'TOKEN'
            answer.data = json.dumps(tree).encode()
    return compare_answers(here, there)


def same_rules(here, there):
    """Rules come from maps: their order means nothing."""
    for answer in (here, there):
        tree = answer.tree
        for name in ('resourceRules', 'nonResourceRules'):
            if isinstance(tree.get('status'), dict):
                tree['status'][name] = sorted(tree['status'].get(name) or [], key=str)
        answer.data = json.dumps(tree).encode()
    return compare_answers(here, there)


known = Known('places')


def stories():
    yield 'discovery', discovery, ()
    yield 'documents', documents, ()
    yield 'health', health, ()
    for path in ODD:
        yield f'methods on {path[:80]}', methods, (path,)
    for user in USERS:
        yield 'asked by ' + ' '.join(user.values()), asked_by, (user,)
    yield 'asked by nobody', nobody, ()
    yield 'reviews', reviews, ()
