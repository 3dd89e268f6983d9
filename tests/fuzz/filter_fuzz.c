/* Any text as $filter and $orderby: what is taken has a canonical text that says the same, compiles, and decides alike about
 * any payload; refusals say why. Input: entity and choices, the text up to a NUL, a payload behind it. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/utf8.h"
#include "proto/codec/message.h"
#include "proto/codec/parts.h"
#include "services/filter/parse.h"
#include "services/filter/predicate.h"
#include "services/filter/value.h"
#include "tests/fuzz/target.h"

static const enum jg_kind kinds[] = {JG_KIND_JOB, JG_KIND_PROJECT, JG_KIND_EQUIPMENT_MODEL, JG_KIND_TRANSLATION};

static struct jg_filter_options options;
static const struct jg_filter_alias aliases[] = {
    {{"@p", 2}, {"'x'", 3}}, {{"@q", 2}, {"@p eq @r or @none", 17}}, {{"@r", 2}, {"@q", 2}}};

static struct jg_str canonical_of(const struct jg_filter *filter, const struct jg_filter_order *orders, size_t count,
                                  struct jg_arena *arena) {
  struct jg_buf out;
  jg_buf_init(&out, JG_FILTER_CANONICAL_BYTES_MAX);
  if (filter != NULL) {
    jg_filter_canonical(filter, &out);
  } else {
    jg_filter_canonical_order(orders, count, &out);
  }
  JG_ASSERT(!out.failed);
  struct jg_str text = jg_arena_str(arena, jg_buf_str(&out));
  jg_buf_done(&out);
  JG_ASSERT(text.data != NULL && jg_utf8_valid(text));
  return text;
}

static void check_refusal(struct jg_status status) {
  JG_ASSERT(status.code == JG_INVALID_ARGUMENT || status.code == JG_UNIMPLEMENTED);
  JG_ASSERT(status.message[0] != '\0' && status.details != NULL && status.details->violation_count == 1);
  JG_ASSERT(jg_utf8_valid(jg_str_from_cstr(status.message)));
}

/* Stored payloads are messages of our own making: other bytes only have to be refused. Relations hold the same bytes where
 * those are a message of their kind. */
static bool take_parts(struct jg_str payload, struct jg_arena *arena, struct jg_expanded *expanded,
                       struct jg_parts *parts) {
  const struct jg_entity *entity = options.entity;
  ProtobufCMessage *message = NULL;
  *parts = (struct jg_parts){.entity = entity, .payload = payload};
  *expanded = (struct jg_expanded){.proto = payload, .key = JG_STR("x")};
  if (!jg_status_ok(jg_message_unpack(entity->descriptor, payload, arena, &message))) {
    return false;
  }
  for (size_t i = 0; i < entity->relation_count; i++) {
    const struct jg_entity *target = jg_entity((enum jg_kind)entity->relations[i].target);
    if (jg_status_ok(jg_message_unpack(target->descriptor, payload, arena, &message))) {
      parts->relations[i] = expanded;
    }
  }
  return true;
}

static struct jg_status decide(const struct jg_filter *filter, const struct jg_parts *parts, struct jg_arena *arena,
                               bool *ret_matches) {
  const struct jg_filter_program *program = NULL;
  struct jg_status status = jg_filter_compile(options.entity, filter, arena, &program);
  JG_ASSERT(jg_status_ok(status));
  struct jg_arena scratch;
  jg_arena_init(&scratch, JG_FUZZ_ARENA_BYTES);
  status = jg_filter_matches(program, parts, &scratch, ret_matches);
  JG_ASSERT(jg_status_ok(status) || status.code == JG_DATA_LOSS || status.reason == JG_REASON_LIMIT_EXCEEDED);
  jg_arena_done(&scratch);
  return status;
}

static void fuzz_filter(struct jg_str text, const struct jg_parts *parts, struct jg_arena *arena) {
  const struct jg_filter *filter = NULL;
  const struct jg_filter *again = NULL;
  struct jg_status status = jg_filter_parse(text, &options, arena, &filter);
  if (!jg_status_ok(status)) {
    check_refusal(status);
    return;
  }
  if (filter == NULL) {
    JG_ASSERT(text.len == 0);
    return;
  }
  struct jg_str canonical = canonical_of(filter, NULL, 0, arena);
  status = jg_filter_parse(canonical, &options, arena, &again);
  // Only the canonical text of long names and dates can be too long.
  JG_ASSERT(jg_status_ok(status) || status.reason == JG_REASON_LIMIT_EXCEEDED);
  if (!jg_status_ok(status)) {
    return;
  }
  JG_ASSERT(jg_str_equal(canonical_of(again, NULL, 0, arena), canonical));
  JG_ASSERT(jg_filter_hash(filter) == jg_filter_hash(again) && jg_filter_hash(filter) != 0);
  if (parts != NULL) {
    bool first = false;
    bool second = false;
    struct jg_status one = decide(filter, parts, arena, &first);
    struct jg_status two = decide(again, parts, arena, &second);
    JG_ASSERT(one.code == two.code && first == second);
  }
}

static void fuzz_order(struct jg_str text, const struct jg_parts *parts, struct jg_arena *arena) {
  struct jg_filter_order orders[JG_FILTER_ORDER_MAX];
  struct jg_filter_order again[JG_FILTER_ORDER_MAX];
  size_t count = 0;
  size_t count_again = 0;
  struct jg_status status = jg_filter_parse_order(text, &options, arena, orders, &count);
  if (!jg_status_ok(status)) {
    check_refusal(status);
    return;
  }
  struct jg_str canonical = canonical_of(NULL, orders, count, arena);
  status = jg_filter_parse_order(canonical, &options, arena, again, &count_again);
  if (!jg_status_ok(status)) {
    JG_ASSERT(status.reason == JG_REASON_LIMIT_EXCEEDED);
    return;
  }
  JG_ASSERT(count_again == count && jg_str_equal(canonical_of(NULL, again, count, arena), canonical));
  if (parts == NULL || count == 0) {
    return;
  }
  const struct jg_filter_program *program = NULL;
  struct jg_filter_value values[JG_FILTER_ORDER_MAX];
  JG_ASSERT(jg_status_ok(jg_filter_compile_order(options.entity, orders, count, arena, &program)));
  if (!jg_status_ok(jg_filter_keys(program, parts, arena, values))) {
    return;
  }
  JG_ASSERT(jg_filter_compare_keys(orders, count, values, values) == 0);
  for (size_t i = 0; i < count; i++) {
    JG_ASSERT(values[i].type == JG_VALUE_NULL || values[i].type == orders[i].key->type);
    struct jg_buf out;
    jg_buf_init(&out, 256);
    if (jg_filter_value_put(&values[i], &out)) {
      struct jg_str rest = jg_buf_str(&out);
      struct jg_filter_value back;
      JG_ASSERT(jg_filter_value_take(&rest, orders[i].key->type, &back) && rest.len == 0);
      JG_ASSERT(jg_filter_compare_values(&values[i], &back) == 0);
    }
    jg_buf_done(&out);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_str input = jg_str_make((const char *)data, size);
  size_t choice = jg_fuzz_choice(&input, 8 * JG_COUNT(kinds));
  options = (struct jg_filter_options){.entity = jg_entity(kinds[choice % JG_COUNT(kinds)]),
                                       .field = "$filter",
                                       .now_ticks = INT64_C(17696708207184075),
                                       .aliases = aliases,
                                       .alias_count = JG_COUNT(aliases),
                                       .stored_only = choice / JG_COUNT(kinds) % 2 == 1,
                                       .fold_case = choice / JG_COUNT(kinds) >= 4};
  struct jg_str payload;
  struct jg_str text = jg_str_cut(input, '\0', &payload);
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  struct jg_expanded expanded;
  struct jg_parts parts;
  bool readable = take_parts(payload, &arena, &expanded, &parts);
  if (choice / JG_COUNT(kinds) % 4 < 2) {
    fuzz_filter(text, readable ? &parts : NULL, &arena);
  } else {
    fuzz_order(text, readable ? &parts : NULL, &arena);
  }
  jg_arena_done(&arena);
  return 0;
}
