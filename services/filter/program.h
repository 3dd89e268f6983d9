/* The form that program.c makes and predicate.c runs. Only these two may include it.
 * A source is one message whose fields are read: the payload, an entity reached over relations, or the item of an any or all.
 * A slot is one field of a source. A source is scanned once, when the first of its slots is needed. */
#ifndef JG_SERVICES_FILTER_PROGRAM_H
#define JG_SERVICES_FILTER_PROGRAM_H

#include "services/filter/predicate.h"

#define JG_PROGRAM_SOURCES_MAX 128
/* A slot for every member read and for every source inside another. */
#define JG_PROGRAM_SLOTS_MAX (JG_FILTER_NODES_MAX + JG_PROGRAM_SOURCES_MAX)
#define JG_PROGRAM_STACK_MAX (JG_FILTER_NODES_MAX + JG_FILTER_ORDER_MAX)
#define JG_PROGRAM_LAMBDAS_MAX JG_FILTER_DEPTH_MAX /* inside each other */
/* Field numbers of members; checked when a program is made. */
#define JG_PROGRAM_NUMBER_MAX 127
#define JG_PROGRAM_NO_SLOT UINT16_MAX

enum jg_program_source_type {
  JG_PROGRAM_PAYLOAD,
  JG_PROGRAM_RELATION, /* of the root: parts->relations[relation]->proto */
  JG_PROGRAM_PARENT,   /* of the root, a job: parts->parent->proto */
  JG_PROGRAM_NODE,     /* the bytes of a parent's slot */
  JG_PROGRAM_ITEM      /* of the lambda that runs */
};

struct jg_program_source {
  enum jg_program_source_type type;
  const struct jg_entity *entity;
  const struct jg_member *member; /* the step that leads here; NULL: PAYLOAD, ITEM */
  uint16_t parent;                /* NODE, RELATION, PARENT: the source that step is taken from */
  uint16_t node_slot;             /* NODE */
  uint16_t first_slot;            /* of a chain through next_slot */
  uint8_t number_max;             /* of its slots */
  uint16_t slot_of[JG_PROGRAM_NUMBER_MAX + 1];
};

struct jg_program_slot {
  const struct jg_member *member;
  uint16_t next_slot;
};

enum jg_program_op {
  JG_PROGRAM_LITERAL,
  JG_PROGRAM_LOAD,   /* slot of source */
  JG_PROGRAM_KEY,    /* of the root's relation */
  JG_PROGRAM_APPLY,  /* kind on arg_count values */
  JG_PROGRAM_IN,     /* whether the value is in `list` */
  JG_PROGRAM_AND,    /* false: stays, on to target; true: drops it */
  JG_PROGRAM_OR,     /* true: stays, on to target; false: drops it */
  JG_PROGRAM_TRUTH,  /* null becomes false */
  JG_PROGRAM_BEGIN,  /* any or all of the fields `number` of source: first item, or the result and on to target */
  JG_PROGRAM_REPEAT, /* takes the body's value: next item and back to target, or the result */
};

struct jg_program_instruction {
  enum jg_program_op op;
  enum jg_filter_kind kind;
  uint8_t arg_count; /* of BEGIN too: 1 is any() */
  uint8_t relation;
  uint8_t number;
  uint16_t source, slot, target;
  uint16_t item;  /* BEGIN, REPEAT: the source of the items */
  uint16_t level; /* BEGIN, REPEAT: of nesting */
  union {
    struct jg_filter_value literal; /* LITERAL */
    const struct jg_filter *list;   /* IN: a node of the tree, as literals' strings are of it */
  };
};

struct jg_filter_program {
  const struct jg_entity *entity;
  const struct jg_program_instruction *code;
  size_t code_count;
  size_t result_count;
  const struct jg_program_source *sources;
  size_t source_count;
  const struct jg_program_slot *slots;
  uint64_t members;
  uint32_t keys, nodes; /* relations */
};

#endif
