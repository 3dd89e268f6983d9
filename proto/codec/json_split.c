#include "proto/codec/json_split.h"

#include "proto/codec/json_control.h"
#include "proto/codec/json_reader.h"
#include "proto/codec/scan.h"

#define MAGIC 0x4a53504cu
#define BRACKETS_MAX 64u
#define FOREIGN "the envelope's @odata.context names something else than Jobs"

/* Where the stream stands between two jobs. */
enum place {
  PLACE_TOP,           /* between values */
  PLACE_FIRST_ELEMENT, /* after the '[' of jobs */
  PLACE_ELEMENT,       /* after a ',' there */
  PLACE_AFTER_ELEMENT, /* after a job there */
  PLACE_VALUE,         /* within a value, which is a job or may prove an envelope */
  PLACE_SHELL,         /* within an envelope, after its array */
  PLACE_FAILED
};

/* What a top-level object has shown of a member that might be "value". */
enum member { MEMBER_NAME, MEMBER_IN_NAME, MEMBER_COLON, MEMBER_VALUE, MEMBER_REST };

struct jg_json_split {
  uint32_t magic;
  enum place place;
  bool in_array;    /* jobs stand in an array: their ends are ',' and ']' */
  bool in_envelope; /* that array is an envelope's */
  bool more;        /* the last envelope named a next page */
  bool scalar;      /* the open element is a number or a word: it ends where something else begins */
  bool in_string;
  bool escaped; /* the last byte of the string was a backslash */
  bool is_value_name;
  enum member member;
  uint32_t depth;    /* open brackets of the value */
  uint64_t brackets; /* bit i: bracket i is a '[' */
  size_t name_start; /* in text: of the name that is being read */
  size_t value_bytes_max;
  int64_t number;     /* jobs handed over */
  int64_t line;       /* of the next byte */
  int64_t value_line; /* where the open value begins */
  int64_t shell_line; /* where the open envelope begins */
  struct jg_buf text; /* of the open value, up to the last feed's end */
  struct jg_buf shell;
};

/* One feed. */
struct feed {
  struct jg_json_split *split;
  const char *p, *end;
  const char *start; /* of the open value's text in these bytes: what is not yet in split->text */
  struct jg_arena *arena;
  jg_json_split_job job;
  void *data;
};

static struct jg_status step_between(struct feed *feed);
static struct jg_status step_value(struct feed *feed);
static struct jg_status finish_value(struct feed *feed);

struct jg_json_split *jg_json_split_create(size_t value_bytes_max) {
  JG_ASSERT(value_bytes_max > 0);
  struct jg_json_split *split = jg_alloc_zero(1, sizeof(*split));
  split->magic = MAGIC;
  split->value_bytes_max = value_bytes_max;
  split->line = 1;
  jg_buf_init(&split->text, value_bytes_max);
  jg_buf_init(&split->shell, value_bytes_max);
  return split;
}

void jg_json_split_destroy(struct jg_json_split *split) {
  if (split == NULL) {
    return;
  }
  JG_ASSERT(split->magic == MAGIC);
  split->magic = 0;
  jg_buf_done(&split->text);
  jg_buf_done(&split->shell);
  jg_free(split);
}

/* Names the value that could not be read, or the one that would have come. */
static struct jg_status refuse(const struct jg_json_split *split, int64_t line, struct jg_arena *arena,
                               const char *reason) {
  return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_NONE, "value %lld at line %lld: %s",
                          (long long)split->number + 1, (long long)line, reason);
}

static struct jg_status refuse_size(const struct jg_json_split *split, int64_t line, struct jg_arena *arena) {
  return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED,
                          "value %lld at line %lld: is longer than %zu bytes", (long long)split->number + 1,
                          (long long)line, split->value_bytes_max);
}

/* The byte at p is one too many for the value. Asked before any byte counts for something, so that how the stream is cut
 * into feeds decides nothing. */
static bool is_full(const struct feed *feed) {
  const struct jg_json_split *split = feed->split;
  return split->text.len + (size_t)(feed->p - feed->start) >= split->value_bytes_max;
}

/* Keeps what these bytes hold of the open value for the next feed. */
static struct jg_status keep_text(struct feed *feed) {
  struct jg_json_split *split = feed->split;
  jg_buf_append(&split->text, feed->start, (size_t)(feed->p - feed->start));
  feed->start = feed->p;
  return split->text.failed ? refuse_size(split, split->value_line, feed->arena) : JG_STATUS_OK;
}

struct jg_status jg_json_split_feed(struct jg_json_split *split, struct jg_str bytes, struct jg_arena *arena,
                                    jg_json_split_job job, void *data) {
  JG_ASSERT(split->magic == MAGIC);
  if (split->place == PLACE_FAILED) {
    return refuse(split, split->line, arena, "the text before it could not be read");
  }
  if (bytes.len == 0) {
    return JG_STATUS_OK;
  }
  struct feed feed = {.split = split,
                      .p = bytes.data,
                      .end = bytes.data + bytes.len,
                      .start = bytes.data,
                      .arena = arena,
                      .job = job,
                      .data = data};
  struct jg_status status = JG_STATUS_OK;
  while (feed.p < feed.end && jg_status_ok(status)) {
    bool inside = split->place == PLACE_VALUE || split->place == PLACE_SHELL;
    status = inside ? step_value(&feed) : step_between(&feed);
  }
  if (jg_status_ok(status) && (split->place == PLACE_VALUE || split->place == PLACE_SHELL)) {
    status = keep_text(&feed);
  }
  if (!jg_status_ok(status)) {
    split->place = PLACE_FAILED;
  }
  return status;
}

struct jg_status jg_json_split_end(struct jg_json_split *split, struct jg_arena *arena) {
  JG_ASSERT(split->magic == MAGIC);
  switch (split->place) {
    case PLACE_TOP:
      return JG_STATUS_OK;
    case PLACE_VALUE:
      return refuse(split, split->value_line, arena, "the text ends within it");
    case PLACE_SHELL:
      return refuse(split, split->line, arena, "the text ends within the envelope of the values before it");
    case PLACE_FAILED:
      return refuse(split, split->line, arena, "the text before it could not be read");
    default:
      return refuse(split, split->line, arena, "the text ends within an array");
  }
}

bool jg_json_split_more(const struct jg_json_split *split) {
  JG_ASSERT(split->magic == MAGIC);
  return split->more;
}

static void begin_value(struct feed *feed, char c) {
  struct jg_json_split *split = feed->split;
  split->place = PLACE_VALUE;
  split->value_line = split->line;
  split->depth = 0;
  split->brackets = 0;
  split->scalar = c != '{' && c != '[' && c != '"';
  split->in_string = false;
  split->escaped = false;
  split->member = MEMBER_NAME;
  jg_buf_clear(&split->text);
  feed->start = feed->p;
}

static bool begins_value(char c) {
  return c == '{' || c == '[' || c == '"' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n';
}

/* The ']' of an array of jobs. */
static void end_array(struct feed *feed) {
  struct jg_json_split *split = feed->split;
  split->in_array = false;
  if (!split->in_envelope) {
    split->place = PLACE_TOP;
    return;
  }
  // On goes the envelope, whose text is kept without the jobs: "...,"value":[" and "],...}".
  split->place = PLACE_SHELL;
  split->value_line = split->shell_line;
  split->depth = 1;
  split->brackets = 0;
  split->scalar = false;
  split->in_string = false;
  split->escaped = false;
  split->member = MEMBER_REST;
  jg_buf_clear(&split->text);
  feed->start = feed->p - 1;
}

/* One byte between two jobs. */
static struct jg_status step_between(struct feed *feed) {
  struct jg_json_split *split = feed->split;
  char c = *feed->p;
  if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
    split->line += c == '\n';
    feed->p++;
    return JG_STATUS_OK;
  }
  if (split->place == PLACE_AFTER_ELEMENT) {
    if (c != ',' && c != ']') {
      return refuse(split, split->line, feed->arena, "a comma or ']' was expected before it");
    }
    feed->p++;
    if (c == ',') {
      split->place = PLACE_ELEMENT;
    } else {
      end_array(feed);
    }
    return JG_STATUS_OK;
  }
  if (split->place == PLACE_FIRST_ELEMENT && c == ']') {
    feed->p++;
    end_array(feed);
    return JG_STATUS_OK;
  }
  if (split->place == PLACE_TOP && c == '[') {
    feed->p++;
    split->in_array = true;
    split->in_envelope = false;
    split->place = PLACE_FIRST_ELEMENT;
    return JG_STATUS_OK;
  }
  if (split->place == PLACE_TOP && c != '{') {
    return refuse(split, split->line, feed->arena, "a JSON object or array was expected");
  }
  if (!begins_value(c)) {
    return refuse(split, split->line, feed->arena, "a JSON value was expected");
  }
  begin_value(feed, c);
  return JG_STATUS_OK;
}

/* The name that ends at p (its closing quote) spells "value", be it with escapes. */
static bool name_is_value(const struct feed *feed) {
  const struct jg_json_split *split = feed->split;
  // The longest spelling of it escapes each letter.
  char name[2 + 5 * 6];
  size_t kept = split->text.len;
  size_t len = kept + (size_t)(feed->p + 1 - feed->start) - split->name_start;
  if (len > sizeof(name)) {
    return false;
  }
  for (size_t i = 0; i < len; i++) {
    size_t at = split->name_start + i;
    name[i] = *(at < kept ? split->text.data + at : feed->start + (at - kept));
  }
  struct jg_str spelled = jg_str_make(name, len);
  if (jg_str_find(spelled, '\\', 0) == SIZE_MAX) {
    return jg_str_equal(spelled, JG_STR("\"value\""));
  }
  struct jg_arena arena;
  jg_arena_init(&arena, sizeof(name));
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, spelled, &arena);
  bool is_value = jg_json_next(&reader) == JG_JSON_STRING && jg_str_equal(reader.text, JG_STR("value"));
  jg_arena_done(&arena);
  return is_value;
}

/* p stands behind the '[' of a top-level member "value". What came before is the envelope's. */
static struct jg_status open_envelope(struct feed *feed) {
  struct jg_json_split *split = feed->split;
  JG_RETURN_IF_ERROR(keep_text(feed));
  jg_buf_clear(&split->shell);
  jg_buf_append_str(&split->shell, jg_buf_str(&split->text));
  split->shell_line = split->value_line;
  if (jg_json_control_read(jg_buf_str(&split->shell), false).foreign) {
    return refuse(split, split->shell_line, feed->arena, FOREIGN);
  }
  split->in_array = true;
  split->in_envelope = true;
  split->place = PLACE_FIRST_ELEMENT;
  return JG_STATUS_OK;
}

/* The envelope's own text must be JSON too. */
static struct jg_status check_shell(struct feed *feed) {
  struct jg_json_split *split = feed->split;
  jg_buf_append_str(&split->shell, jg_buf_str(&split->text));
  if (split->shell.failed) {
    return refuse_size(split, split->shell_line, feed->arena);
  }
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, jg_buf_str(&split->shell), NULL);
  if (!jg_json_skip(&reader, jg_json_next(&reader)) || jg_json_next(&reader) != JG_JSON_END) {
    return refuse(split, split->line, feed->arena, "the envelope around the values before it is not valid JSON");
  }
  struct jg_json_control control = jg_json_control_read(jg_buf_str(&split->shell), false);
  if (control.foreign) {
    return refuse(split, split->line, feed->arena, FOREIGN);
  }
  split->more = control.more;
  split->place = PLACE_TOP;
  split->in_envelope = false;
  return JG_STATUS_OK;
}

/* p stands behind the last byte of the open value. */
static struct jg_status finish_value(struct feed *feed) {
  struct jg_json_split *split = feed->split;
  struct jg_str text = jg_str_make(feed->start, (size_t)(feed->p - feed->start));
  if (split->place == PLACE_SHELL || split->text.len != 0) {
    JG_RETURN_IF_ERROR(keep_text(feed));
    text = jg_buf_str(&split->text);
  }
  if (split->place == PLACE_SHELL) {
    return check_shell(feed);
  }
  JG_ASSERT(text.len <= split->value_bytes_max);
  split->number++;
  split->place = split->in_array ? PLACE_AFTER_ELEMENT : PLACE_TOP;
  return feed->job(text, split->number, split->value_line, feed->data);
}

/* Inside a string, up to its end or the end of the bytes. */
static struct jg_status step_string(struct feed *feed) {
  struct jg_json_split *split = feed->split;
  if (split->escaped) {
    split->escaped = false;
    split->line += *feed->p == '\n';
    feed->p++;
    return JG_STATUS_OK;
  }
  feed->p = jg_scan_plain(feed->p, feed->end);
  if (feed->p == feed->end) {
    return JG_STATUS_OK;
  }
  if (is_full(feed)) {
    return refuse_size(split, split->value_line, feed->arena);
  }
  char c = *feed->p;
  if (c == '"') {
    split->in_string = false;
    if (split->member == MEMBER_IN_NAME) {
      split->member = MEMBER_COLON;
      split->is_value_name = name_is_value(feed);
      if (split->is_value_name && split->place == PLACE_SHELL) {
        return refuse(split, split->line, feed->arena, "the envelope has two members \"value\"");
      }
    }
  }
  split->escaped = c == '\\';
  split->line += c == '\n';
  feed->p++;
  return split->depth == 0 && !split->in_string ? finish_value(feed) : JG_STATUS_OK;
}

/* Follows the members of a top-level object, to see "value":[ when it comes. c: not white space. */
static void step_member(struct jg_json_split *split, char c) {
  switch (split->member) {
    case MEMBER_NAME:
      split->member = c == '"' ? MEMBER_IN_NAME : MEMBER_REST;
      break;
    case MEMBER_COLON:
      split->member = c == ':' ? MEMBER_VALUE : MEMBER_REST;
      break;
    default:
      split->member = c == ',' ? MEMBER_NAME : MEMBER_REST;
      break;
  }
}

static struct jg_status open_bracket(struct feed *feed, char c) {
  struct jg_json_split *split = feed->split;
  bool array = c == '[';
  feed->p++;
  if (array && split->depth == 1 && split->place == PLACE_VALUE && !split->in_array && split->member == MEMBER_VALUE &&
      split->is_value_name) {
    return open_envelope(feed);
  }
  if (split->depth < BRACKETS_MAX) {
    uint64_t bit = UINT64_C(1) << split->depth;
    split->brackets = array ? split->brackets | bit : split->brackets & ~bit;
  }
  split->depth++;
  split->member = split->depth == 1 && !array ? MEMBER_NAME : MEMBER_REST;
  return JG_STATUS_OK;
}

static struct jg_status close_bracket(struct feed *feed, char c) {
  struct jg_json_split *split = feed->split;
  JG_ASSERT(split->depth > 0);
  // Deeper than the decoder's limit only their number counts.
  if (split->depth <= BRACKETS_MAX) {
    bool array = (split->brackets >> (split->depth - 1) & 1) != 0;
    if (array != (c == ']')) {
      return refuse(split, split->line, feed->arena, "its brackets do not match");
    }
  }
  feed->p++;
  split->depth--;
  split->member = MEMBER_REST;
  return split->depth == 0 ? finish_value(feed) : JG_STATUS_OK;
}

static bool ends_scalar(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ']' || c == '}' || c == '{' || c == '[' ||
         c == '"';
}

/* Some bytes of the open value. */
static struct jg_status step_value(struct feed *feed) {
  struct jg_json_split *split = feed->split;
  char c = *feed->p;
  if (split->scalar && ends_scalar(c)) {
    return finish_value(feed);
  }
  if (is_full(feed)) {
    return refuse_size(split, split->value_line, feed->arena);
  }
  if (split->in_string) {
    return step_string(feed);
  }
  switch (c) {
    case '{':
    case '[':
      return open_bracket(feed, c);
    case '}':
    case ']':
      return close_bracket(feed, c);
    case ' ':
    case '\t':
    case '\r':
    case '\n':
      split->line += c == '\n';
      break;
    default:
      if (split->depth == 1) {
        step_member(split, c);
        if (split->member == MEMBER_IN_NAME) {
          split->name_start = split->text.len + (size_t)(feed->p - feed->start);
        }
      }
      split->in_string = c == '"';
      break;
  }
  feed->p++;
  return JG_STATUS_OK;
}
