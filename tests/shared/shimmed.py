"""A server whose clock and whose disk obey the test."""
import contextlib
import mmap
import os
import struct
import subprocess
import time

from guarded import Guarded

here = os.path.dirname(os.path.abspath(__file__))


class Shimmed(Guarded):
    def __init__(self, directory, **more):
        library, orders = os.path.join(directory, 'shim.so'), os.path.join(directory, 'orders')
        subprocess.run(['cc', '-O1', '-shared', '-fPIC', '-Wall', '-Werror', '-o', library, os.path.join(here, 'shim.c')], check=True)
        with open(orders, 'w+b') as f:
            f.truncate(16)
            self.orders = mmap.mmap(f.fileno(), 16)
        # A sanitized program wants its own library first, unless it is told that another may be.
        sanitizer = f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"
        self.shim = {'LD_PRELOAD': library, 'KANAME_TEST_SHIM': orders, 'ASAN_OPTIONS': sanitizer}
        super().__init__(directory, **more)

    def start(self, port=0):
        before = {name: os.environ.get(name) for name in self.shim}
        os.environ.update(self.shim)
        try:
            super().start(port)
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value

    def say(self, at, number):
        self.orders[at:at + 8] = struct.pack('<q', number)

    def now(self):
        """Seconds since 1970, as the server has it."""
        return time.time() + struct.unpack('<q', self.orders[:8])[0] / 1e9

    def later(self, seconds):
        """Moves the clock when the server has seen what was sent before; requests make it look at the clock."""
        time.sleep(0.02)
        assert self.request('GET', '/readyz')[0] == 200
        self.say(0, struct.unpack('<q', self.orders[:8])[0] + int(seconds * 1e9))
        for _ in range(2):
            assert self.request('GET', '/readyz')[0] == 200

    @contextlib.contextmanager
    def hung_disk(self):
        self.say(8, 1)
        try:
            yield
        finally:
            self.say(8, 0)

    def failing_disk(self):
        self.say(8, 2)

    def sound_disk(self):
        self.say(8, 0)
