#include "cache/redis/reason.h"

#include "base/compiler.h"

static const struct {
  const char *name;
  const char *meaning;
} reasons[] = {
#define ROW(id, name, meaning) [JG_REDIS_##id] = {name, meaning},
    JG_REDIS_REASON_TABLE(ROW)
#undef ROW
};
_Static_assert(sizeof(reasons) / sizeof(reasons[0]) == JG_REDIS_REASON_COUNT, "one row a reason");

const char *jg_redis_reason_name(enum jg_redis_reason reason) {
  JG_ASSERT((unsigned)reason < JG_REDIS_REASON_COUNT);
  return reasons[reason].name;
}

const char *jg_redis_reason_meaning(enum jg_redis_reason reason) {
  JG_ASSERT((unsigned)reason < JG_REDIS_REASON_COUNT);
  return reasons[reason].meaning;
}

enum jg_redis_reason jg_redis_reason_of_reply(struct jg_str error) {
  static const struct {
    struct jg_str word;
    enum jg_redis_reason reason;
  } words[] = {
      {JG_STR("OOM"), JG_REDIS_OOM},
      {JG_STR("READONLY"), JG_REDIS_READ_ONLY},
      {JG_STR("LOADING"), JG_REDIS_LOADING},
      {JG_STR("NOAUTH"), JG_REDIS_AUTH},
      {JG_STR("WRONGPASS"), JG_REDIS_AUTH},
      {JG_STR("NOPERM"), JG_REDIS_NO_PERMISSION},
      {JG_STR("MISCONF"), JG_REDIS_MISCONF},
      {JG_STR("NOREPLICAS"), JG_REDIS_MISCONF},
      {JG_STR("MASTERDOWN"), JG_REDIS_NOT_MASTER},
  };
  struct jg_str rest;
  struct jg_str word = jg_str_cut(error, ' ', &rest);
  for (size_t i = 0; i < JG_COUNT(words); i++) {
    if (jg_str_equal(word, words[i].word)) {
      return words[i].reason;
    }
  }
  return JG_REDIS_REFUSED;
}
