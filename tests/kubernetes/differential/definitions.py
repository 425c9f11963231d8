"""Custom resources: definitions good and bad, defaults, pruning, validation, versions, subresources, columns, names in conflict."""
import copy

from every_kind import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, PARTIAL, PROTOBUF, STRATEGIC_PATCH, TABLE, YAML, delete, get, patch, post, put
from talk import compare_answers

CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'


def definition(plural, kind, versions, **spec):
    return {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': f'{plural}.defs.example'},
            'spec': {'group': 'defs.example', 'scope': 'Namespaced', 'names': {'plural': plural, 'kind': kind}, 'versions': versions, **spec}}


def version(schema, name='v1', **more):
    return {'name': name, 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}, **more}


def thing(**properties):
    return {'type': 'object', 'properties': {'spec': {'type': 'object', 'properties': properties}, 'status': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}}}


anything = {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}


def changed(tree, path, value):
    tree = copy.deepcopy(tree)
    at = tree
    for step in path[:-1]:
        at = at[step]
    if value is None:
        at.pop(path[-1], None)
    else:
        at[path[-1]] = value
    return tree


V = ('spec', 'versions', 0)
SCHEMA = V + ('schema', 'openAPIV3Schema')
FIELD = SCHEMA + ('properties', 'spec', 'properties', 'a')
bad = [
    (('metadata', 'name'), 'wrong.defs.example'), (('metadata', 'name'), 'x'), (('spec', 'group'), ''), (('spec', 'group'), 'nodot'), (('spec', 'group'), 'Upper.example'), (('spec', 'scope'), 'Other'), (('spec', 'scope'), None),
    (('spec', 'names', 'plural'), 'Upper'), (('spec', 'names', 'plural'), None), (('spec', 'names', 'kind'), ''), (('spec', 'names', 'kind'), '1x'), (('spec', 'names', 'singular'), 'A b'), (('spec', 'names', 'shortNames'), ['A', 'ok']),
    (('spec', 'names', 'categories'), ['All', 'x']), (('spec', 'names', 'listKind'), 'Other'), (('spec', 'names', 'listKind'), 'Bad'), (('spec', 'versions'), []), (('spec', 'versions'), None), (V + ('name',), ''), (V + ('name',), 'V1'), (V + ('storage',), False),
    (V + ('served',), False), (V + ('schema',), None), (V + ('schema',), {}), (SCHEMA, {}), (SCHEMA + ('type',), 'string'), (SCHEMA + ('type',), None), (V + ('deprecationWarning',), 'x'), (V + ('deprecated',), True),
    (V + ('subresources',), {'status': {}}), (V + ('subresources',), {'scale': {}}), (V + ('subresources',), {'scale': {'specReplicasPath': '.spec.a', 'statusReplicasPath': '.status.a'}}),
    (V + ('subresources',), {'scale': {'specReplicasPath': '.a', 'statusReplicasPath': 'x', 'labelSelectorPath': '.x[0]'}}),
    (V + ('additionalPrinterColumns',), [{'name': 'A', 'type': 'string', 'jsonPath': '.spec.a'}]), (V + ('additionalPrinterColumns',), [{'name': 'A', 'type': 'x', 'jsonPath': '.spec.a'}]),
    (V + ('additionalPrinterColumns',), [{'name': '', 'type': '', 'jsonPath': ''}]), (V + ('additionalPrinterColumns',), [{'name': 'A', 'type': 'string', 'format': 'x', 'jsonPath': '.spec[', 'priority': -1}]),
    (V + ('selectableFields',), [{'jsonPath': '.spec.a'}]), (V + ('selectableFields',), [{'jsonPath': '.spec.none'}]), (V + ('selectableFields',), [{'jsonPath': 'x'}]), (V + ('selectableFields',), [{'jsonPath': '.metadata.name'}]),
    (V + ('selectableFields',), [{'jsonPath': '.spec.a'}] * 2), (V + ('selectableFields',), [{'jsonPath': '.spec.a'}] * 9), (('spec', 'preserveUnknownFields'), True), (('spec', 'preserveUnknownFields'), False), (('spec', 'conversion'), {'strategy': 'None'}),
    (('spec', 'conversion'), {'strategy': 'Webhook'}), (('spec', 'conversion'), {'strategy': 'x'}), (('spec', 'conversion'), {'strategy': 'None', 'webhook': {'conversionReviewVersions': ['v1']}}),
    (FIELD, {}), (FIELD, {'type': 'x'}), (FIELD, {'type': 'array'}), (FIELD, {'type': 'array', 'items': {}}), (FIELD, {'type': 'object', 'additionalProperties': True}), (FIELD, {'type': 'object', 'additionalProperties': False}),
    (FIELD, {'type': 'object', 'additionalProperties': {'type': 'string'}, 'properties': {'b': {'type': 'string'}}}), (FIELD, {'type': 'string', 'default': 5}), (FIELD, {'type': 'string', 'default': 'x'}), (FIELD, {'type': 'string', 'enum': []}),
    (FIELD, {'type': 'string', 'enum': ['a', 'a']}), (FIELD, {'type': 'string', 'pattern': '('}), (FIELD, {'type': 'string', 'pattern': '^a$', 'default': 'b'}), (FIELD, {'type': 'string', 'format': 'date-time', 'default': 'x'}), (FIELD, {'type': 'string', 'format': 'unknown'}),
    (FIELD, {'type': 'string', 'nullable': True, 'default': None}), (FIELD, {'type': 'integer', 'minimum': 5, 'maximum': 1}), (FIELD, {'type': 'integer', 'multipleOf': 0}), (FIELD, {'type': 'string', 'minLength': -1, 'maxLength': -2}), (FIELD, {'type': 'string', '$ref': '#/x'}),
    (FIELD, {'type': 'string', 'uniqueItems': True}), (FIELD, {'type': 'array', 'items': {'type': 'string'}, 'uniqueItems': True}), (FIELD, {'allOf': [{'type': 'string'}]}), (FIELD, {'type': 'object', 'allOf': [{'properties': {'x': {'type': 'string'}}}]}),
    (FIELD, {'type': 'object', 'required': ['x'], 'properties': {}}), (FIELD, {'x-kubernetes-int-or-string': True}), (FIELD, {'x-kubernetes-int-or-string': True, 'type': 'string'}), (FIELD, {'x-kubernetes-preserve-unknown-fields': True}),
    (FIELD, {'type': 'string', 'x-kubernetes-preserve-unknown-fields': True}), (FIELD, {'type': 'object', 'x-kubernetes-preserve-unknown-fields': False}), (FIELD, {'type': 'object', 'x-kubernetes-embedded-resource': True}),
    (FIELD, {'type': 'object', 'x-kubernetes-embedded-resource': True, 'x-kubernetes-preserve-unknown-fields': True}), (FIELD, {'type': 'array', 'items': {'type': 'object'}, 'x-kubernetes-list-type': 'map'}),
    (FIELD, {'type': 'array', 'items': {'type': 'object', 'properties': {'k': {'type': 'string'}}}, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k']}),
    (FIELD, {'type': 'array', 'items': {'type': 'object', 'required': ['k'], 'properties': {'k': {'type': 'string'}}}, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k']}),
    (FIELD, {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'set'}), (FIELD, {'type': 'array', 'items': {'type': 'object'}, 'x-kubernetes-list-type': 'set'}), (FIELD, {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'x'}),
    (FIELD, {'type': 'object', 'x-kubernetes-map-type': 'x'}), (FIELD, {'type': 'string', 'x-kubernetes-map-type': 'atomic'}), (FIELD, {'type': 'string', 'not': {'type': 'string'}}), (FIELD, {'type': 'string', 'anyOf': [{'pattern': 'x'}, {'format': 'y'}]}),
    (FIELD, {'type': 'string', 'anyOf': [{'description': 'x'}]}), (SCHEMA + ('properties', 'metadata'), {'type': 'object', 'properties': {'name': {'type': 'string', 'pattern': 'a'}}}), (SCHEMA + ('properties', 'metadata'), {'type': 'object', 'properties': {'labels': {'type': 'object'}}}),
    (SCHEMA + ('properties', 'metadata'), {'type': 'string'}), (SCHEMA + ('properties', 'apiVersion'), {'type': 'integer'}), (SCHEMA + ('properties', 'kind'), {'type': 'string', 'enum': ['x']}), (('spec', 'unknown'), 1), (('metadata', 'annotations'), {'api-approved.kubernetes.io': 'x'}),
    (('spec', 'group'), 'x.k8s.io'), (FIELD, {'type': 'array', 'items': [{'type': 'string'}]}), (FIELD, {'type': 'object', 'patternProperties': {'x': {'type': 'string'}}}), (FIELD, {'type': 'string', 'example': 1, 'externalDocs': {'url': 'x'}}), (FIELD, {'type': ['string', 'null']}),
]


def faults():
    good = definition('bads', 'Bad', [version(thing(a={'type': 'string'}))])
    yield post(CRDS + '?dryRun=All', good)
    for path, value in bad:
        body = changed(good, path, value)
        if path == ('spec', 'group') and value:
            body['metadata']['name'] = 'bads.' + value
        yield post(CRDS + '?dryRun=All', body, name=f'{path} = {value}', compare=same_refusal)
    two = changed(good, ('spec', 'versions'), [version(anything), version(anything, 'v1')])
    yield post(CRDS + '?dryRun=All', two, name='two of a name')
    yield post(CRDS + '?dryRun=All', changed(two, ('spec', 'versions', 1, 'name'), 'v2'), name='two stored')
    yield post(CRDS + '?dryRun=All', changed(changed(two, ('spec', 'versions', 1, 'name'), 'v2'), ('spec', 'versions', 1, 'storage'), False), name='two versions')


def same_refusal(here, there):
    """What is let in is the same but for what loops write to it."""
    lines = compare_answers(here, there)
    return [line for line in lines if 'managedFields' not in line]


full = {
    'text': {'type': 'string', 'minLength': 2, 'maxLength': 5, 'pattern': '^[a-z]+$'}, 'count': {'type': 'integer', 'minimum': 1, 'maximum': 9, 'default': 3}, 'ratio': {'type': 'number', 'exclusiveMinimum': True, 'minimum': 0, 'multipleOf': 0.5},
    'flag': {'type': 'boolean', 'default': False}, 'word': {'type': 'string', 'enum': ['a', 'b', '']}, 'when': {'type': 'string', 'format': 'date-time'}, 'either': {'x-kubernetes-int-or-string': True}, 'none': {'type': 'string', 'nullable': True},
    'list': {'type': 'array', 'items': {'type': 'string'}, 'minItems': 1, 'maxItems': 2}, 'set': {'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'set'},
    'keyed': {'type': 'array', 'items': {'type': 'object', 'required': ['k'], 'properties': {'k': {'type': 'string'}, 'v': {'type': 'integer', 'default': 1}}}, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k']},
    'map': {'type': 'object', 'additionalProperties': {'type': 'integer'}, 'maxProperties': 2}, 'inner': {'type': 'object', 'required': ['a'], 'properties': {'a': {'type': 'string'}, 'b': {'type': 'string', 'default': 'z'}}},
    'free': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}, 'embedded': {'type': 'object', 'x-kubernetes-embedded-resource': True, 'x-kubernetes-preserve-unknown-fields': True}, 'one': {'oneOf': [{'required': ['x']}, {'required': ['y']}], 'type': 'object',
                                                                                                                                                                        'properties': {'x': {'type': 'string'}, 'y': {'type': 'string'}}},
    'deep': {'type': 'object', 'default': {}, 'properties': {'d': {'type': 'string', 'default': 'e'}}}, 'bytes': {'type': 'string', 'format': 'byte'}, 'ip': {'type': 'string', 'format': 'ipv4'}, 'small': {'type': 'integer', 'format': 'int32'},
    'not': {'type': 'string', 'not': {'enum': ['bad']}}, 'replicas': {'type': 'integer'},
}
specs = [{}, {'text': 'ab'}, {'text': 'a'}, {'text': 'abcdef'}, {'text': 'AB'}, {'text': 5}, {'text': None}, {'count': 0}, {'count': 10}, {'count': 1.5}, {'count': '1'}, {'count': None}, {'count': 2.0}, {'ratio': 0}, {'ratio': 0.25}, {'ratio': 1}, {'flag': 'true'}, {'flag': None},
         {'word': 'c'}, {'word': ''}, {'when': 'x'}, {'when': '2026-01-01T00:00:00Z'}, {'either': 1}, {'either': 'x'}, {'either': True}, {'either': 1.5}, {'none': None}, {'none': 'x'}, {'list': []}, {'list': ['a', 'b', 'c']}, {'list': [1]}, {'list': 'a'}, {'list': [None]},
         {'set': ['a', 'a']}, {'keyed': [{'k': 'a'}, {'k': 'a'}]}, {'keyed': [{}]}, {'keyed': [{'k': 'a', 'x': 1}]}, {'map': {'a': 1, 'b': 2, 'c': 3}}, {'map': {'a': 'x'}}, {'map': {'a': None}}, {'inner': {}}, {'inner': {'a': 'x'}}, {'inner': None}, {'inner': {'a': None}}, {'free': {'x': {'y': [1, None]}}},
         {'free': 'x'}, {'embedded': {}}, {'embedded': {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'x', 'foo': 1}, 'spec': {'a': 1}}}, {'embedded': {'apiVersion': 1, 'kind': 'Pod'}}, {'one': {}}, {'one': {'x': '1'}}, {'one': {'x': '1', 'y': '2'}}, {'deep': {'d': 'x'}}, {'deep': None},
         {'bytes': '!'}, {'bytes': 'YQ=='}, {'ip': 'x'}, {'ip': '10.0.0.1'}, {'small': 1 << 40}, {'not': 'bad'}, {'unknown': 1}, {'unknown': {'a': 1}, 'text': 'ab'}, 'x', 5, [], None]


def custom(name, spec, kind='Full', **more):
    return {'apiVersion': 'defs.example/v1', 'kind': kind, 'metadata': {'name': name}, 'spec': spec, **more}


FULL = '/apis/defs.example/v1/namespaces/lives/fulls'


def until_served(path):
    yield get(path, unseen=True, until=lambda answer: answer.code == 200)


def has_conditions(answer):
    return len((answer.tree.get('status') or {}).get('conditions') or []) >= 2


def resources():
    body = definition('fulls', 'Full', [version(thing(**full), subresources={'status': {}, 'scale': {'specReplicasPath': '.spec.replicas', 'statusReplicasPath': '.status.replicas', 'labelSelectorPath': '.status.selector'}},
                                                additionalPrinterColumns=[{'name': 'Text', 'type': 'string', 'jsonPath': '.spec.text'}, {'name': 'Count', 'type': 'integer', 'jsonPath': '.spec.count', 'priority': 1, 'description': 'how many'},
                                                                          {'name': 'Age', 'type': 'date', 'jsonPath': '.metadata.creationTimestamp'}, {'name': 'List', 'type': 'string', 'jsonPath': '.spec.list'}, {'name': 'Flag', 'type': 'boolean', 'jsonPath': '.spec.flag'}])],
                      names={'plural': 'fulls', 'kind': 'Full', 'shortNames': ['fu'], 'categories': ['all']})
    yield post(CRDS, body, unseen=True)
    yield from until_served(FULL)
    yield get('/apis/defs.example/v1')
    yield get('/apis/defs.example')
    for spec in specs:
        for validation in ('', '&fieldValidation=Strict'):
            yield post(f'{FULL}?dryRun=All{validation}', custom('x', spec), name=f'spec = {spec} {validation}')
    for more in ({'metadata': {}}, {'metadata': {'name': 'A'}}, {'metadata': {'name': 'x', 'foo': 1}}, {'metadata': {'name': 'x', 'labels': {'a': 1}}}, {'metadata': {'name': 'x', 'labels': {'a b': 'c'}}}, {'metadata': 'x'}, {'metadata': {'generateName': 'generated-'}}, {'kind': 'Other'}, {'kind': None},
                 {'apiVersion': 'defs.example/v2'}, {'apiVersion': None}, {'apiVersion': 'v1'}, {'status': {'replicas': 3}}, {'other': 1}, {'metadata': {'name': 'x', 'namespace': 'other'}}, {'metadata': {'name': 'x', 'resourceVersion': '1'}},
                 {'metadata': {'name': 'x', 'finalizers': ['a']}}, {'metadata': {'name': 'x', 'creationTimestamp': 'x'}}):
        for validation in ('', '&fieldValidation=Strict'):
            yield post(f'{FULL}?dryRun=All{validation}', {key: value for key, value in {**custom('x', {'text': 'ab'}), **more}.items() if value is not None}, name=f'{more} {validation}')
    yield from life_of_one()


def life_of_one():
    one = FULL + '/one'
    yield post(FULL, custom('one', {'text': 'ab', 'list': ['a'], 'keyed': [{'k': 'a'}], 'replicas': 2}))
    for accept in (None, YAML, TABLE, PARTIAL, PROTOBUF, 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1', PROTOBUF + ';as=PartialObjectMetadata;g=meta.k8s.io;v=v1', 'text/html'):
        yield get(one, accept)
        yield get(FULL + '?limit=5', accept if accept != PARTIAL else 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io')
    yield get(one + '?pretty=true')
    got = yield get(one)
    yield put(one, custom('one', {'text': 'cd'}))
    yield put(one, {**got.tree, 'spec': {'text': 'cd'}, 'status': {'replicas': 9}})
    yield put(one, {**got.tree, 'spec': {'text': 'ef'}})
    for media, text in ((MERGE_PATCH, {'spec': {'text': 'gh', 'list': None}}), (JSON_PATCH, [{'op': 'add', 'path': '/spec/list', 'value': ['x']}]), (STRATEGIC_PATCH, {'spec': {}}), (MERGE_PATCH, {'spec': {'text': 'TOO BAD'}}), (MERGE_PATCH, {'spec': {'unknown': 1}}),
                        (MERGE_PATCH, {'apiVersion': 'x/v1'}), (MERGE_PATCH, {'metadata': {'name': 'two'}}), (MERGE_PATCH, {'metadata': {'labels': {'a': None, 'b': 'c'}}}), (MERGE_PATCH, {'status': {'replicas': 1}})):
        yield patch(one, text, media)
        yield patch(one + '?fieldValidation=Strict&dryRun=All', text, media)
    for applied in ({'spec': {'keyed': [{'k': 'b', 'v': 2}], 'set': ['s']}}, {'spec': {'keyed': [{'k': 'c'}], 'text': 'zz'}}, {'spec': {}}, {'spec': {'unknown': 1}}, {'spec': {'count': 'x'}}):
        yield patch(one + '?fieldManager=m', {'apiVersion': 'defs.example/v1', 'kind': 'Full', 'metadata': {'name': 'one'}, **applied}, APPLY_PATCH)
    yield patch(one + '?fieldManager=m&force=true', {'apiVersion': 'defs.example/v1', 'kind': 'Full', 'metadata': {'name': 'one'}, 'spec': {'text': 'zz'}}, APPLY_PATCH)
    yield patch(one + '/status', {'status': {'replicas': 3, 'selector': 'a=b'}, 'spec': {'text': 'no'}, 'metadata': {'labels': {'s': 't'}}})
    yield patch(one + '/status?fieldManager=st&force=true', {'apiVersion': 'defs.example/v1', 'kind': 'Full', 'metadata': {'name': 'one', 'labels': {'s': 'u'}},
                                                             'spec': {'text': 'no'}, 'status': {'replicas': 4}}, APPLY_PATCH)
    yield get(one + '/status')
    yield get(one + '/scale')
    yield patch(one + '/scale', {'spec': {'replicas': 5}})
    yield patch(one + '/scale', {'spec': {'replicas': -1}})
    yield patch(one + '/scale', {'spec': {'replicas': 'x'}})
    yield put(one + '/scale', {'apiVersion': 'autoscaling/v1', 'kind': 'Scale', 'metadata': {'name': 'one', 'namespace': 'lives'}, 'spec': {'replicas': 1}})
    yield get(one)
    yield get(FULL + '?labelSelector=b%3Dc')
    yield get(FULL + '?fieldSelector=spec.text%3Dzz')
    yield get(FULL + '/none')
    yield delete(one + '?dryRun=All')
    yield delete(one, {'propagationPolicy': 'Background'})
    yield delete(one)
    yield delete(FULL)


def versions():
    deprecated = version(thing(a={'type': 'string', 'default': 'old'}), 'v1alpha1', storage=False, deprecated=True)
    second = version(thing(a={'type': 'string', 'default': 'new'}, b={'type': 'integer'}), 'v2', storage=False, additionalPrinterColumns=[{'name': 'B', 'type': 'integer', 'jsonPath': '.spec.b'}])
    hidden = version(anything, 'v3', storage=False, served=False)
    warned = version(thing(a={'type': 'string'}), 'v1beta1', storage=False, deprecated=True, deprecationWarning='go on to "v1"')
    body = definition('manies', 'Many', [version(thing(a={'type': 'string'})), second, hidden, deprecated, warned], scope='Cluster')
    yield post(CRDS, body, unseen=True)
    base = '/apis/defs.example/'
    yield from until_served(base + 'v1/manies')
    yield get('/apis/defs.example')
    for name in ('v1', 'v2', 'v3', 'v1alpha1', 'v1beta1'):
        yield get(base + name)
        yield post(f'{base}{name}/manies', {'apiVersion': 'defs.example/' + name, 'kind': 'Many', 'metadata': {'name': 'm-' + name}, 'spec': {'b': 1}})
    for name in ('v1', 'v2', 'v3', 'v1alpha1', 'v1beta1'):
        yield get(f'{base}{name}/manies')
        yield get(f'{base}{name}/manies/m-v1')
        yield get(f'{base}{name}/manies', TABLE)
        yield patch(f'{base}{name}/manies/m-v1', {'spec': {'a': name}})
        yield patch(f'{base}{name}/manies/m-v1?fieldManager=f-{name}&force=true', {'apiVersion': 'defs.example/' + name, 'kind': 'Many', 'metadata': {'name': 'm-v1'}, 'spec': {'a': name + '!'}}, APPLY_PATCH)
        yield get(f'{base}{name}/manies?watch=1&resourceVersion=0&timeoutSeconds=5', events=2)
    yield delete(base + 'v2/manies')


def conflicts():
    """Names that others have: conditions tell."""
    yield post(CRDS, definition('firsts', 'First', [version(anything)], names={'plural': 'firsts', 'kind': 'First', 'shortNames': ['fst'], 'singular': 'first'}), unseen=True)
    yield from until_served('/apis/defs.example/v1/firsts')
    for plural, names in (('seconds', {'kind': 'First', 'listKind': 'SecondList'}), ('thirds', {'kind': 'Third', 'shortNames': ['fst']}), ('fourths', {'kind': 'Fourth', 'singular': 'first'}), ('fifths', {'kind': 'Fifth', 'listKind': 'FirstList'})):
        yield post(CRDS, definition(plural, names['kind'], [version(anything)], names={'plural': plural, **names}), unseen=True)
        yield get(f'{CRDS}/{plural}.defs.example', until=has_conditions, compare=same_refusal)
        yield get(f'/apis/defs.example/v1/{plural}')
    yield get('/apis/defs.example/v1')


known = [
    ('faults', r"'a'\) = |spec', 'versions', 0, 'name'|selectableFields|two ", 'what a schema says of single fields is judged in part'),
    ('conflict', r'acceptedNames|conditions|nosniff|text/plain|could not find', 'which names are accepted beside one in conflict'),
    ('custom', r'ratio|embedded|accessor error|metadata|kind|apiVersion|other|Accept=|/scale|failed to create typed|code: here 422, there 500|resourceVersion', 'refusals of the odd'),
    ('custom', r'only (here|there): ("x"|"one"|"BadRequest")|here 400, there 500|details', 'the group of a refusal; 500 for mistakes of clients'),
    ('conflict', r'resources', 'follows the story before'),
]


def stories():
    yield 'definitions with faults', faults, ()
    yield 'custom resources', resources, ()
    yield 'versions of a custom resource', versions, ()
    yield 'definitions with names in conflict', conflicts, ()
