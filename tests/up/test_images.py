"""`kaname image load`: from archives, folders and the engines of this machine; each node is sent what it lacks."""
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import time

import pytest
from program import KANAME


def kaname(up, *args, check=True, **env):
    done = subprocess.run([KANAME, *args, '--data-dir', up.data], env=up.env(**env), capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, done.stderr
    return done


def sample(up):
    with open(f'{up.directory}/sample.tar', 'wb') as f:
        subprocess.run([KANAME, 'image', 'sample'], stdout=f, check=True)
    return tarfile.open(f.name)


def pack(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w') as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return data.getvalue()


def saved_image(path, tag, *layers):
    """An archive as `docker save` writes it; a layer is a text that its one file repeats."""
    blobs = [pack({f'{text}.txt': (text * 300_000).encode()[:300_000]}) for text in layers]
    digests = [hashlib.sha256(b).hexdigest() for b in blobs]
    config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {'Cmd': ['/none']},
                         'rootfs': {'type': 'layers', 'diff_ids': [f'sha256:{d}' for d in digests]}}).encode()
    name = hashlib.sha256(config).hexdigest() + '.json'
    files = {f'{digest}/layer.tar': blob for digest, blob in zip(digests, blobs)}
    manifest = [{'Config': name, 'RepoTags': [tag], 'Layers': [f'{d}/layer.tar' for d in digests]}]
    with open(path, 'wb') as f:
        f.write(pack({**files, name: config, 'manifest.json': json.dumps(manifest).encode()}))
    return path


@pytest.fixture
def load(up):
    def run(*args, **env):
        return json.loads(kaname(up, 'image', 'load', *args, '--output', 'json', **env).stdout)
    return run


def sizes(answer):
    assert len(answer['copied']) == 2 and len({c['node'] for c in answer['copied']}) == 2
    assert sum(c['bytes'] for c in answer['copied']) == answer['bytes']
    return {c['bytes'] for c in answer['copied']}


def test_from_an_archive_and_a_folder(up, load):
    """The second time nothing is left to do; an OCI folder is as good as its archive."""
    folder = f'{up.directory}/layout'
    with sample(up) as tar:
        tar.extractall(folder)
    answer = load(f'{up.directory}/sample.tar')
    assert (answer['changed'], answer['nodes'], answer['bytes']) == (False, 2, 0), 'the nodes have it from the start'
    with open(f'{folder}/index.json') as f:
        index = f.read()
    with open(f'{folder}/index.json', 'w') as f:
        f.write(index.replace('kaname.local/busybox:1', 'example.dev/loaded:1'))
    assert [load(folder)['changed'] for _ in range(2)] == [True, False]
    assert 'example.dev/loaded:1' in up.kaname('image', 'ls').stdout.split()
    assert 'example.dev/loaded:1' in up.kaname('names', 'images').stdout.split()


def test_a_layer_that_nodes_have_is_not_copied_again(up, load):
    first = load(saved_image(f'{up.directory}/1.tar', 'shares:1', 'base', 'one'))
    assert first['changed'] and first['images'] == ['docker.io/library/shares:1']
    assert min(sizes(first)) > 600_000
    second = load(saved_image(f'{up.directory}/2.tar', 'shares:2', 'base', 'two'))
    assert second['changed'] and 300_000 < min(sizes(second)) and max(sizes(second)) < 320_000, 'both nodes get the new layer only'
    assert [c['blobs'] for c in second['copied']] == [3, 3], 'layer, configuration, manifest'
    again = load(f'{up.directory}/2.tar')
    assert not again['changed'] and again['bytes'] == 0
    renamed = load(saved_image(f'{up.directory}/3.tar', 'shares:3', 'base', 'two'))
    assert renamed['changed'] and max(sizes(renamed)) == 0, 'another name of what is there'
    assert {f'docker.io/library/shares:{i}' for i in (1, 2, 3)} <= set(up.kaname('image', 'ls').stdout.split())


def test_a_pod_runs_an_image_whose_layers_came_at_two_times(up, load):
    """The second image adds one file to the sample image's layer, which the nodes have from the start."""
    with sample(up) as tar:
        blobs = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
    digest = json.loads(blobs['index.json'])['manifests'][0]['digest'].split(':')[1]
    base = json.loads(blobs[f'blobs/sha256/{digest}'])['layers'][0]['digest'].split(':')[1]
    layer = pack({'www/index.html': b'added\n'})
    diff_ids = [base, hashlib.sha256(layer).hexdigest()]
    config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {'Env': ['PATH=/bin']},
                         'rootfs': {'type': 'layers', 'diff_ids': [f'sha256:{d}' for d in diff_ids]}}).encode()
    manifest = [{'Config': 'config.json', 'RepoTags': ['example.dev/added:1'], 'Layers': ['a.tar', 'b.tar']}]
    with open(f'{up.directory}/added.tar', 'wb') as f:
        f.write(pack({'a.tar': blobs[f'blobs/sha256/{base}'], 'b.tar': layer, 'config.json': config, 'manifest.json': json.dumps(manifest).encode()}))
    assert max(sizes(load(f'{up.directory}/added.tar'))) < 20_000
    up.kubectl('run', 'added', '--image=example.dev/added:1', '--restart=Never', '--', 'cat', '/www/index.html')
    up.kubectl('wait', 'pod/added', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s')
    assert up.kubectl('logs', 'added') == 'added\n'
    up.kubectl('delete', 'pod', 'added', '--now')


def test_a_folder_without_a_name_is_called_by_its_own(up, load):
    folder = f'{up.directory}/unnamed'
    with sample(up) as tar:
        tar.extractall(folder)
    with open(f'{folder}/index.json') as f:
        index = json.load(f)
    for manifest in index['manifests']:
        manifest['annotations'] = {'org.opencontainers.image.ref.name': 'v2'}
    with open(f'{folder}/index.json', 'w') as f:
        json.dump(index, f)
    answer = load(f'{folder}/')
    assert answer['images'] == ['docker.io/library/unnamed:v2'] and max(sizes(answer)) == 0 and answer['changed']


def test_what_is_no_image_is_told(up):
    def refused(path, status, reason, *texts, **env):
        done = kaname(up, 'image', 'load', *path, '--output', 'json', check=False, **env)
        error = json.loads(done.stdout)['error']
        assert done.returncode == status and error['reason'] == reason, done.stderr
        assert all(t in error['message'] for t in texts), error

    def write(name, data):
        with open(f'{up.directory}/{name}', 'wb') as f:
            f.write(data)
        return [f'{up.directory}/{name}']

    whole = open(saved_image(f'{up.directory}/whole.tar', 'whole:1', 'base'), 'rb').read()
    refused(write('text.tar', b'hello\n' * 1000), 1, 'KN_REJECTED', 'no tar archive')
    refused(write('cut.tar', whole[:200_000]), 1, 'KN_REJECTED', 'cut off')
    refused(write('packed.tar.gz', __import__('gzip').compress(whole)), 1, 'KN_REJECTED', 'compressed')
    refused(write('files.tar', pack({'a': b'b'})), 1, 'KN_REJECTED', 'manifest.json')
    refused([f'{up.directory}/missing.tar'], 1, 'KN_FILE_UNREADABLE', 'missing.tar')
    os.makedirs(f'{up.directory}/bin', exist_ok=True)
    refused(['nothing:1'], 3, 'KN_IMAGE_NONE', 'nothing:1', PATH=f'{up.directory}/bin')
    refused(['nothing:1', '--from', 'podman'], 3, 'KN_PROGRAM_MISSING', 'podman', PATH=f'{up.directory}/bin')
    refused(['nothing:1', '--from', 'rkt'], 2, 'KN_USAGE', 'rkt')


@pytest.fixture(scope='module')
def podman(up):
    """The environment of a podman with images of its own."""
    assert shutil.which('podman'), 'podman is one of the packages of the tests'
    folder = f'{up.directory}/podman'
    os.makedirs(folder)
    with open(f'{folder}/storage.conf', 'w') as f:
        f.write(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/root"\nrunroot = "{folder}/run"\n')
    env = {'CONTAINERS_STORAGE_CONF': f'{folder}/storage.conf'}
    for tag, layer in (('built:1', 'first'), ('built:2', 'second')):
        archive = saved_image(f'{folder}/archive.tar', tag, 'podman', layer)
        subprocess.run(['podman', '--events-backend', 'none', 'load', '-q', '-i', archive], env={**os.environ, **env}, check=True, timeout=60)
    yield env
    subprocess.run(['umount', '-q', f'{folder}/root/vfs', f'{folder}/root'], check=False)


def test_an_image_of_podman(up, load, podman):
    """Podman writes layers under other names than docker; they are the same layers."""
    first = load('built:1', '--from', 'podman', **podman)
    assert first['images'] == ['localhost/built:1'], 'what podman calls it, which pods have to as well'
    assert min(sizes(first)) > 600_000
    second = load('built:2', '--from', 'podman', **podman)
    assert 300_000 < min(sizes(second)) and max(sizes(second)) < 320_000
    assert not load('built:2', '--from', 'podman', **podman)['changed']
    done = kaname(up, 'image', 'load', 'built:9', '--from', 'podman', check=False, **podman)
    assert done.returncode == 3 and 'KN_IMAGE_NONE' in done.stderr and 'built:9: image not known' in done.stderr, 'the engine says why'


def test_the_first_engine_that_has_it_is_asked(up, load, podman):
    """A docker whose daemon doesn't run is passed over; one that answers (podman knows its command line) comes first."""
    folder = f'{up.directory}/engines'
    os.makedirs(folder)
    path = f'{folder}:{os.environ["PATH"]}'

    def write(script):
        with open(f'{folder}/docker', 'w') as f:
            f.write(f'#!/bin/sh\n{script}\n')
        os.chmod(f'{folder}/docker', 0o755)

    write('echo "Cannot connect to the Docker daemon." >&2; exit 1')
    assert not load('built:1', **podman, PATH=path)['changed']
    write(f'echo "$1" >>{folder}/calls; exec podman "$@"')
    assert not load('built:1', **podman, PATH=path)['changed']
    with open(f'{folder}/calls') as f:
        assert f.read().split() == ['image', 'save']


def test_an_image_of_containerd(up, load):
    """A containerd of this machine, without CRI and in a network of its own."""
    folder = f'{up.directory}/containerd'
    os.makedirs(folder)
    address = f'{folder}/containerd.sock'
    with open(f'{folder}/config.toml', 'w') as f:
        f.write(f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                f'[grpc]\naddress = "{address}"\n')
    with open(f'{folder}/log', 'wb') as log:
        daemon = subprocess.Popen(['unshare', '--net', '--mount', 'containerd', '--config', f'{folder}/config.toml'], stdout=log, stderr=log)
    try:
        env = {'CONTAINERD_ADDRESS': address}
        archive = saved_image(f'{folder}/archive.tar', 'contained:1', 'base', 'contained')
        for _ in range(100):
            done = subprocess.run(['ctr', 'images', 'import', archive], env={**os.environ, **env}, capture_output=True, text=True)
            if done.returncode == 0:
                break
            time.sleep(0.1)
        assert done.returncode == 0, done.stderr
        answer = load('contained:1', '--from', 'containerd', **env)
        assert answer['images'] == ['docker.io/library/contained:1'] and answer['changed']
        assert not load('contained:1', '--from', 'containerd', **env)['changed']
    finally:
        daemon.terminate()
        daemon.wait(10)
