#include "services/jobs/virtual_status.h"

#include "base/utf8.h"
#include "proto/schema/schema.h"

#define CODE_BYTES_MAX 64u

/* Lower case without spaces. Longer than any code: empty. */
static struct jg_str normalize(struct jg_str code, char out[CODE_BYTES_MAX]) {
  size_t len = 0;
  for (size_t i = 0; i < code.len; i++) {
    char c = code.data[i];
    if (c == ' ') {
      continue;
    }
    if (len == CODE_BYTES_MAX) {
      return JG_STR_NONE;
    }
    out[len] = c;
    if (c >= 'A' && c <= 'Z') {
      out[len] |= 0x20;
    }
    len++;
  }
  return jg_str_make(out, len);
}

bool jg_status_code_equal(struct jg_str a, struct jg_str b) {
  char a_text[CODE_BYTES_MAX], b_text[CODE_BYTES_MAX];
  struct jg_str a_code = normalize(a, a_text), b_code = normalize(b, b_text);
  return a_code.len != 0 && jg_str_equal(a_code, b_code);
}

const struct jg_virtual_status *jg_virtual_status_by_id(const struct jg_virtual_statuses *statuses, struct jg_uuid id) {
  for (size_t i = 0; statuses != NULL && i < statuses->count; i++) {
    if (jg_uuid_equal(statuses->items[i].id, id)) {
      return &statuses->items[i];
    }
  }
  return NULL;
}

const struct jg_virtual_status *jg_virtual_status_by_code(const struct jg_virtual_statuses *statuses,
                                                          struct jg_str code) {
  for (size_t i = 0; statuses != NULL && i < statuses->count; i++) {
    if (jg_status_code_equal(statuses->items[i].code, code)) {
      return &statuses->items[i];
    }
  }
  return NULL;
}

static bool is_published(const struct jg_virtual_status *status) {
  for (size_t i = 0; i < JG_STATUS_ROW_COUNT; i++) {
    struct jg_uuid id;
    JG_ASSERT(jg_uuid_parse(jg_status_rows[i].id, &id));
    if (jg_uuid_equal(id, status->id) || jg_status_code_equal(jg_status_rows[i].code, status->code)) {
      return true;
    }
  }
  return false;
}

/* What is wrong with an entry, or NULL. */
static const char *parse_entry(struct jg_str text, const struct jg_virtual_statuses *before,
                               struct jg_virtual_status *ret_status) {
  struct jg_str rest = JG_STR_NONE, id = JG_STR_NONE;
  struct jg_virtual_status status = {.code = jg_str_trim(jg_str_cut(text, '|', &rest))};
  status.name = jg_str_trim(jg_str_cut(rest, '|', &id));
  if (!jg_uuid_parse(jg_str_trim(id), &status.id) || jg_uuid_is_zero(status.id)) {
    return "must have the form CODE|NAME|GUID";
  }
  if (!jg_status_code_equal(status.code, status.code) || status.name.len == 0 || !jg_utf8_valid(text)) {
    return "must have a code of at most 64 bytes and a name";
  }
  if (is_published(&status)) {
    return "has the code or the id of a published status";
  }
  if (jg_virtual_status_by_id(before, status.id) != NULL || jg_virtual_status_by_code(before, status.code) != NULL) {
    return "repeats a code or an id";
  }
  *ret_status = status;
  return NULL;
}

struct jg_status jg_virtual_statuses_parse(struct jg_str text, struct jg_arena *arena,
                                           struct jg_virtual_statuses *ret_statuses) {
  struct jg_virtual_statuses statuses = {
      .items = jg_arena_alloc(arena, JG_VIRTUAL_STATUSES_MAX * sizeof(statuses.items[0]))};
  if (statuses.items == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the virtual statuses need too much memory");
  }
  struct jg_str rest = jg_str_trim(text).len != 0 ? text : JG_STR_NONE;
  while (rest.data != NULL) {
    struct jg_str entry = jg_str_cut(rest, ',', &rest);
    if (statuses.count == JG_VIRTUAL_STATUSES_MAX) {
      return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "at most %d virtual statuses",
                              JG_VIRTUAL_STATUSES_MAX);
    }
    const char *wrong = parse_entry(entry, &statuses, &statuses.items[statuses.count]);
    if (wrong != NULL) {
      return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "virtual status \"%.*s\" %s",
                              JG_STR_ARG(jg_str_sub(entry, 0, 100)), wrong);
    }
    statuses.count++;
  }
  *ret_statuses = statuses;
  return JG_STATUS_OK;
}
