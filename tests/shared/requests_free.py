"""One GET without a client library, so that nothing is added to what a test sends."""
import http.client
import json
import urllib.parse


def get(url, headers):
    """Code, headers with lower-case names, and the JSON body."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    path = parts.path + ('?' + parts.query if parts.query else '')
    connection.putrequest('GET', path, skip_host='Host' in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(body) if body else None
