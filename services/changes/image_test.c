#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/codec/wire.h"
#include "proto/schema/members.h"
#include "services/changes/image.h"

struct side {
  char memory[256];
  struct jg_buf buf;
};

static void side_init(struct side *side) {
  side->buf =
      (struct jg_buf){.data = side->memory, .capacity = sizeof(side->memory), .bytes_max = sizeof(side->memory)};
}

static void put_text(struct side *side, size_t member, const char *text) {
  jg_wire_put_bytes(&side->buf, jg_entity(JG_KIND_JOB)->members[member].number, jg_str_from_cstr(text));
}

static uint64_t bit(size_t member) {
  return UINT64_C(1) << member;
}

struct world {
  struct jg_arena arena;
  struct side after, old, expected;
};

static void world_init(struct world *world) {
  jg_arena_init(&world->arena, 1u << 16);
  side_init(&world->after);
  side_init(&world->old);
  side_init(&world->expected);
}

static struct jg_change updated(const struct world *world, uint64_t changed) {
  return (struct jg_change){.kind = JG_KIND_JOB,
                            .change = JG_CHANGE_UPDATED,
                            .changed = changed,
                            .payload = jg_buf_str(&world->after.buf),
                            .old = jg_buf_str(&world->old.buf)};
}

static void check_before(struct world *world, const struct jg_change *change) {
  struct jg_parts parts;
  assert_true(jg_status_ok(jg_image_before(change, &world->arena, &parts)));
  assert_ptr_equal(parts.entity, jg_entity(JG_KIND_JOB));
  assert_true(jg_str_equal(parts.payload, jg_buf_str(&world->expected.buf)));
  jg_arena_done(&world->arena);
}

static void a_changed_member_gets_its_old_value(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  put_text(&world.after, JG_JOB_ID, "i");
  put_text(&world.after, JG_JOB_NAME, "new");
  put_text(&world.after, JG_JOB_DESCRIPTION, "same");
  put_text(&world.old, JG_JOB_NAME, "old name");
  put_text(&world.expected, JG_JOB_ID, "i");
  put_text(&world.expected, JG_JOB_NAME, "old name");
  put_text(&world.expected, JG_JOB_DESCRIPTION, "same");
  const struct jg_change change = updated(&world, bit(JG_JOB_NAME));
  check_before(&world, &change);
}

static void a_member_that_was_default_is_gone(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  put_text(&world.after, JG_JOB_ID, "i");
  put_text(&world.after, JG_JOB_NAME, "new");
  put_text(&world.expected, JG_JOB_ID, "i");
  const struct jg_change change = updated(&world, bit(JG_JOB_NAME));
  check_before(&world, &change);
}

static void a_member_that_became_default_stands_in_its_place(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  put_text(&world.after, JG_JOB_ID, "i");
  put_text(&world.after, JG_JOB_NAME, "same");
  put_text(&world.old, JG_JOB_PROJECT_ID, "p");
  put_text(&world.old, JG_JOB_DESCRIPTION, "old");
  put_text(&world.expected, JG_JOB_ID, "i");
  put_text(&world.expected, JG_JOB_PROJECT_ID, "p");
  put_text(&world.expected, JG_JOB_NAME, "same");
  put_text(&world.expected, JG_JOB_DESCRIPTION, "old");
  const struct jg_change change = updated(&world, bit(JG_JOB_PROJECT_ID) | bit(JG_JOB_DESCRIPTION));
  check_before(&world, &change);
}

static void a_repeated_member_comes_from_one_side(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  const struct jg_entity *model = jg_entity(JG_KIND_EQUIPMENT_MODEL);
  uint32_t number = model->members[JG_EQUIPMENT_MODEL_TRANSLATIONS].number;
  uint32_t name = model->members[JG_EQUIPMENT_MODEL_NAME].number;
  jg_wire_put_bytes(&world.after.buf, name, JG_STR("n"));
  jg_wire_put_bytes(&world.after.buf, number, JG_STR("1"));
  jg_wire_put_bytes(&world.after.buf, number, JG_STR("2"));
  jg_wire_put_bytes(&world.old.buf, number, JG_STR("3"));
  jg_wire_put_bytes(&world.old.buf, number, JG_STR("4"));
  jg_wire_put_bytes(&world.old.buf, number, JG_STR("5"));
  jg_wire_put_bytes(&world.expected.buf, name, JG_STR("n"));
  jg_wire_put_bytes(&world.expected.buf, number, JG_STR("3"));
  jg_wire_put_bytes(&world.expected.buf, number, JG_STR("4"));
  jg_wire_put_bytes(&world.expected.buf, number, JG_STR("5"));
  assert_true(name < number);
  struct jg_change change = updated(&world, bit(JG_EQUIPMENT_MODEL_TRANSLATIONS));
  change.kind = JG_KIND_EQUIPMENT_MODEL;
  struct jg_parts parts;
  assert_true(jg_status_ok(jg_image_before(&change, &world.arena, &parts)));
  assert_true(jg_str_equal(parts.payload, jg_buf_str(&world.expected.buf)));
  jg_arena_done(&world.arena);
}

static void creation_and_deletion(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  put_text(&world.after, JG_JOB_ID, "i");
  struct jg_change change = {.kind = JG_KIND_JOB, .change = JG_CHANGE_CREATED, .payload = jg_buf_str(&world.after.buf)};
  struct jg_parts parts;
  assert_true(jg_status_ok(jg_image_before(&change, &world.arena, &parts)));
  assert_null(parts.entity);
  jg_image_after(&change, &parts);
  assert_ptr_equal(parts.entity, jg_entity(JG_KIND_JOB));
  assert_true(jg_str_equal(parts.payload, change.payload));

  change = (struct jg_change){.kind = JG_KIND_JOB, .change = JG_CHANGE_DELETED, .old = jg_buf_str(&world.after.buf)};
  assert_true(jg_status_ok(jg_image_before(&change, &world.arena, &parts)));
  assert_true(jg_str_equal(parts.payload, change.old));
  jg_image_after(&change, &parts);
  assert_null(parts.entity);
  jg_arena_done(&world.arena);
}

static void some_members_alone(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  put_text(&world.old, JG_JOB_NAME, "old");
  put_text(&world.old, JG_JOB_DESCRIPTION, "text");
  put_text(&world.expected, JG_JOB_DESCRIPTION, "text");
  const struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB), .payload = jg_buf_str(&world.old.buf)};
  struct jg_str payload;
  assert_true(jg_status_ok(jg_image_cut(&parts, bit(JG_JOB_DESCRIPTION) | bit(JG_JOB_ID), &world.arena, &payload)));
  assert_true(jg_str_equal(payload, jg_buf_str(&world.expected.buf)));
  jg_arena_done(&world.arena);
}

static void damage_and_want_of_memory(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  put_text(&world.after, JG_JOB_ID, "i");
  world.after.buf.len--;
  put_text(&world.old, JG_JOB_NAME, "old");
  struct jg_change change = updated(&world, bit(JG_JOB_NAME));
  struct jg_parts parts;
  struct jg_str payload;
  assert_int_equal(jg_image_before(&change, &world.arena, &parts).code, JG_DATA_LOSS);
  parts = (struct jg_parts){.entity = jg_entity(JG_KIND_JOB), .payload = change.payload};
  assert_int_equal(jg_image_cut(&parts, bit(JG_JOB_NAME), &world.arena, &payload).code, JG_DATA_LOSS);
  jg_arena_done(&world.arena);
  jg_arena_init(&world.arena, 1);
  assert_int_equal(jg_image_before(&change, &world.arena, &parts).code, JG_RESOURCE_EXHAUSTED);
  assert_int_equal(jg_image_cut(&parts, 0, &world.arena, &payload).code, JG_RESOURCE_EXHAUSTED);
  jg_arena_done(&world.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_changed_member_gets_its_old_value),
      cmocka_unit_test(a_member_that_was_default_is_gone),
      cmocka_unit_test(a_member_that_became_default_stands_in_its_place),
      cmocka_unit_test(a_repeated_member_comes_from_one_side),
      cmocka_unit_test(creation_and_deletion),
      cmocka_unit_test(some_members_alone),
      cmocka_unit_test(damage_and_want_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
