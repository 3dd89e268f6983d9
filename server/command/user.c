/* `jobgate user`: who may call a server with authentication. Runs beside it: users are rows that no server keeps, and what is
 * remembered of them ends within 60 s. */
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/queue.h"
#include "proto/codec/date.h"
#include "server/command/command.h"
#include "server/command/password.h"
#include "server/command/record.h"
#include "services/identity/credential.h"
#include "services/identity/password.h"
#include "storage/store.h"

#define PAGE 256
#define PAGE_ARENA_BYTES (1u << 20)
#define TEXT_BYTES_MAX (1u << 20)

static const struct jg_option user_options[] = {
    JG_OPTION_STORE,
    JG_OPTION_PASSWORD_FILE,
    {.name = "replace",
     .type = JG_OPTION_FLAG,
     .value = "false",
     .help = "add: give a user that there is already the new password"},
};

/* One write or read of the record, and what it is about; the main thread waits. */
struct task {
  struct jg_store_write write;
  struct jg_store_read read;
  struct jg_queue done; /* of one item */
  struct jg_queue_node node;
  struct jg_status status;
  struct jg_user_row row; /* add; remove: its name */
  bool replace;
  struct jg_str after; /* list */
  struct jg_arena *arena;
  struct jg_user_rows rows;
};

static void task_done(struct jg_status status, void *data) {
  struct task *task = data;
  task->status = status;
  struct jg_status posted = jg_queue_post(&task->done, &task->node);
  JG_ASSERT(jg_status_ok(posted));  // Room for one, and it is empty.
}

static struct jg_status run_add(struct jg_txn *txn, void *data) {
  const struct task *task = data;
  return jg_txn_user_put(txn, &task->row, task->replace);
}

static struct jg_status run_remove(struct jg_txn *txn, void *data) {
  const struct task *task = data;
  return jg_txn_user_remove(txn, task->row.name);
}

static void run_list(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct task *task = data;
  task_done(jg_status_ok(begun) ? jg_txn_user_list(txn, task->after, PAGE, task->arena, &task->rows) : begun, task);
}

static struct jg_status wait_for(struct task *task, struct jg_status submitted) {
  struct jg_status status = submitted;
  if (jg_status_ok(status)) {
    (void)jg_queue_take(&task->done, -1);  // It is this task.
    status = task->status;
  }
  jg_queue_done(&task->done);
  return status;
}

static struct jg_status write_user(struct jg_store *store, int64_t tenant, struct task *task,
                                   struct jg_status (*run)(struct jg_txn *txn, void *data)) {
  task->write = (struct jg_store_write){.tenant = tenant, .run = run, .done = task_done, .data = task};
  jg_queue_init(&task->done, 1, NULL, NULL);
  return wait_for(task, jg_store_submit(store, &task->write));
}

/* ---- the record ---- */

/* Alone if nobody else writes, so that it can be made and migrated; else beside a server. */
static struct jg_status open_store(const struct jg_options *options, bool create, struct jg_arena *arena,
                                   struct jg_store **ret_store) {
  struct jg_store_options store = {.url = jg_str_from_cstr(jg_options_text(options, "store")),
                                   .exclusive = true,
                                   .reader_count = 1,
                                   .clock = jg_clock_system()};
  struct jg_status status = jg_store_open(&store, arena, ret_store);
  if (status.code == JG_NOT_FOUND && create) {
    store.create = true;
    status = jg_store_open(&store, arena, ret_store);
    if (jg_status_ok(status)) {
      // It may have been meant for another one, whose name was mistyped.
      fprintf(stderr, "jobgate: made a new record: %.*s\n", JG_STR_ARG(store.url));
    }
  }
  if (status.reason == JG_REASON_STORE_LOCKED) {
    store.exclusive = false;
    store.create = false;
    status = jg_store_open(&store, arena, ret_store);
  }
  return status;
}

/* ---- the verbs ---- */

static struct jg_status add_to(struct jg_store *store, struct jg_str domain, struct task *task,
                               struct jg_arena *arena) {
  int64_t tenant = 0;
  JG_RETURN_IF_ERROR(jg_store_tenant(store, domain, true, arena, &tenant));
  struct jg_status status = write_user(store, tenant, task, run_add);
  if (status.code == JG_ALREADY_EXISTS) {
    return jg_status_printf(arena, status.code, status.reason, "%s; --replace gives it the new password",
                            status.message);
  }
  return status;
}

static int add(const struct jg_options *options, struct jg_str user, struct jg_str domain, struct jg_arena *arena) {
  struct jg_str password = JG_STR_NONE;
  struct jg_status status =
      jg_command_find_password(jg_options_text(options, "password-file"), "JOBGATE_PASSWORD", true, arena, &password);
  if (!jg_status_ok(status)) {
    return jg_command_usage(status);
  }
  char hash[JG_PASSWORD_HASH_BYTES_MAX];
  jg_password_hash(password, 0, hash);
  struct task task = {.row = {user, jg_str_from_cstr(hash), jg_clock_now_ticks(jg_clock_system())},
                      .replace = jg_options_integer(options, "replace") != 0};
  struct jg_store *store = NULL;
  status = open_store(options, true, arena, &store);
  if (jg_status_ok(status)) {
    status = add_to(store, domain, &task, arena);
    jg_store_close(store);
  }
  return jg_status_ok(status) ? JG_EXIT_OK : jg_command_fail(status);
}

static int remove_one(const struct jg_options *options, struct jg_str user, struct jg_str domain,
                      struct jg_arena *arena) {
  struct jg_store *store = NULL;
  struct jg_status status = open_store(options, false, arena, &store);
  if (jg_status_ok(status)) {
    int64_t tenant = 0;
    status = jg_store_tenant(store, domain, false, arena, &tenant);
    if (jg_status_ok(status)) {
      struct task task = {.row = {.name = user}};
      status = write_user(store, tenant, &task, run_remove);
    }
    jg_store_close(store);
  }
  return jg_status_ok(status) ? JG_EXIT_OK : jg_command_fail(status);
}

static struct jg_status print_page(const struct task *task, struct jg_str domain, struct jg_buf *out) {
  jg_buf_clear(out);
  for (size_t i = 0; i < task->rows.count; i++) {
    char created[JG_DATE_TEXT_MAX];
    size_t len = jg_date_format(task->rows.rows[i].created_ticks, JG_DATE_Z, created);
    jg_buf_printf(out, "%.*s@%.*s\t%.*s\n", JG_STR_ARG(task->rows.rows[i].name), JG_STR_ARG(domain), (int)len, created);
  }
  return !out->failed && jg_command_write(STDOUT_FILENO, jg_buf_str(out))
             ? JG_STATUS_OK
             : jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "cannot write the output");
}

/* A page's last name outlives its arena in the next one: two take turns. */
static struct jg_status list_tenant(struct jg_store *store, int64_t tenant, struct jg_str domain, struct jg_buf *out) {
  struct jg_arena arenas[2];
  jg_arena_init(&arenas[0], PAGE_ARENA_BYTES);
  jg_arena_init(&arenas[1], PAGE_ARENA_BYTES);
  struct task task = {.after = JG_STR("")};
  struct jg_status status;
  size_t turn = 0;
  do {
    turn ^= 1;
    jg_arena_reset(&arenas[turn]);
    task.arena = &arenas[turn];
    task.read = (struct jg_store_read){.tenant = tenant, .run = run_list, .data = &task};
    jg_queue_init(&task.done, 1, NULL, NULL);
    status = wait_for(&task, jg_store_submit_read(store, &task.read));
    if (jg_status_ok(status) && task.rows.count > 0) {
      status = print_page(&task, domain, out);
      task.after = task.rows.rows[task.rows.count - 1].name;
    }
  } while (jg_status_ok(status) && task.rows.count > 0);
  jg_arena_done(&arenas[0]);
  jg_arena_done(&arenas[1]);
  return status;
}

static struct jg_status list_all(struct jg_store *store, struct jg_arena *arena, struct jg_buf *out) {
  struct jg_str domain = JG_STR("");
  for (;;) {
    int64_t tenant = 0;
    struct jg_status status = jg_store_tenant_next(store, domain, arena, &domain, &tenant);
    if (status.code == JG_NOT_FOUND) {
      return JG_STATUS_OK;
    }
    JG_RETURN_IF_ERROR(status);
    JG_RETURN_IF_ERROR(list_tenant(store, tenant, domain, out));
  }
}

static int list(const struct jg_options *options, struct jg_arena *arena) {
  const struct jg_store_options store_options = {.url = jg_str_from_cstr(jg_options_text(options, "store")),
                                                 .read_only = true,
                                                 .reader_count = 1,
                                                 .clock = jg_clock_system()};
  struct jg_store *store = NULL;
  struct jg_status status = jg_store_open(&store_options, arena, &store);
  if (jg_status_ok(status)) {
    struct jg_buf out;
    jg_buf_init(&out, TEXT_BYTES_MAX);
    status = list_all(store, arena, &out);
    jg_buf_done(&out);
    jg_store_close(store);
  }
  return jg_status_ok(status) ? JG_EXIT_OK : jg_command_fail(status);
}

static int run_user(const struct jg_options *options, struct jg_arena *arena) {
  struct jg_str verb = jg_str_from_cstr(options->operands[0]);
  if (jg_str_equal(verb, JG_STR("list")) && options->operand_count == 1) {
    return list(options, arena);
  }
  bool adds = jg_str_equal(verb, JG_STR("add"));
  if ((!adds && !jg_str_equal(verb, JG_STR("remove"))) || options->operand_count != 2) {
    return jg_command_usage(jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                                           "usage: user add NAME@DOMAIN, user list, or user remove NAME@DOMAIN"));
  }
  struct jg_str user = JG_STR_NONE, domain = JG_STR_NONE;
  if (!jg_credential_parse_user(jg_str_from_cstr(options->operands[1]), &user, &domain)) {
    return jg_command_usage(jg_status_make(
        JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
        "a user is NAME@DOMAIN: 1 to 255 bytes of UTF-8 each, no ':' in the name, no control characters"));
  }
  return adds ? add(options, user, domain, arena) : remove_one(options, user, domain, arena);
}

const struct jg_command jg_command_user = {
    .name = "user",
    .operands = "add|list|remove [NAME@DOMAIN]",
    .help = "who may call: add or remove a user, or list them; beside a server too",
    .options = user_options,
    .option_count = JG_COUNT(user_options),
    .operands_min = 1,
    .operands_max = 2,
    .run = run_user,
};
