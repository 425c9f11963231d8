"""How things may be asked for: paging, selectors, revisions, forms of answers and of bodies, options of writes."""
import json

from every_kind import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, PARTIAL, PARTIAL_LIST, PROTOBUF, STRATEGIC_PATCH, TABLE, YAML, delete, get, patch, post, put

CM = '/api/v1/namespaces/lives/configmaps'
PODS = '/api/v1/namespaces/lives/pods'
PLACES = {'configmaps': (CM, 'ask'), 'namespaces': ('/api/v1/namespaces', 'lives'),
          'deployments': ('/apis/apps/v1/namespaces/lives/deployments', 'none'), 'nodes': ('/api/v1/nodes', 'none')}


def cm(name, **more):
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name, 'labels': {'ask': 'yes'}}, **more}


def paging():
    for i in range(5):
        yield post(CM, cm(f'page-{i}', data={'n': str(i)}))
    mine = '?labelSelector=ask%3Dyes'
    for first in ('?limit=2', mine + '&limit=2', '?limit=2&fieldSelector=metadata.name!%3Dpage-1'):
        page = yield get(CM + first)
        while page.tree.get('metadata', {}).get('continue'):
            page = yield get(CM + first + '&continue=' + page.tree['metadata']['continue'])
    page = yield get(CM + '?limit=2')
    token = page.tree['metadata']['continue']
    now = page.tree['metadata']['resourceVersion']
    for accept in (TABLE, PARTIAL_LIST, YAML, PROTOBUF):
        yield get(CM + f'?limit=2&continue={token}', accept)
    for more in ('&resourceVersion=1', '&resourceVersion=0', '&resourceVersionMatch=Exact', f'&resourceVersion={now}&resourceVersionMatch=Exact'):
        yield get(CM + f'?limit=2&continue={token}{more}')
    for bad in ('x', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIifQ', token[:-4], 'e30', '%20'):
        yield get(CM + f'?limit=2&continue={bad}')
    for query in ('', '?resourceVersion=0', f'?resourceVersion={now}', f'?resourceVersion={now}&resourceVersionMatch=Exact',
                  f'?resourceVersion={now}&resourceVersionMatch=NotOlderThan', f'?resourceVersion={now}&limit=2',
                  f'?resourceVersion={now}&limit=2&resourceVersionMatch=NotOlderThan', '?resourceVersion=0&limit=2',
                  '?resourceVersion=0&resourceVersionMatch=NotOlderThan&limit=1', '?resourceVersion=1', '?resourceVersion=-1',
                  '?resourceVersion=1.5', '?resourceVersion=&resourceVersionMatch=', '?limit=', '?limit=0', '?limit=99999999999999999999'):
        yield get(CM + query)
    got = yield get(CM + '/page-0')
    for query in ('?resourceVersion=0', '?resourceVersion=' + got.tree['metadata']['resourceVersion'], '?resourceVersion=x', '?resourceVersion=-1'):
        yield get(CM + '/page-0' + query)
    yield delete(CM + mine, {'gracePeriodSeconds': 0})


SELECTORS = ['a', '!a', 'a=b', 'a==b', 'a!=b', 'a in (b,c)', 'a notin (b)', 'a in ()', 'a in (b', 'a=b,c', ',', 'a=', '=b', 'a>1', 'a<x', 'a b', 'a in b',
             'A_b.c/d-e=f', '-a=b', 'a=-b', 'a.b/c/d=e', 'x' * 64, 'a=' + 'x' * 64, 'a=b,!a', 'a in (b,,c)', ' a = b ', 'a  in  ( b )', '!!a', 'a=b=c', '()']
FIELDS = ['metadata.name=a', 'metadata.name!=a', 'metadata.name==a', 'metadata.namespace=lives', 'metadata.name=a,metadata.namespace=x', 'a=b', 'metadata.labels=x',
          'metadata.name', 'metadata.name in (a)', '=', ',', 'metadata.name=a\\,b', 'metadata.name=\\', 'status.phase=Active', 'spec.nodeName=x', 'spec.unschedulable=true']


def escaped(text):
    return ''.join(c if c.isalnum() or c in '-._' else f'%{ord(c):02X}' for c in text)


def selecting(plural):
    collection, _ = PLACES[plural]
    for selector in SELECTORS:
        yield get(f'{collection}?limit=1&labelSelector={escaped(selector)}')
    for selector in FIELDS:
        yield get(f'{collection}?fieldSelector={escaped(selector)}&labelSelector=none')
    for selector in SELECTORS[:12] + FIELDS[5:9]:
        yield delete(f'{collection}?dryRun=All&labelSelector=none&fieldSelector={escaped(selector)}')


ACCEPTS = [None, '', '*/*', 'application/*', 'text/*', 'application/json', 'APPLICATION/JSON', 'application/json;q=0.5', 'application/json;charset=utf-8', 'application/yaml',
           'application/vnd.kubernetes.protobuf', 'text/html', 'text/html, application/json', 'text/html,*/*;q=0.1', 'application/cbor', 'application/xml', 'application/json;stream=watch',
           'application/json;as=Table', 'application/json;as=Table;g=meta.k8s.io;v=v1', 'application/json;as=Table;g=meta.k8s.io;v=v1beta1', 'application/json;as=Table;g=meta.k8s.io;v=v2',
           'application/json;as=Table;g=x;v=v1', 'application/yaml;as=Table;g=meta.k8s.io;v=v1', 'application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1',
           'application/json;as=Table;g=meta.k8s.io;v=v1,application/json', 'application/json;as=Foo;g=meta.k8s.io;v=v1,application/json', PARTIAL, PARTIAL_LIST,
           'application/yaml;as=PartialObjectMetadata;g=meta.k8s.io;v=v1', 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1', 'application/json;q=0', 'application/json;q=x',
           'application/json;pretty=1', 'application/vnd.kubernetes.protobuf,application/json', 'application/json;profile=nopeer', 'foo', ';', 'application/json;;', 'application/json, application/yaml;q=0.9',
           'application/yaml, application/json;q=0.9', 'text/yaml', 'application/json;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v=v2']


def forms(plural):
    collection, name = PLACES[plural]
    yield post(CM, cm('ask', data={'a': 'b'}))
    one = f'{collection}/{name}'
    for accept in ACCEPTS:
        for path in (one, f'{collection}?fieldSelector=metadata.name%3D{name}', f'{collection}/missing', f'{collection}?limit=x', f'{one}/nothing'):
            yield {'method': 'GET', 'path': path, 'headers': {'Accept': accept}}
        yield {'method': 'DELETE', 'path': one + '?dryRun=All', 'headers': {'Accept': accept}}
    for include in ('', 'none', 'Foo', 'Object', 'None', 'Metadata')[:0 if name == 'none' else None]:
        yield get(f'{one}?includeObject={include}', TABLE)
        yield get(f'{one}?includeObject={include}')
    for pretty in ('', '1', 'true', '0', 'false', 'x'):
        yield get(f'{one}?pretty={pretty}', compare=same_layout)
    for agent in ('curl/8', 'Wget/1', 'Mozilla/5.0 (X)', 'kubectl/v1'):
        yield {'method': 'GET', 'path': one, 'headers': {'User-Agent': agent}, 'compare': same_layout}
    yield delete(CM + '/ask')


def same_layout(here, there):
    from talk import compare_answers
    lines = compare_answers(here, there)
    a, b = (answer.data.count(b'\n') for answer in (here, there))
    return lines or ([] if (a > 3) == (b > 3) else [f'lines: here {a}, there {b}'])


TYPES = [None, '', 'application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON', 'application/yaml', 'text/yaml', 'text/plain', '*/*', 'application/*', 'application/cbor',
         'application/vnd.kubernetes.protobuf', 'application/merge-patch+json', 'application/json-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml',
         'application/apply-patch+cbor', 'application/x-www-form-urlencoded', 'foo', 'application/json,application/yaml', ';', 'application/merge-patch+json; charset=utf-8']


def bodies():
    made = cm('body', data={'a': 'b'})
    yield post(CM, made)
    one = CM + '/body'
    texts = {'json': json.dumps(made), 'yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: body\n  labels: {ask: "yes"}\ndata:\n  a: b\n', 'empty': '', 'broken': '{"a"', 'list': '[]',
             'number': '1', 'null': 'null', 'string': '"x"', 'blank': '  ', 'binary': 'k8s\0x', 'comment': '# x\n', 'two': '{"kind":"ConfigMap"}{"kind":"Pod"}', 'documents': 'kind: ConfigMap\n---\nkind: Pod\n',
             'tab': 'a:\t- b\n\t c', 'duplicate': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"body"},"data":{"a":"b","a":"c"}}', 'utf-8': '{"data":{"a":"\xff"}}'}
    for media in TYPES:
        for name, text in texts.items():
            if name in ('json', 'yaml', 'empty', 'broken', 'binary') or media in ('application/json', 'application/yaml'):
                for method, path in (('POST', CM), ('PUT', one), ('DELETE', one)):
                    if method == 'DELETE':
                        path += '-none'   # a body decides alone: that of a query would not be heard
                    yield {'method': method, 'path': path + '?dryRun=All', 'body': text, 'headers': {'Content-Type': media}, 'name': f'{method} {media} {name}'}
        yield {'method': 'PATCH', 'path': one + '?dryRun=All&fieldManager=m', 'body': texts['json'], 'headers': {'Content-Type': media}, 'name': f'PATCH {media}'}
    yield delete(one)


PATCHES = {
    JSON_PATCH: ['[]', '{}', '[{}]', 'null', '', '[{"op":"add"}]', '[{"op":"foo","path":"/data/a","value":1}]', '[{"op":"add","path":"data","value":{}}]', '[{"op":"add","path":"/data/x","value":"y"}]',
                 '[{"op":"add","path":"/data/x","value":1}]', '[{"op":"remove","path":"/data/none"}]', '[{"op":"replace","path":"/data/none","value":"x"}]', '[{"op":"test","path":"/data/a","value":"b"}]',
                 '[{"op":"test","path":"/data/a","value":"c"}]', '[{"op":"test","path":"/data/none","value":null}]', '[{"op":"move","from":"/data/a","path":"/data/b"}]', '[{"op":"copy","from":"/data/none","path":"/data/b"}]',
                 '[{"op":"add","path":"/metadata/labels/a~1b","value":"c"}]', '[{"op":"replace","path":"","value":{}}]', '[{"op":"remove","path":""}]', '[{"op":"add","path":"/none/x/y","value":1}]',
                 '[{"op":"replace","path":"/kind","value":"Pod"}]', '[{"op":"replace","path":"/metadata/name","value":"other"}]', '[{"op":"remove","path":"/metadata"}]', '[{"op":"add","path":"/metadata/finalizers/-","value":"x"}]',
                 '[{"op":"add","path":"/metadata/finalizers","value":["a/b"]},{"op":"add","path":"/metadata/finalizers/5","value":"x"}]', '[{"path":"/data/a","value":"x"}]', '[{"op":"add","path":"/data/a"}]', '[1]', '"x"'],
    MERGE_PATCH: ['{}', 'null', '', '1', '"x"', '{"data":{"x":"y"}}', '{"data":{"a":null}}', '{"data":null}', '{"data":1}', '{"data":[]}', '{"data":{"a":1}}', '{"foo":1}', '{"metadata":null}',
                  '{"metadata":{"name":"x"}}', '{"metadata":{"namespace":"x"}}', '{"metadata":{"uid":"x"}}', '{"kind":"Pod"}', '{"apiVersion":"v2"}', '{"metadata":{"resourceVersion":"1"}}',
                  '{"metadata":{"labels":{"a b":"c"}}}', '{"metadata":{"labels":{"a":1}}}', '{"metadata":{"creationTimestamp":null}}', '{"metadata":{"generation":7}}', '{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}',
                  '{"metadata":{"managedFields":[{}]}}', '{"metadata":{"managedFields":null}}', '{"metadata":{"managedFields":[{"manager":"x"}]}}', '{"immutable":true}', '{"immutable":"x"}', '{"binaryData":{"b":"!"}}', '{"data":{"a":"b"},"data":{"a":"c"}}',
                  '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"y"}]}}', '{"metadata":{"ownerReferences":[{}]}}', '{"metadata":{"annotations":{"a":null,"b":"c"}}}'],
    STRATEGIC_PATCH: ['{}', 'null', '', '[]', '1', '{"$patch":"replace","data":{"z":"1"}}', '{"$patch":"delete"}', '{"$patch":"foo"}', '{"data":{"$patch":"replace","q":"r"}}', '{"data":{"$patch":"delete"}}', '{"data":{"a":null}}',
                      '{"$retainKeys":["metadata"]}', '{"metadata":{"$deleteFromPrimitiveList/finalizers":["x"]}}', '{"metadata":{"$setElementOrder/finalizers":["x"]}}', '{"foo":1}',
                      '{"metadata":{"ownerReferences":[{"uid":"y","kind":"Pod","apiVersion":"v1","name":"n"}],"$setElementOrder/ownerReferences":[{"uid":"z"}]}}', '{"metadata":{"ownerReferences":[{"kind":"Pod"}]}}',
                      '{"metadata":{"ownerReferences":[{"$patch":"delete"}]}}', '{"metadata":{"labels":null}}'],
    APPLY_PATCH: ['{}', '', 'null', '[]', 'x', 'apiVersion: v1', 'apiVersion: v1\nkind: ConfigMap', 'apiVersion: v1\nkind: Pod\nmetadata: {name: patched}', 'apiVersion: v2\nkind: ConfigMap\nmetadata: {name: patched}',
                  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched, namespace: x}', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {a: c}',
                  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {a: 1}', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\nfoo: 1', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {b: c}',
                  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched, managedFields: []}', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched, managedFields: [{}]}', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched, resourceVersion: "1"}',
                  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched, uid: x}', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched, finalizers: [x/y, x/y]}', 'a: [', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {a: b, a: b}'],
}


def patching(media, validation):
    made = cm('patched', data={'a': 'b'})
    yield post(CM, made)
    one = CM + '/patched'
    for text in PATCHES[media]:
        manager = 'fieldManager=m&' if media == APPLY_PATCH else ''
        yield patch(f'{one}?dryRun=All&{manager}{validation}', text, media, name=f'PATCH {media} {text!r}')
        if validation == '':
            yield patch(f'{CM}/missing?dryRun=All&{manager}', text, media, name=f'PATCH missing {media} {text!r}')
    yield delete(one)


OPTIONS = ['dryRun=', 'dryRun=None', 'dryRun=All&dryRun=All', 'dryRun=All&dryRun=Foo', 'fieldManager=', 'fieldManager=a%00b', 'fieldManager=' + 'x' * 128, 'fieldManager=' + 'x' * 129, 'fieldManager=%C3%A9', 'fieldValidation=',
           'fieldValidation=strict', 'fieldValidation=Strict', 'fieldValidation=Warn', 'fieldValidation=Ignore', 'timeout=1s', 'timeout=x', 'timeout=-1s', 'timeout=0', 'force=true', 'force=x', 'pretty=true', 'foo=bar', 'gracePeriodSeconds=0',
           'gracePeriodSeconds=-1', 'gracePeriodSeconds=x', 'propagationPolicy=Orphan', 'propagationPolicy=', 'orphanDependents=true', 'orphanDependents=x', 'orphanDependents=false', 'orphanDependents=true&propagationPolicy=Orphan',
           'resourceVersion=1', 'labelSelector=a%20b', 'ignoreStoreReadErrorWithClusterBreakingPotential=true', 'ignoreStoreReadErrorWithClusterBreakingPotential=x']
DELETIONS = ['{}', '{"kind":"DeleteOptions","apiVersion":"v1"}', '{"kind":"Pod","apiVersion":"v1"}', '{"kind":"DeleteOptions","apiVersion":"v2"}', '{"gracePeriodSeconds":0}', '{"gracePeriodSeconds":-5}', '{"gracePeriodSeconds":"x"}',
             '{"propagationPolicy":"Orphan"}', '{"propagationPolicy":"Foo"}', '{"orphanDependents":true,"propagationPolicy":"Orphan"}', '{"preconditions":{}}', '{"preconditions":{"uid":"x"}}', '{"preconditions":{"uid":""}}',
             '{"preconditions":{"resourceVersion":"x"}}', '{"dryRun":["Foo"]}', '{"dryRun":"All"}', '{"dryRun":["All"]}', '{"foo":1}', '[]', '{"orphanDependents":"x"}', '{"dryRun":["All"],"propagationPolicy":"Foreground","gracePeriodSeconds":5}']


def options():
    made = cm('options', data={'a': 'b'})
    yield post(CM, made)
    one = CM + '/options'
    for option in OPTIONS:
        dry = '' if 'dryRun' in option else '&dryRun=All'
        new = cm('options-new', data={'x': 'y'})
        yield post(f'{CM}?{option}{dry}', {**new, 'foo': 1})
        if dry == '':
            yield delete(CM + '/options-new', unseen=True)
        yield put(f'{one}?{option}{dry}', {**made, 'foo': 1})
        yield patch(f'{one}?{option}{dry}', {'foo': 1})
        yield delete(f'{one}?{option}{dry or "&dryRun=All"}')
        yield delete(f'{CM}?labelSelector=none&{option}&dryRun=All')
        yield get(f'{one}?{option}')
    for body in DELETIONS:
        yield post(CM, cm('options-gone'))
        yield delete(CM + '/options-gone', body, name=f'DELETE {body}')
        yield delete(CM + '/options-gone', unseen=True)
        yield delete(CM + '?dryRun=All&labelSelector=none', body, name=f'DELETE collection {body}')
        yield delete(CM + '/missing', body, name=f'DELETE missing {body}')
        yield delete(PODS + '/missing?gracePeriodSeconds=3', body, name=f'DELETE missing pod {body}')
    yield delete(one)


WATCHES = ['resourceVersion=x', 'resourceVersion=-1', 'timeoutSeconds=x', 'allowWatchBookmarks=x&resourceVersion=x', 'sendInitialEvents=true', 'sendInitialEvents=x', 'sendInitialEvents=true&resourceVersionMatch=Exact',
           'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=x', 'resourceVersionMatch=NotOlderThan&resourceVersion=1', 'continue=x', 'labelSelector=a%20b', 'fieldSelector=a', 'limit=x']


def watching():
    yield post(CM, cm('watched', data={'a': 'b'}))
    only = 'fieldSelector=metadata.name%3Dwatched'
    for query in WATCHES:
        yield get(f'{CM}?watch=1&{query}' + ('' if 'timeoutSeconds' in query else '&timeoutSeconds=1') + ('' if 'Selector' in query else '&' + only))
    yield get(f'{CM}?watch=x&timeoutSeconds=1&resourceVersion=0&{only}', events=1)
    for accept in (YAML, PROTOBUF, TABLE, PARTIAL, 'text/html', 'application/json;stream=watch', PROTOBUF + ';stream=watch', 'application/cbor'):
        yield get(f'{CM}?watch=1&resourceVersion=0&timeoutSeconds=1&{only}', accept, events=0 if accept == PROTOBUF else 1)
    yield get(f'/api/v1/watch/namespaces/lives/configmaps?timeoutSeconds=1&{only}', events=1)
    yield get('/api/v1/watch/namespaces/lives/configmaps/watched?timeoutSeconds=1', events=1)
    yield get(CM + '/watched?watch=1&timeoutSeconds=1', events=1)
    yield delete(CM + '/watched')


known = [
    ('', r'here 4\d\d, there 500', 'the original answers 500 for mistakes of clients'),
    ('', r'only (here|there): "BadRequest"|resourceVersion: Invalid value|must be a resource version', 'the same mistakes, in other words'),
    ('paging', r'resourceVersion=0|limit=0|limit=$|continue=(x|e30|%20|eyJ2)|limit=(9| \|\|)', 'a limit counts for any revision here; tokens that never were tokens; limits that are no numbers'),
    ('selecting', r'fieldSelector=%3D', 'a selector of nothing'),
    ('selecting', r'managedFields', 'namespaces of the beginning have no managers here'),
    ('forms', r'as=PartialObjectMetadata(List)?;|v1beta1|Content-Type: here|yaml;as=|message only there', 'old versions of tables; refusals of YAML tables come as JSON there'),
    ('patching', r'strict decoding YAML|handlers.jsonPatchOp|error decoding patch|cannot restore|duplicate field|could not find|typed patch object|does not match the name|"data":\{"a":"c"|uid: x|finalizers',
     'refusals of what no client sends'),
    ('options', r'orphanDependents=x|a%00b|unmarshal array|"uid":""|DELETE \[\]', 'refusals of what no client sends'),
    ('bodies', r'DELETE|protobuf (json|yaml|empty|broken|binary)|application/yaml (broken|list|number|string|binary|two|documents|tab|duplicate)|x-www|utf-8', 'refusals of bodies that are none'),
    ('watching', r'sendInitialEvents=true|resourceVersion=0|continue=|cbor|resourceVersion=1&', 'bookmarks before the end; order of refusals'),
]


def stories():
    yield 'paging', paging, ()
    for plural in PLACES:
        yield f'selecting {plural}', selecting, (plural,)
        yield f'forms of {plural}', forms, (plural,)
    yield 'bodies', bodies, ()
    for media in PATCHES:
        for validation in ('', 'fieldValidation=Strict', 'fieldValidation=Ignore'):
            yield f'patching {media} {validation}', patching, (media, validation)
    yield 'options', options, ()
    yield 'watching', watching, ()
