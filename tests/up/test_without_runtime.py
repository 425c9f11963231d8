"""A machine whose container runtime doesn't come up: what is told, and that it ends at once all the same."""
import os
import subprocess
import time

from program import KANAME
from started import Up, need_root

HIDE = 'for f in /usr/bin/containerd /usr/local/bin/containerd; do [ ! -e $f ] || mount --bind /dev/null $f; done'


def test_down_does_not_wait_for_it(open_directory):
    need_root()
    up = Up(open_directory('bare'))

    def call(*args):
        script = f'{HIDE}; exec "$@"'
        return subprocess.run(['unshare', '--mount', 'sh', '-c', script, 'sh', KANAME, *args, '--data-dir', up.data], env=up.env(),
                              capture_output=True, text=True, timeout=60)

    checked = call('up')
    assert checked.returncode == 8 and 'containerd' in checked.stderr and not os.path.exists(f'{up.data}/region.pid'), 'the checks come first'
    late = call('up', '--no-checks', '--timeout', '2')
    assert late.returncode == 7 and 'KN_TIMEOUT' in late.stderr, late.stderr
    begun = time.monotonic()
    done = call('down', '--purge')
    assert done.returncode == 0 and time.monotonic() - begun < 6, done.stderr
    assert not os.path.exists(up.data)
