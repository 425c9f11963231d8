"""The table of client certificates says what the original does."""
from client_certificates import ask, chain, context_with, expires_meanwhile, judged_otherwise


def test_the_table_is_the_originals(pair):
    _, theirs = pair
    assert judged_otherwise(theirs, theirs.authority) == []


def test_a_certificate_ends_while_its_connection_lasts(pair):
    _, theirs = pair
    assert expires_meanwhile(theirs, theirs.authority) == [200, 401]


def test_a_front_proxy_without_headers_is_nobody(pair):
    _, theirs = pair
    assert ask(theirs, context_with(chain(theirs.front_proxy.issue())), 'http/1.1').status == 401
