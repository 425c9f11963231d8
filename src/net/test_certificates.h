/* Certificates for tests only: an authority, a server (127.0.0.1, localhost) and a client of it,
 * and a stranger. */
#ifndef NET_TEST_CERTIFICATES_H
#define NET_TEST_CERTIFICATES_H

static const char test_ca_certificate[] __attribute__((__unused__)) =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBezCCASGgAwIBAgIUU5yI0WyUGA9jFG87dM1qLcweRF8wCgYIKoZIzj0EAwIw\n"
    "EjEQMA4GA1UEAwwHdGVzdC1jYTAgFw0yNjExMjUyMTQxMjJaGA8yMTI2MTEwMTIx\n"
    "NDEyMlowEjEQMA4GA1UEAwwHdGVzdC1jYTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
    "A0IABPt4l303vQgl63xXl3LOadVuD19QFDq7tMepCrE7RkfimlBLT/lk7UvOTfql\n"
    "HeOoEMlK55GyRLNjZDha8hC2r12jUzBRMB0GA1UdDgQWBBSqGN/2o87sw5TT8U2w\n"
    "xC4JBxn8ljAfBgNVHSMEGDAWgBSqGN/2o87sw5TT8U2wxC4JBxn8ljAPBgNVHRMB\n"
    "Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIEBCUT40tU0R5bzMeA7fFM96nFAn\n"
    "WtvGbnc/E4nd1Z5iAiEAhnQN1A4RGfRHboZ2POiyMPd3CXcPljE8IC0PZ8owoYs=\n"
    "-----END CERTIFICATE-----\n";

static const char test_other_ca_certificate[] __attribute__((__unused__)) =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfTCCASOgAwIBAgIUMbxLK/eVcvweR6KLLdsX455MTR4wCgYIKoZIzj0EAwIw\n"
    "EzERMA8GA1UEAwwIb3RoZXItY2EwIBcNMjYxMTI1MjE0MTIyWhgPMjEyNjExMDEy\n"
    "MTQxMjJaMBMxETAPBgNVBAMMCG90aGVyLWNhMFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
    "AQcDQgAElc/EmHn1hXThSZzTQ5STL6DxC8CYuVThJC6HG9AXn+CaZ+JBeE79/NNM\n"
    "fWQQmro/AaIZnkqdu48frb9cDWZh+KNTMFEwHQYDVR0OBBYEFJAI3RqR5h44dcck\n"
    "+UCud88e/YRYMB8GA1UdIwQYMBaAFJAI3RqR5h44dcck+UCud88e/YRYMA8GA1Ud\n"
    "EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgOZo2sd4GCuyQivgySHeDFcxL\n"
    "y4Ro4VFGlnZDy6JZefcCIQDsbe8Fj9YVCFABZ4DzHD7K5npBn7H27G6FSyigRykb\n"
    "Fw==\n"
    "-----END CERTIFICATE-----\n";

static const char test_server_certificate[] __attribute__((__unused__)) =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBlTCCATugAwIBAgIUJts1MrC+y1o5u+vHAw9d6grGRAQwCgYIKoZIzj0EAwIw\n"
    "EjEQMA4GA1UEAwwHdGVzdC1jYTAgFw0yNjExMjUyMTQxMjJaGA8yMTI2MTEwMTIx\n"
    "NDEyMlowITEOMAwGA1UECgwFZ3JvdXAxDzANBgNVBAMMBnNlcnZlcjBZMBMGByqG\n"
    "SM49AgEGCCqGSM49AwEHA0IABNOG0nVvbatPz4e1aa6a8QyPlsdyH/3NLieynfDB\n"
    "3MWHts8G9/OLDaxtw7sH7rCbcQwNItaCKGbBHRSX+gt1BRmjXjBcMBoGA1UdEQQT\n"
    "MBGHBH8AAAGCCWxvY2FsaG9zdDAdBgNVHQ4EFgQUFzRuwGTpK98/XvoxQVBfY5R8\n"
    "xpgwHwYDVR0jBBgwFoAUqhjf9qPO7MOU0/FNsMQuCQcZ/JYwCgYIKoZIzj0EAwID\n"
    "SAAwRQIgOaG8UpTvk3ZgVAL+nIbW6CM8Itw5gWlAeBmkP4xGLfkCIQCklAM5piPo\n"
    "jzrnAJc2YXSNtu4ye9TdXibP0tNd1AoQgA==\n"
    "-----END CERTIFICATE-----\n";

static const char test_server_key[] __attribute__((__unused__)) =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTO2xsvOMPn0tBt5y\n"
    "MWqtlgIHITlr3zafrUI4zfxZ4gihRANCAATThtJ1b22rT8+HtWmumvEMj5bHch/9\n"
    "zS4nsp3wwdzFh7bPBvfziw2sbcO7B+6wm3EMDSLWgihmwR0Ul/oLdQUZ\n"
    "-----END PRIVATE KEY-----\n";

static const char test_client_certificate[] __attribute__((__unused__)) =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBlTCCATugAwIBAgIUJts1MrC+y1o5u+vHAw9d6grGRAUwCgYIKoZIzj0EAwIw\n"
    "EjEQMA4GA1UEAwwHdGVzdC1jYTAgFw0yNjExMjUyMTQxMjJaGA8yMTI2MTEwMTIx\n"
    "NDEyMlowITEOMAwGA1UECgwFZ3JvdXAxDzANBgNVBAMMBmNsaWVudDBZMBMGByqG\n"
    "SM49AgEGCCqGSM49AwEHA0IABPHmRZjwq98h83FDcYPSOcAW6YU/H929cVVKt/+9\n"
    "0ouLp4qRdxDou/sle8TbUTG7HUus0HOLPmNyOjdJX7xhMeijXjBcMBoGA1UdEQQT\n"
    "MBGHBH8AAAGCCWxvY2FsaG9zdDAdBgNVHQ4EFgQUUnWShoy5SQdvMkPw1mAiKF3n\n"
    "KuIwHwYDVR0jBBgwFoAUqhjf9qPO7MOU0/FNsMQuCQcZ/JYwCgYIKoZIzj0EAwID\n"
    "SAAwRQIgDkh+BSObFe2b54JKgzlOJyE/dIhy0lfoJKGD68rVxdYCIQD+xe+dKWwa\n"
    "vMejJHe+5lcpockaOcBr99i2fMFR7VYBzw==\n"
    "-----END CERTIFICATE-----\n";

static const char test_client_key[] __attribute__((__unused__)) =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgr1Sv5DRxpD3uRUSe\n"
    "uPnHFGfCFP5kevfTaMOje+Pie9+hRANCAATx5kWY8KvfIfNxQ3GD0jnAFumFPx/d\n"
    "vXFVSrf/vdKLi6eKkXcQ6Lv7JXvE21Exux1LrNBziz5jcjo3SV+8YTHo\n"
    "-----END PRIVATE KEY-----\n";

#endif
