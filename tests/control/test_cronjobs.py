"""CronJobs, minute by minute, on a control plane whose clock the test moves. It has no nodes: jobs without pods are done at once, others go on."""
import time
import uuid

import pytest
from kubelet import wait_for
from shimmed import Shimmed
from test_workloads import template

ENDS, STAYS = {'completions': 0, 'parallelism': 0}, {}


@pytest.fixture(scope='module')
def clock(tmp_path_factory):
    s = Shimmed(tmp_path_factory.mktemp('clock'))
    yield s
    assert s.alive() and s.stop() == 0


@pytest.fixture
def cron(clock):
    """One that starts a job each minute, in a namespace of its own; made at the beginning of a minute."""
    clock.later(61 - clock.now() % 60)
    c = Cron(clock, 'c-' + uuid.uuid4().hex[:8])
    yield c
    c.patch(suspend=True)


class Cron:
    def __init__(self, server, ns):
        self.server, self.ns = server, ns
        server.kubectl('create', 'namespace', ns)

    def create(self, job, **spec):
        self.server.kubectl('-n', self.ns, 'create', '-f', '-', input={
            'apiVersion': 'batch/v1', 'kind': 'CronJob', 'metadata': {'name': 'c'}, 'spec': {'schedule': '* * * * *', **spec, 'jobTemplate': {
                'metadata': {'labels': {'made': 'by-c'}}, 'spec': {**job, 'template': template({'app': 'c'}, restartPolicy='Never')}}}})

    def patch(self, **spec):
        path = f'/apis/batch/v1/namespaces/{self.ns}/cronjobs/c'
        status, answer = self.server.json('PATCH', path, {'spec': spec}, {'Content-Type': 'application/merge-patch+json'})
        assert status == 200, answer

    def jobs(self):
        status, answer = self.server.json('GET', f'/apis/batch/v1/namespaces/{self.ns}/jobs')
        assert status == 200
        return sorted(answer['items'], key=lambda j: j['metadata']['name'])

    def names(self):
        return [j['metadata']['name'] for j in self.jobs() if 'deletionTimestamp' not in j['metadata']]

    def status(self):
        return self.server.json('GET', f'/apis/batch/v1/namespaces/{self.ns}/cronjobs/c')[1].get('status', {})

    def name(self, minutes=0):
        """Of the job of this minute, or of one before or after it."""
        return f'c-{int(self.server.now()) // 60 + minutes}'

    def events(self):
        items = self.server.json('GET', f'/api/v1/namespaces/{self.ns}/events')[1]['items']
        return {e['reason'] for e in items if e['involvedObject']['kind'] == 'CronJob'}


def test_a_job_each_minute_of_which_the_newest_are_kept(cron):
    cron.create(ENDS, successfulJobsHistoryLimit=2)
    made = []
    for _ in range(4):
        cron.server.later(60)
        made.append(cron.name())
        wait_for(lambda: made[-1] in cron.names())
        wait_for(lambda: cron.status().get('lastSuccessfulTime'))
    wait_for(lambda: cron.names() == made[2:])
    job = cron.jobs()[-1]
    assert job['metadata']['ownerReferences'][0]['name'] == 'c' and job['metadata']['labels']['made'] == 'by-c'
    assert job['metadata']['annotations']['batch.kubernetes.io/cronjob-scheduled-timestamp'] == cron.status()['lastScheduleTime']
    assert not cron.status().get('active')


def test_forbid_waits_for_the_one_that_runs(cron):
    cron.create(STAYS, concurrencyPolicy='Forbid')
    cron.server.later(60)
    running = cron.name()
    wait_for(lambda: cron.names() == [running])
    cron.server.later(60)
    wait_for(lambda: 'JobAlreadyActive' in cron.events())
    assert cron.names() == [running] and [a['name'] for a in cron.status()['active']] == [running]
    cron.server.kubectl('-n', cron.ns, 'delete', 'job', running)
    cron.server.later(60)
    wait_for(lambda: len(cron.names()) == 1 and cron.names() != [running])


def test_replace_ends_the_one_that_runs(cron):
    cron.create(STAYS, concurrencyPolicy='Replace')
    cron.server.later(60)
    wait_for(lambda: cron.names() == [cron.name()])
    cron.server.later(60)
    wait_for(lambda: cron.names() == [cron.name()])


def test_allow_lets_them_run_together(cron):
    cron.create(STAYS)
    cron.server.later(60)
    wait_for(lambda: cron.names() == [cron.name()])
    cron.server.later(60)
    wait_for(lambda: cron.names() == [cron.name(-1), cron.name()])


def test_what_was_missed_is_made_up_for_once(cron):
    cron.create(ENDS, suspend=True)
    cron.server.later(300)
    time.sleep(0.3)
    assert cron.names() == []
    cron.patch(suspend=False)
    wait_for(lambda: cron.names() == [cron.name()])


def test_what_is_too_late_is_not_started(cron):
    cron.create(ENDS, suspend=True, startingDeadlineSeconds=10)
    cron.server.later(90)  # half a minute after the last moment
    cron.patch(suspend=False)
    time.sleep(0.5)
    assert cron.names() == []
    cron.server.later(30)
    wait_for(lambda: cron.names() == [cron.name()])
