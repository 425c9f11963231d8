"""A region for the tests of this folder: started in a temporary directory, ended afterwards."""
import json
import os
import subprocess

import boto3
import pytest

KANAME = os.environ.get('KANAME', 'kaname')


@pytest.fixture(scope='session')
def region(tmp_path_factory):
    data = tmp_path_factory.mktemp('region')
    process = subprocess.Popen([KANAME, 'serve', '--data-dir', data, '--listen', '127.0.0.1:0'], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith('ready http://')
    yield json.loads(subprocess.check_output([KANAME, 'env', '--data-dir', data, '--format', 'json']))
    process.terminate()
    process.wait()
    subprocess.run([KANAME, 'down', '--data-dir', data, '--kubeconfig', data / 'none', '--progress', 'quiet'], check=True)


@pytest.fixture
def eks(region):
    return boto3.client('eks', endpoint_url=region['AWS_ENDPOINT_URL'], region_name=region['AWS_REGION'],
                        aws_access_key_id=region['AWS_ACCESS_KEY_ID'], aws_secret_access_key=region['AWS_SECRET_ACCESS_KEY'])
