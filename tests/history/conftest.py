import hashlib
import os
import pathlib
import subprocess

import pytest
from program import CACHE
from shimmed import Shimmed

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope='session')
def judge():
    """The program that judges histories, built once."""
    sources = sorted(p for p in (HERE / 'judge').iterdir() if p.suffix in ('.go', '.mod', '.sum'))
    digest = hashlib.sha256(b''.join(p.read_bytes() for p in sources)).hexdigest()[:12]
    program = os.path.join(CACHE, 'bin', f'judge-{digest}')
    if not os.path.exists(program):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        subprocess.run(['go', 'build', '-mod=readonly', '-o', program, '.'], cwd=HERE / 'judge', check=True,
                       env={**os.environ, 'CGO_ENABLED': '0', 'GOFLAGS': '-trimpath -buildvcs=false'})
    return program


@pytest.fixture
def server(tmp_path):
    s = Shimmed(tmp_path, components='api')
    yield s
    if s.alive():
        s.stop()
