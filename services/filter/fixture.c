#include "services/filter/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proto/codec/date.h"
#include "proto/codec/message.h"
#include "proto/codec/proto_encode.h"
#include "proto/schema/members.h"

#define MESSAGE_BYTES_MAX (1u << 20)

static void set_translations(ProtobufCMessage *message, const struct jg_member *member, struct jg_str value,
                             struct jg_arena *arena) {
  static const char *const names[] = {"language_code", "field_name", "value_translated"};
  const struct jg_entity *entity = jg_entity(JG_KIND_TRANSLATION);
  ProtobufCMessage **items = jg_arena_alloc(arena, 100 * sizeof(ProtobufCMessage *));
  size_t count = 0;
  while (value.data != NULL && value.len != 0) {
    struct jg_str one = jg_str_cut(value, '|', &value);
    assert_true(count < 100);
    items[count] = jg_message_new(entity->descriptor, arena);
    for (size_t i = 0; i < 3; i++) {
      const struct jg_member *part = jg_entity_member(entity, jg_str_from_cstr(names[i]));
      struct jg_str text = jg_str_cut(one, ':', &one);
      assert_true(jg_member_set_str(items[count], part, text, arena));
    }
    count++;
  }
  jg_member_set_items(message, member, items, count);
}

static void set_member(ProtobufCMessage *message, const struct jg_member *member, struct jg_str value,
                       struct jg_arena *arena) {
  int64_t number = 0;
  struct jg_str copy = jg_arena_str(arena, value);
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
    case JG_TYPE_GUID:
      assert_true(jg_member_set_str(message, member, value, arena));
      break;
    case JG_TYPE_INTEGER:
      assert_true(jg_parse_i64(value, &number));
      jg_member_set_int(message, member, (int32_t)number);
      break;
    case JG_TYPE_BOOL:
      jg_member_set_bool(message, member, jg_str_equal(value, JG_STR("true")));
      break;
    case JG_TYPE_DECIMAL:
      jg_member_set_decimal(message, member, strtod(copy.data, NULL));
      break;
    case JG_TYPE_DATE:
      assert_true(jg_date_parse(value, &number));
      assert_true(jg_member_set_date(message, member, number, arena));
      break;
    case JG_TYPE_ENTITY_LIST:
      set_translations(message, member, value, arena);
      break;
    case JG_TYPE_ENTITY:
      fail_msg("a node is set by jg_fixture_relate");
      break;
  }
}

struct jg_parts jg_fixture_parts(struct jg_arena *arena, enum jg_kind kind, const char *members) {
  const struct jg_entity *entity = jg_entity(kind);
  ProtobufCMessage *message = jg_message_new(entity->descriptor, arena);
  assert_non_null(message);
  struct jg_str rest = jg_str_from_cstr(members);
  while (rest.data != NULL && rest.len != 0) {
    struct jg_str value;
    struct jg_str name = jg_str_cut(jg_str_cut(rest, ';', &rest), '=', &value);
    const struct jg_member *member = jg_entity_member(entity, name);
    if (member == NULL) {
      fail_msg("no member %.*s", JG_STR_ARG(name));
      break;  // never: fail_msg does not come back
    }
    set_member(message, member, value, arena);
  }
  struct jg_parts parts = {.entity = entity, .payload = jg_message_pack_payload(entity, message, arena)};
  assert_non_null(parts.payload.data);
  return parts;
}

void jg_fixture_relate(struct jg_parts *parts, const char *relation, const struct jg_expanded *expanded) {
  for (size_t i = 0; i < parts->entity->relation_count; i++) {
    if (jg_str_equal(parts->entity->relations[i].name, jg_str_from_cstr(relation))) {
      parts->relations[i] = expanded;
      return;
    }
  }
  fail_msg("no relation %s", relation);
}

/* The lookup key as it stands in the payload. */
static struct jg_str key_of(const struct jg_parts *parts, struct jg_arena *arena) {
  if (parts->entity->key_member == JG_NO_INDEX) {
    return JG_STR("");
  }
  ProtobufCMessage *message = NULL;
  struct jg_status status = jg_message_unpack(parts->entity->descriptor, parts->payload, arena, &message);
  assert_true(jg_status_ok(status));
  return jg_member_str(message, &parts->entity->members[parts->entity->key_member]);
}

const struct jg_expanded *jg_fixture_expand(struct jg_arena *arena, const struct jg_parts *parts) {
  struct jg_buf out;
  jg_buf_init(&out, MESSAGE_BYTES_MAX);
  jg_proto_encode(parts, true, &out);
  assert_false(out.failed);
  struct jg_expanded *expanded = jg_arena_alloc_zero(arena, sizeof(*expanded));
  expanded->proto = jg_arena_str(arena, jg_buf_str(&out));
  expanded->key = key_of(parts, arena);
  jg_buf_done(&out);
  return expanded;
}

static const struct jg_expanded *simple(struct jg_arena *arena, enum jg_kind kind, const char *members,
                                        const struct jg_expanded *sales_organization) {
  struct jg_parts parts = jg_fixture_parts(arena, kind, members);
  if (sales_organization != NULL) {
    jg_fixture_relate(&parts, "sales_organization", sales_organization);
  }
  return jg_fixture_expand(arena, &parts);
}

static const struct jg_expanded *project(struct jg_arena *arena, const struct jg_expanded *organization) {
  struct jg_parts model =
      jg_fixture_parts(arena, JG_KIND_EQUIPMENT_MODEL,
                       "id=00000000-0000-0000-0000-00000000004d;code=M-1;name=Pump 3000;warranty_period_nb_months=24;"
                       "date_end_support=2030-01-01;translations=en:name:Pump|nl:name:Pomp");
  jg_fixture_relate(&model, "equipment_brand",
                    simple(arena, JG_KIND_EQUIPMENT_BRAND, "id=00000000-0000-0000-0000-0000000000b1;name=Acme;code=B-1",
                           organization));
  jg_fixture_relate(&model, "sales_organization", organization);
  struct jg_parts parts = jg_fixture_parts(
      arena, JG_KIND_PROJECT,
      "id=00000000-0000-0000-0000-0000000000f1;name=Boiler house;reference_back_office=P-1;nb_open_jobs=7;"
      "date_built=2001-05-06;is_mobile_installation=true;serial_number=SN 1;modified_dateutc=2026-01-01");
  jg_fixture_relate(&parts, "equipment_model", jg_fixture_expand(arena, &model));
  jg_fixture_relate(
      &parts, "project_status",
      simple(arena, JG_KIND_PROJECT_STATUS,
             "id=00000000-0000-0000-0000-0000000000e1;name=Active;code=ACT;is_default=true", organization));
  return jg_fixture_expand(arena, &parts);
}

static const struct jg_expanded *parent(struct jg_arena *arena, const struct jg_expanded *of_project) {
  struct jg_parts parts =
      jg_fixture_parts(arena, JG_KIND_PARENT_JOB,
                       "id=2044b92d-0000-0000-0000-00000000000c;project_id=00000000-0000-0000-0000-0000000000f1;"
                       "reference_back_office=J-0;name=Overhaul;id2=35;due_date=2026-03-01T00:00:00Z");
  jg_fixture_relate(&parts, "project", of_project);
  return jg_fixture_expand(arena, &parts);
}

/* Sets what the text left out, so that a payload is as long as they come. */
static const char every_member[] =
    "id=2044b92d-0000-0000-0000-00000000000a;_parent_id=2044b92d-0000-0000-0000-00000000000c;project_id=00000000-0000-"
    "0000-0000-0000000000f1;"
    "job_type_id=00000000-0000-0000-0000-0000000000a1;job_priority_id=00000000-0000-0000-0000-0000000000a2;"
    "job_status_id=8ba9da71-ef32-423a-bb50-ae767315f55c;db_address_id=00000000-0000-0000-0000-0000000000d1;"
    "contact_id=00000000-0000-0000-0000-0000000000c1;requested_by_company_id=00000000-0000-0000-0000-0000000000c2;"
    "requested_by_contact_id=00000000-0000-0000-0000-0000000000c3;reference_back_office=J-1;name=Rep\u00e4ratur "
    "O'Brien;"
    "description=Replace the seal of pump 3 \U0001F600;working_sequence=-3;internal_memo=  memo "
    ";prejob_information=info;"
    "estimated_time=90;earliest_date_plannable=2026-02-01T08:00:00Z;due_date=2026-02-15T17:30:15.5Z;"
    "date_create=2026-01-28T09:00:00Z;date_update=2026-01-29T07:13:40Z;date_closed=2026-03-01;"
    "suggested_user_id=00000000-0000-0000-0000-0000000000a3;suggested_date_start=2026-02-02T08:00:00Z;"
    "skill_id=00000000-0000-0000-0000-0000000000a4;customer_reference=PO 4711;"
    "approval_responsible_user_id=00000000-0000-0000-0000-0000000000a5;date_reported_by_company=2026-01-27;id2=36;"
    "company_id=00000000-0000-0000-0000-0000000000c4;company_code=ACME;db_address_name=Site;db_address_street=Kaai;"
    "db_address_street2=b;db_address_street_number=12;db_address_city=Gent;db_address_zip=9000;"
    "db_address_db_country_id=00000000-0000-0000-0000-0000000000be;db_address_db_country_code=BE;db_address_phone=+32 "
    "9;"
    "db_address_email=site@example.org;db_address_latitude_decimal=51.05;db_address_longitude_decimal=-3.5;"
    "estimated_quantity_remark=none;modified_dateutc=2026-01-29T07:13:40.7184075Z";

struct jg_parts jg_fixture_job(struct jg_arena *arena) {
  const struct jg_expanded *organization =
      simple(arena, JG_KIND_SALES_ORGANIZATION,
             "id=00000000-0000-0000-0000-000000000050;code=SO;name=Belgium;city=Gent", NULL);
  struct jg_parts job = jg_fixture_parts(arena, JG_KIND_JOB, every_member);
  jg_fixture_relate(&job, "project", project(arena, organization));
  jg_fixture_relate(
      &job, "job_type",
      simple(arena, JG_KIND_JOB_TYPE, "id=00000000-0000-0000-0000-0000000000a1;name=Repair;code=REP", NULL));
  jg_fixture_relate(&job, "job_priority",
                    simple(arena, JG_KIND_JOB_PRIORITY,
                           "id=00000000-0000-0000-0000-0000000000a2;name=High;code=HI;sequence=2", organization));
  jg_fixture_relate(&job, "job_status",
                    simple(arena, JG_KIND_JOB_STATUS, "id=8ba9da71-ef32-423a-bb50-ae767315f55c;code=Open", NULL));
  jg_fixture_relate(
      &job, "suggested_user",
      simple(arena, JG_KIND_USER, "id=00000000-0000-0000-0000-0000000000a3;code=JAN;firstname=Jan;archived=false",
             organization));
  jg_fixture_relate(
      &job, "skill",
      simple(arena, JG_KIND_SKILL, "id=00000000-0000-0000-0000-0000000000a4;name=Weld;code=WLD", organization));
  job.parent = parent(arena, job.relations[JG_JOB_REL_PROJECT]);
  return job;
}

struct jg_parts jg_fixture_bare_job(struct jg_arena *arena) {
  return jg_fixture_parts(arena, JG_KIND_JOB, "id=2044b92d-0000-0000-0000-00000000000b");
}
