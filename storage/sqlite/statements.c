#include "storage/sqlite/statements.h"

#include "storage/columns.h"

static const char *const texts[] = {
#define STATEMENT_TEXT(name, text) text,
    JG_SQLITE_STATEMENTS(STATEMENT_TEXT)
#undef STATEMENT_TEXT
};
_Static_assert(JG_COUNT(texts) == JG_SQLITE_STATEMENT_COUNT, "one text a statement");

static void job_insert_text(const struct jg_columns *columns, struct jg_buf *out) {
  jg_buf_printf(out, "INSERT INTO jobs(tenant, revision, payload");
  for (size_t i = 0; i < columns->count; i++) {
    jg_buf_printf(out, ", %.*s", JG_STR_ARG(columns->items[i].member->proto_name));
  }
  jg_buf_printf(out, ") VALUES(?1, ?2, ?3");
  for (size_t i = 0; i < columns->count; i++) {
    jg_buf_printf(out, ", ?%zu", JG_SQLITE_JOB_COLUMNS_FROM + i);
  }
  jg_buf_append_char(out, ')');
}

static void job_update_text(const struct jg_columns *columns, uint8_t id_member, struct jg_buf *out) {
  size_t id = 0;
  jg_buf_printf(out, "UPDATE jobs SET revision=?2, payload=?3");
  for (size_t i = 0; i < columns->count; i++) {
    // A job never changes its id; naming it here would rewrite its index.
    if (columns->items[i].member->index == id_member) {
      id = i;
      continue;
    }
    jg_buf_printf(out, ", %.*s=?%zu", JG_STR_ARG(columns->items[i].member->proto_name), JG_SQLITE_JOB_COLUMNS_FROM + i);
  }
  jg_buf_printf(out, " WHERE tenant=?1 AND rid=?4 AND id=?%zu", JG_SQLITE_JOB_COLUMNS_FROM + id);
}

void jg_sqlite_statement_text(enum jg_sqlite_statement statement, struct jg_buf *out) {
  JG_ASSERT(statement < JG_SQLITE_STATEMENT_COUNT);
  if (texts[statement] != NULL) {
    jg_buf_append_str(out, jg_str_from_cstr(texts[statement]));
    return;
  }
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  struct jg_columns columns;
  jg_columns_init(entity, &columns);
  if (statement == JG_SQLITE_JOB_INSERT) {
    job_insert_text(&columns, out);
  } else {
    job_update_text(&columns, entity->id_member, out);
  }
}
