#include "services/import/import.h"

#include "base/limits.h"
#include "base/queue.h"
#include "proto/codec/json_control.h"
#include "proto/codec/json_decode.h"
#include "proto/codec/json_reader.h"
#include "proto/codec/json_split.h"
#include "services/entities/memo.h"
#include "services/jobs/apply.h"

#define IMPORT_MAGIC 0x4a47494du /* "JGIM" */
#define SLOT_MAGIC 0x4a474953u   /* "JGIS" */
#define WINDOW_MAX 4096
/* Decoded jobs under way beyond this wait for the writer, however few they are. */
#define BYTES_MAX ((size_t)32 << 20)
#define TEXT_BYTES (256u << 10)
#define MARK_BYTES 3u
/* A record that serves others too may refuse more work for a while. */
#define OVERLOAD_PAUSE_NS INT64_C(10000000)
#define OVERLOAD_PAUSES_MAX 3000

static const struct jg_str byte_order_mark = {"\xEF\xBB\xBF", MARK_BYTES};

struct warning {
  struct warning *next;
  const char *field, *message;
};

/* One job on its way: the feeding thread's, the store's writer's between submit and done, then the feeding thread's again. */
struct slot {
  struct jg_queue_node node; /* in import->finished */
  uint32_t magic;
  bool finished;
  struct jg_import *import;
  struct jg_store_write write;
  struct jg_arena arena; /* the decoded job and all that its write made */
  size_t bytes;          /* of the arena after decoding */
  int64_t number, line;
  struct jg_json_decoded decoded;
  struct jg_status status;
  struct jg_job_applied applied;
  struct warning *warnings, *last_warning;
};

struct jg_import {
  uint32_t magic;
  struct jg_import_options options;
  struct jg_json_split *split;
  size_t mark_bytes;             /* of a byte order mark at the input's start; MARK_BYTES: passed, or there is none */
  struct jg_entities_memo *memo; /* thread: store, while anything is under way */
  /* The jobs under way, a ring in the order of the input. */
  struct slot *slots;
  size_t oldest, count;
  size_t bytes;             /* of the decoded jobs in it */
  struct jg_queue finished; /* slots, from the writer */
  /* Jobs behind this number are not applied; 0: none failed. Thread: store. */
  int64_t stop_number;
  struct jg_status ended; /* OK: goes on; its texts live in `arena` */
  struct jg_arena arena;
  struct jg_import_summary summary;
};

static struct jg_status take_job(struct jg_str text, int64_t number, int64_t line, void *data);
static void wait_for_oldest(struct jg_import *import);
static void settle(struct jg_import *import);
static void end(struct jg_import *import, struct jg_status status);

struct jg_import *jg_import_create(const struct jg_import_options *options) {
  JG_ASSERT(options->app != NULL);
  JG_ASSERT(options->window >= 1 && options->window <= WINDOW_MAX);
  struct jg_import *import = jg_alloc_zero(1, sizeof(*import));
  import->magic = IMPORT_MAGIC;
  import->options = *options;
  import->ended = JG_STATUS_OK;
  import->memo = jg_entities_memo_create();
  import->split = jg_json_split_create(JG_LIMIT_IMPORT_VALUE_BYTES);
  import->slots = jg_alloc_zero(options->window, sizeof(*import->slots));
  for (size_t i = 0; i < options->window; i++) {
    import->slots[i].magic = SLOT_MAGIC;
    import->slots[i].import = import;
    jg_arena_init(&import->slots[i].arena, JG_LIMIT_CALL_ARENA_BYTES);
  }
  jg_arena_init(&import->arena, TEXT_BYTES);
  jg_queue_init(&import->finished, options->window, NULL, NULL);
  return import;
}

/* Afterwards nothing is under way. */
static void finish_all(struct jg_import *import) {
  while (import->count > 0) {
    wait_for_oldest(import);
  }
}

void jg_import_destroy(struct jg_import *import) {
  if (import == NULL) {
    return;
  }
  JG_ASSERT(import->magic == IMPORT_MAGIC);
  import->options.problem = NULL;
  finish_all(import);
  import->magic = 0;
  for (size_t i = 0; i < import->options.window; i++) {
    import->slots[i].magic = 0;
    jg_arena_done(&import->slots[i].arena);
  }
  jg_free(import->slots);
  jg_queue_done(&import->finished);
  jg_entities_memo_destroy(import->memo);
  jg_json_split_destroy(import->split);
  jg_arena_done(&import->arena);
  jg_free(import);
}

/* What a call returns: an end comes once nothing is under way, so that the summary is exact. */
static struct jg_status outcome(struct jg_import *import, struct jg_arena *arena) {
  if (jg_status_ok(import->ended)) {
    return JG_STATUS_OK;
  }
  finish_all(import);
  return jg_status_copy(arena, import->ended);
}

/* What has come of a byte order mark that stays incomplete is text. */
static struct jg_status end_mark(struct jg_import *import, struct jg_arena *arena) {
  struct jg_str text =
      import->mark_bytes < MARK_BYTES ? jg_str_sub(byte_order_mark, 0, import->mark_bytes) : JG_STR("");
  import->mark_bytes = MARK_BYTES;
  return jg_json_split_feed(import->split, text, arena, take_job, import);
}

/* RFC 8259 section 8.1 lets a reader pass over a byte order mark, and .NET's writers put one in front of files. */
static struct jg_status feed_text(struct jg_import *import, struct jg_str bytes, struct jg_arena *arena) {
  while (import->mark_bytes < MARK_BYTES && bytes.len > 0 &&
         bytes.data[0] == byte_order_mark.data[import->mark_bytes]) {
    import->mark_bytes++;
    bytes = jg_str_sub(bytes, 1, bytes.len);
  }
  if (bytes.len == 0) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(end_mark(import, arena));
  return jg_json_split_feed(import->split, bytes, arena, take_job, import);
}

struct jg_status jg_import_feed(struct jg_import *import, struct jg_str bytes, struct jg_arena *arena) {
  JG_ASSERT(import->magic == IMPORT_MAGIC);
  if (jg_status_ok(import->ended)) {
    struct jg_status status = feed_text(import, bytes, arena);
    settle(import);
    if (!jg_status_ok(status)) {
      // A job before the unreadable place may be refused yet, and then that is the end.
      finish_all(import);
      end(import, status);
    }
  }
  return outcome(import, arena);
}

struct jg_status jg_import_end(struct jg_import *import, struct jg_arena *arena) {
  JG_ASSERT(import->magic == IMPORT_MAGIC);
  finish_all(import);
  if (jg_status_ok(import->ended)) {
    end(import, end_mark(import, arena));
  }
  if (jg_status_ok(import->ended)) {
    end(import, jg_json_split_end(import->split, arena));
  }
  return outcome(import, arena);
}

struct jg_import_summary jg_import_summary(const struct jg_import *import) {
  JG_ASSERT(import->magic == IMPORT_MAGIC);
  struct jg_import_summary summary = import->summary;
  summary.more = jg_json_split_more(import->split);
  return summary;
}

/* The first one counts. */
static void end(struct jg_import *import, struct jg_status status) {
  if (jg_status_ok(import->ended) && !jg_status_ok(status)) {
    import->ended = jg_status_copy(&import->arena, status);
  }
}

/* Is the job itself to blame? Else the record failed, which ends every import. */
static bool is_refusal(struct jg_status status) {
  switch (status.code) {
    case JG_INVALID_ARGUMENT:
    case JG_NOT_FOUND:
    case JG_ALREADY_EXISTS:
    case JG_OUT_OF_RANGE:
      return true;
    case JG_FAILED_PRECONDITION:
      return status.reason == JG_REASON_UNRESOLVED_REFERENCE || status.reason == JG_REASON_ILLEGAL_TRANSITION;
    case JG_RESOURCE_EXHAUSTED:
      return status.reason == JG_REASON_LIMIT_EXCEEDED; /* larger than the memory that one job gets */
    default:
      return false;
  }
}

static bool stops(const struct jg_import *import, struct jg_status status) {
  return !jg_status_ok(status) && !(import->options.skip_errors && is_refusal(status));
}

/* ---- on the store's writer ---- */

static void note_warning(const char *field, const char *message, void *data) {
  struct slot *slot = data;
  struct warning *warning = jg_arena_alloc(&slot->arena, sizeof(*warning));
  if (warning == NULL) {
    return;  // it is counted all the same, and at the arena's cap the job is refused anyway
  }
  *warning = (struct warning){.field = field, .message = message};
  if (slot->last_warning == NULL) {
    slot->warnings = warning;
  } else {
    slot->last_warning->next = warning;
  }
  slot->last_warning = warning;
}

static void stop_at(struct jg_import *import, int64_t number) {
  if (import->stop_number == 0 || number < import->stop_number) {
    import->stop_number = number;
  }
}

static struct jg_status run_job(struct jg_txn *txn, void *data) {
  struct slot *slot = data;
  JG_ASSERT(slot->magic == SLOT_MAGIC);
  struct jg_import *import = slot->import;
  if (import->stop_number == slot->number) {
    import->stop_number = 0;  // it runs again (R3) and may do better
  }
  if (import->stop_number != 0 && slot->number > import->stop_number) {
    return jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the import stopped at a job before this one");
  }
  slot->warnings = NULL;
  slot->last_warning = NULL;
  const struct jg_job_apply apply = {
      .txn = txn,
      .clock = import->options.app->clock,
      .arena = &slot->arena,
      .mode = JG_JOB_IMPORT,
      .job = slot->decoded.message,
      .present = slot->decoded.present,
      .path_prefix = "",
      .warn = note_warning,
      .data = slot,
      .memo = import->memo,
  };
  struct jg_status status = jg_job_apply(&apply, &slot->applied);
  if (stops(import, status)) {
    // At once: the jobs behind it may stand in the same transaction.
    stop_at(import, slot->number);
  }
  return status;
}

static void job_done(struct jg_status status, void *data) {
  struct slot *slot = data;
  JG_ASSERT(slot->magic == SLOT_MAGIC);
  struct jg_import *import = slot->import;
  slot->status = status;
  if (stops(import, status)) {
    stop_at(import, slot->number);
  }
  struct jg_status posted = jg_queue_post(&import->finished, &slot->node);
  JG_ASSERT(jg_status_ok(posted)); /* it has room for every slot */
}

/* ---- back on the feeding thread: what became of the jobs, in the order of the input ---- */

static void report_problem(const struct jg_import *import, const struct slot *slot, bool warning, const char *field,
                           const char *message) {
  if (import->options.problem != NULL) {
    const struct jg_import_problem problem = {
        .warning = warning, .number = slot->number, .line = slot->line, .field = field, .message = message};
    import->options.problem(&problem, import->options.data);
  }
}

static void count_applied(struct jg_import *import, const struct slot *slot) {
  struct jg_import_summary *summary = &import->summary;
  summary->created += slot->applied.outcome == JG_JOB_CREATED;
  summary->updated += slot->applied.outcome == JG_JOB_UPDATED;
  summary->unchanged += slot->applied.outcome == JG_JOB_UNCHANGED;
  summary->warnings += slot->applied.warnings;
  summary->entities_written += slot->applied.entities_written;
  for (const struct warning *warning = slot->warnings; warning != NULL; warning = warning->next) {
    report_problem(import, slot, true, warning->field, warning->message);
  }
}

static void count_refused(struct jg_import *import, const struct slot *slot) {
  const struct jg_status *status = &slot->status;
  import->summary.rejected++;
  if (status->details == NULL || status->details->violation_count == 0) {
    report_problem(import, slot, false, "", status->message);
  } else {
    for (size_t i = 0; i < status->details->violation_count; i++) {
      const struct jg_violation *violation = &status->details->violations[i];
      report_problem(import, slot, false, violation->field, violation->message);
    }
  }
  if (!import->options.skip_errors) {
    end(import, jg_status_printf(&import->arena, status->code, status->reason, "job %lld (line %lld): %s",
                                 (long long)slot->number, (long long)slot->line, status->message));
  }
}

static void count_job(struct jg_import *import, const struct slot *slot) {
  if (jg_status_ok(slot->status)) {
    count_applied(import, slot);
  } else if (!jg_status_ok(import->ended)) {
    // It stood behind the end and was not applied.
  } else if (is_refusal(slot->status)) {
    count_refused(import, slot);
  } else {
    end(import, slot->status);
  }
}

/* A list of slots, or NULL. */
static void note_finished(struct jg_queue_node *node) {
  while (node != NULL) {
    struct slot *slot = (struct slot *)node;
    JG_ASSERT(slot->magic == SLOT_MAGIC && !slot->finished);
    node = node->next;
    slot->finished = true;
  }
}

static void release_finished(struct jg_import *import) {
  while (import->count > 0 && import->slots[import->oldest].finished) {
    struct slot *slot = &import->slots[import->oldest];
    count_job(import, slot);
    JG_ASSERT(import->bytes >= slot->bytes);
    import->bytes -= slot->bytes;
    jg_arena_reset(&slot->arena);
    import->oldest = (import->oldest + 1) % import->options.window;
    import->count--;
  }
}

/* Takes what is finished, without waiting. */
static void settle(struct jg_import *import) {
  note_finished(jg_queue_take_all(&import->finished, 0));
  release_finished(import);
}

/* Takes what is finished, the oldest job at least. */
static void wait_for_oldest(struct jg_import *import) {
  JG_ASSERT(import->count > 0);
  while (!import->slots[import->oldest].finished) {
    struct jg_queue_node *node = jg_queue_take(&import->finished, -1);
    JG_ASSERT(node != NULL); /* it is never closed */
    note_finished(node);
  }
  settle(import);
}

/* ---- a job of the input ---- */

/* The decoder counts lines within the job's text; the reader of the message has the whole input before him. */
static struct jg_status locate_malformed(struct jg_str text, int64_t line, struct jg_status status,
                                         struct jg_arena *arena) {
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, text, NULL);
  if (jg_json_skip(&reader, jg_json_next(&reader)) && jg_json_next(&reader) == JG_JSON_END) {
    return status;  // it is JSON, and something else is wrong
  }
  size_t line_within = 0;
  size_t column = 0;
  jg_json_reader_locate(&reader, reader.position, &line_within, &column);
  return jg_status_printf(arena, status.code, status.reason, "invalid JSON on line %lld, at byte %zu of the job: %s",
                          (long long)line + (long long)line_within - 1, reader.position + 1, reader.error);
}

/* I8. Else any JSON object would be a job, since members that nobody knows are passed over. */
static struct jg_status check_job(const struct slot *slot, struct jg_str text) {
  if (slot->decoded.present == 0) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "is no job: it holds none of a job's members");
  }
  if (jg_json_control_read(text, true).foreign) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE,
                          "is no job: its @odata.context names something else than Jobs");
  }
  return JG_STATUS_OK;
}

static struct jg_status decode_job(struct slot *slot, struct jg_str text) {
  struct jg_status status = jg_json_decode(jg_entity(JG_KIND_JOB), text, &slot->arena, &slot->decoded);
  if (jg_status_ok(status)) {
    status = check_job(slot, text);
  } else if (status.details == NULL || status.details->violation_count == 0) {
    status = locate_malformed(text, slot->line, status, &slot->arena);
  }
  slot->bytes = slot->arena.used_bytes;
  return status;
}

/* Hands the job to the writer; waits while the record has too much to do. */
static struct jg_status submit_job(struct jg_import *import, struct slot *slot) {
  slot->write =
      (struct jg_store_write){.tenant = import->options.tenant, .run = run_job, .done = job_done, .data = slot};
  struct jg_status status = jg_store_submit(import->options.app->store, &slot->write);
  for (int pauses = 0; status.reason == JG_REASON_OVERLOADED && pauses < OVERLOAD_PAUSES_MAX; pauses++) {
    note_finished(jg_queue_take(&import->finished, OVERLOAD_PAUSE_NS));
    status = jg_store_submit(import->options.app->store, &slot->write);
  }
  return status;
}

static struct jg_status take_job(struct jg_str text, int64_t number, int64_t line, void *data) {
  struct jg_import *import = data;
  while (import->count == import->options.window || (import->count > 0 && import->bytes >= BYTES_MAX)) {
    wait_for_oldest(import);
  }
  if (!jg_status_ok(import->ended)) {
    return import->ended;
  }
  struct slot *slot = &import->slots[(import->oldest + import->count) % import->options.window];
  slot->number = number;
  slot->line = line;
  slot->applied = (struct jg_job_applied){0};
  slot->warnings = NULL;
  slot->finished = false;
  struct jg_status status = decode_job(slot, text);
  if (jg_status_ok(status)) {
    status = submit_job(import, slot);
  }
  import->count++;
  import->bytes += slot->bytes;
  if (jg_status_ok(status)) {
    return JG_STATUS_OK;
  }
  // It never reached the writer; its turn in the report comes all the same.
  slot->status = status;
  slot->finished = true;
  if (stops(import, status)) {
    finish_all(import);
    JG_ASSERT(!jg_status_ok(import->ended));
  }
  return import->ended;
}
