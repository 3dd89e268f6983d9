#include "services/changes/view.h"

#include "base/hash.h"
#include "services/filter/parse.h"

/* Of a filter's tree, text and program; the largest that the language allows takes a third of it. */
#define FILTER_BYTES_MAX ((size_t)2 << 20)

/* Is the moment of the request in it? Nodes are walked without recursion: children stand on a stack of the most there may be. */
static bool reads_clock(const struct jg_filter *filter) {
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t count = 0;
  stack[count++] = filter;
  while (count > 0) {
    const struct jg_filter *node = stack[--count];
    if (node->kind == JG_FILTER_LITERAL && node->type == JG_VALUE_DATETIME && node->string.len > 0) {
      return true;
    }
    for (size_t i = 0; i < node->arg_count; i++) {
      JG_ASSERT(count < JG_COUNT(stack));
      stack[count++] = node->args[i];
    }
  }
  return false;
}

/* What decides a filter's answer, of the members that the log tells of. */
static void take_members(struct jg_view *view) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  view->filter_members = jg_filter_program_members(view->program);
  view->filter_relations = jg_filter_program_relations(view->program, false);
  JG_ASSERT(jg_filter_program_relations(view->program, true) == 0);
  for (size_t i = 0; i < job->relation_count; i++) {
    if ((view->filter_relations >> i & 1) != 0) {
      view->filter_members |= UINT64_C(1) << job->relations[i].id_member;
    }
  }
}

static struct jg_status take_filter(const struct jg_view_options *from, struct jg_view *view) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct jg_arena *arena = &view->arena;
  const struct jg_filter_options options = {
      .entity = job, .field = "filter", .stored_only = true, .fold_case = from->fold_case};
  JG_RETURN_IF_ERROR(jg_filter_parse(from->filter, &options, arena, &view->filter));
  if (view->filter == NULL) {
    return JG_STATUS_OK;
  }
  if (reads_clock(view->filter)) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "filter",
                           "uses now(): jobs would come and go without a change; compare with a fixed time");
  }
  JG_RETURN_IF_ERROR(jg_filter_compile(job, view->filter, arena, &view->program));
  take_members(view);
  struct jg_buf canonical;
  jg_buf_init(&canonical, JG_FILTER_CANONICAL_BYTES_MAX);
  jg_filter_canonical(view->filter, &canonical);
  view->filter_text = canonical.failed ? JG_STR_NONE : jg_arena_str(arena, jg_buf_str(&canonical));
  jg_buf_done(&canonical);
  if (view->filter_text.data == NULL) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "filter", "needs too much memory");
  }
  view->filter_hash = jg_filter_hash(view->filter);
  return JG_STATUS_OK;
}

struct jg_status jg_view_create(const struct jg_view_options *options, struct jg_arena *arena,
                                struct jg_view **ret_view) {
  JG_ASSERT(options->coalesce_ns >= 0 && options->coalesce_ns <= JG_VIEW_COALESCE_NS_MAX);
  struct jg_view *view = jg_alloc_zero(1, sizeof(*view));
  view->nodes = options->nodes;
  view->entity_changes = options->entity_changes;
  view->coalesce_ns = options->coalesce_ns;
  view->mask = options->mask;
  if (view->mask.all) {
    // All ways to say "all" are one view.
    view->mask = (struct jg_read_mask){.all = true};
  } else {
    view->mask.members |= UINT64_C(1) << jg_entity(JG_KIND_JOB)->id_member;
  }
  jg_arena_init(&view->arena, FILTER_BYTES_MAX);
  struct jg_status status = take_filter(options, view);
  if (!jg_status_ok(status)) {
    status = jg_status_copy(arena, status);
    jg_view_destroy(view);
    return status;
  }
  *ret_view = view;
  return JG_STATUS_OK;
}

void jg_view_destroy(struct jg_view *view) {
  if (view == NULL) {
    return;
  }
  jg_arena_done(&view->arena);
  jg_free(view);
}

bool jg_view_equal(const struct jg_view *a, const struct jg_view *b) {
  return a->nodes == b->nodes && a->entity_changes == b->entity_changes && a->coalesce_ns == b->coalesce_ns &&
         a->mask.all == b->mask.all && a->mask.revision == b->mask.revision && a->mask.etag == b->mask.etag &&
         a->mask.members == b->mask.members && jg_str_equal(a->filter_text, b->filter_text);
}

uint64_t jg_view_hash(const struct jg_view *view) {
  // What little there is beside the filter and the members is mixed in behind them.
  uint64_t flags = (uint64_t)view->nodes | (uint64_t)view->entity_changes << 1 | (uint64_t)view->mask.revision << 2 |
                   (uint64_t)view->mask.etag << 3 | (uint64_t)view->coalesce_ns << 4;
  return jg_hash_mix(view->filter_hash ^ jg_hash_mix(view->mask.members ^ jg_hash_mix(flags)));
}
