#include "server/config/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct jg_option table[] = {
    {.name = "grpc", .type = JG_OPTION_ADDRESS, .value = "127.0.0.1:9090", .metavar = "H:P", .help = "gRPC"},
    {.name = "log-format", .type = JG_OPTION_CHOICE, .value = "text", .choices = "text|json", .help = "log lines"},
    {.name = "page-size", .type = JG_OPTION_INTEGER, .value = "100", .min = 1, .max = 1000, .help = "jobs a page"},
    {.name = "insecure", .type = JG_OPTION_FLAG, .value = "false", .help = "no authentication"},
    {.name = "http", .type = JG_OPTION_ADDRESS, .help = "REST", .check = jg_option_check_listen},
    {.name = "tenant", .type = JG_OPTION_TEXT, .help = "whose", .check = jg_option_check_filled},
    {.name = "password", .type = JG_OPTION_TEXT, .secret = true, .help = "a secret"},
};

static struct jg_arena arena;

static int setup(void **state) {
  (void)state;
  jg_arena_init(&arena, 1 << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_arena_done(&arena);
  return 0;
}

static bool is_elsewhere(struct jg_str key) {
  return jg_str_equal(key, JG_STR("of-another"));
}

static struct jg_status parse(int argc, const char *const *argv, const char *const *environment,
                              struct jg_options *ret_options) {
  const struct jg_options_input input = {
      .argc = argc, .argv = (char *const *)argv, .environment = (char *const *)environment, .elsewhere = is_elsewhere};
  return jg_options_parse(table, JG_COUNT(table), &input, &arena, ret_options);
}

static const char *temporary_bytes(struct jg_str text) {
  const char *folder = getenv("TEST_TMPDIR");
  const char *path = jg_arena_printf(&arena, "%s/options-XXXXXX", folder != NULL ? folder : "/tmp");
  assert_non_null(path);
  int fd = mkstemp((char *)path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
  close(fd);
  return path;
}

static const char *temporary_file(const char *text) {
  return temporary_bytes(jg_str_from_cstr(text));
}

static void defaults_flags_and_operands(void **state) {
  (void)state;
  struct jg_options options;
  assert_true(jg_status_ok(parse(0, NULL, NULL, &options)));
  assert_string_equal(jg_options_text(&options, "grpc"), "127.0.0.1:9090");
  assert_int_equal(jg_options_integer(&options, "page-size"), 100);
  assert_false(jg_options_given(&options, "grpc"));

  const char *argv[] = {"a.json", "--page-size=7", "--insecure", "--log-format", "json", "-", "--", "--x"};
  assert_true(jg_status_ok(parse(JG_COUNT(argv), argv, NULL, &options)));
  assert_int_equal(jg_options_integer(&options, "page-size"), 7);
  assert_int_equal(jg_options_integer(&options, "insecure"), 1);
  assert_string_equal(jg_options_text(&options, "log-format"), "json");
  assert_int_equal(options.operand_count, 3);
  assert_string_equal(options.operands[0], "a.json");
  assert_string_equal(options.operands[1], "-");
  assert_string_equal(options.operands[2], "--x");
}

static void flags_override_environment_overrides_file(void **state) {
  (void)state;
  const char *file = temporary_file("# comment\npage-size = 5\n\nlog-format=json\r\nof-another = x\ngrpc = [::1]:1\n");
  const char *config = jg_arena_printf(&arena, "JOBGATE_CONFIG=%s", file);
  const char *environment[] = {config, "JOBGATE_PAGE_SIZE=6", "JOBGATE_LOG_FORMAT=text", NULL};
  const char *argv[] = {"--page-size", "8", "operand"};
  struct jg_options options;
  assert_true(jg_status_ok(parse(JG_COUNT(argv), argv, environment, &options)));
  assert_int_equal(jg_options_integer(&options, "page-size"), 8);
  assert_int_equal(jg_options_get(&options, "page-size")->origin, JG_ORIGIN_FLAG);
  assert_string_equal(jg_options_text(&options, "log-format"), "text");
  assert_int_equal(jg_options_get(&options, "log-format")->origin, JG_ORIGIN_ENVIRONMENT);
  assert_int_equal(jg_options_get(&options, "grpc")->origin, JG_ORIGIN_FILE);
  assert_int_equal(jg_options_get(&options, "insecure")->origin, JG_ORIGIN_DEFAULT);
  assert_string_equal(jg_options_label(&options, "page-size"), "--page-size");
  assert_string_equal(jg_options_label(&options, "log-format"), "JOBGATE_LOG_FORMAT");
  assert_string_equal(jg_options_label(&options, "grpc"), jg_arena_printf(&arena, "%s line 6: grpc", file));
  assert_string_equal(jg_options_label(&options, "password"), "--password");
  assert_string_equal(jg_options_text(&options, "grpc"), "[::1]:1");
  assert_int_equal(options.operand_count, 1);
}

static void secret_comes_from_a_file(void **state) {
  (void)state;
  const char *file = temporary_file("s3cret\n");
  const char *variable = jg_arena_printf(&arena, "JOBGATE_PASSWORD_FILE=%s", file);
  const char *environment[] = {variable, NULL};
  struct jg_options options;
  assert_true(jg_status_ok(parse(0, NULL, environment, &options)));
  assert_string_equal(jg_options_text(&options, "password"), "s3cret");
}

static void wrong_input_names_the_flag(void **state) {
  (void)state;
  static const struct {
    const char *argv[2];
    const char *message;
  } cases[] = {
      {{"--nope", "1"}, "unknown flag --nope"},
      {{"-x", "1"}, "unknown flag -x"},
      {{"a", "--grpc"}, "--grpc needs a value"},
      {{"--grpc", "nowhere"}, "--grpc must be host:port with a port from 0 to 65535"},
      {{"--grpc", "h:65536"}, "--grpc must be host:port with a port from 0 to 65535"},
      {{"--page-size", "0"}, "--page-size must be an integer from 1 to 1000"},
      {{"--page-size", "1001"}, "--page-size must be an integer from 1 to 1000"},
      {{"--page-size", "ten"}, "--page-size must be an integer from 1 to 1000"},
      {{"--log-format", "xml"}, "--log-format must be one of text|json"},
      {{"--insecure=maybe", "a"}, "--insecure must be true or false"},
      {{"--http", "nohost"}, "--http must be host:port with a port from 0 to 65535"},
      {{"--http", "a.invalid:0"}, NULL},
      {{"--tenant", ""}, "--tenant: must not be empty"},
  };
  assert_true(jg_status_ok(parse(2, (const char *const[]){"--http", "localhost:0"}, NULL, &(struct jg_options){0})));
  assert_true(jg_status_ok(parse(2, (const char *const[]){"--http", "[::1]:0"}, NULL, &(struct jg_options){0})));
  assert_true(jg_status_ok(parse(2, (const char *const[]){"--tenant", "a"}, NULL, &(struct jg_options){0})));
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    struct jg_options options;
    struct jg_status status = parse(2, cases[i].argv, NULL, &options);
    assert_int_equal(status.code, JG_INVALID_ARGUMENT);
    if (cases[i].message != NULL) {
      assert_string_equal(status.message, cases[i].message);
    } else {
      // What the resolver says is its own.
      const char *start = "--http: the host 'a.invalid' is neither an address nor a name that is known here";
      assert_memory_equal(status.message, start, strlen(start));
    }
  }
}

/* One wrong setting, be it in the environment; the message. */
static const char *refusal(int argc, const char *const *argv, const char *variable) {
  const char *environment[] = {variable, NULL};
  struct jg_options options;
  struct jg_status status = parse(argc, argv, environment, &options);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  return status.message;
}

static void a_wrong_variable_is_named(void **state) {
  (void)state;
  assert_string_equal(refusal(0, NULL, "JOBGATE_PAGE_SIZE=0"), "JOBGATE_PAGE_SIZE must be an integer from 1 to 1000");
  assert_string_equal(refusal(0, NULL, "JOBGATE_LOG_FORMAT=x"), "JOBGATE_LOG_FORMAT must be one of text|json");
  assert_string_equal(refusal(0, NULL, "JOBGATE_PASSWORD_FILE=/nonexistent/secret"),
                      "JOBGATE_PASSWORD_FILE: cannot read /nonexistent/secret: ENOENT");
  assert_string_equal(refusal(0, NULL, "JOBGATE_PASSWORD_FILE="), "JOBGATE_PASSWORD_FILE must name a file");
  assert_string_equal(refusal(0, NULL, "JOBGATE_CONFIG="), "JOBGATE_CONFIG must name a file");
  assert_string_equal(refusal(0, NULL, "JOBGATE_CONFIG=/nonexistent/conf"),
                      "JOBGATE_CONFIG: cannot read /nonexistent/conf: ENOENT");
  assert_string_equal(refusal(0, NULL, "JOBGATE_GRPC_FILE=/nonexistent/address"),
                      "JOBGATE_GRPC_FILE is not known: only secrets are read from a file");
  const char *path = temporary_bytes(JG_STR("s3\0cret"));
  assert_string_equal(refusal(0, NULL, jg_arena_printf(&arena, "JOBGATE_PASSWORD_FILE=%s", path)),
                      jg_arena_printf(&arena, "JOBGATE_PASSWORD_FILE: %s holds a NUL byte", path));
}

static void a_secret_has_one_source(void **state) {
  (void)state;
  const char *file = jg_arena_printf(&arena, "JOBGATE_PASSWORD_FILE=%s", temporary_file("s3cret\n"));
  const char *environment[] = {"JOBGATE_PASSWORD=", file, NULL};
  struct jg_options options;
  struct jg_status status = parse(0, NULL, environment, &options);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_string_equal(status.message, "give JOBGATE_PASSWORD or JOBGATE_PASSWORD_FILE, not both");
}

static void a_wrong_file_is_named_with_its_line(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    const char *message; /* %s: the file */
  } cases[] = {
      {JG_STR("grpc = h:1\nnope = 1\n"), "%s line 2 must be `setting = value` with a known setting"},
      {JG_STR("of-another\n"), "%s line 1 must be `setting = value` with a known setting"},
      {JG_STR("config = x"), "%s line 1 must be `setting = value` with a known setting"},
      {JG_STR("\n# x\npage-size = 0\n"), "%s line 3: page-size must be an integer from 1 to 1000"},
      {JG_STR("page-size = 5\nlog-format = text\npage-size = 5\n"), "%s line 3: page-size stands on line 1 already"},
      {JG_STR("page-size = 5\0junk\n"), "--config: %s holds a NUL byte"},
  };
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    const char *file = temporary_bytes(cases[i].text);
    const char *argv[] = {"--config", file};
    const char *before = strstr(cases[i].message, "%s");
    const char *expected =
        jg_arena_printf(&arena, "%.*s%s%s", (int)(before - cases[i].message), cases[i].message, file, before + 2);
    assert_string_equal(refusal(2, argv, NULL), expected);
  }
  const char *missing[] = {"--config", "/nonexistent/jobgate.conf"};
  assert_string_equal(refusal(2, missing, NULL), "--config: cannot read /nonexistent/jobgate.conf: ENOENT");
  const char *nothing[] = {"--config="};
  assert_string_equal(refusal(1, nothing, NULL), "--config must name a file");
}

static void addresses(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *host; /* NULL: refused */
    uint16_t port;
    bool loopback;
  } cases[] = {
      {"127.0.0.1:0", "127.0.0.1", 0, true},
      {"[::1]:65535", "::1", 65535, true},
      {"localhost:1", "localhost", 1, true},
      {"0.0.0.0:80", "0.0.0.0", 80, false},
      {"[::]:80", "::", 80, false},
      {"::1:80", NULL, 0, false},
      {":80", NULL, 0, false},
      {"host", NULL, 0, false},
      {"[::1:80", NULL, 0, false},
      {"h:-1", NULL, 0, false},
      {"h:", NULL, 0, false},
  };
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    struct jg_str host;
    uint16_t port;
    bool ok = jg_address_parse(jg_str_from_cstr(cases[i].text), &host, &port);
    assert_int_equal(ok, cases[i].host != NULL);
    if (ok) {
      assert_true(jg_str_equal(host, jg_str_from_cstr(cases[i].host)));
      assert_int_equal(port, cases[i].port);
      assert_int_equal(jg_address_is_loopback(host), cases[i].loopback);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(defaults_flags_and_operands, setup, teardown),
      cmocka_unit_test_setup_teardown(flags_override_environment_overrides_file, setup, teardown),
      cmocka_unit_test_setup_teardown(secret_comes_from_a_file, setup, teardown),
      cmocka_unit_test_setup_teardown(wrong_input_names_the_flag, setup, teardown),
      cmocka_unit_test_setup_teardown(a_wrong_variable_is_named, setup, teardown),
      cmocka_unit_test_setup_teardown(a_secret_has_one_source, setup, teardown),
      cmocka_unit_test_setup_teardown(a_wrong_file_is_named_with_its_line, setup, teardown),
      cmocka_unit_test_setup_teardown(addresses, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
