#include "object/schema.h"

#include "base/test.h"
#include "object/schema_tables.h"

TEST(every_field_is_found_by_its_name)
{
    size_t fields = 0, kinds = 0;
    for (size_t id = 1; id < schema_type_count(); id++) {
        const struct schema_type *t = schema_type((schema_id)id);
        if (!t->name[0])
            continue;
        assert_int_equal(schema_type_by_name(str_from(t->name)), id);
        assert_int_equal(t->stable_number, id);
        if (t->is_kind) {
            kinds++;
            assert_int_equal(
                schema_type_by_kind(str_from(t->group), str_from(t->version), str_from(t->kind)),
                id);
        }
        for (size_t i = 0; i < t->field_count; i++) {
            const struct schema_field *f = &t->fields[i];
            fields++;
            assert_ptr_equal(schema_field((schema_id)id, str_from(f->name)), f);
            assert_ptr_equal(schema_field_by_tag(t, f->tag), f);
            assert_int_equal(strlen(f->name), f->name_len);
            assert_true(f->kind != FIELD_MESSAGE || f->type != SCHEMA_NONE);
        }
        assert_null(schema_field((schema_id)id, STR("noSuchField")));
        assert_null(schema_field((schema_id)id, STR("")));
    }
    assert_true(fields > 2000 && kinds > 130);
}

TEST(facts_arrive)
{
    schema_id container = schema_type_by_name(STR("core/v1.Container"));
    const struct schema_field *ports = schema_field(container, STR("ports"));
    assert_string_equal(ports->merge_key, "containerPort");
    assert_string_equal(ports->list_keys, "containerPort,protocol");
    assert_int_equal(ports->shape, SHAPE_LIST);
    assert_int_equal(ports->list_type, LIST_MAP);
    assert_int_equal(ports->numbers[0], 6);
    assert_string_equal(ports->go_type, "[]v1.ContainerPort");
    const struct schema_field *protocol = schema_field(ports->type, STR("protocol"));
    assert_string_equal(protocol->default_json, "\"TCP\"");
    assert_string_equal(protocol->values[0], "SCTP");
    schema_id volume = schema_type_by_name(STR("core/v1.Volume"));
    const struct schema_field *secret = schema_field(volume, STR("secret"));
    assert_int_equal(secret->numbers[0], 2);
    assert_int_equal(secret->numbers[1], 6);
    assert_int_equal(secret->numbers[2], 0);
    schema_id pod_list = schema_type_by_kind(STR(""), STR("v1"), STR("PodList"));
    assert_true(schema_type(pod_list)->is_list);
    assert_true(schema_field(pod_list, STR("items"))->flags & FIELD_ALWAYS);
    assert_int_equal(schema_field(pod_list, STR("items"))->type,
                     schema_type_by_name(STR("core/v1.Pod")));
    schema_id options = schema_type_by_kind(STR("apps"), STR("v1"), STR("DeleteOptions"));
    assert_int_equal(options, schema_type_by_name(STR("meta/v1.DeleteOptions")));
    assert_int_equal(
        schema_type_by_kind(STR("meta.k8s.io"), STR("v1"), STR("PartialObjectMetadata")),
        schema_type_by_name(STR("meta/v1.PartialObjectMetadata")));
    assert_int_equal(schema_type_by_kind(STR("apps"), STR("v1"), STR("Nothing")), SCHEMA_NONE);
    assert_int_equal(schema_type_by_name(STR("")), SCHEMA_NONE);
}

TEST(resources)
{
    assert_int_equal(resource_count(), 68);
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        assert_ptr_equal(resource_by_id(r->id), r);
        assert_ptr_equal(
            resource_by_name(str_from(r->group), str_from(r->version), str_from(r->plural)), r);
        assert_non_null(resource_by_id(r->storage_id));
    }
    assert_null(resource_by_id(0));
    assert_null(resource_by_id(999));
    const struct resource *pods = resource_named("", "pods");
    assert_string_equal(pods->short_names[0], "po");
    assert_null(pods->short_names[1]);
    assert_string_equal(pods->categories[0], "all");
    assert_string_equal(pods->singular, "pod");
    assert_true(pods->namespaced && pods->stored && pods->verbs & VERB_DELETECOLLECTION);
    assert_string_equal(pods->columns[7].name, "Nominated Node");
    assert_int_equal(pods->columns[7].priority, 1);
    const struct subresource *eviction = resource_subresource(pods, STR("eviction"));
    assert_string_equal(eviction->group, "policy");
    assert_int_equal(eviction->type, schema_type_by_name(STR("policy/v1.Eviction")));
    assert_null(resource_subresource(pods, STR("status"))->group);
    assert_null(resource_subresource(pods, STR("nothing")));
    assert_false(resource_named("authentication.k8s.io", "tokenreviews")->stored);
    assert_int_equal(resource_named("events.k8s.io", "events")->storage_id,
                     resource_named("", "events")->id);
    assert_false(resource_named("", "namespaces")->verbs & VERB_DELETECOLLECTION);
}

TEST(words)
{
    for (int i = 0; i < schema_words_count; i++)
        assert_int_equal(schema_word(schema_word_text(&schema_words[i]), schema_words[i].len), i);
    assert_int_equal(schema_word("notAWord", 8), WORD_NONE);
    assert_int_equal(schema_word("", 0), WORD_NONE);
    /* Their numbers are in files on disk. */
    assert_int_equal(schema_word("True", 4), 0);
    assert_int_equal(schema_word("Bound", 5), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_found_by_its_name),
        cmocka_unit_test(facts_arrive),
        cmocka_unit_test(resources),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
