/* Reads what descriptors carry beside the fields' shape: the options of options.proto, which arrive as unknown fields of
 * FieldOptions and MessageOptions, and the comments. Thread: the plugin's only one. */
#ifndef JG_PROTO_SCHEMA_PLUGIN_OPTIONS_H
#define JG_PROTO_SCHEMA_PLUGIN_OPTIONS_H

#include "base/arena.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "jobgate/v1/options.pb-c.h"

/* Memory of protobuf-c messages from an arena; freeing does nothing. The allocator borrows arena for as long as it is
 * used. */
ProtobufCAllocator jg_plugin_allocator(struct jg_arena *arena);

/* The option (jobgate.v1.entity); NULL if there is none or it can't be read. Lives in arena. */
const Jobgate__V1__Entity *jg_plugin_entity_option(struct jg_arena *arena,
                                                   const Google__Protobuf__MessageOptions *options);
/* The option (jobgate.v1.member); NULL if there is none or it can't be read. Lives in arena. */
const Jobgate__V1__Member *jg_plugin_member_option(struct jg_arena *arena,
                                                   const Google__Protobuf__FieldOptions *options);

/* The comment right above message number `message` of file, or above its field number `field` (both count from 0; field
 * -1: the message itself), its lines joined by one space. Empty if there is none. Lives in arena. */
struct jg_str jg_plugin_comment(struct jg_arena *arena, const Google__Protobuf__FileDescriptorProto *file, int message,
                                int field);

#endif
