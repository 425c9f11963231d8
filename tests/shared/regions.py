"""A region for tests: `kaname serve` on a free port in a temporary directory, ended by its pid."""
import json
import os
import signal
import subprocess
import time

import boto3
from botocore.config import Config
from program import AWS, CACHE, KANAME, KUBECTL


class Region:
    def __init__(self, directory, program=KANAME, **options):
        """options: of the processes, such as whose they are."""
        self.directory, self.program, self.options = str(directory), program, options
        self.process = None
        self.log = open(f'{directory}/serve.log', 'ab')
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, 'serve', '--data-dir', self.data, '--listen', '127.0.0.1:0'],
                                        stdout=subprocess.PIPE, stderr=self.log, **self.options)
        line = self.process.stdout.readline().decode()
        assert line.startswith('ready http://'), (line, open(f'{self.directory}/serve.log').read())
        self.endpoint = line.split()[1]
        out = subprocess.run([self.program, 'env', '--data-dir', self.data, '--format', 'json'], capture_output=True, check=True, **self.options)
        self.variables = json.loads(out.stdout)

    @property
    def data(self):
        return f'{self.directory}/data'

    def env(self, **more):
        base = {k: v for k, v in os.environ.items() if not k.startswith('AWS_') and k != 'KUBECONFIG'}
        return {**base, **self.variables, 'AWS_PAGER': '', 'AWS_MAX_ATTEMPTS': '1', 'PATH': f'{CACHE}/bin:{os.environ["PATH"]}',
                'KUBECONFIG': f'{self.directory}/kubeconfig', **more}

    def aws(self, *args, check=True, **more):
        result = subprocess.run([AWS, *args, '--output', 'json'], env=self.env(**more), capture_output=True, text=True, timeout=120)
        if check:
            assert result.returncode == 0, result.stderr
            return json.loads(result.stdout) if result.stdout.strip().startswith(('{', '[')) else None
        return result

    def kubectl(self, *args, check=True, **more):
        result = subprocess.run([KUBECTL, *args], env=self.env(**more), capture_output=True, text=True, timeout=60)
        if check:
            assert result.returncode == 0, result.stderr
            return result.stdout
        return result

    def client(self, service='eks', **more):
        v = self.variables
        return boto3.client(service, region_name=v['AWS_REGION'],
                            **{'endpoint_url': v['AWS_ENDPOINT_URL'], 'aws_access_key_id': v['AWS_ACCESS_KEY_ID'], 'aws_secret_access_key': v['AWS_SECRET_ACCESS_KEY'],
                               'config': Config(retries={'max_attempts': 1}), **more})

    def create_cluster(self, name, **more):
        """A cluster that is ACTIVE; returns DescribeCluster's answer."""
        eks = self.client()
        eks.create_cluster(name=name, roleArn='arn:aws:iam::123456789012:role/eks', resourcesVpcConfig={}, **more)
        for _ in range(500):
            cluster = eks.describe_cluster(name=name)['cluster']
            if cluster['status'] == 'ACTIVE':
                return cluster
            time.sleep(0.01)
        raise AssertionError(f'{cluster}\n{open(self.directory + "/serve.log").read()}')

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        subprocess.run([self.program, 'down', '--data-dir', self.data, '--kubeconfig', f'{self.directory}/kubeconfig', '--progress', 'quiet'],
                       check=True, **self.options)
        self.log.close()
