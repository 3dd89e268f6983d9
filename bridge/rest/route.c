// Paths of the contract (section 2.1): any case for the first segments, keys in parentheses.

#include "bridge/odata/percent.h"
#include "bridge/rest/rest_internal.h"

/* "api", the set, the way, the member and "$value"; deeper than the schema is. */
#define SEGMENTS_MAX (4u + JG_REST_WAY_MAX)

static const char *const route_names[JG_REST_ROUTE_COUNT] = {"none",   "jobs",     "job",      "service", "metadata",
                                                             "help",   "openapi",  "property", "value",   "count",
                                                             "change", "entities", "entity",   "changes"};

/* Paths below /api that the contract knows and nobody has built. */
static const struct {
  const char *first, *second; /* NULL: none */
} not_built[] = {
    {"$batch", NULL},
};

/* Segments behind the first '/', decoded; a '/' at the end adds none. SEGMENTS_MAX + 1: too many; -1: a malformed escape. */
static int split(struct jg_str path, struct jg_arena *arena, struct jg_str segments[SEGMENTS_MAX]) {
  struct jg_str rest = jg_str_sub(path, 1, path.len);
  size_t count = 0;
  while (rest.data != NULL && rest.len != 0) {
    struct jg_str raw = jg_str_cut(rest, '/', &rest);
    struct jg_str segment;
    if (!jg_percent_decode(arena, raw, false, &segment)) {
      return -1;
    }
    if (count == SEGMENTS_MAX) {
      return (int)SEGMENTS_MAX + 1;
    }
    segments[count++] = segment;
  }
  return (int)count;
}

static bool names(struct jg_str segment, const char *name) {
  return name != NULL && jg_str_equal_nocase(segment, jg_str_from_cstr(name));
}

static bool is_not_built(const struct jg_str *segments, size_t count) {
  for (size_t i = 0; i < JG_COUNT(not_built); i++) {
    size_t wanted = (size_t)(not_built[i].first != NULL) + (not_built[i].second != NULL);
    if (count == wanted && (wanted < 1 || names(segments[0], not_built[i].first)) &&
        (wanted < 2 || names(segments[1], not_built[i].second))) {
      return true;
    }
  }
  return false;
}

/* Below an entity: "name" or "name/$value", behind the embedded entities that lead there (OData 4.0 part 2 sections 4.3 and 4.6). */
static enum jg_rest_route route_of_member(const struct jg_str *segments, size_t count,
                                          struct jg_rest_target *ret_target) {
  const struct jg_entity *entity = ret_target->entity;
  struct jg_rest_way *way = &ret_target->way;
  const struct jg_member *member = jg_entity_member(entity, segments[0]);
  way->count = 0;
  while (count > 1 && member != NULL && member->type == JG_TYPE_ENTITY && !names(segments[1], "$value") &&
         way->count < JG_REST_WAY_MAX) {
    way->steps[way->count++] = member;
    entity = jg_entity((enum jg_kind)member->target);
    segments++;
    count--;
    member = jg_entity_member(entity, segments[0]);
  }
  // A parent is a job by $metadata, but comes without what it embeds.
  if (member == NULL && entity->kind == JG_KIND_PARENT_JOB &&
      jg_entity_member(jg_entity(JG_KIND_JOB), segments[0]) != NULL) {
    return JG_REST_NOT_BUILT;
  }
  bool value = count == 2 && names(segments[1], "$value");
  if (member == NULL || (count != 1 && !value)) {
    return JG_REST_NONE;
  }
  if (value && (member->type == JG_TYPE_ENTITY || member->type == JG_TYPE_ENTITY_LIST)) {
    return JG_REST_NOT_BUILT;
  }
  ret_target->property = member;
  return value ? JG_REST_VALUE : JG_REST_PROPERTY;
}

/* What stands in the parentheses: a GUID, or "id=" in front of one (OData 4.0 part 2, 4.3.1). Nothing has the GUID of zeros:
 * it is the `x_id` that is not set, and so a key that is not known (49). */
static bool parse_key(struct jg_str text, struct jg_uuid *ret_key) {
  struct jg_str value;
  struct jg_str name = jg_str_cut(text, '=', &value);
  bool named = value.data != NULL && jg_str_equal(name, JG_STR("id"));
  return jg_uuid_parse(named ? value : text, ret_key) && !jg_uuid_is_zero(*ret_key);
}

/* Behind the API's root: "Jobs", "Jobs(key)" or what is below one; the other sets likewise. */
static enum jg_rest_route route_of_set(const struct jg_str *segments, size_t count, struct jg_rest_target *ret_target) {
  struct jg_str key;
  const struct jg_entity *entity = jg_entity_by_set(jg_str_cut(segments[0], '(', &key));
  if (entity == NULL) {
    return JG_REST_NONE;
  }
  bool jobs = entity->kind == JG_KIND_JOB;
  ret_target->entity = entity;
  if (key.data == NULL && count == 2 && names(segments[1], "$count")) {
    return JG_REST_COUNT;
  }
  if (jobs && key.data == NULL && count == 2 && names(segments[1], "$changes")) {
    return JG_REST_CHANGES;
  }
  if (jobs && key.data == NULL && count == 2 && names(segments[1], "ChangeToVirtualStatus")) {
    return JG_REST_CHANGE;
  }
  if (key.data == NULL) {
    return count == 1 ? (jobs ? JG_REST_JOBS : JG_REST_ENTITIES) : JG_REST_NONE;
  }
  bool closed = key.len != 0 && key.data[key.len - 1] == ')';
  if (!closed || !parse_key(jg_str_sub(key, 0, key.len - 1), &ret_target->key)) {
    return JG_REST_BAD_KEY;
  }
  if (count == 1) {
    return jobs ? JG_REST_JOB : JG_REST_ENTITY;
  }
  return route_of_member(segments + 1, count - 1, ret_target);
}

enum jg_rest_route jg_rest_route_of(struct jg_str path, struct jg_arena *arena, struct jg_rest_target *ret_target) {
  struct jg_str segments[SEGMENTS_MAX];
  ret_target->entity = jg_entity(JG_KIND_JOB);
  if (path.len == 0 || path.data[0] != '/') {
    return JG_REST_NONE;
  }
  int count = split(path, arena, segments);
  if (count < 0) {
    return JG_REST_BAD_PATH;
  }
  if (count == 0 || count > (int)SEGMENTS_MAX) {
    return JG_REST_NONE;
  }
  if (names(segments[0], "Help")) {
    return JG_REST_HELP;
  }
  if (count == 1 && names(segments[0], "openapi.json")) {
    return JG_REST_OPENAPI;
  }
  if (!names(segments[0], "api")) {
    return JG_REST_NONE;
  }
  if (count == 1) {
    return JG_REST_SERVICE;
  }
  if (count == 2 && names(segments[1], "$metadata")) {
    return JG_REST_METADATA;
  }
  if (is_not_built(segments + 1, (size_t)count - 1)) {
    return JG_REST_NOT_BUILT;
  }
  return count >= 2 ? route_of_set(segments + 1, (size_t)count - 1, ret_target) : JG_REST_NONE;
}

bool jg_rest_is_odata(struct jg_str path) {
  struct jg_str first = jg_str_sub(path, 0, 4);
  bool api = jg_str_equal_nocase(first, JG_STR("/api")) && (path.len == 4 || path.data[4] == '/');
  return path.len == 0 || api;
}

const char *jg_rest_route_name(enum jg_rest_route route) {
  return (size_t)route < JG_REST_ROUTE_COUNT ? route_names[route] : route_names[JG_REST_NONE];
}
