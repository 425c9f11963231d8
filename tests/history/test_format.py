"""Stores that earlier versions left, kept for ever: each opens, with all that was in it."""
import pathlib
import tarfile

import pytest

from server import Server

DATA = pathlib.Path(__file__).resolve().parent.parent / 'data'
PATH = '/api/v1/namespaces/default/configmaps'


@pytest.mark.parametrize('name', sorted(p.name for p in DATA.glob('store-format-*.tar.xz')))
def test_an_old_store_opens(tmp_path, name):
    """300 objects, every third changed, every tenth deleted; the last one was only in the log when its server was killed."""
    with tarfile.open(DATA / name) as archive:
        archive.extractall(tmp_path)
    server = Server(tmp_path, components='api')
    try:
        found = {i['metadata']['name']: i for i in server.json('GET', PATH)[1]['items']}
        wanted = {f'c-{i}': 'changed' if i % 3 == 0 else 'v' * i for i in range(300) if i % 10} | {'in-the-log': 'b'}
        assert {n: i['data']['a'] for n, i in found.items() if n != 'kube-root-ca.crt'} == wanted
        labelled = {i['metadata']['name'] for i in server.json('GET', PATH + '?labelSelector=n%3D1')[1]['items']}
        assert labelled == {f'c-{i}' for i in range(300) if i % 3 == 1 and i % 10}
        assert server.json('GET', '/api/v1/namespaces/default/secrets/s')[1]['data'] == {'k': 'a2VwdCBmb3IgZXZlcg=='}
        # What it does next comes after all that it did.
        made = server.json('POST', PATH, {'metadata': {'name': 'new'}})[1]
        assert int(made['metadata']['resourceVersion']) > max(int(i['metadata']['resourceVersion']) for i in found.values())
    finally:
        server.stop()
