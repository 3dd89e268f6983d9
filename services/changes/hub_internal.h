/* The inside of the hub. Only for hub.c (the tail thread), views.c (who watches what), tail.c (one pass over the log), stream.c
 * (one stream's states), read.c (a stream reads the log itself), part.c (a stream in its snapshot), watch.c (how a stream
 * begins), refuse.c (how it does not), fan.c (many streams at once), window.c (what is gathered), way.c (who holds the log up), and
 * for the tests' fixture.
 *
 * Locks, always in this order, none held across the sink, the store or the expander:
 *   hub->mutex     who is there: tails, views, timers, counts
 *   view->mutex    its ring and its list of idle streams
 *   stream->mutex  its state and whether it was cancelled
 * and hub->wake_mutex alone, for the flag that wakes the tail thread.
 * A stream that is not IDLE has exactly one driver, the thread (or the message or read under way) that took it out of IDLE;
 * only the driver touches its other members, sends and ends it. STATES.md argues the protocol. */
#ifndef JG_SERVICES_CHANGES_HUB_INTERNAL_H
#define JG_SERVICES_CHANGES_HUB_INTERNAL_H

#include <pthread.h>

#include "services/changes/hub.h"
#include "services/changes/index.h"
#include "services/changes/penalty.h"
#include "services/changes/ring.h"
#include "services/changes/timers.h"
#include "services/changes/wish.h"

/* One page of the log: a message or two. */
#define JG_HUB_PAGE_COUNT 500u
#define JG_HUB_PAGE_BYTES ((size_t)256 << 10)
/* Memory of a page: one request comes whole, however large, and brings its embedded entities. */
#define JG_HUB_PAGE_ARENA_BYTES ((size_t)256 << 20)
/* The slow poll that makes up for a lost hint (H5), while there are streams. */
#define JG_HUB_POLL_NS INT64_C(100000000)
/* Tails that one poll reads at most. */
#define JG_HUB_POLL_TAILS 64u
/* A window reads so much of the log at most; what is more ends it early. */
#define JG_HUB_WINDOW_COUNT 20000u
#define JG_HUB_WINDOW_BYTES ((size_t)16 << 20)
/* Changes of which a view notes where they are; one that gathers more reads all that is between. */
#define JG_HUB_WAITING_MAX 64u
/* Streams moved under one hold of a view's lock. */
#define JG_HUB_MOVES ((size_t)64)
/* Streams whose messages a fan-out gives away together: two such moves. More would leave the processor's caches in between. */
#define JG_HUB_FAN_MAX (2 * JG_HUB_MOVES)
/* While a fan-out lasts the log is read again after so many streams. */
#define JG_HUB_FAN_PAGE ((size_t)256)

struct jg_hub_stream;

/* Streams that share messages. Made with its first stream; the tail thread frees it when it has none. */
struct jg_hub_view {
  struct jg_hub_view *next; /* constant once linked, but for the tail thread */
  struct jg_hub_tail *tail;
  struct jg_view_key key;
  struct jg_view *shown;    /* owned; the key borrows it */
  size_t streams;           /* hub->mutex */
  struct jg_hub_view *same; /* hub->mutex: the next one in its bucket of tail->table */
  struct jg_hub_view
      *new_next; /* of tail->newcomers; written under hub->mutex by the tail thread or before it is linked */

  /* The tail thread's, or the reader's while a page is out. */
  struct jg_index_item item;        /* its place in tail->index, once it is listed */
  bool touched;                     /* that page has something for it, or could not be sifted for it */
  bool failed;                      /* the latter */
  struct jg_hub_view *touched_next; /* of the page */
  struct jg_picks picks;            /* in that page's arena */
  struct jg_batches fresh;          /* and so */
  /* Changes that are gathered (window.c): when they are due, in hub->windows or in tail->due; and where they are, so that what lies
   * between is not read: the first JG_HUB_WAITING_MAX of them, allocated with the first. */
  struct jg_timer window;
  bool due;
  /* Tail thread: its place in hub->fan, and how many of its idle streams are to be moved on. */
  bool in_fan;
  size_t fan_left;
  struct jg_hub_view *fan_next;
  int64_t *waiting;
  size_t waiting_count;

  pthread_mutex_t mutex; /* guards what follows */
  bool listed;           /* pages are sifted for it: what the tail has read and did not bring shows it nothing */
  bool held;             /* but for what is gathered */
  int64_t gathered;      /* end of the last message that gathers */
  struct jg_ring ring;   /* its `through` may lag: jg_hub_catch_up */
  struct jg_hub_stream *idle_first, *idle_last;
  size_t idle_count;
  bool parked; /* an idle stream could not read the log: the poll tries it again */
};

/* A tenant's log. */
struct jg_hub_tail {
  struct jg_hub_tail *next; /* as a view's */
  int64_t tenant;
  struct jg_uuid epoch;
  /* hub->mutex: all its views, the same by hash, and those that no page is sifted for yet. */
  struct jg_hub_view *views, *newcomers;
  struct jg_hub_view **table;
  size_t table_size, view_count;
  /* The rings of listed views know everything up to here. The tail thread alone moves it, under hub->mutex, after it has given
   * the views what they show up to there: release and acquire, for jg_hub_catch_up. */
  _Atomic int64_t through;
  _Atomic bool parked;      /* one of its views is; relaxed, the poll comes again */
  struct jg_index *index;   /* tail thread, or the reader while a page is out: the listed views */
  struct jg_hub_page *page; /* tail thread: the read that is out, or NULL */
  struct jg_timers due;     /* tail thread: views whose changes are gathered long enough */
  bool window_last;         /* tail thread: the last read was for one of these; they take turns with pages */
  bool again;               /* tail thread: there may be more than that page brings */
};

/* One read of the log, and what came of it. It runs on a reader; the tail thread goes on meanwhile, so that bookmarks and
 * drains do not wait for it. While it is out, its tail's views stay (reap), and what a page brings them is the reader's. */
struct jg_hub_page {
  struct jg_store_read read;
  struct jg_hub *hub;
  struct jg_hub_tail *tail;
  struct jg_hub_view *touched; /* the views that it matters to */
  bool state_only;             /* read where the log ends, not its changes */
  struct jg_hub_view *window;  /* read what was gathered for this view, behind `after` up to `limit`; else NULL */
  int64_t after, limit;
  struct jg_changes changes; /* in the arena, until it is published */
  struct jg_sift sift;       /* while it is read */
  struct jg_arena arena;
  struct jg_status status;
  int64_t through;
  int64_t commit_ticks; /* of its last change */
  bool done;            /* hub->wake_mutex */
};

/* What to do with a stream once the locks are released. */
enum jg_hub_move_kind {
  JG_HUB_STAY,
  JG_HUB_SEND,
  JG_HUB_TELL_OPENED,
  JG_HUB_BOOKMARK,
  JG_HUB_DRAIN,
  JG_HUB_TELL_RESET,
  JG_HUB_TELL_SYNCED,
  JG_HUB_READ,
  JG_HUB_END
};
struct jg_hub_move {
  enum jg_hub_move_kind kind;
  struct jg_hub_stream *stream;
  struct jg_bytes *bytes;  /* SEND: one reference */
  uint32_t change_count;   /* SEND */
  struct jg_status status; /* END: lives in the call's arena or is static */
};

/* The fan-out: views whose idle streams have somewhere to go. */
struct jg_hub_fan {
  struct jg_hub_view *first, *last;
  size_t moved; /* streams since something was added */
  bool waits;   /* a tail would read the log, but for JG_HUB_FAN_PAGE */
  /* Streams that are taken out of IDLE and not moved yet. */
  size_t count;
  struct jg_hub_move moves[JG_HUB_FAN_MAX];
  struct jg_send sends[JG_HUB_FAN_MAX]; /* of the messages among them */
};

struct jg_hub_metrics {
  struct jg_metric *streams, *reading, *messages, *changes, *bookmarks, *pages, *read_pages, *parts, *waiting, *refused,
      *out_bytes, *slow, *drained, *ring_bytes, *failures;
  struct jg_histogram *lag;
};

struct jg_hub {
  struct jg_hub_options options;
  struct jg_hub_metrics metrics;
  pthread_t thread;

  pthread_mutex_t mutex; /* guards what follows */
  struct jg_hub_tail *tails;
  size_t stream_count;
  pthread_cond_t deserted; /* it became 0 */
  struct jg_timers timers;
  /* Streams whose refusal is held back, and why. */
  struct jg_timers refused;
  struct jg_penalties *penalties;
  bool stopping;
  bool emptied; /* a view lost its last stream */
  /* Streams that wait for their turn to read a part of a snapshot, longest first, and the turns that are taken. */
  struct jg_hub_stream *waiting_first, *waiting_last;
  size_t turns_taken;

  /* Atomic for whoever holds no lock or a view's. Set under the mutex, before the tail thread goes over the views; so a stream
   * either sees it or is idle, in its view's list, when the tail thread comes. */
  _Atomic bool draining;
  /* Bit tenant % 64: its log grew. The tail thread takes them all at once; a hint wakes it only for the first. */
  _Atomic uint64_t hinted;
  _Atomic uint64_t jitter;
  /* Bytes of out_bytes and `page` of all streams. Relaxed: a bound, not a count that anything else rests on. */
  _Atomic size_t out_bytes;

  pthread_mutex_t wake_mutex;
  pthread_cond_t wake; /* on the monotonic clock */
  bool woken;          /* wake_mutex */

  /* Tail thread. */
  struct jg_hub_fan fan;
  struct jg_ring_budget budget;
  struct jg_timers windows; /* views that gather changes */
  int64_t polled_ns;
  size_t poll_round;
  bool failing; /* the log could not be read: said once */
};

enum jg_hub_state {
  JG_HUB_OPENING, /* its first read is under way */
  JG_HUB_REFUSED, /* the time of its refusal has not come; nobody drives it */
  JG_HUB_IDLE,    /* in its view's list; nobody drives it */
  JG_HUB_SENDING, /* its driver is giving a message to the sink */
  JG_HUB_OUT,     /* the message is out: on_sent drives it on, or whoever ends it for taking too long */
  JG_HUB_SENT,    /* the message was taken; the later of the driver that gave it and on_sent goes on */
  JG_HUB_READING, /* a page of the log is being read for it (H3) */
  JG_HUB_ENDING   /* its driver ends it */
};

/* How far a stream is. */
enum jg_hub_phase {
  JG_HUB_LIVE,     /* it follows the log */
  JG_HUB_RESET,    /* it is to be told that its history is lost; then SNAPSHOT */
  JG_HUB_SNAPSHOT, /* the jobs come, part by part */
  JG_HUB_SYNC      /* all have come, and it is to be told so; then LIVE */
};

#define JG_HUB_NOT_LATE INT64_MIN
#define JG_HUB_STREAM_MAGIC 0x4a474853u /* "JGHS" */

/* Lives in its call's arena. */
struct jg_hub_stream {
  uint32_t magic;
  struct jg_hub *hub;
  struct jg_call *call;
  struct jg_uuid id;
  struct jg_wish wish;      /* constant */
  struct jg_hub_view *view; /* NULL until it is attached, then constant */

  pthread_mutex_t mutex;
  enum jg_hub_state state; /* mutex; into and out of IDLE under view->mutex too, except by a cancellation */
  bool cancelled;          /* mutex */

  struct jg_hub_stream *idle_before, *idle_after; /* view->mutex */
  bool linked;                                    /* view->mutex */
  struct jg_timer timer;                          /* hub->mutex; in `refused` while it has no view, else in `timers` */
  /* hub->mutex; `waiting` is written under the mutexes of view and stream too, so that either is enough to read it. */
  struct jg_hub_stream *waiting_before, *waiting_after;
  bool waiting;

  /* The driver's; while IDLE guarded by view->mutex. */
  enum jg_hub_phase phase;
  /* Where changes are gathered: the cursor is no place inside a message of the view's ring, so that it may take these. */
  bool aligned;
  int64_t cursor;   /* H1: everything up to here was sent; in a snapshot, of the jobs up to passed_rid */
  int64_t resume;   /* the newest end of a request up to there: where a token may stand */
  int64_t sent_ns;  /* when the last message left */
  int64_t taken_ns; /* when the client took it */
  int64_t ends_ns;  /* when it is drained for its age; INT64_MAX: never */
  size_t out_bytes; /* of the message that is out, if it is this stream's alone; and see `page` */
  bool sent_ok;     /* SENT */
  bool drained;     /* the drain message is out: the end comes next */
  int64_t retry_delay_ms;
  int64_t passed_rid;               /* SNAPSHOT */
  struct jg_bytes *page;            /* SNAPSHOT: read together with changes that go before it; it is the next message */
  int64_t page_rid;                 /* passed_rid when it is sent */
  bool page_last;                   /* then all have come */
  int64_t lost_oldest, lost_newest; /* RESET: what is left of the log */
  int64_t message_count;
  struct jg_store_read read;
  struct jg_status refusal; /* REFUSED */

  /* Under view->mutex and mutex. */
  int64_t late_ns; /* since when it is behind what the log is to keep, or JG_HUB_NOT_LATE */
  bool overdue;    /* for too long: its driver ends it */
};

static inline void jg_hub_lock(pthread_mutex_t *mutex) {
  JG_ASSERT(pthread_mutex_lock(mutex) == 0);
}
static inline void jg_hub_unlock(pthread_mutex_t *mutex) {
  JG_ASSERT(pthread_mutex_unlock(mutex) == 0);
}

/* ---- hub.c ---- */

/* Makes the tail thread look around. Never waits for anything but a flag's lock. */
void jg_hub_wake(struct jg_hub *hub);
/* Counts a stream in. UNAVAILABLE/DRAINING, RESOURCE_EXHAUSTED/OVERLOADED. */
JG_MUST_CHECK struct jg_status jg_hub_admit(struct jg_hub *hub, struct jg_arena *arena);
/* Undoes admit, after the call has ended. */
void jg_hub_dismiss(struct jg_hub *hub);
/* 0 <= number < below. */
int64_t jg_hub_random(struct jg_hub *hub, int64_t below);
/* Spreads reconnections over a time that grows with the streams there are. */
int64_t jg_hub_retry_delay_ms(struct jg_hub *hub);

/* ---- views.c ---- */

/* Gives an admitted stream its view, making it if it is the first, and starts its timer. newest: the log's end in the
 * snapshot that the key was read in. */
void jg_hub_attach(struct jg_hub *hub, struct jg_hub_stream *stream, const struct jg_view_key *key, int64_t newest);
/* Undoes attach, if it was, before the call ends. */
void jg_hub_detach(struct jg_hub *hub, struct jg_hub_stream *stream);
/* Takes new views into what the next page is sifted for. On the tail thread, while no page is out. */
void jg_hub_list_views(struct jg_hub *hub, struct jg_hub_tail *tail);
/* Moves the ring of a listed view over what the tail has read and that shows it nothing: pages cost the views that they show
 * something, not all. Under view->mutex. */
void jg_hub_catch_up(struct jg_hub_view *view);
/* On the tail thread, or after its end: frees views and tails that nobody uses. */
void jg_hub_reap(struct jg_hub *hub);

/* ---- tail.c: on the tail thread ---- */

/* Takes the page of a tenant's log that has come, moves it and its streams on, and has the next one read if the last one was
 * not empty or it is wanted. */
void jg_hub_pass(struct jg_hub *hub, struct jg_hub_tail *tail, bool wanted);
/* Drops the page that has come; false if one is still out. */
bool jg_hub_abandon(struct jg_hub *hub, struct jg_hub_tail *tail);
/* Sends the bookmarks that are due, drains the old and ends those who take no message. */
void jg_hub_beat(struct jg_hub *hub);
/* Ends those who have taken no message for a while, if too much is out. */
void jg_hub_relieve(struct jg_hub *hub);

/* Begins the view anew behind `through`: its streams read what is missing themselves (H3). */
void jg_hub_restart(struct jg_hub *hub, struct jg_hub_view *view, int64_t through);
/* Puts what a page brought into the view's ring. */
void jg_hub_append_fresh(struct jg_hub *hub, struct jg_hub_view *view);

/* Does the view gather the changes of a job? */
static inline bool jg_hub_gathers(const struct jg_hub_view *view) {
  return view->key.view->coalesce_ns > 0;
}

/* ---- fan.c: on the tail thread ---- */

/* All idle streams of the view that have somewhere to go are to be moved, by jg_hub_fan_out. */
void jg_hub_fan_add(struct jg_hub *hub, struct jg_hub_view *view);
/* Moves JG_HUB_FAN_MAX of them. The views take turns. */
void jg_hub_fan_out(struct jg_hub *hub);
/* Some are left. */
static inline bool jg_hub_fan_lasts(const struct jg_hub *hub) {
  return hub->fan.first != NULL;
}

/* ---- window.c: on the tail thread, but for the read ---- */

/* What a page has for a view that gathers is left in the log until its time has come. */
void jg_hub_gather(struct jg_hub_page *page, struct jg_hub_view *view, int64_t now_ns);
/* What was gathered is forgotten. */
void jg_hub_forget_window(struct jg_hub *hub, struct jg_hub_view *view);
/* Hands windows whose time has come to their tails. */
void jg_hub_collect_windows(struct jg_hub *hub);
/* The one that comes next; it is no longer due. NULL: none. */
struct jg_hub_view *jg_hub_next_window(struct jg_hub_tail *tail);
/* Prepares a page that reads it. */
void jg_hub_begin_window(struct jg_hub_page *page, struct jg_hub_view *view);
/* On a reader. */
JG_MUST_CHECK struct jg_status jg_hub_read_window(struct jg_txn *txn, struct jg_hub_page *page);
/* Gives the view what was read, or lets its streams find out what cannot be. */
void jg_hub_take_window(struct jg_hub_page *page);

/* ---- stream.c ---- */

/* Decides what a stream does next, and takes its state there. Under the locks of view and stream, by the driver or out of
 * IDLE; the stream is in no list. What has to be done is then done by jg_hub_make without locks. */
void jg_hub_step(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move);
/* Same locks; the idle stream gets a bookmark. */
void jg_hub_step_bookmark(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move);
/* Parts of it, for what a read found; same locks. The batch's reference goes into the move. */
void jg_hub_step_send(struct jg_hub_stream *stream, const struct jg_batch *batch, int64_t now_ns,
                      struct jg_hub_move *ret_move);
void jg_hub_step_end(struct jg_hub_stream *stream, struct jg_status status, struct jg_hub_move *ret_move);
/* It takes too long: its end tells where it stands. By the driver, or who takes it out of IDLE or OUT. */
void jg_hub_step_slow(struct jg_hub_stream *stream, struct jg_hub_move *ret_move);
/* At the tip of what is known, what shows nothing to this view counts as sent. */
void jg_hub_settle(struct jg_hub_stream *stream);
/* When a timer is to look at it next. */
int64_t jg_hub_due_ns(const struct jg_hub_stream *stream, int64_t now_ns);
/* Counts bytes that are this stream's alone, in and out. */
void jg_hub_hold(struct jg_hub *hub, size_t bytes);
void jg_hub_let_go(struct jg_hub *hub, size_t bytes);
/* No more may be read for single streams. */
bool jg_hub_is_full(struct jg_hub *hub);
void jg_hub_go_idle(struct jg_hub_stream *stream);
/* It has to read, unless a bookmark is due: one that reads on and on with nothing to send gets them too. */
void jg_hub_step_read(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move);
/* It cannot read now: the poll comes back to it. */
void jg_hub_park(struct jg_hub_stream *stream);
/* The same without locks; a cancelled one is ended. */
void jg_hub_put_off(struct jg_hub_stream *stream);
/* It is cancelled, or the hub drains: what was read for it goes nowhere. */
bool jg_hub_is_over(struct jg_hub_stream *stream);
/* Where the stream stands: what it needs to go on. The driver's. */
struct jg_token jg_hub_place(const struct jg_hub_stream *stream);
/* The stream may be gone when this returns. Without locks. */
void jg_hub_make(const struct jg_hub_move *move);
/* The message of a move that sends one: one reference. */
struct jg_bytes *jg_hub_message_of(const struct jg_hub_move *move);
/* By the driver, once it has given a message to the sink, under the locks of view and stream. True: on_sent has come for it, and
 * *ret_move is what comes next. False: whoever drives it on may have ended it when the locks are released. */
bool jg_hub_step_given(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move);
/* Ends it: detaches, finishes the call. By the driver, state ENDING. */
void jg_hub_end(struct jg_hub_stream *stream, struct jg_status status);
/* Takes an idle stream out of its view's list. Under view->mutex. */
void jg_hub_unlink(struct jg_hub_view *view, struct jg_hub_stream *stream);

/* ---- read.c: H3 ---- */

/* Has a page of the log read for the stream, or parks it. By the driver, state READING, without locks. */
void jg_hub_read(struct jg_hub_stream *stream);
/* A status that outlives a read, without taking memory from a call that may park for hours. */
struct jg_status jg_hub_keep(struct jg_hub_stream *stream, struct jg_status status);
/* HISTORY_LOST as it is told: with what is left of the log. Or the status that asking gave. */
struct jg_status jg_hub_history_lost(struct jg_hub_stream *stream, struct jg_txn *txn);

/* ---- part.c: a stream in its snapshot ---- */

/* The part of jg_hub_step that is for such a stream; was_idle: nobody drove it. */
void jg_hub_step_part(struct jg_hub_stream *stream, bool was_idle, int64_t now_ns, struct jg_hub_move *ret_move);
/* If the status tells that history is lost and the client wants no error, the stream begins anew and this is true. By the
 * driver, or under the locks. */
bool jg_hub_begin_anew(struct jg_hub_stream *stream, struct jg_status status);
/* Has a part read when it is its turn. By the driver, state READING, without locks. */
void jg_hub_read_part(struct jg_hub_stream *stream);
/* Gives the free turns to those who wait. Without locks. */
void jg_hub_give_turns(struct jg_hub *hub);
/* It waits for none any more. Under hub->mutex. */
void jg_hub_forget_turn(struct jg_hub *hub, struct jg_hub_stream *stream);

/* ---- watch.c ---- */

/* Makes a zeroed stream of the call, OPENING; the caller has admitted it and drives it. */
void jg_hub_stream_init(struct jg_hub_stream *stream, struct jg_hub *hub, struct jg_call *call);

/* ---- refuse.c ---- */

/* Ends a stream that cannot begin; if it was refused for lost history again and again, after a while. By the driver, OPENING. */
void jg_hub_refuse(struct jg_hub_stream *stream, struct jg_status status);
/* Ends those whose time has come; all when the hub drains. On the tail thread. */
void jg_hub_answer_refused(struct jg_hub *hub);

/* ---- on transport threads ---- */

void jg_hub_on_sent(struct jg_call *call, bool ok);
void jg_hub_on_cancelled(struct jg_call *call);

#endif
