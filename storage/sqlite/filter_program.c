#include "storage/sqlite/filter_program.h"

#include "proto/codec/wire.h"
#include "storage/columns.h"
#include "storage/sqlite/filter_value.h"

#define PROGRAM_MAGIC 0x6a677072u /* "jgpr" */
#define NO_REF 0xff
/* Every node is an operation, and any and all have one more, at their end. */
#define OPS_A_NODE 2

enum op_type {
  OP_NODE,  /* a node whose operands are on the stack */
  OP_FIRST, /* of any or all: takes the first item, or jumps behind its end */
  OP_NEXT   /* its end: ends the loop, or takes the next item and jumps back */
};

struct op {
  enum op_type type;
  uint8_t ref;                    /* of a member */
  uint16_t jump;                  /* FIRST: its NEXT; NEXT: its FIRST */
  const struct jg_filter *node;   /* FIRST and NEXT: the any or all */
  const struct jg_member *member; /* of the ref's payload or of the item */
};

struct loop {
  struct jg_wire_reader items;
  struct jg_str item;
};

struct jg_sqlite_program {
  uint32_t magic;
  struct jg_arena *scratch;
  struct op *ops;
  size_t op_count, op_max;
  struct jg_sqlite_ref refs[JG_SQLITE_REFS_MAX];
  size_t ref_count;
  struct jg_job_key *stack; /* room for every operand */
  struct loop *loops;       /* room for every any and all */
};

/* ---- paths ---- */

void jg_sqlite_joins_init(struct jg_sqlite_joins *joins) {
  joins->count = 1;
  joins->items[0].parent = 0;
  joins->items[0].relation = NULL;
  joins->items[0].entity = jg_entity(JG_KIND_JOB);
}

static uint8_t join(struct jg_sqlite_joins *joins, uint8_t parent, const struct jg_member *member) {
  const struct jg_entity *entity = joins->items[parent].entity;
  bool is_parent = (member->flags & JG_MEMBER_EXPAND_ONLY) != 0;
  JG_ASSERT(is_parent ? parent == 0 : member->relation < entity->relation_count);
  const struct jg_relation *relation = is_parent ? NULL : &entity->relations[member->relation];
  for (size_t i = 1; i < joins->count; i++) {
    if (joins->items[i].parent == parent && joins->items[i].relation == relation) {
      return (uint8_t)i;
    }
  }
  JG_ASSERT(joins->count < JG_SQLITE_JOINS_MAX);
  joins->items[joins->count].parent = parent;
  joins->items[joins->count].relation = relation;
  joins->items[joins->count].entity = jg_entity(is_parent ? JG_KIND_PARENT_JOB : (enum jg_kind)relation->target);
  return (uint8_t)joins->count++;
}

void jg_sqlite_path_resolve(const struct jg_filter_path *path, struct jg_sqlite_joins *joins,
                            struct jg_sqlite_ref *ret_ref, const struct jg_member **ret_member) {
  JG_ASSERT(path->count >= 1 && path->count <= JG_FILTER_PATH_MAX && !path->variable);
  uint8_t at = 0;
  for (size_t i = 0; i + 1 < path->count; i++) {
    JG_ASSERT(path->steps[i]->type == JG_TYPE_ENTITY);
    at = join(joins, at, path->steps[i]);
  }
  const struct jg_member *member = path->steps[path->count - 1];
  *ret_member = NULL;
  if ((member->flags & JG_MEMBER_DERIVED_KEY) != 0) {
    *ret_ref = (struct jg_sqlite_ref){.source = JG_SQLITE_OWN_KEY, .join = join(joins, at, member)};
  } else if (at != 0 && joins->items[at].relation != NULL && member->index == joins->items[at].entity->key_member) {
    *ret_ref = (struct jg_sqlite_ref){.source = JG_SQLITE_KEY, .join = at};
  } else if (at == 0 && (member->flags & JG_MEMBER_COLUMN) != 0) {
    *ret_ref = (struct jg_sqlite_ref){.source = JG_SQLITE_COLUMN, .member = member};
  } else {
    *ret_ref = (struct jg_sqlite_ref){.source = JG_SQLITE_PAYLOAD, .join = at};
    *ret_member = member;
  }
}

/* ---- compiling ---- */

size_t jg_sqlite_filter_nodes(const struct jg_filter *filter) {
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t depth = 0, nodes = 1;
  stack[depth++] = filter;
  while (depth > 0) {
    const struct jg_filter *node = stack[--depth];
    nodes += node->arg_count;
    if (nodes > JG_FILTER_NODES_MAX) {
      return 0;
    }
    for (size_t i = 0; i < node->arg_count; i++) {
      stack[depth++] = node->args[i];
    }
  }
  return nodes;
}

size_t jg_sqlite_filter_items(const struct jg_filter *filter) {
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t depth = 0, items = 0;
  stack[depth++] = filter;
  while (depth > 0) {
    const struct jg_filter *node = stack[--depth];
    items += node->item_count;
    JG_ASSERT(depth + node->arg_count <= JG_FILTER_NODES_MAX);
    for (size_t i = 0; i < node->arg_count; i++) {
      stack[depth++] = node->args[i];
    }
  }
  return items;
}

static uint8_t ref_index(struct jg_sqlite_program *program, const struct jg_sqlite_ref *ref) {
  for (size_t i = 0; i < program->ref_count; i++) {
    const struct jg_sqlite_ref *known = &program->refs[i];
    if (known->source == ref->source && known->join == ref->join && known->member == ref->member) {
      return (uint8_t)i;
    }
  }
  JG_ASSERT(program->ref_count < JG_SQLITE_REFS_MAX);
  program->refs[program->ref_count] = *ref;
  return (uint8_t)program->ref_count++;
}

static void add_op(struct jg_sqlite_program *program, enum op_type type, const struct jg_filter *node,
                   const struct jg_filter_path *path, struct jg_sqlite_joins *joins) {
  JG_ASSERT(program->op_count < program->op_max);
  struct op op = {.type = type, .ref = NO_REF, .node = node};
  if (path != NULL && path->variable) {
    JG_ASSERT(path->count == 1);
    op.member = path->steps[0];
  } else if (path != NULL) {
    struct jg_sqlite_ref ref;
    jg_sqlite_path_resolve(path, joins, &ref, &op.member);
    op.ref = ref_index(program, &ref);
  }
  program->ops[program->op_count++] = op;
}

struct frame {
  const struct jg_filter *node;
  uint8_t next;   /* operand to visit */
  uint16_t first; /* any, all: its FIRST */
};

static bool is_lambda(const struct jg_filter *node) {
  return node->kind == JG_FILTER_ANY || node->kind == JG_FILTER_ALL;
}

static void enter(struct jg_sqlite_program *program, struct frame *frame, const struct jg_filter *node,
                  struct jg_sqlite_joins *joins) {
  *frame = (struct frame){.node = node};
  if (is_lambda(node)) {
    JG_ASSERT(node->args[0]->kind == JG_FILTER_MEMBER && node->args[0]->type == JG_VALUE_COLLECTION);
    frame->first = (uint16_t)program->op_count;
    frame->next = 1;
    add_op(program, OP_FIRST, node, &node->args[0]->path, joins);
  }
}

static void leave(struct jg_sqlite_program *program, const struct frame *frame, struct jg_sqlite_joins *joins) {
  const struct jg_filter *node = frame->node;
  if (is_lambda(node)) {
    program->ops[frame->first].jump = (uint16_t)program->op_count;
    add_op(program, OP_NEXT, node, NULL, joins);
    program->ops[program->op_count - 1].jump = frame->first;
  } else {
    add_op(program, OP_NODE, node, node->kind == JG_FILTER_MEMBER ? &node->path : NULL, joins);
  }
}

static struct jg_status out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a filter is larger than the call's memory");
}

struct jg_status jg_sqlite_program_make(const struct jg_filter *filter, struct jg_sqlite_joins *joins,
                                        struct jg_arena *arena, struct jg_arena *scratch,
                                        struct jg_sqlite_program **ret_program) {
  size_t nodes = jg_sqlite_filter_nodes(filter);
  if (nodes == 0) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "a filter has too many nodes");
  }
  struct jg_sqlite_program *program = jg_arena_alloc(arena, sizeof(*program));
  struct op *ops = jg_arena_alloc(arena, OPS_A_NODE * nodes * sizeof(*ops));
  struct jg_job_key *stack = jg_arena_alloc(arena, nodes * sizeof(*stack));
  struct loop *loops = jg_arena_alloc(arena, nodes * sizeof(*loops));
  struct frame *frames = jg_arena_alloc(arena, nodes * sizeof(*frames));
  if (program == NULL || ops == NULL || stack == NULL || loops == NULL || frames == NULL) {
    return out_of_arena();
  }
  *program = (struct jg_sqlite_program){.magic = PROGRAM_MAGIC,
                                        .scratch = scratch,
                                        .ops = ops,
                                        .op_max = OPS_A_NODE * nodes,
                                        .stack = stack,
                                        .loops = loops};
  size_t depth = 1;
  enter(program, &frames[0], filter, joins);
  while (depth > 0) {
    struct frame *frame = &frames[depth - 1];
    if (frame->next == frame->node->arg_count) {
      leave(program, frame, joins);
      depth--;
    } else {
      enter(program, &frames[depth++], frame->node->args[frame->next++], joins);
    }
  }
  *ret_program = program;
  return JG_STATUS_OK;
}

size_t jg_sqlite_program_refs(const struct jg_sqlite_program *program, const struct jg_sqlite_ref **ret_refs) {
  *ret_refs = program->refs;
  return program->ref_count;
}

/* ---- running ---- */

struct run {
  struct jg_sqlite_program *program;
  sqlite3_value **values;
  size_t top, loop_count;
  int rc;
};

static struct jg_str bytes_of(sqlite3_value *value) {
  const char *data = sqlite3_value_blob(value);
  return jg_str_make(data != NULL ? data : "", (size_t)sqlite3_value_bytes(value));
}

/* A value that SQL holds, of the type that the tree says. False: it is damaged. */
static bool take_value(enum jg_filter_type type, sqlite3_value *value, struct jg_job_key *ret_key) {
  struct jg_job_key key = {.type = type};
  if (sqlite3_value_type(value) == SQLITE_NULL) {
    *ret_key = jg_sqlite_value_null();
    return true;
  }
  switch (type) {
    case JG_VALUE_STRING:
      key.string = bytes_of(value);
      break;
    case JG_VALUE_GUID:
      if (sqlite3_value_bytes(value) != sizeof(key.uuid.bytes)) {
        return false;
      }
      memcpy(key.uuid.bytes, sqlite3_value_blob(value), sizeof(key.uuid.bytes));
      break;
    case JG_VALUE_DECIMAL:
      key.decimal = sqlite3_value_double(value);
      break;
    default:
      key.integer = sqlite3_value_int64(value);
      break;
  }
  *ret_key = key;
  return true;
}

static bool take_member(enum jg_filter_type type, const struct jg_member *member, struct jg_str payload,
                        struct jg_job_key *ret_key) {
  struct jg_column column;
  if (!jg_status_ok(jg_columns_member(member, payload, &column))) {
    return false;
  }
  *ret_key = (struct jg_job_key){
      .type = type, .integer = column.integer, .decimal = column.real, .string = column.text, .uuid = column.guid};
  return true;
}

static struct jg_job_key literal(const struct jg_filter *node) {
  return (struct jg_job_key){.type = node->type,
                             .integer = node->integer,
                             .decimal = node->decimal,
                             .string = node->string,
                             .uuid = node->uuid};
}

/* The item of the innermost loop, or the payload of the ref. False: null. */
static bool payload_of(const struct run *run, const struct op *op, struct jg_str *ret_payload) {
  if (op->ref == NO_REF) {
    JG_ASSERT(run->loop_count > 0);
    *ret_payload = run->program->loops[run->loop_count - 1].item;
    return true;
  }
  sqlite3_value *value = run->values[op->ref];
  if (sqlite3_value_type(value) == SQLITE_NULL) {
    return false;
  }
  *ret_payload = bytes_of(value);
  return true;
}

static void run_member(struct run *run, const struct op *op, struct jg_job_key *ret_key) {
  struct jg_str payload;
  bool whole = true;
  *ret_key = jg_sqlite_value_null();
  if (op->member == NULL) {
    whole = take_value(op->node->type, run->values[op->ref], ret_key);
  } else if (payload_of(run, op, &payload)) {
    whole = take_member(op->node->type, op->member, payload, ret_key);
  }
  if (!whole) {
    run->rc = SQLITE_CORRUPT;
  }
}

static void run_node(struct run *run, const struct op *op) {
  const struct jg_filter *node = op->node;
  struct jg_job_key result = jg_sqlite_value_null();
  if (node->kind == JG_FILTER_LITERAL) {
    result = literal(node);
  } else if (node->kind == JG_FILTER_MEMBER) {
    run_member(run, op, &result);
  } else {
    JG_ASSERT(run->top >= node->arg_count);
    run->top -= node->arg_count;
    if (!jg_sqlite_value_apply(node, run->program->stack + run->top, run->program->scratch, &result)) {
      run->rc = SQLITE_TOOBIG;
    }
  }
  run->program->stack[run->top++] = result;
}

/* Moves a loop on. False at its end. */
static bool next_item(struct run *run, struct loop *loop, const struct jg_member *list) {
  struct jg_wire_field field;
  while (jg_wire_next(&loop->items, &field)) {
    if (field.number == list->number && field.type == JG_WIRE_LEN) {
      loop->item = field.bytes;
      return true;
    }
  }
  if (loop->items.failed) {
    run->rc = SQLITE_CORRUPT;
  }
  return false;
}

static void push_truth(struct run *run, bool truth) {
  run->program->stack[run->top++] = jg_sqlite_value_integer(JG_VALUE_BOOL, truth);
}

/* The operation to go on with. A list that is not there is empty. */
static size_t run_first(struct run *run, const struct op *op, size_t at) {
  struct loop *loop = &run->program->loops[run->loop_count];
  struct jg_str payload = JG_STR("");
  (void)payload_of(run, op, &payload);
  jg_wire_reader_init(&loop->items, payload);
  bool any = next_item(run, loop, op->member);
  // Without a body it asks whether there is an item.
  if (!any || op->node->arg_count == 1) {
    push_truth(run, any || op->node->kind == JG_FILTER_ALL);
    return (size_t)op->jump + 1;
  }
  run->loop_count++;
  return at + 1;
}

static size_t run_next(struct run *run, const struct op *op, size_t at) {
  bool is_any = op->node->kind == JG_FILTER_ANY;
  bool truth = jg_sqlite_value_is_true(&run->program->stack[--run->top]);
  struct loop *loop = &run->program->loops[run->loop_count - 1];
  if (truth != is_any && next_item(run, loop, run->program->ops[op->jump].member)) {
    return (size_t)op->jump + 1;
  }
  run->loop_count--;
  push_truth(run, truth);
  return at + 1;
}

int jg_sqlite_program_run(struct jg_sqlite_program *program, size_t count, sqlite3_value **values,
                          struct jg_job_key *ret_value) {
  JG_ASSERT(program->magic == PROGRAM_MAGIC);
  JG_ASSERT(count == program->ref_count);
  jg_arena_reset(program->scratch);
  struct run run = {.program = program, .values = values, .rc = SQLITE_OK};
  for (size_t at = 0; at < program->op_count && run.rc == SQLITE_OK;) {
    const struct op *op = &program->ops[at];
    switch (op->type) {
      case OP_NODE:
        run_node(&run, op);
        at++;
        break;
      case OP_FIRST:
        at = run_first(&run, op, at);
        break;
      case OP_NEXT:
        at = run_next(&run, op, at);
        break;
    }
  }
  if (run.rc == SQLITE_OK) {
    JG_ASSERT(run.top == 1 && run.loop_count == 0);
    *ret_value = program->stack[0];
  }
  return run.rc;
}
