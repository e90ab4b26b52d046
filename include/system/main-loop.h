/*
 * The main loop and the big lock. Devices, monitors and I/O completion run in the main loop, which is glib's default
 * context; it holds the big lock except while it polls. Another thread takes the lock before it touches a device.
 */
#ifndef SYSTEM_MAIN_LOOP_H
#define SYSTEM_MAIN_LOOP_H

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void main_loop_init(void);
/* Runs until main_loop_quit(); returns its status. */
int main_loop_run(void);
/* From anywhere, also a signal handler's thread. */
void main_loop_quit(int status);
bool main_loop_quitting(void);
/*
 * One round: dispatches what is ready, or waits for it if block. For tests and for waiting on I/O while stopped.
 * Carries out no request for reset or shutdown. Returns whether there was something.
 */
bool main_loop_step(bool block);
/* The caller is the main loop's thread, not a CPU's. */
bool main_loop_is_current(void);
/* Makes a main loop that waits look again; nothing if it is the caller. */
void main_loop_notify(void);
/* From now on SIGINT, SIGTERM and SIGHUP call fn in the main loop: fn(signal, process that sent it). */
void main_loop_catch_signals(void (*fn)(int signo, int pid));

void big_lock(void);
void big_unlock(void);
bool big_lock_held(void);
/* Waits without the lock, which the caller holds and has again afterwards. */
void big_wait(pthread_cond_t *cond);
/* The same for no longer than ns. */
void big_wait_for(pthread_cond_t *cond, int64_t ns);

/* Work for the main loop. A Deferred runs once per schedule, in order; scheduling twice before it ran is once. */
typedef struct Deferred Deferred;
Deferred *deferred_new(void (*fn)(void *opaque), void *opaque);
void deferred_schedule(Deferred *deferred); /* from any thread */
void deferred_cancel(Deferred *deferred);
void deferred_free(Deferred *deferred);
/* A Deferred that frees itself. */
void defer_once(void (*fn)(void *opaque), void *opaque);

#endif
