#include "proto/schema/plugin_model.h"

#include "proto/schema/plugin_options.h"

/* Fields from this number on are gRPC's alone: they are no members. */
#define GRPC_ONLY_NUMBER_MIN 100
#define TIMESTAMP_NAME ".google.protobuf.Timestamp"
#define KINDS_NAME "EntityKind"

typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__FileDescriptorProto file_proto;

/* One build; borrowed by every function below. */
struct build {
  struct jg_arena *arena;
  struct jg_plugin_model *model;
};

static struct jg_status add_file(const struct build *build, const file_proto *file);
static struct jg_status resolve_targets(const struct build *build, struct jg_plugin_entity *entity);
static struct jg_status add_relations(const struct build *build, struct jg_plugin_entity *entity);
static struct jg_status resolve_relations(const struct build *build, struct jg_plugin_entity *entity);

static struct jg_status refuse_entity(const struct build *build, struct jg_str message_name, const char *what) {
  return jg_status_printf(build->arena, JG_INVALID_ARGUMENT, JG_REASON_NONE, "%.*s: %s", JG_STR_ARG(message_name),
                          what);
}

static struct jg_status refuse_member(const struct build *build, const struct jg_plugin_entity *entity,
                                      struct jg_str proto_name, const char *what) {
  return jg_status_printf(build->arena, JG_INVALID_ARGUMENT, JG_REASON_NONE, "%.*s.%.*s: %s",
                          JG_STR_ARG(entity->table.message_name), JG_STR_ARG(proto_name), what);
}

static const file_proto *find_file(const Google__Protobuf__Compiler__CodeGeneratorRequest *request, const char *name) {
  for (size_t i = 0; i < request->n_proto_file; i++) {
    if (strcmp(request->proto_file[i]->name, name) == 0) {
      return request->proto_file[i];
    }
  }
  return NULL;
}

struct jg_status jg_plugin_model_build(struct jg_arena *arena,
                                       const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                                       struct jg_plugin_model *ret_model) {
  struct jg_plugin_model *model = jg_arena_alloc_zero(arena, sizeof(*model));
  if (model == NULL) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the request is too large");
  }
  struct build build = {.arena = arena, .model = model};
  for (size_t i = 0; i < request->n_file_to_generate; i++) {
    const file_proto *file = find_file(request, request->file_to_generate[i]);
    if (file == NULL) {
      return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the request lacks a file that it names");
    }
    JG_RETURN_IF_ERROR(add_file(&build, file));
  }
  if (model->kinds == NULL) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "no file defines the enum EntityKind");
  }
  /* Each step needs the one before for all entities. */
  static struct jg_status (*const steps[])(const struct build *, struct jg_plugin_entity *) = {
      resolve_targets, add_relations, resolve_relations};
  for (size_t step = 0; step < JG_COUNT(steps); step++) {
    for (size_t kind = 0; kind < JG_KIND_COUNT; kind++) {
      if (model->entities[kind].table.kind != JG_KIND_NONE) {
        JG_RETURN_IF_ERROR(steps[step](&build, &model->entities[kind]));
      }
    }
  }
  *ret_model = *model;
  return JG_STATUS_OK;
}

/* --- members -------------------------------------------------------------------------------------------------- */

static bool is_plain_name(struct jg_str name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
      return false;
    }
  }
  return name.len > 0;
}

/* NULL, or what is wrong with the type. */
static const char *set_type(struct jg_plugin_member *member, const field_proto *field,
                            const Jobgate__V1__Member *option) {
  enum jg_type type;
  bool is_list = field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
  Jobgate__V1__MemberType wanted = JOBGATE__V1__MEMBER_TYPE__MEMBER_TYPE_UNSPECIFIED;
  switch (field->type) {
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING:
      type = JG_TYPE_STRING;
      if (option->type == JOBGATE__V1__MEMBER_TYPE__MEMBER_TYPE_GUID) {
        wanted = option->type;
        type = JG_TYPE_GUID;
      }
      break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT32:
      type = JG_TYPE_INTEGER;
      break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL:
      type = JG_TYPE_BOOL;
      break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_DOUBLE:
      wanted = JOBGATE__V1__MEMBER_TYPE__MEMBER_TYPE_DECIMAL;
      type = JG_TYPE_DECIMAL;
      break;
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE:
      member->type_name = jg_str_from_cstr(field->type_name);
      type = jg_str_equal(member->type_name, JG_STR(TIMESTAMP_NAME)) ? JG_TYPE_DATE
             : is_list                                               ? JG_TYPE_ENTITY_LIST
                                                                     : JG_TYPE_ENTITY;
      break;
    default:
      return "a member is a string, int32, bool, double, Timestamp or entity";
  }
  if (option->type != wanted) {
    return "the option's type does not fit the field's";
  }
  if (is_list && type != JG_TYPE_ENTITY_LIST) {
    return "only entities come in lists";
  }
  if (field->has_oneof_index) {
    return "a member has implicit presence and stands in no oneof";
  }
  member->table.type = (uint8_t)type;
  return NULL;
}

static uint16_t flags_of(const Jobgate__V1__Member *option) {
  unsigned flags = 0;
  flags |= option->required ? JG_MEMBER_REQUIRED : 0;
  flags |= option->read_only ? JG_MEMBER_READ_ONLY : 0;
  flags |= option->server_managed ? JG_MEMBER_SERVER_MANAGED : 0;
  flags |= option->lookup_key ? JG_MEMBER_LOOKUP_KEY : 0;
  flags |= option->date_only ? JG_MEMBER_DATE_ONLY : 0;
  flags |= option->copied ? JG_MEMBER_COPIED : 0;
  flags |= option->column ? JG_MEMBER_COLUMN : 0;
  flags |=
      option->mobile_address == JOBGATE__V1__MOBILE_ADDRESS__MOBILE_ADDRESS_OPTIONAL ? JG_MEMBER_MOBILE_OPTIONAL : 0;
  flags |=
      option->mobile_address == JOBGATE__V1__MOBILE_ADDRESS__MOBILE_ADDRESS_REQUIRED ? JG_MEMBER_MOBILE_REQUIRED : 0;
  return (uint16_t)flags;
}

/* NULL, or what is wrong with the options of a member whose type is set. */
static const char *check_options(const struct jg_plugin_member *member, const Jobgate__V1__Member *option) {
  enum jg_type type = member->table.type;
  if (option->max_length < 0 || (option->max_length > 0 && type != JG_TYPE_STRING)) {
    return "max_length is for strings and not negative";
  }
  if (option->required && type != JG_TYPE_STRING) {
    return "required is for strings: a default value of another type can't be told from none";
  }
  if (option->date_only && type != JG_TYPE_DATE) {
    return "date_only is for dates";
  }
  if (option->lookup_key && type != JG_TYPE_STRING) {
    return "lookup_key is for strings";
  }
  if (option->column && (type == JG_TYPE_ENTITY || type == JG_TYPE_ENTITY_LIST)) {
    return "a column holds a scalar";
  }
  return NULL;
}

/* Sets the indexes by which the entity's id, key and time of change are found. */
static const char *note_special_member(struct jg_entity *entity, const struct jg_member *member) {
  if (jg_str_equal(member->name, JG_STR("id"))) {
    entity->id_member = member->index;
  }
  if (jg_str_equal(member->name, JG_STR("modified_dateutc"))) {
    entity->modified_member = member->index;
  }
  if ((member->flags & JG_MEMBER_LOOKUP_KEY) != 0) {
    if (entity->key_member != JG_NO_INDEX) {
      return "an entity has one lookup_key at most";
    }
    entity->key_member = member->index;
  }
  return NULL;
}

static struct jg_str json_key(struct jg_arena *arena, struct jg_str name) {
  const char *text = jg_arena_printf(arena, "\"%.*s\":", JG_STR_ARG(name));
  return jg_str_from_cstr(text);
}

/* Appends the member to entity; NULL, or what is wrong with it. */
static const char *add_member(const struct build *build, struct jg_plugin_entity *entity, const field_proto *field,
                              struct jg_str doc) {
  const Jobgate__V1__Member none = JOBGATE__V1__MEMBER__INIT;
  const Jobgate__V1__Member *option = jg_plugin_member_option(build->arena, field->options);
  option = option == NULL ? &none : option;
  if (entity->table.member_count >= JG_MEMBERS_MAX) {
    return "the entity has more members than fit a set of them";
  }
  uint8_t index = entity->table.member_count;
  uint32_t number = (uint32_t)field->number;
  if (index > 0 && entity->members[index - 1].table.number >= number) {
    return "field numbers grow in the order of the members";
  }
  struct jg_plugin_member *member = &entity->members[index];
  *member = (struct jg_plugin_member){.table = {.name = jg_str_from_cstr(field->json_name),
                                                .proto_name = jg_str_from_cstr(field->name),
                                                .doc = doc,
                                                .group = jg_str_from_cstr(option->required_group),
                                                .number = number,
                                                .max_utf16 = (uint32_t)option->max_length,
                                                .flags = flags_of(option),
                                                .index = index,
                                                .relation = JG_NO_INDEX},
                                      .relation = jg_str_from_cstr(option->relation)};
  member->table.json_key = json_key(build->arena, member->table.name);
  if (!is_plain_name(member->table.name) || !is_plain_name(member->table.proto_name)) {
    return "names consist of a-z, 0-9 and _";
  }
  for (size_t i = 0; i < index; i++) {
    if (jg_str_equal(entity->members[i].table.name, member->table.name)) {
      return "its json_name is taken";
    }
  }
  const char *wrong = set_type(member, field, option);
  wrong = wrong != NULL ? wrong : check_options(member, option);
  wrong = wrong != NULL ? wrong : note_special_member(&entity->table, &member->table);
  entity->table.member_count++;
  return wrong;
}

/* --- entities ------------------------------------------------------------------------------------------------- */

static struct jg_status add_entity(const struct build *build, const file_proto *file, int message_index,
                                   const Jobgate__V1__Entity *option) {
  const message_proto *message = file->message_type[message_index];
  const char *package = file->package != NULL ? file->package : "";
  struct jg_str full_name = jg_str_from_cstr(jg_arena_printf(build->arena, "%s.%s", package, message->name));
  if (option->kind <= JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_UNSPECIFIED || (int)option->kind >= (int)JG_KIND_COUNT) {
    return refuse_entity(build, full_name, "its kind is not in enum jg_kind");
  }
  struct jg_plugin_entity *entity = &build->model->entities[option->kind];
  if (entity->table.kind != JG_KIND_NONE) {
    return refuse_entity(build, full_name, "its kind is taken");
  }
  entity->file = jg_str_from_cstr(file->name);
  entity->table = (struct jg_entity){.kind = (enum jg_kind)option->kind,
                                     .name = jg_str_from_cstr(option->name),
                                     .entity_set = jg_str_from_cstr(option->entity_set),
                                     .message_name = full_name,
                                     .doc = jg_plugin_comment(build->arena, file, message_index, -1),
                                     .id_member = JG_NO_INDEX,
                                     .key_member = JG_NO_INDEX,
                                     .modified_member = JG_NO_INDEX};
  for (size_t i = 0; i < message->n_field; i++) {
    const field_proto *field = message->field[i];
    if (field->number >= GRPC_ONLY_NUMBER_MIN) {
      continue;
    }
    struct jg_str doc = jg_plugin_comment(build->arena, file, message_index, (int)i);
    const char *wrong = add_member(build, entity, field, doc);
    if (wrong != NULL) {
      return refuse_member(build, entity, jg_str_from_cstr(field->name), wrong);
    }
  }
  return entity->table.member_count > 0 ? JG_STATUS_OK : refuse_entity(build, full_name, "it has no members");
}

static struct jg_status add_file(const struct build *build, const file_proto *file) {
  for (size_t i = 0; i < file->n_enum_type; i++) {
    if (strcmp(file->enum_type[i]->name, KINDS_NAME) == 0) {
      build->model->kinds = file->enum_type[i];
    }
  }
  for (size_t i = 0; i < file->n_message_type; i++) {
    const Jobgate__V1__Entity *option = jg_plugin_entity_option(build->arena, file->message_type[i]->options);
    if (option != NULL) {
      JG_RETURN_IF_ERROR(add_entity(build, file, (int)i, option));
    }
  }
  return JG_STATUS_OK;
}

static enum jg_kind kind_of_message(const struct jg_plugin_model *model, struct jg_str dotted_name) {
  struct jg_str full_name = jg_str_sub(dotted_name, 1, dotted_name.len);
  for (size_t kind = 0; kind < JG_KIND_COUNT; kind++) {
    if (jg_str_equal(model->entities[kind].table.message_name, full_name)) {
      return (enum jg_kind)kind;
    }
  }
  return JG_KIND_NONE;
}

static struct jg_status resolve_targets(const struct build *build, struct jg_plugin_entity *entity) {
  for (size_t i = 0; i < entity->table.member_count; i++) {
    struct jg_member *member = &entity->members[i].table;
    if (member->type != JG_TYPE_ENTITY && member->type != JG_TYPE_ENTITY_LIST) {
      continue;
    }
    member->target = (uint8_t)kind_of_message(build->model, entity->members[i].type_name);
    if (member->target == JG_KIND_NONE) {
      return refuse_member(build, entity, member->proto_name, "its message has no option (jobgate.v1.entity)");
    }
    if (member->target == JG_KIND_PARENT_JOB) {
      member->flags |= JG_MEMBER_EXPAND_ONLY;
    }
  }
  return JG_STATUS_OK;
}

/* --- relations ------------------------------------------------------------------------------------------------ */

/* The relation of that name, made if there is none yet; NULL if there are too many. */
static struct jg_relation *relation_named(struct jg_plugin_entity *entity, struct jg_str name) {
  for (size_t i = 0; i < entity->table.relation_count; i++) {
    if (jg_str_equal(entity->relations[i].name, name)) {
      return &entity->relations[i];
    }
  }
  if (entity->table.relation_count >= JG_RELATIONS_MAX) {
    return NULL;
  }
  struct jg_relation *relation = &entity->relations[entity->table.relation_count++];
  *relation = (struct jg_relation){
      .name = name, .id_member = JG_NO_INDEX, .key_member = JG_NO_INDEX, .node_member = JG_NO_INDEX};
  return relation;
}

/* The relation's slot for a member of that type; NULL if a relation has none. */
static uint8_t *relation_slot(struct jg_relation *relation, enum jg_type type) {
  switch (type) {
    case JG_TYPE_GUID:
      return &relation->id_member;
    case JG_TYPE_STRING:
      return &relation->key_member;
    case JG_TYPE_ENTITY:
      return &relation->node_member;
    default:
      return NULL;
  }
}

/* Members whose option names the relation are its id and its key; the entity of the relation's name is its node. */
static struct jg_status add_relations(const struct build *build, struct jg_plugin_entity *entity) {
  for (size_t i = 0; i < entity->table.member_count; i++) {
    struct jg_str name = entity->members[i].relation;
    if (name.len > 0 && relation_named(entity, name) == NULL) {
      return refuse_member(build, entity, entity->members[i].table.proto_name, "the entity has too many relations");
    }
  }
  for (size_t i = 0; i < entity->table.member_count; i++) {
    struct jg_member *member = &entity->members[i].table;
    for (size_t r = 0; r < entity->table.relation_count; r++) {
      struct jg_relation *relation = &entity->relations[r];
      bool named = jg_str_equal(entity->members[i].relation, relation->name);
      bool is_node = member->type == JG_TYPE_ENTITY && jg_str_equal(member->name, relation->name);
      if (!named && !is_node) {
        continue;
      }
      uint8_t *slot = relation_slot(relation, member->type);
      if (slot == NULL || *slot != JG_NO_INDEX || named == is_node) {
        return refuse_member(build, entity, member->proto_name,
                             "a relation has one id (a GUID), one key (a string) and the entity of its own name");
      }
      *slot = member->index;
      member->relation = (uint8_t)r;
      member->flags |= member->type == JG_TYPE_STRING ? JG_MEMBER_DERIVED_KEY : 0;
    }
  }
  return JG_STATUS_OK;
}

/* What a relation without a node points to: the entity of its name, or what the same name points to elsewhere. */
static enum jg_kind target_by_name(const struct jg_plugin_model *model, struct jg_str name) {
  for (size_t kind = 0; kind < JG_KIND_COUNT; kind++) {
    if (model->entities[kind].table.kind != JG_KIND_NONE && jg_str_equal(model->entities[kind].table.name, name)) {
      return (enum jg_kind)kind;
    }
  }
  for (size_t kind = 0; kind < JG_KIND_COUNT; kind++) {
    const struct jg_plugin_entity *entity = &model->entities[kind];
    for (size_t i = 0; i < entity->table.member_count; i++) {
      const struct jg_member *member = &entity->members[i].table;
      if (member->type == JG_TYPE_ENTITY && jg_str_equal(member->name, name)) {
        return member->target;
      }
    }
  }
  return JG_KIND_NONE;
}

static struct jg_status resolve_relations(const struct build *build, struct jg_plugin_entity *entity) {
  for (size_t i = 0; i < entity->table.relation_count; i++) {
    struct jg_relation *relation = &entity->relations[i];
    if (relation->id_member == JG_NO_INDEX) {
      return refuse_member(build, entity, relation->name, "the relation has no id");
    }
    enum jg_kind target = relation->node_member != JG_NO_INDEX
                              ? (enum jg_kind)entity->members[relation->node_member].table.target
                              : target_by_name(build->model, relation->name);
    if (target == JG_KIND_NONE || build->model->entities[target].table.key_member == JG_NO_INDEX) {
      return refuse_member(build, entity, relation->name, "the relation leads to no entity that has a lookup_key");
    }
    relation->target = (uint8_t)target;
  }
  return JG_STATUS_OK;
}
