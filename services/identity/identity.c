#include "services/identity/identity.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <pthread.h>

#include "services/identity/credential.h"
#include "services/identity/password.h"
#include "services/identity/verdicts.h"

#define SERVICE_MAGIC 0x6a676964u /* "jgid" */
#define THREADS_MAX 16u
#define VERDICTS 4096u
#define SCRATCH_BYTES (64u << 10)
#define NS_PER_MS INT64_C(1000000)

_Static_assert(JG_VERDICT_DIGEST_BYTES == SHA256_DIGEST_SIZE, "digests are HMAC-SHA-256");

/* One credential that is being verified. Thread: a hashing one; waits and next: under the mutex. */
struct jg_identity_check {
  struct jg_queue_node node;
  struct jg_identity_check *next; /* of those in flight */
  struct jg_identity_wait *waits;
  uint8_t digest[JG_VERDICT_DIGEST_BYTES];
  struct jg_credential credential;
};

struct identity_metrics {
  struct jg_metric *missing, *malformed, *wrong, *overloaded;
  struct jg_histogram *verify;
};

struct jg_identity_service {
  uint32_t magic;
  struct jg_store *store;
  const struct jg_clock *clock;
  struct hmac_sha256_ctx keyed; /* constant: copied for each digest */
  char unknown_hash[JG_PASSWORD_HASH_BYTES_MAX];
  struct jg_queue queue; /* struct jg_identity_check */
  pthread_t threads[THREADS_MAX];
  unsigned thread_count;
  struct identity_metrics metrics;
  pthread_mutex_t mutex; /* guards the two below; held for a look-up, never across a callback */
  struct jg_verdicts *verdicts;
  struct jg_identity_check *in_flight;
};

static void *hash_main(void *data);

static void register_metrics(struct jg_metrics *registry, struct identity_metrics *metrics) {
  static const char name[] = "jobgate_identity_refusals_total";
  static const char help[] = "Calls refused for their credential.";
  *metrics = (struct identity_metrics){
      .missing = jg_metrics_counter(registry, name, help, "reason=\"missing\""),
      .malformed = jg_metrics_counter(registry, name, help, "reason=\"malformed\""),
      .wrong = jg_metrics_counter(registry, name, help, "reason=\"wrong\""),
      .overloaded = jg_metrics_counter(registry, "jobgate_identity_overloaded_total",
                                       "Calls refused because too many credentials wait for their hash.", ""),
      .verify = jg_metrics_histogram(registry, "jobgate_identity_verify_seconds",
                                     "Verification of a credential that was not remembered.", ""),
  };
}

struct jg_identity_service *jg_identity_service_create(const struct jg_identity_options *options) {
  JG_ASSERT(options->threads >= 1 && options->threads <= THREADS_MAX);
  struct jg_identity_service *service = jg_alloc_zero(1, sizeof(*service));
  service->magic = SERVICE_MAGIC;
  service->store = options->store;
  service->clock = options->clock;
  uint8_t key[SHA256_DIGEST_SIZE];
  jg_random(key, sizeof(key));
  hmac_sha256_set_key(&service->keyed, sizeof(key), key);
  explicit_bzero(key, sizeof(key));
  jg_password_hash(JG_STR("unknown"), options->cost, service->unknown_hash);
  register_metrics(options->metrics, &service->metrics);
  service->verdicts = jg_verdicts_create(VERDICTS);
  JG_ASSERT(pthread_mutex_init(&service->mutex, NULL) == 0);
  jg_queue_init(&service->queue, JG_IDENTITY_QUEUE_MAX, NULL, NULL);
  service->thread_count = options->threads;
  for (unsigned i = 0; i < service->thread_count; i++) {
    JG_ASSERT(pthread_create(&service->threads[i], NULL, hash_main, service) == 0);
  }
  return service;
}

void jg_identity_service_destroy(struct jg_identity_service *service) {
  if (service == NULL) {
    return;
  }
  JG_ASSERT(service->magic == SERVICE_MAGIC);
  jg_queue_close(&service->queue);
  for (unsigned i = 0; i < service->thread_count; i++) {
    JG_ASSERT(pthread_join(service->threads[i], NULL) == 0);
  }
  JG_ASSERT(service->in_flight == NULL);
  jg_queue_done(&service->queue);
  JG_ASSERT(pthread_mutex_destroy(&service->mutex) == 0);
  jg_verdicts_destroy(service->verdicts);
  explicit_bzero(service, sizeof(*service));
  jg_free(service);
}

/* ---- asking ---- */

static void lock(struct jg_identity_service *service) {
  JG_ASSERT(pthread_mutex_lock(&service->mutex) == 0);
}

static void unlock(struct jg_identity_service *service) {
  JG_ASSERT(pthread_mutex_unlock(&service->mutex) == 0);
}

static struct jg_identity_verdict refused(void) {
  return (struct jg_identity_verdict){
      .status = jg_status_make(JG_UNAUTHENTICATED, JG_REASON_NONE,
                               "the call needs a valid Basic credential of the form user:password@domain")};
}

static void digest_of(const struct jg_identity_service *service, struct jg_str authorization, uint8_t *digest) {
  struct hmac_sha256_ctx hmac = service->keyed;
  hmac_sha256_update(&hmac, authorization.len, (const uint8_t *)authorization.data);
  hmac_sha256_digest(&hmac, JG_VERDICT_DIGEST_BYTES, digest);
}

static struct jg_identity_check *find_check(const struct jg_identity_service *service, const uint8_t *digest) {
  struct jg_identity_check *check = service->in_flight;
  while (check != NULL && memeql_sec(check->digest, digest, JG_VERDICT_DIGEST_BYTES) == 0) {
    check = check->next;
  }
  return check;
}

static void free_check(struct jg_identity_check *check) {
  explicit_bzero(check, sizeof(*check));
  jg_free(check);
}

/* Queues a verification. Under the mutex, so that the next call with this credential finds it. False: *ret_verdict says why not. */
static bool begin_check(struct jg_identity_service *service, struct jg_str authorization, const uint8_t *digest,
                        struct jg_identity_wait *wait, struct jg_identity_verdict *ret_verdict) {
  struct jg_identity_check *check = jg_alloc_zero(1, sizeof(*check));
  if (!jg_credential_parse(authorization, &check->credential)) {
    free_check(check);
    jg_metric_add(service->metrics.malformed, 1);
    *ret_verdict = refused();
    return false;
  }
  memcpy(check->digest, digest, sizeof(check->digest));
  wait->next = NULL;
  check->waits = wait;
  check->next = service->in_flight;
  if (!jg_status_ok(jg_queue_post(&service->queue, &check->node))) {
    free_check(check);
    jg_metric_add(service->metrics.overloaded, 1);
    *ret_verdict = (struct jg_identity_verdict){
        .status = jg_status_make(JG_UNAVAILABLE, JG_REASON_OVERLOADED, "too many credentials wait to be verified")};
    return false;
  }
  service->in_flight = check;
  return true;
}

/* True: answered. Under the mutex. */
static bool ask(struct jg_identity_service *service, struct jg_str authorization, struct jg_identity_wait *wait,
                struct jg_identity_verdict *ret_verdict) {
  uint8_t digest[JG_VERDICT_DIGEST_BYTES];
  digest_of(service, authorization, digest);
  int64_t now_ns = jg_clock_mono_ns(service->clock);
  struct jg_identity_verdict verdict = {.status = JG_STATUS_OK};
  lock(service);
  enum jg_verdict known = jg_verdicts_find(service->verdicts, digest, now_ns, &verdict.tenant, &verdict.until_ns);
  bool answered = known != JG_VERDICT_NONE;
  if (known == JG_VERDICT_REFUSED) {
    verdict = refused();
    jg_metric_add(service->metrics.wrong, 1);
  }
  if (!answered) {
    struct jg_identity_check *check = find_check(service, digest);
    if (check != NULL) {
      wait->next = check->waits;
      check->waits = wait;
    } else {
      answered = !begin_check(service, authorization, digest, wait, &verdict);
    }
  }
  unlock(service);
  if (answered) {
    *ret_verdict = verdict;
  }
  return answered;
}

bool jg_identity_verify(struct jg_identity_service *service, struct jg_str authorization, struct jg_identity_wait *wait,
                        struct jg_identity_verdict *ret_verdict) {
  JG_ASSERT(service->magic == SERVICE_MAGIC);
  JG_ASSERT(wait->done != NULL);
  if (authorization.data == NULL || authorization.len > JG_CREDENTIAL_HEADER_BYTES_MAX) {
    jg_metric_add(authorization.data == NULL ? service->metrics.missing : service->metrics.malformed, 1);
    *ret_verdict = refused();
    return true;
  }
  return ask(service, authorization, wait, ret_verdict);
}

/* ---- answering: on the hashing threads ---- */

struct user_read {
  struct jg_store_read read;
  struct jg_queue done;      /* of one item */
  struct jg_queue_node node; /* in it when the answer is there */
  struct jg_str name;
  struct jg_arena *arena;
  struct jg_user_row row;
  struct jg_status status;
};

static void run_user_read(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct user_read *user = data;
  user->status = jg_status_ok(begun) ? jg_txn_user_get(txn, user->name, user->arena, &user->row) : begun;
  struct jg_status posted = jg_queue_post(&user->done, &user->node);
  JG_ASSERT(jg_status_ok(posted));  // Room for one, and it is empty.
}

/* The stored hash of the credential's user, in the arena. NOT_FOUND: no such domain or user. */
static struct jg_status find_hash(struct jg_identity_service *service, const struct jg_credential *credential,
                                  struct jg_arena *arena, int64_t *ret_tenant, struct jg_str *ret_hash) {
  int64_t tenant = 0;
  JG_RETURN_IF_ERROR(jg_store_tenant(service->store, credential->domain, false, arena, &tenant));
  struct user_read user = {.name = credential->user, .arena = arena};
  user.read = (struct jg_store_read){.tenant = tenant, .run = run_user_read, .data = &user};
  jg_queue_init(&user.done, 1, NULL, NULL);
  struct jg_status status = jg_store_submit_read(service->store, &user.read);
  if (jg_status_ok(status)) {
    (void)jg_queue_take(&user.done, -1);  // It is this read.
    status = user.status;
  }
  jg_queue_done(&user.done);
  JG_RETURN_IF_ERROR(status);
  *ret_tenant = tenant;
  *ret_hash = user.row.password;
  return JG_STATUS_OK;
}

static struct jg_identity_verdict verify(struct jg_identity_service *service, const struct jg_credential *credential) {
  struct jg_arena arena;
  jg_arena_init(&arena, SCRATCH_BYTES);
  int64_t tenant = 0;
  struct jg_str hash = jg_str_from_cstr(service->unknown_hash);
  struct jg_status status = find_hash(service, credential, &arena, &tenant, &hash);
  struct jg_identity_verdict verdict = refused();
  if (jg_status_ok(status) || status.code == JG_NOT_FOUND) {
    // Always a hash (I4); and no password opens the one that stands for unknown users.
    bool same = jg_password_matches(credential->password, hash);
    if (same && jg_status_ok(status)) {
      verdict = (struct jg_identity_verdict){.status = JG_STATUS_OK, .tenant = tenant};
    }
  } else {
    verdict.status =
        jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "the credential cannot be verified now");
  }
  jg_arena_done(&arena);
  return verdict;
}

/* Keeps the verdict, from when the user was read on, and takes the check out of flight. */
static struct jg_identity_wait *settle(struct jg_identity_service *service, struct jg_identity_check *check,
                                       struct jg_identity_verdict verdict, int64_t begun_ns) {
  bool ok = jg_status_ok(verdict.status);
  lock(service);
  if (ok || verdict.status.code == JG_UNAUTHENTICATED) {
    int64_t expires_ns = ok ? verdict.until_ns : begun_ns + JG_IDENTITY_REFUSED_MS * NS_PER_MS;
    jg_verdicts_put(service->verdicts, check->digest, ok ? JG_VERDICT_ACCEPTED : JG_VERDICT_REFUSED, verdict.tenant,
                    jg_clock_mono_ns(service->clock), expires_ns);
  }
  struct jg_identity_check **link = &service->in_flight;
  while (*link != check) {
    link = &(*link)->next;
  }
  *link = check->next;
  struct jg_identity_wait *waits = check->waits;
  unlock(service);
  return waits;
}

static void run_check(struct jg_identity_service *service, struct jg_identity_check *check) {
  int64_t begun_ns = jg_clock_mono_ns(service->clock);
  struct jg_identity_verdict verdict = verify(service, &check->credential);
  verdict.until_ns = begun_ns + JG_IDENTITY_REMEMBERED_MS * NS_PER_MS;
  struct jg_identity_wait *wait = settle(service, check, verdict, begun_ns);
  free_check(check);
  jg_histogram_observe_ns(service->metrics.verify, jg_clock_mono_ns(service->clock) - begun_ns);
  while (wait != NULL) {
    struct jg_identity_wait *next = wait->next;
    jg_metric_add(service->metrics.wrong, verdict.status.code == JG_UNAUTHENTICATED);
    wait->done(wait, verdict);
    wait = next;
  }
}

static void *hash_main(void *data) {
  struct jg_identity_service *service = data;
  for (;;) {
    struct jg_queue_node *node = jg_queue_take(&service->queue, -1);
    if (node == NULL) {
      return NULL;
    }
    run_check(service, (struct jg_identity_check *)node);
  }
}
