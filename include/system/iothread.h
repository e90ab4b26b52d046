/* I/O threads: objects of type "iothread" under /objects. */
#ifndef SYSTEM_IOTHREAD_H
#define SYSTEM_IOTHREAD_H

#include <pthread.h>

#include "qom/object.h"

#define TYPE_IOTHREAD "iothread"
OBJECT_DECLARE_SIMPLE_TYPE(IOThread, IOTHREAD)

struct IOThread {
    Object parent_obj;
    /* set by the user */
    int64_t poll_max_ns, poll_grow, poll_shrink, aio_max_batch, thread_pool_min, thread_pool_max;
    /* made at completion */
    char *name;
    pthread_t thread;
    int thread_id;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started, stopping;
};

#endif
