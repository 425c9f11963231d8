"""What controller-runtime's own tests say of our API server: each spec is a test here."""
import pytest


@pytest.mark.timeout(900)  # the first of a suite waits for all of it
def test_spec(ended, suite, spec):
    status, message = ended(suite).get(spec, ('missing', 'it was not run'))
    if status == 'skipped':
        pytest.skip('by the suite itself')
    assert status == 'passed', message
