"""Container images of Debian packages, made without a registry and kept in the cache of the tests."""
import collections
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile

from program import CACHE

Link = collections.namedtuple('Link', 'target')  # a symbolic link in an image


def closure(packages):
    """The packages with the libraries that they need."""
    out = subprocess.run(['apt-cache', 'depends', '--recurse', '--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks',
                          '--no-replaces', '--no-enhances', *packages], capture_output=True, text=True, check=True).stdout
    known = {line for line in out.splitlines() if line and line[0] not in ' <'}
    scripts = ('perl', 'installer', 'newt', 'textwrap')  # what installing needs, not running
    return sorted({name for name in known if name.startswith(('lib', 'zlib')) and ':' not in name and not any(s in name for s in scripts)} | set(packages))


def download(packages, folder):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(['apt-get', 'download', '-q', '-o', 'APT::Sandbox::User=root', *packages], cwd=folder, check=True, capture_output=True)
    return sorted(folder.glob('*.deb'))


def layer_of(root, files):
    """An uncompressed layer: a tree, without what only people read, and files of our own."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as tar:
        def keep(member):
            member.mtime = 0
            member.uid = member.gid = 0
            member.uname = member.gname = ''
            unread = ('usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/lintian')
            return None if member.name.startswith(unread) else member
        for entry in sorted(root.iterdir()):
            tar.add(entry, entry.name, filter=keep)
        for path, (mode, what) in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.mode = mode
            if what is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(what, Link):
                member.type, member.linkname = tarfile.SYMTYPE, what.target
            data = what.read_bytes() if isinstance(what, pathlib.Path) else what.encode() if isinstance(what, str) else b''
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def archive(names, layer, config, to):
    """An OCI image layout with one image, as a tar."""
    with tarfile.open(to, 'w') as tar:
        def add(path, data):
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        def blob(data, kind):
            digest = hashlib.sha256(data).hexdigest()
            add(f'blobs/sha256/{digest}', data)
            return {'mediaType': f'application/vnd.oci.image.{kind}', 'digest': f'sha256:{digest}', 'size': len(data)}
        add('oci-layout', b'{"imageLayoutVersion":"1.0.0"}')
        layers = [blob(layer, 'layer.v1.tar')]
        architecture = {'x86_64': 'amd64', 'aarch64': 'arm64'}[os.uname().machine]
        described = {'architecture': architecture, 'os': 'linux', 'config': config,
                     'rootfs': {'type': 'layers', 'diff_ids': [layers[0]['digest']]}}
        manifest = {'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
                    'config': blob(json.dumps(described).encode(), 'config.v1+json'), 'layers': layers}
        made = blob(json.dumps(manifest).encode(), 'manifest.v1+json')
        entries = [{**made, 'annotations': {'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name}} for name in names]
        add('index.json', json.dumps({'schemaVersion': 2, 'manifests': entries}).encode())


def image(names, packages, files, config):
    """The path of an image's archive. files: path -> (mode, text, Path of a file here, Link, or None: a directory)."""
    seen = {path: [mode, hashlib.sha256(what.read_bytes()).hexdigest() if isinstance(what, pathlib.Path) else what]
            for path, (mode, what) in files.items()}
    description = json.dumps([names, packages, seen, config, pathlib.Path(__file__).read_text()]).encode()
    where = pathlib.Path(CACHE) / 'images' / f'{hashlib.sha256(description).hexdigest()[:16]}.tar'
    if where.exists():
        return where
    where.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        root = pathlib.Path(work) / 'root'
        root.mkdir()
        for deb in download(closure(packages), pathlib.Path(work) / 'debs') if packages else []:
            subprocess.run(['dpkg-deb', '-x', str(deb), str(root)], check=True)
        made = where.with_suffix(f'.{os.getpid()}')
        archive(names, layer_of(root, files), config, made)
        made.rename(where)
    return where
