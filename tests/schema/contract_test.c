/* The schema's tables against the legacy contract, row by row. The .tsv files beside this test are the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/compiler.h"
#include "base/str.h"
#include "proto/schema/members.h"
#include "proto/schema/schema.h"

#define LINE_BYTES_MAX 2048
#define CELLS_MAX 6
#define CONTRACT_MEMBERS 240
#define CONTRACT_ENTITIES 12

/* One row at a time; cells lie in line. */
struct table {
  FILE *file;
  char line[LINE_BYTES_MAX];
  struct jg_str cells[CELLS_MAX];
  size_t cell_count;
};

static bool next_row(struct table *table) {
  if (fgets(table->line, sizeof(table->line), table->file) == NULL) {
    return false;
  }
  struct jg_str rest = jg_str_from_cstr(table->line);
  assert_true(rest.len > 0 && rest.data[rest.len - 1] == '\n');
  rest.len--;
  for (table->cell_count = 0; rest.data != NULL; table->cell_count++) {
    assert_true(table->cell_count < CELLS_MAX);
    table->cells[table->cell_count] = jg_str_cut(rest, '\t', &rest);
  }
  return true;
}

/* Opens a file of this folder and passes its heading. */
static void open_table(struct table *table, const char *path) {
  *table = (struct table){.file = fopen(path, "r")};
  assert_non_null(table->file);
  assert_true(next_row(table));
}

static void close_table(struct table *table) {
  assert_int_equal(fclose(table->file), 0);
}

static void assert_str(struct jg_str actual, struct jg_str expected) {
  if (!jg_str_equal(actual, expected)) {
    fail_msg("\"%.*s\" is not \"%.*s\"", JG_STR_ARG(actual), JG_STR_ARG(expected));
  }
}

/* By the name in the .tsv files, which call the type "jobs" by "job" in places. */
static const struct jg_entity *entity_named(struct jg_str name) {
  if (jg_str_equal(name, JG_STR("job")) || jg_str_equal(name, JG_STR("jobs"))) {
    return jg_entity(JG_KIND_JOB);
  }
  for (int kind = 0; kind < JG_KIND_COUNT; kind++) {
    const struct jg_entity *entity = jg_entity(kind);
    if (entity != NULL && kind != JG_KIND_PARENT_JOB && jg_str_equal(entity->name, name)) {
      return entity;
    }
  }
  return NULL;
}

/* Type and target of a member, by the words of entities.tsv and jobs.table.tsv. */
static void assert_type(const struct jg_member *member, struct jg_str word) {
  static const struct {
    struct jg_str word;
    enum jg_type type;
  } scalars[] = {
      {{"guid", 4}, JG_TYPE_GUID},
      {{"globally unique identifier", 26}, JG_TYPE_GUID},
      {{"string", 6}, JG_TYPE_STRING},
      {{"integer", 7}, JG_TYPE_INTEGER},
      {{"bool", 4}, JG_TYPE_BOOL},
      {{"datetime", 8}, JG_TYPE_DATE},
      {{"date", 4}, JG_TYPE_DATE},
      {{"decimal", 7}, JG_TYPE_DECIMAL},
      {{"decimal number", 14}, JG_TYPE_DECIMAL},
  };
  for (size_t i = 0; i < JG_COUNT(scalars); i++) {
    if (jg_str_equal(scalars[i].word, word)) {
      assert_int_equal(member->type, scalars[i].type);
      assert_int_equal(member->target, JG_KIND_NONE);
      return;
    }
  }
  bool is_list = jg_str_ends_with(word, JG_STR("[]"));
  assert_int_equal(member->type, is_list ? JG_TYPE_ENTITY_LIST : JG_TYPE_ENTITY);
  const struct jg_entity *target = entity_named(jg_str_sub(word, 0, word.len - (is_list ? 2 : 0)));
  assert_non_null(target);
  enum jg_kind kind = target->kind == JG_KIND_JOB ? JG_KIND_PARENT_JOB : target->kind;
  assert_int_equal(member->target, kind);
}

/* Contract statements 1, 2, 4, 5, 6: every member, in order, with its type; and _parent_job beside them. */
static void every_member_in_order(void **state) {
  (void)state;
  struct table table;
  open_table(&table, "tests/schema/entities.tsv");
  const struct jg_entity *entity = NULL;
  size_t next = 0;
  size_t expected = 0; /* members of entity */
  size_t members = 0;
  size_t entities = 0;
  while (next_row(&table)) {
    assert_int_equal(table.cell_count, 4);
    const struct jg_entity *owner = entity_named(table.cells[0]);
    if (owner == NULL) {
      fail_msg("no entity %.*s", JG_STR_ARG(table.cells[0]));
      return;
    }
    if (owner != entity) {
      assert_int_equal(next, expected);
      entity = owner;
      expected = entity->member_count;
      next = 0;
      entities++;
    }
    if (next < expected && (owner->members[next].flags & JG_MEMBER_EXPAND_ONLY) != 0) {
      next++;
    }
    assert_true(next < expected);
    const struct jg_member *member = &owner->members[next];
    int64_t position = 0;
    assert_true(jg_parse_i64(table.cells[1], &position));
    assert_int_equal(position, owner->kind == JG_KIND_JOB && next > JG_JOB_PARENT_JOB ? next : next + 1);
    assert_int_equal(member->number, next + 1);
    assert_int_equal(member->index, next);
    assert_str(member->name, table.cells[2]);
    assert_type(member, table.cells[3]);
    next++;
    members++;
  }
  assert_int_equal(next, expected);
  assert_int_equal(members, CONTRACT_MEMBERS);
  assert_int_equal(entities, CONTRACT_ENTITIES);
  close_table(&table);
}

/* "Optionally required : a, b or c must be provided": those members, and no others, share the member's group. */
static void assert_group(const struct jg_entity *entity, const struct jg_member *member, struct jg_str text) {
  size_t named = 0;
  size_t grouped = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    grouped += jg_str_equal(entity->members[i].group, member->group) ? 1 : 0;
  }
  for (struct jg_str rest = text; rest.data != NULL;) {
    struct jg_str word = jg_str_cut(rest, ' ', &rest);
    if (jg_str_ends_with(word, JG_STR(","))) {
      word.len--;
    }
    if (jg_str_equal(word, JG_STR("or"))) {
      continue;
    }
    if (jg_str_equal(word, JG_STR("must"))) {
      break;
    }
    const struct jg_member *other = jg_entity_member(entity, word);
    assert_non_null(other);
    assert_str(other->group, member->group);
    named++;
  }
  assert_true(member->group.len > 0);
  assert_int_equal(named, grouped);
}

static void assert_additional(const struct jg_entity *entity, const struct jg_member *member, struct jg_str text) {
  struct jg_str group = JG_STR("Optionally required : ");
  struct jg_str required = JG_STR("Required ");
  struct jg_str length = JG_STR("Max length: ");
  bool is_grouped = jg_str_starts_with(text, group);
  if (is_grouped) {
    assert_group(entity, member, jg_str_sub(text, group.len, text.len));
    text = JG_STR_NONE;
  } else {
    assert_int_equal(member->group.len, 0);
  }
  bool is_required = jg_str_starts_with(text, required);
  assert_int_equal((member->flags & JG_MEMBER_REQUIRED) != 0, is_required);
  if (is_required) {
    text = jg_str_sub(text, required.len, text.len);
  }
  int64_t max = 0;
  if (jg_str_starts_with(text, length)) {
    assert_true(jg_parse_i64(jg_str_sub(text, length.len, text.len), &max));
  } else {
    assert_int_equal(text.len, 0);
  }
  assert_int_equal(member->max_utf16, max);
}

/* The help page's table of a job: names, types, lengths, groups and descriptions. */
static void every_row_of_the_help_page(void **state) {
  (void)state;
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct table table;
  open_table(&table, "tests/schema/jobs.table.tsv");
  size_t rows = 0;
  while (next_row(&table)) {
    assert_int_equal(table.cell_count, 4);
    assert_true(rows < job->member_count);
    const struct jg_member *member = &job->members[rows++];
    assert_str(member->name, table.cells[0]);
    assert_type(member, table.cells[1]);
    assert_additional(job, member, table.cells[2]);
    /* A proto comment is a sentence: it has the full stop that the page leaves out. */
    assert_true(jg_str_ends_with(member->doc, JG_STR(".")));
    assert_str(jg_str_sub(member->doc, 0, member->doc.len - 1), table.cells[3]);
  }
  assert_int_equal(rows, JG_JOB_MEMBER_COUNT);
  close_table(&table);
}

/* Lengths, required members, who writes them and mobile equipment, of every member of every entity. */
static void every_limit(void **state) {
  (void)state;
  struct table table;
  open_table(&table, "tests/schema/limits.tsv");
  size_t rows = 0;
  while (next_row(&table)) {
    assert_int_equal(table.cell_count, 6);
    const struct jg_entity *entity = entity_named(table.cells[0]);
    assert_non_null(entity);
    const struct jg_member *member = jg_entity_member(entity, table.cells[1]);
    assert_non_null(member);
    int64_t max = 0;
    assert_true(jg_parse_i64(table.cells[2], &max));
    assert_int_equal(member->max_utf16, max);
    unsigned expected = 0;
    expected |= jg_str_equal(table.cells[3], JG_STR("yes")) ? JG_MEMBER_REQUIRED : 0;
    expected |= jg_str_equal(table.cells[4], JG_STR("record")) ? JG_MEMBER_READ_ONLY : 0;
    expected |= jg_str_equal(table.cells[4], JG_STR("server")) ? JG_MEMBER_SERVER_MANAGED : 0;
    expected |= jg_str_equal(table.cells[5], JG_STR("optional")) ? JG_MEMBER_MOBILE_OPTIONAL : 0;
    expected |= jg_str_equal(table.cells[5], JG_STR("required")) ? JG_MEMBER_MOBILE_REQUIRED : 0;
    unsigned looked_at = JG_MEMBER_REQUIRED | JG_MEMBER_READ_ONLY | JG_MEMBER_SERVER_MANAGED |
                         JG_MEMBER_MOBILE_OPTIONAL | JG_MEMBER_MOBILE_REQUIRED;
    if ((member->flags & looked_at) != expected) {
      fail_msg("%.*s.%.*s has flags %x", JG_STR_ARG(table.cells[0]), JG_STR_ARG(member->name), member->flags);
    }
    rows++;
  }
  assert_int_equal(rows, CONTRACT_MEMBERS);
  close_table(&table);
}

/* Every x_id, x_code, x of the contract is one relation; contract statement 73 names the keys. */
static void every_relation(void **state) {
  (void)state;
  static const struct {
    enum jg_kind kind;
    size_t count;
  } counts[] = {
      {JG_KIND_JOB, 6},
      {JG_KIND_PROJECT, 3},
      {JG_KIND_EQUIPMENT_FAMILY, 1},
      {JG_KIND_EQUIPMENT_MODEL, 3},
      {JG_KIND_EQUIPMENT_BRAND, 1},
      {JG_KIND_PROJECT_STATUS, 1},
      {JG_KIND_JOB_TYPE, 0},
      {JG_KIND_JOB_PRIORITY, 1},
      {JG_KIND_USER, 1},
      {JG_KIND_SKILL, 1},
      {JG_KIND_TRANSLATION, 0},
      {JG_KIND_SALES_ORGANIZATION, 0},
      {JG_KIND_JOB_STATUS, 0},
      {JG_KIND_JOB_PLANNING, 0},
      {JG_KIND_PARENT_JOB, 6},
  };
  for (size_t i = 0; i < JG_COUNT(counts); i++) {
    const struct jg_entity *entity = jg_entity(counts[i].kind);
    assert_int_equal(entity->relation_count, counts[i].count);
    for (size_t r = 0; r < entity->relation_count; r++) {
      const struct jg_relation *relation = &entity->relations[r];
      struct jg_str id = entity->members[relation->id_member].name;
      struct jg_str key = entity->members[relation->key_member].name;
      assert_true(jg_str_starts_with(id, relation->name) && jg_str_starts_with(key, relation->name));
      bool is_project = relation->target == JG_KIND_PROJECT;
      assert_str(jg_str_sub(id, relation->name.len, id.len), JG_STR("_id"));
      assert_str(jg_str_sub(key, relation->name.len, key.len),
                 is_project ? JG_STR("_reference_back_office") : JG_STR("_code"));
      const struct jg_entity *target = jg_entity(relation->target);
      assert_str(target->members[target->key_member].name,
                 is_project ? JG_STR("reference_back_office") : JG_STR("code"));
      bool has_node = counts[i].kind != JG_KIND_PARENT_JOB && relation->target != JG_KIND_JOB_STATUS;
      assert_int_equal(relation->node_member != JG_NO_INDEX, has_node);
      if (has_node) {
        assert_str(entity->members[relation->node_member].name, relation->name);
        assert_int_equal(entity->members[relation->node_member].target, relation->target);
      }
    }
  }
}

/* Row number of a status code. */
static size_t status_row(struct jg_str code) {
  for (size_t i = 0; i < JG_STATUS_ROW_COUNT; i++) {
    if (jg_str_equal(jg_status_rows[i].code, code)) {
      return i;
    }
  }
  fail_msg("no status %.*s", JG_STR_ARG(code));
  return 0;
}

static void every_status(void **state) {
  (void)state;
  struct table table;
  open_table(&table, "tests/schema/statuses.tsv");
  size_t rows = 0;
  while (next_row(&table)) {
    assert_int_equal(table.cell_count, 6);
    assert_true(rows < JG_STATUS_ROW_COUNT);
    const struct jg_status_row *row = &jg_status_rows[rows++];
    assert_str(row->code, table.cells[0]);
    assert_str(row->name, table.cells[1]);
    assert_str(row->id, table.cells[2]);
    assert_int_equal(row->published, jg_str_starts_with(table.cells[3], JG_STR("published")));
    assert_int_equal(row->accepted_as_code, jg_str_equal(table.cells[4], JG_STR("yes")));
    uint32_t may_become = 0;
    for (struct jg_str rest = table.cells[5]; rest.len > 0;) {
      may_become |= UINT32_C(1) << status_row(jg_str_cut(rest, ' ', &rest));
    }
    assert_int_equal(row->may_become, may_become);
  }
  assert_int_equal(rows, JG_STATUS_ROW_COUNT);
  close_table(&table);
}

/* ParentJob is Job without _parent_job and without embedded entities; the record keeps columns of Job alone. */
static void parent_job_is_like_job(void **state) {
  (void)state;
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const struct jg_entity *parent = jg_entity(JG_KIND_PARENT_JOB);
  assert_str(parent->name, job->name);
  assert_int_equal(parent->entity_set.len, 0);
  size_t next = 0;
  for (size_t i = 0; i < job->member_count; i++) {
    const struct jg_member *in_job = &job->members[i];
    if (in_job->type == JG_TYPE_ENTITY) {
      assert_null(jg_entity_member_by_number(parent, in_job->number));
      continue;
    }
    assert_true(next < parent->member_count);
    const struct jg_member *in_parent = &parent->members[next++];
    assert_int_equal(in_parent->number, in_job->number);
    assert_str(in_parent->name, in_job->name);
    assert_str(in_parent->proto_name, in_job->proto_name);
    assert_str(in_parent->doc, in_job->doc);
    assert_str(in_parent->group, in_job->group);
    assert_int_equal(in_parent->type, in_job->type);
    assert_int_equal(in_parent->max_utf16, in_job->max_utf16);
    assert_int_equal(in_parent->flags, in_job->flags & ~JG_MEMBER_COLUMN);
    assert_int_equal(in_parent->relation, in_job->relation);
  }
  assert_int_equal(next, parent->member_count);
  assert_int_equal(parent->relation_count, job->relation_count);
  for (size_t i = 0; i < job->relation_count; i++) {
    assert_str(parent->relations[i].name, job->relations[i].name);
    assert_int_equal(parent->relations[i].target, job->relations[i].target);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_member_in_order), cmocka_unit_test(every_row_of_the_help_page),
      cmocka_unit_test(every_limit),           cmocka_unit_test(every_relation),
      cmocka_unit_test(every_status),          cmocka_unit_test(parent_job_is_like_job),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
