#include "proto/schema/plugin_options.h"

/* Number of both extensions in jobgate/v1/options.proto. */
#define OPTION_NUMBER 50001u
/* Field numbers in descriptor.proto that make up SourceCodeInfo.Location.path. */
#define FILE_MESSAGE_TYPE 4
#define MESSAGE_FIELD 2
#define PATH_MAX_LENGTH 4
#define VARINT_BYTES_MAX 10

static void *arena_alloc(void *data, size_t bytes) {
  return jg_arena_alloc(data, bytes);
}

static void arena_free(void *data, void *memory) {
  (void)data;
  (void)memory;
}

ProtobufCAllocator jg_plugin_allocator(struct jg_arena *arena) {
  return (ProtobufCAllocator){.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
}

/* protobuf-c keeps the length prefix in front of an unknown field's bytes. */
static struct jg_str without_length_prefix(const ProtobufCMessageUnknownField *field) {
  size_t prefix = 0;
  while (prefix < field->len && prefix < VARINT_BYTES_MAX && (field->data[prefix] & 0x80) != 0) {
    prefix++;
  }
  if (prefix >= field->len) {
    return JG_STR_NONE;
  }
  return jg_str_make((const char *)field->data + prefix + 1, field->len - prefix - 1);
}

static const void *unpack_option(struct jg_arena *arena, const ProtobufCMessage *options,
                                 const ProtobufCMessageDescriptor *descriptor) {
  for (unsigned i = 0; i < options->n_unknown_fields; i++) {
    const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
    if (field->tag == OPTION_NUMBER && field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
      struct jg_str bytes = without_length_prefix(field);
      ProtobufCAllocator allocator = jg_plugin_allocator(arena);
      return protobuf_c_message_unpack(descriptor, &allocator, bytes.len, (const uint8_t *)bytes.data);
    }
  }
  return NULL;
}

const Jobgate__V1__Entity *jg_plugin_entity_option(struct jg_arena *arena,
                                                   const Google__Protobuf__MessageOptions *options) {
  return options == NULL ? NULL : unpack_option(arena, &options->base, &jobgate__v1__entity__descriptor);
}

const Jobgate__V1__Member *jg_plugin_member_option(struct jg_arena *arena,
                                                   const Google__Protobuf__FieldOptions *options) {
  return options == NULL ? NULL : unpack_option(arena, &options->base, &jobgate__v1__member__descriptor);
}

/* " Primary\n Key.\n" becomes "Primary Key.". */
static struct jg_str join_lines(struct jg_arena *arena, struct jg_str comment) {
  char *text = jg_arena_alloc(arena, comment.len + 1);
  if (text == NULL) {
    return JG_STR_NONE;
  }
  size_t len = 0;
  for (struct jg_str rest = comment; rest.data != NULL;) {
    struct jg_str line = jg_str_trim(jg_str_cut(rest, '\n', &rest));
    if (line.len == 0) {
      continue;
    }
    if (len > 0) {
      text[len++] = ' ';
    }
    memcpy(text + len, line.data, line.len);
    len += line.len;
  }
  text[len] = '\0';
  return jg_str_make(text, len);
}

struct jg_str jg_plugin_comment(struct jg_arena *arena, const Google__Protobuf__FileDescriptorProto *file, int message,
                                int field) {
  const int32_t path[PATH_MAX_LENGTH] = {FILE_MESSAGE_TYPE, message, MESSAGE_FIELD, field};
  size_t path_length = field < 0 ? 2 : PATH_MAX_LENGTH;
  size_t count = file->source_code_info == NULL ? 0 : file->source_code_info->n_location;
  for (size_t i = 0; i < count; i++) {
    const Google__Protobuf__SourceCodeInfo__Location *location = file->source_code_info->location[i];
    if (location->n_path == path_length && memcmp(location->path, path, path_length * sizeof(path[0])) == 0) {
      return join_lines(arena, jg_str_from_cstr(location->leading_comments));
    }
  }
  return JG_STR_NONE;
}
