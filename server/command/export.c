/* `jobgate export`: every job as one line of compact legacy JSON, embedded, by id; beside a server if one runs. */
#include <unistd.h>

#include "base/limits.h"
#include "server/app.h"
#include "server/command/command.h"
#include "server/command/record.h"
#include "services/expand/expand.h"

#define PAGE_ROWS 200
#define PAGE_BYTES (4u << 20)
#define PAGE_ARENA_BYTES (256u << 20)
#define TEXT_BYTES (512u << 20)

static const struct jg_option export_options[] = {
    JG_OPTION_STORE,
    JG_OPTION_TENANT("whose jobs"),
};

/* One page: read, expanded and encoded on a reader thread; the main thread waits and writes. */
struct page {
  struct jg_store_read read;
  struct jg_server_app *app;
  struct jg_arena arena;
  struct jg_job_query query;
  struct jg_job_rows rows;
  struct jg_buf text;
  struct jg_status status;
  struct jg_queue done; /* of one item: this page */
  struct jg_queue_node done_node;
};

static struct jg_status encode_page(struct page *page, struct jg_txn *txn) {
  JG_RETURN_IF_ERROR(jg_txn_job_list(txn, &page->query, &page->arena, &page->rows));
  struct jg_parts *parts = jg_arena_alloc(&page->arena, (page->rows.count + 1) * sizeof(*parts));
  if (parts == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a page of jobs is too large");
  }
  const struct jg_expand_options expand = {.tenant = page->app->tenant};
  JG_RETURN_IF_ERROR(
      jg_expand_jobs(page->app->app.expander, txn, &expand, page->rows.rows, page->rows.count, &page->arena, parts));
  for (size_t i = 0; i < page->rows.count; i++) {
    jg_json_encode(&page->app->style, &parts[i], JG_STR_NONE, true, &page->text);
    jg_buf_append_char(&page->text, '\n');
  }
  return page->text.failed
             ? jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a page of jobs is too large")
             : JG_STATUS_OK;
}

static void run_page(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct page *page = data;
  page->status = jg_status_ok(begun) ? encode_page(page, txn) : begun;
  struct jg_status posted = jg_queue_post(&page->done, &page->done_node);
  JG_ASSERT(jg_status_ok(posted)); /* room for one, and it is empty */
}

static struct jg_status export_all(struct page *page) {
  do {
    jg_arena_reset(&page->arena);
    jg_buf_clear(&page->text);
    page->read = (struct jg_store_read){.tenant = page->app->tenant, .run = run_page, .data = page};
    JG_RETURN_IF_ERROR(jg_store_submit_read(page->app->app.store, &page->read));
    (void)jg_queue_take(&page->done, -1);  // it is this page
    JG_RETURN_IF_ERROR(page->status);
    if (!jg_command_write(STDOUT_FILENO, jg_buf_str(&page->text))) {
      return jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "cannot write the output");
    }
    if (page->rows.count > 0) {
      page->query.has_after = true;
      page->query.after_id = page->rows.rows[page->rows.count - 1].id;
    }
  } while (page->rows.more);
  return JG_STATUS_OK;
}

static int run_export(const struct jg_options *options, struct jg_arena *arena) {
  struct jg_log log = {.level_min = JG_LOG_WARN, .fd = STDERR_FILENO, .clock = jg_clock_system()};
  const struct jg_server_app_options app_options = {
      .store_url = jg_str_from_cstr(jg_options_text(options, "store")),
      .tenant = jg_str_from_cstr(jg_options_text(options, "tenant")),
      .read_only = true,
      .reader_count = 1,
      .log = &log,
  };
  struct jg_server_app app;
  struct jg_status status = jg_server_app_open(&app_options, arena, &app);
  if (!jg_status_ok(status)) {
    return jg_command_fail(status);
  }
  struct page page = {.app = &app, .query = {.order = JG_ORDER_ID, .limit = PAGE_ROWS, .bytes_max = PAGE_BYTES}};
  jg_arena_init(&page.arena, PAGE_ARENA_BYTES);
  jg_buf_init(&page.text, TEXT_BYTES);
  jg_queue_init(&page.done, 1, NULL, NULL);
  status = export_all(&page);
  int code = jg_status_ok(status) ? JG_EXIT_OK : jg_command_fail(status);
  jg_queue_done(&page.done);
  jg_buf_done(&page.text);
  jg_arena_done(&page.arena);
  jg_server_app_close(&app);
  return code;
}

const struct jg_command jg_command_export = {
    .name = "export",
    .operands = "",
    .help = "write all jobs as legacy JSON, one a line; a backup alone has what no job embeds, plannings, users",
    .options = export_options,
    .option_count = JG_COUNT(export_options),
    .run = run_export,
};
