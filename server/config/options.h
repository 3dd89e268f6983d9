/* Settings of one command: flags, environment, config file, defaults, in this order of precedence. One table a command. */
#ifndef JG_SERVER_CONFIG_OPTIONS_H
#define JG_SERVER_CONFIG_OPTIONS_H

#include "base/buf.h"
#include "base/status.h"

enum jg_option_type {
  JG_OPTION_TEXT,
  JG_OPTION_FLAG,    /* --name alone is true; in the environment and file "true" or "false" */
  JG_OPTION_INTEGER, /* min..max */
  JG_OPTION_CHOICE,  /* one of `choices` */
  JG_OPTION_ADDRESS  /* host:port, [v6]:port */
};

struct jg_option {
  const char *name; /* "log-format": the flag --log-format, JOBGATE_LOG_FORMAT, and the key log-format of the file */
  enum jg_option_type type;
  const char *value;   /* default; NULL: none */
  const char *metavar; /* "H:P" for the help text */
  const char *help;
  const char *choices; /* "text|json" */
  int64_t min, max;    /* INTEGER */
  bool secret;         /* JOBGATE_..._FILE names a file that holds it; shown redacted */
  /* What the type does not see; NULL: nothing. The message says what is wrong, and quotes no secret. */
  struct jg_status (*check)(struct jg_str text, struct jg_arena *arena);
};

/* Where a value comes from; a later one beats an earlier one. */
enum jg_option_origin { JG_ORIGIN_DEFAULT, JG_ORIGIN_FILE, JG_ORIGIN_ENVIRONMENT, JG_ORIGIN_FLAG };

/* What was set: parallel to the table. Lives in the arena. */
struct jg_option_value {
  const char *text; /* NULL: not set and no default */
  int64_t integer;  /* INTEGER, FLAG (0, 1) */
  enum jg_option_origin origin;
  const char
      *label; /* where it stands, for messages: "--name" (of a default too), "JOBGATE_NAME", "a.conf line 3: name" */
};

struct jg_options {
  const struct jg_option *table;
  size_t count;
  struct jg_option_value *values;
  const char **operands; /* arguments that are not flags; "-" is one */
  size_t operand_count;
};

/* Where settings come from besides the file. */
struct jg_options_input {
  int argc;
  char *const *argv;
  char *const *environment; /* "NAME=value" pairs, NULL at the end; NULL: none */
  /* A key of the file that is not in the table is another command's: one file serves all. NULL: none is. */
  bool (*elsewhere)(struct jg_str key);
};

/* INVALID_ARGUMENT: an unknown flag or key, a missing or wrong value, one that is given twice in the file, or both as JOBGATE_X
 * and by JOBGATE_X_FILE; the message begins with where it stands: the flag, the variable, or the file and its line. Every table
 * that is not empty has "config" too, --config or JOBGATE_CONFIG: the file. Thread: main. */
JG_MUST_CHECK struct jg_status jg_options_parse(const struct jg_option *table, size_t count,
                                                const struct jg_options_input *input, struct jg_arena *arena,
                                                struct jg_options *ret_options);
/* By name, which must be in the table ("config" is not). */
const struct jg_option_value *jg_options_get(const struct jg_options *options, const char *name);
static inline const char *jg_options_text(const struct jg_options *options, const char *name) {
  return jg_options_get(options, name)->text;
}
static inline const char *jg_options_label(const struct jg_options *options, const char *name) {
  return jg_options_get(options, name)->label;
}
/* By a flag, the environment or the file. */
static inline bool jg_options_given(const struct jg_options *options, const char *name) {
  return jg_options_get(options, name)->origin != JG_ORIGIN_DEFAULT;
}
static inline int64_t jg_options_integer(const struct jg_options *options, const char *name) {
  return jg_options_get(options, name)->integer;
}
/* "  --grpc H:P  ... (127.0.0.1:9090)" lines. */
void jg_options_help(const struct jg_option *table, size_t count, struct jg_buf *out);

/* Cuts "host:port" or "[v6]:port"; the host without brackets. False if malformed or the port is not 0..65535. */
JG_MUST_CHECK bool jg_address_parse(struct jg_str text, struct jg_str *ret_host, uint16_t *ret_port);
/* For `check`: not empty; an address to listen at, whose host is an address or a name that is known here. */
JG_MUST_CHECK struct jg_status jg_option_check_filled(struct jg_str text, struct jg_arena *arena);
JG_MUST_CHECK struct jg_status jg_option_check_listen(struct jg_str text, struct jg_arena *arena);
/* 127.0.0.0/8, ::1 or "localhost". */
bool jg_address_is_loopback(struct jg_str host);

#endif
