/* The schema as constant C tables, generated from the .proto files and their options by the protoc plugin in this folder.
 * Every codec, filter column, validation, $metadata and help page derives from these; nothing is parsed at run time.
 * Thread: any. */
#ifndef JG_PROTO_SCHEMA_SCHEMA_H
#define JG_PROTO_SCHEMA_SCHEMA_H

#include <protobuf-c/protobuf-c.h>

#include "base/str.h"

/* Mirrors jobgate.v1.EntityKind (the generated tables assert it). Stored on disk. */
enum jg_kind {
  JG_KIND_NONE = 0,
  JG_KIND_JOB = 1,
  JG_KIND_PROJECT = 2,
  JG_KIND_EQUIPMENT_FAMILY = 3,
  JG_KIND_EQUIPMENT_MODEL = 4,
  JG_KIND_EQUIPMENT_BRAND = 5,
  JG_KIND_PROJECT_STATUS = 6,
  JG_KIND_JOB_TYPE = 7,
  JG_KIND_JOB_PRIORITY = 8,
  JG_KIND_USER = 9,
  JG_KIND_SKILL = 10,
  JG_KIND_SALES_ORGANIZATION = 11,
  JG_KIND_TRANSLATION = 12,
  JG_KIND_JOB_STATUS = 13,
  JG_KIND_JOB_PLANNING = 14,
  JG_KIND_PARENT_JOB = 15,
  JG_KIND_COUNT
};

/* The legacy types. In the protobuf-c struct: char *, char * (canonical or ""), int32_t, protobuf_c_boolean,
 * Google__Protobuf__Timestamp * (NULL: unset), double, message pointer (NULL: none), repeated message. */
enum jg_type {
  JG_TYPE_STRING,
  JG_TYPE_GUID,
  JG_TYPE_INTEGER,
  JG_TYPE_BOOL,
  JG_TYPE_DATE,
  JG_TYPE_DECIMAL,
  JG_TYPE_ENTITY,
  JG_TYPE_ENTITY_LIST
};

/* jg_member.flags: jobgate.v1.Member's booleans. */
enum {
  JG_MEMBER_REQUIRED = 1 << 0,
  JG_MEMBER_READ_ONLY = 1 << 1,
  JG_MEMBER_SERVER_MANAGED = 1 << 2,
  JG_MEMBER_LOOKUP_KEY = 1 << 3,
  JG_MEMBER_DATE_ONLY = 1 << 4,
  JG_MEMBER_COPIED = 1 << 5,
  JG_MEMBER_COLUMN = 1 << 6,
  JG_MEMBER_MOBILE_OPTIONAL = 1 << 7,
  JG_MEMBER_MOBILE_REQUIRED = 1 << 8,
  JG_MEMBER_EXPAND_ONLY = 1 << 9, /* _parent_job: read on input, emitted under $expand alone */
  JG_MEMBER_DERIVED_KEY = 1 << 10 /* a relation's x_code: never stored in a payload, emitted from the entity */
};

#define JG_NO_INDEX 0xff
/* Members of one entity fit a 64-bit set: bit i is member i. */
#define JG_MEMBERS_MAX 64
#define JG_RELATIONS_MAX 6

struct jg_member {
  struct jg_str name;       /* legacy JSON name, "_parent_id" */
  struct jg_str json_key;   /* "\"_parent_id\":" */
  struct jg_str proto_name; /* "parent_id" */
  struct jg_str doc;        /* its proto comment, one line; empty if none */
  struct jg_str group;      /* required group, empty if none */
  uint32_t number;          /* protobuf field number: grows with the index */
  uint32_t max_utf16;       /* 0: no limit of its own */
  uint32_t offset;          /* of the field in the protobuf-c struct; of the pointer for repeated */
  uint32_t count_offset;    /* of n_<field> for JG_TYPE_ENTITY_LIST, else 0 */
  uint16_t flags;
  uint8_t type;     /* enum jg_type */
  uint8_t target;   /* enum jg_kind of an ENTITY or ENTITY_LIST */
  uint8_t index;    /* in entity->members: the order of emission */
  uint8_t relation; /* index into entity->relations this member belongs to (as id, key or node), or JG_NO_INDEX */
};

/* x_id, x_code (or x_reference_back_office), x: one embedded entity. job_status has no node. */
struct jg_relation {
  struct jg_str name;                         /* "project", "suggested_user", "job_status" */
  uint8_t target;                             /* enum jg_kind */
  uint8_t id_member, key_member, node_member; /* member indexes; JG_NO_INDEX if there is none */
};

struct jg_entity {
  enum jg_kind kind;
  struct jg_str name;         /* "jobs", "project" */
  struct jg_str entity_set;   /* "Jobs"; empty if none */
  struct jg_str message_name; /* "jobgate.v1.Job" */
  struct jg_str doc;
  const ProtobufCMessageDescriptor *descriptor;
  const struct jg_member *members;
  const struct jg_relation *relations;
  const uint8_t *by_name; /* member indexes sorted by lower-case name */
  uint8_t member_count;
  uint8_t relation_count;
  uint8_t id_member, key_member, modified_member; /* indexes or JG_NO_INDEX; key_member is the lookup key */
};

/* Fields that only gRPC has: Job.revision and Job.etag. */
#define JG_JOB_REVISION_NUMBER 100
#define JG_JOB_ETAG_NUMBER 101

/* Indexes of members and relations by name, generated: JG_JOB_MODIFIED_DATEUTC, JG_PROJECT_COMPANY_ID, ...,
 * JG_JOB_REL_PROJECT, ... are in "proto/schema/members.h". */

/* NULL for JG_KIND_NONE and beyond. */
const struct jg_entity *jg_entity(enum jg_kind kind);
/* By message name ("jobgate.v1.Job") or NULL. */
const struct jg_entity *jg_entity_by_descriptor(const ProtobufCMessageDescriptor *descriptor);
/* By entity set, ASCII case folded; NULL if none. */
const struct jg_entity *jg_entity_by_set(struct jg_str set);
/* By JSON name, ASCII case folded (contract statement 61); NULL if unknown. */
const struct jg_member *jg_entity_member(const struct jg_entity *entity, struct jg_str name);
/* By exact proto name, for field masks; NULL if unknown. */
const struct jg_member *jg_entity_member_by_proto(const struct jg_entity *entity, struct jg_str proto_name);
/* By field number; NULL if unknown. */
const struct jg_member *jg_entity_member_by_number(const struct jg_entity *entity, uint32_t number);

/* The published job statuses (statuses.tsv), a constant table in the order of that file. */
struct jg_status_row {
  struct jg_str code, name, id;
  uint32_t may_become; /* bit i: row i */
  bool accepted_as_code;
  bool published; /* false: the id was made and may be replaced by configuration */
};
#define JG_STATUS_ROW_COUNT 18
extern const struct jg_status_row jg_status_rows[JG_STATUS_ROW_COUNT];

/* FileDescriptorSet with all imports, serialised: for reflection and `protoc`-less clients. */
struct jg_str jg_schema_descriptor_set(void);

#endif
