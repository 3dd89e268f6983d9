/* C1 at scale: an entity that 100,000 others embed, through two levels, changes in one transaction of bounded time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "storage/store_fixture.h"

#define MODELS 1000u
#define PROJECTS 100000u
#define BATCH 5000u
/* What a busy machine and a sanitizer may take; alone it is about a second. */
#define SLOWEST_NS INT64_C(20000000000)

static struct jg_fixture fixture;

struct put {
  enum jg_kind kind;
  uint64_t first, count;
  struct jg_entity_ref embeds; /* NONE: nothing */
  uint64_t embeds_modulo;      /* 0: all embed the same; else `first + n % modulo` of the embedded kind */
  bool update;
  int64_t revision; /* of the last one */
};

static struct jg_status run_put(struct jg_txn *txn, void *data) {
  struct put *put = data;
  for (uint64_t n = 0; n < put->count; n++) {
    struct jg_entity_ref embeds = put->embeds;
    if (put->embeds_modulo != 0) {
      embeds.id = jg_fixture_id(1 + (put->first + n) % put->embeds_modulo);
    }
    const struct jg_entity_put one = {.create = !put->update,
                                      .kind = put->kind,
                                      .id = jg_fixture_id(put->first + n),
                                      .payload = JG_STR("0123456789"),
                                      .embeds = &embeds,
                                      .embed_count = embeds.kind != JG_KIND_NONE,
                                      .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET)};
    JG_RETURN_IF_ERROR(jg_txn_entity_put(txn, &one, &fixture.arena, &put->revision));
  }
  return JG_STATUS_OK;
}

static void write_all(struct put put) {
  for (uint64_t end = put.first + put.count; put.first < end; put.first += put.count) {
    put.count = end - put.first < BATCH ? end - put.first : BATCH;
    assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_put, &put)));
  }
}

struct heads {
  int64_t expected;
  uint64_t others;
};

static struct jg_status run_heads(struct jg_txn *txn, void *data) {
  struct heads *heads = data;
  for (uint64_t n = 1; n <= PROJECTS; n++) {
    int64_t head;
    JG_RETURN_IF_ERROR(jg_txn_entity_head(txn, JG_KIND_PROJECT, jg_fixture_id(n), &head));
    heads->others += head != heads->expected;
  }
  for (uint64_t n = 1; n <= MODELS; n++) {
    int64_t head;
    JG_RETURN_IF_ERROR(jg_txn_entity_head(txn, JG_KIND_EQUIPMENT_MODEL, jg_fixture_id(n), &head));
    heads->others += head != heads->expected;
  }
  return JG_STATUS_OK;
}

static void a_change_reaches_a_hundred_thousand(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  fixture.options.clock = jg_clock_system();
  jg_fixture_open(&fixture);
  write_all((struct put){.kind = JG_KIND_EQUIPMENT_FAMILY, .first = 1, .count = 1});
  write_all((struct put){.kind = JG_KIND_EQUIPMENT_MODEL,
                         .first = 1,
                         .count = MODELS,
                         .embeds = {JG_KIND_EQUIPMENT_FAMILY, jg_fixture_id(1)}});
  write_all((struct put){.kind = JG_KIND_PROJECT,
                         .first = 1,
                         .count = PROJECTS,
                         .embeds = {.kind = JG_KIND_EQUIPMENT_MODEL},
                         .embeds_modulo = MODELS});
  struct put change = {.kind = JG_KIND_EQUIPMENT_FAMILY, .first = 1, .count = 1, .update = true};
  int64_t begin_ns = jg_clock_mono_ns(jg_clock_system());
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_put, &change)));
  int64_t taken_ns = jg_clock_mono_ns(jg_clock_system()) - begin_ns;
  print_message("a change that 101,000 entities embed: %lld ms\n", (long long)(taken_ns / 1000000));
  struct heads heads = {.expected = change.revision};
  assert_true(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_heads, &heads)));
  assert_int_equal(heads.others, 0);
  assert_true(taken_ns < SLOWEST_NS);
  jg_fixture_done(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_change_reaches_a_hundred_thousand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
