/* jobgate: finds the command and runs it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "server/command/command.h"

/* Settings and what a command keeps for its whole life. */
#define PROCESS_ARENA_BYTES (256u << 20)

static const struct jg_command *const commands[] = {
    &jg_command_serve,         &jg_command_import, &jg_command_export, &jg_command_migrate, &jg_command_backup,
    &jg_command_restore,       &jg_command_check,  &jg_command_get,    &jg_command_list,    &jg_command_watch,
    &jg_command_verify_stream, &jg_command_user,   &jg_command_sample, &jg_command_version,
};

/* A setting of any command. */
static bool is_setting(struct jg_str key) {
  for (size_t i = 0; i < JG_COUNT(commands); i++) {
    for (size_t j = 0; j < commands[i]->option_count; j++) {
      if (jg_str_equal(jg_str_from_cstr(commands[i]->options[j].name), key)) {
        return true;
      }
    }
  }
  return false;
}

static void print_usage(FILE *to) {
  fputs("usage: jobgate COMMAND [FLAGS] [OPERANDS]\n\n", to);
  for (size_t i = 0; i < JG_COUNT(commands); i++) {
    fprintf(to, "  %-13s %-8s %s\n", commands[i]->name, commands[i]->operands, commands[i]->help);
  }
  fputs(
      "\n`jobgate COMMAND --help` lists the flags. Each is also JOBGATE_... in the environment and a key of --config "
      "FILE.\n",
      to);
}

static void print_command(const struct jg_command *command, FILE *to) {
  struct jg_buf text;
  jg_buf_init(&text, 64u << 10);
  jg_options_help(command->options, command->option_count, &text);
  fprintf(to, "usage: jobgate %s [FLAGS] %s\n%s\n\n%.*s", command->name, command->operands, command->help,
          JG_STR_ARG(jg_buf_str(&text)));
  jg_buf_done(&text);
}

static bool asks_for_help(const char *argument) {
  return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* What a command printed may still fail to arrive: on a full disk its exit code is all that tells. */
static int end_output(int code) {
  if (fflush(stdout) == 0 && ferror(stdout) == 0) {
    return code;
  }
  fputs("jobgate: cannot write the output\n", stderr);
  return JG_EXIT_FAILURE;
}

/* More or fewer operands than it takes. */
static int refuse_operands(const struct jg_command *command, const struct jg_options *options) {
  if (options->operand_count > command->operands_max) {
    fprintf(stderr, "jobgate: %s does not take '%.80s'\n", command->name, options->operands[command->operands_max]);
  } else {
    fprintf(stderr, "jobgate: %s needs %s\n", command->name, command->operands);
  }
  fprintf(stderr, "usage: jobgate %s [FLAGS] %s\n", command->name, command->operands);
  return JG_EXIT_USAGE;
}

static int run(const struct jg_command *command, const struct jg_options_input *input) {
  for (int i = 0; i < input->argc; i++) {
    if (asks_for_help(input->argv[i])) {
      print_command(command, stdout);
      return end_output(JG_EXIT_OK);
    }
  }
  struct jg_arena arena;
  jg_arena_init(&arena, PROCESS_ARENA_BYTES);
  struct jg_options options;
  int code;
  struct jg_status status = jg_options_parse(command->options, command->option_count, input, &arena, &options);
  if (!jg_status_ok(status)) {
    code = jg_command_usage(status);
  } else if (options.operand_count < command->operands_min || options.operand_count > command->operands_max) {
    code = refuse_operands(command, &options);
  } else {
    code = end_output(command->run(&options, &arena));
  }
  jg_arena_done(&arena);
  return code;
}

int main(int argc, char **argv, char **environment) {
  // Records and backups hold every job and the hashes of passwords: whatever this process makes is its user's alone.
  (void)umask(S_IRWXG | S_IRWXO);
  const char *name = argc > 1 ? argv[1] : "";
  name = strcmp(name, "--version") == 0 ? jg_command_version.name : name;
  for (size_t i = 0; i < JG_COUNT(commands); i++) {
    if (strcmp(name, commands[i]->name) == 0) {
      const struct jg_options_input input = {
          .argc = argc - 2, .argv = argv + 2, .environment = environment, .elsewhere = is_setting};
      return run(commands[i], &input);
    }
  }
  if (asks_for_help(name) || strcmp(name, "help") == 0) {
    print_usage(stdout);
    return end_output(JG_EXIT_OK);
  }
  if (argc > 1) {
    fprintf(stderr, "jobgate: there is no command '%.80s'\n", name);
  }
  print_usage(stderr);
  return JG_EXIT_USAGE;
}
