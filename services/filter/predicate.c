#include "services/filter/predicate.h"

#include "base/compiler.h"
#include "proto/codec/date.h"
#include "proto/codec/wire.h"
#include "services/filter/apply.h"
#include "services/filter/program.h"

/* How far a source was looked at. */
enum known { UNKNOWN, ABSENT, PRESENT };

/* A field as it was found; the last of its number counts, as protobuf has it. */
struct field {
  bool present;
  enum jg_wire_type type;
  union {
    uint64_t value;
    struct jg_str bytes;
  };
};

/* One run. Whatever grows with the program is not cleared: `known` and the chains of slots say what is set. */
struct run {
  const struct jg_filter_program *program;
  const struct jg_parts *parts;
  struct jg_arena *scratch;
  size_t pc;
  size_t top; /* values on the stack */
  enum jg_code failed;
  uint8_t known[JG_PROGRAM_SOURCES_MAX];
  struct jg_str bytes[JG_PROGRAM_SOURCES_MAX]; /* of a source that is PRESENT, or an ITEM's that is UNKNOWN */
  struct field fields[JG_PROGRAM_SLOTS_MAX];
  struct jg_wire_reader lists[JG_PROGRAM_LAMBDAS_MAX];
  uint8_t list_numbers[JG_PROGRAM_LAMBDAS_MAX];
  struct jg_filter_value stack[JG_PROGRAM_STACK_MAX];
};

static bool corrupt(struct run *run) {
  run->failed = JG_DATA_LOSS;
  return false;
}

/* Finds the fields that have slots. A payload's ascend (proto/codec/parts.h), so that the last one wanted ends it. */
static bool scan(struct run *run, const struct jg_program_source *source, struct jg_str bytes) {
  for (uint16_t slot = source->first_slot; slot != JG_PROGRAM_NO_SLOT; slot = run->program->slots[slot].next_slot) {
    run->fields[slot].present = false;
  }
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, bytes);
  struct jg_wire_field found;
  while (jg_wire_next(&reader, &found)) {
    if (found.number > source->number_max) {
      if (source->type == JG_PROGRAM_PAYLOAD) {
        return true;
      }
      continue;
    }
    uint16_t slot = source->slot_of[found.number];
    if (slot == JG_PROGRAM_NO_SLOT) {
      continue;
    }
    struct field *field = &run->fields[slot];
    field->present = true;
    field->type = found.type;
    if (found.type == JG_WIRE_LEN) {
      field->bytes = found.bytes;
    } else {
      field->value = found.value;
    }
  }
  return !reader.failed || corrupt(run);
}

/* The bytes of a source whose parent is known; data NULL: it is not there. */
static struct jg_str bytes_of(const struct run *run, const struct jg_program_source *source) {
  if (source->type == JG_PROGRAM_PAYLOAD) {
    return run->parts->payload.data != NULL ? run->parts->payload : JG_STR("");
  }
  if (source->type == JG_PROGRAM_RELATION) {
    const struct jg_expanded *expanded = run->parts->relations[source->member->relation];
    return expanded != NULL ? expanded->proto : JG_STR_NONE;
  }
  if (source->type == JG_PROGRAM_PARENT) {
    return run->parts->parent != NULL ? run->parts->parent->proto : JG_STR_NONE;
  }
  const struct field *node = &run->fields[source->node_slot];
  bool there = run->known[source->parent] == PRESENT && node->present && node->type == JG_WIRE_LEN;
  return !there ? JG_STR_NONE : node->bytes.data != NULL ? node->bytes : JG_STR("");
}

/* Scans the source, and before it those it lies in. */
static bool learn(struct run *run, uint16_t index) {
  uint16_t chain[JG_FILTER_PATH_MAX + 1];
  size_t count = 0;
  for (uint16_t at = index; run->known[at] == UNKNOWN;) {
    const struct jg_program_source *source = &run->program->sources[at];
    JG_ASSERT(count < JG_COUNT(chain));
    chain[count++] = at;
    if (source->type != JG_PROGRAM_NODE) {
      break;
    }
    at = source->parent;
  }
  while (count > 0) {
    uint16_t at = chain[--count];
    const struct jg_program_source *source = &run->program->sources[at];
    if (source->type != JG_PROGRAM_ITEM) {
      run->bytes[at] = bytes_of(run, source);
    }
    run->known[at] = run->bytes[at].data != NULL ? PRESENT : ABSENT;
    if (run->known[at] == PRESENT && !scan(run, source, run->bytes[at])) {
      return false;
    }
  }
  return true;
}

static bool take_date(struct jg_str timestamp, int64_t *ret_ticks) {
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, timestamp);
  struct jg_wire_field field;
  int64_t seconds = 0;
  int32_t nanos = 0;
  while (jg_wire_next(&reader, &field)) {
    if (field.number == 1 && field.type == JG_WIRE_VARINT) {
      seconds = (int64_t)field.value;
    } else if (field.number == 2 && field.type == JG_WIRE_VARINT) {
      nanos = (int32_t)field.value;
    }
  }
  return !reader.failed && jg_date_from_timestamp(seconds, nanos, ret_ticks);
}

/* A member that is not there has its type's default (F5). False: the bytes cannot be that member's. */
static bool decode(const struct jg_member *member, const struct field *field, struct jg_filter_value *value) {
  bool there = field->present;
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
      value->type = JG_VALUE_STRING;
      value->string = there && field->type == JG_WIRE_LEN ? field->bytes : JG_STR("");
      return !there || field->type == JG_WIRE_LEN;
    case JG_TYPE_GUID:
      value->type = JG_VALUE_GUID;
      value->uuid = JG_UUID_ZERO;
      return !there ||
             (field->type == JG_WIRE_LEN && (field->bytes.len == 0 || jg_uuid_parse(field->bytes, &value->uuid)));
    case JG_TYPE_INTEGER:
    case JG_TYPE_BOOL:
      value->type = member->type == JG_TYPE_BOOL ? JG_VALUE_BOOL : JG_VALUE_INTEGER;
      value->integer = 0;
      if (there && field->type == JG_WIRE_VARINT) {
        value->integer = member->type == JG_TYPE_BOOL ? field->value != 0 : (int32_t)field->value;
      }
      return !there || field->type == JG_WIRE_VARINT;
    case JG_TYPE_DATE:
      value->type = JG_VALUE_DATETIME;
      value->integer = JG_TICKS_UNSET;
      return !there || (field->type == JG_WIRE_LEN && take_date(field->bytes, &value->integer));
    case JG_TYPE_DECIMAL:
      value->type = JG_VALUE_DECIMAL;
      value->decimal = there && field->type == JG_WIRE_FIXED64 ? jg_wire_double(field->value) : 0;
      value->decimal = value->decimal == 0 ? 0 : value->decimal;
      return !there || field->type == JG_WIRE_FIXED64;
    case JG_TYPE_ENTITY:
    case JG_TYPE_ENTITY_LIST:
      break;
  }
  JG_ASSERT(!"an entity is no value");
  return false;
}

static void push(struct run *run, struct jg_filter_value value) {
  JG_ASSERT(run->top < JG_PROGRAM_STACK_MAX);
  run->stack[run->top++] = value;
}

static struct jg_filter_value *top_of(struct run *run) {
  JG_ASSERT(run->top > 0);
  return &run->stack[run->top - 1];
}

static bool load(struct run *run, const struct jg_program_instruction *instruction) {
  uint16_t source = instruction->source;
  if (run->known[source] == UNKNOWN && !learn(run, source)) {
    return false;
  }
  struct jg_filter_value value = {.type = JG_VALUE_NULL};
  if (run->known[source] == PRESENT &&
      !decode(run->program->slots[instruction->slot].member, &run->fields[instruction->slot], &value)) {
    return corrupt(run);
  }
  push(run, value);
  return true;
}

static void load_key(struct run *run, const struct jg_program_instruction *instruction) {
  const struct jg_expanded *expanded = run->parts->relations[instruction->relation];
  push(run,
       (struct jg_filter_value){.type = JG_VALUE_STRING,
                                .string = expanded != NULL && expanded->key.len != 0 ? expanded->key : JG_STR("")});
}

/* The next item of the list, or false: none, or malformed. */
static bool next_item(struct run *run, uint16_t level, struct jg_str *ret_item) {
  struct jg_wire_field field;
  while (jg_wire_next(&run->lists[level], &field)) {
    if (field.number == run->list_numbers[level] && field.type == JG_WIRE_LEN) {
      *ret_item = field.bytes.data != NULL ? field.bytes : JG_STR("");
      return true;
    }
  }
  return !run->lists[level].failed ? false : corrupt(run);
}

static void set_item(struct run *run, uint16_t source, struct jg_str item) {
  run->bytes[source] = item;
  run->known[source] = UNKNOWN;
  // What lies inside the item is another one's too.
  for (size_t i = source + 1u; i < run->program->source_count; i++) {
    const struct jg_program_source *inner = &run->program->sources[i];
    if (inner->type == JG_PROGRAM_NODE && inner->parent >= source) {
      run->known[i] = UNKNOWN;
    }
  }
}

static bool begin(struct run *run, const struct jg_program_instruction *instruction) {
  uint16_t source = instruction->source;
  if (run->known[source] == UNKNOWN && !learn(run, source)) {
    return false;
  }
  JG_ASSERT(instruction->level < JG_PROGRAM_LAMBDAS_MAX);
  bool there = run->known[source] == PRESENT;
  jg_wire_reader_init(&run->lists[instruction->level], there ? run->bytes[source] : JG_STR_NONE);
  run->list_numbers[instruction->level] = instruction->number;
  struct jg_str item = JG_STR_NONE;
  bool found = next_item(run, instruction->level, &item);
  if (run->failed != JG_OK) {
    return false;
  }
  if (found && instruction->arg_count == 2) {
    set_item(run, instruction->item, item);
    return true;
  }
  push(run, jg_filter_bool(found || instruction->kind == JG_FILTER_ALL));
  run->pc = instruction->target;
  return true;
}

static bool repeat(struct run *run, const struct jg_program_instruction *instruction) {
  bool truth = jg_filter_truth(top_of(run));
  run->top--;
  bool all = instruction->kind == JG_FILTER_ALL;
  struct jg_str item = JG_STR_NONE;
  if (truth == all && next_item(run, instruction->level, &item)) {
    set_item(run, instruction->item, item);
    run->pc = instruction->target;
    return true;
  }
  if (run->failed != JG_OK) {
    return false;
  }
  push(run, jg_filter_bool(truth));
  return true;
}

static bool apply(struct run *run, const struct jg_program_instruction *instruction) {
  JG_ASSERT(run->top >= instruction->arg_count);
  run->top -= instruction->arg_count;
  struct jg_filter_value *values = &run->stack[run->top];
  struct jg_filter_value result;
  if (!jg_filter_apply(instruction->kind, values, instruction->arg_count, run->scratch, &result)) {
    run->failed = JG_INVALID_ARGUMENT;
    return false;
  }
  run->stack[run->top++] = result;
  return true;
}

/* AND and OR: the left side decides, or makes room for the right one. */
static void branch(struct run *run, const struct jg_program_instruction *instruction) {
  struct jg_filter_value *left = top_of(run);
  bool truth = jg_filter_truth(left);
  if (truth == (instruction->op == JG_PROGRAM_OR)) {
    *left = jg_filter_bool(truth);
    run->pc = instruction->target;
  } else {
    run->top--;
  }
}

static bool step(struct run *run, const struct jg_program_instruction *instruction) {
  switch (instruction->op) {
    case JG_PROGRAM_LITERAL:
      push(run, instruction->literal);
      return true;
    case JG_PROGRAM_LOAD:
      return load(run, instruction);
    case JG_PROGRAM_KEY:
      load_key(run, instruction);
      return true;
    case JG_PROGRAM_APPLY:
      return apply(run, instruction);
    case JG_PROGRAM_IN:
      *top_of(run) = jg_filter_bool(jg_filter_is_listed(instruction->list, top_of(run)));
      return true;
    case JG_PROGRAM_AND:
    case JG_PROGRAM_OR:
      branch(run, instruction);
      return true;
    case JG_PROGRAM_TRUTH:
      *top_of(run) = jg_filter_bool(jg_filter_truth(top_of(run)));
      return true;
    case JG_PROGRAM_BEGIN:
      return begin(run, instruction);
    case JG_PROGRAM_REPEAT:
      return repeat(run, instruction);
  }
  JG_ASSERT(!"an instruction");
  return false;
}

static struct jg_status execute(const struct jg_filter_program *program, const struct jg_parts *parts,
                                struct jg_arena *scratch, struct run *run) {
  JG_ASSERT(parts->entity == program->entity);
  run->program = program;
  run->parts = parts;
  run->scratch = scratch;
  run->pc = 0;
  run->top = 0;
  run->failed = JG_OK;
  memset(run->known, UNKNOWN, program->source_count);
  while (run->pc < program->code_count) {
    if (!step(run, &program->code[run->pc++])) {
      return run->failed == JG_DATA_LOSS
                 ? jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "a stored entity is not well-formed")
                 : jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED,
                                  "the filter makes too long strings of this job");
    }
  }
  JG_ASSERT(run->top == program->result_count);
  return JG_STATUS_OK;
}

JG_HOT struct jg_status jg_filter_matches(const struct jg_filter_program *program, const struct jg_parts *parts,
                                          struct jg_arena *scratch, bool *ret_matches) {
  JG_ASSERT(program->result_count == 1);
  struct run run;
  JG_RETURN_IF_ERROR(execute(program, parts, scratch, &run));
  *ret_matches = jg_filter_truth(&run.stack[0]);
  return JG_STATUS_OK;
}

struct jg_status jg_filter_keys(const struct jg_filter_program *program, const struct jg_parts *parts,
                                struct jg_arena *scratch, struct jg_filter_value *ret_values) {
  struct run run;
  JG_RETURN_IF_ERROR(execute(program, parts, scratch, &run));
  memcpy(ret_values, run.stack, program->result_count * sizeof(*ret_values));
  return JG_STATUS_OK;
}
