/* protoc-gen-jobgate: protoc runs it with a CodeGeneratorRequest on standard input and takes a CodeGeneratorResponse from
 * standard output. Mistakes in .proto files go into the response (protoc prints them); everything else is exit 1. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "proto/schema/plugin_emit.h"
#include "proto/schema/plugin_model.h"
#include "proto/schema/plugin_options.h"

#define REQUEST_BYTES_MAX ((size_t)64 << 20)
#define OUTPUT_BYTES_MAX ((size_t)16 << 20)
#define ARENA_BYTES_MAX ((size_t)512 << 20)
#define READ_BYTES ((size_t)64 << 10)

#define HEADER_NAME "members.h"
#define TABLES_NAME "schema_tables.c"

typedef Google__Protobuf__Compiler__CodeGeneratorRequest request_proto;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse response_proto;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File response_file;

static bool read_all(FILE *file, struct jg_buf *ret_bytes) {
  for (;;) {
    char *room = jg_buf_reserve(ret_bytes, READ_BYTES);
    if (room == NULL) {
      return false;
    }
    size_t got = fread(room, 1, READ_BYTES, file);
    ret_bytes->len += got;
    if (got < READ_BYTES) {
      return ferror(file) == 0;
    }
  }
}

static bool write_response(const response_proto *response, FILE *file) {
  struct jg_buf bytes;
  jg_buf_init(&bytes, 2 * OUTPUT_BYTES_MAX);
  size_t size = google__protobuf__compiler__code_generator_response__get_packed_size(response);
  char *room = jg_buf_reserve(&bytes, size);
  bool written = false;
  if (room != NULL) {
    (void)google__protobuf__compiler__code_generator_response__pack(response, (uint8_t *)room);  // its size is known
    written = fwrite(room, 1, size, file) == size && fflush(file) == 0;
  }
  jg_buf_done(&bytes);
  return written;
}

/* Builds and prints the model; the response borrows header, tables and arena. False: an output did not fit. */
static bool respond(struct jg_arena *arena, const request_proto *request, struct jg_buf *header,
                    struct jg_buf *tables) {
  response_proto response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
  struct jg_plugin_model *model = jg_arena_alloc(arena, sizeof(*model));
  if (model == NULL) {
    return false;
  }
  struct jg_status status = jg_plugin_model_build(arena, request, model);
  if (!jg_status_ok(status)) {
    const char *error = jg_arena_printf(arena, "%s", status.message);
    response.error = (char *)(error != NULL ? error : "out of memory");
    return write_response(&response, stdout);
  }
  jg_plugin_emit_header(model, header);
  jg_plugin_emit_tables(model, tables);
  jg_buf_append_char(header, '\0');
  jg_buf_append_char(tables, '\0');
  if (header->failed || tables->failed || arena->failed) {
    return false;
  }
  response_file files[2];
  google__protobuf__compiler__code_generator_response__file__init(&files[0]);
  google__protobuf__compiler__code_generator_response__file__init(&files[1]);
  files[0].name = (char *)HEADER_NAME;
  files[0].content = header->data;
  files[1].name = (char *)TABLES_NAME;
  files[1].content = tables->data;
  response_file *list[2] = {&files[0], &files[1]};
  response.n_file = 2;
  response.file = list;
  return write_response(&response, stdout);
}

int main(void) {
  struct jg_arena arena;
  struct jg_buf input;
  struct jg_buf header;
  struct jg_buf tables;
  jg_arena_init(&arena, ARENA_BYTES_MAX);
  jg_buf_init(&input, REQUEST_BYTES_MAX);
  jg_buf_init(&header, OUTPUT_BYTES_MAX);
  jg_buf_init(&tables, OUTPUT_BYTES_MAX);
  const char *failure = NULL;
  if (!read_all(stdin, &input)) {
    failure = "cannot read the request";
    goto out;
  }
  ProtobufCAllocator allocator = jg_plugin_allocator(&arena);
  const request_proto *request =
      google__protobuf__compiler__code_generator_request__unpack(&allocator, input.len, (const uint8_t *)input.data);
  if (request == NULL) {
    failure = "standard input holds no CodeGeneratorRequest";
    goto out;
  }
  if (!respond(&arena, request, &header, &tables)) {
    failure = "cannot write the response";
  }
out:
  if (failure != NULL) {
    (void)fprintf(stderr, "protoc-gen-jobgate: %s\n", failure);  // nowhere else to say so
  }
  jg_buf_done(&tables);
  jg_buf_done(&header);
  jg_buf_done(&input);
  jg_arena_done(&arena);
  return failure == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}
