#include <unistd.h>

#include "base/test.h"

#include "auth/keys_testing.h"
#include "auth/service_account.h"
#include "auth/stored_testing.h"
#include "base/encode.h"
#include "object/scalar.h"

struct scene {
    struct world w;
    struct arena a;
    struct account_tokens tokens;
    struct jws_key *keys[2];
    struct str audience;
    struct status st;
};

static void scene_open(struct scene *s)
{
    const char *error = NULL;
    memset(s, 0, sizeof(*s));
    objects_open(&s->w);
    arena_init(&s->a);
    s->audience = STR("https://issuer");
    s->keys[0] = jws_key_new(str_from(ec_private), &error);
    s->keys[1] = jws_key_new(str_from(rsa_private), &error);
    s->tokens = (struct account_tokens){.loop = s->w.loop,
                                        .store = s->w.store,
                                        .issuer = s->audience,
                                        .keys = s->keys,
                                        .key_count = 2,
                                        .audiences = &s->audience,
                                        .audience_count = 1};
    put_object(&s->w, "", "serviceaccounts",
               "{\"metadata\":{\"name\":\"sa\",\"namespace\":\"default\",\"uid\":\"u1\"}}");
    put_object(&s->w, "", "pods",
               "{\"metadata\":{\"name\":\"p\",\"namespace\":\"default\",\"uid\":\"u2\"},\"spec\":{"
               "\"nodeName\":\"n\"}}");
}

static void scene_close(struct scene *s)
{
    jws_key_free(s->keys[0]);
    jws_key_free(s->keys[1]);
    account_tokens_forget(&s->tokens);
    world_close(&s->w);
    arena_release(&s->a);
}

static struct token_request request_of(struct scene *s)
{
    return (struct token_request){.ns = STR("default"),
                                  .service_account = STR("sa"),
                                  .service_account_uid = STR("u1"),
                                  .audiences = &s->audience,
                                  .audience_count = 1,
                                  .expiration_s = 600};
}

static struct str issue(struct scene *s, const struct token_request *request)
{
    struct str token;
    int64_t expiry;
    status_init(&s->st, &s->a);
    assert_int_equal(account_token_issue(&s->tokens, &s->a, request, &token, &expiry, &s->st), 0);
    int64_t left = expiry - loop_wall_us(s->w.loop) / 1000000;
    assert_true(left > request->expiration_s - 5 && left <= request->expiration_s);
    return token;
}

/* "" when the token is right, else why not. */
static struct str fault_of(struct scene *s, struct str token, struct user *ret)
{
    status_init(&s->st, &s->a);
    if (account_token_check(&s->tokens, &s->a, token, &s->audience, 1, ret, &s->st) == 0)
        return STR("");
    assert_int_equal(s->st.code, 401);
    return s->st.message;
}

/* A token of ours with claims of the caller's. */
static struct str forge(struct scene *s, struct jws_key *key, const char *algorithm,
                        const char *claims)
{
    struct arena *a = &s->a;
    struct str header = arena_printf(a, "{\"alg\":\"%s\",\"kid\":\"%.*s\"}", algorithm,
                                     STR_ARG(jws_key_id(key))),
               signature;
    struct str text = arena_printf(a, "%.*s.%.*s", STR_ARG(base64url_encode(a, header)),
                                   STR_ARG(base64url_encode(a, str_from(claims))));
    assert_int_equal(jws_sign(key, a, text, &signature), 0);
    return arena_printf(a, "%.*s.%.*s", STR_ARG(text), STR_ARG(base64url_encode(a, signature)));
}

TEST(tokens_name_their_account)
{
    struct scene *s = *state;
    struct user u;
    struct token_request request = request_of(s);
    struct str token = issue(s, &request);
    assert_true(account_token_is_ours(&s->tokens, &s->a, token));
    assert_str(fault_of(s, token, &u), "");
    assert_str(u.name, "system:serviceaccount:default:sa");
    assert_str(u.uid, "u1");
    assert_true(user_in_group(&u, "system:serviceaccounts"));
    assert_true(user_in_group(&u, "system:serviceaccounts:default"));
    assert_int_equal(u.audience_count, 1);
    /* Again: from the cache of signatures, with the same answer. */
    assert_str(fault_of(s, token, &u), "");
    remove_object(&s->w, "", "serviceaccounts", "default", "sa");
    assert_str(fault_of(s, token, &u), "serviceaccounts \"sa\" not found");
    put_object(&s->w, "", "serviceaccounts",
               "{\"metadata\":{\"name\":\"sa\",\"namespace\":\"default\",\"uid\":\"u9\"}}");
    assert_str(fault_of(s, token, &u), "service account UID (u9) does not match claim (u1)");
}

TEST(bound_tokens_end_with_what_they_are_bound_to)
{
    struct scene *s = *state;
    struct user u;
    struct token_request request = request_of(s);
    request.bound_kind = STR("Pod");
    request.bound_name = STR("p");
    request.bound_uid = STR("u2");
    request.node_name = STR("n");
    request.node_uid = STR("u3");
    struct str token = issue(s, &request);
    assert_str(fault_of(s, token, &u), "");
    bool pod_named = false;
    for (size_t i = 0; i < u.extra_count; i++)
        pod_named = pod_named || (str_is(u.extra[i].key, "authentication.kubernetes.io/pod-name") &&
                                  str_is(u.extra[i].values[0], "p"));
    assert_true(pod_named);
    remove_object(&s->w, "", "pods", "default", "p");
    assert_str(fault_of(s, token, &u), "service account token has been invalidated");
    put_object(&s->w, "", "pods",
               "{\"metadata\":{\"name\":\"p\",\"namespace\":\"default\",\"uid\":\"u8\"}}");
    assert_str(fault_of(s, token, &u),
               "pod UID (u8) does not match service account pod ref claim (u2)");
}

/* An account or pod of the scene whose deletion began some seconds ago. */
static void put_deleting(struct scene *s, const char *plural, const char *name, const char *uid,
                         int64_t seconds)
{
    struct str since = time_format(&s->a, loop_wall_us(s->w.loop) - seconds * (int64_t)1000 * 1000);
    put_object(&s->w, "", plural,
               arena_printf(&s->a,
                            "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"default\","
                            "\"uid\":\"%s\",\"deletionTimestamp\":\"%.*s\"}}",
                            name, uid, STR_ARG(since))
                   .data);
}

TEST(tokens_outlive_the_beginning_of_a_deletion_by_a_minute)
{
    struct scene *s = *state;
    struct user u;
    struct token_request request = request_of(s);
    struct str plain = issue(s, &request);
    request.bound_kind = STR("Pod");
    request.bound_name = STR("p");
    request.bound_uid = STR("u2");
    struct str bound = issue(s, &request);
    put_deleting(s, "pods", "p", "u2", 50);
    assert_str(fault_of(s, bound, &u), "");
    put_deleting(s, "pods", "p", "u2", 70);
    assert_str(fault_of(s, bound, &u), "service account token has been invalidated");
    assert_str(fault_of(s, plain, &u), "");
    put_deleting(s, "serviceaccounts", "sa", "u1", 50);
    assert_str(fault_of(s, plain, &u), "");
    put_deleting(s, "serviceaccounts", "sa", "u1", 70);
    assert_str(fault_of(s, plain, &u), "service account default/sa has been deleted");
}

#define OWN                                                                                        \
    "\"kubernetes.io\":{\"namespace\":\"default\",\"serviceaccount\":{\"name\":\"sa\",\"uid\":"    \
    "\"u1\"}},"                                                                                    \
    "\"sub\":\"system:serviceaccount:default:sa\",\"iss\":\"https://issuer\""

TEST(claims_are_checked)
{
    static const struct {
        const char *claims, *fault; /* fault NULL: any */
    } rows[] = {
        {"{" OWN ",\"aud\":[\"https://issuer\"],\"exp\":4000000000,\"nbf\":1,\"iat\":1}", ""},
        {"{" OWN ",\"aud\":\"https://issuer\",\"exp\":4000000000}", ""},
        {"{" OWN ",\"exp\":4000000000}", ""},
        {"{" OWN ",\"aud\":[\"https://issuer\"],\"exp\":1000}",
         "service account token has expired"},
        {"{" OWN ",\"aud\":[\"https://issuer\"],\"exp\":4000000000,\"nbf\":3900000000}",
         "service account token is not valid yet"},
        {"{" OWN ",\"aud\":[\"https://issuer\"],\"exp\":4000000000,\"iat\":3900000000}",
         "service account token is issued in the future"},
        {"{" OWN ",\"aud\":[\"x\",\"y\"],\"exp\":4000000000}",
         "token audiences [\"x\" \"y\"] is invalid for the target audiences [\"https://issuer\"]"},
        {"{\"iss\":\"https://issuer\",\"aud\":[\"https://"
         "issuer\"],\"exp\":4000000000,\"sub\":\"system:serviceaccount:default:sa\"}",
         NULL},
        {"[]", NULL},
        {"", NULL},
    };
    struct scene *s = *state;
    struct user u;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        for (size_t k = 0; k < 2; k++) {
            struct str fault = fault_of(
                s, forge(s, s->keys[k], jws_key_algorithm(s->keys[k]), rows[i].claims), &u);
            if (rows[i].fault ? !str_is(fault, rows[i].fault) : str_empty(fault))
                fail_msg("row %zu: %.*s", i, STR_ARG(fault));
        }
}

TEST(signatures_are_checked)
{
    static const char claims[] = "{" OWN ",\"aud\":[\"https://issuer\"],\"exp\":4000000000}";
    struct scene *s = *state;
    struct user u;
    struct str good = forge(s, s->keys[0], "ES256", claims);
    assert_str(fault_of(s, good, &u), "");
    /* The wrong algorithm for the key, none at all, other claims, other keys. */
    assert_true(fault_of(s, forge(s, s->keys[0], "RS256", claims), &u).len > 0);
    assert_true(fault_of(s, forge(s, s->keys[0], "none", claims), &u).len > 0);
    char *changed = arena_cstr(&s->a, good);
    size_t dot = (size_t)str_find(good, '.');
    changed[dot + 5] = changed[dot + 5] == 'A' ? 'B' : 'A';
    assert_true(fault_of(s, str_from(changed), &u).len > 0);
    for (size_t len = 0; len < good.len; len += 7)
        assert_true(fault_of(s, str_slice(good, 0, len), &u).len > 0);
    s->tokens.key_count = 1;
    assert_true(fault_of(s, forge(s, s->keys[1], "RS256", claims), &u).len > 0);
    assert_false(account_token_is_ours(&s->tokens, &s->a, STR("a.b.c")));
    assert_false(account_token_is_ours(&s->tokens, &s->a, STR("")));
    s->tokens.key_count = 2;
}

TEST(verified_tokens_are_kept_apart_from_requests)
{
    static const char ours[] = "{" OWN ",\"aud\":[\"https://issuer\"],\"exp\":4000000000}";
    static const char theirs[] = "{\"iss\":\"https://other\",\"aud\":[\"https://issuer\"],"
                                 "\"exp\":4000000000}";
    struct scene *s = *state;
    struct user u;
    bool is_ours = false;
    struct str token = forge(s, s->keys[0], "ES256", ours);
    status_init(&s->st, &s->a);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(account_token_check_ours(&s->tokens, &s->a, token, &s->audience, 1, &u,
                                                  &is_ours, &s->st),
                         0);
        assert_true(is_ours);
    }
    /* A user outlives what is known of its token. */
    account_tokens_forget(&s->tokens);
    assert_str(u.name, "system:serviceaccount:default:sa");
    assert_str(u.uid, "u1");
    assert_str(u.groups[1], "system:serviceaccounts:default");
    assert_str(u.audiences[0], "https://issuer");
    /* One that our key signed for another issuer stays another's, known or not. */
    token = forge(s, s->keys[0], "ES256", theirs);
    for (int i = 0; i < 2; i++) {
        assert_str(fault_of(s, token, &u), "token issuer \"https://other\" is invalid");
        status_init(&s->st, &s->a);
        assert_int_equal(account_token_check_ours(&s->tokens, &s->a, token, &s->audience, 1, &u,
                                                  &is_ours, &s->st),
                         -1);
        assert_false(is_ours);
        assert_int_equal(s->st.code, 0);
    }
}

/* Around each test: *state is its scene. */
static int begin(void **state)
{
    *state = mem_alloc(sizeof(struct scene));
    scene_open(*state);
    return 0;
}

static int end(void **state)
{
    scene_close(*state);
    mem_free(*state);
    return 0;
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {FACT(tokens_name_their_account),
                                       FACT(bound_tokens_end_with_what_they_are_bound_to),
                                       FACT(tokens_outlive_the_beginning_of_a_deletion_by_a_minute),
                                       FACT(claims_are_checked),
                                       FACT(signatures_are_checked),
                                       FACT(verified_tokens_are_kept_apart_from_requests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
