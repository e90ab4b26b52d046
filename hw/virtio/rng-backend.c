/* Back ends of the entropy device: the kernel's getrandom(), and a file such as /dev/urandom or /dev/hwrng. */
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/virtio/virtio-rng.h"
#include "qom/property.h"
#include "util/error.h"

#define TYPE_RNG_RANDOM "rng-random"
OBJECT_DECLARE_SIMPLE_TYPE(RngRandom, RNG_RANDOM)

struct RngRandom {
    RngBackend parent_obj;
    /* set by the user */
    char *filename;
    int fd;                     /* -1: not open */
    bool ended;                 /* there will be no more */
};

static size_t builtin_fill(RngBackend *rng, void *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = getrandom((char *)buf + done, len - done, 0);

        if (n < 0 && errno != EINTR) {
            break;
        }
        done += MAX(n, 0);
    }
    return done;
}

static size_t random_fill(RngBackend *rng, void *buf, size_t len)
{
    RngRandom *r = RNG_RANDOM(rng);
    size_t done = 0;

    while (done < len && !r->ended) {
        ssize_t n = read(r->fd, (char *)buf + done, len - done);

        if (n > 0) {
            done += n;
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            r->ended = true;
            g_printerr("%s: rng-random: %s: %s\n", g_get_prgname(), r->filename, n == 0 ? "no more bytes" : g_strerror(errno));
        } else if (errno == EAGAIN) {
            break;
        }
    }
    return done;
}

static bool random_complete(Object *obj, GError **error)
{
    RngRandom *r = RNG_RANDOM(obj);
    struct stat st;

    r->fd = open(r->filename, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (r->fd >= 0 && fstat(r->fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        return error_set_errno(error, EISDIR, "Could not open '%s'", r->filename);
    }
    if (r->fd < 0) {
        return error_set_errno(error, errno, "Could not open '%s'", r->filename);
    }
    r->parent_obj.opened = true;
    return true;
}

static void random_init(Object *obj)
{
    RNG_RANDOM(obj)->filename = g_strdup("/dev/urandom");
    RNG_RANDOM(obj)->fd = -1;
}

static void random_finalize(Object *obj)
{
    if (RNG_RANDOM(obj)->fd >= 0) {
        close(RNG_RANDOM(obj)->fd);
    }
}

static const Property backend_props[] = { DEFINE_PROP_BOOL("opened", RngBackend, opened, false) };
static const Property random_props[] = { DEFINE_PROP_STRING("filename", RngRandom, filename, .no_default = true) };

static void backend_class_init(ObjectClass *klass, const void *data)
{
    object_class_add_props(klass, backend_props, G_N_ELEMENTS(backend_props));
}

static void builtin_class_init(ObjectClass *klass, const void *data)
{
    RNG_BACKEND_CLASS(klass)->fill = builtin_fill;
}

static void random_class_init(ObjectClass *klass, const void *data)
{
    UserCreatableClass *uc = object_class_dynamic_cast(klass, TYPE_USER_CREATABLE);

    RNG_BACKEND_CLASS(klass)->fill = random_fill;
    uc->complete = random_complete;
    object_class_add_props(klass, random_props, G_N_ELEMENTS(random_props));
}

static const TypeInfo types[] = {
    {
        .name = TYPE_RNG_BACKEND, .parent = TYPE_OBJECT, .size = sizeof(RngBackend),
        .class_size = sizeof(RngBackendClass), .class_init = backend_class_init, .abstract = true,
        .interfaces = (const char *const[]){ TYPE_USER_CREATABLE, NULL },
    },
    { .name = TYPE_RNG_BUILTIN, .parent = TYPE_RNG_BACKEND, .class_init = builtin_class_init },
    {
        .name = TYPE_RNG_RANDOM, .parent = TYPE_RNG_BACKEND, .size = sizeof(RngRandom), .init = random_init,
        .finalize = random_finalize, .class_init = random_class_init,
    },
};
TYPES_REGISTER(types)
