"""An image with kubectl, which finds its cluster as any program with client-go does, and busybox."""
import hashlib
import io
import json
import os
import tarfile

from program import CACHE

NAME = 'tests.local/kubectl:1'
APPLETS = ('sh', 'sleep', 'cat', 'ls', 'stat', 'env', 'nslookup', 'true')


def layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as tar:
        for source, path in ((f'{CACHE}/bin/kubectl', 'bin/kubectl'), ('/bin/busybox', 'bin/busybox')):
            member = tarfile.TarInfo(path)
            member.mode, member.size = 0o755, os.path.getsize(source)
            with open(source, 'rb') as f:
                tar.addfile(member, f)
        for name in APPLETS:
            link = tarfile.TarInfo(f'bin/{name}')
            link.type, link.linkname = tarfile.SYMTYPE, 'busybox'
            tar.addfile(link)
        tmp = tarfile.TarInfo('tmp')
        tmp.type, tmp.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(tmp)
    return out.getvalue()


def write(path):
    """As `docker save` would."""
    data = layer()
    digest = hashlib.sha256(data).hexdigest()
    config = json.dumps({'architecture': {'x86_64': 'amd64', 'aarch64': 'arm64'}[os.uname().machine], 'os': 'linux',
                         'config': {'Env': ['PATH=/bin', 'HOME=/tmp'], 'Cmd': ['sleep', '100000']},
                         'rootfs': {'type': 'layers', 'diff_ids': [f'sha256:{digest}']}}).encode()
    files = {'config.json': config, 'layer.tar': data,
             'manifest.json': json.dumps([{'Config': 'config.json', 'RepoTags': [NAME], 'Layers': ['layer.tar']}]).encode()}
    with tarfile.open(path, 'w') as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path
