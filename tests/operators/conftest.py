import pathlib
import tempfile

import pytest
from go_programs import built
from server import Server
from suites import HERE, assets, go, specs, suites


def pytest_generate_tests(metafunc):
    if 'spec' not in metafunc.fixturenames:
        return
    with tempfile.TemporaryDirectory(prefix='kaname-suites-') as directory:
        pairs = [(suite, spec) for suite in suites() for spec in specs(suite, pathlib.Path(directory))]
    missing = [pytest.param('', '', marks=pytest.mark.skip(reason='make e2e-originals builds the suites of controller-runtime'))]
    metafunc.parametrize('suite,spec', pairs or missing, ids=lambda text: text.removeprefix('[It] '))


@pytest.fixture(scope='session')
def ended(tmp_path_factory):
    """ended(suite) -> how its specs ended; it is run when it is asked about first."""
    known, folder = {}, tmp_path_factory.mktemp('suites')
    where = assets(folder / 'data')

    def ask(suite):
        if suite not in known:
            known[suite] = go(suite, folder / f'{suite}.xml', where)
        return known[suite]

    return ask


@pytest.fixture
def server(tmp_path):
    s = Server(tmp_path)
    yield s
    if s.alive():
        s.stop()


@pytest.fixture(scope='session')
def operator():
    """The program of an operator, built once."""
    return built(HERE / 'operator', 'operator')
