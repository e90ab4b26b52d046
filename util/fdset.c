/* Sets of file descriptors. */
#include "util/fdset.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"

#define PREFIX "/dev/fdset/"

typedef struct Member {
    int fd;
    char *opaque;
} Member;

typedef struct FdSet {
    int64_t id;
    GArray *members;
} FdSet;

static GPtrArray *sets; /* FdSet *, by rising id */

static FdSet *find(int64_t id)
{
    for (guint i = 0; sets && i < sets->len; i++) {
        FdSet *s = sets->pdata[i];

        if (s->id == id) {
            return s;
        }
    }
    return NULL;
}

/* A new, empty set; id < 0: the lowest free number. */
static FdSet *make(int64_t id)
{
    FdSet *s = g_new0(FdSet, 1);
    guint at;

    if (!sets) {
        sets = g_ptr_array_new();
    }
    if (id < 0) {
        for (id = 0; find(id); id++) {
        }
    }
    s->id = id;
    s->members = g_array_new(FALSE, FALSE, sizeof(Member));
    for (at = 0; at < sets->len && ((FdSet *)sets->pdata[at])->id < id; at++) {
    }
    g_ptr_array_insert(sets, at, s);
    return s;
}

bool fdset_add(int fd, int64_t *id, const char *opaque, GError **error)
{
    Member m = { fd, g_strdup(opaque) };
    FdSet *s = *id >= 0 ? find(*id) : NULL;

    (void)error;
    if (!s) {
        s = make(*id);
    }
    g_array_append_val(s->members, m);
    *id = s->id;
    return true;
}

static void drop_member(FdSet *s, guint i)
{
    Member *m = &g_array_index(s->members, Member, i);

    close(m->fd);
    g_free(m->opaque);
    g_array_remove_index(s->members, i);
}

bool fdset_remove(int64_t id, int64_t fd, GError **error)
{
    FdSet *s = find(id);
    bool found = fd < 0;

    if (!s) {
        return error_setf(error, fd < 0 ? "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found"
                                        : "File descriptor named 'fdset-id:%" G_GINT64_FORMAT ", fd:%" G_GINT64_FORMAT
                                          "' not found", id, fd);
    }
    for (guint i = s->members->len; i-- > 0;) {
        if (fd < 0 || g_array_index(s->members, Member, i).fd == fd) {
            drop_member(s, i);
            found = true;
        }
    }
    if (!found) {
        return error_setf(error, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT ", fd:%" G_GINT64_FORMAT
                          "' not found", id, fd);
    }
    if (!s->members->len) {
        g_array_unref(s->members);
        g_ptr_array_remove(sets, s);
        g_free(s);
    }
    return true;
}

Json *fdset_query(void)
{
    Json *list = json_new_array();

    for (guint i = 0; sets && i < sets->len; i++) {
        FdSet *s = sets->pdata[i];
        Json *one = json_new_object(), *fds = json_new_array();

        for (guint k = 0; k < s->members->len; k++) {
            const Member *m = &g_array_index(s->members, Member, k);
            Json *fd = json_new_object();

            json_set(fd, "fd", json_new_int(m->fd));
            if (m->opaque) {
                json_set(fd, "opaque", json_new_string(m->opaque));
            }
            json_append(fds, fd);
        }
        json_set(one, "fdset-id", json_new_int(s->id));
        json_set(one, "fds", fds);
        json_append(list, one);
    }
    return list;
}

bool fdset_is_path(const char *path)
{
    return g_str_has_prefix(path, PREFIX);
}

int fdset_open(const char *path, int flags, int mode)
{
    const char *number = path + strlen(PREFIX);
    FdSet *s;
    char *end;

    if (!fdset_is_path(path)) {
        return open(path, flags | O_CLOEXEC, mode);
    }
    s = g_ascii_isdigit(*number) ? find(g_ascii_strtoll(number, &end, 10)) : NULL;
    if (!s || *end) {
        errno = ENOENT;
        return -1;
    }
    for (guint i = 0; i < s->members->len; i++) {
        int fd = g_array_index(s->members, Member, i).fd, has = fcntl(fd, F_GETFL);

        if (has >= 0 && (has & O_ACCMODE) == (flags & O_ACCMODE)) {
            int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

            /* The flags that can change follow the opener; the rest are as they were opened. */
            if (copy >= 0 && ((has ^ flags) & (O_APPEND | O_DIRECT | O_NONBLOCK))) {
                fcntl(copy, F_SETFL, (has & ~(O_APPEND | O_DIRECT | O_NONBLOCK)) | (flags & (O_APPEND | O_DIRECT | O_NONBLOCK)));
            }
            return copy;
        }
    }
    errno = EACCES;
    return -1;
}
