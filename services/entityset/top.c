#include "services/entityset/top.h"

#include <stdlib.h>

#include "base/compiler.h"

#define ROWS_MIN 64u
/* Keys of the rows that are kept; there are two such arenas while the last ones are copied. */
#define ARENA_BYTES_MAX ((size_t)128 << 20)

static struct jg_status too_much(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED,
                        "the order's keys need too much memory: ask for fewer rows");
}

void jg_entityset_top_init(struct jg_entityset_top *top, const struct jg_filter_order *orders, size_t order_count,
                           size_t wanted) {
  JG_ASSERT(wanted > 0 && order_count > 0);
  *top = (struct jg_entityset_top){.orders = orders, .order_count = order_count, .wanted = wanted};
  jg_arena_init(&top->arenas[0], ARENA_BYTES_MAX);
  jg_arena_init(&top->arenas[1], ARENA_BYTES_MAX);
}

void jg_entityset_top_done(struct jg_entityset_top *top) {
  jg_arena_done(&top->arenas[0]);
  jg_arena_done(&top->arenas[1]);
}

int jg_entityset_top_compare(const struct jg_entityset_top *top, const struct jg_entityset_top_row *a,
                             const struct jg_entityset_top_row *b) {
  int order = jg_filter_compare_keys(top->orders, top->order_count, a->keys, b->keys);
  return order != 0 ? order : memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
}

static int compare(const void *a, const void *b, void *top) {
  return jg_entityset_top_compare(top, a, b);
}

void jg_entityset_top_sort(struct jg_entityset_top *top) {
  if (top->count > 1) {
    qsort_r(top->rows, top->count, sizeof(top->rows[0]), compare, top);
  }
  top->count = top->count < top->wanted ? top->count : top->wanted;
}

/* NULL at the arena's cap. */
static const struct jg_filter_value *copy_keys(const struct jg_entityset_top *top, const struct jg_filter_value *keys,
                                               struct jg_arena *arena) {
  struct jg_filter_value *copy = jg_arena_alloc(arena, top->order_count * sizeof(copy[0]));
  for (size_t i = 0; copy != NULL && i < top->order_count; i++) {
    copy[i] = keys[i];
    if (keys[i].type == JG_VALUE_STRING) {
      copy[i].string = jg_arena_str(arena, keys[i].string);
      if (copy[i].string.data == NULL) {
        return NULL;
      }
    }
  }
  return copy;
}

/* Room for more: rows that are not wanted go if they are half of all, else the room is doubled. */
static struct jg_status make_room(struct jg_entityset_top *top) {
  bool drop = top->count / 2 >= top->wanted;
  if (drop) {
    jg_entityset_top_sort(top);
    top->bounded = true;
  }
  struct jg_arena *arena = &top->arenas[drop ? 1 - top->current : top->current];
  size_t capacity = top->count < ROWS_MIN / 2 ? ROWS_MIN : top->count * 2;
  struct jg_entityset_top_row *rows = jg_arena_alloc(arena, capacity * sizeof(rows[0]));
  if (rows == NULL) {
    return too_much();
  }
  for (size_t i = 0; i < top->count; i++) {
    rows[i] = top->rows[i];
    if (drop && (rows[i].keys = copy_keys(top, rows[i].keys, arena)) == NULL) {
      return too_much();
    }
  }
  if (drop) {
    jg_arena_reset(&top->arenas[top->current]);
    top->current = 1 - top->current;
  }
  top->rows = rows;
  top->capacity = capacity;
  return JG_STATUS_OK;
}

struct jg_status jg_entityset_top_add(struct jg_entityset_top *top, const struct jg_entityset_top_row *row) {
  if (top->bounded && jg_entityset_top_compare(top, row, &top->rows[top->wanted - 1]) > 0) {
    return JG_STATUS_OK;
  }
  if (top->count == top->capacity) {
    JG_RETURN_IF_ERROR(make_room(top));
  }
  const struct jg_filter_value *keys = copy_keys(top, row->keys, &top->arenas[top->current]);
  if (keys == NULL) {
    return too_much();
  }
  top->rows[top->count++] = (struct jg_entityset_top_row){keys, row->id};
  return JG_STATUS_OK;
}
