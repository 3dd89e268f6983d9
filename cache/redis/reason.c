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
  // What Redis 2.6 to 7 says. Behind ERR a whole sentence must be known: at any step of a greeting it may be about anything.
  static const struct {
    struct jg_str begin;
    enum jg_redis_reason reason;
  } texts[] = {
      {JG_STR("OOM"), JG_REDIS_OOM},
      {JG_STR("READONLY"), JG_REDIS_READ_ONLY},
      {JG_STR("LOADING"), JG_REDIS_LOADING},
      {JG_STR("NOAUTH"), JG_REDIS_AUTH},
      {JG_STR("WRONGPASS"), JG_REDIS_AUTH},
      {JG_STR("ERR invalid password"), JG_REDIS_AUTH},
      {JG_STR("ERR AUTH"), JG_REDIS_AUTH},
      {JG_STR("ERR Client sent AUTH,"), JG_REDIS_AUTH},
      {JG_STR("ERR wrong number of arguments for 'auth'"), JG_REDIS_AUTH},
      {JG_STR("ERR DB index is out of range"), JG_REDIS_DATABASE},
      {JG_STR("ERR invalid DB index"), JG_REDIS_DATABASE},
      {JG_STR("ERR max number of clients"), JG_REDIS_MAX_CLIENTS},
      {JG_STR("NOPERM"), JG_REDIS_NO_PERMISSION},
      {JG_STR("MISCONF"), JG_REDIS_MISCONF},
      {JG_STR("NOREPLICAS"), JG_REDIS_NO_REPLICAS},
      {JG_STR("MASTERDOWN"), JG_REDIS_NOT_MASTER},
      {JG_STR("BUSY"), JG_REDIS_BUSY},
      {JG_STR("DENIED"), JG_REDIS_PROTECTED},
      {JG_STR("MOVED"), JG_REDIS_CLUSTER},
      {JG_STR("CROSSSLOT"), JG_REDIS_CLUSTER},
      {JG_STR("CLUSTERDOWN"), JG_REDIS_CLUSTER},
      {JG_STR("ERR SELECT is not allowed in cluster mode"), JG_REDIS_CLUSTER},
  };
  for (size_t i = 0; i < JG_COUNT(texts); i++) {
    size_t len = texts[i].begin.len;
    if (jg_str_starts_with(error, texts[i].begin) && (error.len == len || error.data[len] == ' ')) {
      return texts[i].reason;
    }
  }
  return JG_REDIS_REFUSED;
}
