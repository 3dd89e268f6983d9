#include "server/config/options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define JG_CONFIG_FILE_BYTES_MAX (64u << 10)
#define JG_ENV_PREFIX "JOBGATE_"

/* Where a value stands: `label` is "--page-size", "JOBGATE_PAGE_SIZE" or "a.conf line 3: page-size". */
struct place {
  enum jg_option_origin origin;
  const char *label;
};

static struct jg_status invalid(struct jg_arena *arena, const char *label, const char *what) {
  return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "%s %s", label, what);
}

static struct jg_status out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the settings are too long");
}

/* Every command that has settings takes a file of them. */
static const struct jg_option config_option = {
    .name = "config",
    .type = JG_OPTION_TEXT,
    .metavar = "FILE",
    .help = "lines of `setting = value`; those of other commands are passed over"};

/* Index `count` is the config file's own. */
static const struct jg_option *option_at(const struct jg_options *options, size_t index) {
  JG_ASSERT(index <= options->count);
  return index < options->count ? &options->table[index] : &config_option;
}

static size_t index_of(const struct jg_options *options, struct jg_str name) {
  for (size_t i = 0; i < options->count; i++) {
    if (jg_str_equal(jg_str_from_cstr(options->table[i].name), name)) {
      return i;
    }
  }
  bool config = options->count > 0 && jg_str_equal(jg_str_from_cstr(config_option.name), name);
  return config ? options->count : SIZE_MAX;
}

static bool choice_known(const char *choices, struct jg_str value) {
  struct jg_str rest = jg_str_from_cstr(choices);
  while (rest.data != NULL) {
    if (jg_str_equal(jg_str_cut(rest, '|', &rest), value)) {
      return true;
    }
  }
  return false;
}

/* Checks and stores one value. `text` is NUL-terminated and lives long enough. */
static struct jg_status set_value(const struct jg_option *option, const char *text, struct place place,
                                  struct jg_arena *arena, struct jg_option_value *value) {
  struct jg_str s = jg_str_from_cstr(text);
  struct jg_option_value result = {.text = text, .origin = place.origin, .label = place.label};
  struct jg_str host;
  uint16_t port;
  switch (option->type) {
    case JG_OPTION_TEXT:
      break;
    case JG_OPTION_FLAG:
      if (!choice_known("true|false", s)) {
        return invalid(arena, place.label, "must be true or false");
      }
      result.integer = jg_str_equal(s, JG_STR("true"));
      break;
    case JG_OPTION_INTEGER:
      if (!jg_parse_i64(s, &result.integer) || result.integer < option->min || result.integer > option->max) {
        return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                                "%s must be an integer from %lld to %lld", place.label, (long long)option->min,
                                (long long)option->max);
      }
      break;
    case JG_OPTION_CHOICE:
      if (!choice_known(option->choices, s)) {
        return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "%s must be one of %s",
                                place.label, option->choices);
      }
      break;
    case JG_OPTION_ADDRESS:
      if (!jg_address_parse(s, &host, &port)) {
        return invalid(arena, place.label, "must be host:port with a port from 0 to 65535");
      }
      break;
  }
  if (option->check != NULL) {
    struct jg_status status = option->check(s, arena);
    if (!jg_status_ok(status)) {
      return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "%s: %s", place.label,
                              status.message);
    }
  }
  *value = result;
  return JG_STATUS_OK;
}

/* Reads a small file into the arena, NUL-terminated. label: of the setting that names it. */
static struct jg_status read_file(const char *label, const char *path, struct jg_arena *arena,
                                  struct jg_str *ret_text) {
  if (path[0] == '\0') {
    return invalid(arena, label, "must name a file");
  }
  char *text = jg_arena_alloc(arena, JG_CONFIG_FILE_BYTES_MAX + 1);
  if (text == NULL) {
    return out_of_arena();
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  size_t len = 0;
  ssize_t n = fd < 0 ? -1 : 1;
  while (n > 0 && len <= JG_CONFIG_FILE_BYTES_MAX) {
    n = read(fd, text + len, JG_CONFIG_FILE_BYTES_MAX + 1 - len);
    len += n > 0 ? (size_t)n : 0;
  }
  int error = errno;
  if (fd >= 0) {
    close(fd);
  }
  if (n < 0) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "%s: cannot read %s: %s", label, path,
                            strerrorname_np(error));
  }
  if (len > JG_CONFIG_FILE_BYTES_MAX) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "%s: %s is longer than %u bytes",
                            label, path, JG_CONFIG_FILE_BYTES_MAX);
  }
  if (memchr(text, '\0', len) != NULL) {
    // What follows it would not count, and nobody would see why.
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "%s: %s holds a NUL byte", label,
                            path);
  }
  text[len] = '\0';
  *ret_text = jg_str_make(text, len);
  return JG_STATUS_OK;
}

/* "JOBGATE_LOG_FORMAT" for "log-format"; NULL at the arena's cap. */
static const char *env_name(const char *name, const char *suffix, struct jg_arena *arena) {
  const char *parts[] = {JG_ENV_PREFIX, name, suffix};
  char *text = jg_arena_alloc(arena, strlen(parts[0]) + strlen(parts[1]) + strlen(parts[2]) + 1);
  size_t len = 0;
  for (size_t i = 0; text != NULL && i < JG_COUNT(parts); i++) {
    for (const char *p = parts[i]; *p != '\0'; p++) {
      text[len++] = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
    }
  }
  if (text != NULL) {
    text[len] = '\0';
  }
  return text;
}

static const char *env_get(char *const environment[], const char *name) {
  size_t len = strlen(name);
  for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
    if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=') {
      return environment[i] + len + 1;
    }
  }
  return NULL;
}

/* The text that JOBGATE_X_FILE names a file of, without the end of its line. */
static struct jg_status read_secret(const char *label, const char *path, struct jg_arena *arena,
                                    const char **ret_text) {
  struct jg_str content = JG_STR_NONE;
  JG_RETURN_IF_ERROR(read_file(label, path, arena, &content));
  while (content.len > 0 && (content.data[content.len - 1] == '\n' || content.data[content.len - 1] == '\r')) {
    content.len--;
  }
  content = jg_arena_str(arena, content);
  if (content.data == NULL) {
    return out_of_arena();
  }
  *ret_text = content.data;
  return JG_STATUS_OK;
}

/* What JOBGATE_X_FILE says of one setting. A variable that is set and does not count is an error, as its owner means it to. */
static struct jg_status apply_secret_file(struct jg_options *options, size_t index, char *const environment[],
                                          struct jg_arena *arena) {
  const struct jg_option *option = option_at(options, index);
  const char *plain = env_name(option->name, "", arena);
  const char *label = env_name(option->name, "_FILE", arena);
  const char *own = jg_arena_printf(arena, "%s-file", option->name);
  if (plain == NULL || label == NULL || own == NULL) {
    return out_of_arena();
  }
  const char *path = env_get(environment, label);
  if (path == NULL || index_of(options, jg_str_from_cstr(own)) != SIZE_MAX) {
    return JG_STATUS_OK;
  }
  if (!option->secret) {
    return invalid(arena, label, "is not known: only secrets are read from a file");
  }
  if (env_get(environment, plain) != NULL) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "give %s or %s, not both", plain,
                            label);
  }
  const char *text = NULL;
  JG_RETURN_IF_ERROR(read_secret(label, path, arena, &text));
  return set_value(option, text, (struct place){JG_ORIGIN_ENVIRONMENT, label}, arena, &options->values[index]);
}

static struct jg_status apply_environment(struct jg_options *options, char *const environment[],
                                          struct jg_arena *arena) {
  size_t end = options->count > 0 ? options->count + 1 : 0;
  for (size_t i = 0; i < end; i++) {
    const char *label = env_name(option_at(options, i)->name, "", arena);
    if (label == NULL) {
      return out_of_arena();
    }
    const char *text = env_get(environment, label);
    if (text != NULL) {
      const struct place place = {JG_ORIGIN_ENVIRONMENT, label};
      JG_RETURN_IF_ERROR(set_value(option_at(options, i), text, place, arena, &options->values[i]));
    }
    JG_RETURN_IF_ERROR(apply_secret_file(options, i, environment, arena));
  }
  return JG_STATUS_OK;
}

/* A config file that is being read. */
struct config {
  const char *path;
  size_t line;
  size_t *lines; /* by index of the table: where it was set; 0: not yet */
  bool (*elsewhere)(struct jg_str key);
};

static struct jg_status apply_line(struct jg_options *options, const struct config *config, struct jg_str text,
                                   struct jg_arena *arena) {
  struct jg_str value;
  struct jg_str key = jg_str_trim(jg_str_cut(text, '=', &value));
  size_t index = index_of(options, key);
  if (value.data != NULL && index == SIZE_MAX && config->elsewhere != NULL && config->elsewhere(key)) {
    return JG_STATUS_OK;
  }
  if (value.data == NULL || index >= options->count) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                            "%s line %zu must be `setting = value` with a known setting", config->path, config->line);
  }
  const char *label = jg_arena_printf(arena, "%s line %zu: %s", config->path, config->line, options->table[index].name);
  value = jg_arena_str(arena, jg_str_trim(value));
  if (value.data == NULL || label == NULL) {
    return out_of_arena();
  }
  if (config->lines[index] != 0) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "%s stands on line %zu already",
                            label, config->lines[index]);
  }
  config->lines[index] = config->line;
  return set_value(&options->table[index], value.data, (struct place){JG_ORIGIN_FILE, label}, arena,
                   &options->values[index]);
}

/* named: --config or JOBGATE_CONFIG. */
static struct jg_status apply_file(struct jg_options *options, const struct jg_option_value *named,
                                   bool (*elsewhere)(struct jg_str key), struct jg_arena *arena) {
  struct config config = {.path = named->text,
                          .elsewhere = elsewhere,
                          .lines = jg_arena_alloc_zero(arena, options->count * sizeof config.lines[0])};
  if (config.lines == NULL) {
    return out_of_arena();
  }
  const char *label = named->origin == JG_ORIGIN_FLAG ? "--config" : JG_ENV_PREFIX "CONFIG";
  struct jg_str rest;
  JG_RETURN_IF_ERROR(read_file(label, config.path, arena, &rest));
  while (rest.data != NULL) {
    config.line++;
    struct jg_str text = jg_str_cut(rest, '\n', &rest);
    if (text.len > 0 && text.data[text.len - 1] == '\r') {
      text.len--;
    }
    text = jg_str_trim(text);
    if (text.len > 0 && text.data[0] != '#') {
      JG_RETURN_IF_ERROR(apply_line(options, &config, text, arena));
    }
  }
  return JG_STATUS_OK;
}

/* Flags and operands from the command line. Values go into `values`, which may be the final ones or a scratch copy. */
static struct jg_status apply_arguments(struct jg_options *options, int argc, char *const argv[],
                                        struct jg_arena *arena) {
  bool flags_end = false;
  for (int i = 0; i < argc; i++) {
    const char *arg = argv[i];
    if (flags_end || strncmp(arg, "--", 2) != 0) {
      if (!flags_end && arg[0] == '-' && arg[1] != '\0') {
        return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "unknown flag %.40s", arg);
      }
      options->operands[options->operand_count++] = arg;
      continue;
    }
    if (arg[2] == '\0') {
      flags_end = true;
      continue;
    }
    struct jg_str value;
    struct jg_str name = jg_str_cut(jg_str_from_cstr(arg + 2), '=', &value);
    size_t index = index_of(options, name);
    if (index == SIZE_MAX) {
      return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "unknown flag --%.*s",
                              (int)(name.len < 40 ? name.len : 40), name.data);
    }
    const struct jg_option *option = option_at(options, index);
    const char *label = jg_arena_printf(arena, "--%s", option->name);
    if (label == NULL) {
      return out_of_arena();
    }
    const char *text = value.data;
    if (text == NULL && option->type == JG_OPTION_FLAG) {
      text = "true";
    } else if (text == NULL) {
      if (i + 1 == argc) {
        return invalid(arena, label, "needs a value");
      }
      text = argv[++i];
    }
    JG_RETURN_IF_ERROR(set_value(option, text, (struct place){JG_ORIGIN_FLAG, label}, arena, &options->values[index]));
  }
  return JG_STATUS_OK;
}

static struct jg_status apply_defaults(struct jg_options *options, struct jg_arena *arena) {
  for (size_t i = 0; i < options->count; i++) {
    const struct place place = {JG_ORIGIN_DEFAULT, jg_arena_printf(arena, "--%s", options->table[i].name)};
    if (place.label == NULL) {
      return out_of_arena();
    }
    options->values[i] = (struct jg_option_value){.label = place.label};
    if (options->table[i].value != NULL) {
      struct jg_status status =
          set_value(&options->table[i], options->table[i].value, place, arena, &options->values[i]);
      JG_ASSERT(jg_status_ok(status)); /* a default is ours */
    }
  }
  return JG_STATUS_OK;
}

struct jg_status jg_options_parse(const struct jg_option *table, size_t count, const struct jg_options_input *input,
                                  struct jg_arena *arena, struct jg_options *ret_options) {
  struct jg_options options = {.table = table, .count = count};
  options.values = jg_arena_alloc_zero(arena, (count + 1) * sizeof options.values[0]);
  options.operands = jg_arena_alloc_zero(arena, ((size_t)input->argc + 1) * sizeof options.operands[0]);
  if (options.values == NULL || options.operands == NULL) {
    return out_of_arena();
  }
  /* Flags and environment tell the file, and then override it: they are applied twice. */
  JG_RETURN_IF_ERROR(apply_defaults(&options, arena));
  JG_RETURN_IF_ERROR(apply_environment(&options, input->environment, arena));
  JG_RETURN_IF_ERROR(apply_arguments(&options, input->argc, input->argv, arena));
  struct jg_option_value named = options.values[count];
  if (count > 0 && named.text != NULL) {
    JG_RETURN_IF_ERROR(apply_defaults(&options, arena));
    JG_RETURN_IF_ERROR(apply_file(&options, &named, input->elsewhere, arena));
    options.operand_count = 0;
    JG_RETURN_IF_ERROR(apply_environment(&options, input->environment, arena));
    JG_RETURN_IF_ERROR(apply_arguments(&options, input->argc, input->argv, arena));
  }
  *ret_options = options;
  return JG_STATUS_OK;
}

const struct jg_option_value *jg_options_get(const struct jg_options *options, const char *name) {
  size_t index = index_of(options, jg_str_from_cstr(name));
  JG_ASSERT(index < options->count);
  return &options->values[index];
}

void jg_options_help(const struct jg_option *table, size_t count, struct jg_buf *out) {
  for (size_t i = 0; i <= count && count > 0; i++) {
    const struct jg_option *option = i < count ? &table[i] : &config_option;
    const char *metavar = option->type == JG_OPTION_CHOICE    ? option->choices
                          : option->metavar != NULL           ? option->metavar
                          : option->type == JG_OPTION_INTEGER ? "N"
                                                              : "";
    char left[64];
    int length = snprintf(left, sizeof left, "--%s %s", option->name, metavar);
    jg_buf_printf(out, "  %-32s %s", length < 0 ? option->name : left, option->help);
    if (option->value != NULL && option->type != JG_OPTION_FLAG) {
      jg_buf_printf(out, " (%s)", option->value);
    }
    jg_buf_append_char(out, '\n');
  }
}
