/* What protoc-gen-jobgate knows of the .proto files before it prints anything: entities, members and relations, in the
 * structs of schema.h, checked. A mistake in a .proto file is an error here, so the tables need no check at run time.
 * Thread: the plugin's only one. */
#ifndef JG_PROTO_SCHEMA_PLUGIN_MODEL_H
#define JG_PROTO_SCHEMA_PLUGIN_MODEL_H

#include "base/arena.h"
#include "base/status.h"
#include "google/protobuf/compiler/plugin.pb-c.h"
#include "proto/schema/schema.h"

/* Full structs: plain values that the emitter walks. Texts live in the request or the arena. */
struct jg_plugin_member {
  struct jg_member table;  /* offset and count_offset stay 0: the compiler fills them */
  struct jg_str relation;  /* name of the relation that its option gives; empty if none */
  struct jg_str type_name; /* of a message member: ".jobgate.v1.Project" */
};

struct jg_plugin_entity {
  struct jg_entity table; /* kind JG_KIND_NONE: there is none of this kind; members, relations, by_name stay NULL */
  struct jg_str file;     /* "jobgate/v1/job.proto" */
  struct jg_plugin_member members[JG_MEMBERS_MAX];
  struct jg_relation relations[JG_RELATIONS_MAX];
};

struct jg_plugin_model {
  struct jg_plugin_entity entities[JG_KIND_COUNT];    /* by kind */
  const Google__Protobuf__EnumDescriptorProto *kinds; /* jobgate.v1.EntityKind */
};

/* Reads the entities of request->file_to_generate into *ret_model, which borrows from request and arena until both end.
 * INVALID_ARGUMENT with a message that names the entity and the member if a .proto file breaks a rule of README.md. */
JG_MUST_CHECK struct jg_status jg_plugin_model_build(struct jg_arena *arena,
                                                     const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                                                     struct jg_plugin_model *ret_model);

#endif
