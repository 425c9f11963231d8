"""Jobs on pretend nodes."""
import time

from kubelet import wait_for
from test_workloads import template


def job(name, phase='Succeeded', annotations=None, **spec):
    pod = template({'app': name}, metadata={'annotations': {'test/phase': phase, **(annotations or {})}}, restartPolicy='Never')
    pod['spec'].update(spec.pop('pod', {}))
    return {'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': {'name': name}, 'spec': {'template': pod, **spec}}


def conditions(server, ns, name):
    status = server.get('-n', ns, 'job/' + name)['status']
    return {c['type']: c for c in status.get('conditions', []) if c['status'] == 'True'}


def test_a_job_completes_and_counts(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job('j', completions=5, parallelism=2))
    server.kubectl('-n', ns, 'wait', '--for=condition=Complete', 'job/j', '--timeout=20s')
    status = server.get('-n', ns, 'job/j')['status']
    assert status['succeeded'] == 5 and status.get('active', 0) == 0 and 'completionTime' in status
    assert [c['type'] for c in status['conditions']] == ['SuccessCriteriaMet', 'Complete']
    pods = server.get('-n', ns, 'pods')['items']
    assert len(pods) == 5 and not any(p['metadata'].get('finalizers') for p in pods)


def test_an_indexed_job_gives_every_index_once(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job('j', completions=4, parallelism=4, completionMode='Indexed'))
    server.kubectl('-n', ns, 'wait', '--for=condition=Complete', 'job/j', '--timeout=20s')
    status = server.get('-n', ns, 'job/j')['status']
    assert status['completedIndexes'] == '0-3' and status['succeeded'] == 4
    pods = server.get('-n', ns, 'pods')['items']
    key = 'batch.kubernetes.io/job-completion-index'
    assert sorted(p['metadata']['annotations'][key] for p in pods) == ['0', '1', '2', '3']
    for p in pods:
        index = p['metadata']['annotations'][key]
        assert p['spec']['hostname'] == 'j-' + index and p['metadata']['name'].startswith(f'j-{index}-')
        assert any(e['name'] == 'JOB_COMPLETION_INDEX' for e in p['spec']['containers'][0]['env'])


def test_failures_end_a_job_at_its_limit(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job('j', 'Failed', backoffLimit=0))
    failed = wait_for(lambda: conditions(server, ns, 'j').get('Failed'))
    assert failed['reason'] == 'BackoffLimitExceeded' and failed['message'] == 'Job has reached the specified backoff limit'
    status = server.get('-n', ns, 'job/j')['status']
    assert status['failed'] == 1 and [c['type'] for c in status['conditions']] == ['FailureTarget', 'Failed']


def test_limits_per_index(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job(
        'j', 'Failed', completions=2, parallelism=2, completionMode='Indexed', backoffLimitPerIndex=0))
    failed = wait_for(lambda: conditions(server, ns, 'j').get('Failed'))
    assert failed['reason'] == 'FailedIndexes'
    assert server.get('-n', ns, 'job/j')['status']['failedIndexes'] == '0,1'


def test_a_failure_policy_fails_the_job(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job('j', 'Failed', podFailurePolicy={'rules': [
        {'action': 'FailJob', 'onExitCodes': {'operator': 'In', 'values': [1]}}]}))
    failed = wait_for(lambda: conditions(server, ns, 'j').get('Failed'))
    assert failed['reason'] == 'PodFailurePolicy'
    assert 'failed with exit code 1 matching FailJob rule at index 0' in failed['message']


def test_a_success_policy_ends_the_job_early(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job(
        'j', completions=6, parallelism=2, completionMode='Indexed', successPolicy={'rules': [{'succeededIndexes': '0-1'}]}))
    server.kubectl('-n', ns, 'wait', '--for=condition=Complete', 'job/j', '--timeout=20s')
    assert conditions(server, ns, 'j')['SuccessCriteriaMet']['reason'] == 'SuccessPolicy'


def test_a_suspended_job_has_no_pods(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job('j', 'Running', suspend=True))
    wait_for(lambda: 'Suspended' in conditions(server, ns, 'j'))
    assert server.get('-n', ns, 'pods')['items'] == []
    server.kubectl('-n', ns, 'patch', 'job/j', '--type=merge', '-p', '{"spec":{"suspend":false}}')
    wait_for(lambda: server.get('-n', ns, 'job/j')['status'].get('ready') == 1)
    server.kubectl('-n', ns, 'patch', 'job/j', '--type=merge', '-p', '{"spec":{"suspend":true}}')
    wait_for(lambda: server.get('-n', ns, 'pods')['items'] == [])


def test_a_deadline_ends_the_job(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job('j', 'Running', activeDeadlineSeconds=1))
    failed = wait_for(lambda: conditions(server, ns, 'j').get('Failed'))
    assert failed['reason'] == 'DeadlineExceeded'
    wait_for(lambda: server.get('-n', ns, 'pods')['items'] == [])


def test_finished_jobs_go_after_their_time(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job('j', ttlSecondsAfterFinished=1))
    wait_for(lambda: server.get('-n', ns, 'jobs')['items'] == [] and server.get('-n', ns, 'pods')['items'] == [])


def test_deleting_a_job_takes_its_pods(server, kubelet, ns):
    server.kubectl('-n', ns, 'create', '-f', '-', input=job('j', 'Running', parallelism=2))
    wait_for(lambda: len(server.get('-n', ns, 'pods')['items']) == 2)
    server.kubectl('-n', ns, 'delete', 'job/j')
    wait_for(lambda: server.get('-n', ns, 'pods')['items'] == [])


def test_an_index_that_waits_keeps_its_turn(server, kubelet, ns):
    """The first index has failed and comes again after its back-off; the next one doesn't go before it."""
    server.kubectl('-n', ns, 'create', '-f', '-', input=job(
        'j', 'Failed', completions=3, parallelism=1, completionMode='Indexed', backoffLimitPerIndex=1))
    wait_for(lambda: [p['status']['phase'] for p in server.get('-n', ns, 'pods')['items']] == ['Failed'])
    server.kubectl('-n', ns, 'annotate', 'job/j', 'look=again')
    time.sleep(0.7)
    assert [p['metadata']['labels']['batch.kubernetes.io/job-completion-index'] for p in server.get('-n', ns, 'pods')['items']] == ['0']


def test_a_finalizer_on_pods_of_other_owners_stays(server, kubelet, ns):
    owner = server.json('POST', f'/api/v1/namespaces/{ns}/configmaps', {'metadata': {'name': 'other'}})[1]
    finalizer = 'batch.kubernetes.io/job-tracking'

    def orphan(name, **metadata):
        server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'finalizers': [finalizer], **metadata},
                                                             'spec': {'containers': [{'name': 'c', 'image': 'one'}]}})
    orphan('owned', ownerReferences=[{'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'other', 'uid': owner['metadata']['uid'], 'controller': True}])
    orphan('free')
    wait_for(lambda: 'finalizers' not in server.get('-n', ns, 'pod/free')['metadata'])
    assert server.get('-n', ns, 'pod/owned')['metadata']['finalizers'] == [finalizer]
    server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/owned', {'metadata': {'finalizers': None}}, {'Content-Type': 'application/merge-patch+json'})


def test_pods_of_a_job_that_another_manages_are_left_to_it(server, kubelet, ns):
    """Also when it has finished: this controller takes its finalizer from no pod of it."""
    merge = {'Content-Type': 'application/merge-patch+json'}
    made = server.json('POST', f'/apis/batch/v1/namespaces/{ns}/jobs', job('theirs', managedBy='example.com/other'))[1]
    finalizer = 'batch.kubernetes.io/job-tracking'
    server.kubectl('-n', ns, 'create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {
        'name': 'p', 'labels': made['spec']['template']['metadata']['labels'], 'finalizers': [finalizer], 'ownerReferences': [
            {'apiVersion': 'batch/v1', 'kind': 'Job', 'name': 'theirs', 'uid': made['metadata']['uid'], 'controller': True}]},
        'spec': {'containers': [{'name': 'c', 'image': 'one'}]}})
    now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
    ended = [{'type': kind, 'status': 'True', 'lastTransitionTime': now, 'reason': 'Done', 'message': ''} for kind in ('SuccessCriteriaMet', 'Complete')]
    status, answer = server.json('PATCH', f'/apis/batch/v1/namespaces/{ns}/jobs/theirs/status', {'status': {
        'startTime': now, 'completionTime': now, 'succeeded': 1, 'conditions': ended}}, merge)
    assert status == 200, answer
    server.kubectl('-n', ns, 'annotate', 'pod/p', 'look=again')
    time.sleep(0.5)
    assert server.get('-n', ns, 'pod/p')['metadata']['finalizers'] == [finalizer]
    server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/p', {'metadata': {'finalizers': None}}, merge)
