"""Programs in Go that tests bring: built from a folder with go.mod and go.sum, once."""
import hashlib
import os
import subprocess

from program import CACHE

ENVIRONMENT = {**os.environ, 'CGO_ENABLED': '0', 'GOFLAGS': '-trimpath -buildvcs=false'}


def built(folder, name):
    """Path of the program; another one when a source has changed."""
    sources = sorted(p for p in folder.iterdir() if p.suffix in ('.go', '.mod', '.sum'))
    digest = hashlib.sha256(b''.join(p.read_bytes() for p in sources)).hexdigest()[:12]
    program = os.path.join(CACHE, 'bin', f'{name}-{digest}')
    if not os.path.exists(program):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        subprocess.run(['go', 'build', '-mod=readonly', '-o', program, '.'], cwd=folder, check=True, env=ENVIRONMENT)
    return program
