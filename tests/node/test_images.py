"""Images from a registry that wants credentials, over TLS with a certificate authority that only the node's containerd knows."""
import base64
import json
import pathlib
import subprocess
import sys

import pytest
from machine import BUSYBOX, pod

PLACE = '10.77.0.10:5443'


@pytest.fixture(scope='module')
def registry(machine):
    """A function that gives the registry's requests so far: [(time, code, method, path)]."""
    work = machine.directory / 'registry'
    work.mkdir()
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=registry',
                    '-addext', 'subjectAltName=IP:10.77.0.10', '-keyout', str(work / 'key.pem'), '-out', str(work / 'cert.pem')], check=True, capture_output=True)
    trust(machine, 'n1', (work / 'cert.pem').read_text())
    (work / 'log').touch()
    process = machine.start('registry', [sys.executable, str(pathlib.Path(__file__).with_name('registry.py')), '10.77.0.10', '5443', str(work / 'cert.pem'),
                                         str(work / 'key.pem'), str(machine.directory / 'busybox.tar'), str(work / 'log')], machine.vpc)
    machine.wait_ready('registry', process)

    def requests(name=''):
        lines = [line.split() for line in (work / 'log').read_text().splitlines()]
        return [(float(t), int(code), method, path) for t, code, method, path in lines if f'/{name}' in path]
    return requests


def trust(machine, node, certificate):
    """As an administrator does it on a real node: containerd's certs.d."""
    folder = f'/etc/containerd/certs.d/{PLACE}'
    authority = f'ca = "{folder}/ca.crt"\n'
    toml = f'server = "https://{PLACE}"\n{authority}[host."https://{PLACE}"]\n  capabilities = ["pull", "resolve"]\n  {authority}'
    for name, text in (('ca.crt', certificate), ('hosts.toml', toml)):
        machine.inside(node, 'sh', '-c', f"mkdir -p {folder} && cat >{folder}/{name} <<'END'\n{text}END\n")


def secret(name, user, password, *, old=False, key=PLACE):
    entries = {key: {'auth': base64.b64encode(f'{user}:{password}'.encode()).decode()}}
    kind, member = ('kubernetes.io/dockercfg', '.dockercfg') if old else ('kubernetes.io/dockerconfigjson', '.dockerconfigjson')
    return {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': name}, 'type': kind, 'stringData': {member: json.dumps(entries if old else {'auths': entries})}}


def waiting(machine, name):
    return machine.container(name).get('state', {}).get('waiting', {})


def events(machine, name):
    found = machine.get('events', '--field-selector', f'involvedObject.name={name}')['items']
    return {(e['type'], e['reason'], e['message']) for e in found}


def delete(machine, *names):
    machine.kubectl('delete', 'pod', *names, '--grace-period=1')


def test_credentials_of_pods_and_service_accounts(machine, registry):
    machine.apply(
        secret('ann', 'ann', 'nna'), secret('ann-old', 'ann', 'nna', old=True), secret('bob-team', 'bob', 'bob', key=f'https://{PLACE}/bob'),
        {'apiVersion': 'v1', 'kind': 'ServiceAccount', 'metadata': {'name': 'puller'}, 'imagePullSecrets': [{'name': 'ann'}]})
    machine.apply(
        pod('by-secret', imagePullSecrets=[{'name': 'ann'}], main={'image': f'{PLACE}/ann/one:1'}),
        pod('by-old', imagePullSecrets=[{'name': 'ann-old'}], main={'image': f'{PLACE}/ann/two:1'}),
        pod('by-account', serviceAccountName='puller', main={'image': f'{PLACE}/ann/three'}),
        pod('by-path', imagePullSecrets=[{'name': 'ann'}, {'name': 'bob-team'}], main={'image': f'{PLACE}/bob/four:1'}),
        pod('openly', main={'image': f'{PLACE}/open/five:1'}))
    names = ('by-secret', 'by-old', 'by-account', 'by-path', 'openly')
    for name in names:
        machine.wait_ready_pod(name)
    told = events(machine, 'by-secret')
    assert ('Normal', 'Pulling', f'Pulling image "{PLACE}/ann/one:1"') in told
    assert any(reason == 'Pulled' and message.startswith(f'Successfully pulled image "{PLACE}/ann/one:1" in ') and ' bytes.' in message
               for _, reason, message in told)
    assert machine.container('by-account')['image'] == f'{PLACE}/ann/three'
    assert machine.container('by-account')['imageID'].startswith(f'{PLACE}/ann/three@sha256:')
    assert any('/ann/three/manifests/latest' in path for _, _, _, path in registry('ann/three'))
    delete(machine, *names)


def test_wrong_credentials_and_the_back_off(machine, registry):
    machine.apply(secret('changing', 'ann', 'wrong'))
    machine.apply(pod('refused', imagePullSecrets=[{'name': 'changing'}, {'name': 'missing'}], main={'image': f'{PLACE}/ann/six:1'}),
                  pod('absent', main={'image': f'{PLACE}/nobody/seven:1'}))
    error = machine.wait(lambda: waiting(machine, 'refused').get('reason') == 'ErrImagePull' and waiting(machine, 'refused'), 10, 'ErrImagePull')
    # With containerd's own words behind it.
    assert error['message'].startswith(f'rpc error: code = Unknown desc = failed to pull and unpack image "{PLACE}/ann/six:1"'), error
    assert '401 Unauthorized' in error['message']
    error = machine.wait(lambda: waiting(machine, 'refused').get('reason') == 'ImagePullBackOff' and waiting(machine, 'refused'), 10, 'ImagePullBackOff')
    assert error['message'].startswith(f'Back-off pulling image "{PLACE}/ann/six:1": ErrImagePull: rpc error: code = Unknown desc = failed to pull'), error
    error = machine.wait(lambda: waiting(machine, 'absent').get('reason') == 'ImagePullBackOff' and waiting(machine, 'absent'), 10, 'ImagePullBackOff')
    assert 'not found' in error['message']
    told = events(machine, 'refused')
    assert ('Warning', 'Failed', 'Error: ErrImagePull') in told and ('Warning', 'Failed', 'Error: ImagePullBackOff') in told
    assert ('Normal', 'BackOff', f'Back-off pulling image "{PLACE}/ann/six:1"') in told
    assert ('Warning', 'FailedToRetrieveImagePullSecret',
            'Unable to retrieve some image pull secrets (missing); attempting to pull the image may not succeed.') in told
    assert any(reason == 'Failed' and message.startswith(f'Failed to pull image "{PLACE}/ann/six:1": rpc error: ') for _, reason, message in told)
    # A new pod doesn't wait for the old one's back-off; the old one tries again after ten seconds, with what the secret then holds.
    machine.apply(secret('changing', 'ann', 'nna'))
    machine.apply(pod('better', imagePullSecrets=[{'name': 'changing'}], main={'image': f'{PLACE}/ann/six:1'}))
    machine.wait_ready_pod('better', 8)
    machine.wait_ready_pod('refused')
    tries = lambda: [t for t, _, _, _ in registry('nobody/seven')]  # noqa: E731
    machine.wait(lambda: max(tries()) - min(tries()) > 5, 15, 'tried again')
    assert 9.5 <= max(tries()) - min(tries()) < 15, tries()
    delete(machine, 'refused', 'absent', 'better')


def test_policies(machine, registry):
    image = f'{PLACE}/open/eight:1'
    machine.apply(pod('never', main={'image': image, 'imagePullPolicy': 'Never'}))
    error = machine.wait(lambda: waiting(machine, 'never').get('reason') == 'ErrImageNeverPull' and waiting(machine, 'never'), 10, 'ErrImageNeverPull')
    message = f'Container image "{image}" is not present with pull policy of Never'
    assert error['message'] == message and registry('open/eight') == []
    assert {('Warning', 'ErrImageNeverPull', message), ('Warning', 'Failed', 'Error: ErrImageNeverPull')} <= events(machine, 'never')
    machine.apply(pod('if-absent', main={'image': image, 'imagePullPolicy': 'IfNotPresent'}))
    machine.wait_ready_pod('if-absent')
    asked = len(registry('open/eight'))
    assert asked > 0
    machine.wait_ready_pod('never')  # present by now
    machine.apply(pod('if-present', main={'image': image, 'imagePullPolicy': 'IfNotPresent'}))
    machine.wait_ready_pod('if-present')
    assert len(registry('open/eight')) == asked
    assert ('Normal', 'Pulled', f'Container image "{image}" already present on machine and can be accessed by the pod') in events(machine, 'if-present')
    machine.apply(pod('always', main={'image': image, 'imagePullPolicy': 'Always'}))
    machine.wait_ready_pod('always')
    assert len(registry('open/eight')) > asked
    delete(machine, 'never', 'if-absent', 'if-present', 'always')


def test_an_image_stays_with_those_who_may_pull_it(machine, registry):
    image = f'{PLACE}/ann/nine:1'
    machine.apply(secret('ann', 'ann', 'nna'))
    machine.apply(pod('owner', imagePullSecrets=[{'name': 'ann'}], main={'image': image}))
    machine.wait_ready_pod('owner')
    machine.apply(pod('thief', main={'image': image, 'imagePullPolicy': 'IfNotPresent'}), pod('quiet', main={'image': image, 'imagePullPolicy': 'Never'}),
                  pod('friend', imagePullSecrets=[{'name': 'ann'}], main={'image': image, 'imagePullPolicy': 'Never'}))
    machine.wait(lambda: waiting(machine, 'thief').get('reason') in ('ErrImagePull', 'ImagePullBackOff'), 10, 'refused')
    assert '401 Unauthorized' in waiting(machine, 'thief')['message']
    machine.wait(lambda: waiting(machine, 'quiet').get('reason') == 'ErrImageNeverPull', 10, 'refused')
    machine.wait_ready_pod('friend')
    # What was there before the agent is everybody's.
    machine.apply(pod('loaded', main={'image': BUSYBOX, 'imagePullPolicy': 'Never'}))
    machine.wait_ready_pod('loaded')
    delete(machine, 'owner', 'thief', 'quiet', 'friend', 'loaded')


def test_a_name_that_is_none(machine):
    machine.apply(pod('badname', main={'image': 'Bad_Name::x'}))
    error = machine.wait(lambda: waiting(machine, 'badname').get('reason') == 'InvalidImageName' and waiting(machine, 'badname'), 10, 'InvalidImageName')
    message = 'Failed to apply default image tag "Bad_Name::x": couldn\'t parse image name "Bad_Name::x": invalid reference format'
    assert error['message'] == message
    assert {('Warning', 'InspectFailed', message), ('Warning', 'Failed', 'Error: InvalidImageName')} <= events(machine, 'badname')
    delete(machine, 'badname')
