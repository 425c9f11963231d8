"""The user's kubeconfig: foreign bytes survive whatever kaname does beside them."""
import concurrent.futures
import os
import pwd
import stat
import subprocess
import threading

import pytest
import yaml
from commands import CACHE, KANAME, Region, environment, run

BLOCK = '''# my clusters
apiVersion: v1
kind: Config
preferences: {}   # nothing
clusters:
- name: "work"   # the important one
  cluster:
    server: https://work.example:6443
    proxy-url: 'http://p:1'
contexts:
- context: {cluster: work, user: me, namespace: team}
  name: work
current-context: "work"
users:
- name: me
  user:
    token: secret
    unknown-member:
      - 1
      - {a: b}
    note: |
      two
      lines
extensions:
- name: x
  extension: {z: true}
# the end
'''
INDENTED = BLOCK.replace('\n- ', '\n  - ').replace('\n  name: work', '\n    name: work').replace('\n  cluster:', '\n    cluster:') \
    .replace('\n    server', '\n      server').replace('\n    proxy', '\n      proxy').replace('\n  user:\n    token', '\n    user:\n      token') \
    .replace('\n    unknown-member:\n      - 1\n      - {a: b}\n    note: |\n      two\n      lines', '') \
    .replace('\n  extension:', '\n    extension:')
JSON = '''{
  "apiVersion": "v1", "kind": "Config", "preferences": {},
  "clusters": [ {"name": "work", "cluster": {"server": "https://work.example:6443"}} ],
  "contexts": [ {"name": "work", "context": {"cluster": "work", "user": "me"}} ],
  "users": [ {"name": "me", "user": {"token": "secret", "unknown": [1, {"a": "b"}]}} ],
  "current-context": "work"
}
'''
EMPTY_LISTS = 'apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\ncurrent-context: ""\n'
LAYOUTS = {'block': BLOCK, 'indented': INDENTED, 'json': JSON, 'empty lists': EMPTY_LISTS, 'no newline': BLOCK.rstrip('\n').rsplit('\n', 1)[0],
           'utf-8': BLOCK.replace('my clusters', 'meine Übersicht 要'), 'crlf in a comment': BLOCK.replace('# the end', '# end\t ')}


def kubeconfig(region, path, *more, **variables):
    return region.kaname('cluster', 'kubeconfig', *more, KUBECONFIG=path, **variables)


@pytest.fixture(scope='module', autouse=True)
def clusters(region):
    for name in ('one', 'two'):
        region.kaname('cluster', 'create', name, '--kubeconfig', f'{region.home}/unused')


def remove(region, path, name):
    """What a delete does to the file; the cluster isn't there (any more)."""
    return region.kaname('cluster', 'delete', name, KUBECONFIG=path)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_foreign_byte_survives(region, tmp_path, layout):
    path = tmp_path / 'config'
    path.write_text(LAYOUTS[layout])
    kubeconfig(region, path, 'one')
    merged = path.read_text()
    document = yaml.safe_load(merged)
    assert document['current-context'] == 'kaname/one' and {c['name'] for c in document['clusters']} >= {'kaname/one'}
    lines = merged.split('\n')
    kept = [line for line in LAYOUTS[layout].split('\n') if 'current-context' not in line and '[]' not in line and '[ {' not in line]
    assert [line for line in kept if line not in lines] == []
    region.kaname('cluster', 'create', 'fleeting', KUBECONFIG=path)
    remove(region, path, 'fleeting')
    assert path.read_text() == merged
    kubeconfig(region, path, 'one')
    assert path.read_text() == merged, 'a second time changes nothing'
    region.kaname('cluster', 'create', 'ghost', '--kubeconfig', tmp_path / 'other')
    path.write_text(merged.replace('kaname/one', 'kaname/ghost'))
    remove(region, path, 'ghost')
    assert path.read_text().rstrip('\n') == LAYOUTS[layout].rstrip('\n')


def test_what_the_user_added_to_our_entries_stays(region, tmp_path):
    path = tmp_path / 'config'
    kubeconfig(region, path, 'one')
    subprocess.run([f'{CACHE}/bin/kubectl', 'config', 'set-context', '--current', '--namespace=mine'], check=True, capture_output=True,
                   env=environment(tmp_path, KUBECONFIG=path))
    before = path.read_text()
    kubeconfig(region, path, 'one')
    assert path.read_text() == before and 'namespace: mine' in before


def test_the_former_context_comes_back(region, tmp_path):
    path = tmp_path / 'config'
    path.write_text(BLOCK)
    for name in ('first', 'second'):
        region.kaname('cluster', 'create', name, KUBECONFIG=path)
    assert yaml.safe_load(path.read_text())['current-context'] == 'kaname/second'
    remove(region, path, 'first')
    assert yaml.safe_load(path.read_text())['current-context'] == 'kaname/second'
    remove(region, path, 'second')
    assert path.read_text() == BLOCK
    fresh = tmp_path / 'fresh'
    region.kaname('cluster', 'create', 'third', KUBECONFIG=fresh)
    remove(region, fresh, 'third')
    assert yaml.safe_load(fresh.read_text())['current-context'] == ''


def contexts(path):
    document = yaml.safe_load(path.read_text())
    assert {c['name'] for c in document['clusters']} == {u['name'] for u in document['users']} == {c['name'] for c in document['contexts']}
    return {u['name']: u['user']['exec']['args'][-1] for u in document['users']}, document['current-context']


def test_clusters_of_one_name_stand_side_by_side(region, open_directory, tmp_path):
    """A context belongs to the data directory that made it: another's `up`, delete and `down` leave it alone."""
    path = tmp_path / 'config'
    other = Region(open_directory('other'))
    try:
        kubeconfig(region, path, 'one')
        before = path.read_text()
        other.kaname('cluster', 'create', 'one', KUBECONFIG=path)
        owners, current = contexts(path)
        second = next(n for n in owners if n != 'kaname/one')
        assert owners == {'kaname/one': region.data, second: other.data} and current == second and second.startswith('kaname/one@')
        both = path.read_text()
        said = kubeconfig(region, path, 'one', '--switch-context=false', '--progress', 'plain').stderr
        assert path.read_text() == both and 'context kaname/one in' in said
        assert f'context {second} in' in kubeconfig(other, path, 'one').stderr and path.read_text() == both
        for name, owner in owners.items():
            done = subprocess.run([f'{CACHE}/bin/kubectl', '--context', name, 'get', 'namespaces'], env=environment(tmp_path, KUBECONFIG=path),
                                  capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, (owner, done.stderr)
        other.kaname('cluster', 'delete', 'one', KUBECONFIG=path)
        assert path.read_text() == before
        other.kaname('cluster', 'create', 'one', KUBECONFIG=path)
        other.kaname('down', KUBECONFIG=path)
        assert path.read_text() == before, "down takes its own directory's contexts"
    finally:
        other.stop()


def test_a_context_whose_directory_is_gone_is_taken_over(region, tmp_path):
    path = tmp_path / 'config'
    kubeconfig(region, path, 'one')
    path.write_text(path.read_text().replace(region.data, f'{region.data}-gone'))
    kubeconfig(region, path, 'one')
    assert contexts(path) == ({'kaname/one': region.data}, 'kaname/one')


def test_it_goes_from_every_file_that_it_was_written_to(region, tmp_path):
    """However the directory and the files were called, and whatever $KUBECONFIG is when the cluster goes."""
    paths = [tmp_path / n for n in ('first', 'second')]
    paths[1].write_text(BLOCK)
    region.kaname('cluster', 'create', 'spread', '--kubeconfig', paths[0])
    alias = tmp_path / 'alias'
    alias.symlink_to(region.data)
    run('cluster', 'kubeconfig', 'spread', '--data-dir', f'{alias}/', '--kubeconfig', paths[1], home=tmp_path)
    assert contexts(paths[0]) == ({'kaname/spread': region.data}, 'kaname/spread') and 'kaname/spread' in paths[1].read_text()
    region.kaname('cluster', 'delete', 'spread', KUBECONFIG=tmp_path / 'third')
    assert 'spread' not in paths[0].read_text() and paths[1].read_text() == BLOCK and not (tmp_path / 'third').exists()


def test_an_entry_that_somebody_made_by_hand_stays(region, tmp_path):
    path = tmp_path / 'config'
    path.write_text(BLOCK.replace('name: me', 'name: kaname/one'))
    kubeconfig(region, path, 'one')
    assert 'token: secret' in path.read_text() and '@' in yaml.safe_load(path.read_text())['current-context']
    region.kaname('cluster', 'create', 'one', '--kubeconfig', tmp_path / 'unused')
    region.kaname('cluster', 'delete', 'none-such', KUBECONFIG=path)
    assert 'token: secret' in path.read_text()


def test_switch_context_false_and_standard_output(region, tmp_path):
    path = tmp_path / 'config'
    path.write_text(BLOCK)
    kubeconfig(region, path, 'one', '--switch-context=false')
    assert yaml.safe_load(path.read_text())['current-context'] == 'work'
    printed = yaml.safe_load(kubeconfig(region, path, 'one', '--kubeconfig', '-').stdout)
    assert printed['current-context'] == 'kaname/one' and len(printed['clusters']) == 1


def test_which_file(region, tmp_path):
    first, second, third = (tmp_path / n for n in 'abc')
    kubeconfig(region, f'{first}:{second}', 'one')
    assert not first.exists() and second.exists(), 'none is there: the last'
    second.unlink()
    second.write_text(BLOCK)
    third.write_text(BLOCK)
    kubeconfig(region, f'{first}:{second}:{third}', 'one')
    assert 'kaname/one' in second.read_text() and third.read_text() == BLOCK
    assert stat.S_IMODE(second.stat().st_mode) == 0o600
    home = tmp_path / 'home'
    home.mkdir()
    region.kaname('cluster', 'kubeconfig', 'one', home=home)
    assert stat.S_IMODE((home / '.kube' / 'config').stat().st_mode) == 0o600


def test_a_link_stays_a_link(region, tmp_path):
    target, link = tmp_path / 'target', tmp_path / 'link'
    target.write_text(BLOCK)
    link.symlink_to(target)
    kubeconfig(region, link, 'one')
    assert link.is_symlink() and 'kaname/one' in target.read_text()


def test_many_at_once_in_three_files(region, tmp_path):
    """Creates and deletes of many clusters side by side, each with the same list of three files, one of them foreign."""
    paths = [tmp_path / n for n in ('missing', 'foreign', 'last')]
    paths[1].write_text(BLOCK)
    paths[2].write_text(BLOCK)
    variable = ':'.join(map(str, paths))

    def life(number):
        for _ in range(2):
            region.kaname('cluster', 'create', f'many-{number}', '-o', 'json', KUBECONFIG=variable)
            region.kaname('cluster', 'delete', f'many-{number}', '-o', 'json', KUBECONFIG=variable)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(life, range(16)))
    assert paths[1].read_text() == BLOCK and paths[2].read_text() == BLOCK
    assert sorted(p.name for p in tmp_path.iterdir()) == ['foreign', 'last']


def test_kubectl_and_kaname_take_turns(region, tmp_path):
    """What kubectl wrote is never lost to kaname. kubectl itself reads before it takes the lock and then removes what it hadn't seen: two of it take
    turns here, and our own entry may have to be written again."""
    path = tmp_path / 'config'
    path.write_text(BLOCK)
    turn = threading.Lock()

    def ours(_):
        kubeconfig(region, path, 'one', '--switch-context=false')
        remove(region, path, 'none-such')

    def theirs(number):
        for _ in range(50):
            with turn:
                done = subprocess.run([f'{CACHE}/bin/kubectl', 'config', 'set-cluster', f'k{number}', '--server=https://x'], capture_output=True,
                                      env=environment(tmp_path, KUBECONFIG=path))
            if done.returncode == 0:
                return

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job: job[0](job[1]), [(ours, 0), (theirs, 0), (ours, 1), (theirs, 1), (theirs, 2)]))
    kubeconfig(region, path, 'one', '--switch-context=false')
    names = {c['name'] for c in yaml.safe_load(path.read_text())['clusters']}
    assert names == {'work', 'kaname/one', 'k0', 'k1', 'k2'}


@pytest.mark.skipif(os.geteuid() != 0, reason='plays sudo')
def test_under_sudo_the_file_is_the_users(region, tmp_path):
    nobody = pwd.getpwnam('nobody')
    path = tmp_path / 'folder' / 'config'
    env = {'SUDO_USER': 'nobody', 'SUDO_UID': str(nobody.pw_uid)}
    run('cluster', 'kubeconfig', 'one', '--data-dir', region.data, '--kubeconfig', path, home=tmp_path, **env)
    assert path.stat().st_uid == path.parent.stat().st_uid == nobody.pw_uid
    theirs = tmp_path / 'theirs'
    theirs.write_text(BLOCK)
    os.chown(theirs, 4321, 4321)
    run('cluster', 'kubeconfig', 'one', '--data-dir', region.data, '--kubeconfig', theirs, home=tmp_path)
    assert theirs.stat().st_uid == 4321, 'who had it has it'
