#include "proto/codec/json_control.h"

#include "proto/codec/json_reader.h"

/* For names and strings with escapes; a few blocks at most, since they are taken as they come. */
#define ARENA_SPARE_BYTES 4096u

/* The set of the contract (statement 20). */
#define SET "Jobs"

/* Behind "Jobs(a,b(c))" or "Jobs": the rest of a context, which its parentheses do not belong to. */
static struct jg_str skip_selection(struct jg_str rest) {
  size_t depth = 0;
  for (size_t i = 0; i < rest.len; i++) {
    depth += rest.data[i] == '(';
    if (depth == 0) {
      return jg_str_sub(rest, i, rest.len);
    }
    depth -= rest.data[i] == ')';
  }
  return JG_STR("");
}

/* OData 4.0 part 1 section 10: "#Jobs", "#Jobs(id,name)", "#Jobs/$entity". Without a fragment it tells nothing. */
static bool names_jobs(struct jg_str context) {
  size_t hash = jg_str_find(context, '#', 0);
  if (hash == SIZE_MAX) {
    return true;
  }
  struct jg_str fragment = jg_str_sub(context, hash + 1, context.len);
  const struct jg_str set = JG_STR(SET);
  if (!jg_str_equal_nocase(jg_str_sub(fragment, 0, set.len), set)) {
    return false;
  }
  struct jg_str rest = skip_selection(jg_str_sub(fragment, set.len, fragment.len));
  return rest.len == 0 || jg_str_equal(rest, JG_STR("/$entity"));
}

static bool is_control(struct jg_str name, struct jg_str suffix) {
  // OData 4.01 lets "odata." go.
  const struct jg_str prefix = JG_STR("@odata.");
  name = jg_str_starts_with(name, prefix) ? jg_str_sub(name, prefix.len, name.len) : jg_str_sub(name, 1, name.len);
  return jg_str_equal(name, suffix);
}

struct jg_json_control jg_json_control_read(struct jg_str text, bool head_only) {
  struct jg_json_control control = {0};
  struct jg_arena arena;
  jg_arena_init(&arena, text.len + ARENA_SPARE_BYTES);
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, text, &arena);
  if (jg_json_next(&reader) == JG_JSON_OBJECT_BEGIN) {
    while (jg_json_next(&reader) == JG_JSON_NAME) {
      struct jg_str name = reader.text;
      bool ours = name.len > 0 && name.data[0] == '@';
      if (head_only && !ours) {
        break;
      }
      enum jg_json_token token = jg_json_next(&reader);
      if (ours && token == JG_JSON_STRING && is_control(name, JG_STR("context"))) {
        control.foreign = !names_jobs(reader.text);
      }
      if (ours && is_control(name, JG_STR("nextLink"))) {
        control.more = token == JG_JSON_STRING && reader.text.len > 0;
      }
      if (!jg_json_skip(&reader, token)) {
        break;
      }
    }
  }
  jg_arena_done(&arena);
  return control;
}
