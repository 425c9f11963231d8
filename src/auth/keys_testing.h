/* Keys and certificates of the tests of this folder, made for them alone. The CA signed all but the
 * last certificate. */
#ifndef AUTH_KEYS_TESTING_H
#define AUTH_KEYS_TESTING_H

maybe_unused static const char ec_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpxK5A8WE5dOoRpvr\n"
    "fiExp5s3zP0ONaUEG9QYOmKSTN6hRANCAAT8SI35keCA5zEp8ytAVuZGkDpdN3oy\n"
    "Hy1BAkdAIrsKCTsm8OibUaDKpNx6iTWmltgu8oVCXFlzcpU70NL/NuWi\n"
    "-----END PRIVATE KEY-----\n";
maybe_unused static const char ec_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/EiN+ZHggOcxKfMrQFbmRpA6XTd6\n"
    "Mh8tQQJHQCK7Cgk7JvDom1GgyqTceok1ppbYLvKFQlxZc3KVO9DS/zblog==\n"
    "-----END PUBLIC KEY-----\n";
maybe_unused static const char rsa_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDGIRxC67eZVo8K\n"
    "4xcatIUQQaXwcSduFx+a3aXkvsTmCTYis+3Eg+VFZAFCes0+5ivXkjJ59Fk7Rcrb\n"
    "SN06xGAZULR4EHIqVIC+GEFuTUspX52aYzwiq9N7A4Oy7P1jgO1Jtp6xdH8tcIn6\n"
    "U4rwEnu2wBhIF0mSUsATzAaKye3e6avfVXBQ5l7z+AtSSiSZ5uv0KIVtI46pS2S2\n"
    "3e78nsC3gK4xe0z3aDuoYPXPOJ7NEjAAWXQD1GSMTdxeEglCz4701SqUgTIkkx26\n"
    "9U/bHhPEqmwbd+F2LiwkrDsvT2mGlEP1HPSEIA8W0TBXIBt8hXS00kDAknuPcqnY\n"
    "Y/iOEglNAgMBAAECggEAICqf+/1pAWwcLRhRV/SW5dzCpBa64BTA/NOfa1PNg8tb\n"
    "DqdHovAG+Q0TZ0eoqt2ToJwLteEF26mpFZDu2eun7nQ72IJTBqxReotVlCLYYQ80\n"
    "9yvFR5u96erYJuRy/wSfgag0e3r+atIqlImbtP5LN5BYYNvnBeqJZK1rIn1GMTpV\n"
    "Yrs0+3ZAtXGOOZiiVCv4rvi0tHnJREUVwzuh8uNOnmOMcCv38tux82/jd+xBZ4ZY\n"
    "cDWMtzqlMBWX+VbAhRmx+VDrASvNCxu9KCl5viXohgmxKR8gENXy4KM4pYLEfPQn\n"
    "gMifTrVM55N4Gw0UPfdVFIUy7SPG35lNiPk82ZgPwQKBgQDzknSRZGHSiTGlrlsV\n"
    "84wiNhJIbM83pKkPpTPHfYGsbrokkh51q/b4kzWMGtWNZZvoCZWDt8KJW9qxeAa3\n"
    "X9xxk0Vi3oBXci9EOXbZleBiwKcvuhYZlzgsBHSBw5EM/7TFfHlZaNib1nwbP7IZ\n"
    "4T7GDvQlnTwnTBY8lmYYLAnajwKBgQDQPRSntrzYW7T8Rv4rNsGmEAzpJbUFEWCl\n"
    "tgKSKq4sfwDKl3YNmkWlRNxUWACtm6Fl1VJy4Hz2Q3BHaVjYVpPb3XMwXtaNJzUS\n"
    "AF879S1cznMWM5CGbaMk7HxowO49vI9QirqzkVoIsR4KWSIviUoS1oKw1QdQt52N\n"
    "7MCHAOc8YwKBgBO6PO65rqKasga1RHNWsnbi4kAzb+UV1QuLWdJCfAo3PaRQoV7u\n"
    "eqZPZfrfAYTeQe5dOFreu0bcxa2yBvk7LmOUhf4n/0UV3nYsIVAmL3JQIDphXADe\n"
    "mpIWGkmYSVtAKqgEGOAA+epFSO/8DLTD5Y2tEGErhv+3zeVCWSqEBphJAoGALI9l\n"
    "hB4Oex3ktLdcXFLzTV3R5XI0MkltrQgttKl9a/ghazjOAkso7By4KTRLsNrExs3H\n"
    "Pt3a37e+pwlcAa9FJJ9WrtscfkgNizSZLHNiqaFj7zRJkPqVFqmkVaYzVPKsmEeX\n"
    "fCV2ZrW//+bi8dknCLDudnifgB5KkLxA1qLS2JECgYEAm/U5wR5Ds44n+NS7BOPh\n"
    "ofm719PP1wOVgoVQlTJeui7ScZSMhBS89M4Ts9VyE6gGaCuSbbcK0v2jl07KD3Me\n"
    "rrwDW1y3Rx9a6zHdBVjmIooKYd8rrnuMBQMZ1+3bgzi1osaz6qkLa9QLaQS7NYek\n"
    "6La9STv5KJhpWNwsJ5ajdCI=\n"
    "-----END PRIVATE KEY-----\n";

#endif
