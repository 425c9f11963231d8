"""Asks two servers the same and tells where their answers differ."""
import copy
import json
import re

# What no two servers can agree on.
own = ('uid', 'resourceVersion', 'creationTimestamp', 'managedFields', 'selfLink')


def set_at(tree, path, value):
    """Sets (or, for None, removes) what stands at a path: names with dots, [n] for items, "..." around names with dots."""
    steps = [a or b or int(c) for a, b, c in re.findall(r'"([^"]+)"|([^.\[\]"]+)|\[(\d+)\]', path)]
    for step, following in zip(steps, steps[1:]):
        if isinstance(tree, dict):
            tree = tree.setdefault(step, [] if isinstance(following, int) else {})
        else:
            while len(tree) <= step:
                tree.append({})
            tree = tree[step]
    if value is None and isinstance(tree, dict):
        tree.pop(steps[-1], None)
    elif isinstance(tree, list) and steps[-1] == len(tree):
        tree.append(value)
    else:
        tree[steps[-1]] = value
    return tree


def changed(base, changes):
    tree = copy.deepcopy(base)
    for path, value in changes.items():
        set_at(tree, path, copy.deepcopy(value))
    return tree


def scrub(tree):
    """Takes out what differs by nature: identities, times, generated names."""
    if isinstance(tree, dict):
        for name in ('metadata', 'jobTemplate'):
            if isinstance(tree.get(name), dict):
                for member in own:
                    tree[name].pop(member, None)
        for name, value in list(tree.items()):
            if name in ('lastPhaseTransitionTime', 'lastTransitionTime', 'lastUpdateTime', 'lastProbeTime'):
                tree[name] = 'TIME'
            else:
                tree[name] = scrub(value)
        return tree
    if isinstance(tree, list):
        return [scrub(item) for item in tree]
    if isinstance(tree, str):
        tree = re.sub(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'UID', tree)
        return re.sub(r'kube-api-access-\w{5}', 'kube-api-access-XXXXX', tree)
    return tree


def first_line(text):
    """Differences of Go values that follow some messages are not compared, nor structures that are shown before others."""
    return re.sub(r'Invalid value: \{.*\}: field is immutable', 'Invalid value: {...}: field is immutable', text.split('\n')[0])


def causes(status):
    return sorted((c.get('reason', ''), c.get('field', ''), first_line(c.get('message', '')))
                  for c in (status.get('details') or {}).get('causes') or [])


def answer(server, case):
    headers = {name: value for name, value in case.get('headers', {}).items()}
    status, got, data = server.request(case['method'], case['path'], case.get('body'), headers)
    try:
        tree = scrub(json.loads(data))
    except ValueError:
        tree = data.decode(errors='replace')
    return status, tree, sorted(got.get_all('Warning') or [])


def difference(one, other, path=''):
    """Lines that say where two trees differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        lines = []
        for name in sorted(set(one) | set(other)):
            if name not in one:
                lines.append(f'{path}.{name}: only there: {json.dumps(other[name])[:200]}')
            elif name not in other:
                lines.append(f'{path}.{name}: only here: {json.dumps(one[name])[:200]}')
            else:
                lines += difference(one[name], other[name], f'{path}.{name}')
        return lines
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for i, (a, b) in enumerate(zip(one, other)) for line in difference(a, b, f'{path}[{i}]')]
    return [] if one == other else [f'{path}: here {json.dumps(one)[:300]}, there {json.dumps(other)[:300]}']


def compare(ours, theirs, case):
    """Lines that say how our answer differs from theirs; none when they agree."""
    code, tree, warnings = answer(ours, case)
    their_code, their_tree, their_warnings = answer(theirs, case)
    lines = [] if code == their_code else [f'code: here {code}, there {their_code}']
    if not isinstance(tree, dict) or not isinstance(their_tree, dict) or 'Status' in (tree.get('kind'), their_tree.get('kind')):
        if not isinstance(tree, dict) or not isinstance(their_tree, dict):
            return lines + difference(tree, their_tree)
        if tree.get('kind') != 'Status' or their_tree.get('kind') != 'Status':
            shown = their_tree if their_tree.get('kind') == 'Status' else tree
            return lines + ['message: ' + str(shown.get('message'))[:600]]
        a, b = causes(tree), causes(their_tree)
        lines += [f'cause only here: {c}' for c in a if c not in b] + [f'cause only there: {c}' for c in b if c not in a]
        if tree.get('reason') != their_tree.get('reason'):
            lines.append(f'reason: here {tree.get("reason")}, there {their_tree.get("reason")}')
        here, there = first_line(tree.get('message', '')), first_line(their_tree.get('message', ''))
        # The order of several causes follows Go's maps: it means nothing.
        if here != there and len(b) < 2:
            lines.append(f'message: here {here!r}, there {there!r}')
        return lines
    if warnings != their_warnings:
        lines += [f'warning only here: {w}' for w in warnings if w not in their_warnings]
        lines += [f'warning only there: {w}' for w in their_warnings if w not in warnings]
    return lines + difference(tree, their_tree)
