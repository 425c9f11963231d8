"""Proxied answers of the original and of kaname must agree: see proxy_pages.py.

Needs root (for a network namespace) and the original's programs; else it is skipped."""
import os
import subprocess
import sys

import pytest
from original import missing

here = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.skipif(os.geteuid() != 0, reason='needs a network namespace')
def test_proxied_answers_agree(tmp_path):
    if missing():
        pytest.skip('the original is not built: run tests/setup/originals etcd kube-apiserver')
    inside = 'ip link set lo up && ip address add 192.0.2.10/32 dev lo && exec "$@"'
    done = subprocess.run(['unshare', '--net', 'sh', '-c', inside, 'sh', sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
                           f'--basetemp={tmp_path}/inside', os.path.join(here, 'proxy_pages.py')], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
