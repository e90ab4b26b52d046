/*
 * I/O threads, as objects: a thread of the host that waits for work. Nothing is handed to one yet (devices run in the
 * main loop); what management layers ask of it, its id and its thread's number, is there.
 */
#include "system/iothread.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "qom/property.h"
#include "system/options.h"
#include "util/error.h"

static void *run(void *opaque)
{
    IOThread *t = opaque;
    g_autofree char *name = g_strdup_printf("IO %.12s", t->name);

    if (options_current() && options_current()->debug_threads) {
        prctl(PR_SET_NAME, name);
    }
    pthread_mutex_lock(&t->lock);
    t->thread_id = gettid();
    pthread_cond_broadcast(&t->changed);
    while (!t->stopping) {
        pthread_cond_wait(&t->changed, &t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void iothread_init(Object *obj)
{
    IOThread *t = IOTHREAD(obj);

    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
}

static void iothread_finalize(Object *obj)
{
    IOThread *t = IOTHREAD(obj);

    if (t->started) {
        pthread_mutex_lock(&t->lock);
        t->stopping = true;
        pthread_cond_broadcast(&t->changed);
        pthread_mutex_unlock(&t->lock);
        pthread_join(t->thread, NULL);
    }
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    g_free(t->name);
}

static bool iothread_complete(Object *obj, GError **error)
{
    IOThread *t = IOTHREAD(obj);
    int rc;

    if (t->thread_pool_min > t->thread_pool_max) {
        return error_setf(error, "bad thread-pool-min/thread-pool-max values");
    }
    t->name = g_strdup(object_name(obj));
    rc = pthread_create(&t->thread, NULL, run, t);
    if (rc != 0) {
        return error_set_errno(error, rc, "Failed to create thread");
    }
    t->started = true;
    pthread_mutex_lock(&t->lock);
    while (!t->thread_id) {
        pthread_cond_wait(&t->changed, &t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return true;
}

static bool at_least_0(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    return (int64_t)value >= 0 || error_setf(error, "%s value must be in range [0, %" G_GINT64_FORMAT "]", prop->name, G_MAXINT64);
}

static const Property iothread_props[] = {
    DEFINE_PROP_INT64("poll-max-ns", IOThread, poll_max_ns, 32768, .type = "int", .check = at_least_0, .runtime = true),
    DEFINE_PROP_INT64("poll-grow", IOThread, poll_grow, 0, .type = "int", .check = at_least_0, .runtime = true),
    DEFINE_PROP_INT64("poll-shrink", IOThread, poll_shrink, 0, .type = "int", .check = at_least_0, .runtime = true),
    DEFINE_PROP_INT64("aio-max-batch", IOThread, aio_max_batch, 0, .type = "int", .check = at_least_0, .runtime = true),
    DEFINE_PROP_INT64("thread-pool-min", IOThread, thread_pool_min, 0, .type = "int", .check = at_least_0, .runtime = true),
    DEFINE_PROP_INT64("thread-pool-max", IOThread, thread_pool_max, 64, .type = "int", .check = at_least_0, .runtime = true),
};

static void iothread_class_init(ObjectClass *klass, const void *data)
{
    UserCreatableClass *uc = object_class_dynamic_cast(klass, TYPE_USER_CREATABLE);

    uc->complete = iothread_complete;
    object_class_add_props(klass, iothread_props, G_N_ELEMENTS(iothread_props));
}

static const TypeInfo iothread_type = {
    .name = TYPE_IOTHREAD, .parent = TYPE_OBJECT, .size = sizeof(IOThread), .class_init = iothread_class_init,
    .init = iothread_init, .finalize = iothread_finalize, .interfaces = (const char *const[]){ TYPE_USER_CREATABLE, NULL },
};
TYPE_REGISTER(iothread_type)
