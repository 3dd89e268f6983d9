#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/codec/message.h"
#include "proto/schema/members.h"
#include "services/changes/index.h"
#include "services/entities/diff.h"

static struct jg_view *make(const char *filter, bool entities) {
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 20);
  const struct jg_view_options options = {
      .filter = jg_str_from_cstr(filter), .mask = {.all = true}, .entity_changes = entities};
  struct jg_view *view = NULL;
  struct jg_status status = jg_view_create(&options, &arena, &view);
  if (!jg_status_ok(status)) {
    print_error("%s\n", status.message);
  }
  assert_non_null(view);
  jg_arena_done(&arena);
  return view;
}

struct world {
  struct jg_arena arena;
  struct jg_index *index;
  struct jg_index_item items[64];
  size_t count;
};

static void world_init(struct world *world, const char *const *filters, size_t count) {
  *world = (struct world){.index = jg_index_create(), .count = count};
  jg_arena_init(&world->arena, (size_t)64 << 20);
  for (size_t i = 0; i < count; i++) {
    world->items[i].view = make(filters[i], false);
    jg_index_add(world->index, &world->items[i]);
  }
}

static void world_done(struct world *world) {
  for (size_t i = 0; i < world->count; i++) {
    jg_index_remove(world->index, &world->items[i]);
    jg_view_destroy((struct jg_view *)(uintptr_t)world->items[i].view);
  }
  jg_index_destroy(world->index);
  jg_arena_done(&world->arena);
}

static const struct jg_member *member(size_t index) {
  return &jg_entity(JG_KIND_JOB)->members[index];
}

struct job {
  const char *id, *name, *description;
  int32_t id2;
};

static ProtobufCMessage *message_of(const struct job *job, struct jg_arena *arena) {
  ProtobufCMessage *message = jg_message_new(jg_entity(JG_KIND_JOB)->descriptor, arena);
  assert_true(jg_member_set_str(message, member(JG_JOB_ID), jg_str_from_cstr(job->id), arena));
  assert_true(jg_member_set_str(message, member(JG_JOB_NAME), jg_str_from_cstr(job->name), arena));
  assert_true(jg_member_set_str(message, member(JG_JOB_DESCRIPTION), jg_str_from_cstr(job->description), arena));
  jg_member_set_int(message, member(JG_JOB_ID2), job->id2);
  return message;
}

/* before, after: NULL: there was, is none. */
static struct jg_change change_of(struct world *world, const struct job *before, const struct job *after) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct jg_change change = {.revision = 1, .kind = JG_KIND_JOB, .change = JG_CHANGE_UPDATED, .last = true};
  ProtobufCMessage *old = before != NULL ? message_of(before, &world->arena) : NULL;
  ProtobufCMessage *now = after != NULL ? message_of(after, &world->arena) : NULL;
  if (now != NULL) {
    change.payload = jg_message_pack_payload(job, now, &world->arena);
  }
  if (old == NULL) {
    change.change = JG_CHANGE_CREATED;
  } else if (now == NULL) {
    change.change = JG_CHANGE_DELETED;
    change.old = jg_message_pack_payload(job, old, &world->arena);
  } else {
    change.changed = jg_diff_changed(job, old, now);
    assert_true(jg_status_ok(jg_diff_old(job, old, change.changed, &world->arena, &change.old)));
  }
  return change;
}

struct found {
  struct world *world;
  bool seen[64];
  size_t count;
};

static struct jg_status take(struct jg_index_item *item, size_t change, void *data) {
  struct found *found = data;
  assert_int_equal(change, 0);
  size_t i = (size_t)(item - found->world->items);
  assert_true(i < found->world->count);
  assert_false(found->seen[i]);
  found->seen[i] = true;
  found->count++;
  return JG_STATUS_OK;
}

/* Who is to be asked about a change; and those who show it are among them. */
static struct found search(struct world *world, const struct jg_change *change) {
  struct found found = {.world = world};
  const struct jg_changes changes = {.items = (struct jg_change *)(uintptr_t)change, .count = 1, .through_revision = 1};
  const struct jg_sift_options options = {0};
  struct jg_sift sift;
  assert_true(jg_status_ok(jg_sift_init(&sift, &options, &changes, &world->arena)));
  assert_true(jg_status_ok(jg_index_search(world->index, &sift, 0, take, &found)));
  for (struct jg_index_item *item = jg_index_unfiled(world->index); item != NULL; item = item->after) {
    assert_true(jg_status_ok(take(item, 0, &found)));
  }
  for (size_t i = 0; i < world->count; i++) {
    struct jg_picks picks = {0};
    assert_true(jg_status_ok(jg_sift_pick(&sift, world->items[i].view, 0, &picks)));
    assert_true(found.seen[i] || picks.count == 0);
  }
  jg_sift_done(&sift);
  return found;
}

static void equalities_are_filed(void **state) {
  (void)state;
  static const char *const filters[] = {
      "name eq 'a'",                                        // 0
      "'a' eq name and id2 gt 3",                           // 1
      "id2 gt 3 and (description eq 'x' and name ne 'z')",  // 2
      "name in ('a','b')",                                  // 3
      "id2 eq 7",                                           // 4
      "description eq ''",                                  // 5
  };
  struct world world;
  world_init(&world, filters, JG_COUNT(filters));
  assert_null(jg_index_unfiled(world.index));
  const struct job a = {"", "a", "x", 7};
  const struct job b = {"", "b", "x", 8};
  struct jg_change change = change_of(&world, NULL, &a);
  struct found found = search(&world, &change);
  assert_int_equal(found.count, 5);
  assert_false(found.seen[5]);
  // Both sides count, and a view on both comes once.
  change = change_of(&world, &a, &b);
  found = search(&world, &change);
  assert_int_equal(found.count, 5);
  change = change_of(&world, &b, NULL);
  found = search(&world, &change);
  assert_int_equal(found.count, 2);
  assert_true(found.seen[2] && found.seen[3]);
  const struct job none = {"", "", "", 0};
  change = change_of(&world, NULL, &none);
  found = search(&world, &change);
  assert_int_equal(found.count, 1);
  assert_true(found.seen[5]);
  world_done(&world);
}

static void what_cannot_be_filed_is_asked_always(void **state) {
  (void)state;
  static const char *const filters[] = {
      "",
      "name ne 'a'",
      "name eq 'a' or id2 eq 1",
      "not (name eq 'a')",
      "tolower(name) eq 'a' or name eq 'a'",
      "toupper(name) eq 'A'",
      "name eq description",
      "name eq 'a' or name gt 'b'",
      "id2 gt 1 or (name eq 'a' and id2 eq 3)",
      "name eq null",
      "id2 eq 1.5",
  };
  struct world world;
  world_init(&world, filters, JG_COUNT(filters));
  size_t count = 0;
  for (struct jg_index_item *item = jg_index_unfiled(world.index); item != NULL; item = item->after) {
    count++;
  }
  assert_int_equal(count, JG_COUNT(filters));
  const struct job a = {"", "a", "x", 7};
  struct jg_change change = change_of(&world, NULL, &a);
  assert_int_equal(search(&world, &change).count, JG_COUNT(filters));
  world_done(&world);
}

static void the_id_is_the_best_key(void **state) {
  (void)state;
  static const char *const filters[] = {
      "name eq 'a' and id eq 00000000-0000-0000-0000-000000000001",
      "id eq 00000000-0000-0000-0000-000000000002 and name eq 'a'",
  };
  struct world world;
  world_init(&world, filters, JG_COUNT(filters));
  const struct job a = {"00000000-0000-0000-0000-000000000002", "a", "", 0};
  struct jg_change change = change_of(&world, NULL, &a);
  struct found found = search(&world, &change);
  assert_int_equal(found.count, 1);
  assert_true(found.seen[1]);
  world_done(&world);
}

struct counted {
  const struct jg_index_item *expected;
  size_t count;
};

static struct jg_status count_one(struct jg_index_item *item, size_t change, void *data) {
  struct counted *counted = data;
  assert_int_equal(change, 0);
  assert_ptr_equal(item, counted->expected);
  counted->count++;
  return JG_STATUS_OK;
}

static void views_come_and_go(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  struct world world;
  world_init(&world, NULL, 0);
  struct jg_index_item *items = jg_alloc_zero(COUNT, sizeof(*items));
  for (size_t i = 0; i < COUNT; i++) {
    char filter[64];
    (void)snprintf(filter, sizeof(filter), "name eq 'n%zu'", i / 2);
    items[i].view = make(filter, i % 3 == 0);
    jg_index_add(world.index, &items[i]);
  }
  // One of each pair goes, now the first, now the second.
  for (size_t i = 0; i < COUNT; i += 2) {
    jg_index_remove(world.index, &items[i + (i / 2) % 2]);
  }
  for (size_t i = 0; i < COUNT; i += 2) {
    char name[16];
    (void)snprintf(name, sizeof(name), "n%zu", i / 2);
    struct jg_change change = change_of(&world, NULL, &(const struct job){"", name, "", 0});
    const struct jg_changes changes = {.items = &change, .count = 1, .through_revision = 1};
    const struct jg_sift_options options = {0};
    struct jg_sift sift;
    assert_true(jg_status_ok(jg_sift_init(&sift, &options, &changes, &world.arena)));
    struct counted counted = {.expected = &items[i + 1 - (i / 2) % 2]};
    assert_true(jg_status_ok(jg_index_search(world.index, &sift, 0, count_one, &counted)));
    assert_int_equal(counted.count, 1);
    jg_sift_done(&sift);
    jg_arena_reset(&world.arena);
  }
  for (size_t i = 0; i < COUNT; i++) {
    if (i % 2 != (i / 2) % 2) {
      jg_index_remove(world.index, &items[i]);
    }
    jg_view_destroy((struct jg_view *)(uintptr_t)items[i].view);
  }
  assert_null(jg_index_entities(world.index));
  jg_free(items);
  world_done(&world);
}

/* ---- whatever is written, whoever shows it is asked ---- */

static uint64_t next_random(uint64_t *seed) {
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *seed >> 33;
}

static void nobody_is_forgotten(void **state) {
  (void)state;
  static const char *const filters[] = {
      "name eq 'a'",
      "name eq 'b' and description eq 'x'",
      "name eq '' or name eq 'c'",
      "id2 eq 2",
      "id2 eq 0 and name ne 'a'",
      "description eq 'x' and id2 eq 1",
      "description eq ''",
      "id eq 00000000-0000-0000-0000-000000000001",
      "id eq 00000000-0000-0000-0000-000000000000 and name eq 'a'",
      "tolower(name) eq 'a' and description ne 'x'",
      "tolower(name) eq 'b' or tolower(name) eq ''",
      "(name eq 'a' or name eq 'b') and (id2 eq 1 or id2 eq 2 or id2 eq 3)",
  };
  static const char *const ids[] = {"", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"};
  static const char *const names[] = {"", "a", "A", "B"};
  static const char *const descriptions[] = {"", "x", "y"};
  struct world world;
  world_init(&world, filters, JG_COUNT(filters));
  assert_null(jg_index_unfiled(world.index));
  uint64_t seed = 3;
  for (size_t i = 0; i < 20000; i++) {
    struct job sides[2];
    for (size_t k = 0; k < 2; k++) {
      sides[k] = (struct job){ids[next_random(&seed) % 3], names[next_random(&seed) % 4],
                              descriptions[next_random(&seed) % 3], (int32_t)(next_random(&seed) % 4)};
    }
    sides[1].id = sides[0].id;
    uint64_t kind = next_random(&seed) % 4;
    struct jg_change change = change_of(&world, kind == 0 ? NULL : &sides[0], kind == 1 ? NULL : &sides[1]);
    search(&world, &change);
    jg_arena_reset(&world.arena);
  }
  world_done(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equalities_are_filed),   cmocka_unit_test(what_cannot_be_filed_is_asked_always),
      cmocka_unit_test(the_id_is_the_best_key), cmocka_unit_test(views_come_and_go),
      cmocka_unit_test(nobody_is_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
