#include "proto/schema/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "jobgate/v1/job.pb-c.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/schema/members.h"

static const enum jg_kind all_kinds[] = {
    JG_KIND_JOB,
    JG_KIND_PROJECT,
    JG_KIND_EQUIPMENT_FAMILY,
    JG_KIND_EQUIPMENT_MODEL,
    JG_KIND_EQUIPMENT_BRAND,
    JG_KIND_PROJECT_STATUS,
    JG_KIND_JOB_TYPE,
    JG_KIND_JOB_PRIORITY,
    JG_KIND_USER,
    JG_KIND_SKILL,
    JG_KIND_SALES_ORGANIZATION,
    JG_KIND_TRANSLATION,
    JG_KIND_JOB_STATUS,
    JG_KIND_JOB_PLANNING,
    JG_KIND_PARENT_JOB,
};

static void entity_by_kind(void **state) {
  (void)state;
  assert_int_equal(JG_COUNT(all_kinds), JG_KIND_COUNT - 1);
  for (size_t i = 0; i < JG_COUNT(all_kinds); i++) {
    const struct jg_entity *entity = jg_entity(all_kinds[i]);
    assert_non_null(entity);
    assert_int_equal(entity->kind, all_kinds[i]);
    assert_string_equal(entity->descriptor->name, entity->message_name.data);
  }
  assert_null(jg_entity(JG_KIND_NONE));
  assert_null(jg_entity(JG_KIND_COUNT));
  assert_null(jg_entity((enum jg_kind)255));
  assert_null(jg_entity((enum jg_kind) - 1));
}

static void entity_by_descriptor(void **state) {
  (void)state;
  assert_ptr_equal(jg_entity_by_descriptor(&jobgate__v1__job__descriptor), jg_entity(JG_KIND_JOB));
  assert_ptr_equal(jg_entity_by_descriptor(&jobgate__v1__parent_job__descriptor), jg_entity(JG_KIND_PARENT_JOB));
  assert_null(jg_entity_by_descriptor(&jobgate__v1__get_job_request__descriptor));
  assert_null(jg_entity_by_descriptor(NULL));
}

static void entity_by_set(void **state) {
  (void)state;
  static const struct {
    struct jg_str set;
    enum jg_kind kind;
  } cases[] = {
      {{"Jobs", 4}, JG_KIND_JOB},
      {{"jobs", 4}, JG_KIND_JOB},
      {{"JOBS", 4}, JG_KIND_JOB},
      {{"equipmentFAMILY", 15}, JG_KIND_EQUIPMENT_FAMILY},
      {{"SalesOrganization", 17}, JG_KIND_SALES_ORGANIZATION},
      {{"", 0}, JG_KIND_NONE}, /* not the entities that have no set */
      {{NULL, 0}, JG_KIND_NONE},
      {{"Job", 3}, JG_KIND_NONE},
      {{"Jobss", 5}, JG_KIND_NONE},
      {{"Jobs\0", 5}, JG_KIND_NONE},
      {{"Translation", 11}, JG_KIND_NONE},
  };
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    assert_ptr_equal(jg_entity_by_set(cases[i].set), jg_entity(cases[i].kind));
  }
}

/* index: of the member in Job; JG_NO_INDEX: unknown */
static const struct {
  struct jg_str name;
  uint8_t index;
} job_names[] = {
    {{"id", 2}, JG_JOB_ID},
    {{"ID", 2}, JG_JOB_ID},
    {{"_parent_id", 10}, JG_JOB_PARENT_ID},
    {{"_Parent_Job", 11}, JG_JOB_PARENT_JOB},
    {{"MODIFIED_DATEUTC", 16}, JG_JOB_MODIFIED_DATEUTC},
    {{"db_address_street2", 18}, JG_JOB_DB_ADDRESS_STREET2},
    {{"id2", 3}, JG_JOB_ID2},
    {{"parent_id", 9}, JG_NO_INDEX}, /* the proto name */
    {{"", 0}, JG_NO_INDEX},
    {{NULL, 0}, JG_NO_INDEX},
    {{"i", 1}, JG_NO_INDEX},
    {{"id\0", 3}, JG_NO_INDEX},
    {{"id3", 3}, JG_NO_INDEX},
    {{"\xc4\xb0"
      "d",
      3},
     JG_NO_INDEX}, /* only ASCII is folded */
    {{"zzz", 3}, JG_NO_INDEX},
    {{"revision", 8}, JG_NO_INDEX}, /* gRPC's alone */
    {{"etag", 4}, JG_NO_INDEX},
};

static void member_by_name(void **state) {
  (void)state;
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  for (size_t i = 0; i < JG_COUNT(job_names); i++) {
    const struct jg_member *expected = job_names[i].index == JG_NO_INDEX ? NULL : &job->members[job_names[i].index];
    assert_ptr_equal(jg_entity_member(job, job_names[i].name), expected);
  }
  for (size_t k = 0; k < JG_COUNT(all_kinds); k++) {
    const struct jg_entity *entity = jg_entity(all_kinds[k]);
    for (size_t i = 0; i < entity->member_count; i++) {
      const struct jg_member *member = &entity->members[i];
      assert_ptr_equal(jg_entity_member(entity, member->name), member);
      assert_ptr_equal(jg_entity_member_by_proto(entity, member->proto_name), member);
      assert_ptr_equal(jg_entity_member_by_number(entity, member->number), member);
    }
  }
}

static void member_by_proto_name(void **state) {
  (void)state;
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  assert_ptr_equal(jg_entity_member_by_proto(job, JG_STR("parent_id")), &job->members[JG_JOB_PARENT_ID]);
  assert_null(jg_entity_member_by_proto(job, JG_STR("_parent_id")));
  assert_null(jg_entity_member_by_proto(job, JG_STR("Name")));
  assert_null(jg_entity_member_by_proto(job, JG_STR("project.name")));
  assert_null(jg_entity_member_by_proto(job, JG_STR_NONE));
}

static void member_by_number(void **state) {
  (void)state;
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const struct jg_entity *parent = jg_entity(JG_KIND_PARENT_JOB);
  assert_null(jg_entity_member_by_number(job, 0));
  assert_null(jg_entity_member_by_number(job, 59));
  assert_null(jg_entity_member_by_number(job, JG_JOB_REVISION_NUMBER));
  assert_null(jg_entity_member_by_number(job, JG_JOB_ETAG_NUMBER));
  assert_null(jg_entity_member_by_number(job, UINT32_MAX));
  /* ParentJob leaves numbers out. */
  assert_null(jg_entity_member_by_number(parent, 3));
  assert_null(jg_entity_member_by_number(parent, 38));
  assert_ptr_equal(jg_entity_member_by_number(parent, 4),
                   &parent->members[JG_PARENT_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE]);
  assert_ptr_equal(jg_entity_member_by_number(parent, 58), &parent->members[JG_PARENT_JOB_MODIFIED_DATEUTC]);
}

/* The C type of the field in the protobuf-c struct, by the member's type. */
static void assert_field(const struct jg_member *member, const ProtobufCFieldDescriptor *field) {
  static const ProtobufCType types[] = {
      [JG_TYPE_STRING] = PROTOBUF_C_TYPE_STRING,  [JG_TYPE_GUID] = PROTOBUF_C_TYPE_STRING,
      [JG_TYPE_INTEGER] = PROTOBUF_C_TYPE_INT32,  [JG_TYPE_BOOL] = PROTOBUF_C_TYPE_BOOL,
      [JG_TYPE_DATE] = PROTOBUF_C_TYPE_MESSAGE,   [JG_TYPE_DECIMAL] = PROTOBUF_C_TYPE_DOUBLE,
      [JG_TYPE_ENTITY] = PROTOBUF_C_TYPE_MESSAGE, [JG_TYPE_ENTITY_LIST] = PROTOBUF_C_TYPE_MESSAGE,
  };
  assert_string_equal(field->name, member->proto_name.data);
  assert_int_equal(field->id, member->number);
  assert_int_equal(field->offset, member->offset);
  assert_true(member->type < JG_COUNT(types));
  assert_int_equal(field->type, types[member->type]);
  if (member->type == JG_TYPE_ENTITY_LIST) {
    assert_int_equal(field->label, PROTOBUF_C_LABEL_REPEATED);
    assert_int_equal(field->quantifier_offset, member->count_offset);
  } else {
    assert_int_equal(field->label, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(member->count_offset, 0);
  }
  if (member->target != JG_KIND_NONE) {
    assert_ptr_equal(field->descriptor, jg_entity(member->target)->descriptor);
  }
}

/* The tables against what protoc-c made of the same files. */
static void tables_fit_the_structs(void **state) {
  (void)state;
  for (size_t k = 0; k < JG_COUNT(all_kinds); k++) {
    const struct jg_entity *entity = jg_entity(all_kinds[k]);
    assert_true(entity->member_count > 0 && entity->member_count <= JG_MEMBERS_MAX);
    unsigned grpc_only = all_kinds[k] == JG_KIND_JOB ? 2 : 0;
    assert_int_equal(entity->descriptor->n_fields, entity->member_count + grpc_only);
    for (size_t i = 0; i < entity->member_count; i++) {
      const struct jg_member *member = &entity->members[i];
      assert_int_equal(member->index, i);
      assert_field(member, protobuf_c_message_descriptor_get_field(entity->descriptor, member->number));
      assert_true(i == 0 || entity->members[i - 1].number < member->number);
      /* json_key is the name as JSON writes it. */
      assert_int_equal(member->json_key.len, member->name.len + 3);
      assert_memory_equal(member->json_key.data + 1, member->name.data, member->name.len);
    }
    for (size_t i = 1; i < entity->member_count; i++) {
      assert_true(
          jg_str_compare(entity->members[entity->by_name[i - 1]].name, entity->members[entity->by_name[i]].name) < 0);
    }
  }
}

static void special_members(void **state) {
  (void)state;
  for (size_t k = 0; k < JG_COUNT(all_kinds); k++) {
    const struct jg_entity *entity = jg_entity(all_kinds[k]);
    const struct jg_member *id = jg_entity_member(entity, JG_STR("id"));
    const struct jg_member *modified = jg_entity_member(entity, JG_STR("modified_dateutc"));
    assert_int_equal(entity->id_member, id == NULL ? JG_NO_INDEX : id->index);
    assert_int_equal(entity->modified_member, modified == NULL ? JG_NO_INDEX : modified->index);
    bool has_key = all_kinds[k] != JG_KIND_TRANSLATION && all_kinds[k] != JG_KIND_JOB_PLANNING;
    assert_int_equal(entity->key_member != JG_NO_INDEX, has_key);
  }
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  assert_int_equal(job->key_member, JG_JOB_REFERENCE_BACK_OFFICE);
  for (size_t i = 0; i < job->member_count; i++) {
    assert_int_equal((job->members[i].flags & JG_MEMBER_EXPAND_ONLY) != 0, i == JG_JOB_PARENT_JOB);
  }
}

/* Every member of a relation points back to it, and only its key is a derived one. */
static void relations_and_members_agree(void **state) {
  (void)state;
  for (size_t k = 0; k < JG_COUNT(all_kinds); k++) {
    const struct jg_entity *entity = jg_entity(all_kinds[k]);
    assert_true(entity->relation_count <= JG_RELATIONS_MAX);
    for (size_t i = 0; i < entity->member_count; i++) {
      const struct jg_member *member = &entity->members[i];
      bool is_key = false;
      if (member->relation != JG_NO_INDEX) {
        assert_true(member->relation < entity->relation_count);
        const struct jg_relation *relation = &entity->relations[member->relation];
        is_key = relation->key_member == i;
        assert_true(is_key || relation->id_member == i || relation->node_member == i);
      }
      assert_int_equal((member->flags & JG_MEMBER_DERIVED_KEY) != 0, is_key);
    }
  }
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const struct jg_relation *user = &job->relations[JG_JOB_REL_SUGGESTED_USER];
  assert_int_equal(user->target, JG_KIND_USER);
  assert_int_equal(user->id_member, JG_JOB_SUGGESTED_USER_ID);
  assert_int_equal(user->key_member, JG_JOB_SUGGESTED_USER_CODE);
  assert_int_equal(user->node_member, JG_JOB_SUGGESTED_USER);
  assert_int_equal(job->relations[JG_JOB_REL_JOB_STATUS].target, JG_KIND_JOB_STATUS);
}

static bool set_holds(const Google__Protobuf__FileDescriptorSet *set, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(set->file[i]->name, name) == 0) {
      return true;
    }
  }
  return false;
}

static void descriptor_set_is_whole(void **state) {
  (void)state;
  static const char *const services[] = {
      "jobgate/v1/job_service.proto",        "google/rpc/error_details.proto",           "grpc/health/v1/health.proto",
      "grpc/reflection/v1/reflection.proto", "grpc/reflection/v1alpha/reflection.proto",
  };
  struct jg_str bytes = jg_schema_descriptor_set();
  Google__Protobuf__FileDescriptorSet *set =
      google__protobuf__file_descriptor_set__unpack(NULL, bytes.len, (const uint8_t *)bytes.data);
  assert_non_null(set);
  for (size_t i = 0; i < JG_COUNT(services); i++) {
    assert_true(set_holds(set, set->n_file, services[i]));
  }
  assert_false(set_holds(set, set->n_file, "google/protobuf/compiler/plugin.proto"));
  for (size_t i = 0; i < set->n_file; i++) {
    assert_null(set->file[i]->source_code_info);
    /* Imports stand before what imports them. */
    for (size_t d = 0; d < set->file[i]->n_dependency; d++) {
      assert_true(set_holds(set, i, set->file[i]->dependency[d]));
    }
  }
  google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entity_by_kind),
      cmocka_unit_test(entity_by_descriptor),
      cmocka_unit_test(entity_by_set),
      cmocka_unit_test(member_by_name),
      cmocka_unit_test(member_by_proto_name),
      cmocka_unit_test(member_by_number),
      cmocka_unit_test(tables_fit_the_structs),
      cmocka_unit_test(special_members),
      cmocka_unit_test(relations_and_members_agree),
      cmocka_unit_test(descriptor_set_is_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
