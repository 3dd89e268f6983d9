// IEEE754Compatible=true (OData JSON format 4.0 section 3.2): Edm.Decimal and counts as strings, for clients whose numbers are
// doubles. Ready texts are of one style, so that the answer's whole text is gone through instead: a name with its quotes and its
// colon stands nowhere but where the member does, since quotes in strings are escaped.

#include <string.h>

#include "bridge/rest/rest_internal.h"

#define NAMES_MAX 8u

struct name {
  struct jg_str key; /* with its quotes and colon */
  size_t at;         /* behind the next one; SIZE_MAX: there is none */
};

static size_t find_behind(struct jg_str text, struct jg_str key, size_t from) {
  const char *found = memmem(text.data + from, text.len - from, key.data, key.len);
  return found != NULL ? (size_t)(found - text.data) + key.len : SIZE_MAX;
}

/* Decimals are members of jobs and of their parents alone, by the same names. */
static size_t find_names(const struct jg_rest_call *call, struct jg_str text, struct name names[NAMES_MAX]) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  size_t count = 0;
  names[count++].key = JG_STR("\"@odata.count\":");
  if (call->property != NULL && call->property->type == JG_TYPE_DECIMAL) {
    names[count++].key = JG_STR("\"value\":");
  }
  for (size_t i = 0; i < job->member_count; i++) {
    if (job->members[i].type == JG_TYPE_DECIMAL) {
      JG_ASSERT(count < NAMES_MAX);
      names[count++].key = job->members[i].json_key;
    }
  }
  for (size_t i = 0; i < count; i++) {
    names[i].at = find_behind(text, names[i].key, 0);
  }
  return count;
}

void jg_rest_quote_numbers(const struct jg_rest_call *call, struct jg_buf *body) {
  struct jg_str text = jg_buf_str(body);
  struct name names[NAMES_MAX];
  if (body->failed || text.len == 0) {
    return;
  }
  size_t count = find_names(call, text, names);
  struct jg_buf out;
  jg_buf_init(&out, body->bytes_max);
  (void)jg_buf_reserve(&out, text.len + text.len / 64);  // Failing is sticky.
  for (size_t done = 0; done < text.len;) {
    struct name *next = &names[0];
    for (size_t i = 1; i < count; i++) {
      next = names[i].at < next->at ? &names[i] : next;
    }
    size_t from = next->at < text.len ? next->at : text.len;
    size_t to = from;
    while (to < text.len && text.data[to] != ',' && text.data[to] != '}') {
      to++;
    }
    jg_buf_append(&out, text.data + done, from - done);
    if (to > from) {
      jg_buf_append_char(&out, '"');
      jg_buf_append(&out, text.data + from, to - from);
      jg_buf_append_char(&out, '"');
      next->at = find_behind(text, next->key, to);
    }
    done = to;
  }
  jg_buf_done(body);
  *body = out;
}
