import pytest
from original import Original, missing
from server import Server


def started(tmp_path_factory):
    """kaname and the original's API server, side by side; skipped where the original is not built."""
    if missing():
        pytest.skip(f'the original is not built: {", ".join(missing())} (run tests/setup/originals etcd kube-apiserver)')
    theirs = Original(tmp_path_factory.mktemp('original'))
    try:
        ours = Server(tmp_path_factory.mktemp('ours'), components='api')
        yield ours, theirs
        ours.stop()
    finally:
        theirs.stop()


@pytest.fixture(scope='session')
def both(tmp_path_factory):
    yield from started(tmp_path_factory)


@pytest.fixture(scope='module')
def lone_pair(tmp_path_factory):
    """The two once more, for tests that leave much behind."""
    yield from started(tmp_path_factory)


@pytest.fixture(scope='session')
def pair(both):
    return both
