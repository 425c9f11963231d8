"""`up` that is killed, repeated or overtaken by `down` at any moment: the next `down` leaves nothing all the same."""
import os
import random
import signal
import subprocess
import time

import footprint
import pytest
from program import KANAME
from started import Up, need_root

SECONDS = float(os.environ.get('KANAME_TEST_SECONDS', 3))  # of each kind


def moment():
    """When the disturbance comes: most that can go wrong is begun early."""
    return random.random() * random.choice((0.05, 0.3, 1.5))


class Machine(Up):
    def __init__(self, directory):
        need_root()
        super().__init__(directory)
        self.before = footprint.snapshot(self.data)

    def begin(self, *args):
        options = ('--no-checks', '--progress', 'quiet') if args[0] == 'up' else ()
        return subprocess.Popen([KANAME, *args, *options, '--data-dir', self.data], env=self.env(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def region(self):
        try:
            with open(f'{self.data}/region.pid') as f:
                return int(f.read().split()[0])
        except (OSError, IndexError):
            return None

    def check(self, story):
        """Nothing is left of it after one `down`."""
        purge = ['--purge'] if random.random() < 0.3 else []
        done = self.kaname('down', *purge, check=False, timeout=60)
        left = footprint.processes_of(self.data)
        assert (done.returncode, left) == (0, []), f'{story}: {done.stderr}{self.logs()}'
        after = footprint.snapshot(self.data)
        changed = [what for what in self.before if after[what] != self.before[what]]
        assert not changed, f'{story}: {[(w, self.before[w], after[w]) for w in changed]}'
        assert not purge or not os.path.exists(self.data), story


def killed(machine):
    """`up` is ended by kill -9 or Ctrl-C."""
    seconds, how = moment(), random.choice((signal.SIGKILL, signal.SIGINT))
    up = machine.begin('up', '--no-sample')
    time.sleep(seconds)
    up.send_signal(how)
    up.communicate()
    return f'up ended by {how.name} after {seconds:.3f} s'


def region_killed(machine):
    """The region is ended by kill -9 or SIGTERM while it makes nodes."""
    seconds, how = moment(), random.choice((signal.SIGKILL, signal.SIGTERM))
    up = machine.begin('up', '--no-sample', '--timeout', '2')
    time.sleep(seconds)
    region = machine.region()
    if region:
        try:
            os.kill(region, how)
        except ProcessLookupError:
            pass
    up.kill()
    up.communicate()
    return f'region {region} ended by {how.name} after {seconds:.3f} s'


def resumed(machine):
    """The region is killed while it makes its first nodes: the next `up` does what was left, down to pods that run."""
    machine.kaname('down', '--purge')
    up = machine.begin('up', '--no-sample')
    seconds = random.uniform(0.1, 0.8)
    time.sleep(seconds)
    region = machine.region()
    if region:
        os.kill(region, signal.SIGKILL)
    up.kill()
    up.communicate()
    again = machine.begin('up', '--timeout', '60')
    said = again.communicate(timeout=120)[0]
    assert again.returncode == 0, f'region {region} killed after {seconds:.3f} s: {said}{machine.logs()}'
    return f'region {region} killed after {seconds:.3f} s, and up again'


def overtaken(machine):
    """`down` runs while `up` does: either may win."""
    seconds = moment()
    up = machine.begin('up', '--no-sample', '--timeout', '5')
    time.sleep(seconds)
    down = machine.begin('down')
    said = down.communicate(timeout=60)[0]
    assert down.returncode == 0, said
    up.communicate(timeout=60)
    return f'down {seconds:.3f} s after up, which ended with {up.returncode}'


def down_killed(machine):
    """`down` is ended by kill -9, or two of it meet."""
    seconds, others = moment() / 3, random.choice((0, 1))
    machine.begin('up', '--no-sample').communicate(timeout=120)
    downs = [machine.begin('down') for _ in range(1 + others)]
    time.sleep(seconds)
    downs[0].kill()
    for down in downs:
        down.communicate(timeout=60)
    assert all(d.returncode == 0 for d in downs[1:]), downs
    return f'down killed after {seconds:.3f} s, beside {others}'


def twice(machine):
    """Two `up` at once find one region, and both are content."""
    ups = [machine.begin('up', '--no-sample') for _ in range(2)]
    said = [u.communicate(timeout=120)[0] for u in ups]
    assert [u.returncode for u in ups] == [0, 0], said
    return 'two up'


@pytest.mark.parametrize('disturb', [killed, region_killed, resumed, overtaken, down_killed, twice])
def test_down_leaves_nothing_whatever_happened_before(open_directory, disturb):
    machine = Machine(open_directory('interleaved'))
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            machine.check(disturb(machine))
    finally:
        machine.kaname('down', check=False)
