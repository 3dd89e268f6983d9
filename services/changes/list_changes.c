#include "services/changes/list_changes.h"

#include <stdlib.h>

#include "base/limits.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/proto_encode.h"
#include "proto/codec/wire.h"
#include "services/changes/hub.h"
#include "services/changes/sift.h"
#include "services/changes/token.h"
#include "services/changes/view.h"

/* Records of the log that are looked at together. */
#define WINDOW_COUNT ((size_t)1000)
#define WINDOW_BYTES ((size_t)2 << 20)
#define WINDOW_ARENA_BYTES ((size_t)256 << 20)
/* Windows in which a filter finds nothing, before an answer says that there is more. */
#define WINDOWS_MAX 20
/* An answer where the transport sets no limit. */
#define ANSWER_BYTES_MAX ((size_t)16 << 20)
/* An id with tag and length, the token and what else is in the message. */
#define ID_FIELD_BYTES 38u
#define REST_BYTES 256u

struct listing {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_view *view; /* owned by the call's arena */
  bool from_token;
  struct jg_token token;
  struct jg_uuid epoch;
  size_t page_size;
  size_t bytes_max;
};

/* A change that is shown, by its job. */
struct by_job {
  struct jg_uuid id;
  size_t pick;
};

/* One window on its way into an answer. */
struct window {
  struct listing *listing;
  struct jg_arena arena;
  struct jg_changes changes;
  struct jg_sift sift;
  struct jg_picks picks;
  struct by_job *sorted; /* the picks by job, and in their order */
};

static struct jg_status no_memory(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call has no memory left");
}

static struct jg_status refuse(struct jg_call *call, enum jg_reason reason, const char *field, const char *expected) {
  return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, reason, field, "%s", expected);
}

/* ---- the request ---- */

static void destroy_view(void *data) {
  jg_view_destroy(data);
}

static struct jg_status take_view(struct listing *listing, const Jobgate__V1__ListJobChangesRequest *request) {
  struct jg_call *call = listing->call;
  struct jg_view_options options = {.filter = jg_str_from_cstr(request->filter), .fold_case = call->app->fold_case};
  const Google__Protobuf__FieldMask *mask = request->read_mask;
  JG_RETURN_IF_ERROR(jg_read_mask_read(mask != NULL ? mask->paths : NULL, mask != NULL ? mask->n_paths : 0,
                                       &call->arena, &options.mask));
  if (jg_read_mask_has_parent(&options.mask)) {
    return refuse(call, JG_REASON_INVALID_MEMBER, "read_mask",
                  "names \"parent_job\", which comes with no change: it would be another job's");
  }
  JG_RETURN_IF_ERROR(jg_read_mask_view(&options.mask, request->view, false, &call->arena, &options.nodes));
  JG_RETURN_IF_ERROR(jg_view_create(&options, &call->arena, &listing->view));
  return jg_arena_defer(&call->arena, destroy_view, listing->view) ? JG_STATUS_OK : no_memory();
}

static struct jg_status take_request(struct listing *listing, const Jobgate__V1__ListJobChangesRequest *request) {
  struct jg_call *call = listing->call;
  if (request->page_size < 0) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "page_size",
                           "must not be negative");
  }
  listing->page_size = jg_limit_page_size(request->page_size);
  listing->bytes_max = (call->response_bytes_max != 0 ? call->response_bytes_max : ANSWER_BYTES_MAX) - REST_BYTES;
  JG_RETURN_IF_ERROR(take_view(listing, request));
  struct jg_str token = jg_str_from_cstr(request->resume_token);
  if (token.len == 0) {
    return JG_STATUS_OK;
  }
  listing->from_token = true;
  JG_RETURN_IF_ERROR(jg_token_parse(token, &listing->token));
  if (listing->token.in_snapshot) {
    return refuse(call, JG_REASON_INVALID_TOKEN, "resume_token",
                  "stands in the middle of a snapshot, which only a stream can go on with");
  }
  return JG_STATUS_OK;
}

/* ---- a window of the log ---- */

static struct jg_status open_window(struct window *window, struct jg_txn *txn, int64_t after) {
  const struct listing *listing = window->listing;
  const struct jg_call *call = listing->call;
  JG_RETURN_IF_ERROR(jg_txn_changes(txn, after, WINDOW_COUNT, WINDOW_BYTES, &window->arena, &window->changes));
  const struct jg_sift_options options = {.expander = call->app->expander, .txn = txn, .tenant = call->identity.tenant};
  JG_RETURN_IF_ERROR(jg_sift_init(&window->sift, &options, &window->changes, &window->arena));
  return jg_sift_pick_all(&window->sift, listing->view, &window->picks);
}

static const struct jg_change *change_at(const struct window *window, size_t pick) {
  return &window->changes.items[window->picks.items[pick].index];
}

static bool is_gone(const struct window *window, size_t pick) {
  Jobgate__V1__ChangeKind kind = window->picks.items[pick].kind;
  return kind == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED || kind == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_LEFT;
}

static int compare(const void *a, const void *b) {
  const struct by_job *x = a, *y = b;
  int order = memcmp(x->id.bytes, y->id.bytes, sizeof(x->id.bytes));
  if (order != 0) {
    return order;
  }
  return x->pick < y->pick ? -1 : x->pick > y->pick;
}

static struct jg_status sort_picks(struct window *window) {
  size_t count = window->picks.count;
  window->sorted = jg_arena_alloc(&window->arena, (count + 1) * sizeof(*window->sorted));
  if (window->sorted == NULL) {
    return no_memory();
  }
  for (size_t i = 0; i < count; i++) {
    window->sorted[i] = (struct by_job){change_at(window, i)->id, i};
  }
  qsort(window->sorted, count, sizeof(*window->sorted), compare);
  return JG_STATUS_OK;
}

/* Marks the first pick of each job, or the last one among those of the first change_count changes. */
static struct jg_status mark(struct window *window, bool firsts, size_t change_count, bool **ret_marks) {
  size_t count = window->picks.count;
  bool *marks = jg_arena_alloc_zero(&window->arena, count + 1);
  if (marks == NULL) {
    return no_memory();
  }
  for (size_t i = 0; i < count; i++) {
    size_t at = firsts ? i : count - 1 - i;
    size_t beside = firsts ? at - 1 : at + 1;
    const struct by_job *one = &window->sorted[at];
    if (window->picks.items[one->pick].index >= change_count) {
      continue;
    }
    // The one beside it is of the same job and counts too: then this one is neither the first nor the last.
    bool more = beside < count && jg_uuid_equal(one->id, window->sorted[beside].id) &&
                window->picks.items[window->sorted[beside].pick].index < change_count;
    marks[one->pick] = !more;
  }
  *ret_marks = marks;
  return JG_STATUS_OK;
}

/* The largest end of a request that is not behind `change_count` changes; 0: the first one goes on. */
static size_t request_end(const struct window *window, size_t change_count) {
  while (change_count > 0 && !window->changes.items[change_count - 1].last) {
    change_count--;
  }
  return change_count;
}

/* As many changes as have at most page_size jobs, whole requests, but one. */
static struct jg_status count_changes(struct window *window, size_t *ret_change_count) {
  bool *firsts = NULL;
  JG_RETURN_IF_ERROR(mark(window, true, window->changes.count, &firsts));
  size_t jobs = 0, count = window->changes.count;
  for (size_t i = 0; i < window->picks.count; i++) {
    jobs += firsts[i];
    if (jobs > window->listing->page_size) {
      count = request_end(window, window->picks.items[i].index);
      break;
    }
  }
  if (count == 0 && window->changes.count > 0) {
    while (!window->changes.items[count++].last) {
    }
  }
  *ret_change_count = count;
  return JG_STATUS_OK;
}

/* ---- the answer ---- */

struct page {
  struct jg_parts *jobs;
  size_t job_count;
  size_t bytes;
  Jobgate__V1__ListJobChangesResponse *response;
};

static struct jg_status add_gone(struct window *window, size_t pick, struct page *page) {
  Jobgate__V1__ListJobChangesResponse *response = page->response;
  char *text = jg_arena_alloc(&window->listing->call->arena, JG_UUID_TEXT_LEN + 1);
  if (text == NULL) {
    return no_memory();
  }
  jg_uuid_format(change_at(window, pick)->id, text);
  text[JG_UUID_TEXT_LEN] = '\0';
  if (window->picks.items[pick].kind == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED) {
    response->deleted_ids[response->n_deleted_ids++] = text;
  } else {
    response->left_ids[response->n_left_ids++] = text;
  }
  page->bytes += ID_FIELD_BYTES;
  return JG_STATUS_OK;
}

/* whole: also what is beyond the limit of bytes. */
static struct jg_status fill_page(struct window *window, const bool *lasts, bool whole, struct page *page) {
  const struct listing *listing = window->listing;
  for (size_t i = 0; i < window->picks.count && (whole || page->bytes <= listing->bytes_max); i++) {
    if (!lasts[i]) {
      continue;
    }
    if (is_gone(window, i)) {
      JG_RETURN_IF_ERROR(add_gone(window, i, page));
      continue;
    }
    const struct jg_parts *parts = NULL;
    JG_RETURN_IF_ERROR(jg_sift_expand(&window->sift, &window->picks, i, &parts));
    struct jg_parts *job = &page->jobs[page->job_count++];
    *job = *parts;
    JG_RETURN_IF_ERROR(jg_read_mask_apply(&listing->view->mask, job, 1, &listing->call->arena));
    size_t bytes = jg_proto_encode_size(job, listing->view->nodes);
    page->bytes += 1 + jg_wire_varint_size(bytes) + bytes;
  }
  return JG_STATUS_OK;
}

static struct jg_status begin_page(struct jg_arena *arena, size_t job_count, struct page *ret_page) {
  struct page page = {.jobs = jg_arena_alloc(arena, (job_count + 1) * sizeof(*page.jobs)),
                      .response = jg_arena_alloc(arena, sizeof(*page.response))};
  char **deleted = jg_arena_alloc(arena, (job_count + 1) * sizeof(*deleted));
  char **left = jg_arena_alloc(arena, (job_count + 1) * sizeof(*left));
  if (page.jobs == NULL || page.response == NULL || deleted == NULL || left == NULL) {
    return no_memory();
  }
  jobgate__v1__list_job_changes_response__init(page.response);
  page.response->deleted_ids = deleted;
  page.response->left_ids = left;
  *ret_page = page;
  return JG_STATUS_OK;
}

/* One request alone that does not fit: the largest of its jobs go as id, revision and etag, as in streams. */
static struct jg_status shrink(const struct listing *listing, struct page *page) {
  const size_t share = listing->bytes_max / (page->job_count + 1);
  for (size_t i = 0; i < page->job_count; i++) {
    struct jg_parts *job = &page->jobs[i];
    if (jg_proto_encode_size(job, listing->view->nodes) > share) {
      const struct jg_read_mask id = {.revision = true, .etag = true, .members = UINT64_C(1) << job->entity->id_member};
      JG_RETURN_IF_ERROR(jg_read_mask_apply(&id, job, 1, &listing->call->arena));
    }
  }
  return JG_STATUS_OK;
}

/* The page of whole requests that has enough and fits. *ret_through: where it ends. */
static struct jg_status make_page(struct window *window, struct page *ret_page, int64_t *ret_through) {
  const struct listing *listing = window->listing;
  size_t change_count = 0;
  JG_RETURN_IF_ERROR(sort_picks(window));
  JG_RETURN_IF_ERROR(count_changes(window, &change_count));
  for (;;) {
    bool *lasts = NULL;
    size_t fewer = request_end(window, change_count / 2);
    fewer = fewer > 0 || change_count == 0 ? fewer : request_end(window, change_count - 1);
    JG_RETURN_IF_ERROR(mark(window, false, change_count, &lasts));
    JG_RETURN_IF_ERROR(begin_page(&listing->call->arena, window->picks.count, ret_page));
    JG_RETURN_IF_ERROR(fill_page(window, lasts, fewer == 0, ret_page));
    bool fits = ret_page->bytes <= listing->bytes_max;
    if (fits || fewer == 0) {
      bool all = change_count == window->changes.count;
      *ret_through = all ? window->changes.through_revision : window->changes.items[change_count - 1].revision;
      return fits ? JG_STATUS_OK : shrink(listing, ret_page);
    }
    change_count = fewer;
  }
}

static struct jg_status set_token(struct listing *listing, int64_t revision, struct page *page) {
  char text[JG_TOKEN_TEXT_MAX];
  const struct jg_token token = {.tenant = listing->call->identity.tenant,
                                 .epoch = listing->epoch,
                                 .revision = revision,
                                 .filter_hash = listing->view->filter_hash};
  struct jg_str copy = jg_arena_str(&listing->call->arena, jg_str_make(text, jg_token_format(&token, text)));
  page->response->resume_token = (char *)copy.data;
  return copy.data != NULL ? JG_STATUS_OK : no_memory();
}

static void close_window(void *data) {
  struct window *window = data;
  if (window->sift.changes != NULL) {
    jg_sift_done(&window->sift);
  }
  jg_arena_done(&window->arena);
}

/* A window that lives as long as the call: its jobs are the answer's. NULL at the arena's cap. */
static struct window *new_window(struct listing *listing) {
  struct window *window = jg_arena_alloc_zero(&listing->call->arena, sizeof(*window));
  if (window == NULL) {
    return NULL;
  }
  window->listing = listing;
  jg_arena_init(&window->arena, WINDOW_ARENA_BYTES);
  return jg_arena_defer(&listing->call->arena, close_window, window) ? window : NULL;
}

static struct jg_status list_behind(struct listing *listing, struct jg_txn *txn, int64_t newest, struct page *page) {
  int64_t through = listing->token.revision;
  for (int i = 0; i < WINDOWS_MAX && through < newest; i++) {
    struct window *window = new_window(listing);
    if (window == NULL) {
      return no_memory();
    }
    JG_RETURN_IF_ERROR(open_window(window, txn, through));
    bool empty = window->picks.count == 0;
    JG_RETURN_IF_ERROR(make_page(window, page, &through));
    if (!empty) {
      break;
    }
    close_window(window);
    window->sift.changes = NULL;
  }
  page->response->more = through < newest;
  return set_token(listing, through, page);
}

static struct jg_status list(struct listing *listing, struct jg_txn *txn, struct page *page) {
  struct jg_call *call = listing->call;
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, &call->arena, &state));
  if (!jg_uuid_parse(state.epoch, &listing->epoch)) {
    return jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "the record's epoch is damaged");
  }
  JG_RETURN_IF_ERROR(begin_page(&call->arena, 0, page));
  if (!listing->from_token) {
    return set_token(listing, state.revision, page);
  }
  const struct jg_token expected = {
      .tenant = call->identity.tenant, .epoch = listing->epoch, .filter_hash = listing->view->filter_hash};
  JG_RETURN_IF_ERROR(jg_token_check(&listing->token, &expected, state.oldest_revision, state.revision, &call->arena));
  return list_behind(listing, txn, state.revision, page);
}

static void run_list(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct listing *listing = data;
  struct jg_call *call = listing->call;
  // Relaxed: it publishes nothing.
  if (atomic_load_explicit(&call->cancelled, memory_order_relaxed)) {
    jg_call_fail(call, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the client has gone"));
    return;
  }
  struct page page;
  struct jg_status status = jg_status_ok(begun) ? list(listing, txn, &page) : begun;
  if (!jg_status_ok(status)) {
    status = jg_status_copy(&call->arena, status);
    if (status.reason == JG_REASON_HISTORY_LOST) {
      jg_hub_refuse_call(call, &listing->token, status);
    } else {
      jg_call_fail(call, status);
    }
    return;
  }
  const struct jg_answer answer = {.kind = JG_ANSWER_JOBS,
                                   .message = &page.response->base,
                                   .jobs = page.jobs,
                                   .job_count = page.job_count,
                                   .nodes = listing->view->nodes};
  jg_call_finish(call, JG_STATUS_OK, &answer);
}

void jg_changes_list(struct jg_call *call) {
  struct listing *listing = jg_arena_alloc_zero(&call->arena, sizeof(*listing));
  if (listing == NULL) {
    jg_call_fail(call, no_memory());
    return;
  }
  listing->call = call;
  struct jg_status status =
      take_request(listing, (const Jobgate__V1__ListJobChangesRequest *)(const void *)call->request);
  if (jg_status_ok(status)) {
    listing->read = (struct jg_store_read){
        .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_list, .data = listing};
    status = jg_store_submit_read(call->app->store, &listing->read);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}
