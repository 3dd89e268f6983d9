#include <stddef.h>

#include <xxhash.h>

#include "services/changes/hub_internal.h"

#define NS_PER_MS INT64_C(1000000)

/* What the caller repeats if it asks for the same again. */
static uint64_t hash_of(const struct jg_hub_stream *stream) {
  const struct jg_wish *wish = &stream->wish;
  if (wish->start != JG_START_TOKEN) {
    return XXH3_64bits_withSeed(&wish->since_ticks, sizeof(wish->since_ticks), (uint64_t)stream->call->identity.tenant);
  }
  char text[JG_TOKEN_TEXT_MAX];
  size_t len = jg_token_format(&wish->token, text);
  return XXH3_64bits(text, len);
}

/* The same status with what the client is asked to wait. */
static struct jg_status with_delay(struct jg_arena *arena, struct jg_status status, int64_t delay_ms) {
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  if (details != NULL && status.details != NULL) {
    *details = *status.details;
  }
  if (details != NULL) {
    details->retry_delay_ms = delay_ms;
    status.details = details;
  }
  return status;
}

/* Not beyond the middle of what a call has left, so that its caller hears why and not of its deadline. */
static int64_t within_deadline(const struct jg_call *call, int64_t held_ms, int64_t now_ns) {
  int64_t left_ms = call->deadline_ns > now_ns ? (call->deadline_ns - now_ns) / NS_PER_MS : 0;
  return call->deadline_ns != 0 && held_ms > left_ms / 2 ? left_ms / 2 : held_ms;
}

void jg_hub_refuse(struct jg_hub_stream *stream, struct jg_status status) {
  struct jg_hub *hub = stream->hub;
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  int64_t held_ms = 0;
  int64_t next_ms = 0;
  jg_hub_lock(&hub->mutex);
  bool dead = status.reason == JG_REASON_HISTORY_LOST;
  if (dead) {
    held_ms = jg_penalties_add(hub->penalties, hash_of(stream), now, &next_ms);
    held_ms = within_deadline(stream->call, held_ms, now);
    status = with_delay(&stream->call->arena, status, next_ms);
  }
  stream->refusal = status;
  jg_hub_lock(&stream->mutex);
  bool at_once = held_ms == 0 || stream->cancelled;
  stream->state = at_once ? JG_HUB_ENDING : JG_HUB_REFUSED;
  if (stream->cancelled) {
    stream->refusal = jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the client has gone");
  }
  if (!at_once) {
    jg_timers_set(&hub->refused, &stream->timer, now + held_ms * NS_PER_MS);
  }
  jg_hub_unlock(&stream->mutex);
  jg_hub_unlock(&hub->mutex);
  if (dead) {
    jg_metric_add(hub->metrics.refused, 1);
  }
  if (at_once) {
    jg_hub_end(stream, stream->refusal);
  } else {
    jg_hub_wake(hub);
  }
}

void jg_hub_refuse_call(struct jg_call *call, const struct jg_token *token, struct jg_status status) {
  struct jg_hub *hub = call->app->hub;
  // It waits as a stream that never opens, and counts as one meanwhile; where there is no room it does not wait.
  struct jg_hub_stream *stream = hub != NULL ? jg_arena_alloc_zero(&call->arena, sizeof(*stream)) : NULL;
  if (stream == NULL || !jg_status_ok(jg_hub_admit(hub, &call->arena))) {
    jg_call_fail(call, status);
    return;
  }
  jg_hub_stream_init(stream, hub, call);
  stream->wish = (struct jg_wish){.start = JG_START_TOKEN, .token = *token};
  jg_hub_refuse(stream, status);
}

void jg_hub_answer_refused(struct jg_hub *hub) {
  struct jg_hub_stream *due[JG_HUB_MOVES];
  size_t count;
  do {
    count = 0;
    int64_t now = jg_clock_mono_ns(hub->options.clock);
    jg_hub_lock(&hub->mutex);
    bool draining = atomic_load_explicit(&hub->draining, memory_order_relaxed);  // written under this mutex
    while (count < JG_HUB_MOVES) {
      struct jg_timer *first = jg_timers_first(&hub->refused);
      if (first == NULL || (first->due_ns > now && !draining)) {
        break;
      }
      jg_timers_remove(&hub->refused, first);
      // It leaves the heap under this lock before it ends, so it is there.
      struct jg_hub_stream *stream =
          (struct jg_hub_stream *)(void *)((char *)first - offsetof(struct jg_hub_stream, timer));
      jg_hub_lock(&stream->mutex);
      // One that is being cancelled is its canceller's.
      if (stream->state == JG_HUB_REFUSED) {
        stream->state = JG_HUB_ENDING;
        due[count++] = stream;
      }
      jg_hub_unlock(&stream->mutex);
    }
    jg_hub_unlock(&hub->mutex);
    for (size_t i = 0; i < count; i++) {
      jg_hub_end(due[i], due[i]->refusal);
    }
  } while (count == JG_HUB_MOVES);
}
