/* The SQL functions of filters. */
#include "storage/columns.h"
#include "storage/sqlite/filter_program.h"
#include "storage/sqlite/filter_value.h"

/* False: the error is set. */
static bool run_program(sqlite3_context *context, int count, sqlite3_value **values, struct jg_job_key *ret_value) {
  JG_ASSERT(count >= 1);
  struct jg_sqlite_program *program = sqlite3_value_pointer(values[0], JG_SQLITE_PROGRAM_POINTER);
  if (program == NULL) {
    sqlite3_result_error_code(context, SQLITE_MISUSE);
    return false;
  }
  int rc = jg_sqlite_program_run(program, (size_t)count - 1, values + 1, ret_value);
  if (rc != SQLITE_OK) {
    sqlite3_result_error_code(context, rc);
  }
  return rc == SQLITE_OK;
}

static void sql_test(sqlite3_context *context, int count, sqlite3_value **values) {
  struct jg_job_key value;
  if (run_program(context, count, values, &value)) {
    sqlite3_result_int(context, jg_sqlite_value_is_true(&value));
  }
}

static void sql_value(sqlite3_context *context, int count, sqlite3_value **values) {
  struct jg_job_key value;
  if (!run_program(context, count, values, &value)) {
    return;
  }
  switch (value.type) {
    case JG_VALUE_NULL:
    case JG_VALUE_COLLECTION:
      sqlite3_result_null(context);
      break;
    case JG_VALUE_STRING:
      sqlite3_result_text64(context, value.string.len != 0 ? value.string.data : "", value.string.len, SQLITE_TRANSIENT,
                            SQLITE_UTF8);
      break;
    case JG_VALUE_GUID:
      sqlite3_result_blob(context, value.uuid.bytes, sizeof(value.uuid.bytes), SQLITE_TRANSIENT);
      break;
    case JG_VALUE_DECIMAL:
      sqlite3_result_double(context, value.decimal);
      break;
    case JG_VALUE_BOOL:
    case JG_VALUE_INTEGER:
    case JG_VALUE_DATETIME:
    case JG_VALUE_DATE:
    case JG_VALUE_TIMEOFDAY:
      sqlite3_result_int64(context, value.integer);
      break;
  }
}

static void sql_guid(sqlite3_context *context, int count JG_UNUSED, sqlite3_value **values) {
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) {
    return;
  }
  const struct jg_entity *entity = jg_entity((enum jg_kind)sqlite3_value_int(values[1]));
  int index = sqlite3_value_int(values[2]);
  if (entity == NULL || index < 0 || index >= entity->member_count || entity->members[index].type != JG_TYPE_GUID) {
    sqlite3_result_error_code(context, SQLITE_MISUSE);
    return;
  }
  const char *data = sqlite3_value_blob(values[0]);
  struct jg_str payload = jg_str_make(data != NULL ? data : "", (size_t)sqlite3_value_bytes(values[0]));
  struct jg_column column;
  if (!jg_status_ok(jg_columns_member(&entity->members[index], payload, &column))) {
    sqlite3_result_error_code(context, SQLITE_CORRUPT);
    return;
  }
  sqlite3_result_blob(context, column.guid.bytes, sizeof(column.guid.bytes), SQLITE_TRANSIENT);
}

int jg_sqlite_filter_register(sqlite3 *db) {
  // Deterministic: what a statement says twice is reckoned once. Direct only: never part of a schema.
  const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
  int rc = sqlite3_create_function(db, "jg_test", -1, flags, NULL, sql_test, NULL, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_create_function(db, "jg_value", -1, flags, NULL, sql_value, NULL, NULL);
  }
  if (rc == SQLITE_OK) {
    rc = sqlite3_create_function(db, "jg_guid", 3, flags, NULL, sql_guid, NULL, NULL);
  }
  return rc;
}
