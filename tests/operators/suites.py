"""controller-runtime's own test suites: which there are, what is in them, and how they ended. They find kaname where envtest looks for the
original: KUBEBUILDER_ASSETS. $KANAME_TEST_ASSETS names another such folder, to ask how the original itself ends."""
import os
import pathlib
import re
import signal
import subprocess
import xml.etree.ElementTree as xml

from program import CACHE, KANAME

HERE = pathlib.Path(__file__).resolve().parent
VERSION = re.search(r'controller-runtime (v\S+)', (HERE / 'operator' / 'go.mod').read_text())[1]
BUILT = pathlib.Path(CACHE) / 'bin' / f'controller-runtime-{VERSION}'
LASTS_S = 600


def suites():
    return sorted(p.stem for p in BUILT.glob('*.test'))


def outcomes(report):
    """name -> (status, message); of two specs with one name the worse counts."""
    found = {}
    for case in xml.parse(report).getroot().iter('testcase'):
        name, status = case.get('name'), case.get('status')
        if not name.startswith('[It] ') or found.get(name, ('passed',))[0] != 'passed':
            continue
        node = case.find('failure')
        node = case.find('error') if node is None else node
        found[name] = status, '' if node is None else f'{node.get("message")}\n{node.text}'
    return found


def go(suite, report, assets, *more):
    """Runs it, and ends what it leaves: some of its tests never stop their servers. Some race with themselves: with a context that is cancelled
    already, say, they expect an informer not to be there yet, so that each has a few attempts."""
    log = report.with_suffix('.log')
    with open(log, 'w') as out:
        process = subprocess.Popen(
            [BUILT / f'{suite}.test', f'-ginkgo.junit-report={report}', '-ginkgo.no-color', '-ginkgo.output-interceptor-mode=none',
             '-ginkgo.flake-attempts=5', *more],
            cwd=BUILT / suite, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, 'KUBEBUILDER_ASSETS': str(assets), 'TMPDIR': str(report.parent), 'HOME': str(report.parent)})
        try:
            process.wait(LASTS_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            end_session(process.pid)
            process.wait()
    assert report.exists(), f'{suite} ended without a report\n' + log.read_text()[-3000:]
    return outcomes(report)


def end_session(session):
    for pid in map(int, filter(str.isdigit, os.listdir('/proc'))):
        try:
            if os.getsid(pid) == session:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def specs(suite, directory):
    """Names of its specs that are meant to be run; no server is started for that."""
    found = go(suite, directory / f'{suite}-names.xml', directory, '-ginkgo.dry-run')
    return [name for name, (status, _) in found.items() if status == 'passed']


def assets(directory):
    given = os.environ.get('KANAME_TEST_ASSETS')
    return given or subprocess.run([KANAME, 'envtest', '--data-dir', directory], capture_output=True, text=True, check=True).stdout.strip()
