/* The thread pool: for what io_uring does not do, and for hosts without it. Threads come as needed and go when idle. */
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "block/block-int.h"
#include "util/error.h"

#define IDLE_SECONDS 10

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, gone;
    BlockRequest *todo, **todo_last;
    BlockRequest *done;         /* newest first */
    BlockRequest *ended;        /* the main loop's: taken from done, oldest first */
    unsigned threads, idle, queued;
    bool stopping;
    int fd;                     /* readable while done is not empty */
} pool = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .gone = PTHREAD_COND_INITIALIZER, .fd = -1,
};

/* Waits for work, with the lock held. False: there was none for long, or the pool closes. */
static bool wait_for_work(void)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += IDLE_SECONDS;
    pool.idle++;
    while (!pool.todo && !pool.stopping) {
        if (pthread_cond_timedwait(&pool.wake, &pool.lock, &limit) == ETIMEDOUT) {
            break;
        }
    }
    pool.idle--;
    return pool.todo != NULL;
}

static void *worker(void *arg)
{
    pthread_mutex_lock(&pool.lock);
    while (pool.todo || wait_for_work()) {
        BlockRequest *req = pool.todo;
        pool.todo = req->next;
        pool.queued--;
        pthread_mutex_unlock(&pool.lock);
        req->ret = req->work(req);
        pthread_mutex_lock(&pool.lock);
        bool first = !pool.done;
        req->next = pool.done;
        pool.done = req;
        if (first) {
            eventfd_write(pool.fd, 1);
        }
    }
    pool.threads--;
    pthread_cond_signal(&pool.gone);
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static bool spawn(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    bool ok = pthread_create(&thread, &attr, worker, NULL) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

int block_threads_fd(void)
{
    return pool.fd;
}

bool block_threads_init(GError **error)
{
    if (pool.fd < 0) {
        pool.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    return pool.fd >= 0 || error_set_errno(error, errno, "Could not make an event descriptor");
}

void block_threads_start(BlockRequest *req)
{
    pthread_mutex_lock(&pool.lock);
    req->next = NULL;
    if (!pool.todo) {
        pool.todo_last = &pool.todo;
    }
    *pool.todo_last = req;
    pool.todo_last = &req->next;
    pool.queued++;
    if (pool.queued > pool.idle && pool.threads < BLOCK_THREADS_MAX) {
        pool.threads++;
        if (!spawn()) {
            pool.threads--;
        }
    }
    bool nobody = pool.threads == 0;
    if (nobody) {
        pool.todo = NULL; /* it was the only one: there was nobody to leave others to */
        pool.queued = 0;
    }
    pthread_cond_signal(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    if (nobody) {
        /* The host gives us no thread at all: slow is better than never. */
        req->ret = req->work(req);
        pthread_mutex_lock(&pool.lock);
        req->next = pool.done;
        pool.done = req;
        eventfd_write(pool.fd, 1);
        pthread_mutex_unlock(&pool.lock);
    }
}

/* Moves what the threads have done to the main loop's list. */
static void collect(void)
{
    eventfd_t count;
    pthread_mutex_lock(&pool.lock);
    BlockRequest *list = pool.done;
    pool.done = NULL;
    if (list) {
        eventfd_read(pool.fd, &count);
    }
    pthread_mutex_unlock(&pool.lock);
    while (list) {
        BlockRequest *next = list->next;
        list->next = pool.ended;
        pool.ended = list;
        list = next;
    }
}

bool block_threads_poll(void)
{
    if (pool.fd < 0) {
        return false;
    }
    if (!pool.ended) {
        collect();
    }
    /* A callback may come here again by a drain: the list is never held elsewhere. */
    bool any = pool.ended != NULL;
    while (pool.ended) {
        BlockRequest *req = pool.ended;
        pool.ended = req->next;
        block_engine_done(req);
    }
    return any;
}

void block_threads_close(void)
{
    if (pool.fd < 0) {
        return;
    }
    pthread_mutex_lock(&pool.lock);
    pool.stopping = true;
    pthread_cond_broadcast(&pool.wake);
    while (pool.threads) {
        pthread_cond_wait(&pool.gone, &pool.lock);
    }
    pool.stopping = false;
    pthread_mutex_unlock(&pool.lock);
    close(pool.fd);
    pool.fd = -1;
}
