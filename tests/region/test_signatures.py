"""Signatures are verified for real: the aws CLI and boto3 get in with the right key only."""
import datetime

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests_free as http
from botocore.exceptions import ClientError


def code_of(error):
    return error.value.response['Error']['Code']


def test_caller_identity(region):
    answer = region.aws('sts', 'get-caller-identity')
    assert answer['Arn'] == f'arn:aws:iam::{answer["Account"]}:root'
    assert answer['UserId'] == answer['Account'] and len(answer['Account']) == 12


@pytest.mark.parametrize('service, call, code', [
    ('sts', lambda c: c.get_caller_identity(), 'SignatureDoesNotMatch'),
    ('eks', lambda c: c.list_clusters(), 'InvalidSignatureException'),
])
def test_wrong_secret(region, service, call, code):
    with pytest.raises(ClientError) as error:
        call(region.client(service, aws_secret_access_key='wrong'))
    assert code_of(error) == code


@pytest.mark.parametrize('service, call, code', [
    ('sts', lambda c: c.get_caller_identity(), 'InvalidClientTokenId'),
    ('eks', lambda c: c.list_clusters(), 'UnrecognizedClientException'),
])
def test_unknown_key(region, service, call, code):
    with pytest.raises(ClientError) as error:
        call(region.client(service, aws_access_key_id='AKIAXXXXXXXXXXXXXXXX'))
    assert code_of(error) == code


def signed_get(region, path='/clusters', skew_s=0, change=None):
    """A signed GET whose clock is off by skew_s, changed after signing."""
    v = region.variables
    request = botocore.awsrequest.AWSRequest('GET', v['AWS_ENDPOINT_URL'] + path)
    credentials = botocore.credentials.Credentials(v['AWS_ACCESS_KEY_ID'], v['AWS_SECRET_ACCESS_KEY'])
    real = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda *a, **k: real(*a, **k) + datetime.timedelta(seconds=skew_s)
    try:
        botocore.auth.SigV4Auth(credentials, 'eks', v['AWS_REGION']).add_auth(request)
    finally:
        botocore.auth.get_current_datetime = real
    headers = dict(request.headers)
    url = request.url
    if change:
        url, headers = change(url, headers)
    return http.get(url, headers)


def test_signed_get_works(region):
    assert signed_get(region)[0] == 200
    assert signed_get(region, skew_s=-800)[0] == 200


@pytest.mark.parametrize('skew_s', [-1000, 1000])
def test_clock_window(region, skew_s):
    code, headers, body = signed_get(region, skew_s=skew_s)
    assert code == 403 and 'expired' in body['message']


@pytest.mark.parametrize('change', [
    lambda url, headers: (url + '?maxResults=1', headers),
    lambda url, headers: (url + '/other', headers),
    lambda url, headers: (url, {**headers, 'Host': 'elsewhere:1'}),
    lambda url, headers: (url, {**headers, 'X-Amz-Date': '20200101T000000Z'}),
])
def test_tampered_request(region, change):
    assert signed_get(region, change=change)[0] == 403


def test_unsigned(region):
    code, headers, body = http.get(region.endpoint + '/clusters', {})
    assert code == 403 and headers['x-amzn-errortype'] == 'MissingAuthenticationTokenException'


def test_operation_that_is_not_there_is_typed(region):
    with pytest.raises(ClientError) as error:
        region.client().list_addons(clusterName='x')
    assert code_of(error) == 'UnsupportedOperationException'
    assert 'ListAddons' in error.value.response['Error']['Message']
