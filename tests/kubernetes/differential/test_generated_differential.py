"""Generated requests to the original and to kaname: code, headers, forms and contents of every answer must agree.

Each module tells stories: generators that ask and get answered, on both servers side by side. What differs knowingly stands in
its list `known` (patterns), or exactly in a file (known.py), with the reason. Needs the original's programs; without them it is skipped."""
import importlib
import os
import re

import pytest
from known import Known
from talk import Pair

modules = [importlib.import_module(name) for name in ('every_kind', 'fields', 'asking', 'places', 'definitions')]
stories = [(module, *story) for module in modules for story in module.stories()]


@pytest.fixture(scope='module')
def lines(lone_pair):
    """The two servers, with a namespace for what is generated."""
    two = Pair(*lone_pair)
    for line in two.lines:
        for path, name in (('/api/v1/namespaces', 'lives'), ('/api/v1/namespaces/lives/serviceaccounts', 'default')):
            assert line.ask({'method': 'POST', 'path': path, 'body': {'metadata': {'name': name}}}).code == 201
    yield two
    two.close()
    for module in modules if os.environ.get('KANAME_TEST_RECORD') else ():
        if isinstance(module.known, Known) and module.known.seen:
            module.known.save()


def is_known(module, story, shown, line):
    if isinstance(module.known, Known):
        return module.known.has(story, shown, line)
    return any(re.search(of, story) and re.search(pattern, f'{shown} || {line}') for of, pattern, _ in module.known)


def unknown(module, story, found):
    told = []
    for name, shown, lines in found:
        left = [line for line in lines if not is_known(module, story, shown, line)]
        if left:
            told.append(shown + ''.join('\n    ' + line[:600] for line in left))
    return told


@pytest.mark.parametrize('module, name, story, arguments', stories, ids=[story[1] for story in stories])
def test_story(lines, module, name, story, arguments):
    before = len(lines.found)
    lines.play(name, story, *arguments)
    told = unknown(module, name, lines.found[before:])
    assert not told, f'{name}: {len(told)} answers differ\n' + '\n'.join(told[:20])
