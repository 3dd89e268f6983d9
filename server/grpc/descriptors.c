#include "server/grpc/descriptors.h"

#include <stdlib.h>

#include "proto/codec/wire.h"

/* Memory of the index: names and lists only. */
#define INDEX_BYTES_MAX (16u << 20)
#define PENDING_COUNT_FIRST 64u

/* Field numbers of google/protobuf/descriptor.proto. */
enum { SET_FILE = 1 };
enum { FILE_NAME = 1, FILE_PACKAGE = 2, FILE_DEPENDENCY = 3, FILE_MESSAGE = 4, FILE_ENUM = 5, FILE_SERVICE = 6 };
enum { MESSAGE_NAME = 1, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 };
enum { SERVICE_NAME = 1, SERVICE_METHOD = 2 };
/* Enums and methods have theirs there too. */
enum { ANY_NAME = 1 };

struct file {
  struct jg_str name;
  struct jg_str bytes;
  size_t *closure; /* indexes of files: itself, then what it imports, each once */
  size_t closure_count;
};

struct symbol {
  struct jg_str name;
  size_t file;
};

struct jg_grpc_descriptors {
  struct jg_arena arena;
  struct file *files;
  size_t file_count;
  struct symbol *symbols; /* sorted by name */
  size_t symbol_count, symbol_capacity;
};

/* Messages that are still to be looked into: a list in place of recursion. */
struct pending {
  struct jg_str bytes;
  struct jg_str scope; /* "jobgate.v1" */
};

struct builder {
  struct jg_grpc_descriptors *index;
  struct pending *pending;
  size_t pending_count, pending_capacity;
  bool failed;
};

static bool cut_files(struct jg_grpc_descriptors *index, struct jg_str set);
static bool close_imports(struct jg_grpc_descriptors *index, size_t file);
static bool read_symbols(struct jg_grpc_descriptors *index, size_t file);

/* The first field of that number, or nothing. */
static struct jg_str field_of(struct jg_str message, uint32_t number) {
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, message);
  struct jg_wire_field field;
  while (jg_wire_next(&reader, &field)) {
    if (field.number == number && field.type == JG_WIRE_LEN) {
      return field.bytes;
    }
  }
  return JG_STR_NONE;
}

static int by_name(const void *a, const void *b) {
  return jg_str_compare(((const struct symbol *)a)->name, ((const struct symbol *)b)->name);
}

struct jg_status jg_grpc_descriptors_create(struct jg_str set, struct jg_grpc_descriptors **ret_index) {
  struct jg_grpc_descriptors *index = jg_alloc_zero(1, sizeof(*index));
  jg_arena_init(&index->arena, INDEX_BYTES_MAX);
  bool ok = cut_files(index, set);
  for (size_t i = 0; ok && i < index->file_count; i++) {
    ok = close_imports(index, i) && read_symbols(index, i);
  }
  if (!ok) {
    jg_grpc_descriptors_destroy(index);
    return jg_status_make(JG_INTERNAL, JG_REASON_NONE, "the descriptor set is malformed or lacks an import");
  }
  if (index->symbol_count != 0) {
    qsort(index->symbols, index->symbol_count, sizeof(*index->symbols), by_name);
  }
  *ret_index = index;
  return JG_STATUS_OK;
}

void jg_grpc_descriptors_destroy(struct jg_grpc_descriptors *index) {
  if (index == NULL) {
    return;
  }
  jg_free(index->files);
  jg_free(index->symbols);
  jg_arena_done(&index->arena);
  jg_free(index);
}

size_t jg_grpc_descriptors_file(const struct jg_grpc_descriptors *index, struct jg_str name) {
  for (size_t i = 0; i < index->file_count; i++) {
    if (jg_str_equal(index->files[i].name, name)) {
      return i;
    }
  }
  return SIZE_MAX;
}

size_t jg_grpc_descriptors_symbol(const struct jg_grpc_descriptors *index, struct jg_str symbol) {
  if (index->symbol_count == 0) {
    return SIZE_MAX;
  }
  struct symbol key = {.name = symbol};
  const struct symbol *found = bsearch(&key, index->symbols, index->symbol_count, sizeof(*index->symbols), by_name);
  return found != NULL ? found->file : SIZE_MAX;
}

void jg_grpc_descriptors_closure(const struct jg_grpc_descriptors *index, size_t file,
                                 void (*each)(struct jg_str descriptor, void *data), void *data) {
  JG_ASSERT(file < index->file_count);
  const struct file *root = &index->files[file];
  for (size_t i = 0; i < root->closure_count; i++) {
    each(index->files[root->closure[i]].bytes, data);
  }
}

static bool cut_files(struct jg_grpc_descriptors *index, struct jg_str set) {
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  size_t count = 0;
  jg_wire_reader_init(&reader, set);
  while (jg_wire_next(&reader, &field)) {
    count += field.number == SET_FILE && field.type == JG_WIRE_LEN;
  }
  if (reader.failed) {
    return false;
  }
  index->files = jg_alloc_zero(count + 1, sizeof(*index->files));
  jg_wire_reader_init(&reader, set);
  while (jg_wire_next(&reader, &field)) {
    if (field.number == SET_FILE && field.type == JG_WIRE_LEN) {
      struct file *file = &index->files[index->file_count++];
      file->bytes = field.bytes;
      file->name = field_of(field.bytes, FILE_NAME);
      if (file->name.len == 0) {
        return false;
      }
    }
  }
  return true;
}

static bool closure_has(const struct file *file, size_t index) {
  for (size_t i = 0; i < file->closure_count; i++) {
    if (file->closure[i] == index) {
      return true;
    }
  }
  return false;
}

/* Breadth first: the list is both the result and what is still to be looked into. */
static bool close_imports(struct jg_grpc_descriptors *index, size_t file) {
  struct file *root = &index->files[file];
  root->closure = jg_arena_alloc(&index->arena, index->file_count * sizeof(*root->closure));
  if (root->closure == NULL) {
    return false;
  }
  root->closure[root->closure_count++] = file;
  for (size_t i = 0; i < root->closure_count; i++) {
    struct jg_wire_reader reader;
    struct jg_wire_field field;
    jg_wire_reader_init(&reader, index->files[root->closure[i]].bytes);
    while (jg_wire_next(&reader, &field)) {
      if (field.number != FILE_DEPENDENCY || field.type != JG_WIRE_LEN) {
        continue;
      }
      size_t import = jg_grpc_descriptors_file(index, field.bytes);
      if (import == SIZE_MAX) {
        return false;
      }
      if (!closure_has(root, import)) {
        root->closure[root->closure_count++] = import;
      }
    }
    if (reader.failed) {
      return false;
    }
  }
  return true;
}

/* scope.name, in the index's arena. */
static struct jg_str add_symbol(struct builder *builder, struct jg_str scope, struct jg_str name, size_t file) {
  struct jg_grpc_descriptors *index = builder->index;
  const char *text = scope.len == 0 ? jg_arena_printf(&index->arena, "%.*s", JG_STR_ARG(name))
                                    : jg_arena_printf(&index->arena, "%.*s.%.*s", JG_STR_ARG(scope), JG_STR_ARG(name));
  if (text == NULL || name.len == 0) {
    builder->failed = true;
    return JG_STR_NONE;
  }
  if (index->symbol_count == index->symbol_capacity) {
    index->symbol_capacity = index->symbol_capacity != 0 ? index->symbol_capacity * 2 : PENDING_COUNT_FIRST;
    index->symbols = jg_realloc(index->symbols, index->symbol_capacity * sizeof(*index->symbols));
  }
  index->symbols[index->symbol_count++] = (struct symbol){jg_str_from_cstr(text), file};
  return jg_str_from_cstr(text);
}

static void add_pending(struct builder *builder, struct jg_str bytes, struct jg_str scope) {
  if (builder->pending_count == builder->pending_capacity) {
    builder->pending_capacity = builder->pending_capacity != 0 ? builder->pending_capacity * 2 : PENDING_COUNT_FIRST;
    builder->pending = jg_realloc(builder->pending, builder->pending_capacity * sizeof(*builder->pending));
  }
  builder->pending[builder->pending_count++] = (struct pending){bytes, scope};
}

static void read_service(struct builder *builder, struct jg_str bytes, struct jg_str package, size_t file) {
  struct jg_str service = add_symbol(builder, package, field_of(bytes, SERVICE_NAME), file);
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, bytes);
  while (jg_wire_next(&reader, &field)) {
    if (field.number == SERVICE_METHOD && field.type == JG_WIRE_LEN) {
      (void)add_symbol(builder, service, field_of(field.bytes, ANY_NAME), file);  // `failed` tells.
    }
  }
  builder->failed = builder->failed || reader.failed;
}

static void read_message(struct builder *builder, struct pending message, size_t file) {
  struct jg_str scope = add_symbol(builder, message.scope, field_of(message.bytes, MESSAGE_NAME), file);
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, message.bytes);
  while (jg_wire_next(&reader, &field)) {
    if (field.number == MESSAGE_NESTED && field.type == JG_WIRE_LEN) {
      add_pending(builder, field.bytes, scope);
    } else if (field.number == MESSAGE_ENUM && field.type == JG_WIRE_LEN) {
      (void)add_symbol(builder, scope, field_of(field.bytes, ANY_NAME), file);  // `failed` tells.
    }
  }
  builder->failed = builder->failed || reader.failed;
}

static bool read_symbols(struct jg_grpc_descriptors *index, size_t file) {
  struct builder builder = {.index = index};
  struct jg_str bytes = index->files[file].bytes;
  struct jg_str package = field_of(bytes, FILE_PACKAGE);
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, bytes);
  while (jg_wire_next(&reader, &field)) {
    if (field.type != JG_WIRE_LEN) {
      continue;
    }
    if (field.number == FILE_MESSAGE) {
      add_pending(&builder, field.bytes, package);
    } else if (field.number == FILE_ENUM) {
      (void)add_symbol(&builder, package, field_of(field.bytes, ANY_NAME), file);  // `failed` tells.
    } else if (field.number == FILE_SERVICE) {
      read_service(&builder, field.bytes, package, file);
    }
  }
  while (builder.pending_count > 0 && !builder.failed) {
    read_message(&builder, builder.pending[--builder.pending_count], file);
  }
  jg_free(builder.pending);
  return !builder.failed && !reader.failed;
}
