"""Fields of every kind: each set to something plausible, to something of a wrong type, to something odd, one at a time, on a small
good object. The fields are read from schema/; a seed chooses which are tried when not all are."""
import copy
import os
import random

from every_kind import kinds, later, path_of, post
from known import Known
from talk import compare_answers

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
scalars = {'s': 'text', 'string': 'text', 'i': 'int', 'l': 'int', 'd': 'number', 'b': 'bool', 'B': 'bytes', 'q': 'quantity', 'Q': 'quantity', 't': 'time', 'mt': 'time'}


class Field:
    def __init__(self, package, line):
        self.name, _, shape, *rest = line.split()
        self.many, self.map = shape.startswith('*'), shape.startswith('%')
        shape = shape.lstrip('*%')
        self.type = None
        self.kind = shape
        if shape.startswith('@'):
            self.type = shape[1:] if '/' in shape else f'{package}.{shape[1:]}'
        self.values = next(([v for v in part[2:].split('|') if v != '*'] for part in rest if part.startswith('E=')), [])
        self.needed = '!' in rest


def read_types():
    types, current = {}, None
    with open(os.path.join(root, 'schema', 'kubernetes', 'types.txt')) as lines:
        for line in lines:
            if line.startswith('T '):
                name = line.split()[1]
                package, current = name.rsplit('.', 1)[0], types.setdefault(name, [])
            elif line.strip() and line[0] != '#' and current is not None:
                current.append(Field(package, line))
    return types


types = read_types()


def plausible(field, depth=0):
    """A value of a field that might be right."""
    if field.map:
        return {'example.com/a': one(field, depth)}
    return [one(field, depth)] if field.many else one(field, depth)


def one(field, depth):
    if field.type in types:
        return {f.name: plausible(f, depth + 1) for f in types[field.type] if f.needed and depth < 4}
    if field.values:
        return field.values[0]
    kind = field.kind
    if kind in ('s', 'string'):
        names = {'path': '/a', 'mountPath': '/a', 'key': 'a', 'operator': 'Exists', 'host': 'a.example', 'ip': '10.0.0.1', 'cidr': '10.0.0.0/8', 'apiVersion': 'v1', 'time': '2026-01-01T00:00:00Z'}
        return names.get(field.name, 'a')
    return {'i': 1, 'l': 1, 'd': 1.5, 'b': True, 'B': 'YQ=='}.get(kind, {'quantity': '1', 'time': '2026-01-01T00:00:00Z', 'microtime': '2026-01-01T00:00:00.000000Z', 'duration': '1s', 'intorstr': 1}.get(kind, 'a'))


def odd(field):
    """Values of wrong types, and odd ones of the right."""
    if field.many:
        yield from ({}, 'a', [None], [])
    elif field.map:
        yield from ([], 'a', {'a': None}, {'': 'b'})
    elif field.type in types:
        yield from ('a', 5, [], {'unknown': 1}, None)
    elif field.kind in ('s', 'string'):
        yield from (5, True, {}, [], '', 'A b', 'x' * 300, None)
    elif field.kind in ('i', 'l'):
        yield from ('a', '1', 1.5, True, -1, 0, 1 << 40, None)
    elif field.kind == 'b':
        yield from ('true', 1, 'a', None)
    else:
        yield from ('a', -1, {}, [], None, True)


def places(type_name, base, path=(), depth=0):
    """(path, field) of every field under a type, where the object has something or could have."""
    for field in types.get(type_name, ()):
        here = path + (field.name,)
        if path == () and field.name == 'metadata' or path == () and field.name == 'status':
            continue
        yield here, field
        if field.type in types and depth < 7 and field.type not in ('meta/v1.ObjectMeta', 'apiextensions.k8s.io/v1.JSONSchemaProps') and not field.map:
            yield from places(field.type, base, here + ((0,) if field.many else ()), depth + 1)


def with_value(base, path, value, type_name):
    """The object with one value more; what is missing on the way is made up."""
    tree = copy.deepcopy(base)
    at, fields = tree, types[type_name]
    for step, following in zip(path, path[1:] + (None,)):
        if following is None:
            at[step] = value
            return tree
        if isinstance(step, int):
            at = at[step]
            continue
        field = next(f for f in fields if f.name == step)
        if not at.get(step):
            at[step] = plausible(field)
        fields = types.get(field.type, [])
        at = at[step]
    return tree


def cases_of(type_name, base):
    """Every case of a kind: (path, value)."""
    for path, field in places(type_name, base):
        yield path, plausible(field)
        for value in field.values[1:]:
            yield path, value
        for value in odd(field):
            yield path, value


def some(cases, count, seed):
    cases = list(cases)
    return cases if len(cases) <= count else [cases[i] for i in sorted(random.Random(seed).sample(range(len(cases)), count))]


def compare_fields(here, there):
    """Whether one lets in what the other refuses; what is let in, and what is said of a wrong type. What validation says of kinds
    beyond ordinary work is a matter of its own."""
    lines = compare_answers(here, there)
    refused = here.code == there.code == 422
    return [] if refused else [line for line in lines if 'data.f:' not in line]


def type_of(version, kind):
    return f'core/v1.{kind}' if version == 'v1' else f'{version}.{kind}'


def fields(version, kind, plural, namespaced, good, count):
    place = path_of(version, plural, namespaced) + '?dryRun=All'
    good = copy.deepcopy(good)
    if good['metadata']['name'] == 'life':   # what other stories leave behind has that name
        good['metadata']['name'] = 'field'
    if kind == 'Service':
        good['spec']['clusterIP'] = '10.96.202.1'
    for path, value in some(cases_of(type_of(version, kind), good), count, f'{version} {kind}'):
        try:
            body = with_value(good, path, value, type_of(version, kind))
        except (TypeError, KeyError, IndexError, AttributeError):
            continue
        shown = '.'.join(map(str, path))
        yield post(place, body, name=f'{shown} = {str(value)[:60]!r}', compare=compare_fields)


# How many of each kind: those of ordinary work more.
ordinary = {'Pod': 3, 'Deployment': 2, 'Service': 3, 'ConfigMap': 2, 'Secret': 2, 'Job': 2, 'Ingress': 2, 'StatefulSet': 2, 'DaemonSet': 1, 'CronJob': 2, 'PersistentVolumeClaim': 3, 'Namespace': 2, 'Role': 2, 'RoleBinding': 2,
            'ClusterRole': 2, 'ClusterRoleBinding': 2, 'HorizontalPodAutoscaler': 2, 'NetworkPolicy': 2, 'ServiceAccount': 2, 'PodDisruptionBudget': 2, 'ReplicaSet': 1}
share = int(os.environ.get('KANAME_DIFFERENTIAL_FIELDS', '12'))

known = Known('fields')


def stories():
    for version, kind, plural, namespaced, good in kinds():
        if kind not in later and kind != 'CustomResourceDefinition':
            yield f'fields of {version} {kind}', fields, (version, kind, plural, namespaced, good, share * ordinary.get(kind, 1))
