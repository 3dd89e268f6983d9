#include "base/compiler.h"
#include "services/filter/program.h"

/* A node makes one instruction, and at most two more: a jump, and what ends or mends it. */
#define CODE_MAX ((size_t)3 * JG_FILTER_NODES_MAX)
/* Of a program of any size: it is never met. */
#define WORK_BYTES (1u << 20)
_Static_assert(CODE_MAX * sizeof(struct jg_program_instruction) +
                       JG_PROGRAM_SLOTS_MAX * sizeof(struct jg_program_slot) +
                       JG_PROGRAM_SOURCES_MAX * sizeof(struct jg_program_source) <
                   WORK_BYTES / 2,
               "a program fits while it is made");

struct frame {
  const struct jg_filter *node;
  size_t next;         /* operand */
  size_t jump;         /* AND, OR, ANY, ALL: the instruction whose target is its end */
  uint16_t outer_item; /* ANY, ALL */
};

struct compiler {
  struct jg_arena work;
  struct jg_filter_program *program;
  struct jg_program_source *sources;
  struct jg_program_instruction *code;
  struct jg_program_slot *slots;
  size_t slot_count;
  uint16_t item;    /* the source of the innermost lambda's items */
  uint16_t lambdas; /* around here */
  size_t depth;
  struct frame frames[JG_FILTER_DEPTH_MAX];
};

static struct jg_status out_of_memory(void) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the filter needs too much memory");
}

static struct jg_program_instruction *emit(struct compiler *compiler, enum jg_program_op op) {
  JG_ASSERT(compiler->program->code_count < CODE_MAX);
  struct jg_program_instruction *instruction = &compiler->code[compiler->program->code_count++];
  *instruction = (struct jg_program_instruction){.op = op};
  return instruction;
}

/* *ret_index stays when there are too many: only a filter of many lambdas gets there. */
static struct jg_status add_source(struct compiler *compiler, const struct jg_program_source *source,
                                   uint16_t *ret_index) {
  struct jg_filter_program *program = compiler->program;
  if (program->source_count == JG_PROGRAM_SOURCES_MAX) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the filter reads too many entities");
  }
  struct jg_program_source *added = &compiler->sources[program->source_count];
  *added = *source;
  added->first_slot = JG_PROGRAM_NO_SLOT;
  memset(added->slot_of, 0xFF, sizeof(added->slot_of));
  *ret_index = (uint16_t)program->source_count++;
  return JG_STATUS_OK;
}

static uint16_t slot_of(struct compiler *compiler, uint16_t index, const struct jg_member *member) {
  struct jg_program_source *source = &compiler->sources[index];
  JG_ASSERT(member->number <= JG_PROGRAM_NUMBER_MAX);
  if (source->slot_of[member->number] == JG_PROGRAM_NO_SLOT) {
    JG_ASSERT(compiler->slot_count < JG_PROGRAM_SLOTS_MAX);
    compiler->slots[compiler->slot_count] = (struct jg_program_slot){member, source->first_slot};
    source->first_slot = (uint16_t)compiler->slot_count++;
    source->slot_of[member->number] = source->first_slot;
    source->number_max = member->number > source->number_max ? (uint8_t)member->number : source->number_max;
  }
  return source->slot_of[member->number];
}

/* The source that a step over a relation leads to. */
static struct jg_status step_source(struct compiler *compiler, uint16_t parent, const struct jg_member *member,
                                    uint16_t *ret_index) {
  struct jg_filter_program *program = compiler->program;
  for (size_t i = 1; i < program->source_count; i++) {
    if (program->sources[i].member == member && program->sources[i].parent == parent) {
      *ret_index = (uint16_t)i;
      return JG_STATUS_OK;
    }
  }
  struct jg_program_source source = {
      .type = JG_PROGRAM_NODE, .entity = jg_entity((enum jg_kind)member->target), .member = member, .parent = parent};
  if (parent == 0 && (member->flags & JG_MEMBER_EXPAND_ONLY) != 0) {
    source.type = JG_PROGRAM_PARENT;
  } else if (parent == 0) {
    JG_ASSERT(member->relation != JG_NO_INDEX);
    source.type = JG_PROGRAM_RELATION;
    program->nodes |= UINT32_C(1) << member->relation;
  } else {
    source.node_slot = slot_of(compiler, parent, member);
  }
  return add_source(compiler, &source, ret_index);
}

/* The source of a path's last step. */
static struct jg_status path_source(struct compiler *compiler, const struct jg_filter_path *path,
                                    uint16_t *ret_source) {
  uint16_t source = path->variable ? compiler->item : 0;
  JG_ASSERT(path->count >= 1 && (!path->variable || compiler->lambdas > 0));
  for (size_t i = 0; i + 1 < path->count; i++) {
    JG_RETURN_IF_ERROR(step_source(compiler, source, path->steps[i], &source));
  }
  *ret_source = source;
  return JG_STATUS_OK;
}

static struct jg_status emit_member(struct compiler *compiler, const struct jg_filter *node) {
  const struct jg_member *member = node->path.steps[node->path.count - 1];
  uint16_t source = 0;
  JG_RETURN_IF_ERROR(path_source(compiler, &node->path, &source));
  if (source == 0 && (member->flags & JG_MEMBER_DERIVED_KEY) != 0) {
    emit(compiler, JG_PROGRAM_KEY)->relation = member->relation;
    compiler->program->keys |= UINT32_C(1) << member->relation;
    return JG_STATUS_OK;
  }
  if (source == 0) {
    compiler->program->members |= UINT64_C(1) << member->index;
  }
  struct jg_program_instruction *instruction = emit(compiler, JG_PROGRAM_LOAD);
  instruction->source = source;
  instruction->slot = slot_of(compiler, source, member);
  return JG_STATUS_OK;
}

static void emit_literal(struct compiler *compiler, const struct jg_filter *node) {
  emit(compiler, JG_PROGRAM_LITERAL)->literal = jg_filter_literal_value(node);
}

/* The collection of any or all, and where its items come. */
static struct jg_status begin_lambda(struct compiler *compiler, struct frame *frame) {
  const struct jg_filter *node = frame->node;
  const struct jg_filter_path *path = &node->args[0]->path;
  const struct jg_member *list = path->steps[path->count - 1];
  uint16_t owner = 0;
  uint16_t item = 0;
  JG_ASSERT(node->args[0]->type == JG_VALUE_COLLECTION && list->number <= JG_PROGRAM_NUMBER_MAX);
  JG_RETURN_IF_ERROR(path_source(compiler, path, &owner));
  struct jg_program_source source = {.type = JG_PROGRAM_ITEM, .entity = jg_entity((enum jg_kind)list->target)};
  if (node->arg_count == 2) {
    JG_RETURN_IF_ERROR(add_source(compiler, &source, &item));
  }
  if (owner == 0) {
    compiler->program->members |= UINT64_C(1) << list->index;
  }
  frame->jump = compiler->program->code_count;
  frame->outer_item = compiler->item;
  struct jg_program_instruction *begin = emit(compiler, JG_PROGRAM_BEGIN);
  begin->kind = node->kind;
  begin->arg_count = node->arg_count;
  begin->number = (uint8_t)list->number;
  begin->source = owner;
  begin->item = item;
  begin->level = compiler->lambdas;
  frame->next = 1;
  if (node->arg_count == 2) {
    compiler->item = item;
    compiler->lambdas++;
  }
  return JG_STATUS_OK;
}

static struct jg_status enter(struct compiler *compiler, const struct jg_filter *node) {
  if (node->kind == JG_FILTER_MEMBER) {
    return emit_member(compiler, node);
  }
  if (node->kind == JG_FILTER_LITERAL) {
    emit_literal(compiler, node);
    return JG_STATUS_OK;
  }
  JG_ASSERT(compiler->depth < JG_FILTER_DEPTH_MAX);
  struct frame *frame = &compiler->frames[compiler->depth++];
  *frame = (struct frame){.node = node};
  if (node->kind == JG_FILTER_ANY || node->kind == JG_FILTER_ALL) {
    return begin_lambda(compiler, frame);
  }
  return JG_STATUS_OK;
}

static bool may_be_null(const struct jg_filter *node) {
  return node->kind == JG_FILTER_MEMBER || node->kind > JG_FILTER_ALL;
}

/* All operands are there. */
static void leave(struct compiler *compiler, const struct frame *frame) {
  const struct jg_filter *node = frame->node;
  if (node->kind == JG_FILTER_AND || node->kind == JG_FILTER_OR) {
    if (may_be_null(node->args[1])) {
      (void)emit(compiler, JG_PROGRAM_TRUTH);
    }
    compiler->code[frame->jump].target = (uint16_t)compiler->program->code_count;
    return;
  }
  if (node->kind == JG_FILTER_ANY || node->kind == JG_FILTER_ALL) {
    const struct jg_program_instruction *begin = &compiler->code[frame->jump];
    if (node->arg_count == 2) {
      struct jg_program_instruction *repeat = emit(compiler, JG_PROGRAM_REPEAT);
      repeat->kind = node->kind;
      repeat->item = begin->item;
      repeat->level = begin->level;
      repeat->target = (uint16_t)(frame->jump + 1);
      compiler->item = frame->outer_item;
      compiler->lambdas--;
    }
    compiler->code[frame->jump].target = (uint16_t)compiler->program->code_count;
    return;
  }
  if (node->kind == JG_FILTER_IN) {
    emit(compiler, JG_PROGRAM_IN)->list = node;
    return;
  }
  struct jg_program_instruction *apply = emit(compiler, JG_PROGRAM_APPLY);
  apply->kind = node->kind;
  apply->arg_count = node->arg_count;
}

static struct jg_status compile_one(struct compiler *compiler, const struct jg_filter *root) {
  JG_RETURN_IF_ERROR(enter(compiler, root));
  while (compiler->depth > 0) {
    struct frame *frame = &compiler->frames[compiler->depth - 1];
    const struct jg_filter *node = frame->node;
    if (frame->next == node->arg_count) {
      leave(compiler, frame);
      compiler->depth--;
      continue;
    }
    if (frame->next == 1 && (node->kind == JG_FILTER_AND || node->kind == JG_FILTER_OR)) {
      frame->jump = compiler->program->code_count;
      (void)emit(compiler, node->kind == JG_FILTER_AND ? JG_PROGRAM_AND : JG_PROGRAM_OR);
    }
    JG_RETURN_IF_ERROR(enter(compiler, node->args[frame->next++]));
  }
  return JG_STATUS_OK;
}

/* What is being made is as large as a program may be; what is kept is as large as this one is: streams keep thousands. */
static struct jg_status begin(const struct jg_entity *entity, struct compiler *compiler) {
  compiler->program = jg_arena_alloc_zero(&compiler->work, sizeof(*compiler->program));
  compiler->code = jg_arena_alloc(&compiler->work, CODE_MAX * sizeof(*compiler->code));
  compiler->slots = jg_arena_alloc(&compiler->work, JG_PROGRAM_SLOTS_MAX * sizeof(*compiler->slots));
  compiler->sources = jg_arena_alloc(&compiler->work, JG_PROGRAM_SOURCES_MAX * sizeof(*compiler->sources));
  JG_ASSERT(compiler->program != NULL && compiler->code != NULL && compiler->slots != NULL &&
            compiler->sources != NULL);
  compiler->program->entity = entity;
  compiler->program->sources = compiler->sources;
  uint16_t root = 0;
  struct jg_program_source payload = {.type = JG_PROGRAM_PAYLOAD, .entity = entity};
  return add_source(compiler, &payload, &root);
}

static void *keep(struct jg_arena *arena, const void *data, size_t count, size_t bytes) {
  void *copy = jg_arena_alloc(arena, count * bytes);
  if (copy != NULL && count > 0) {
    memcpy(copy, data, count * bytes);
  }
  return copy;
}

static struct jg_status finish(const struct compiler *compiler, struct jg_arena *arena,
                               const struct jg_filter_program **ret_program) {
  struct jg_filter_program *program = keep(arena, compiler->program, 1, sizeof(*program));
  if (program == NULL) {
    return out_of_memory();
  }
  program->code = keep(arena, compiler->code, program->code_count, sizeof(*program->code));
  program->sources = keep(arena, compiler->sources, program->source_count, sizeof(*program->sources));
  program->slots = keep(arena, compiler->slots, compiler->slot_count, sizeof(*program->slots));
  if (program->code == NULL || program->sources == NULL || program->slots == NULL) {
    return out_of_memory();
  }
  *ret_program = program;
  return JG_STATUS_OK;
}

static struct jg_status compile(const struct jg_entity *entity, const struct jg_filter *const *roots, size_t count,
                                struct jg_arena *arena, const struct jg_filter_program **ret_program) {
  struct compiler compiler = {.depth = 0};
  jg_arena_init(&compiler.work, WORK_BYTES);
  struct jg_status status = begin(entity, &compiler);
  for (size_t i = 0; i < count && jg_status_ok(status); i++) {
    status = compile_one(&compiler, roots[i]);
  }
  compiler.program->result_count = count;
  if (jg_status_ok(status)) {
    status = finish(&compiler, arena, ret_program);
  }
  jg_arena_done(&compiler.work);
  return status;
}

struct jg_status jg_filter_compile(const struct jg_entity *entity, const struct jg_filter *filter,
                                   struct jg_arena *arena, const struct jg_filter_program **ret_program) {
  return compile(entity, &filter, 1, arena, ret_program);
}

struct jg_status jg_filter_compile_order(const struct jg_entity *entity, const struct jg_filter_order *orders,
                                         size_t count, struct jg_arena *arena,
                                         const struct jg_filter_program **ret_program) {
  JG_ASSERT(count >= 1 && count <= JG_FILTER_ORDER_MAX);
  const struct jg_filter *roots[JG_FILTER_ORDER_MAX];
  for (size_t i = 0; i < count; i++) {
    roots[i] = orders[i].key;
  }
  return compile(entity, roots, count, arena, ret_program);
}

uint64_t jg_filter_program_members(const struct jg_filter_program *program) {
  return program->members;
}

uint32_t jg_filter_program_relations(const struct jg_filter_program *program, bool nodes) {
  return nodes ? program->nodes : program->nodes | program->keys;
}
